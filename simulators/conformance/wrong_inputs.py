"""What it makes of inputs that cannot be: it may refuse or ignore them, but never hang or crash."""

from collections.abc import Sequence

from gridloom.simulators.conformance.session import (
    CallFailure,
    FailureKind,
    Session,
    StepInputs,
    shortened,
)
from gridloom.simulators.conformance.subject import Subject

_HINT = "answer with an error, which ends the run and says why"
_NUMBER = 0.75
CHECKS_OF_WRONG_INPUTS = ("wrong.entity", "wrong.attribute", "wrong.text")


async def check_wrong_inputs(subject: Subject) -> None:
    """Judge what it makes of unknown entities and attributes, and of text for a number."""
    pending = _provocations(subject)
    if not pending:
        subject.findings.skipped("it has no attributes", *CHECKS_OF_WRONG_INPUTS)
    while pending:
        outcomes: list[tuple[str, CallFailure | None]] = []
        async with subject.ready() as session:
            await session.step(0, subject.step_inputs(subject.drive), *subject.advance(0))
            while pending and not session.is_over:
                check, inputs = pending.pop(0)
                time = (1 + len(outcomes)) * _interval(subject)
                outcomes.append((check, await _provoke(subject, session, time, inputs)))
        for check, failure in outcomes:
            _judge(subject, session, check, failure)


def _provocations(subject: Subject) -> list[tuple[str, StepInputs]]:
    entity = next((e for e in subject.entities if subject.attributes(e.type)), None)
    if entity is None:
        return []
    own = subject.attributes(entity.type)
    unreadable = subject.unreadable.get(entity.type, ())
    likely: Sequence[str] = [*subject.inputs, *unreadable, *own]
    attribute = next(a for a in likely if a in own)
    return [
        ("wrong.entity", _input("no_such_entity", attribute, _NUMBER)),
        ("wrong.attribute", _input(entity.eid, "no_such_attribute", _NUMBER)),
        ("wrong.text", _input(entity.eid, attribute, "no number")),
    ]


def _input(eid: str, attribute: str, value: object) -> StepInputs:
    return {eid: {attribute: {"wrong.source": value}}}


def _interval(subject: Subject) -> int:
    if len(subject.trace) > 1:
        return subject.trace[1].time - subject.trace[0].time
    return subject.options.step_size_s


async def _provoke(
    subject: Subject, session: Session, time: int, inputs: StepInputs
) -> CallFailure | None:
    """Step with wrong inputs and read; return what came of it, None if nothing did."""
    try:
        await session.step(time, inputs, *subject.advance(time))
        if subject.request():
            await session.get_data(subject.request())
    except CallFailure as failure:
        return failure
    return None


def _judge(subject: Subject, session: Session, check: str, failure: CallFailure | None) -> None:
    ending = session.ending()
    if failure is None:
        subject.findings.passed(check, "ignored")
    elif failure.kind is FailureKind.REFUSED:
        subject.findings.passed(check, f"refused: {shortened(failure.cause)}")
    elif failure.kind is FailureKind.LOST and ending is not None and ending.exit_code >= 0:
        reason = f"ended with exit code {ending.exit_code}: {shortened(failure.cause)}"
        subject.findings.passed(check, reason)
    else:
        subject.findings.failed(check, failure.cause, _HINT)

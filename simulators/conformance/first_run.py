"""The first instance: from its start over META, entities and steps to its end."""

from typing import Any

from gridloom.simulators.conformance.entities import choose_model, create_first
from gridloom.simulators.conformance.meta import check_meta
from gridloom.simulators.conformance.outputs import (
    check_data,
    check_request_is_heeded,
    check_time,
)
from gridloom.simulators.conformance.session import (
    CallFailure,
    FailureKind,
    Session,
    StepInputs,
    how_it_ended,
    shortened,
)
from gridloom.simulators.conformance.stepping import Run, run_steps
from gridloom.simulators.conformance.subject import Subject
from gridloom.simulators.conformance.survey import Survey, survey, survey_with_inputs
from gridloom.simulators.conformance.target import AddressTarget, ClassTarget
from gridloom.simulators.errors import listing, nearest

_SLOW_SHARE = 0.1
"""Of the time limit: a step that takes more leaves little room for a larger scenario."""
_ENDINGS = ("shutdown.ends", "shutdown.exit_code", "shutdown.children")


async def check_first_instance(subject: Subject) -> None:
    """Judge the first instance, and learn from it what the other checks need."""
    session: Session | None = None
    try:
        async with subject.session() as session:
            subject.findings.passed("handshake.connect")
            await _use(subject, session)
    except CallFailure as failure:
        hint = "run the command by hand: does it start, and connect to the address it is given?"
        subject.findings.failed("handshake.connect", failure.cause, hint)
        subject.obstacle = "it did not connect"
    else:
        _check_ending(subject, session)
    if not subject.obstacle and not subject.trace:
        await _check_with_inputs(subject)
    check_data(subject)
    check_time(subject)
    _check_speed(subject)


async def _use(subject: Subject, session: Session) -> None:
    """Take the session as far as it goes; its failures become findings."""
    found = subject.findings
    try:
        meta = await session.init()
    except CallFailure as failure:
        hint = "parameters of init are given with --set key=value or --parameters JSON"
        found.failed("handshake.init", failure.cause, hint)
        subject.obstacle = "init failed"
        return
    found.passed("handshake.init")
    check_meta(subject, meta)
    if not await _create(subject, session):
        return
    try:
        if subject.api_version > 1:
            await session.set_up()
        found.passed("setup.done")
    except CallFailure as failure:
        found.failed("setup.done", failure.cause, "inherit setup_done, or let it do nothing")
        if failure.kind is not FailureKind.REFUSED:
            subject.obstacle = "setup_done failed"
            return
    await _step_unconnected(subject, session)


async def _create(subject: Subject, session: Session) -> bool:
    subject.model = choose_model(subject)
    if not subject.model:
        models = list(subject.meta["models"])
        wanted = subject.options.model
        subject.obstacle = "there is no model to create"
        if wanted is not None:
            reason = f"there is no model '{wanted}'"
            hint = nearest(wanted, models) or f"it has {listing(models)}"
            subject.findings.failed("create.number", reason, hint)
        return False
    if await create_first(subject, session):
        return True
    subject.obstacle = "nothing was created"
    return False


async def _step_unconnected(subject: Subject, session: Session) -> None:
    """Survey and run the simulator without inputs, as far as that goes."""
    try:
        seen = await survey(subject, session, {})
    except CallFailure as failure:
        if failure.kind is FailureKind.HUNG:
            _failed_to_step(subject, failure.cause)
        else:
            subject.unconnected_failure = failure.cause
        return
    if not seen.found_any:
        subject.unconnected_failure = f"afterwards, get_data refused {seen.refusal}"
        return
    subject.findings.passed("step.unconnected")
    await _run(subject, session, seen, {}, begun=True)


async def _check_with_inputs(subject: Subject) -> None:
    """Try again with inputs, where there were none before; find out whether that was the reason."""
    reason = subject.unconnected_failure
    if not reason:
        return
    try:
        worked = await survey_with_inputs(subject)
    except CallFailure as failure:
        worked, reason = None, failure.cause
    if worked is None:
        subject.findings.skipped("it does not step with inputs either", "step.unconnected")
        _failed_to_step(subject, reason)
        return
    hint = "start with values that hold until the first input comes"
    subject.findings.failed("step.unconnected", reason, hint)
    subject.drive, seen = worked
    try:
        async with subject.ready() as session:
            await _run(subject, session, seen, subject.step_inputs(subject.drive), begun=False)
    except CallFailure as failure:
        _failed_to_step(subject, failure.cause)


async def _run(
    subject: Subject, session: Session, seen: Survey, inputs: StepInputs, *, begun: bool
) -> None:
    """Run an instance and keep what it sends; ``begun`` if its first step was the survey's."""
    subject.readable, subject.unreadable = seen.readable, seen.unreadable
    if seen.not_json:
        attribute, cause = next(iter(seen.not_json.items()))
        hint = "convert NumPy's numbers with .item(), its arrays with .tolist()"
        subject.findings.failed("data.types", f"'{attribute}': {cause}", hint)
    first = seen.begun if begun else None
    run = await run_steps(subject, session, subject.options.steps, inputs, begun=first)
    _note_run(subject, run)
    if run.failure is None:
        await check_request_is_heeded(subject, session)


def _note_run(subject: Subject, run: Run) -> None:
    subject.trace = run.moments
    taken = len(run.moments)
    if run.failure is None:
        last = run.moments[-1].time if run.moments else 0
        subject.findings.passed("step.answers", f"{taken} steps, the last one at {last} s")
    else:
        reason = f"after {taken} steps, at time {run.failed_at}: {run.failure.cause}"
        _failed_to_step(subject, reason)


def _failed_to_step(subject: Subject, reason: str) -> None:
    hint = "a step that raises ends the whole run; inputs that it needs are given with --inputs"
    subject.findings.failed("step.answers", reason, hint)


def _check_speed(subject: Subject) -> None:
    if not subject.trace:
        return
    mean_s = sum(moment.seconds for moment in subject.trace) / len(subject.trace)
    limit_s = subject.options.step_timeout_s
    told = f"{1 / max(mean_s, 1e-9):.0f} steps a second, {1000 * mean_s:.2f} ms a step and reading"
    if mean_s > _SLOW_SHARE * limit_s:
        hint = f"the time limit is {limit_s:g} s a step: let one entity carry many elements"
        subject.findings.warned("speed.steps", told, hint)
    else:
        subject.findings.passed("speed.steps", told)


def _check_ending(subject: Subject, session: Session) -> None:
    found = subject.findings
    if session.is_over:
        found.skipped("it had ended, or hung, before it was asked to end", *_ENDINGS)
        return
    hint = "leave the loop when 'stop' comes, and do in finalize only what must be done"
    ending = session.ending()
    by_itself = ending is not None or not subject.stop_complaint
    found.judge("shutdown.ends", [] if by_itself else [subject.stop_complaint], hint)
    if ending is None:
        reason = _why_no_ending(subject.target)
        found.skipped(reason, "shutdown.exit_code", "shutdown.children")
        return
    wrong = [how_it_ended(ending)] if ending.exit_code else []
    found.judge("shutdown.exit_code", wrong, "return from main, or sys.exit(0)")
    left = [f"it left '{shortened(command)}' behind" for command in ending.left]
    found.judge("shutdown.children", left, "end in finalize what you have started, and wait for it")


def _why_no_ending(target: Any) -> str:
    if isinstance(target, ClassTarget):
        return "it ran in this process"
    if isinstance(target, AddressTarget):
        return "its process was not started here"
    return "its process did not end by itself"

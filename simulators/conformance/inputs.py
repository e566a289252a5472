"""What inputs do: whether they change anything, and whether several sources may give one."""

from collections.abc import Mapping
from typing import Any

from gridloom.simulators.conformance.session import FailureKind
from gridloom.simulators.conformance.stepping import Run, fresh_run
from gridloom.simulators.conformance.subject import Subject
from gridloom.simulators.conformance.survey import PROBE
from gridloom.simulators.errors import listing

_STEPS = 5
_MOST_ATTRIBUTES = 8
_OTHER = 0.5
"""What is given instead of `PROBE`."""


async def check_effect(subject: Subject) -> None:
    """Find out which attributes take inputs that change what is sent."""
    if subject.findings.has_failed("repeat.same_data"):
        subject.findings.skipped("it does not repeat itself", "input.effect")
        return
    unreadable, readable = _unreadable(subject), _readable(subject)
    subject.inputs = [a for a in unreadable[:_MOST_ATTRIBUTES] if await _matters(subject, a)]
    if readable and await _matters(subject, *readable):
        subject.inputs += [a for a in readable[:_MOST_ATTRIBUTES] if await _matters(subject, a)]
    if subject.inputs:
        every = [*unreadable, *readable]
        subject.findings.passed("input.effect", f"{listing(subject.inputs)} of {listing(every)}")
    elif unreadable:
        reason = f"in {_STEPS} steps, {listing(unreadable)} changed nothing that is sent"
        hint = "fine if it takes longer, or another state, until they matter"
        subject.findings.warned("input.effect", reason, hint)
    else:
        subject.findings.skipped("it takes no inputs: all it has is sent", "input.effect")


async def _matters(subject: Subject, *attributes: str) -> bool:
    """Whether other values of attributes change anything; not if they are refused."""
    before = [moment.text for moment in subject.trace[:_STEPS]]
    run = await fresh_run(subject, len(before), _values(subject, *attributes))
    return run.failure is None and run.texts(len(before)) != before


async def check_sources(subject: Subject) -> None:
    """Judge whether two sources may give the same input."""
    check = "input.sources"
    known = subject.inputs or _unreadable(subject)
    if not known:
        subject.findings.skipped("it takes no inputs", check)
        return
    attribute = known[0]
    steps = min(_STEPS, len(subject.trace))
    both = await fresh_run(subject, steps, _values(subject, attribute), "one.source", "two.source")
    if both.failure is not None:
        _judge_failure(subject, attribute, both)
        return
    double = await fresh_run(subject, steps, _values(subject, attribute, factor=2))
    single = await fresh_run(subject, steps, _values(subject, attribute))
    adds_up, counts_once = (
        both.texts(steps) == double.texts(steps),
        both.texts(steps) == single.texts(steps),
    )
    good = "two sources are accepted"
    if adds_up and not counts_once:
        good = f"two sources of '{attribute}' add up"
    elif counts_once and not adds_up:
        good = f"of two equal sources of '{attribute}', one counts, or their mean does"
    subject.findings.passed(check, good)


def _judge_failure(subject: Subject, attribute: str, run: Run) -> None:
    failure = run.failure
    assert failure is not None  # noqa: S101 -- the caller has seen it
    reason = f"two sources of '{attribute}': {failure.cause}"
    hint = "add up the values of all sources, or say that there must be one only"
    if failure.kind is FailureKind.REFUSED:
        subject.findings.warned("input.sources", reason, hint)
    else:
        subject.findings.failed("input.sources", reason, hint)


def _unreadable(subject: Subject) -> list[str]:
    """Return the attributes that cannot be read, so that they are probably inputs."""
    return list(dict.fromkeys(a for of in subject.unreadable.values() for a in of))


def _readable(subject: Subject) -> list[str]:
    return list(dict.fromkeys(a for of in subject.readable.values() for a in of))


def _values(subject: Subject, *attributes: str, factor: int = 1) -> Mapping[str, Any]:
    """Return the values of a run in which attributes differ from the first run's."""
    differing = {
        a: factor * (_OTHER if subject.drive.get(a) == PROBE else PROBE) for a in attributes
    }
    return {**subject.drive, **differing}

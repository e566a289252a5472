"""What can be read from the simulator, and whether it needs inputs to step at all."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

from gridloom.simulators.conformance.session import CallFailure, FailureKind, Session, StepInputs
from gridloom.simulators.conformance.subject import Subject

PROBE = 0.75
"""What inputs are given: possible as a power, a voltage, a share; the usual default of none."""
_NOT_JSON = "not JSON serializable"
_MOST_TRIALS = 8


@dataclass
class Survey:
    """Which attributes can be read, by type of entity."""

    begun: tuple[Any, float]
    """What the step at time 0 answered, and its wall time."""
    readable: dict[str, list[str]] = field(default_factory=dict)
    unreadable: dict[str, list[str]] = field(default_factory=dict)
    not_json: dict[str, str] = field(default_factory=dict)
    """Attributes whose value is no JSON, and what the simulator says of it."""
    refusal: str = ""
    """Why an attribute cannot be read."""

    @property
    def found_any(self) -> bool:
        """Whether there is anything to read, or nothing was to be expected."""
        return any(self.readable.values()) or bool(self.not_json) or not self.unreadable


async def survey(subject: Subject, session: Session, inputs: StepInputs) -> Survey:
    """Take the step at time 0 and try what can be read; raises `CallFailure`."""
    begin = perf_counter()
    answer = await _first_step(subject, session, inputs)
    found = Survey(begun=(answer, perf_counter() - begin))
    every = {e.eid: subject.attributes(e.type) for e in subject.entities}
    try:
        await session.get_data({eid: attributes for eid, attributes in every.items() if attributes})
    except CallFailure as failure:
        _require_alive(failure)
        await _read_one_by_one(subject, session, found)
    else:
        found.readable = {e.type: subject.attributes(e.type) for e in subject.entities}
    return found


async def survey_with_inputs(subject: Subject) -> tuple[Mapping[str, Any], Survey] | None:
    """Return with which values by attribute it steps, and what can be read then.

    Raises:
        CallFailure: it cannot be started again.
    """
    for values in _trials(subject):
        async with subject.ready() as session:
            try:
                found = await survey(subject, session, subject.step_inputs(values))
            except CallFailure:
                continue
        if found.found_any:
            unreadable = {a for attributes in found.unreadable.values() for a in attributes}
            return {a: v for a, v in values.items() if a in unreadable} or values, found
    return None


def _trials(subject: Subject) -> Iterator[Mapping[str, Any]]:
    """Yield values to try: the user's, else all attributes at once, then each alone."""
    if subject.options.inputs:
        yield subject.options.inputs
        return
    kinds = dict.fromkeys(entity.type for entity in subject.entities)
    every = list(dict.fromkeys(a for kind in kinds for a in subject.attributes(kind)))
    yield dict.fromkeys(every, PROBE)
    for attribute in every[:_MOST_TRIALS]:
        yield {attribute: PROBE}


async def _first_step(subject: Subject, session: Session, inputs: StepInputs) -> Any:
    advance = subject.advance(0)
    try:
        return await session.step(0, inputs, *advance)
    except CallFailure as failure:
        if failure.kind is not FailureKind.REFUSED or not advance:
            raise
        try:
            answer = await session.step(0, inputs)
        except CallFailure:
            raise failure from None
        subject.sends_max_advance = False
        hint = "step(time, inputs, max_advance): the third argument came with version 3 of the API"
        subject.findings.failed("step.max_advance", failure.cause, hint)
        return answer


async def _read_one_by_one(subject: Subject, session: Session, found: Survey) -> None:
    """Read every attribute alone, from the first entity of each type."""
    seen: set[str] = set()
    for entity in subject.entities:
        if entity.type in seen:
            continue
        seen.add(entity.type)
        for attribute in subject.attributes(entity.type):
            try:
                await session.get_data({entity.eid: [attribute]})
            except CallFailure as failure:
                _require_alive(failure)
                if _NOT_JSON in failure.cause:
                    found.not_json[attribute] = failure.cause
                else:
                    found.unreadable.setdefault(entity.type, []).append(attribute)
                    found.refusal = found.refusal or f"'{attribute}': {failure.cause}"
            else:
                found.readable.setdefault(entity.type, []).append(attribute)


def _require_alive(failure: CallFailure) -> None:
    if failure.kind is not FailureKind.REFUSED:
        raise failure

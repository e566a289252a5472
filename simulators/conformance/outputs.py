"""Whether what `get_data` answers is complete, plain and finite, and of the right time."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gridloom.simulators.conformance.session import CallFailure, Session
from gridloom.simulators.conformance.subject import Moment, Subject

_TIME = "time"
"""Key of the output time in the answer of `get_data`."""


async def check_request_is_heeded(subject: Subject, session: Session) -> None:
    """Judge whether a request for one value is answered with nothing else."""
    request = subject.request()
    if not request:
        subject.findings.skipped("it has nothing to read", "data.only")
        return
    eid, (attribute, *_) = next(iter(request.items()))
    try:
        answer = await session.get_data({eid: [attribute]})
    except CallFailure as failure:
        subject.findings.failed("data.only", failure.cause, "answer requests for a single value")
        return
    told = {e: a for e, a in answer.items() if e != _TIME} if isinstance(answer, Mapping) else {}
    wrong = [f"asked for '{attribute}' of '{eid}', it sent also '{e}'" for e in told if e != eid]
    attributes = told.get(eid)
    if isinstance(attributes, Mapping):
        wrong += [
            f"asked for '{attribute}' of '{eid}', it sent also its '{other}'"
            for other in attributes
            if other != attribute
        ]
    subject.findings.judge("data.only", wrong, "loop over the request, not over what there is")


def check_data(subject: Subject) -> None:
    """Judge all data of the first run."""
    found, trace = subject.findings, subject.trace
    request = subject.request()
    if not trace or not request:
        reason = "it has nothing to read" if trace else "no step came to its end"
        found.skipped(reason, "data.complete", "data.types", "data.finite")
        return
    hint = "a time-based simulator answers every attribute after every step"
    good = "" if subject.is_time_based else f"a {subject.kind} simulator may leave out values"
    found.judge("data.complete", _missing(subject, trace, request), hint, good=good)
    _check_types(subject, trace)
    _check_finite(subject, trace)


def check_time(subject: Subject) -> None:
    """Judge when the next steps are to be, and of what time the data is."""
    found, trace = subject.findings, subject.trace
    if not trace:
        return
    found.judge(
        "step.next", _wrong_next(subject, trace), "return the time of the next step, as int"
    )
    if subject.api_version < 3:  # noqa: PLR2004 -- the version that brought it
        found.skipped("the API knows it since version 3", "step.max_advance")
        return
    hint = "'time' in the answer of get_data lies between the step's time and max_advance"
    found.judge("step.max_advance", _wrong_output_time(subject, trace), hint)


def _missing(
    subject: Subject, trace: Sequence[Moment], request: Mapping[str, Sequence[str]]
) -> Iterator[str]:
    for moment in trace:
        if not isinstance(moment.data, Mapping):
            yield f"get_data returned {moment.data!r:.60} at time {moment.time}"
            continue
        if not subject.is_time_based:
            continue
        for eid, attributes in request.items():
            answered = moment.data.get(eid)
            told = answered if isinstance(answered, Mapping) else {}
            for attribute in attributes:
                if attribute not in told:
                    yield f"'{attribute}' of '{eid}' is missing at time {moment.time}"


def _check_types(subject: Subject, trace: Sequence[Moment]) -> None:
    odd = [
        f"'{attribute}' of '{eid}' is {value!r:.40}, {_described(value)}"
        for moment in trace
        for eid, attribute, value in _values(moment)
        if not _is_numeric(value)
    ]
    if odd:
        hint = "text and objects can be exchanged, but not be computed with"
        subject.findings.warned("data.types", odd[0], hint)
    else:
        subject.findings.passed("data.types")


def _check_finite(subject: Subject, trace: Sequence[Moment]) -> None:
    wrong = (
        f"'{attribute}' of '{eid}' is {number} at time {moment.time}"
        for moment in trace
        for eid, attribute, value in _values(moment)
        for number in _numbers(value)
        if not math.isfinite(number)
    )
    hint = "JSON has neither NaN nor infinity; send null for what is not known"
    subject.findings.judge("data.finite", wrong, hint)


def _wrong_next(subject: Subject, trace: Sequence[Moment]) -> Iterator[str]:
    for moment in trace:
        answer = moment.answer
        if answer is None and not subject.is_time_based:
            continue
        if not isinstance(answer, int) or isinstance(answer, bool):
            yield f"step at time {moment.time} returned {answer!r:.60}, no integer"
        elif answer <= moment.time:
            yield f"step at time {moment.time} returned {answer}, which is not later"


def _wrong_output_time(subject: Subject, trace: Sequence[Moment]) -> Iterator[str]:
    for moment in trace:
        if not isinstance(moment.data, Mapping) or _TIME not in moment.data:
            continue
        told = moment.data[_TIME]
        last = next(iter(subject.advance(moment.time)), moment.time)
        if not isinstance(told, int) or isinstance(told, bool):
            yield f"at time {moment.time}, the output time is {told!r:.40}, no integer"
        elif not moment.time <= told <= last:
            yield (f"at time {moment.time} with max_advance {last}, it sent data of time {told}")


def _values(moment: Moment) -> Iterator[tuple[str, str, Any]]:
    for eid, attributes in moment.data.items() if isinstance(moment.data, Mapping) else ():
        if eid != _TIME and isinstance(attributes, Mapping):
            for attribute, value in attributes.items():
                yield eid, attribute, value


def _is_numeric(value: object) -> bool:
    if isinstance(value, list):
        return all(_is_numeric(item) for item in value)
    return value is None or isinstance(value, int | float)


def _numbers(value: object) -> Iterator[float]:
    if isinstance(value, list):
        for item in value:
            yield from _numbers(item)
    elif isinstance(value, int | float):
        yield float(value)


def _described(value: object) -> str:
    return "text" if isinstance(value, str) else "no number"

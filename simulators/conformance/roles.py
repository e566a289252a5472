"""What a simulator needs for a part in a scenario, where no scenario is needed to judge it."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from gridloom.simulators import signals
from gridloom.simulators.conformance.signal_names import guess
from gridloom.simulators.conformance.stepping import fresh_run
from gridloom.simulators.conformance.subject import Moment, Subject
from gridloom.simulators.errors import listing
from gridloom.simulators.signals import Signal

_VALUES = "role.values"
_UNITS_AND_SIGNS = "is the unit in its name right, and the sign the same at all times?"
_LIGHT_W_PER_M2 = 500.0
_DARK = 1e-9
"""What is no power, in whatever unit."""
_POSSIBLE_PU = (0.5, 1.5)
"""Voltages beyond are a matter of units or bases, not of a bad grid."""


@dataclass(frozen=True, kw_only=True)
class Needs:
    """What a role exchanges."""

    sends: Sequence[Signal] = ()
    """Without these it cannot play the role."""
    receives: Sequence[Signal] = ()
    useful: Sequence[Signal] = ()
    """Either way; what it can be compared and coordinated by."""


ROLE_NEEDS: Mapping[str, Needs] = {
    "pv": Needs(sends=(signals.POWER,)),
    "load": Needs(sends=(signals.POWER,)),
    "ev_fleet": Needs(
        sends=(signals.POWER,),
        receives=(signals.POWER_SETPOINT,),
        useful=(signals.STATE_OF_CHARGE, signals.PLUGGED_IN),
    ),
    "grid": Needs(
        sends=(signals.VOLTAGE,), receives=(signals.POWER,), useful=(signals.REACTIVE_POWER,)
    ),
    "market": Needs(receives=(signals.POWER,), useful=(signals.IMBALANCE,)),
    "controller": Needs(sends=(signals.POWER_SETPOINT,)),
}


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """An attribute, and the signal that it probably is."""

    attribute: str
    type: str
    """Type of the entities that have it."""
    signal: Signal
    unit: str


def exchanges(subject: Subject) -> tuple[list[Exchange], list[Exchange]]:
    """Return what it sends and what it receives, as far as names and units tell."""
    known = dict.fromkeys(entity.type for entity in subject.entities)
    found = [
        Exchange(attribute=a, type=kind, signal=told.signal, unit=told.unit)
        for kind in known
        for a in subject.attributes(kind)
        if (told := guess(a)) is not None
    ]
    inputs = set(subject.inputs)
    sends = [e for e in found if e.attribute in subject.readable.get(e.type, ())]
    receives = [
        e
        for e in found
        if e.attribute in inputs or e.attribute in subject.unreadable.get(e.type, ())
    ]
    return [each for each in sends if each.attribute not in inputs], receives


async def check_role(subject: Subject) -> None:
    """Judge attributes and values by what the role needs."""
    role = subject.options.role
    if role is None:
        subject.findings.skipped("no role was named", "role.has", _VALUES)
        return
    sends, receives = exchanges(subject)
    _check_needs(subject, role, sends, receives)
    if role == "pv":
        await _judge_pv(subject, sends, receives)
    elif role == "load":
        _judge_load(subject, sends)
    elif role in ("grid", "ev_fleet"):
        _judge_range(subject, role, sends)
    else:
        subject.findings.skipped("what suits depends on the scenario", _VALUES)


def _check_needs(
    subject: Subject, role: str, sends: Sequence[Exchange], receives: Sequence[Exchange]
) -> None:
    needs = ROLE_NEEDS[role]
    sent, received = {e.signal for e in sends}, {e.signal for e in receives}
    missing = [f"sends no {s.name}" for s in needs.sends if s not in sent]
    missing += [f"receives no {s.name}" for s in needs.receives if s not in received]
    hint = "names with units, such as P[MW], are understood; others are named in the scenario"
    if missing:
        told = listing(sorted(s.name for s in sent | received)) or "nothing"
        reason = f"as far as names tell, it {' and '.join(missing)}; recognised: {told}"
        subject.findings.failed("role.has", reason, hint)
        return
    absent = [s.name for s in needs.useful if s not in sent | received]
    if absent:
        reason = f"it has no {listing(absent)}, which other parts may want to know"
        subject.findings.warned("role.has", reason, hint)
    else:
        subject.findings.passed("role.has", listing(sorted(s.name for s in sent | received)))


def _numbers(trace: Sequence[Moment], attributes: Sequence[str]) -> Iterator[float]:
    for moment in trace:
        for sent in moment.data.values() if isinstance(moment.data, Mapping) else ():
            for attribute in attributes if isinstance(sent, Mapping) else ():
                value = sent.get(attribute)
                for number in value if isinstance(value, list) else [value]:
                    if isinstance(number, int | float) and math.isfinite(number):
                        yield float(number)


async def _judge_pv(
    subject: Subject, sends: Sequence[Exchange], receives: Sequence[Exchange]
) -> None:
    """Judge that power has one sign, and that there is none without light."""
    lights = [e.attribute for e in receives if e.signal == signals.IRRADIANCE]
    powers = [e.attribute for e in sends if e.signal == signals.POWER]
    values = list(_numbers(subject.trace, powers))
    dark: list[float] = []
    if lights:
        values = await _powers_under(subject, powers, lights, _LIGHT_W_PER_M2)
        dark = await _powers_under(subject, powers, lights, 0.0)
    low, high = min(values, default=0.0), max(values, default=0.0)
    lit = [value for value in dark if abs(value) > _DARK]
    wrong = [f"without irradiance, it sends {lit[0]:g}"] if lit else []
    if low < 0.0 < high:
        wrong.append(f"its power has both signs, from {low:g} to {high:g}")
    if low == high == 0.0 and not wrong:
        reason = "its power was zero at every step" if values else "it sends no power"
        subject.findings.warned(_VALUES, reason, "check it at a time when the sun shines")
        return
    subject.positive_is_generation = high > 0.0
    good = f"positive power means {'generation' if high > 0.0 else 'load'}"
    good += ", and there is none without irradiance" if lights else ""
    subject.findings.judge(_VALUES, wrong, _UNITS_AND_SIGNS, good=good)


async def _powers_under(
    subject: Subject, powers: Sequence[str], lights: Sequence[str], irradiance: float
) -> list[float]:
    values = {**subject.drive, **dict.fromkeys(lights, irradiance)}
    run = await fresh_run(subject, len(subject.trace), values)
    return list(_numbers(run.moments, powers))


def _judge_load(subject: Subject, sends: Sequence[Exchange]) -> None:
    """Judge that a load does not feed in at one time and draw at another."""
    powers = [e.attribute for e in sends if e.signal == signals.POWER]
    values = list(_numbers(subject.trace, powers))
    low, high = min(values, default=0.0), max(values, default=0.0)
    subject.positive_is_generation = low < 0.0 and high <= 0.0
    if low < 0.0 < high:
        told = f"its power has both signs, from {low:g} to {high:g}"
        subject.findings.warned(_VALUES, told, _UNITS_AND_SIGNS)
    elif low == high == 0.0:
        reason = "its power was zero at every step" if values else "it sends no power"
        subject.findings.warned(_VALUES, reason, _UNITS_AND_SIGNS)
    else:
        told = "load" if high > 0.0 else "generation"
        subject.findings.passed(_VALUES, f"positive power means {told}")


def _judge_range(subject: Subject, role: str, sends: Sequence[Exchange]) -> None:
    """Judge that voltages, or states of charge, are possible."""
    signal = signals.VOLTAGE if role == "grid" else signals.STATE_OF_CHARGE
    low, high = _POSSIBLE_PU if role == "grid" else (0.0, 1.0)
    sent = [each for each in sends if each.signal == signal]
    if any(each.unit in ("%", "percent") for each in sent):
        low, high = 100 * low, 100 * high
    values = list(_numbers(subject.trace, [each.attribute for each in sent]))
    if not values:
        subject.findings.skipped(f"it sends no {signal.name}", _VALUES)
        return
    wrong = [f"{signal.name} is {value:g}" for value in values if not low <= value <= high]
    good = f"{signal.name} lies between {min(values):g} and {max(values):g}"
    subject.findings.judge(_VALUES, wrong, _UNITS_AND_SIGNS, good=good)

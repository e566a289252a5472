"""Which of gridloom's signals an attribute probably is, told from its name and unit."""

import re
from dataclasses import dataclass

from gridloom.simulators import signals
from gridloom.simulators.exchange.exchange import KNOWN_SIGNALS
from gridloom.simulators.exchange.units import conversion, unit_in_name
from gridloom.simulators.signals import Signal

_BRACKETS = re.compile(r"\s*\[[^\[\]]*\]\s*$")
_UNIT_SUFFIX = re.compile(r"_(mw|kw|w|mvar|kvar|var|pu|percent|kwh)$")
"""Units that names carry at their end, as in pandapower's p_mw."""
_UNITS = {"mw": "MW", "kw": "kW", "w": "W", "mvar": "Mvar", "kwh": "kWh", "pu": "1"}
_RULES: tuple[tuple[str, Signal], ...] = (
    (
        r"(p|power|active_power)_?(set|sp|ref|target|setpoint|cmd|command)|(p|power)?_?setpoint",
        signals.POWER_SETPOINT,
    ),
    (r"(p|power)_?max", signals.POWER_MAX),
    (r"(p|power)_?min", signals.POWER_MIN),
    (r"p|active_power|power|(p|power)_?(out|el|ac|load|gen|total|grid|pv)", signals.POWER),
    (r"q|reactive_power|q_?(out|el|ac|load|gen|total)", signals.REACTIVE_POWER),
    (r"v|vm|u|voltage|v_?mag|voltage_magnitude", signals.VOLTAGE),
    (r"dni|ghi|gti|poa|irradiance|irradiation|insolation|radiation", signals.IRRADIANCE),
    (r"soc|e_soc|state_of_charge", signals.STATE_OF_CHARGE),
    (r"plugged(_?in)?|is_connected", signals.PLUGGED_IN),
    (r"(line_?)?loading", signals.LINE_LOADING),
    (r"imbalance", signals.IMBALANCE),
)
"""Names without their units, and what they mean; the first that fits counts."""


@dataclass(frozen=True, kw_only=True)
class Guess:
    """A signal that an attribute probably stands for."""

    signal: Signal
    unit: str
    """Its unit, as far as its name tells."""


def guess(attribute: str) -> Guess | None:
    """Return what an attribute probably is, or None if its name and unit tell nothing.

    >>> found = guess("P[MW]")
    >>> found and (found.signal.name, found.unit)
    ('power_kw', 'MW')
    """
    known = KNOWN_SIGNALS.get(attribute)
    if known is not None:
        return Guess(signal=known, unit=known.unit)
    unit = unit_in_name(attribute).replace("Var", "var").replace("VAr", "var")
    name = _BRACKETS.sub("", attribute).strip().lower().replace(" ", "_")
    suffix = _UNIT_SUFFIX.search(name)
    if suffix and not unit:
        unit = _UNITS.get(suffix[1], suffix[1])
        name = name.removesuffix(suffix[0])
    signal = next((signal for pattern, signal in _RULES if re.fullmatch(pattern, name)), None)
    if signal is None or not _fits(unit, signal):
        return None
    return Guess(signal=signal, unit=unit)


def _fits(unit: str, signal: Signal) -> bool:
    try:
        conversion(unit or signal.unit, signal.unit)
    except ValueError:
        return False
    return True

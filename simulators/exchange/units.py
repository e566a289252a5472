"""Conversion of the units in which power system models speak.

A handful of physical quantities with their SI prefixes is all that crosses the edge; active,
reactive and apparent power are quantities of their own here, so that kW never becomes kvar.
"""

import re
from dataclasses import dataclass

_PREFIXES = {"": 1.0, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9}
_PREFIXED = {
    "W": "active power",
    "var": "reactive power",
    "VAr": "reactive power",
    "Var": "reactive power",
    "VA": "apparent power",
    "V": "voltage",
    "A": "current",
    "Hz": "frequency",
    "m": "length",
    "g": "mass",
    "W/m2": "irradiance",
    "Ohm": "impedance",
}
"""Units that take a prefix, and what they measure."""
_PLAIN = {
    "1": ("ratio", 1.0, 0.0),
    "pu": ("ratio", 1.0, 0.0),
    "p.u.": ("ratio", 1.0, 0.0),
    "percent": ("ratio", 0.01, 0.0),
    "%": ("ratio", 0.01, 0.0),
    "s": ("time", 1.0, 0.0),
    "min": ("time", 60.0, 0.0),
    "h": ("time", 3600.0, 0.0),
    "d": ("time", 86400.0, 0.0),
    "K": ("temperature", 1.0, 0.0),
    "degC": ("temperature", 1.0, 273.15),
    "°C": ("temperature", 1.0, 273.15),
    "deg": ("angle", 1.0, 0.0),
    "degree": ("angle", 1.0, 0.0),
    "EUR": ("money", 1.0, 0.0),
    "ct": ("money", 0.01, 0.0),
    "byte": ("amount of information", 1.0, 0.0),
}
"""Units without prefixes: what they measure, and scale and offset to the first one of a kind."""
_ENERGY = {"J": 1.0, "Wh": 3600.0}
_INVERSE = re.compile(r" ([A-Za-z]+)-([12])$")
_SQUARE = re.compile(r"([A-Za-z]+)2")
_IN_BRACKETS = re.compile(r"\[([^\[\]]+)\]\s*$")


@dataclass(frozen=True, kw_only=True)
class Unit:
    """A unit: what it measures, and how a number in it becomes one in the base unit."""

    quantity: str
    scale: float
    offset: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Conversion:
    """From one unit to another of the same quantity: ``scale * x + offset``."""

    scale: float = 1.0
    offset: float = 0.0


def parse_unit(text: str) -> Unit | None:
    """Return the unit that ``text`` means, or None if it means none.

    Quotients and squares of units are units: EUR/MWh and EUR MWh-1, m/s and m s-1, EUR/kW2.

    >>> parse_unit("MW")
    Unit(quantity='active power', scale=1000000.0, offset=0.0)
    >>> parse_unit("m s-1")
    Unit(quantity='length per time', scale=1.0, offset=0.0)
    """
    quotient = _INVERSE.sub(_over, text.strip().replace("^", ""))
    single = _single(quotient)
    if single is not None:
        return single
    above, over, below = quotient.rpartition("/")
    if over:
        numerator, denominator = parse_unit(above), _single(below)
        if numerator is None or denominator is None:
            return None
        return Unit(
            quantity=f"{numerator.quantity} per {denominator.quantity}",
            scale=numerator.scale / denominator.scale,
        )
    return None


def _over(inverse: re.Match[str]) -> str:
    """Write `` MWh-1`` as ``/MWh`` and `` m-2`` as ``/m2``."""
    return f"/{inverse[1]}{inverse[2].replace('1', '')}"


def _single(name: str) -> Unit | None:
    """Return the unit that has this name, with a prefix or squared as it may be, else None."""
    if name in _PLAIN:
        quantity, scale, offset = _PLAIN[name]
        return Unit(quantity=quantity, scale=scale, offset=offset)
    for prefix, factor in _PREFIXES.items():
        base = name.removeprefix(prefix)
        if prefix and base == name:
            continue
        if base in _PREFIXED:
            return Unit(quantity=_PREFIXED[base], scale=factor)
        if base in _ENERGY:
            return Unit(quantity="energy", scale=factor * _ENERGY[base])
    square = _SQUARE.fullmatch(name)
    root = _single(square[1]) if square else None
    return Unit(quantity=f"squared {root.quantity}", scale=root.scale**2) if root else None


def unit_in_name(name: str) -> str:
    """Return the unit that a mosaik-style name carries in brackets, or ''.

    >>> unit_in_name("P[MW]")
    'MW'
    """
    found = _IN_BRACKETS.search(name)
    content = found[1].strip() if found else ""
    return "" if content.isdecimal() else content  # the latter is an index


def conversion(theirs: str, ours: str) -> Conversion:
    """Return how a number in the unit ``theirs`` becomes one in ``ours``.

    Raises:
        ValueError: a unit is unknown, or they measure different things; the message is a sentence
            for the user.
    """
    if theirs == ours:
        return Conversion()
    source, target = parse_unit(theirs), parse_unit(ours)
    if source is None:
        raise ValueError(f"the unit '{theirs}' is not known")
    if target is None:
        raise ValueError(f"'{theirs}' cannot be converted to '{ours}'")
    if source.quantity != target.quantity:
        raise ValueError(
            f"'{theirs}' is a unit of {source.quantity}, '{ours}' one of {target.quantity}"
        )
    return Conversion(
        scale=source.scale / target.scale, offset=(source.offset - target.offset) / target.scale
    )

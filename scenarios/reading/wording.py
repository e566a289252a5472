"""Words for what is wrong with a single value, and hints at what was meant."""

import re
from typing import Any

from gridloom.scenarios.reading.faults import Fault
from gridloom.simulators.errors import nearest

_BOUNDS = {
    "greater_than": ("gt", "greater than"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "less than"),
    "less_than_equal": ("le", "at most"),
}
_COUNTS = {
    "too_short": ("min_length", "at least"),
    "too_long": ("max_length", "at most"),
}
_UNITS = {
    "eur_per_mwh": "EUR/MWh",
    "eur_per_kwh": "EUR/kWh",
    "w_per_m2": "W/m2",
    "percent": "percent",
    "kwh": "kWh",
    "mwh": "MWh",
    "kvar": "kvar",
    "kva": "kVA",
    "kw": "kW",
    "mw": "MW",
    "pu": "per unit",
    "deg": "degrees",
    "ohm": "ohm",
    "m2": "m2",
    "km": "km",
    "m": "m",
    "v": "V",
    "kv": "kV",
    "a": "A",
    "s": "s",
    "eur": "EUR",
}
"""Suffixes of keys and the units they stand for."""
_QUANTITY = re.compile(r"\s*([-+]?\d+(?:[.,]\d+)?(?:[eE][-+]?\d+)?)\s*(\D*?)\s*")
_SHOWN = 40
"""Characters of a text that a message repeats."""
_PERCENT = 100


def describe(value: Any) -> str:
    """Name a value of a scenario file.

    >>> describe("7 kW"), describe(None), describe(2.5)
    ("text '7 kW'", 'nothing', 'the number 2.5')
    """
    if isinstance(value, str):
        return f"text '{value if len(value) <= _SHOWN else value[:_SHOWN] + '...'}'"
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return f"the number {value:g}" if isinstance(value, float) else f"the number {value}"
    return "a list" if isinstance(value, list | tuple) else "a mapping"


def message(fault: Fault) -> str:
    """Say what is wrong, in one sentence."""
    is_nan = fault.value != fault.value
    if fault.kind in _BOUNDS and not is_nan:
        name, words = _BOUNDS[fault.kind]
        return f"must be {words} {_bound(fault.context[name])}, got {fault.value}"
    if fault.kind in _COUNTS:
        name, words = _COUNTS[fault.kind]
        bound, length = fault.context[name], fault.context["actual_length"]
        return f"must have {words} {bound} item{'s' if bound != 1 else ''}, got {length}"
    if fault.expected:
        return f"expected {fault.expected}, got {describe(fault.value)}"
    return _OTHERS.get(fault.kind, fault.message)


_FINITE = "must be a finite number"
_OTHERS = {
    "missing": "is missing",
    "extra_forbidden": "unknown key",
    "union_tag_not_found": "is missing",
    "union_tag_invalid": "unknown choice",
    "string_too_short": "may not be empty",
    "finite_number": _FINITE,
    **dict.fromkeys(_BOUNDS, _FINITE),
    "none_required": "must be left out",
}


def _bound(bound: Any) -> str:
    return f"{bound:g}" if isinstance(bound, float) else str(bound)


def hint(fault: Fault, *, is_fraction: bool) -> str:
    """Say what the user probably meant, or ''.

    Args:
        fault: the mistake.
        is_fraction: whether the value must lie between 0 and 1.
    """
    if "suggestion" in fault.context:
        return str(fault.context["suggestion"])
    if fault.kind == "union_tag_invalid":
        return nearest(str(fault.context.get("tag", "")), fault.choices)
    if fault.choices and isinstance(fault.value, str):
        return nearest(fault.value, fault.choices)
    if fault.kind == "less_than_equal" and is_fraction and fault.value <= _PERCENT:
        return f"did you mean {fault.value / _PERCENT:g}?"
    return _kind_hint(fault, is_fraction=is_fraction)


def _kind_hint(fault: Fault, *, is_fraction: bool) -> str:
    value = fault.value
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if "number" in fault.expected and isinstance(value, str):
        name = next((p for p in reversed(fault.key) if isinstance(p, str)), "")
        return number_hint(name, value, is_fraction=is_fraction)
    if fault.expected.startswith("a duration") and is_number:
        return f"write {value:g}s for seconds, {value:g}min for minutes"
    if fault.expected == "text" and is_number:
        return f"put it in quotes: '{value}'"
    if fault.expected == "a list" and (is_number or re.fullmatch(r"\w+", str(value))):
        return f"write [{value}]"
    return ""


def number_hint(name: str, text: str, *, is_fraction: bool = False) -> str:
    """Say how to write a number that was given as text, or ''.

    >>> number_hint("rated_power_kw", "7 kW")
    'leave out the unit, which the key names: 7'
    >>> number_hint("rated_power_kw", "7000 W")
    'give the number in kW, without unit'
    >>> number_hint("efficiency", "80 %", is_fraction=True)
    'did you mean 0.8?'
    """
    match = _QUANTITY.fullmatch(text)
    if match is None:
        return ""
    number, unit = match[1].replace(",", "."), match[2]
    wanted = next((u for suffix, u in _UNITS.items() if name.endswith(f"_{suffix}")), "")
    if unit == "%" and is_fraction:
        return f"did you mean {float(number) / _PERCENT:g}?"
    if not unit:
        return f"write {number}"
    if unit.casefold() == wanted.casefold() or not wanted:
        return f"leave out the unit{', which the key names' if wanted else ''}: {number}"
    return f"give the number in {wanted}, without unit"

"""How indicators, intervals and parameters are written in the report of a campaign."""

import math
from collections.abc import Mapping

from gridloom.scenarios.campaigns.point import Parameter
from gridloom.scenarios.campaigns.results.columns import Column
from gridloom.scenarios.results.wording import DASH, MINUS, number

_UNITS = {
    "1": "",
    "percent": "%",
    "kVA h": "kVAh",
    "K h": "Kh",
    "degC": "°C",
    "min-1": "1/min",
    "byte min-1": "byte/min",
}
"""How units are printed, where not as UDUNITS reads them."""
_DIGITS = 4
_ROUNDING, _LEAST = 1e-9, 1e-12
_SMALL = 1e-4
"""Below it, numbers have powers of ten."""
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def rounding(largest: float) -> float:
    """Return what floats leave of an indicator where sums cancel.

    Args:
        largest: of its values, without their signs.
    """
    return max(_ROUNDING * largest, _LEAST)


def printed_unit(unit: str) -> str:
    """Return a unit as readers know it."""
    return _UNITS.get(unit, unit)


def axis_title(column: Column, longest: int | None = None) -> str:
    """Return what an axis or a table's column shows, with the unit.

    Args:
        column: what it shows.
        longest: characters of a name that there is room for; of a longer one, the unit remains.
    """
    name, unit = column.long_name, printed_unit(column.unit)
    if longest is not None and len(name) > longest:
        return unit or "number"
    return f"{name} ({unit})" if unit else name


def with_unit(value: float, column: Column, digits: int | None = None) -> str:
    """Write one value of an indicator, by default to three digits (of voltages four)."""
    digits = digits or (_DIGITS if column.name.endswith("_pu") else 3)
    return f"{plain(value, digits)} {printed_unit(column.unit)}".strip()


def plain(value: float, digits: int = _DIGITS) -> str:
    """Write a number, with a power of ten if it is small.

    >>> plain(12.3456), plain(6.8e-5), plain(0.0)
    ('12.35', '6.8·10⁻⁵', '0')
    """
    if not math.isfinite(value) or abs(value) >= _SMALL or abs(value) < _LEAST:
        return "0" if abs(value) < _LEAST else number(value, digits)
    exponent = _exponent(value)
    return f"{number(value / 10.0**exponent, digits)}{_power(exponent)}"


def with_interval(mean: float, half_width: float, largest: float = 0.0) -> str:
    """Write a mean and its interval, to two digits of the interval.

    Args:
        mean: of an indicator.
        half_width: of the interval; NaN for none.
        largest: of the indicator's values, without their signs: what is nothing beside it is 0.

    >>> with_interval(12.3456, 0.123), with_interval(12.0, float("nan"))
    ('12.35 ± 0.12', '12')
    >>> with_interval(6.8e-5, 3e-7)
    '(6.800 ± 0.030)·10⁻⁵'
    """
    if not math.isfinite(mean):
        return DASH
    nothing = rounding(max(largest, abs(mean)))
    mean = mean if abs(mean) > nothing else 0.0
    if not math.isfinite(half_width):
        return plain(mean)
    if half_width <= nothing:
        return f"{plain(mean)} ± 0"
    size = max(abs(mean), half_width)
    exponent = _exponent(size) if size < _SMALL else 0
    scaled_mean, scaled = mean / 10.0**exponent, half_width / 10.0**exponent
    decimals = max(0, 1 - _exponent(scaled))
    text = f"{_fixed(scaled_mean, decimals)} ± {_fixed(scaled, decimals)}"
    return f"({text}){_power(exponent)}" if exponent else text


def written_parameters(parameters: Mapping[str, Parameter]) -> str:
    """Write the parameters of one run."""
    return ", ".join(f"{name} {value}" for name, value in parameters.items())


def _exponent(value: float) -> int:
    return math.floor(math.log10(abs(value)))


def _power(exponent: int) -> str:
    return f"·10{str(exponent).translate(_SUPERSCRIPTS)}"


def _fixed(value: float, decimals: int) -> str:
    text = f"{value:.{decimals}f}"
    return (text if float(text) else text.removeprefix("-")).replace("-", MINUS)

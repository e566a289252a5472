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
_DIGITS, _MOST_DECIMALS = 4, 6
_NEGLIGIBLE = 1e-9


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


def with_unit(value: float, column: Column) -> str:
    """Write one value of an indicator."""
    digits = _DIGITS if column.name.endswith("_pu") else 3
    return f"{number(value, digits)} {printed_unit(column.unit)}".strip()


def with_interval(mean: float, half_width: float) -> str:
    """Write a mean and its interval, to two digits of the interval.

    >>> with_interval(12.3456, 0.123), with_interval(12.0, float("nan"))
    ('12.35 ± 0.12', '12')
    """
    if not math.isfinite(mean):
        return DASH
    if not math.isfinite(half_width):
        return number(mean, _DIGITS)
    if half_width <= _NEGLIGIBLE * max(1.0, abs(mean)):
        return f"{number(mean, _DIGITS)} ± 0"
    decimals = min(max(0, 1 - math.floor(math.log10(half_width))), _MOST_DECIMALS)
    return f"{_fixed(mean, decimals)} ± {_fixed(half_width, decimals)}"


def written_parameters(parameters: Mapping[str, Parameter]) -> str:
    """Write the parameters of one run."""
    return ", ".join(f"{name} {value}" for name, value in parameters.items())


def _fixed(value: float, decimals: int) -> str:
    text = f"{value:.{decimals}f}"
    return (text if float(text) else text.removeprefix("-")).replace("-", MINUS)

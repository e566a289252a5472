"""One row of a comparison: the same number of every run, and how it is written."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gridloom.scenarios.results.wording import number

_SIGNIFICANT = 3
_DECIMALS_PU = 4
"""Voltages differ in their last digits."""
_WALL_TIME = "wall_time"
_MOST_DECIMALS = 6
_UNITS = {
    "1": "",
    "percent": "%",
    "kVA h": "kVAh",
    "min-1": "1/min",
    "byte min-1": "byte/min",
    "percentage points": "% points",
}
"""How units are printed, where not as UDUNITS reads them."""


@dataclass(frozen=True, kw_only=True)
class Measure:
    """One quantity of all compared runs."""

    name: str
    """With its unit as suffix: the column `kpi` of comparison.csv."""
    label: str
    unit: str
    """As UDUNITS reads it."""
    values: tuple[float, ...]
    """One a run, NaN where the run has none."""
    group: str = ""
    of: str = ""
    """Of what, as in 'period 1'; empty for the whole run."""
    headline: bool = False
    """Whether it is among the few that the terminal shows."""
    derived: bool = False
    """Whether it is worked out by the comparison, and no indicator of the runs themselves."""

    @property
    def known(self) -> bool:
        """Whether any run has a value."""
        return any(math.isfinite(value) for value in self.values)

    @property
    def printed_unit(self) -> str:
        """The unit as readers know it."""
        return _UNITS.get(self.unit, self.unit)

    def texts(self, missing: str = "-") -> list[str]:
        """Write the values with the same number of decimals, '-' for a minus sign.

        Computing times, which may differ by orders of magnitude, have as many digits each.
        """
        if self.name.endswith("_pu"):
            return self._each(lambda value: f"{value:.{_DECIMALS_PU}f}", missing)
        if _WALL_TIME in self.name:
            return self._each(number, missing)
        return aligned(self.values, missing)

    def _each(self, write: Callable[[float], str], missing: str) -> list[str]:
        return [write(value) if math.isfinite(value) else missing for value in self.values]


def aligned(values: Sequence[float], missing: str = "-") -> list[str]:
    """Write numbers with as many decimals as the largest needs for three digits.

    >>> aligned([0.6842, 0.0217, float("nan")]), aligned([621.0, 0.0]), aligned([1.0, 12.5])
    (['0.684', '0.022', '-'], ['621', '0'], ['1.0', '12.5'])
    """
    finite = [abs(value) for value in values if math.isfinite(value)]
    largest = max(finite, default=0.0)
    decimals = 0
    if largest > 0 and any(value != round(value) for value in finite):
        decimals = max(0, _SIGNIFICANT - 1 - math.floor(math.log10(largest)))
    decimals = min(decimals, _MOST_DECIMALS)
    return [_fixed(value, decimals) if math.isfinite(value) else missing for value in values]


def _fixed(value: float, decimals: int) -> str:
    text = f"{value:.{decimals}f}"
    return text if float(text) else text.removeprefix("-")

"""The comparison as a tidy table: one number a row."""

import csv
from collections.abc import Iterator
from math import isfinite
from pathlib import Path
from typing import TypeAlias

from gridloom.scenarios.results.comparison.comparison import Comparison
from gridloom.scenarios.results.comparison.energy_adjusted import ADJUSTED_COST
from gridloom.simulators.errors import RecordError

_COLUMNS = ("scheme", "kpi", "of", "value", "unit")
_BOUND, _BOUND_NO_SPECULATION = "certified bound", "certified bound, no speculation"
_Row: TypeAlias = tuple[str, str, str, float, str]


def write_comparison_csv(comparison: Comparison, path: Path) -> None:
    """Write every indicator of every run, what was worked out of them, and the bounds.

    Columns: scheme, kpi, of, value, unit. Values keep all their digits; what a run does not have
    has no row. Computing times are those of the machine, all else is reproducible.

    Raises:
        RecordError: the file cannot be written.
    """
    try:
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(_COLUMNS)
            writer.writerows(_rows(comparison))
    except OSError as error:
        raise RecordError(f"cannot write the comparison '{path}': {error.strerror}") from error


def _rows(comparison: Comparison) -> Iterator[_Row]:
    for place, run in enumerate(comparison.runs):
        for kpi in run.kpis.values():
            yield run.label, kpi.name, kpi.of, kpi.value, kpi.unit
        for measure in comparison.measures:
            if measure.derived and isfinite(measure.values[place]):
                yield run.label, measure.name, measure.of, measure.values[place], measure.unit
    yield from _bounds(comparison)


def _bounds(comparison: Comparison) -> Iterator[_Row]:
    bounds = comparison.costs.bounds if comparison.costs else None
    if bounds is None:
        return
    yield _BOUND, ADJUSTED_COST, "", bounds.energy_adjusted_cost_eur, "EUR"
    honest_eur = bounds.energy_adjusted_cost_no_speculation_eur
    if honest_eur is not None:
        yield _BOUND_NO_SPECULATION, ADJUSTED_COST, "", honest_eur, "EUR"

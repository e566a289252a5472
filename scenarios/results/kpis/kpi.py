"""One key performance indicator, and the table of them as a file."""

import csv
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from gridloom.scenarios.results.replacing import replacing
from gridloom.simulators.errors import RecordError


@dataclass(frozen=True, kw_only=True)
class Kpi:
    """One number that says how a run went; the pair (name, of) identifies it."""

    name: str
    """With its unit as suffix, as in `imbalance_cost_eur`."""
    value: float
    """NaN where there is nothing to judge."""
    unit: str
    """As UDUNITS reads it; '1' for counts and shares."""
    group: str
    """What it speaks of, as in 'Market', 'Grid', 'Voltage', 'EV', 'Energy' or 'Costs'."""
    label: str
    """For humans, short."""
    of: str = ""
    """Of what, as in 'period 1' or a line's name; empty for the total."""
    headline: bool = False
    """Whether it is among the few that the terminal shows."""


@dataclass(frozen=True, kw_only=True)
class Indicator:
    """A kind of KPI: everything but its value and what it is of."""

    name: str
    unit: str
    group: str
    label: str
    headline: bool = False
    """Whether its total is a headline."""

    def total(self, value: float | np.integer[Any], of: str = "") -> Kpi:
        """Return the KPI of a whole model or record."""
        return self._kpi(value, of, headline=self.headline)

    def part(self, value: float | np.integer[Any], of: str) -> Kpi:
        """Return the KPI of a part, which is never a headline."""
        return self._kpi(value, of, headline=False)

    def _kpi(self, value: float | np.integer[Any], of: str, *, headline: bool) -> Kpi:
        return Kpi(
            name=self.name,
            value=float(value),
            unit=self.unit,
            group=self.group,
            label=self.label,
            of=of,
            headline=headline,
        )


def write_kpis_csv(kpis: Sequence[Kpi], path: Path) -> None:
    """Write KPIs as a table with one row each; values keep all their digits.

    Raises:
        RecordError: the file cannot be written.
    """
    with replacing(path) as unfinished, unfinished.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(Kpi)])
        writer.writeheader()
        writer.writerows(asdict(kpi) for kpi in kpis)


def read_kpis_csv(path: Path) -> list[Kpi]:
    """Read what `write_kpis_csv` wrote.

    Raises:
        RecordError: the file is missing or no table of KPIs.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return [_from_row(row) for row in csv.DictReader(file)]
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise RecordError(f"'{path}' is not a table of KPIs: {error}") from error


def _from_row(row: dict[str, str]) -> Kpi:
    return Kpi(
        name=row["name"],
        value=float(row["value"]),
        unit=row["unit"],
        group=row["group"],
        label=row["label"],
        of=row["of"],
        headline=row["headline"] == str(True),
    )

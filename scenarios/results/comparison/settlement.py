"""Table I of the paper: what each scheme's imbalance costs in every settlement period.

Source: Zafar et al., ISGT Europe 2021: eq. (28) prices shortage only (the paper's "negative
mismatch"), eq. (21) credits surplus as well.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite, nan

from gridloom.scenarios.results.comparison.compared_run import ComparedRun
from gridloom.scenarios.results.comparison.measures import aligned

_COSTS = (
    ("shortage_cost_eur", "Cost of shortage only, eq. (28)"),
    ("imbalance_cost_eur", "Imbalance cost, eq. (21)"),
)
TOTAL = "total"


@dataclass(frozen=True, kw_only=True)
class SettlementRow:
    """One settlement period, or the total."""

    label: str
    costs_eur: tuple[float, ...]
    """One a run."""
    ratios_percent: tuple[float, ...]
    """To the reference; NaN where the reference pays nothing, or even earns."""


@dataclass(frozen=True, kw_only=True)
class SettlementTable:
    """The costs by one equation at one market."""

    kpi: str
    title: str
    rows: tuple[SettlementRow, ...]
    """The periods in order, and the total."""

    def cells(self) -> list[tuple[str, list[tuple[str, str]]]]:
        """Return label and, for every run, cost and ratio as texts; costs equally precise."""
        runs = len(self.rows[0].costs_eur)
        written = aligned([cost for row in self.rows for cost in row.costs_eur])
        return [
            (
                row.label,
                list(
                    zip(
                        written[place * runs : (place + 1) * runs],
                        [_percent(ratio) for ratio in row.ratios_percent],
                        strict=True,
                    )
                ),
            )
            for place, row in enumerate(self.rows)
        ]


def _percent(ratio: float) -> str:
    return f"{ratio:.0f} %" if isfinite(ratio) else "-"


def settlement_tables(runs: Sequence[ComparedRun], reference: ComparedRun) -> list[SettlementTable]:
    """Return a table for each equation and market that the runs have."""
    markets = dict.fromkeys(market.name for run in runs for market in run.parts.markets)
    tables = []
    for market in markets:
        of = market if len(markets) > 1 else ""
        for kpi, title in _COSTS:
            labels = settlement_periods(runs, kpi, of)
            rows = tuple(_row(runs, reference, kpi, (of, label)) for label in labels)
            if labels:
                total = _row(runs, reference, kpi, (of, ""))
                tables.append(
                    SettlementTable(
                        kpi=kpi, title=f"{title}{f', {of}' if of else ''}", rows=(*rows, total)
                    )
                )
    return tables


def settlement_periods(runs: Sequence[ComparedRun], kpi: str, market: str) -> list[str]:
    """Return the settlement periods that an indicator is given for, as in 'period 1'.

    Args:
        runs: the compared runs.
        kpi: name of the indicator.
        market: its name; '' where there is only one.
    """
    prefix = f"{market} period ".lstrip()
    found = dict.fromkeys(of for run in runs for name, of in run.kpis if name == kpi)
    return [of.removeprefix(market).lstrip() for of in found if of.startswith(prefix)]


def _row(
    runs: Sequence[ComparedRun], reference: ComparedRun, kpi: str, place: tuple[str, str]
) -> SettlementRow:
    """Return one period, or the total, of a market: ``place`` is market and period."""
    of = " ".join(part for part in place if part)
    costs_eur = tuple(run.value(kpi, of) for run in runs)
    base_eur = reference.value(kpi, of)
    return SettlementRow(
        label=place[1] or TOTAL,
        costs_eur=costs_eur,
        ratios_percent=tuple(
            100.0 * cost / base_eur if base_eur > 0 else nan for cost in costs_eur
        ),
    )

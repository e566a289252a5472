"""The tables of a campaign's report."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gridloom.scenarios.campaigns.results.cells import (
    Averages,
    Cells,
    cell_means,
    cells_of,
    means_in_common,
    scheme_differences,
)
from gridloom.scenarios.campaigns.results.roles import Roles
from gridloom.scenarios.campaigns.results.statistics import SeedMeans
from gridloom.scenarios.campaigns.results.trade_off import TradeOff
from gridloom.scenarios.campaigns.results.values import CampaignValues
from gridloom.scenarios.campaigns.results.writing import axis_title, with_interval, with_unit
from gridloom.scenarios.results.wording import DASH, number

_NEGLIGIBLE = 1e-9
"""What floats leave where sums cancel, in any unit of an indicator."""
_MOST_ROWS = 300
"""Of a table that people read; all there is goes into table.csv."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One number of a table."""

    text: str
    strong: bool = False
    """Whether it differs from zero by more than chance."""


@dataclass(frozen=True, kw_only=True)
class PrintedTable:
    """A table as the page prints it."""

    title: str
    heads: list[str]
    """Of the columns with words."""
    number_heads: list[str]
    rows: list[tuple[list[str], list[Cell]]]
    """Words and numbers."""
    left_out: int = 0
    """Rows that would make it too long."""


def combination_table(
    values: CampaignValues, columns: Sequence[int], cells: Cells, roles: Roles
) -> PrintedTable:
    """Return means and intervals of every combination of what was varied but seeds."""
    all_means = [cell_means(values.of_points(place), cells, roles) for place in columns]
    rows = []
    for cell in range(min(len(cells), _MOST_ROWS)):
        counts = [int(means.count[cell]) for means in all_means]
        numbers = [_interval(means, cell) for means in all_means]
        rows.append((cells.texts(cell), [Cell(text=str(max(counts, default=0))), *numbers]))
    return PrintedTable(
        title="",
        heads=[factor.title for factor in cells.factors],
        number_heads=["seeds", *(axis_title(values.columns[place]) for place in columns)],
        rows=rows,
        left_out=max(0, len(cells) - _MOST_ROWS),
    )


def difference_table(
    values: CampaignValues, columns: Sequence[int], roles: Roles
) -> PrintedTable | None:
    """Return how schemes differ from the first, in pairs that share all else; None without any."""
    scheme = roles.scheme
    if scheme is None:
        return None
    rows = []
    for place in columns:
        found = scheme_differences(values.of_points(place), scheme, roles)
        if any(np.isfinite(each.means.mean[1]) for each in found):
            rows.append(([axis_title(values.columns[place])], _differences(found)))
    return PrintedTable(
        title="",
        heads=["indicator"],
        number_heads=_against_first(scheme.names),
        rows=rows,
    )


def differences_over_x(
    values: CampaignValues, columns: Sequence[int], roles: Roles
) -> list[PrintedTable]:
    """Return the same at each position of the horizontal axis, one table an indicator."""
    scheme, x = roles.scheme, roles.x
    if scheme is None or x is None:
        return []
    tables = []
    for place in columns:
        of_points = values.of_points(place)
        rows = []
        for code, text in enumerate(x.texts):
            among = np.flatnonzero(x.codes == code)
            found = scheme_differences(of_points, scheme, roles, among)
            rows.append(([text], _differences(found)))
        tables.append(
            PrintedTable(
                title=axis_title(values.columns[place]),
                heads=[x.title],
                number_heads=_against_first(scheme.names),
                rows=rows,
            )
        )
    return tables


def front_table(trade_off: TradeOff) -> PrintedTable:
    """Return the combinations that no other one beats."""
    rows = [
        (trade_off.cells.texts(cell), [_interval(means, cell) for means in trade_off.means])
        for cell in trade_off.on_front[:_MOST_ROWS]
    ]
    return PrintedTable(
        title="",
        heads=[factor.title for factor in trade_off.cells.factors],
        number_heads=[axis_title(column) for column in trade_off.columns],
        rows=rows,
        left_out=max(0, len(trade_off.on_front) - _MOST_ROWS),
    )


def all_indicators(values: CampaignValues, roles: Roles) -> list[tuple[str, PrintedTable]]:
    """Return the means of all indicators by group, a column for each scheme."""
    factors = [roles.scheme] if roles.scheme else []
    cells = cells_of(factors, roles.points)
    heads = [", ".join(cells.texts(cell)) or "all runs" for cell in range(len(cells))]
    groups: dict[str, list[tuple[list[str], list[Cell]]]] = {}
    for place, column in enumerate(values.columns):
        means = means_in_common(values.of_points(place), roles.scheme, roles).means.mean
        numbers = [Cell(text=number(mean, 4)) for mean in means.tolist()]
        groups.setdefault(column.group, []).append(([axis_title(column), column.header], numbers))
    return [
        (
            group,
            PrintedTable(title=group, heads=["indicator", "name"], number_heads=heads, rows=rows),
        )
        for group, rows in groups.items()
    ]


def constants(values: CampaignValues, columns: Sequence[int]) -> list[str]:
    """Return indicators that are the same in all runs."""
    return [
        f"{values.columns[place].long_name}: "
        f"{with_unit(float(np.nanmean(values.runs[:, place])), values.columns[place])}"
        for place in columns
        if np.isfinite(values.runs[:, place]).any()
    ]


def _interval(means: SeedMeans, cell: int) -> Cell:
    return Cell(text=with_interval(float(means.mean[cell]), float(means.half_width[cell])))


def _differences(found: Sequence[Averages]) -> list[Cell]:
    """Return the cells of a row: over how many seeds, and cases if not all, then the numbers."""
    over = _from_to([int(each.means.count[1]) for each in found])
    if any(each.over.is_part for each in found):
        over += f", {_from_to([each.over.cases for each in found])} of "
        over += f"{_from_to([each.over.asked for each in found])} cases"
    return [Cell(text=over)] + [
        Cell(
            text=_interval(each.means, 1).text,
            strong=bool(abs(each.means.mean[1]) > max(each.means.half_width[1], _NEGLIGIBLE)),
        )
        for each in found
    ]


def _from_to(counts: Sequence[int]) -> str:
    fewest, most = min(counts), max(counts)
    return str(most) if fewest == most else f"{fewest}{DASH}{most}"


def _against_first(schemes: Sequence[str]) -> list[str]:
    return ["seeds", *(f"{scheme} less {schemes[0]}" for scheme in schemes[1:])]

"""The tables of a campaign's report."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

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
from gridloom.scenarios.campaigns.results.values import CampaignValues, largest
from gridloom.scenarios.campaigns.results.writing import (
    axis_title,
    plain,
    rounding,
    with_interval,
    with_unit,
)
from gridloom.scenarios.results.wording import DASH

_PAIR = 2
_MOST_ROWS = 300
"""Of a table that people read; all there is goes into table.csv."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One number of a table."""

    text: str
    strong: bool = False
    """Whether it differs from zero by more than chance."""
    of_two: bool = False
    """Whether it is a mean over two seeds, the interval of which says next to nothing."""


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

    @property
    def has_means_of_two(self) -> bool:
        """Whether there are means over two seeds in it."""
        return any(cell.of_two for _, cells in self.rows for cell in cells)


def combination_table(
    values: CampaignValues, columns: Sequence[int], cells: Cells, roles: Roles
) -> PrintedTable:
    """Return means and intervals of every combination of what was varied but seeds."""
    all_values = [values.of_points(place) for place in columns]
    all_means = [(cell_means(each, cells, roles), largest(each)) for each in all_values]
    rows = []
    for cell in range(min(len(cells), _MOST_ROWS)):
        counts = [int(means.count[cell]) for means, _ in all_means]
        numbers = [_interval(means, cell, most) for means, most in all_means]
        rows.append((cells.texts(cell), [Cell(text=_from_to(counts)), *numbers]))
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
        of_points = values.of_points(place)
        found = scheme_differences(of_points, scheme, roles)
        if any(np.isfinite(each.means.mean[1]) for each in found):
            rows.append(
                ([axis_title(values.columns[place])], _differences(found, largest(of_points)))
            )
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
            rows.append(([text], _differences(found, largest(of_points))))
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
        (
            trade_off.cells.texts(cell),
            [_interval(means, cell, largest(means.mean)) for means in trade_off.means],
        )
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
        numbers = [Cell(text=plain(mean)) for mean in means.tolist()]
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


def _interval(means: SeedMeans, cell: int, most: float) -> Cell:
    mean, half_width = float(means.mean[cell]), float(means.half_width[cell])
    return Cell(text=with_interval(mean, half_width, most), of_two=bool(means.count[cell] == _PAIR))


def _differences(found: Sequence[Averages], most: float) -> list[Cell]:
    """Return the cells of a row: over how many seeds, and cases if not all, then the numbers.

    Args:
        found: the differences.
        most: the largest value of the indicator without its sign.
    """
    over = _from_to([int(each.means.count[1]) for each in found])
    if any(each.over.is_part for each in found):
        over += f", {_from_to([each.over.cases for each in found])} of "
        over += f"{_from_to([each.over.asked for each in found])} cases"
    return [Cell(text=over)] + [
        replace(
            _interval(each.means, 1, most),
            strong=bool(abs(each.means.mean[1]) > max(each.means.half_width[1], rounding(most))),
        )
        for each in found
    ]


def _from_to(counts: Sequence[int]) -> str:
    """Write how many there are, where there are any."""
    some = [count for count in counts if count] or [0]
    fewest, most = min(some), max(some)
    return str(most) if fewest == most else f"{fewest}{DASH}{most}"


def _against_first(schemes: Sequence[str]) -> list[str]:
    return ["seeds", *(f"{scheme} less {schemes[0]}" for scheme in schemes[1:])]

"""Cost against violations: which combinations are beaten by no other."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from gridloom.scenarios.campaigns.results.cells import Cells, cells_of
from gridloom.scenarios.campaigns.results.columns import Column
from gridloom.scenarios.campaigns.results.factors import Factor
from gridloom.scenarios.campaigns.results.like_with_like import Counting, in_common
from gridloom.scenarios.campaigns.results.pareto import non_dominated
from gridloom.scenarios.campaigns.results.points import Codes
from gridloom.scenarios.campaigns.results.roles import Roles
from gridloom.scenarios.campaigns.results.selection import burden, more_is_better
from gridloom.scenarios.campaigns.results.statistics import SeedMeans, means_over_seeds
from gridloom.scenarios.campaigns.results.writing import axis_title
from gridloom.scenarios.results.comparison.figures.looks import (
    axes_with_legend,
    scheme_legend,
    scheme_looks,
)
from gridloom.scenarios.results.figures.style import BLUE, INK, ReportFigure, svg_bytes
from gridloom.scenarios.results.wording import counted
from gridloom.simulators.model import FloatArray

_MOST_VECTORS = 1500
"""Marks beyond which they are drawn as pixels."""


@dataclass(frozen=True, kw_only=True)
class TradeOff:
    """Two indicators of the combinations of what was varied, means over the same seeds.

    A combination of which runs are missing is none of them: it could seem better only for that.
    """

    columns: tuple[Column, Column]
    cells: Cells
    means: tuple[SeedMeans, SeedMeans]
    """NaN for the cells that are left out."""
    front: NDArray[np.bool_]
    """(cells,), those that no other cell beats in both."""
    over: Counting
    """The points that count; its cases are combinations."""

    @property
    def on_front(self) -> list[int]:
        """Cells of the front by their first indicator."""
        cells = np.flatnonzero(self.front)
        order = np.lexsort((self.means[1].mean[cells], self.means[0].mean[cells]))
        return [int(cell) for cell in cells[order]]


def trade_off_of(
    columns: tuple[Column, Column], values: tuple[FloatArray, FloatArray], roles: Roles
) -> TradeOff:
    """Return the trade-off between two indicators.

    Args:
        columns: what they are.
        values: (points,) of each.
        roles: of all factors.
    """
    cells = cells_of(roles.settings, roles.points)
    nothing: Codes = np.zeros(roles.points, dtype=np.int64)
    over = in_common(_known(values), nothing, cells.cell_of_point, roles.seed_codes)
    means = _means(values, over, cells.cell_of_point, roles, len(cells))
    x, y = (burden(*each) for each in zip(columns, (m.mean for m in means), strict=True))
    return TradeOff(columns=columns, cells=cells, means=means, front=non_dominated(x, y), over=over)


@dataclass(frozen=True, kw_only=True)
class Unbeaten:
    """How schemes fare against each other, in settings of all else that all of them have."""

    schemes: list[str]
    """In how many settings no other one beats it, for each scheme."""
    over: Counting
    """Its cases are settings."""


def schemes_unbeaten(
    columns: tuple[Column, Column],
    values: tuple[FloatArray, FloatArray],
    scheme: Factor,
    roles: Roles,
) -> Unbeaten:
    """Return, for each scheme, in how many settings of all else no other scheme beats it.

    Args:
        columns: the two indicators.
        values: (points,) of each.
        scheme: what is compared.
        roles: of all factors.
    """
    others = cells_of([f for f in roles.settings if f is not scheme], roles.points)
    over = in_common(_known(values), scheme.codes, others.cell_of_point, roles.seed_codes)
    cells = others.cell_of_point * len(scheme) + scheme.codes
    means = _means(values, over, cells, roles, len(others) * len(scheme))
    x, y = (
        burden(column, mean.mean).reshape(len(others), len(scheme))
        for column, mean in zip(columns, means, strict=True)
    )
    wins, level = np.zeros((2, len(scheme)), dtype=np.int64)
    for setting in range(len(others)):
        unbeaten = non_dominated(x[setting], y[setting])
        wins += unbeaten
        level += unbeaten & _has_equal(x[setting], y[setting])
    told = [
        f"{scheme.names[place]} in {wins[place]}"
        + (f" (in {level[place]} level with another)" if level[place] else "")
        for place in np.flatnonzero(np.isfinite(x).any(axis=0)).tolist()
    ]
    return Unbeaten(schemes=told, over=over)


def _known(values: tuple[FloatArray, FloatArray]) -> FloatArray:
    """Return 0 where both are known, else NaN."""
    return np.where(np.isfinite(values[0]) & np.isfinite(values[1]), 0.0, np.nan)


def _means(
    values: tuple[FloatArray, FloatArray], over: Counting, cells: Codes, roles: Roles, size: int
) -> tuple[SeedMeans, SeedMeans]:
    rows = over.rows
    seeds = roles.seed_codes[rows]
    first, second = (means_over_seeds(each[rows], cells[rows], seeds, size) for each in values)
    return first, second


def _has_equal(x: FloatArray, y: FloatArray) -> NDArray[np.bool_]:
    """Whether another one is the same in both."""
    is_same = (x == x[:, np.newaxis]) & (y == y[:, np.newaxis])
    return np.asarray(is_same.sum(axis=0) > 1)


def trade_off_figure(trade_off: TradeOff, roles: Roles) -> ReportFigure:
    """Draw all combinations with the front marked; within `figure_style`."""
    first, second = (column.long_name for column in trade_off.columns)
    cells = counted(int(trade_off.front.sum()), "combination")
    verb = "is" if trade_off.front.sum() == 1 else "are"
    title = f"{first[:1].upper()}{first[1:]} against {second}: {cells} {verb} beaten by no other"
    over_seeds = ", mean over the seeds that all of them have" if roles.seed_count > 1 else ""
    better = [f"more {column.long_name}" for column in trade_off.columns if more_is_better(column)]
    return ReportFigure(
        key="trade-off",
        title=title,
        caption=(
            f"Each mark is a combination of what was varied{over_seeds}. Filled marks and the "
            "line: those that no other combination beats in one without being worse in the "
            f"other{' (better is ' + ' and '.join(better) + ')' if better else ''}."
            f"{left_out(trade_off.over, 'combination')}"
        ),
        alternative=f"{first} and {second} of every combination as marks. {title}.",
        svg=_draw(trade_off, roles),
    )


def left_out(over: Counting, noun: str) -> str:
    """Return how many cases do not count for want of runs, as a sentence; '' for none."""
    if not over.is_part:
        return ""
    return (
        f" {over.asked - over.cases} of {counted(over.asked, noun)} "
        f"left out: runs of them, or these indicators, are missing."
    )


def _draw(trade_off: TradeOff, roles: Roles) -> bytes:
    schemes = roles.scheme.names if roles.scheme else ()
    figure, axes = axes_with_legend(max(len(schemes), 1), height_in=3.9)
    if roles.scheme is None:
        _draw_marks(axes, trade_off, trade_off.front | True, colour=BLUE, marker="o", label="")
    else:
        place = trade_off.cells.factors.index(roles.scheme)
        codes = trade_off.cells.places[:, place]
        looks = scheme_looks(schemes, schemes[0])
        for code, (label, look) in enumerate(looks.items()):
            _draw_marks(
                axes, trade_off, codes == code, colour=look.colour, marker=look.marker, label=label
            )
    x, y = (means.mean[trade_off.on_front] for means in trade_off.means)
    axes.plot(x, y, color=INK, linewidth=1.0, zorder=1)
    across, up = (axis_title(column) for column in trade_off.columns)
    axes.set_xlabel(across)
    axes.set_ylabel(up)
    if schemes:
        scheme_legend(axes)
    return svg_bytes(figure)


def _draw_marks(
    axes: Axes,
    trade_off: TradeOff,
    cells: NDArray[np.bool_],
    *,
    colour: str,
    marker: str,
    label: str,
) -> None:
    x, y = (means.mean for means in trade_off.means)
    as_pixels = len(trade_off.cells) > _MOST_VECTORS
    common: dict[str, Any] = {
        "linestyle": "",
        "marker": marker,
        "color": colour,
        "rasterized": as_pixels,
    }
    beaten, front = cells & ~trade_off.front, cells & trade_off.front
    axes.plot(x[beaten], y[beaten], markersize=5, alpha=0.45, markerfacecolor="none", **common)
    axes.plot(x[front], y[front], markersize=7, label=label, zorder=3, **common)

"""Cost against violations: which combinations are beaten by no other."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from gridloom.scenarios.campaigns.results.cells import Cells, cell_means
from gridloom.scenarios.campaigns.results.columns import Column
from gridloom.scenarios.campaigns.results.factors import Factor
from gridloom.scenarios.campaigns.results.pareto import non_dominated
from gridloom.scenarios.campaigns.results.roles import Roles
from gridloom.scenarios.campaigns.results.selection import burden, more_is_better
from gridloom.scenarios.campaigns.results.statistics import SeedMeans
from gridloom.scenarios.campaigns.results.writing import axis_title
from gridloom.scenarios.results.comparison.figures.looks import (
    axes_with_legend,
    scheme_legend,
    scheme_looks,
)
from gridloom.scenarios.results.figures.style import BLUE, INK, ReportFigure, svg_bytes
from gridloom.scenarios.results.wording import counted

_MOST_VECTORS = 1500
"""Marks beyond which they are drawn as pixels."""


@dataclass(frozen=True, kw_only=True)
class TradeOff:
    """Two indicators of all combinations of what was varied, means over seeds."""

    columns: tuple[Column, Column]
    cells: Cells
    means: tuple[SeedMeans, SeedMeans]
    front: NDArray[np.bool_]
    """(cells,), those that no other cell beats in both."""

    @property
    def on_front(self) -> list[int]:
        """Cells of the front by their first indicator."""
        cells = np.flatnonzero(self.front)
        order = np.lexsort((self.means[1].mean[cells], self.means[0].mean[cells]))
        return [int(cell) for cell in cells[order]]


def trade_off_of(
    columns: tuple[Column, Column],
    values: tuple[NDArray[np.float64], NDArray[np.float64]],
    cells: Cells,
    roles: Roles,
) -> TradeOff:
    """Return the trade-off between two indicators.

    Args:
        columns: what they are.
        values: (points,) of each.
        cells: the combinations.
        roles: what the seeds are.
    """
    x, y = (cell_means(each, cells, roles) for each in values)
    return TradeOff(
        columns=columns,
        cells=cells,
        means=(x, y),
        front=non_dominated(burden(columns[0], x.mean), burden(columns[1], y.mean)),
    )


def schemes_unbeaten(trade_off: TradeOff, scheme: Factor) -> list[str]:
    """Return, for each scheme, in how many settings of all else no other scheme beats it."""
    cells = trade_off.cells
    codes = cells.places[:, cells.factors.index(scheme)]
    others = np.delete(cells.places, cells.factors.index(scheme), axis=1)
    _, setting_of_cell = np.unique(others, axis=0, return_inverse=True)
    setting_of_cell = setting_of_cell.ravel()
    x, y = (
        burden(column, means.mean)
        for column, means in zip(trade_off.columns, trade_off.means, strict=True)
    )
    unbeaten = np.zeros(len(scheme), dtype=np.int64)
    settings = int(setting_of_cell.max()) + 1
    order = np.argsort(setting_of_cell, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(setting_of_cell[order])) + 1):
        np.add.at(unbeaten, codes[rows[non_dominated(x[rows], y[rows])]], 1)
    return [
        f"{name} in {count} of {counted(settings, 'setting')}"
        for name, count in zip(scheme.names, unbeaten.tolist(), strict=True)
    ]


def trade_off_figure(trade_off: TradeOff, roles: Roles) -> ReportFigure:
    """Draw all combinations with the front marked; within `figure_style`."""
    first, second = (column.long_name for column in trade_off.columns)
    cells = counted(int(trade_off.front.sum()), "combination")
    verb = "is" if trade_off.front.sum() == 1 else "are"
    title = f"{first[:1].upper()}{first[1:]} against {second}: {cells} {verb} beaten by no other"
    better = [f"more {column.long_name}" for column in trade_off.columns if more_is_better(column)]
    return ReportFigure(
        key="trade-off",
        title=title,
        caption=(
            "Each mark is a combination of what was varied, mean over its seeds. Filled marks and "
            "the line: those that no other combination beats in one without being worse in the "
            f"other{' (better is ' + ' and '.join(better) + ')' if better else ''}."
        ),
        alternative=f"{first} and {second} of every combination as marks. {title}.",
        svg=_draw(trade_off, roles),
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

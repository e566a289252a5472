"""How an indicator is drawn over what was varied: means with their intervals."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import ScaledTranslation
from numpy.typing import NDArray

from gridloom.scenarios.campaigns.results.columns import Column
from gridloom.scenarios.campaigns.results.points import Codes
from gridloom.scenarios.campaigns.results.roles import Roles
from gridloom.scenarios.campaigns.results.statistics import SeedMeans
from gridloom.scenarios.campaigns.results.writing import axis_title, printed_unit
from gridloom.scenarios.results.comparison.figures.looks import (
    Look,
    axes_with_legend,
    scheme_legend,
    scheme_looks,
)
from gridloom.scenarios.results.figures.style import BLUE, svg_bytes
from gridloom.simulators.model import FloatArray

_ONLY = Look(colour=BLUE, dash="-", marker="o")
_WIDTH_IN, _LEFT, _PANEL_IN = 9.6, 0.0875, 2.5
_MOST_COLUMNS, _LEGEND_COLUMNS = 3, 4
_MOST_BARS = 12
"""Positions up to which intervals are bars; from there on, bands."""
_LOGARITHMIC = 100.0
"""Ratio of the largest to the smallest value from which on an axis is logarithmic."""
_SPREAD = 0.5
"""Of schemes side by side at one place of an axis without numbers."""
_APART_PT, _WIDEST_PT = 4.0, 12.0
"""Of schemes side by side at one number, and of all of them together."""
_LONGEST_LABEL = 40
_MOST_DOTS, _BESIDE = 500, 0.05
"""Of single runs, and how far left of their mean they are."""


@dataclass(frozen=True, kw_only=True)
class _Horizontal:
    """The horizontal axis."""

    title: str
    positions: FloatArray
    """(schemes, values)."""
    ticks: tuple[str, ...] | None
    """Where it has no numbers."""
    moved_pt: FloatArray
    """(schemes,) of bars at the same number, so that none hides another."""


def draw_indicator(column: Column, values: FloatArray, means: SeedMeans, roles: Roles) -> bytes:
    """Draw a plot for each panel with a line for each scheme; within `figure_style`.

    Args:
        column: what it is.
        values: (points,), NaN where not known.
        means: (panels, schemes, positions).
        roles: what is drawn how.
    """
    schemes = roles.scheme.names if roles.scheme else ()
    looks = list(scheme_looks(schemes, schemes[0]).values()) if schemes else [_ONLY]
    horizontal = _horizontal(roles)
    has_legend = len(looks) > 1 and roles.x is not None
    figure, panels = _plots(roles, len(looks) if has_legend else 0)
    for place, axes in enumerate(panels):
        _draw_dots(axes, values, horizontal, roles, looks, place)
        for scheme, look in enumerate(looks):
            here = (place, scheme)
            _draw_series(
                axes,
                horizontal.positions[scheme],
                (means.mean[here], means.half_width[here]),
                look,
                horizontal.moved_pt[scheme],
                fewer=has_fewer_seeds(means)[here],
                label=schemes[scheme] if schemes else "",
                linestyle=look.dash if horizontal.ticks is None else "",
            )
        _label(axes, horizontal, roles, place)
    panels[0].set_ylabel(axis_title(column, _LONGEST_LABEL))
    power_of_ten = panels[0].yaxis.get_offset_text()
    power_of_ten.set(x=-0.01, horizontalalignment="right")  # left of the legend
    if has_legend:
        _legend(figure, panels)
    return svg_bytes(figure)


def has_fewer_seeds(means: SeedMeans) -> NDArray[np.bool_]:
    """Return which means are known over fewer seeds than others."""
    most = int(means.count.max(initial=0))
    return np.asarray((means.count > 0) & (means.count < most))


def shows_single_runs(roles: Roles) -> bool:
    """Whether runs are drawn beside their means: they are few, and positions are no numbers."""
    return (roles.x is None or roles.x.positions is None) and roles.points <= _MOST_DOTS


def _horizontal(roles: Roles) -> _Horizontal:
    schemes = len(roles.scheme) if roles.scheme else 1
    places: FloatArray = np.arange(schemes, dtype=np.float64) - (schemes - 1) / 2
    factor = roles.x or roles.scheme
    title = factor.title if factor else ""
    if factor is not None and roles.x is not None and factor.positions is not None:
        return _Horizontal(
            title=title,
            positions=np.tile(factor.positions, (schemes, 1)),
            ticks=None,
            moved_pt=places * min(_APART_PT, _WIDEST_PT / schemes),
        )
    own_place = np.arange(schemes, dtype=np.float64)[:, np.newaxis]
    side_by_side = places[:, np.newaxis] * _SPREAD / schemes
    return _Horizontal(
        title=title,
        positions=own_place if roles.x is None else np.arange(len(roles.x)) + side_by_side,
        ticks=factor.texts if factor else ("all runs",),
        moved_pt=np.zeros(schemes),
    )


def _plots(roles: Roles, entries: int) -> tuple[Figure, Sequence[Axes]]:
    """Return a figure with one plot a panel that share both axes, and room for the legend."""
    if roles.panel is None:
        figure, axes = axes_with_legend(entries)
        return figure, [axes]
    columns = min(len(roles.panel), _MOST_COLUMNS)
    rows = ceil(len(roles.panel) / columns)
    top_in = 0.35 + 0.22 * ceil(entries / _LEGEND_COLUMNS)
    height_in = top_in + rows * _PANEL_IN + 0.3
    figure = Figure(figsize=(_WIDTH_IN, height_in))
    grid = figure.subplots(
        rows,
        columns,
        sharex=True,
        sharey=True,
        squeeze=False,
        gridspec_kw={
            "left": _LEFT,
            "right": 0.97,
            "bottom": 0.5 / height_in,
            "top": 1.0 - top_in / height_in,
            "hspace": 0.3,
            "wspace": 0.08,
        },
    )
    for unused in grid.flat[len(roles.panel) :]:
        unused.set_axis_off()
    return figure, list(grid.flat[: len(roles.panel)])


def _legend(figure: Figure, panels: Sequence[Axes]) -> None:
    if len(panels) == 1:
        scheme_legend(panels[0])
        return
    figure.legend(
        *panels[0].get_legend_handles_labels(),
        loc="upper left",
        bbox_to_anchor=(_LEFT, 1.0),
        ncols=_LEGEND_COLUMNS,
        borderaxespad=0.2,
        columnspacing=1.4,
        handlelength=1.6,
    )


def _draw_series(
    axes: Axes,
    x: FloatArray,
    means: tuple[FloatArray, FloatArray],
    look: Look,
    moved_pt: float,
    *,
    fewer: NDArray[np.bool_],
    **style: Any,
) -> None:
    """Draw means with their intervals: bars, or a band where there are many.

    Marks of those over fewer seeds are hollow.
    """
    order = np.argsort(x, kind="stable")
    x, mean, half_width = x[order], means[0][order], means[1][order]
    hollow: dict[str, Any] = {
        "linestyle": "",
        "marker": look.marker,
        "color": look.colour,
        "markerfacecolor": "white",
        "zorder": 3,
    }
    few = fewer[order]
    common: dict[str, Any] = {"color": look.colour, "marker": look.marker, **style}
    if len(x) > _MOST_BARS:
        axes.plot(x, mean, markersize=3, **common)
        axes.plot(x[few], mean[few], markersize=4, **hollow)
        low, high = mean - half_width, mean + half_width
        axes.fill_between(x, low, high, color=look.colour, alpha=0.18, linewidth=0)
    else:
        bars = np.nan_to_num(half_width)
        moved = ScaledTranslation(moved_pt / 72, 0, axes.figure.dpi_scale_trans)
        for ends in (mean - bars, mean + bars):  # which do not count by themselves once moved
            axes.update_datalim(np.column_stack([x, ends]))
        common["transform"] = hollow["transform"] = axes.transData + moved
        axes.errorbar(x, mean, yerr=bars, markersize=5.5, capsize=3, **common)
        axes.plot(x[few], mean[few], markersize=5.5, **hollow)


def _draw_dots(
    axes: Axes,
    values: FloatArray,
    horizontal: _Horizontal,
    roles: Roles,
    looks: Sequence[Look],
    panel: int,
) -> None:
    """Draw single runs palely beside their means."""
    if not shows_single_runs(roles):
        return
    in_panel = roles.panel.codes == panel if roles.panel else np.ones(len(values), dtype=np.bool_)
    nothing: Codes = np.zeros(len(values), dtype=np.int64)
    scheme = roles.scheme.codes if roles.scheme else nothing
    place = roles.x.codes if roles.x else nothing
    for each, look in enumerate(looks):
        rows = in_panel & (scheme == each)
        axes.plot(
            horizontal.positions[each][place[rows]] - _BESIDE,
            values[rows],
            linestyle="",
            marker=".",
            markersize=8,
            color=look.colour,
            alpha=0.4,
            markeredgewidth=0,
        )


def _label(axes: Axes, horizontal: _Horizontal, roles: Roles, panel: int) -> None:
    if roles.panel is not None:
        unit = printed_unit(roles.panel.axes[0].unit) if roles.panel.positions is not None else ""
        text = f"{roles.panel.texts[panel]} {unit}".strip()
        axes.set_title(f"{roles.panel.name} = {text}", loc="left", fontsize=9.5)
    if axes.get_subplotspec() is None or _is_lowest(roles, panel):
        axes.set_xlabel(horizontal.title)
        axes.tick_params(labelbottom=True)
    if horizontal.ticks is not None:
        axes.set_xticks(range(len(horizontal.ticks)), horizontal.ticks)
        axes.grid(visible=False, axis="x")
        axes.set_xlim(-0.6, len(horizontal.ticks) - 0.4)
    elif _is_logarithmic(horizontal.positions[0]):
        axes.set_xscale("log")


def _is_lowest(roles: Roles, panel: int) -> bool:
    return roles.panel is None or panel + _MOST_COLUMNS >= len(roles.panel)


def _is_logarithmic(positions: FloatArray) -> bool:
    return bool(positions.min() > 0 and positions.max() / positions.min() >= _LOGARITHMIC)

"""Figure: the network with the highest loading of every line."""

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure

from gridloom.scenarios.results.figures.downsampling import IndexArray
from gridloom.scenarios.results.figures.style import (
    GREY,
    INK,
    ORANGE,
    PALE,
    VERMILLION,
    ReportFigure,
    new_axes,
    svg_bytes,
)
from gridloom.scenarios.results.figures.tree_layout import tree_layout
from gridloom.scenarios.results.kpis.several_steps import means_of_rows, remarked
from gridloom.scenarios.results.line_loading import LineLoading
from gridloom.scenarios.results.recording import Recording
from gridloom.scenarios.results.wording import counted, number
from gridloom.simulators.model import FloatArray
from gridloom.simulators.signals import LINE_CURRENT

_LOADING_COLOURS = LinearSegmentedColormap.from_list(
    "loading", ["#BFD3E6", "#6BAED6", "#2171B5", "#08306B"]
).with_extremes(over=VERMILLION)
_LARGEST_COUNTRY_DEG = 5.0


@dataclass(frozen=True, kw_only=True)
class _Place:
    """Where everything is drawn."""

    bus: FloatArray
    """(bus, 2)"""
    segments: FloatArray
    """(line, 2, 2): both ends of every line."""
    transformers: FloatArray
    """(transformer, 2, 2): both ends of every transformer."""
    from_layout: bool
    """Whether it was computed for want of coordinates."""
    aspect: float
    """Height over width of equal lengths; 0 where lengths mean nothing."""


def map_figure(grid: Recording, loading: LineLoading) -> ReportFigure | None:
    """Draw every line coloured and as wide as its highest loading; name the most loaded one."""
    if "line_from_bus" not in grid or "line_to_bus" not in grid:
        return None
    substation = _substation(grid)
    place = _place(grid, loading, substation)
    means = "" if grid.tells(LINE_CURRENT, "max") else means_of_rows(grid)
    title = remarked(_title(loading), f"of {means}" if means else "")
    caption = (
        "Colour and width of a line: its highest loading over the run, current of the most loaded "
        f"phase{' (' + means + ')' if means else ''} in percent of the rated current. "
        + ("Lines of unknown rating are thin and grey. " if np.isnan(loading.rated_a).any() else "")
        + ("Dots: connection points. " if "connection_point_bus" in grid else "")
        + ("Square: substation (highest nominal voltage). " if substation.size else "")
        + ("Dotted: transformers. " if len(place.transformers) else "")
        + (
            "The network has no coordinates: computed layout, lines by hops from the left."
            if place.from_layout
            else "Position: coordinates of the network."
        )
    )
    return ReportFigure(
        key="map",
        title=title,
        caption=caption,
        alternative=f"Map of the network, {counted(len(loading.names), 'line')} coloured by their "
        f"highest loading. {title}.",
        svg=_draw(grid, loading, place, substation),
    )


def _title(loading: LineLoading) -> str:
    percent = loading.percent
    name = loading.names[loading.worst]
    if not np.isfinite(percent[loading.worst]):
        return f"The highest current flows in {name}; line ratings are unknown"
    others = np.delete(percent, loading.worst)
    title = f"{name} is loaded to {number(float(percent[loading.worst]))} %"
    if np.isfinite(others).any():
        title += f", every other line to at most {number(float(np.nanmax(others)))} %"
    return title


def _place(grid: Recording, loading: LineLoading, substation: IndexArray) -> _Place:
    lines = _joined(grid, "line_from_bus", "line_to_bus")
    transformers = _joined(grid, "transformer_hv_bus", "transformer_lv_bus")
    edges = np.concatenate([transformers, lines])
    bus = np.full((grid.rows.sizes["bus"], 2), np.nan)
    if "bus_x" in grid and "bus_y" in grid:
        bus = np.column_stack([grid.values("bus_x"), grid.values("bus_y")])
    from_layout = not np.isfinite(bus[edges]).all()
    if from_layout:
        is_joined = np.isin(substation, transformers).any()
        # Else, in a feeder, the line that carries most begins at its head.
        root = substation[0] if is_joined else lines[np.nanargmax(loading.highest_a), 0]
        bus = tree_layout(edges[:, 0], edges[:, 1], len(bus), int(root))
    return _Place(
        bus=bus,
        segments=bus[lines],
        transformers=bus[transformers],
        from_layout=from_layout,
        aspect=0.0 if from_layout else _aspect(bus),
    )


def _joined(grid: Recording, one: str, other: str) -> IndexArray:
    """Return (element, 2), the buses that each element joins; none if they are not recorded."""
    if one not in grid or other not in grid:
        return np.empty((0, 2), dtype=np.intp)
    return np.column_stack([grid.values(one), grid.values(other)]).astype(np.intp)


def _aspect(bus: FloatArray) -> float:
    """Return the stretch of the vertical axis: 1 in metres, 1 / cos(latitude) in degrees."""
    known = bus[np.isfinite(bus).all(axis=1)]
    if not known.size or np.any(np.abs(known) > (180, 90)):
        return 1.0
    if np.ptp(known, axis=0).max() > _LARGEST_COUNTRY_DEG:
        return 1.0
    return float(1.0 / np.cos(np.deg2rad(known[:, 1].mean())))


def _substation(grid: Recording) -> IndexArray:
    """Return the buses of the highest of several nominal voltages."""
    if "bus_nominal_voltage_kv" not in grid:
        return np.array([], dtype=np.intp)
    nominal_kv = grid.values("bus_nominal_voltage_kv")
    highest = np.flatnonzero(nominal_kv == nominal_kv.max())
    return highest if len(highest) < len(nominal_kv) else highest[:0]


def _draw(grid: Recording, loading: LineLoading, place: _Place, substation: IndexArray) -> bytes:
    figure, axes = new_axes(5.6)
    axes.set_position((0.01, 0.01, 0.86, 0.98))
    axes.grid(visible=False)
    axes.set_axis_off()
    _draw_lines(figure, axes, loading, place)
    if "connection_point_bus" in grid:
        points = place.bus[grid.values("connection_point_bus").astype(np.intp)]
        axes.plot(
            *points.T,
            linestyle="",
            marker="o",
            markersize=4,
            color=ORANGE,
            markeredgecolor="white",
            markeredgewidth=0.5,
            label=f"connection points ({len(points)})",
        )
    axes.add_collection(
        LineCollection(list(place.transformers), colors=GREY, linestyles=":", linewidths=1.4)
    )
    if substation.size:
        axes.plot(
            *place.bus[substation].T,
            linestyle="",
            marker="s",
            markersize=9,
            color=INK,
            label="substation",
        )
    _label_worst(axes, loading, place)
    if place.aspect:
        axes.set_aspect(place.aspect, adjustable="datalim")
    axes.margins(0.04)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="best")
    return svg_bytes(figure)


def _draw_lines(figure: Figure, axes: Axes, loading: LineLoading, place: _Place) -> None:
    percent = loading.percent
    known = np.isfinite(percent)
    axes.add_collection(
        LineCollection(list(place.segments[~known]), colors=PALE, linewidths=0.8), autolim=True
    )
    order = np.flatnonzero(known)[np.argsort(percent[known], kind="stable")]
    lines = LineCollection(
        list(place.segments[order]),
        array=percent[order],
        cmap=_LOADING_COLOURS,
        norm=Normalize(0.0, 100.0),
        linewidths=1.2 + 3.0 * np.clip(percent[order] / 100.0, 0.0, 1.5),
        capstyle="round",
    )
    axes.add_collection(lines, autolim=True)
    axes.autoscale_view()
    if known.any():
        scale = figure.add_axes((0.905, 0.17, 0.018, 0.66))
        scale.grid(visible=False)
        figure.colorbar(
            lines,
            cax=scale,
            extend="max",
            label="highest loading (% of rated current)",
        )


def _label_worst(axes: Axes, loading: LineLoading, place: _Place) -> None:
    """Name the most loaded line, with a ring around it: on a map it may be very short."""
    x, y = place.segments[loading.worst].mean(axis=0)
    middle = np.nanmean(place.bus, axis=0)
    percent = float(loading.percent[loading.worst])
    overloaded = percent > 100.0  # noqa: PLR2004
    colour = VERMILLION if overloaded else INK
    text = loading.names[loading.worst]
    if np.isfinite(percent):
        text += f": {number(percent)} %"
    axes.plot(x, y, marker="o", markersize=15, fillstyle="none", color=colour, markeredgewidth=1.4)
    axes.annotate(
        text,
        (x, y),
        xytext=(60 if x < middle[0] else -60, 36 if y < middle[1] else -36),
        textcoords="offset points",
        ha="center",
        fontweight="bold",
        color=colour,
        bbox={"boxstyle": "round,pad=0.25", "facecolor": "white", "edgecolor": GREY, "alpha": 0.9},
        arrowprops={"arrowstyle": "-", "color": colour, "shrinkB": 7},
    )

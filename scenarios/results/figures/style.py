"""How the report's figures look, and how they become bytes.

Colours are Okabe and Ito's, which people with any colour vision tell apart. Figures are drawn
without pyplot and without any date, so that equal records give equal bytes.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num
from matplotlib.figure import Figure
from numpy.typing import NDArray

from gridloom.scenarios.results.figures.downsampling import (
    IndexArray,
    column_extremes,
    column_starts,
    keep_extremes,
    known_means,
)
from gridloom.scenarios.results.wording import LocalTime
from gridloom.simulators.model import FloatArray

BLUE, ORANGE, GREEN, PURPLE = "#0072B2", "#E69F00", "#009E73", "#CC79A7"
SKY, VERMILLION, YELLOW = "#56B4E9", "#D55E00", "#F0E442"
INK, GREY, PALE = "#222222", "#6B6B6B", "#D9D9D9"
CLASS_COLOURS = (BLUE, ORANGE, GREEN, PURPLE, SKY, YELLOW)
"""Of device classes, in the order of the record."""
HATCHES = ("", "////", "....")
"""Tell classes apart once the colours are used up."""
COLUMNS = 900
"""Pieces a series is drawn in: about one a pixel of the figure's width."""
_MOST_DAYS = 60
"""Of runs whose days are seen as such; of longer ones, a day is the least that is drawn."""

_WIDTH_IN = 9.6
_LEFT_IN, _RIGHT_IN, _BOTTOM_IN, _LEGEND_ROW_IN = 0.84, 0.3, 0.52, 0.22
_RASTER_DPI = 160
"""Of dense artists inside the otherwise scalable figure."""
_STYLE: dict[Any, Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": GREY,
    "axes.formatter.useoffset": False,
    "axes.grid": True,
    "axes.labelcolor": INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "figure.facecolor": "white",
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same glyphs everywhere
    "font.size": 9.5,
    "grid.color": "#E6E6E6",
    "grid.linewidth": 0.7,
    "legend.fontsize": 9,
    "legend.frameon": False,
    "lines.linewidth": 1.2,
    "svg.fonttype": "path",
    "svg.hashsalt": "gridloom",
    "text.color": INK,
    "text.parse_math": False,  # names of elements may hold a dollar sign
    "xtick.color": INK,
    "ytick.color": INK,
}


@dataclass(frozen=True, kw_only=True)
class ReportFigure:
    """A figure of the report, with what is said about it."""

    key: str
    """Identifies it within the page."""
    title: str
    """The message, with its number."""
    caption: str
    """What is seen, with units and signs."""
    alternative: str
    """For those who cannot see the figure."""
    svg: bytes


@contextmanager
def figure_style() -> Iterator[None]:
    """Draw in the report's style within this context."""
    with mpl.rc_context(_STYLE):
        yield


def new_axes(height_in: float = 3.3, legend_rows: int = 1) -> tuple[Figure, Axes]:
    """Return a figure of the page's width with one plot, and room above it for the legend."""
    figure = Figure(figsize=(_WIDTH_IN, height_in))
    top_in = 0.12 + _LEGEND_ROW_IN * legend_rows
    axes = figure.add_axes(
        (
            _LEFT_IN / _WIDTH_IN,
            _BOTTOM_IN / height_in,
            1.0 - (_LEFT_IN + _RIGHT_IN) / _WIDTH_IN,
            1.0 - (_BOTTOM_IN + top_in) / height_in,
        )
    )
    return figure, axes


def new_panels(
    rows: int, columns: int, height_in: float, share: Literal["all", "col"] = "all"
) -> tuple[Figure, list[Axes]]:
    """Return a figure of the page's width with plots in rows that share their horizontal axis.

    Args:
        rows: of plots.
        columns: of plots.
        height_in: of one plot with its title, in inches.
        share: whether all plots share it, or those of each column.
    """
    total_in = 0.25 + rows * height_in + _BOTTOM_IN
    figure = Figure(figsize=(_WIDTH_IN, total_in))
    grid = figure.subplots(
        rows,
        columns,
        sharex=share,
        squeeze=False,
        gridspec_kw={
            "left": _LEFT_IN / _WIDTH_IN,
            "right": 1.0 - _RIGHT_IN / _WIDTH_IN,
            "bottom": _BOTTOM_IN / total_in,
            "top": 1.0 - 0.5 / total_in,
            "hspace": 0.32,
            "wspace": 0.22,
        },
    )
    return figure, list(grid.flat)


def svg_bytes(figure: Figure) -> bytes:
    """Render a figure; the same figure gives the same bytes."""
    stream = io.BytesIO()
    nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    figure.savefig(stream, format="svg", dpi=_RASTER_DPI, metadata=nothing)
    return stream.getvalue()


def time_axis(
    axes: Axes, clock: LocalTime, time: NDArray[np.datetime64], most_ticks: int = 13
) -> None:
    """Make the horizontal axis the local time from the first to the last of ``time`` (UTC)."""
    first, last = (float(at) for at in at_time(clock, time[[0, -1]]))
    least_ticks = (most_ticks + 2) // 3  # the finer unit then has no more than the most
    locator = AutoDateLocator(minticks=least_ticks, maxticks=most_ticks)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    formatter = ConciseDateFormatter(locator, show_offset=False)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_formatter(formatter)
    axes.set_xlim(first, last)
    axes.set_xlabel(f"local time ({clock.zone}), {_dates(clock, time)}")
    axes.margins(x=0)


def at_time(clock: LocalTime, time: NDArray[np.datetime64]) -> FloatArray:
    """Return the horizontal position of UTC time stamps."""
    days = date2num(clock.local(time))  # type: ignore[no-untyped-call]
    return np.asarray(days, dtype=np.float64)


def is_long(x: FloatArray) -> bool:
    """Tell whether a run is so long that only whole days of it are drawn.

    Args:
        x: (time + 1,), positions of the steps' edges.
    """
    return bool(x[-1] - x[0] > _MOST_DAYS)


def piece_starts(x: FloatArray) -> IndexArray:
    """Return which step each drawn piece begins with: equally long pieces, or local days.

    Pieces that are no part of a day would show a beat of theirs with the days' own course.

    Args:
        x: (time + 1,), positions of the steps' edges.
    """
    if not is_long(x):
        return column_starts(len(x) - 1, COLUMNS)
    days = np.floor(x[:-1])
    return np.flatnonzero(np.diff(days, prepend=days[0] - 1))


def drawn_by_day(edges: NDArray[np.datetime64]) -> str:
    """Return what a caption says of lines where only whole days are drawn, else nothing."""
    if (edges[-1] - edges[0]) / np.timedelta64(1, "D") <= _MOST_DAYS:
        return ""
    return " Lines are means of each day, with a band from its lowest to its highest value."


def step_line(
    axes: Axes,
    x: FloatArray,
    values: FloatArray,
    *,
    colour: str,
    label: str,
    extremes: bool | tuple[FloatArray, FloatArray] = True,
    **style: float | str,
) -> None:
    """Draw values that each hold over a step.

    Of long runs, the means of each day are drawn, and a band that covers all its values. Values
    that are means of several steps have a band that covers these.

    Args:
        axes: where.
        x: (time + 1,), positions of the steps' edges.
        values: (time,), gaps are NaN.
        colour: of the line.
        label: in the legend.
        extremes: whether to draw the band; of means of several steps, the lowest and the highest
            of these, (time,) each.
        style: further properties of the line.
    """
    held = np.append(values, values[-1])
    kept = keep_extremes(held, COLUMNS)
    starts = piece_starts(x)
    of_steps = None if isinstance(extremes, bool) else extremes
    if of_steps or (extremes and is_long(x)):
        lowest, highest = of_steps or (values, values)
        low = column_extremes(lowest, starts, np.fmin)
        high = column_extremes(highest, starts, np.fmax)
        if np.any(high > low):
            band(axes, x[np.append(starts, -1)], low, high, colour=colour, alpha=0.2)
    if is_long(x):
        kept = np.append(starts, len(values))
        held[kept[:-1]] = known_means(values, starts)
        held[-1] = held[starts[-1]]
    axes.plot(
        x[kept],
        held[kept],
        drawstyle="steps-post",
        color=colour,
        label=label,
        **style,  # type: ignore[arg-type]
    )


def band(
    axes: Axes,
    x: FloatArray,
    low: FloatArray,
    high: FloatArray,
    *,
    colour: str,
    **style: float | str,
) -> None:
    """Fill what lies between values that each hold over a piece.

    Args:
        axes: where.
        x: (piece + 1,), positions of the pieces' edges.
        low: (piece,)
        high: (piece,)
        colour: of the area.
        style: further properties of the area.
    """
    axes.fill_between(
        x,
        np.append(low, low[-1]),
        np.append(high, high[-1]),
        step="post",
        color=colour,
        linewidth=0,
        rasterized=True,
        **style,  # type: ignore[arg-type]
    )


def legend_above(axes: Axes, columns: int) -> None:
    """Put the legend above the plot, where it hides nothing."""
    axes.legend(
        loc="lower left",
        bbox_to_anchor=(0, 1),
        ncols=columns,
        borderaxespad=0.2,
        columnspacing=1.4,
        handlelength=1.6,
        labelspacing=0.25,
    )


def _dates(clock: LocalTime, time: NDArray[np.datetime64]) -> str:
    first, last = (str(day) for day in clock.local(time[[0, -1]]).astype("datetime64[D]"))
    return first if first == last else f"{first} to {last}"

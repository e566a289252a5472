"""Figure: the state of charge of all vehicles or storage units."""

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection

from gridloom.scenarios.results.figures.downsampling import (
    IndexArray,
    keep_extremes_of_each,
    whole_pieces,
)
from gridloom.scenarios.results.figures.style import (
    BLUE,
    GREEN,
    INK,
    SKY,
    VERMILLION,
    ReportFigure,
    at_time,
    band,
    is_long,
    legend_above,
    new_axes,
    piece_starts,
    svg_bytes,
    time_axis,
)
from gridloom.scenarios.results.kpis.several_steps import remarked, values_of_rows
from gridloom.scenarios.results.recording import Recording
from gridloom.scenarios.results.session_ends import SessionEnds, session_ends
from gridloom.scenarios.results.wording import DASH, LocalTime, counted, number
from gridloom.simulators.model import FloatArray
from gridloom.simulators.signals import STATE_OF_CHARGE

_PIECES = 300
"""A line of many is drawn in."""
_SHARES = (0.0, 0.1, 0.5, 0.9, 1.0)
_MOST_MARKS = 300
"""Departures that are marked as things of their own."""


@dataclass(frozen=True, kw_only=True)
class _Drawn:
    """What is drawn of the states of charge."""

    lowest: float
    highest: float
    lines: tuple[tuple[IndexArray, FloatArray], ...] = ()
    """Of each element, steps and values."""
    starts: IndexArray | None = None
    """(day,), the first step of each day of a long run."""
    quantiles: FloatArray | None = None
    """(day, 5), over all that is plugged in during a day: lowest, 10 %, median, 90 %, highest."""


def state_of_charge_figure(storage: Recording, clock: LocalTime) -> ReportFigure | None:
    """Draw a thin line for each vehicle; departures are marked by whether the driver got enough.

    Of long runs, how the states of charge of each day are distributed instead.
    """
    drawn = _reduced(storage, at_time(clock, storage.edges))
    if drawn is None:
        return None
    ends = session_ends(storage)
    low, high = 100 * drawn.lowest, 100 * drawn.highest
    kind = str(storage.rows[STATE_OF_CHARGE.name].dims[1]).replace("_", " ")
    caption = f"State of charge in percent, {_manner(drawn, storage, kind)}"
    if ends is None:
        title = remarked(
            f"State of charge of '{storage.name}' moves within {number(low)}{DASH}{number(high)} %",
            values_of_rows(storage),
        )
        caption += "."
    else:
        title = remarked(_title(ends), "" if ends.is_exact else values_of_rows(storage))
        caption += (
            ", only while a vehicle is plugged in; dashed: required at departure. "
            "Marked: departures within the run; sessions that go on after it are not judged."
        )
    return ReportFigure(
        key=f"state-of-charge-{storage.name}",
        title=title,
        caption=caption,
        alternative=f"State of charge over time, {_manner(drawn, storage, kind)}. {title}.",
        svg=_draw(storage, drawn, ends, clock),
    )


def _reduced(storage: Recording, x: FloatArray) -> _Drawn | None:
    """Reduce the states of charge, block by block, to what is drawn; None if there are none."""
    rows = len(x) - 1
    if not is_long(x):
        lines = keep_extremes_of_each(storage.blocks(STATE_OF_CHARGE.name), rows, _PIECES)
        kept = np.concatenate([values for _, values in lines])
        if not np.isfinite(kept).any():
            return None
        lowest, highest = float(np.nanmin(kept)), float(np.nanmax(kept))
        return _Drawn(lowest=lowest, highest=highest, lines=tuple(lines))
    starts = piece_starts(x)
    days = [
        _quantiles(of_day)
        for _, begins, charge in whole_pieces(storage.blocks(STATE_OF_CHARGE.name), starts, rows)
        for of_day in np.split(charge, begins[1:])
    ]
    quantiles = np.array(days)
    if not np.isfinite(quantiles).any():
        return None
    return _Drawn(
        lowest=float(np.nanmin(quantiles)),
        highest=float(np.nanmax(quantiles)),
        starts=starts,
        quantiles=quantiles,
    )


def _quantiles(charge: FloatArray) -> FloatArray:
    """Return the quantiles (5,) of whatever is known, NaN where nothing is."""
    known = charge[np.isfinite(charge)]
    return np.quantile(known, _SHARES) if known.size else np.full(len(_SHARES), np.nan)


def _manner(drawn: _Drawn, storage: Recording, kind: str) -> str:
    """Say what stands for whom."""
    count = storage.rows[STATE_OF_CHARGE.name].shape[1]
    if drawn.quantiles is None:
        return f"one line for each {kind} ({count})"
    return (
        f"of {counted(count, kind)}, all steps of a day together: median, band from the 10th to "
        "the 90th percentile, band from lowest to highest"
    )


def _title(ends: SessionEnds) -> str:
    count, missed = int(ends.departed.sum()), int((ends.missing_kwh > 0).sum())
    if not count:
        return "No vehicle departs during the run"
    if not missed:
        who = f"All {count} departures reach" if count > 1 else "The one departure reaches"
        return f"{who} the required state of charge"
    gap = 100 * float((ends.required - ends.state_of_charge)[ends.departed].max())
    verb = "misses" if missed == 1 else "miss"
    return (
        f"{missed} of {counted(count, 'departure')} {verb} the required state of charge, "
        f"by up to {number(gap)} percentage points"
    )


def _draw(storage: Recording, drawn: _Drawn, ends: SessionEnds | None, clock: LocalTime) -> bytes:
    figure, axes = new_axes(3.7, legend_rows=1 if drawn.quantiles is None else 2)
    x = at_time(clock, storage.end)
    if drawn.starts is not None and drawn.quantiles is not None:
        edges_x = at_time(clock, storage.edges)[np.append(drawn.starts, -1)]
        _draw_days(axes, edges_x, 100 * drawn.quantiles)
    else:
        lines = [np.column_stack([x[steps], 100 * values]) for steps, values in drawn.lines]
        axes.add_collection(
            LineCollection(lines, colors=BLUE, alpha=0.45, linewidths=0.9, rasterized=True)
        )
        axes.autoscale_view()
    if ends is not None:
        _mark_departures(axes, ends, x)
    if ends is not None or drawn.quantiles is not None:
        legend_above(axes, 3)
    axes.set_ylabel("state of charge (%)")
    axes.margins(y=0.06)
    time_axis(axes, clock, storage.edges)
    return svg_bytes(figure)


def _draw_days(axes: Axes, x: FloatArray, percent: FloatArray) -> None:
    """Draw quantiles (day, 5) between the days' edges ``x``: (day + 1,)."""
    lowest, low, median, high, highest = percent.T
    band(axes, x, lowest, highest, colour=SKY, alpha=0.35, label="lowest to highest")
    band(axes, x, low, high, colour=BLUE, alpha=0.35, label="10 % to 90 %")
    held = np.append(median, median[-1])
    axes.plot(x, held, color=BLUE, drawstyle="steps-post", label="median of the day")


def _mark_departures(axes: Axes, ends: SessionEnds, x: FloatArray) -> None:
    departed, missed = ends.departed, ends.missing_kwh > 0
    required = np.unique(ends.required[departed])
    many = len(departed) > _MOST_MARKS
    size = 0.4 if many else 1.0
    if len(required) == 1:
        label = f"required at departure ({number(100 * float(required[0]))} %)"
        axes.axhline(100 * required[0], color=INK, linestyle="--", linewidth=1.1, label=label)
    else:
        axes.plot(
            x[ends.row[departed]],
            100 * ends.required[departed],
            color=INK,
            linestyle="",
            marker="_",
            label="required at this departure",
        )
    for chosen, colour, marker, label in (
        (departed & ~missed, GREEN, "o", "departs with enough"),
        (departed & missed, VERMILLION, "X", "departs with too little"),
    ):
        if chosen.any():
            axes.plot(
                x[ends.row[chosen]],
                100 * ends.state_of_charge[chosen],
                color=colour,
                linestyle="",
                marker=marker,
                markersize=size * (5.5 if marker == "o" else 7),
                markeredgecolor="none" if many else "white",
                markeredgewidth=0.6,
                rasterized=many,
                clip_on=False,
                zorder=3,
                label=f"{label} ({int(chosen.sum())})",
            )

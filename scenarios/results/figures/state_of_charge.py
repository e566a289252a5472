"""Figure: the state of charge of all vehicles or storage units."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection

from gridloom.scenarios.results.figures.downsampling import keep_extremes
from gridloom.scenarios.results.figures.style import (
    BLUE,
    GREEN,
    INK,
    VERMILLION,
    ReportFigure,
    at_time,
    legend_above,
    new_axes,
    svg_bytes,
    time_axis,
)
from gridloom.scenarios.results.recording import Recording
from gridloom.scenarios.results.session_ends import SessionEnds, session_ends
from gridloom.scenarios.results.wording import DASH, LocalTime, counted, number
from gridloom.simulators.model import FloatArray
from gridloom.simulators.signals import STATE_OF_CHARGE

_PIECES = 300
"""A line of many is drawn in."""


def state_of_charge_figure(storage: Recording, clock: LocalTime) -> ReportFigure | None:
    """Draw a thin line for each vehicle; departures are marked by whether the driver got enough."""
    charge = storage.values(STATE_OF_CHARGE.name)
    if not np.isfinite(charge).any():
        return None
    ends = session_ends(storage)
    low, high = 100 * float(np.nanmin(charge)), 100 * float(np.nanmax(charge))
    kind = str(storage.rows[STATE_OF_CHARGE.name].dims[1]).replace("_", " ")
    caption = f"State of charge in percent, one line for each {kind} ({charge.shape[1]})"
    if ends is None:
        title = (
            f"State of charge of '{storage.name}' moves within {number(low)}{DASH}{number(high)} %"
        )
        caption += "."
    else:
        title = _title(ends)
        caption += (
            ", interrupted while no vehicle is plugged in; dashed: required at departure. "
            "Marked: departures within the run; sessions that go on after it are not judged."
        )
    return ReportFigure(
        key=f"state-of-charge-{storage.name}",
        title=title,
        caption=caption,
        alternative=f"State of charge over time, one line for each {kind}. {title}.",
        svg=_draw(storage, charge, ends, clock),
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


def _draw(
    storage: Recording, charge: FloatArray, ends: SessionEnds | None, clock: LocalTime
) -> bytes:
    figure, axes = new_axes(3.7)
    x = at_time(clock, storage.end)
    lines = [
        np.column_stack([x[kept], 100 * values[kept]])
        for values in charge.T
        for kept in [keep_extremes(values, _PIECES)]
    ]
    axes.add_collection(
        LineCollection(lines, colors=BLUE, alpha=0.45, linewidths=0.9, rasterized=True)
    )
    axes.autoscale_view()
    if ends is not None:
        _mark_departures(axes, ends, x)
        legend_above(axes, 3)
    axes.set_ylabel("state of charge (%)")
    axes.margins(y=0.06)
    time_axis(axes, clock, storage.edges)
    return svg_bytes(figure)


def _mark_departures(axes: Axes, ends: SessionEnds, x: FloatArray) -> None:
    departed, missed = ends.departed, ends.missing_kwh > 0
    required = np.unique(ends.required[departed])
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
                markersize=5.5 if marker == "o" else 7,
                markeredgecolor="white",
                markeredgewidth=0.6,
                clip_on=False,
                zorder=3,
                label=f"{label} ({int(chosen.sum())})",
            )

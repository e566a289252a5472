"""Figure: the state of charge of all vehicles or storage units."""

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from numpy.typing import NDArray

from gridloom.scenarios.results.downsampling import keep_extremes
from gridloom.scenarios.results.figure_style import (
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
from gridloom.scenarios.results.record_parts import Recording
from gridloom.scenarios.results.wording import DASH, LocalTime, counted, number
from gridloom.simulators.model import FloatArray
from gridloom.simulators.signals import STATE_OF_CHARGE

_PIECES = 300
"""A line of many is drawn in."""
_TOLERANCE_KWH = 0.02
"""As the indicators have it: a meter does not show less."""
_COLUMNS = (
    "charging_point",
    "arrival_s",
    "departure_s",
    "arrival_state_of_charge",
    "required_state_of_charge",
    "energy_capacity_kwh",
)


@dataclass(frozen=True, kw_only=True)
class _Departures:
    """The sessions that end while recorded; arrays (departure,)."""

    row: NDArray[np.intp]
    """Last row of the session."""
    state_of_charge: FloatArray
    required: FloatArray
    capacity_kwh: FloatArray

    @property
    def missed(self) -> NDArray[np.bool_]:
        """Whether the vehicle left with less than required."""
        missing_kwh = (self.required - self.state_of_charge) * self.capacity_kwh
        return missing_kwh > _TOLERANCE_KWH


def state_of_charge_figure(storage: Recording, clock: LocalTime) -> ReportFigure | None:
    """Draw a thin line for each vehicle; departures are marked by whether the driver got enough."""
    charge = storage.values(STATE_OF_CHARGE.name)
    if not np.isfinite(charge).any():
        return None
    departures = _departures(storage, charge)
    low, high = 100 * float(np.nanmin(charge)), 100 * float(np.nanmax(charge))
    kind = str(storage.rows[STATE_OF_CHARGE.name].dims[1]).replace("_", " ")
    caption = f"State of charge in percent, one line for each {kind} ({charge.shape[1]})"
    if departures is None:
        title = (
            f"State of charge of '{storage.name}' moves within {number(low)}{DASH}{number(high)} %"
        )
        caption += "."
    else:
        title = _title(departures)
        caption += (
            ", interrupted while no vehicle is plugged in; dashed: required at departure. "
            "Marked: departures within the run; sessions that go on after it are not judged."
        )
    return ReportFigure(
        key=f"state-of-charge-{storage.name}",
        title=title,
        caption=caption,
        alternative=f"State of charge over time, one line for each {kind}. {title}.",
        svg=_draw(storage, charge, departures, clock),
    )


def _departures(storage: Recording, charge: FloatArray) -> _Departures | None:
    """Return the departures within the run, or None where nobody comes and goes.

    The state at departure is that at the end of the session's last whole step, or that at arrival
    for a session too short to have one.
    """
    if any(f"session_{column}" not in storage for column in _COLUMNS):
        return None
    point, arrival_s, departure_s, at_arrival, required, capacity_kwh = (
        storage.values(f"session_{column}") for column in _COLUMNS
    )
    within = (departure_s > 0) & (departure_s <= len(charge) * storage.step_s)
    row = np.maximum(departure_s // storage.step_s - 1, 0).astype(np.intp)[within]
    measured = charge[row, point.astype(np.intp)[within]]
    stayed = (row + 1) * storage.step_s > arrival_s[within]
    known = stayed & np.isfinite(measured)
    return _Departures(
        row=row,
        state_of_charge=np.where(known, measured, at_arrival[within]),
        required=required[within],
        capacity_kwh=capacity_kwh[within],
    )


def _title(departures: _Departures) -> str:
    count, missed = len(departures.row), int(departures.missed.sum())
    if not count:
        return "No vehicle departs during the run"
    if not missed:
        who = f"All {count} departures reach" if count > 1 else "The one departure reaches"
        return f"{who} the required state of charge"
    gap = 100 * float((departures.required - departures.state_of_charge).max())
    verb = "misses" if missed == 1 else "miss"
    return (
        f"{missed} of {counted(count, 'departure')} {verb} the required state of charge, "
        f"by up to {number(gap)} percentage points"
    )


def _draw(
    storage: Recording, charge: FloatArray, departures: _Departures | None, clock: LocalTime
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
    if departures is not None:
        _mark_departures(axes, departures, x)
        legend_above(axes, 3)
    axes.set_ylabel("state of charge (%)")
    axes.margins(y=0.06)
    time_axis(axes, clock, storage.edges)
    return svg_bytes(figure)


def _mark_departures(axes: Axes, departures: _Departures, x: FloatArray) -> None:
    required = np.unique(departures.required)
    if len(required) == 1:
        label = f"required at departure ({number(100 * float(required[0]))} %)"
        axes.axhline(100 * required[0], color=INK, linestyle="--", linewidth=1.1, label=label)
    else:
        axes.plot(
            x[departures.row],
            100 * departures.required,
            color=INK,
            linestyle="",
            marker="_",
            label="required at this departure",
        )
    missed = departures.missed
    for chosen, colour, marker, label in (
        (~missed, GREEN, "o", "departs with enough"),
        (missed, VERMILLION, "X", "departs with too little"),
    ):
        if chosen.any():
            axes.plot(
                x[departures.row[chosen]],
                100 * departures.state_of_charge[chosen],
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

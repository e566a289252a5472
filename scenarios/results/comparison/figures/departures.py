"""Figure 5 of the paper: with how much each vehicle leaves, against what its driver requires."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from gridloom.scenarios.results.comparison.comparison import Comparison
from gridloom.scenarios.results.comparison.figures.looks import (
    Look,
    axes_with_legend,
    scheme_legend,
)
from gridloom.scenarios.results.figures.style import INK, ReportFigure, svg_bytes
from gridloom.scenarios.results.recording import Recording
from gridloom.scenarios.results.session_ends import SessionEnds, session_ends
from gridloom.scenarios.results.wording import LocalTime, counted
from gridloom.simulators.model import FloatArray

_DODGE = 0.6
"""Width that the markers of one session share."""
_LEAST_RANGE_PERCENT = 10.0
"""Of the vertical axis: what vehicles have beyond their requirement may be but rounding."""
_MOST_TICKS = 60
_CHARACTERS = 110
"""That fit side by side below the plot."""


@dataclass(frozen=True, kw_only=True)
class _Departures:
    """The sessions of one fleet that ended within the run, by departure."""

    times: list[str]
    """(session,), local time of departure."""
    required: FloatArray
    """(session,)."""
    state_of_charge: dict[str, FloatArray]
    """(session,), by label of the run."""
    missed: dict[str, int]
    """Sessions below their requirement, by label of the run."""


def departure_figures(comparison: Comparison, looks: Mapping[str, Look]) -> list[ReportFigure]:
    """Draw the state of charge of every vehicle that left, fleet by fleet."""
    fleets = dict.fromkeys(s.name for run in comparison.runs for s in run.parts.storages)
    figures = []
    for fleet in fleets:
        departures = _departures(comparison, fleet)
        if departures is not None:
            title = _title(departures)
            figures.append(
                ReportFigure(
                    key=f"departures-{fleet}",
                    title=title,
                    caption=(
                        f"State of charge in percent of each vehicle of '{fleet}' that left within "
                        "the run, at departure, in order of departure. Bar: required. Vehicles "
                        "still plugged in at the end are not shown."
                    ),
                    alternative=(
                        f"State of charge at departure, one marker a vehicle and scheme. {title}."
                    ),
                    svg=_draw(departures, looks),
                )
            )
    return figures


def _departures(comparison: Comparison, fleet: str) -> _Departures | None:
    """Return who left, as all runs have it; runs with other sessions are left out."""
    found: dict[str, tuple[Recording, SessionEnds]] = {}
    for run in comparison.runs:
        storage = next((s for s in run.parts.storages if s.name == fleet), None)
        ends = None if storage is None else session_ends(storage)
        if storage is not None and ends is not None and ends.departed.any():
            found[run.label] = (storage, ends)
    if not found:
        return None
    storage, first = next(iter(found.values()))
    order = np.argsort(first.row[first.departed], kind="stable")
    departed_at = storage.end[first.row[first.departed][order]]
    same = {
        label: ends
        for label, (_, ends) in found.items()
        if np.array_equal(ends.departed, first.departed)
    }
    return _Departures(
        times=_times(comparison.reference.parts.clock, departed_at),
        required=first.required[first.departed][order],
        state_of_charge={
            label: ends.state_of_charge[ends.departed][order] for label, ends in same.items()
        },
        missed={label: int((ends.missing_kwh > 0).sum()) for label, ends in same.items()},
    )


def _times(clock: LocalTime, departed_at: NDArray[np.datetime64]) -> list[str]:
    """Write when vehicles left: the time of day, with the date unless it is the same for all."""
    days = np.unique(clock.local(departed_at).astype("datetime64[D]"))
    times = [clock.clock(at)[:-3] for at in departed_at]
    return [time[-len("hh:mm") :] for time in times] if len(days) == 1 else times


def _title(departures: _Departures) -> str:
    count = len(departures.times)
    missed = {label: number for label, number in departures.missed.items() if number}
    if not missed:
        departed = counted(count, "departure")
        return f"Every vehicle leaves with what it requires, in all runs ({departed})"
    told = ", ".join(f"{label} {number}" for label, number in missed.items())
    fine = [label for label in departures.missed if label not in missed]
    rest = f"; {', '.join(fine)} none" if fine else ""
    return f"Vehicles that leave below their requirement, of {count}: {told}{rest}"


def _draw(departures: _Departures, looks: Mapping[str, Look]) -> bytes:
    runs = list(departures.state_of_charge)
    figure, axes = axes_with_legend(len(runs) + 1, 3.6)
    middle = np.arange(len(departures.times))
    offsets = _DODGE * ((np.arange(len(runs)) + 0.5) / len(runs) - 0.5)
    axes.hlines(
        100 * departures.required,
        middle - 0.45,
        middle + 0.45,
        color=INK,
        linewidth=1.2,
        label="required",
    )
    for offset, label in zip(offsets, runs, strict=True):
        look = looks[label]
        axes.plot(
            middle + offset,
            100 * departures.state_of_charge[label],
            color=look.colour,
            linestyle="",
            marker=look.marker,
            markersize=5,
            markeredgecolor="white",
            markeredgewidth=0.5,
            label=label,
            zorder=3,
        )
    _time_ticks(axes, departures.times)
    axes.set_ylabel("state of charge at departure (%)")
    axes.margins(y=0.1)
    low, high = axes.get_ylim()
    room = max(0.0, _LEAST_RANGE_PERCENT - (high - low)) / 2
    axes.set_ylim(low - room, high + room)
    scheme_legend(axes)
    return svg_bytes(figure)


def _time_ticks(axes: Axes, times: Sequence[str]) -> None:
    """Write at each session when it ended, or nothing where they are too many."""
    axes.set_xlim(-0.6, len(times) - 0.4)
    axes.grid(visible=False, axis="x")
    axes.set_xlabel("charging session, by its departure (local time)")
    few = len(times) <= _MOST_TICKS
    axes.set_xticks(range(len(times)) if few else [])
    if few:
        upright = sum(map(len, times)) > _CHARACTERS
        axes.set_xticklabels(times, rotation=90 if upright else 0, fontsize=8)

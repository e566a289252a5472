"""Figure: how warm it is indoors and outdoors, all heated buildings together."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from gridloom.scenarios.results.figures.downsampling import (
    column_extremes,
    column_means,
)
from gridloom.scenarios.results.figures.style import (
    BLUE,
    INK,
    ORANGE,
    VERMILLION,
    ReportFigure,
    at_time,
    drawn_by_day,
    legend_above,
    new_panels,
    piece_starts,
    step_line,
    svg_bytes,
    time_axis,
)
from gridloom.scenarios.results.kpis.comfort import beyond_comfort_k, tells_comfort
from gridloom.scenarios.results.kpis.several_steps import remarked, values_of_rows
from gridloom.scenarios.results.recording import Recording
from gridloom.scenarios.results.wording import DASH, LocalTime, counted, number
from gridloom.simulators.model import FloatArray
from gridloom.simulators.thermal_signals import (
    INDOOR_TEMPERATURE,
    OUTDOOR_TEMPERATURE,
    TEMPERATURE_LIMIT_HIGH,
    TEMPERATURE_LIMIT_LOW,
)

_HEIGHT_IN = 2.1
_MIDDLE = (10.0, 50.0, 90.0)
"""Percentiles: most buildings are between the outer ones."""


@dataclass(frozen=True, kw_only=True)
class _Indoors:
    """Temperatures of all buildings of a model; arrays are (time,), °C."""

    lowest_c: FloatArray
    middle_c: tuple[FloatArray, ...]
    """By percentile."""
    highest_c: FloatArray
    buildings: int
    outside: int
    """Buildings that ever leave the comfort limits."""
    farthest_k: float
    """By how much, at worst."""


def indoor_temperature_figure(buildings: Recording, clock: LocalTime) -> ReportFigure | None:
    """Draw the band of indoor temperatures, comfort limits and the outdoor temperature.

    None for devices that tell no comfort.
    """
    if not tells_comfort(buildings):
        return None
    indoors = _indoors(buildings)
    title = remarked(_title(indoors), values_of_rows(buildings))
    has_outdoor = _has_outdoor(buildings)
    return ReportFigure(
        key=f"indoor-temperature-{buildings.name}",
        title=title,
        caption=(
            f"Indoor temperature in degrees Celsius of the {counted(indoors.buildings, 'building')}"
            f" heated by '{buildings.name}': median, band from the 10th to the 90th percentile, "
            "band from lowest to highest; dashed: comfort limits. "
            + ("Bottom: outdoor temperature. " if has_outdoor else "")
            + "Heat that is bought ahead of time shows as buildings that grow warmer while energy "
            "is cheap, and cool down to the lower limit while it is not."
            + drawn_by_day(buildings.edges)
        ),
        alternative=f"Indoor temperatures over time between comfort limits. {title}.",
        svg=_draw(buildings, indoors, clock),
    )


def _has_outdoor(buildings: Recording) -> bool:
    name = OUTDOOR_TEMPERATURE.name
    return name in buildings and buildings.rows[name].ndim == 1


def _indoors(buildings: Recording) -> _Indoors:
    lows_c, middles_c, highs_c = [], [], []
    count = buildings.rows[INDOOR_TEMPERATURE.name].shape[1]
    outside, farthest_k = np.zeros(count, dtype=np.bool_), 0.0
    for indoor_c, beyond_k in beyond_comfort_k(buildings):
        lows_c.append(indoor_c.min(axis=1))
        highs_c.append(indoor_c.max(axis=1))
        middles_c.append(np.percentile(indoor_c, _MIDDLE, axis=1))
        outside |= beyond_k.any(axis=(0, 1))
        farthest_k = max(farthest_k, float(beyond_k.max()))
    return _Indoors(
        lowest_c=np.concatenate(lows_c),
        middle_c=tuple(np.concatenate(middles_c, axis=1)),
        highest_c=np.concatenate(highs_c),
        buildings=count,
        outside=int(np.count_nonzero(outside)),
        farthest_k=farthest_k,
    )


def _title(indoors: _Indoors) -> str:
    span_c = (
        f"{number(float(indoors.lowest_c.min()))}{DASH}{number(float(indoors.highest_c.max()))} °C"
    )
    if not indoors.outside:
        return f"All {indoors.buildings} heated buildings stay within their limits: {span_c}"
    return (
        f"{indoors.outside} of {counted(indoors.buildings, 'heated building')} leave the comfort "
        f"limits, by up to {number(indoors.farthest_k)} K: {span_c}"
    )


def _draw(buildings: Recording, indoors: _Indoors, clock: LocalTime) -> bytes:
    has_outdoor = _has_outdoor(buildings)
    figure, panels = new_panels(2 if has_outdoor else 1, 1, _HEIGHT_IN)
    x = at_time(clock, buildings.edges)
    _draw_indoors(panels[0], indoors, x)
    limits: dict[str, Any] = {"colour": VERMILLION, "linestyle": "--"}
    for signal, label in ((TEMPERATURE_LIMIT_LOW, "comfort limits"), (TEMPERATURE_LIMIT_HIGH, "")):
        step_line(panels[0], x, buildings.values(signal.name), label=label, **limits)
    panels[0].set_ylabel("indoors (°C)")
    legend_above(panels[0], 4)
    if has_outdoor:
        outdoor_c = buildings.values(OUTDOOR_TEMPERATURE.name)
        step_line(panels[1], x, outdoor_c, colour=INK, label="outdoors")
        panels[1].set_ylabel("outdoors (°C)")
    for axes in panels:
        time_axis(axes, clock, buildings.edges)
        if axes is not panels[-1]:
            axes.set_xlabel("")
    return svg_bytes(figure)


def _draw_indoors(axes: Axes, indoors: _Indoors, x: FloatArray) -> None:
    starts = piece_starts(x)
    edges = x[np.append(starts, -1)]
    low_c = column_extremes(indoors.lowest_c, starts, np.fmin)
    high_c = column_extremes(indoors.highest_c, starts, np.fmax)
    few_c, median_c, most_c = (column_means(values, starts) for values in indoors.middle_c)
    for bottom_c, top_c, alpha, label in (
        (low_c, high_c, 0.2, "lowest to highest"),
        (few_c, most_c, 0.4, "10 % to 90 %"),
    ):
        held = (np.append(bottom_c, bottom_c[-1]), np.append(top_c, top_c[-1]))
        axes.fill_between(edges, *held, step="post", color=ORANGE, alpha=alpha, lw=0, label=label)
    step_line(axes, edges, median_c, colour=BLUE, label="median", linewidth=1.5)

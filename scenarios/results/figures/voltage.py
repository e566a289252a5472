"""Figure: the band of all bus voltages against the admissible range."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from gridloom.scenarios.results.figures.downsampling import column_extremes, column_starts
from gridloom.scenarios.results.figures.style import (
    BLUE,
    COLUMNS,
    SKY,
    VERMILLION,
    ReportFigure,
    at_time,
    legend_above,
    new_axes,
    svg_bytes,
    time_axis,
)
from gridloom.scenarios.results.recording import Recording
from gridloom.scenarios.results.wording import DASH, LocalTime, span
from gridloom.simulators.model import FloatArray
from gridloom.simulators.signals import BUS_VOLTAGE

_SHARES = (0.0, 0.05, 0.5, 0.95, 1.0)


@dataclass(frozen=True, kw_only=True)
class _Band:
    """Quantiles over all buses and phases, one row a step."""

    quantiles_pu: FloatArray
    """(time, 5): lowest, 5 %, median, 95 %, highest."""
    lowest_pu: FloatArray
    """(bus,), over time and phases."""
    highest_pu: FloatArray


def voltage_figure(grid: Recording, clock: LocalTime) -> ReportFigure | None:
    """Draw lowest, median and highest voltage and the 5 % to 95 % band over all buses."""
    if BUS_VOLTAGE.name not in grid:
        return None
    band = _band(grid)
    if band is None:
        return None
    limits_pu = _limits(grid)
    title = _title(band, limits_pu, grid.step_s)
    names = grid.names("bus")
    lowest, highest = int(np.nanargmin(band.lowest_pu)), int(np.nanargmax(band.highest_pu))
    caption = (
        f"Voltage magnitude per unit of nominal, all {len(names)} buses"
        + (
            " and all phases to neutral"
            if grid.rows.sizes["phase"] > 1
            else ", balanced power flow"
        )
        + f": median, band from the 5th to the 95th percentile, band from lowest to highest. "
        f"Lowest {band.lowest_pu[lowest]:.3f} pu at bus {names[lowest]}, "
        f"highest {band.highest_pu[highest]:.3f} pu at bus {names[highest]}. "
        "The indicators above judge the connection points only."
    )
    return ReportFigure(
        key="voltage",
        title=title,
        caption=caption,
        alternative=f"Band of all bus voltages over time. {title}.",
        svg=_draw(grid, band, limits_pu, clock),
    )


def _band(grid: Recording) -> _Band | None:
    buses = grid.rows.sizes["bus"]
    quantiles: list[FloatArray] = []
    lowest_pu, highest_pu = np.full(buses, np.nan), np.full(buses, np.nan)
    for voltage_pu in grid.blocks(BUS_VOLTAGE.name):
        lowest_pu = np.fmin(lowest_pu, np.fmin.reduce(np.fmin.reduce(voltage_pu), axis=1))
        highest_pu = np.fmax(highest_pu, np.fmax.reduce(np.fmax.reduce(voltage_pu), axis=1))
        quantiles.append(_row_quantiles(voltage_pu.reshape(len(voltage_pu), -1)))
    if not np.isfinite(lowest_pu).any():
        return None
    return _Band(quantiles_pu=np.concatenate(quantiles), lowest_pu=lowest_pu, highest_pu=highest_pu)


def _row_quantiles(values: FloatArray) -> FloatArray:
    """Return the quantiles of each row (nearest rank) over what is not NaN."""
    ordered = np.sort(values, axis=1)  # puts NaN last
    known = np.count_nonzero(~np.isnan(values), axis=1)
    ranks = np.rint(np.multiply.outer(np.maximum(known - 1, 0), _SHARES)).astype(np.intp)
    quantiles: FloatArray = np.take_along_axis(ordered, ranks, axis=1)
    return quantiles


def _limits(grid: Recording) -> tuple[float, float] | None:
    names = ("voltage_limit_low_pu", "voltage_limit_high_pu")
    if any(name not in grid for name in names):
        return None
    low, high = (float(grid.values(name)) for name in names)
    return low, high


def _title(band: _Band, limits_pu: tuple[float, float] | None, step_s: int) -> str:
    lowest, highest = float(np.nanmin(band.lowest_pu)), float(np.nanmax(band.highest_pu))
    found = f"{lowest:.3f}{DASH}{highest:.3f} pu"
    if limits_pu is None:
        return f"Bus voltages range over {found}"
    low, high = limits_pu
    admissible = f"{low:.2f}{DASH}{high:.2f} pu"
    outside = (band.quantiles_pu[:, 0] < low) | (band.quantiles_pu[:, -1] > high)
    if outside.any():
        outside_s = int(np.count_nonzero(outside)) * step_s
        return f"Bus voltages leave {admissible} for {span(outside_s)}: they range over {found}"
    return f"All bus voltages stay within {admissible}: they range over {found}"


def _draw(
    grid: Recording, band: _Band, limits_pu: tuple[float, float] | None, clock: LocalTime
) -> bytes:
    figure, axes = new_axes()
    starts = column_starts(len(band.quantiles_pu), COLUMNS)
    x = at_time(clock, grid.edges)[np.append(starts, -1)]
    # Where a piece holds several steps, the bands cover all of them.
    extremes = (np.fmin, np.fmin, None, np.fmax, np.fmax)
    drawn = [
        values[starts] if extreme is None else column_extremes(values, starts, extreme)
        for values, extreme in zip(band.quantiles_pu.T, extremes, strict=True)
    ]
    lowest, low, median, high, highest = (np.append(values, values[-1]) for values in drawn)
    fill: dict[str, Any] = {"step": "post", "linewidth": 0, "rasterized": True}
    axes.fill_between(x, lowest, highest, color=SKY, alpha=0.35, label="lowest to highest", **fill)
    axes.fill_between(x, low, high, color=BLUE, alpha=0.35, label="5 % to 95 % of buses", **fill)
    axes.plot(x, median, color=BLUE, drawstyle="steps-post", label="median")
    for limit, label in zip(limits_pu or (), ("admissible range", None), strict=False):
        axes.axhline(limit, color=VERMILLION, linestyle="--", label=label)
    axes.set_ylabel("voltage (pu)")
    time_axis(axes, clock, grid.edges)
    legend_above(axes, 4)
    return svg_bytes(figure)

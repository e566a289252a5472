"""Figure: the band of all bus voltages against the admissible range."""

from dataclasses import dataclass

import numpy as np

from gridloom.scenarios.results.figures.downsampling import (
    IndexArray,
    column_extremes,
    known_means,
    whole_pieces,
)
from gridloom.scenarios.results.figures.style import (
    BLUE,
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
from gridloom.scenarios.results.recording import Recording
from gridloom.scenarios.results.wording import DASH, LocalTime, span
from gridloom.simulators.model import FloatArray
from gridloom.simulators.signals import BUS_VOLTAGE

_SHARES = (0.0, 0.05, 0.5, 0.95, 1.0)
_BY_DAY = "Bands cover all steps of a day; of medians, the day's mean is drawn. "


@dataclass(frozen=True, kw_only=True)
class _Band:
    """Quantiles over all buses and phases; of a piece that is drawn, what covers all its steps."""

    x: FloatArray
    """(piece + 1,), positions of the pieces' edges."""
    quantiles_pu: FloatArray
    """(piece, 5): lowest, 5 %, median, 95 %, highest; of medians the mean."""
    outside_steps: int
    """Steps at which any bus is outside the admissible range."""
    lowest_pu: FloatArray
    """(bus,), over time and phases."""
    highest_pu: FloatArray


def voltage_figure(grid: Recording, clock: LocalTime) -> ReportFigure | None:
    """Draw lowest, median and highest voltage and the 5 % to 95 % band over all buses."""
    if BUS_VOLTAGE.name not in grid:
        return None
    limits_pu = _limits(grid)
    voltages = _band(grid, at_time(clock, grid.edges), limits_pu or (-np.inf, np.inf))
    if voltages is None:
        return None
    title = _title(voltages, limits_pu, grid.step_s)
    names = grid.names("bus")
    lowest, highest = int(np.nanargmin(voltages.lowest_pu)), int(np.nanargmax(voltages.highest_pu))
    caption = (
        f"Voltage magnitude per unit of nominal, all {len(names)} buses"
        + (
            " and all phases to neutral"
            if grid.rows.sizes["phase"] > 1
            else ", balanced power flow"
        )
        + f": median, band from the 5th to the 95th percentile, band from lowest to highest. "
        f"Lowest {voltages.lowest_pu[lowest]:.3f} pu at bus {names[lowest]}, "
        f"highest {voltages.highest_pu[highest]:.3f} pu at bus {names[highest]}. "
        + (
            "Bands cover all steps of each day; the median is its mean. "
            if is_long(voltages.x)
            else ""
        )
        + "The indicators above judge the connection points only."
    )
    return ReportFigure(
        key="voltage",
        title=title,
        caption=caption,
        alternative=f"Band of all bus voltages over time. {title}.",
        svg=_draw(grid, voltages, limits_pu, clock),
    )


def _band(grid: Recording, x: FloatArray, limits_pu: tuple[float, float]) -> _Band | None:
    """Reduce the voltages to what is drawn; ``x``: (time + 1,), positions of the steps' edges."""
    starts = piece_starts(x)
    lowest_pu, highest_pu = (np.full(grid.rows.sizes["bus"], np.nan) for _ in range(2))
    pieces: list[FloatArray] = []
    outside_steps = 0
    for _, begins, voltage_pu in whole_pieces(grid.blocks(BUS_VOLTAGE.name), starts, len(x) - 1):
        lowest_pu = np.fmin(lowest_pu, np.fmin.reduce(np.fmin.reduce(voltage_pu), axis=1))
        highest_pu = np.fmax(highest_pu, np.fmax.reduce(np.fmax.reduce(voltage_pu), axis=1))
        quantiles_pu = _row_quantiles(voltage_pu.reshape(len(voltage_pu), -1))
        outside = (quantiles_pu[:, 0] < limits_pu[0]) | (quantiles_pu[:, -1] > limits_pu[1])
        outside_steps += int(np.count_nonzero(outside))
        pieces.append(_covering(quantiles_pu, begins))
    if not np.isfinite(lowest_pu).any():
        return None
    return _Band(
        x=x[np.append(starts, -1)],
        quantiles_pu=np.concatenate(pieces),
        outside_steps=outside_steps,
        lowest_pu=lowest_pu,
        highest_pu=highest_pu,
    )


def _covering(quantiles_pu: FloatArray, begins: IndexArray) -> FloatArray:
    """Return the quantiles (piece, 5) of pieces of several steps, (time, 5)."""
    extremes = (np.fmin, np.fmin, None, np.fmax, np.fmax)
    columns = [
        known_means(values, begins) if extreme is None else column_extremes(values, begins, extreme)
        for values, extreme in zip(quantiles_pu.T, extremes, strict=True)
    ]
    return np.column_stack(columns)


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


def _title(voltages: _Band, limits_pu: tuple[float, float] | None, step_s: int) -> str:
    lowest, highest = float(np.nanmin(voltages.lowest_pu)), float(np.nanmax(voltages.highest_pu))
    found = f"{lowest:.3f}{DASH}{highest:.3f} pu"
    if limits_pu is None:
        return f"Bus voltages range over {found}"
    low, high = limits_pu
    admissible = f"{low:.2f}{DASH}{high:.2f} pu"
    if voltages.outside_steps:
        outside_s = voltages.outside_steps * step_s
        return f"Bus voltages leave {admissible} for {span(outside_s)}: they range over {found}"
    return f"All bus voltages stay within {admissible}: they range over {found}"


def _draw(
    grid: Recording, voltages: _Band, limits_pu: tuple[float, float] | None, clock: LocalTime
) -> bytes:
    figure, axes = new_axes()
    lowest, low, median, high, highest = voltages.quantiles_pu.T
    x = voltages.x
    band(axes, x, lowest, highest, colour=SKY, alpha=0.35, label="lowest to highest")
    band(axes, x, low, high, colour=BLUE, alpha=0.35, label="5 % to 95 % of buses")
    held = np.append(median, median[-1])
    axes.plot(x, held, color=BLUE, drawstyle="steps-post", label="median")
    for limit, label in zip(limits_pu or (), ("admissible range", None), strict=False):
        axes.axhline(limit, color=VERMILLION, linestyle="--", label=label)
    axes.set_ylabel("voltage (pu)")
    time_axis(axes, clock, grid.edges)
    legend_above(axes, 4)
    return svg_bytes(figure)

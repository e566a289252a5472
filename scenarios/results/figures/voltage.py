"""Figure: the band of all bus voltages against the admissible range."""

from collections.abc import Iterator
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
from gridloom.scenarios.results.kpis.several_steps import means_of_rows, remarked
from gridloom.scenarios.results.recording import Recording
from gridloom.scenarios.results.wording import DASH, LocalTime, span
from gridloom.simulators.model import FloatArray
from gridloom.simulators.signals import BUS_VOLTAGE

_SHARES = (0.0, 0.05, 0.5, 0.95, 1.0)
_KEPT = 3
"""Of the steps that a row covers: mean, lowest and highest."""


@dataclass(frozen=True, kw_only=True)
class _Band:
    """Quantiles over all buses and phases; of a piece that is drawn, what covers all its steps.

    Where rows cover several steps, lowest and highest are those of the steps if the record tells
    them, and all else is of the rows' means.
    """

    x: FloatArray
    """(piece + 1,), positions of the pieces' edges."""
    quantiles_pu: FloatArray
    """(piece, 5): lowest, 5 %, median, 95 %, highest; of medians the mean."""
    outside_rows: int
    """Rows in which any bus is outside the admissible range, by their means."""
    means: str
    """What rows hold that cover several steps, as in "15-min means"; '' if they do not."""
    tells_extremes: bool
    lowest_pu: FloatArray
    """(bus,), over time and phases."""
    highest_pu: FloatArray

    @property
    def range_pu(self) -> tuple[float, float]:
        return float(np.nanmin(self.lowest_pu)), float(np.nanmax(self.highest_pu))


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
        + f": {_bands(voltages)}. "
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
    outside_rows = 0
    for _, begins, voltages_pu in whole_pieces(_blocks(grid), starts, len(x) - 1):
        shape = (len(voltages_pu), _KEPT, *voltages_pu.shape[2:])
        mean_pu, low_pu, high_pu = np.moveaxis(np.broadcast_to(voltages_pu, shape), 1, 0)
        lowest_pu = np.fmin(lowest_pu, np.fmin.reduce(np.fmin.reduce(low_pu), axis=1))
        highest_pu = np.fmax(highest_pu, np.fmax.reduce(np.fmax.reduce(high_pu), axis=1))
        quantiles_pu = _row_quantiles(mean_pu.reshape(len(mean_pu), -1))
        outside = (quantiles_pu[:, 0] < limits_pu[0]) | (quantiles_pu[:, -1] > limits_pu[1])
        outside_rows += int(np.count_nonzero(outside))
        if voltages_pu.shape[1] == _KEPT:
            quantiles_pu[:, 0] = np.fmin.reduce(low_pu.reshape(len(low_pu), -1), axis=1)
            quantiles_pu[:, -1] = np.fmax.reduce(high_pu.reshape(len(high_pu), -1), axis=1)
        pieces.append(_covering(quantiles_pu, begins))
    if not np.isfinite(lowest_pu).any():
        return None
    return _Band(
        x=x[np.append(starts, -1)],
        quantiles_pu=np.concatenate(pieces),
        outside_rows=outside_rows,
        means=means_of_rows(grid),
        tells_extremes=_tells_extremes(grid),
        lowest_pu=lowest_pu,
        highest_pu=highest_pu,
    )


def _tells_extremes(grid: Recording) -> bool:
    return grid.tells(BUS_VOLTAGE, "min") and grid.tells(BUS_VOLTAGE, "max")


def _blocks(grid: Recording) -> Iterator[FloatArray]:
    """Yield voltages block by block, (time, 1 or 3, bus, phase): see `_KEPT`, or of each step."""
    kept = [BUS_VOLTAGE.name]
    if grid.covers_several_steps:
        kept += [grid.statistic(BUS_VOLTAGE, "min"), grid.statistic(BUS_VOLTAGE, "max")]
    for voltages_pu in zip(*(grid.blocks(variable) for variable in kept), strict=True):
        yield np.stack(voltages_pu, axis=1) if len(kept) > 1 else voltages_pu[0][:, np.newaxis]


def _bands(voltages: _Band) -> str:
    """Say what is drawn, and of what where rows cover several steps."""
    middle, whole = "band from the 5th to the 95th percentile", "band from lowest to highest"
    if voltages.means and voltages.tells_extremes:
        return f"median and {middle} of {voltages.means}, {whole} of all steps"
    return f"median, {middle}, {whole}" + (f", all of {voltages.means}" if voltages.means else "")


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
    lowest, highest = voltages.range_pu
    found = f"{lowest:.3f}{DASH}{highest:.3f} pu"
    remark = "" if voltages.tells_extremes else f"of {voltages.means}"
    if limits_pu is None:
        return remarked(f"Bus voltages range over {found}", remark)
    low, high = limits_pu
    admissible = f"{low:.2f}{DASH}{high:.2f} pu"
    outside_for = span(voltages.outside_rows * step_s) if voltages.outside_rows else ""
    if voltages.means and voltages.tells_extremes and (lowest < low or highest > high):
        by_means = f"do for {outside_for}" if outside_for else "never do"
        return (
            f"Bus voltages leave {admissible}: they range over {found}; {voltages.means} {by_means}"
        )
    if outside_for:
        leave = f"Bus voltages leave {admissible} for {outside_for}: they range over {found}"
        return remarked(leave, remark)
    return remarked(f"All bus voltages stay within {admissible}: they range over {found}", remark)


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

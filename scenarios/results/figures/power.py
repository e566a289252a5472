"""Figure: power by device class, net exchange and day-ahead position."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gridloom.scenarios.results.figures.downsampling import column_means, whole_pieces
from gridloom.scenarios.results.figures.style import (
    CLASS_COLOURS,
    GREY,
    HATCHES,
    INK,
    ReportFigure,
    at_time,
    is_long,
    legend_above,
    new_axes,
    piece_starts,
    step_line,
    svg_bytes,
    time_axis,
)
from gridloom.scenarios.results.kpis.several_steps import means_of_rows
from gridloom.scenarios.results.kpis.side_by_side import at_steps, common_step_s, side_by_side
from gridloom.scenarios.results.recording import Recording, RecordParts
from gridloom.scenarios.results.wording import LocalTime, number, span
from gridloom.simulators.model import FloatArray
from gridloom.simulators.signals import POSITION, POWER, SLACK_POWER

_LEGEND_COLUMNS = 5
_DOTTED = "; dotted: its lowest and its highest step"
_SECOND = np.timedelta64(1, "s")


@dataclass(frozen=True, kw_only=True)
class _Drawn:
    """Power of the device classes, load convention, as means over the pieces that are drawn."""

    names: tuple[str, ...]
    edges: NDArray[np.datetime64]
    """(piece + 1,), UTC."""
    power_kw: FloatArray
    """(class, 2, piece), sums over the devices that consume, >= 0, and that feed in, <= 0."""
    at_peak_kw: FloatArray
    """(class,), net power when the net of all classes peaks."""


@dataclass(frozen=True, kw_only=True)
class _Net:
    """The line that sums it up."""

    label: str
    edges: NDArray[np.datetime64]
    power_kw: FloatArray
    means: str = ""
    """What these are where rows cover several steps, as in "15-min means"."""
    within_kw: tuple[FloatArray, FloatArray] | None = None
    """Of such rows, between what the steps were, as far as the record tells."""
    tells_peaks: tuple[bool, bool] = (True, True)
    """Whether the lowest and the highest of these are known."""

    @property
    def step_s(self) -> int:
        return int((self.edges[1] - self.edges[0]) / _SECOND)

    def peak(self) -> tuple[int, float]:
        """Return when the power is farthest from zero, and the power then."""
        low_kw, high_kw = self.within_kw or (self.power_kw, self.power_kw)
        at = int(np.nanargmax(np.fmax(np.abs(low_kw), np.abs(high_kw))))
        farthest_kw = high_kw[at] if abs(high_kw[at]) >= abs(low_kw[at]) else low_kw[at]
        return at, float(farthest_kw)

    def averaged(self, window_s: int) -> "_Net":
        """Return means over windows of this length; NaN counts for nothing."""
        starts = np.arange(0, len(self.power_kw), max(1, window_s // self.step_s))
        known = np.isfinite(self.power_kw)
        sums = np.add.reduceat(np.where(known, self.power_kw, 0.0), starts)
        counts = np.add.reduceat(known.astype(np.float64), starts)
        return _Net(
            label=self.label,
            edges=self.edges[np.append(starts, -1)],
            power_kw=np.where(counts > 0, sums / np.maximum(counts, 1.0), np.nan),
        )


def power_figure(parts: RecordParts) -> ReportFigure | None:
    """Draw consumption upwards and generation downwards by class, and the net as a line."""
    devices, clock = parts.devices, parts.clock
    if not devices:
        return None
    step_s = common_step_s(devices)
    net = _net(parts.grid, devices, step_s)
    if not np.isfinite(net.power_kw).any():
        return None
    settled_s = _settlement_period_s(parts.tariffs)
    is_settled = settled_s > step_s and not settled_s % step_s
    drawn = _drawn(devices, net, settled_s if is_settled else step_s, clock)
    title = _title(net, drawn, clock)
    net = net.averaged(settled_s) if is_settled else net
    caption = (
        "Active power in kW, load convention: consumption upwards, generation and discharging "
        f"downwards, stacked by class (means over {_piece(drawn.edges, clock)}). Line: {net.label}"
        + (", losses included" if parts.grid else "")
        + (_DOTTED if _shows_peaks(net, drawn, clock) else "")
        + ("; dashed: the day-ahead position per settlement period." if parts.markets else ".")
        + _without_peaks(drawn, clock, settled_s if is_settled else 0)
    )
    return ReportFigure(
        key="power",
        title=title,
        caption=caption,
        alternative="Stacked power of the device classes "
        + ", ".join(drawn.names)
        + f" over time. {title}.",
        svg=_draw(drawn, net, parts.markets, clock),
    )


def _drawn(devices: Sequence[Recording], net: _Net, least_s: int, clock: LocalTime) -> _Drawn:
    """Reduce the classes' power to means over pieces of whole times of ``least_s``."""
    step_s = common_step_s(devices)
    steps = min(len(device.start) * device.step_s for device in devices) // step_s
    held = least_s // step_s
    bounds = np.append(np.arange(0, steps, held), steps)
    edges = devices[0].start[0] + (bounds * step_s).astype("timedelta64[s]")
    pieces = piece_starts(at_time(clock, edges))
    starts = bounds[pieces]
    # Nobody knows at which step of a row the peak was: classes have their means over the row
    around_s = max(step_s, net.step_s) if net.means else step_s
    peak_s = int((net.edges[net.peak()[0]] - edges[0]) / _SECOND) // around_s * around_s
    means = [
        column_means(powers_kw, begins)
        for _, begins, powers_kw in whole_pieces(_held(devices, step_s), starts, steps)
    ]
    return _Drawn(
        names=tuple(device.name for device in devices),
        edges=edges[np.append(pieces, -1)],
        power_kw=np.moveaxis(np.concatenate(means), 0, -1),
        at_peak_kw=np.array([_mean_kw(device, peak_s, around_s) for device in devices]),
    )


def _held(devices: Sequence[Recording], step_s: int) -> Iterator[FloatArray]:
    """Yield what classes consume and, negative, inject at the common steps: (step, class, 2)."""
    for stretch in side_by_side(devices):
        held = [
            at_steps(rows, device.step_s, step_s)
            for device, rows in zip(devices, stretch, strict=True)
        ]
        length = min(steps.shape[1] for steps in held)
        powers_kw = np.stack([steps[:, :length] for steps in held])
        powers_kw[:, 1] *= -1.0
        yield np.moveaxis(powers_kw, -1, 0)


def _mean_kw(device: Recording, begin_s: int, length_s: int) -> float:
    """Return a class's mean power over a time that begins within the run; rows hold."""
    last = len(device.start) - 1
    first = min(begin_s // device.step_s, last)
    stop = max(first + 1, -(-(begin_s + length_s) // device.step_s))
    rows = device.rows[POWER.name].isel(time=slice(first, stop)).to_numpy()
    return float(np.nansum(np.asarray(rows, dtype=np.float64), axis=1).mean())


def _net(grid: Recording | None, devices: Sequence[Recording], step_s: int) -> _Net:
    if grid is not None and SLACK_POWER.name in grid:
        label = "net exchange with the upstream grid (positive: import)"
        return _Net(
            label=label,
            edges=grid.edges,
            power_kw=grid.values(SLACK_POWER.name),
            means=means_of_rows(grid),
            within_kw=_between(grid),
            tells_peaks=(grid.tells(SLACK_POWER, "min"), grid.tells(SLACK_POWER, "max")),
        )
    blocks = [powers_kw.sum(axis=(1, 2)) for powers_kw in _held(devices, step_s)]
    total_kw = np.concatenate(blocks)
    edges_s = (np.arange(len(total_kw) + 1) * step_s).astype("timedelta64[s]")
    return _Net(
        label="net of all classes",
        edges=devices[0].start[0] + edges_s,
        power_kw=total_kw,
        means=means_of_rows(*devices),
        tells_peaks=(not means_of_rows(*devices),) * 2,
    )


def _between(grid: Recording) -> tuple[FloatArray, FloatArray] | None:
    """Return lowest and highest exchange of the steps of each row, where rows cover several."""
    if not grid.covers_several_steps:
        return None
    lowest, highest = grid.statistic(SLACK_POWER, "min"), grid.statistic(SLACK_POWER, "max")
    return grid.values(lowest), grid.values(highest)


def _shows_peaks(net: _Net, drawn: _Drawn, clock: LocalTime) -> bool:
    return all(net.tells_peaks) and bool(net.means) and not is_long(at_time(clock, drawn.edges))


def _without_peaks(drawn: _Drawn, clock: LocalTime, settled_s: int) -> str:
    """Say why the peak of the title is not to be seen, where that is so."""
    if is_long(at_time(clock, drawn.edges)):
        return " All are means of a day, in which peaks do not show."
    if settled_s:
        periods = f"settlement periods of {span(settled_s)}"
        return f" All are means of {periods}, in which peaks do not show."
    return ""


def _settlement_period_s(tariffs: Sequence[Recording]) -> int:
    """Return over which time energy at tariffs is netted, 0 without any.

    What happens within it costs nothing, and is but noise to look at.
    """
    starts_s = [t.values("period_start_s") for t in tariffs if "period_start_s" in t]
    return max((int(s[1] - s[0]) for s in starts_s if len(s) > 1), default=0)


def _title(net: _Net, drawn: _Drawn, clock: LocalTime) -> str:
    at, peak_kw = net.peak()
    shares = zip(drawn.names, drawn.at_peak_kw, strict=True)
    share = ", ".join(f"{name} {number(float(power_kw))} kW" for name, power_kw in shares)
    direction = "import" if peak_kw >= 0 else "export"
    found = f"Net {direction} peaks at {number(abs(peak_kw))} kW"
    if net.means and net.tells_peaks[peak_kw >= 0]:
        when = f"within {span(net.step_s)} from {clock.clock(net.edges[at])}"
        return f"{found} {when} (means then: {share})"
    remark = f", of {net.means}," if net.means else ""
    return f"{found}{remark} at {clock.clock(net.edges[at])} ({share})"


def _piece(edges: NDArray[np.datetime64], clock: LocalTime) -> str:
    """Say how long each drawn piece of the areas is."""
    if is_long(at_time(clock, edges)):
        return "a day"
    return span(int((edges[1] - edges[0]) / _SECOND))


def _draw(drawn: _Drawn, net: _Net, markets: Sequence[Recording], clock: LocalTime) -> bytes:
    entries = len(drawn.names) + 1 + len(markets)
    figure, axes = new_axes(3.7, legend_rows=-(-entries // _LEGEND_COLUMNS))
    x = at_time(clock, drawn.edges)
    up, down = np.zeros(len(x)), np.zeros(len(x))
    for place, name in enumerate(drawn.names):
        turn, colour = divmod(place, len(CLASS_COLOURS))
        style: dict[str, Any] = {
            "color": CLASS_COLOURS[colour],
            "hatch": HATCHES[turn % len(HATCHES)],
            "edgecolor": "white" if turn else "none",
            "alpha": 0.8,
            "linewidth": 0,
            "step": "post",
            "rasterized": True,
        }
        for mean_kw, base in zip(drawn.power_kw[place], (up, down), strict=True):
            top = base + np.append(mean_kw, mean_kw[-1])
            label = name if base is up else None
            if np.any(mean_kw) or label:
                axes.fill_between(x, base, top, label=label, **style)
            base[:] = top
    axes.axhline(0, color=GREY, linewidth=0.8)
    net_x = at_time(clock, net.edges)
    means: dict[str, Any] = {"colour": INK, "extremes": False}
    step_line(axes, net_x, net.power_kw, label=net.label, linewidth=1.0, **means)
    for peaks_kw in (net.within_kw or ()) if _shows_peaks(net, drawn, clock) else ():
        step_line(axes, net_x, peaks_kw, label="", linestyle=":", linewidth=0.9, **means)
    for market in markets:
        label = "day-ahead position" if len(markets) == 1 else f"position of {market.name}"
        position_x = at_time(clock, market.edges)
        position_kw = market.values(POSITION.name)
        step_line(
            axes, position_x, position_kw, label=label, linestyle="--", linewidth=1.6, **means
        )
    axes.set_ylabel("active power (kW)")
    time_axis(axes, clock, drawn.edges)
    legend_above(axes, min(entries, _LEGEND_COLUMNS))
    return svg_bytes(figure)

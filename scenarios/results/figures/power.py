"""Figure: power by device class, net exchange and day-ahead position."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gridloom.scenarios.results.figures.downsampling import column_means, column_starts
from gridloom.scenarios.results.figures.style import (
    CLASS_COLOURS,
    COLUMNS,
    GREY,
    HATCHES,
    INK,
    ReportFigure,
    at_time,
    legend_above,
    new_axes,
    step_line,
    svg_bytes,
    time_axis,
)
from gridloom.scenarios.results.recording import Recording, RecordParts
from gridloom.scenarios.results.wording import LocalTime, number, span
from gridloom.simulators.model import FloatArray
from gridloom.simulators.signals import POSITION, POWER, SLACK_POWER

_LEGEND_COLUMNS = 5
_SECOND = np.timedelta64(1, "s")


@dataclass(frozen=True, kw_only=True)
class _ClassPower:
    """Power of one device class on the common time base, load convention."""

    name: str
    consumed_kw: FloatArray
    """(time,), sum over the devices that consume; >= 0."""
    generated_kw: FloatArray
    """(time,), sum over the devices that feed in; <= 0."""

    @property
    def net_kw(self) -> FloatArray:
        """(time,), sum over all devices."""
        return self.consumed_kw + self.generated_kw

    def averaged(self, rows: int) -> "_ClassPower":
        """Return means over so many rows each."""
        starts = np.arange(0, len(self.consumed_kw), rows)
        return _ClassPower(
            name=self.name,
            consumed_kw=column_means(self.consumed_kw, starts),
            generated_kw=column_means(self.generated_kw, starts),
        )


@dataclass(frozen=True, kw_only=True)
class _Net:
    """The line that sums it up."""

    label: str
    edges: NDArray[np.datetime64]
    power_kw: FloatArray

    def averaged(self, window_s: int) -> "_Net":
        """Return means over windows of this length; NaN counts for nothing."""
        step_s = int((self.edges[1] - self.edges[0]) / _SECOND)
        starts = np.arange(0, len(self.power_kw), max(1, window_s // step_s))
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
    if not parts.devices:
        return None
    finest = min(parts.devices, key=lambda device: device.step_s)
    classes = [_class_power(device, finest.start) for device in parts.devices]
    net, edges = _net(parts.grid, finest, classes), finest.edges
    if not np.isfinite(net.power_kw).any():
        return None
    settled_s = _settlement_period_s(parts.tariffs)
    if settled_s > finest.step_s and not settled_s % finest.step_s:
        classes = [each.averaged(settled_s // finest.step_s) for each in classes]
        edges = edges[np.append(np.arange(0, len(edges) - 1, settled_s // finest.step_s), -1)]
        net = net.averaged(settled_s)
    title = _title(net, edges, classes, parts.clock)
    piece_s = int((edges[1] - edges[0]) / _SECOND) * _piece_rows(len(edges) - 1)
    caption = (
        "Active power in kW, load convention: consumption upwards, generation and discharging "
        f"downwards, stacked by class (means over {span(piece_s)}). Line: {net.label}"
        + (", losses included" if parts.grid else "")
        + ("; dashed: the day-ahead position per settlement period." if parts.markets else ".")
    )
    return ReportFigure(
        key="power",
        title=title,
        caption=caption,
        alternative="Stacked power of the device classes "
        + ", ".join(c.name for c in classes)
        + f" over time. {title}.",
        svg=_draw(classes, edges, net, parts.markets, parts.clock),
    )


def _class_power(device: Recording, start: NDArray[np.datetime64]) -> _ClassPower:
    """Sum up a class, held over its steps, at the beginnings of the common steps."""
    consumed, generated = [], []
    for power_kw in device.blocks(POWER.name):
        consumed.append(np.maximum(power_kw, 0.0).sum(axis=1))
        generated.append(np.minimum(power_kw, 0.0).sum(axis=1))
    rows = np.searchsorted(device.start, start, side="right") - 1
    return _ClassPower(
        name=device.name,
        consumed_kw=np.concatenate(consumed)[rows],
        generated_kw=np.concatenate(generated)[rows],
    )


def _net(grid: Recording | None, finest: Recording, classes: Sequence[_ClassPower]) -> _Net:
    if grid is not None and SLACK_POWER.name in grid:
        label = "net exchange with the upstream grid (positive: import)"
        return _Net(label=label, edges=grid.edges, power_kw=grid.values(SLACK_POWER.name))
    total_kw: FloatArray = np.sum([c.net_kw for c in classes], axis=0)
    return _Net(label="net of all classes", edges=finest.edges, power_kw=total_kw)


def _settlement_period_s(tariffs: Sequence[Recording]) -> int:
    """Return over which time energy at tariffs is netted, 0 without any.

    What happens within it costs nothing, and is but noise to look at.
    """
    starts_s = [t.values("period_start_s") for t in tariffs if "period_start_s" in t]
    return max((int(s[1] - s[0]) for s in starts_s if len(s) > 1), default=0)


def _title(
    net: _Net, edges: NDArray[np.datetime64], classes: Sequence[_ClassPower], clock: LocalTime
) -> str:
    peak = int(np.nanargmax(np.abs(net.power_kw)))
    at = net.edges[peak]
    row = max(0, int(np.searchsorted(edges[:-1], at, side="right")) - 1)
    share = ", ".join(f"{c.name} {number(float(c.net_kw[row]))} kW" for c in classes)
    direction = "import" if net.power_kw[peak] >= 0 else "export"
    highest = number(abs(float(net.power_kw[peak])))
    return f"Net {direction} peaks at {highest} kW at {clock.clock(at)} ({share})"


def _piece_rows(rows: int) -> int:
    """Return how many rows each drawn piece of the areas holds."""
    return max(1, -(-rows // COLUMNS))


def _draw(
    classes: Sequence[_ClassPower],
    edges: NDArray[np.datetime64],
    net: _Net,
    markets: Sequence[Recording],
    clock: LocalTime,
) -> bytes:
    entries = len(classes) + 1 + len(markets)
    figure, axes = new_axes(3.7, legend_rows=-(-entries // _LEGEND_COLUMNS))
    starts = column_starts(len(edges) - 1, COLUMNS)
    x = at_time(clock, edges[np.append(starts, -1)])
    up, down = np.zeros(len(x)), np.zeros(len(x))
    for place, each in enumerate(classes):
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
        for part_kw, base in ((each.consumed_kw, up), (each.generated_kw, down)):
            mean_kw = column_means(part_kw, starts)
            top = base + np.append(mean_kw, mean_kw[-1])
            label = each.name if base is up else None
            if np.any(mean_kw) or label:
                axes.fill_between(x, base, top, label=label, **style)
            base[:] = top
    axes.axhline(0, color=GREY, linewidth=0.8)
    net_x = at_time(clock, net.edges)
    step_line(axes, net_x, net.power_kw, colour=INK, label=net.label, linewidth=1.0)
    for market in markets:
        label = "day-ahead position" if len(markets) == 1 else f"position of {market.name}"
        position_x = at_time(clock, market.edges)
        position_kw = market.values(POSITION.name)
        step_line(
            axes, position_x, position_kw, colour=INK, label=label, linestyle="--", linewidth=1.6
        )
    axes.set_ylabel("active power (kW)")
    time_axis(axes, clock, edges)
    legend_above(axes, min(entries, _LEGEND_COLUMNS))
    return svg_bytes(figure)

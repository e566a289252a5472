"""Whether a grid carries a schedule: all its intervals in the power flow at once.

Loading, overload and voltages are defined as in the reports of runs: see `LineUse` for lines, and a
supply voltage is that of a phase which a connection point is connected to.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from gridloom.simulators.grid.engine import PowerFlowSolution
from gridloom.simulators.grid.extremes import Extreme, ExtremeSearch
from gridloom.simulators.grid.line_use import LineUse
from gridloom.simulators.grid.ports import ALL_FIELDS
from gridloom.simulators.model import FloatArray
from gridloom.simulators.quantities import SECONDS_PER_HOUR

if TYPE_CHECKING:
    from gridloom.simulators.grid.simulator import Grid

_MOST_BYTES = 4 * 2**20
"""Size of the solutions of one batch: memory that is used again and again is twice as quick."""
_FULL_PERCENT = 100.0
_FIELDS = ALL_FIELDS - {"line_power_kw", "slack_reactive_power_kvar"}


@dataclass(frozen=True, kw_only=True)
class ScheduleVerdict:
    """What becomes of a grid's limits under a schedule; None where there is nothing to judge."""

    line_loading_percent: Extreme | None
    """The most loaded line, highest phase; None without ratings."""
    transformer_loading_percent: Extreme | None
    """The most loaded transformer."""
    voltage_low_pu: Extreme | None
    """Lowest supply voltage, at which connection point."""
    voltage_high_pu: Extreme | None
    """Highest supply voltage, likewise."""
    voltage_limit_low_pu: float
    voltage_limit_high_pu: float
    overload_s: float | None
    """Time with an overloaded line."""
    overload_kvah: float | None
    """Energy above the lines' ratings."""
    losses_kwh: float | None
    """Of the intervals that have a solution."""
    unsolved: int
    """Intervals without a solution."""

    @property
    def is_overloaded(self) -> bool:
        """Whether a line or a transformer exceeds its rating at any time."""
        loadings = (self.line_loading_percent, self.transformer_loading_percent)
        return any(each is not None and each.value > _FULL_PERCENT for each in loadings)

    @property
    def keeps_limits(self) -> bool:
        """Whether everything has a solution, within ratings and voltage limits."""
        low, high = self.voltage_low_pu, self.voltage_high_pu
        return not (
            self.unsolved
            or self.is_overloaded
            or (low is not None and low.value < self.voltage_limit_low_pu)
            or (high is not None and high.value > self.voltage_limit_high_pu)
        )

    @classmethod
    def of_parts(cls, parts: Mapping[str, Any]) -> Self:
        """Return the verdict that `dataclasses.asdict` took apart.

        Raises:
            TypeError: these are parts of something else.
        """
        whole: dict[str, Any] = {
            name: Extreme(**part) if isinstance(part, Mapping) else part
            for name, part in parts.items()
        }
        return cls(**whole)


@dataclass(frozen=True, kw_only=True, eq=False)
class ScheduleCheck:
    """A schedule in the power flow; arrays are NaN in intervals without a solution."""

    verdict: ScheduleVerdict
    line_loading_percent: FloatArray
    """(interval,), of the most loaded line."""
    losses_kw: FloatArray
    """(interval,)"""
    slack_power_kw: FloatArray
    """(interval,), drawn from all external grids."""


def check_schedule(
    grid: "Grid", power_kw: FloatArray, reactive_power_kvar: FloatArray, interval_s: int
) -> ScheduleCheck:
    """Solve the power flow of every interval of a schedule.

    Args:
        grid: whose engine solves it.
        power_kw: (connection_point, interval), means, load convention.
        reactive_power_kvar: likewise.
        interval_s: length of the intervals.

    Raises:
        ValueError: the shapes are wrong, or an injection is not finite.
    """
    tally = ScheduleTally(grid, interval_s)
    for first, solved in power_flows(grid, power_kw, reactive_power_kvar, _FIELDS):
        tally.add(first, solved)
    return tally.check()


def power_flows(
    grid: "Grid",
    power_kw: FloatArray,
    reactive_power_kvar: FloatArray,
    wanted: frozenset[str] = _FIELDS,
) -> Iterator[tuple[int, PowerFlowSolution]]:
    """Solve a schedule in batches as large as the memory may take.

    Args:
        grid: whose engine solves it.
        power_kw: (connection_point, interval), load convention.
        reactive_power_kvar: likewise.
        wanted: fields of the solutions that are of interest; others may be NaN.

    Returns:
        For each batch, which interval comes first, and its solutions.

    Raises:
        ValueError: the shapes are wrong, or an injection is not finite.
    """
    for name, values in (("power_kw", power_kw), ("reactive_power_kvar", reactive_power_kvar)):
        _require_sound(name, values, grid.connection_points)
    if power_kw.shape != reactive_power_kvar.shape:
        raise ValueError(
            f"power_kw has {power_kw.shape[1]} intervals, reactive_power_kvar "
            f"{reactive_power_kvar.shape[1]}"
        )
    at_once = _rows_at_once(grid)
    return (
        (
            first,
            grid.solve_batch(
                power_kw[:, first : first + at_once].T,
                reactive_power_kvar[:, first : first + at_once].T,
                wanted,
            ),
        )
        for first in range(0, power_kw.shape[1], at_once)
    )


class ScheduleTally:
    """Adds up what batches of a schedule do to a grid."""

    def __init__(self, grid: "Grid", interval_s: int) -> None:
        network = grid.network
        points = network.connection_points
        self._limits = grid.voltage_limits_pu
        self._hours = interval_s / SECONDS_PER_HOUR
        self._rated_a = network.line_rated_current_a
        self._nominal_kv = network.bus_nominal_voltage_kv[network.line_from_bus]
        mask = points.phase_mask if grid.unbalanced else np.ones((len(points.names), 1), dtype=bool)
        point, self._phase = np.nonzero(mask)
        self._bus = points.bus[point]
        supplied = [points.names[place] for place in point]
        self._lines = LineUse(self._rated_a, interval_s)
        self._line = ExtremeSearch(network.line_names, interval_s)
        self._transformer = ExtremeSearch(network.transformer_names, interval_s)
        self._low = ExtremeSearch(supplied, interval_s, lowest=True)
        self._high = ExtremeSearch(supplied, interval_s)
        self._series: list[tuple[FloatArray, FloatArray, FloatArray]] = []

    def add(self, first: int, solved: PowerFlowSolution) -> None:
        """Take a batch into account, of which this interval comes first."""
        current_a = self._lines.add(solved.line_current_a)
        loading = self._line.add(100.0 * current_a / self._rated_a, first)
        self._transformer.add(solved.transformer_loading_percent, first)
        voltage_pu = np.abs(solved.bus_voltage_pu[:, self._bus, self._phase])
        self._low.add(voltage_pu, first)
        self._high.add(voltage_pu, first)
        self._series.append((loading, solved.losses_kw, solved.slack_power_kw))

    def check(self) -> ScheduleCheck:
        """Return what there is so far."""
        series = self._series or [(np.zeros(0),) * 3]
        loading, losses_kw, slack_kw = (np.concatenate(part) for part in zip(*series, strict=True))
        is_rated = self._line.found is not None
        energy_kvah = float(self._lines.overload_kvah(self._nominal_kv).sum())
        solved = np.isfinite(slack_kw)
        verdict = ScheduleVerdict(
            line_loading_percent=self._line.found,
            transformer_loading_percent=self._transformer.found,
            voltage_low_pu=self._low.found,
            voltage_high_pu=self._high.found,
            voltage_limit_low_pu=self._limits[0],
            voltage_limit_high_pu=self._limits[1],
            overload_s=float(self._lines.any_overload_s) if is_rated else None,
            overload_kvah=energy_kvah if is_rated else None,
            losses_kwh=float(losses_kw[solved].sum() * self._hours) if solved.any() else None,
            unsolved=int(np.count_nonzero(~solved)),
        )
        return ScheduleCheck(
            verdict=verdict,
            line_loading_percent=loading,
            losses_kw=losses_kw,
            slack_power_kw=slack_kw,
        )


def _require_sound(name: str, values: FloatArray, points: tuple[str, ...]) -> None:
    if values.ndim != 2 or len(values) != len(points):  # noqa: PLR2004
        raise ValueError(
            f"{name} has the shape {values.shape}, expected (connection_point, interval) with "
            f"{len(points)} connection points"
        )
    if not np.isfinite(values).all():
        point, interval = (int(at[0]) for at in np.nonzero(~np.isfinite(values)))
        raise ValueError(
            f"{name} is {values[point, interval]} at '{points[point]}' in interval {interval}"
        )


def _rows_at_once(grid: "Grid") -> int:
    """Return how many power flows make one batch."""
    network = grid.network
    phases = 3 if grid.unbalanced else 1
    numbers = 2 * phases * (len(network.bus_names) + len(network.line_names))
    return max(1, _MOST_BYTES // (8 * (numbers + len(network.transformer_names) + 3)))

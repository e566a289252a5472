"""The voltages that customers are supplied with.

A connection point has one supply voltage for each phase it is connected to, phase to neutral.
Where the record lacks the buses' voltages, the mean over a point's phases stands for them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from gridloom.scenarios.results.recording import Recording
from gridloom.simulators.model import FloatArray
from gridloom.simulators.signals import BUS_VOLTAGE, VOLTAGE, Signal


@dataclass(frozen=True, kw_only=True)
class SupplyVoltages:
    """One series of voltages for each phase of each connection point."""

    point: NDArray[np.intp]
    """(series,), position of the connection point."""
    point_names: list[str]
    """(connection point,)."""
    _grid: Recording
    _bus: NDArray[np.intp] | None
    """(series,), position of the bus; None where voltages are recorded one a point."""
    _phase: NDArray[np.intp]
    """(series,), position of the phase."""

    @classmethod
    def of(cls, grid: Recording) -> "SupplyVoltages | None":
        """Return the supply voltages that a grid records, or None if it records none."""
        if BUS_VOLTAGE.name in grid and "connection_point_bus" in grid:
            point, phase = np.nonzero(_connected(grid))
            bus = grid.rows["connection_point_bus"].to_numpy()[point]
        elif VOLTAGE.name in grid:
            point, bus = np.arange(grid.rows.sizes["connection_point"]), None
            phase = np.zeros_like(point)
        else:
            return None
        if not point.size:
            return None
        names = grid.names("connection_point")
        return cls(point=point, point_names=names, _grid=grid, _bus=bus, _phase=phase)

    @property
    def step_s(self) -> int:
        """Seconds between rows."""
        return self._grid.step_s

    @property
    def grid(self) -> Recording:
        """Who records them."""
        return self._grid

    @property
    def has_extremes(self) -> bool:
        """Whether lowest and highest voltages of the steps are known, whatever rows cover."""
        return self._grid.tells(self._signal, "min") and self._grid.tells(self._signal, "max")

    @property
    def _signal(self) -> Signal:
        return VOLTAGE if self._bus is None else BUS_VOLTAGE

    def blocks(self, statistic: Literal["mean", "min", "max"] = "mean") -> Iterator[FloatArray]:
        """Yield (time, series), per unit of nominal, block by block.

        Args:
            statistic: of the steps that a row covers; the mean where another is not recorded.
        """
        variable = self._signal.name
        if statistic != "mean":
            variable = self._grid.statistic(self._signal, statistic)
        for voltage_pu in self._grid.blocks(variable):
            yield voltage_pu if self._bus is None else voltage_pu[:, self._bus, self._phase]

    def points_with(self, of_series: NDArray[np.bool_]) -> int:
        """Count the connection points of which any series has the property, (series,)."""
        return len(np.unique(self.point[of_series]))


def _connected(grid: Recording) -> NDArray[np.bool_]:
    """Return which phases each connection point is connected to, (connection point, phase)."""
    phases = grid.names("phase")
    count = grid.rows.sizes["connection_point"]
    if "connection_point_phase" not in grid or len(phases) == 1:
        return np.ones((count, len(phases)), dtype=np.bool_)
    points = grid.rows["connection_point_phase"].to_numpy()
    return np.array(
        [[phase in str(point) for phase in phases] for point in points], dtype=np.bool_
    ).reshape(count, len(phases))

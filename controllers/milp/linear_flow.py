"""What a plan expects of the grid: lossless flows and voltages of the linear model."""

from dataclasses import dataclass

import numpy as np

from gridloom.simulators.errors import ScenarioError
from gridloom.simulators.grid.feeder import Feeder
from gridloom.simulators.model import Direction, FloatArray, Model, Port
from gridloom.simulators.signals import BUS_VOLTAGE, LINE_CURRENT, Signal


@dataclass(frozen=True, kw_only=True)
class ExpectedFlows:
    """Flows and voltages; the axis `phase` is that of the grid: 1 (balanced) or 3 (a, b, c)."""

    slack_power_kw: FloatArray
    """(interval,), drawn from the external grids."""
    line_current_a: FloatArray
    """(line, phase, interval), at nominal voltage; NaN without supply and in meshed grids."""
    bus_voltage_pu: FloatArray
    """(bus, phase, interval), of the balanced grid in all phases; NaN likewise."""


class LinearGrid:
    """A grid as a plan sees it; see `Feeder` for the equations."""

    def __init__(self, grid: Model) -> None:
        """Read the constants of a grid.

        Raises:
            ScenarioError: it does not tell some constant.
        """
        self.feeder = Feeder.of(grid)
        self.current_port = _output(grid, LINE_CURRENT)
        self.voltage_port = _output(grid, BUS_VOLTAGE)
        told = {each.name: each.values for each in grid.static()}
        kv = np.asarray(told["bus_nominal_voltage_kv"], dtype=np.float64)
        self._line_kv = kv[self.feeder.branch_from[: self.feeder.lines]]
        points = self.feeder.point_phases
        self._share = np.ones((len(points), 1))
        if self.unbalanced:
            self._share = points / points.sum(axis=1, keepdims=True)

    @property
    def unbalanced(self) -> bool:
        """Whether the grid tells its phases apart."""
        return self.current_port.shape[1] > 1

    @property
    def radial(self) -> bool:
        """Whether flows follow from the injections alone."""
        return self.feeder.tree.is_radial

    def flows(self, power_kw: FloatArray, reactive_power_kvar: FloatArray) -> ExpectedFlows:
        """Return what the linear model expects.

        Args:
            power_kw: (connection_point, interval), load convention.
            reactive_power_kvar: likewise.
        """
        intervals = power_kw.shape[1]
        supplied = self.feeder.tree.place[self.feeder.point_bus] >= 0
        if not self.radial:
            return ExpectedFlows(
                slack_power_kw=power_kw[supplied].sum(axis=0),
                line_current_a=np.full((*self.current_port.shape, intervals), np.nan),
                bus_voltage_pu=np.full((*self.voltage_port.shape, intervals), np.nan),
            )
        voltage_pu = self.feeder.bus_voltage_pu(power_kw, reactive_power_kvar)
        phases = self.voltage_port.shape[1]
        return ExpectedFlows(
            slack_power_kw=power_kw[supplied].sum(axis=0),
            line_current_a=self._line_current_a(power_kw, reactive_power_kvar),
            bus_voltage_pu=np.repeat(voltage_pu[:, np.newaxis], phases, axis=1),
        )

    def _line_current_a(self, power_kw: FloatArray, reactive_power_kvar: FloatArray) -> FloatArray:
        lines = slice(self.feeder.lines)
        active, reactive = (
            self.feeder.branch_power(self._share[:, :, np.newaxis] * drawn[:, np.newaxis])[lines]
            for drawn in (power_kw, reactive_power_kvar)
        )
        phases = self._share.shape[1]
        nominal_kv = self._line_kv[:, np.newaxis, np.newaxis] * (np.sqrt(3) / phases)
        current_a: FloatArray = np.hypot(active, reactive) / nominal_kv
        return current_a


def linear_grid(grid: Model, *, required: bool) -> LinearGrid | None:
    """Return the grid as plans see it; None for one that they cannot see and need not."""
    try:
        return LinearGrid(grid)
    except ScenarioError:
        if required:
            raise
        return None


def _output(grid: Model, signal: Signal) -> Port:
    return next(p for p in grid.ports if p.signal == signal and p.direction is Direction.OUTPUT)

"""What a planner tells of the grid that its plan expects, interval by interval."""

from dataclasses import replace

import numpy as np

from gridloom.controllers.milp.linear_flow import LinearGrid
from gridloom.controllers.milp.plan_checks import PlanChecks
from gridloom.controllers.telemetry import (
    PLANNED_BUS_VOLTAGE,
    PLANNED_LINE_CURRENT,
    PLANNED_POWER,
    PLANNED_SLACK_POWER,
)
from gridloom.simulators.model import Direction, ElementSet, FloatArray, Outputs, Port


class GridExpectations:
    """Flows and voltages of the plan that is followed; nothing in a scenario without a grid."""

    def __init__(
        self, grid: LinearGrid | None, points: tuple[str, ...], checks: PlanChecks
    ) -> None:
        """Begin without a plan.

        Args:
            grid: as plans see it; None where there is none, or none that they can see.
            points: names of the connection points.
            checks: of the plans in the AC power flow.
        """
        self._grid, self._checks = grid, checks
        self._linear_ports: tuple[Port, ...] = () if grid is None else _ports(grid, points)
        self.ports = (*self._linear_ports, *checks.ports)
        """On which it is told; elements and phases are those of the grid."""
        self._by_interval: Outputs | None = None

    def expect(self, power_kw: FloatArray, reactive_power_kvar: FloatArray) -> None:
        """Take over what a plan expects to be drawn: (connection_point, interval) each."""
        if self._grid is None:
            self._checks.check(power_kw, reactive_power_kvar, None)
            return
        flows = self._grid.flows(power_kw, reactive_power_kvar)
        self._by_interval = {
            PLANNED_SLACK_POWER.name: flows.slack_power_kw,
            PLANNED_LINE_CURRENT.name: flows.line_current_a,
            PLANNED_BUS_VOLTAGE.name: flows.bus_voltage_pu,
            PLANNED_POWER.name: power_kw,
        }
        self._checks.check(power_kw, reactive_power_kvar, flows.line_current_a)

    def at(self, interval: int | None) -> Outputs:
        """Return what is told of an interval of the plan; None: there is no plan for it."""
        checked = self._checks.at(interval)
        if interval is None or self._by_interval is None:
            return {port.name: port.blank() for port in self._linear_ports} | checked
        planned = self._by_interval.items()
        return {name: np.array(values[..., interval]) for name, values in planned} | checked


def _ports(grid: LinearGrid, points: tuple[str, ...]) -> tuple[Port, ...]:
    out = Direction.OUTPUT
    everywhere = ElementSet(
        kind="connection_point", owner=grid.feeder.grid, names=points, connection_points=points
    )
    return (
        Port(signal=PLANNED_SLACK_POWER, direction=out),
        replace(grid.current_port, signal=PLANNED_LINE_CURRENT, recorded=True),
        replace(grid.voltage_port, signal=PLANNED_BUS_VOLTAGE, recorded=True),
        Port(signal=PLANNED_POWER, direction=out, elements=everywhere),
    )

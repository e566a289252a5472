"""What the AC power flow says of plans: all intervals of each in one batch."""

import numpy as np

from gridloom.controllers.telemetry import (
    PLAN_LINE_LOADING,
    PLAN_TRANSFORMER_LOADING,
    PLAN_VOLTAGE_HIGH,
    PLAN_VOLTAGE_LOW,
    PLANNED_LINE_LOADING,
)
from gridloom.simulators.grid.extremes import Extreme
from gridloom.simulators.grid.schedule import ScheduleCheck, check_schedule
from gridloom.simulators.grid.simulator import Grid
from gridloom.simulators.model import Direction, FloatArray, Model, Outputs, Port

_OF_A_PLAN = (PLAN_LINE_LOADING, PLAN_TRANSFORMER_LOADING, PLAN_VOLTAGE_LOW, PLAN_VOLTAGE_HIGH)
_FULL_PERCENT = 100.0
_ROUNDING = 1 + 1e-6
"""By so much may a solver exceed a limit."""


class PlanChecks:
    """Checks one plan after another; does nothing without a grid of ours."""

    def __init__(self, grid: Model | None, interval_s: int) -> None:
        """Begin without a plan.

        Args:
            grid: whose engine solves the plans; without any, or another's grid, nothing is checked.
            interval_s: length of their intervals.
        """
        self._grid = grid if isinstance(grid, Grid) else None
        self._interval_s = interval_s
        signals = () if self._grid is None else (*_OF_A_PLAN, PLANNED_LINE_LOADING)
        self.ports = tuple(Port(signal=s, direction=Direction.OUTPUT) for s in signals)
        """On which it is told."""
        self.counters = (
            {} if self._grid is None else {"overloaded_plans": 0, "unforeseen_overloads": 0}
        )
        """Plans that overload a line in the AC power flow, and those of which the linear model did
        not say so."""
        self._check: ScheduleCheck | None = None
        self._is_new = False

    def check(
        self,
        power_kw: FloatArray,
        reactive_power_kvar: FloatArray,
        expected_current_a: FloatArray | None,
    ) -> None:
        """Solve what a plan expects to be drawn.

        Args:
            power_kw: (connection_point, interval), load convention.
            reactive_power_kvar: likewise.
            expected_current_a: (line, phase, interval), by the linear model; None if there is none.
        """
        if self._grid is None:
            return
        self._check = check_schedule(self._grid, power_kw, reactive_power_kvar, self._interval_s)
        self._is_new = True
        worst = self._check.verdict.line_loading_percent
        if worst is None or worst.value <= _FULL_PERCENT:
            return
        rated_a = self._grid.network.line_rated_current_a[:, np.newaxis, np.newaxis] * _ROUNDING
        foreseen = expected_current_a is not None and bool((expected_current_a > rated_a).any())
        self.counters["overloaded_plans"] += 1
        self.counters["unforeseen_overloads"] += not foreseen

    def at(self, interval: int | None) -> Outputs:
        """Return what is told in this step: of a plan only once, of its interval always.

        Args:
            interval: of the plan that is followed; None: there is none for this step.
        """
        told = {port.name: port.blank() for port in self.ports}
        if self._check is None:
            return told
        if interval is not None:
            told[PLANNED_LINE_LOADING.name] = np.array(self._check.line_loading_percent[interval])
        if self._is_new:
            told.update(_of_the_plan(self._check))
        self._is_new = False
        return told


def _of_the_plan(check: ScheduleCheck) -> Outputs:
    verdict = check.verdict
    extremes = (
        verdict.line_loading_percent,
        verdict.transformer_loading_percent,
        verdict.voltage_low_pu,
        verdict.voltage_high_pu,
    )
    return {
        signal.name: np.asarray(_value(extreme))
        for signal, extreme in zip(_OF_A_PLAN, extremes, strict=True)
    }


def _value(extreme: Extreme | None) -> float:
    return np.nan if extreme is None else extreme.value

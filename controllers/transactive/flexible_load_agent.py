"""Agents of flexible demand: they draw the same energy as unasked, when it costs least."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from typing_extensions import override

from gridloom.controllers.controller import ControlContext, Observation
from gridloom.controllers.optimisation.writing import Numbers, Rows, at_least, equal_to
from gridloom.controllers.transactive.deviation import (
    PENALTY_EUR_PER_MWH,
    deviation_numbers,
    padded,
    write_deviation,
)
from gridloom.controllers.transactive.optimising_agent import (
    OptimisingAgent,
    OptimisingAgentConfig,
    of_type,
)
from gridloom.simulators.errors import Problem, ScenarioError
from gridloom.simulators.flexible_load import FlexibleLoad
from gridloom.simulators.model import FloatArray
from gridloom.simulators.prices import means_over
from gridloom.simulators.signals import (
    BASELINE_POWER,
    ENERGY_SHIFTED,
    POWER_SETPOINT,
    Information,
    Signal,
)


@dataclass(frozen=True, kw_only=True)
class FlexibleLoadProgram:
    """Equations of a flexible load: its energy is preserved."""

    hours: float

    def __call__(self, rows: Rows) -> None:
        """Write them."""
        block = rows.block

        def preserved(t: int) -> object:
            drawn_kwh = self.hours * sum(block.power.values())
            return drawn_kwh + block.missing[t] - block.excess[t]

        write_deviation(rows)
        rows.write("preserved", preserved)


class FlexibleLoadAgent(OptimisingAgent):
    """One agent for each load of a flexible load simulator.

    Within the time it looks ahead it makes up for all that it has shifted beyond its schedule.
    """

    Config = OptimisingAgentConfig
    information: ClassVar[frozenset[Information]] = frozenset(
        {Information.FORECAST, Information.MEASUREMENTS}
    )
    observes: ClassVar[tuple[Signal, ...]] = (ENERGY_SHIFTED, BASELINE_POWER)
    decides: ClassVar[tuple[Signal, ...]] = (POWER_SETPOINT,)

    def __init__(self, config: OptimisingAgentConfig, context: ControlContext) -> None:
        super().__init__(config, context)
        self._load = of_type(self.controlled, FlexibleLoad, ["flexible_load"])
        self._baseline_kw = self._expected_kw(context.build.duration_s)
        self._owed_kwh = np.zeros(len(self.agents))
        """(agent,), drawn beyond the schedule so far."""
        self._reference_kw = self._baseline_kw
        """(agent, interval of the run), whose energy is preserved: day-ahead the baseline, which is
        also what is drawn where prices are equal, then the schedule."""
        self.schedule()
        self._reference_kw = self._schedule_kw
        shifted_kwh = np.cumsum(self._schedule_kw - self._baseline_kw, axis=1) * self.hours
        self._planned_shift_kwh = np.pad(shifted_kwh, ((0, 0), (1, 0)))
        """(agent, begin of the interval)."""

    def _expected_kw(self, duration_s: int) -> FloatArray:
        """Return what is drawn unasked, as it was expected day-ahead: (agent, interval)."""
        forecast = self._load.forecast(by_element=True)
        loads = len(self.agents)
        power_kw = forecast.power_kw.reshape(len(forecast.power_kw), -1)
        if power_kw.shape[1] != loads:
            raise ScenarioError(
                Problem(
                    message=f"the forecast of '{self._load.name}' does not tell its {loads} loads "
                    "apart",
                    key=("controls",),
                    expected="a forecast of each load, or one load a simulator",
                    suggestion=f"leave out 'file' in the forecast of '{self._load.name}'",
                )
            )
        return np.array(
            [
                means_over(each, forecast.interval_s, self.step_size, duration_s)
                for each in power_kw.T
            ]
        )

    @override
    def formulation(self, row: int) -> FlexibleLoadProgram:
        return FlexibleLoadProgram(hours=self.hours)

    @override
    def numbers(self, row: int, begin: int, count: int) -> Numbers:
        reference_kw = self._reference_kw[row, begin : begin + count]
        baseline_kw = padded(self._baseline_kw[row, begin : begin + count], count)
        limits_kw = np.sort(np.outer(self._load.power_limits, baseline_kw), axis=0)
        limits_kw = np.minimum(limits_kw, self._load.rated_power_kw)
        numbers = deviation_numbers(reference_kw, count)
        numbers.variables |= {
            "power": (limits_kw[0], limits_kw[1]),
            "missing": at_least(np.zeros(1)),
            "excess": at_least(np.zeros(1)),
        }
        to_draw_kwh = self.hours * reference_kw.sum(keepdims=True)
        numbers.rows["preserved"] = equal_to(to_draw_kwh - self._owed_kwh[row])
        penalty = np.full(1, PENALTY_EUR_PER_MWH)
        numbers.costs |= {"missing": penalty, "excess": penalty}
        return numbers

    @override
    def observe(self, time: int, observation: Observation) -> None:
        self._owed_kwh = observation[ENERGY_SHIFTED.name] - self._planned_shift_kwh[:, self.now]
        if self._load.step_size == self.step_size:  # what can be asked for now is known
            self._baseline_kw[:, self.now] = observation[BASELINE_POWER.name]

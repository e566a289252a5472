"""Agents of heat pumps in a negotiation with targets."""

from typing import ClassVar

import numpy as np
from typing_extensions import override

from gridloom.controllers.controller import ControlContext, Observation
from gridloom.controllers.drive.agents.expectations import means_by_element
from gridloom.controllers.drive.agents.proximal_agent import ProximalAgent, of_type
from gridloom.controllers.negotiation.agent import AgentConfig
from gridloom.controllers.proximal.population import Population
from gridloom.simulators.building import AIR
from gridloom.simulators.errors import Problem, ScenarioError
from gridloom.simulators.heat_pump import HeatPump
from gridloom.simulators.model import FloatArray
from gridloom.simulators.signals import Information, Signal
from gridloom.simulators.thermal_signals import INDOOR_TEMPERATURE


class HeatPumpAgent(ProximalAgent):
    """Heats when energy is cheap, within the limits of comfort.

    It knows its building, its thermometer, and what is expected of weather and heat gains. Limits
    hold at the ends of intervals, as far as the heat pump reaches them; within an interval its mean
    power is carried out evenly.
    """

    Config = AgentConfig
    information: ClassVar[frozenset[Information]] = frozenset(
        {Information.FORECAST, Information.MEASUREMENTS}
    )
    observes: ClassVar[tuple[Signal, ...]] = (INDOOR_TEMPERATURE,)
    tracks: ClassVar[bool] = True

    def __init__(self, config: AgentConfig, context: ControlContext) -> None:
        super().__init__(config, context)
        self._pumps = pumps = of_type(self.controlled, HeatPump, "heat_pump")
        self.span_kw = self._pumps.rated_power_kw
        if pumps.nodes > 1:
            raise ScenarioError(
                Problem(
                    message=f"the buildings of '{pumps.name}' have two temperatures each, and this "
                    "agent plans with one",
                    key=("controls",),
                    expected="a heat_pump whose building has model: 1R1C",
                )
            )
        self._dynamics = pumps.dynamics(self.interval_s)
        self._expected = pumps.expected_conditions(self.interval_s)
        self._limits_c = pumps.comfort_limits_c(self.interval_s)
        self._schedule_kw = means_by_element(
            pumps.forecast(by_element=True), self.interval_s, context.build.duration_s
        )

    @override
    def renewed(
        self, time: int, count: int, observation: Observation, before: Population | None
    ) -> Population:
        from gridloom.controllers.proximal.heat_pumps import HeatPumps

        begin = time // self.interval_s
        ahead = slice(begin, begin + count)
        floating_c = self._floating_c(observation[INDOOR_TEMPERATURE.name], begin, count)
        lower_c, upper_c = (limit_c[ahead] for limit_c in self._limits_c)
        every = np.ones(len(floating_c))
        # Heat gains differ from building to building, limits may: temperatures are those above what
        # would be without heating.
        return HeatPumps(
            rated_power_kw=self._pumps.rated_power_kw,
            persistence=self._dynamics.transition[:, AIR, AIR],
            heating_k_per_kw=self._dynamics.k_per_kw_heat[:, AIR],
            outdoor_share=0.0 * every,
            gain_k_per_kw=0.0 * every,
            initial_c=0.0 * every,
            limits=np.arange(len(every)),
            lower_c=lower_c - floating_c,
            upper_c=upper_c - floating_c,
            outdoor_c=np.zeros(count),
            heat_gain_kw=np.zeros(count),
            cop=self._expected.coefficient_of_performance[ahead],
            interval_h=self.interval_h,
            weight=self.weight,
        )

    def _floating_c(self, indoor_c: FloatArray, begin: int, count: int) -> FloatArray:
        """Return temperatures at the ends of intervals without heating: (building, interval)."""
        expected = self._expected
        floating_c = np.empty((len(indoor_c), count))
        temperature_c = indoor_c[:, np.newaxis]
        for number in range(count):
            temperature_c = self._dynamics.floating(
                temperature_c,
                expected.heat_gain_kw[begin + number],
                float(expected.outdoor_temperature_c[begin + number]),
            )
            floating_c[:, number] = temperature_c[:, AIR]
        return floating_c

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
from gridloom.simulators.heat_pump import HeatPump
from gridloom.simulators.model import FloatArray
from gridloom.simulators.signals import Information, Signal
from gridloom.simulators.thermal_signals import INDOOR_TEMPERATURE, MASS_TEMPERATURE


class HeatPumpAgent(ProximalAgent):
    """Heats when energy is cheap, within the limits of comfort.

    It knows its building, its thermometers, and what is expected of weather and heat gains. Limits
    hold at the ends of intervals, as far as the heat pump reaches them; within an interval its mean
    power is carried out evenly.
    """

    Config = AgentConfig
    information: ClassVar[frozenset[Information]] = frozenset(
        {Information.FORECAST, Information.MEASUREMENTS}
    )
    observes: ClassVar[tuple[Signal, ...]] = (INDOOR_TEMPERATURE, MASS_TEMPERATURE)
    tracks: ClassVar[bool] = True

    def __init__(self, config: AgentConfig, context: ControlContext) -> None:
        super().__init__(config, context)
        self._pumps = pumps = of_type(self.controlled, HeatPump, "heat_pump")
        self.span_kw = self._pumps.rated_power_kw
        self._dynamics = pumps.dynamics(self.interval_s)
        self._expected = pumps.expected_conditions(self.interval_s)
        self._limits_c = pumps.comfort_limits_c(self.interval_s)
        self._schedule_kw = means_by_element(
            pumps.forecast(by_element=True), self.interval_s, context.build.duration_s
        )

    @override
    def renewed(self, time: int, count: int, observation: Observation) -> Population:
        begin = time // self.interval_s
        ahead = slice(begin, begin + count)
        floating_c = self._floating_c(self._measured_c(observation), begin, count)
        # Heat gains differ from building to building, limits may: temperatures are those above what
        # would be without heating.
        lower_k, upper_k = (limit_c[ahead] - floating_c for limit_c in self._limits_c)
        cop = self._expected.coefficient_of_performance[ahead]
        if self._pumps.nodes > 1:
            return self._with_two_masses(lower_k, upper_k, cop)
        return self._with_one_mass(lower_k, upper_k, cop)

    def _with_one_mass(
        self, lower_k: FloatArray, upper_k: FloatArray, cop: FloatArray
    ) -> Population:
        """Return the heat pumps of 1R1C buildings, from limits above what is without heating."""
        from gridloom.controllers.proximal.heat_pumps import HeatPumps

        every = np.ones(len(lower_k))
        return HeatPumps(
            rated_power_kw=self._pumps.rated_power_kw,
            persistence=self._dynamics.transition[:, AIR, AIR],
            heating_k_per_kw=self._dynamics.k_per_kw_heat[:, AIR],
            outdoor_share=0.0 * every,
            gain_k_per_kw=0.0 * every,
            initial_c=0.0 * every,
            limits=np.arange(len(every)),
            lower_c=lower_k,
            upper_c=upper_k,
            outdoor_c=np.zeros(len(cop)),
            heat_gain_kw=np.zeros(len(cop)),
            cop=cop,
            interval_h=self.interval_h,
            weight=self.weight,
        )

    def _with_two_masses(
        self, lower_k: FloatArray, upper_k: FloatArray, cop: FloatArray
    ) -> Population:
        """Return the heat pumps of 2R2C buildings, likewise."""
        from gridloom.controllers.proximal.two_mass_heat_pumps import TwoMassHeatPumps

        return TwoMassHeatPumps(
            rated_power_kw=self._pumps.rated_power_kw,
            transition=self._dynamics.transition,
            heating_k_per_kw=self._dynamics.k_per_kw_heat,
            lower_k=lower_k,
            upper_k=upper_k,
            cop=cop,
            interval_h=self.interval_h,
            weight=self.weight,
        )

    def _measured_c(self, observation: Observation) -> FloatArray:
        """Return the temperatures at the begin of the first interval: (building, node)."""
        nodes = (INDOOR_TEMPERATURE, MASS_TEMPERATURE)[: self._pumps.nodes]
        return np.stack([observation[signal.name] for signal in nodes], axis=1)

    def _floating_c(self, temperature_c: FloatArray, begin: int, count: int) -> FloatArray:
        """Return air temperatures at the ends of intervals without heating: (building, interval).

        Args:
            temperature_c: (building, node), at the beginning.
            begin: first interval.
            count: of intervals.
        """
        expected = self._expected
        floating_c = np.empty((len(temperature_c), count))
        for number in range(count):
            temperature_c = self._dynamics.floating(
                temperature_c,
                expected.heat_gain_kw[begin + number],
                float(expected.outdoor_temperature_c[begin + number]),
            )
            floating_c[:, number] = temperature_c[:, AIR]
        return floating_c

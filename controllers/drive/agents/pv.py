"""Agents of plants that may be curtailed, in a negotiation with targets."""

from typing import ClassVar

import numpy as np
from typing_extensions import override

from gridloom.controllers.controller import ControlContext, Observation, Setpoints
from gridloom.controllers.drive.agents.expectations import means_by_element
from gridloom.controllers.drive.agents.proximal_agent import ProximalAgent, of_type
from gridloom.controllers.negotiation.agent import AgentConfig
from gridloom.controllers.negotiation.channel import Mask
from gridloom.controllers.negotiation.messages import Requests
from gridloom.controllers.proximal.population import Population
from gridloom.simulators.errors import Problem, ScenarioError
from gridloom.simulators.model import FloatArray, Forecast
from gridloom.simulators.plants import Plants
from gridloom.simulators.quantities import NonNegative, format_duration
from gridloom.simulators.signals import EXPECTED_POWER, POWER_SETPOINT, Information, Signal

_KWH_PER_MWH = 1000.0
_LEAST_SPAN_KW = 0.1
_HARDLY_EUR_PER_MWH = 10.0
"""Above what curtailment costs: a plant is limited where what it feeds in is worth less. Orders
below what is available only because the sun is stronger than planned do not limit it."""
_MOST_KW = 1e6
"""More than any plant at a customer's connection point feeds in, for those without a rating."""
_TOLERANCE_KW = 1e-9


class PvAgentConfig(AgentConfig):
    """One agent for each plant of a simulator."""

    curtailment_cost_eur_per_mwh: NonNegative = 0.0
    """What a plant is paid for energy that it is asked not to feed in."""


class PvAgent(ProximalAgent):
    """Feeds in what the weather has, less where prices are below what curtailment costs.

    Of the interval that begins it knows what is expected shortly before, of later ones the
    day-ahead forecast. Planned to feed in all that is expected, a plant is not limited: it feeds in
    what there is.
    """

    Config = PvAgentConfig
    information: ClassVar[frozenset[Information]] = frozenset({Information.FORECAST})
    observes: ClassVar[tuple[Signal, ...]] = (EXPECTED_POWER,)
    tracks: ClassVar[bool] = True

    def __init__(self, config: PvAgentConfig, context: ControlContext) -> None:
        super().__init__(config, context)
        plants = of_type(self.controlled, Plants, "pv or wind")  # type: ignore[type-abstract]
        self._cost_eur_per_mwh = np.full(len(self.agents), config.curtailment_cost_eur_per_mwh)
        self._schedule_kw = means_by_element(
            _forecast_by_element(plants), self.interval_s, context.build.duration_s
        )
        told_s = plants.short_term_interval_s
        if told_s != self.interval_s:
            raise ScenarioError(
                Problem(
                    message=f"'{plants.name}' expects the next {format_duration(told_s)}, and its "
                    f"agents plan the next {format_duration(self.interval_s)}",
                    key=("controls",),
                    expected=f"short_term: {{interval: {format_duration(self.interval_s)}}} of "
                    f"'{plants.name}'",
                )
            )
        self._available_kw = np.zeros((len(self.agents), 0))
        self._asked_price = np.full((len(self.agents), self.intervals), np.inf)
        """(agent, interval of the run), EUR/MWh, at which each was asked last."""
        self.span_kw = np.maximum(-self._schedule_kw.min(axis=1), _LEAST_SPAN_KW)
        self._unlimited_kw = -np.minimum(plants.rating_kw, _MOST_KW)

    @property
    @override
    def throughput_cost_eur_per_mwh(self) -> FloatArray:
        """What each agent's contract grants it: (agent,), negative.

        Being paid c for each kWh less than available is, but for a constant, paying c for each that
        is fed in.
        """
        return -self._cost_eur_per_mwh

    @override
    def renewed(self, time: int, count: int, observation: Observation) -> Population:
        from gridloom.controllers.proximal.curtailable import Curtailable

        begin = time // self.interval_s
        expected_kw = self._schedule_kw[:, begin : begin + count].copy()
        expected_kw[:, 0] = observation[EXPECTED_POWER.name]
        self._available_kw = np.maximum(-expected_kw, 0.0)
        return Curtailable(
            available_kw=self._available_kw,
            cost_eur_per_kwh=self._cost_eur_per_mwh / _KWH_PER_MWH,
            interval_h=self.interval_h,
            weight=self.weight,
        )

    @override
    def _reply(self, anew: Mask, requests: Requests) -> None:
        super()._reply(anew, requests)
        begin = requests.start_s // self.interval_s
        ahead = self._asked_price[:, begin : begin + self.count]
        price = requests.selling_price_eur_per_mwh[self.nets, : ahead.shape[1]]
        ahead[anew] = price[anew]

    @override
    def setpoints(self, time: int, order_kw: FloatArray) -> Setpoints:
        """Return how much each plant feeds in at most."""
        ordered_kw = np.minimum(order_kw[:, 0], 0.0)
        worth_nothing = (
            self._asked_price[:, time // self.interval_s]
            < _HARDLY_EUR_PER_MWH - self._cost_eur_per_mwh
        )
        less = ordered_kw > _TOLERANCE_KW - self._available_kw[:, 0]
        is_curtailed = worth_nothing & less
        return {POWER_SETPOINT.name: np.where(is_curtailed, ordered_kw, self._unlimited_kw)}


def _forecast_by_element(plants: Plants) -> Forecast:
    """Return the day-ahead forecast of each plant.

    Raises:
        ScenarioError: only their sum is forecast.
    """
    forecast = plants.forecast(by_element=True)
    if forecast.power_kw.ndim > 1:
        return forecast
    raise ScenarioError(
        Problem(
            message=f"'{plants.name}' forecasts the sum of its plants only, and each has an agent",
            key=("controls",),
            expected="plants whose forecasts are known one by one",
        )
    )

"""Agents of devices, one each, that answer whole populations at once.

What they tell is their profile. They observe their own device, know its own data, and plan no
further than the run.
"""

from abc import abstractmethod
from typing import ClassVar, TypeVar

import numpy as np
from typing_extensions import override

from gridloom.controllers.controller import ControlContext, Observation, Setpoints
from gridloom.controllers.negotiation.agent import Agent, AgentConfig, places_of
from gridloom.controllers.negotiation.messages import FlexibilityRequest, Requests
from gridloom.controllers.proximal.population import LeafTotals, Population, ProximalRequest
from gridloom.simulators.errors import Problem, ScenarioError
from gridloom.simulators.model import FloatArray, IntArray, Model
from gridloom.simulators.quantities import SECONDS_PER_HOUR
from gridloom.simulators.signals import POWER_SETPOINT, Signal

_KWH_PER_MWH = 1000.0
_FIRM_EUR_PER_KW2 = 1e6
"""Of straying from orders: what contracts grant must not move them."""

_TYPICAL_SPAN_KW = 6.0

Device = TypeVar("Device", bound=Model)


class ProximalAgent(Agent):
    """One agent a device, all of a kind.

    Its life: `prepare` makes a `population` of the devices' present state; that answers requests;
    what is ordered is brought within what the devices can do, by the same operator.
    """

    decides: ClassVar[tuple[Signal, ...]] = (POWER_SETPOINT,)

    def __init__(self, config: AgentConfig, context: ControlContext) -> None:
        super().__init__(config, context)
        self.interval_h = self.interval_s / SECONDS_PER_HOUR
        """Length of an interval."""
        self.count = self.intervals if self.terms is None else self.terms.count
        """Intervals that it looks ahead, the present one included."""
        self._population: Population | None = None
        self.span_kw = np.full(len(self.agents), _TYPICAL_SPAN_KW)
        """(agent,), from the most that each feeds in to the most that it draws."""
        self._schedule_kw = np.zeros((len(self.agents), self.intervals))

    @abstractmethod
    def renewed(self, time: int, count: int, observation: Observation) -> Population:
        """Return the devices as they are now, in the order of the agents.

        Args:
            time: begin of the first interval that is planned.
            count: intervals that are planned, to the end of the run at most.
            observation: what the agents are told.
        """

    @property
    def population(self) -> Population:
        """The devices as they were when the agents were prepared last."""
        assert self._population is not None  # noqa: S101 -- `prepare` comes first
        return self._population

    @override
    def agent_names(self) -> tuple[str, ...]:
        return places_of(self.controlled)

    @override
    def agent_nets(self) -> IntArray:
        if self.terms is None:
            return np.zeros(len(self.agents), dtype=np.int64)
        return self.terms.nets_at(places_of(self.controlled))

    @property
    @override
    def weight(self) -> FloatArray:
        """By the root of what each can move: measured to need fewer rounds than equal weights."""
        weight: FloatArray = np.sqrt(self.span_kw / _TYPICAL_SPAN_KW)
        return weight

    @property
    @override
    def schedule_kw(self) -> FloatArray:
        return self._schedule_kw

    @override
    def prepare(self, time: int, observation: Observation) -> None:
        count = min(self.count, self.intervals - time // self.interval_s)
        self._population = self.renewed(time, count, observation)

    @override
    def answer(self, request: FlexibilityRequest) -> FloatArray:
        return self.answer_nets(Requests.of_one(request))

    @override
    def answer_nets(self, requests: Requests) -> FloatArray:
        """Return what the agents would draw: (agent, interval).

        With a spread between prices for more and less than scheduled an agent without a schedule
        has nothing to settle against: it takes the mean of both.
        """
        prices = (requests.buying_price_eur_per_mwh + requests.selling_price_eur_per_mwh) / 2.0
        target_kw = np.zeros_like(prices) if requests.target_kw is None else requests.target_kw
        penalty = requests.penalty_eur_per_kw2
        return self._responses(
            prices * (self.interval_h / _KWH_PER_MWH), target_kw, penalty, self.base_kw
        )

    @override
    def setpoints(self, time: int, order_kw: FloatArray) -> Setpoints:
        """Return the setpoints that are nearest to the order and keep all that is promised."""
        nothing = np.zeros((int(self.nets.max(initial=0)) + 1, self.population.intervals))
        possible_kw = self._responses(nothing, nothing, _FIRM_EUR_PER_KW2, order_kw)
        return {POWER_SETPOINT.name: possible_kw[:, 0].copy()}

    def _responses(
        self, price: FloatArray, target_kw: FloatArray, penalty: float, last_kw: FloatArray
    ) -> FloatArray:
        """Return the answers to what the nets ask: (agent, interval), 0 beyond the run's end."""
        population, count = self.population, max(self.count, self.population.intervals)
        intervals = population.intervals
        profile_kw = np.zeros((len(self.agents), intervals))
        told = min(intervals, last_kw.shape[1])
        profile_kw[:, :told] = last_kw[:, :told]
        request = ProximalRequest(
            price_eur_per_kw=np.ascontiguousarray(price[:, :intervals]),
            target_kw=np.ascontiguousarray(target_kw[:, :intervals]),
            penalty_eur_per_kw2=penalty,
        )
        totals = LeafTotals.zeros(len(price), intervals)
        population.respond(request, self.nets, profile_kw, totals)
        return np.pad(profile_kw, ((0, 0), (0, count - intervals)))


def of_type(controlled: Model, kind: type[Device], name: str) -> Device:
    """Return what an agent controls.

    Raises:
        ScenarioError: it is of another type than the one it knows.
    """
    if isinstance(controlled, kind):
        return controlled
    raise ScenarioError(
        Problem(
            message=f"it does not know what '{controlled.name}' can do",
            key=("controls",),
            expected=f"a simulator of type {name}",
        )
    )

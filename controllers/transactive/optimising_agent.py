"""Agents that schedule their own devices: each solves a linear program of its own.

Its power may stray from its schedule: buying what it draws beyond it, selling what it leaves. All
that must hold at the end of the time it looks ahead is that nothing then keeps it from its
schedule: deviations are made whole within its horizon.
"""

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, TypeVar

import numpy as np
from typing_extensions import override

from gridloom.controllers.controller import ControlContext, Observation, Setpoints
from gridloom.controllers.negotiation.agent import Agent, AgentConfig
from gridloom.controllers.negotiation.messages import FlexibilityRequest
from gridloom.controllers.optimisation.writing import Formulation, Numbers
from gridloom.controllers.transactive.deviation import inertia, settled
from gridloom.controllers.transactive.known_answers import KnownAnswers
from gridloom.controllers.transactive.prices import expected_prices
from gridloom.simulators.errors import Problem, ScenarioError, SolveError, listing
from gridloom.simulators.model import Direction, FloatArray, Model
from gridloom.simulators.quantities import SECONDS_PER_HOUR, NonNegative
from gridloom.simulators.signals import POWER_SETPOINT

if TYPE_CHECKING:
    from gridloom.controllers.optimisation.linear_program import LinearOptimum, LinearProgram

_HORIZON = 9
"""Intervals that it looks ahead where nobody negotiates."""

Device = TypeVar("Device", bound=Model)


class OptimisingAgentConfig(AgentConfig):
    """Keys of agents that schedule their own devices."""

    inertia_eur_per_mwh: NonNegative = 0.01
    """What it costs an agent to stray from its schedule at all; decides between equal profits."""


class OptimisingAgent(Agent):
    """One agent a device: at any price it draws what is best for it.

    Its life, as of every agent, is `prepare`, `answer` a round, `setpoints`; before, `schedule` at
    the end of its constructor.
    """

    answers_targets: ClassVar[bool] = False

    def __init__(self, config: OptimisingAgentConfig, context: ControlContext) -> None:
        super().__init__(config, context)
        self.prices = expected_prices(context.models, self.step_size)
        """Of the market."""
        self.hours = self.step_size / SECONDS_PER_HOUR
        """Length of an interval."""
        self.count = _HORIZON if self.terms is None else self.terms.count
        """Intervals that it looks ahead, the present one included."""
        self.now = 0
        """Interval that is negotiated."""
        self._inertia_eur_per_mwh = config.inertia_eur_per_mwh
        self._inertia = inertia(config.inertia_eur_per_mwh, self.count, self.hours)
        self._schedule_kw = np.zeros((len(self.agents), self.intervals))
        self._programs: list[LinearProgram] = []
        """Of each agent, for the time that it looks ahead."""
        self._known = [KnownAnswers() for _ in self.agents.names]

    @abstractmethod
    def formulation(self, row: int) -> Formulation:
        """Return the constraints of an agent's program: the devices' physics."""

    @abstractmethod
    def numbers(self, row: int, begin: int, count: int) -> Numbers:
        """Return the numbers of an agent's program but for what any deviation costs.

        Args:
            row: the agent.
            begin: first interval, in the state that the devices are in now.
            count: intervals; nothing flows in those beyond the end of the run.
        """

    @abstractmethod
    def observe(self, time: int, observation: Observation) -> None:
        """Take over the state of the devices."""

    def program(self, row: int, begin: int, count: int) -> Numbers:
        """Return the numbers of an agent's program in its present state, prices apart.

        With `formulation`, all that it takes to solve it elsewhere: see `central_optimum`.
        Variables `power`, `up` and `down`, an interval each, in kW; costs in 1e-3 EUR.
        """
        numbers = self.numbers(row, begin, count)
        numbers.costs |= inertia(self._inertia_eur_per_mwh, count, self.hours)
        return numbers

    def schedule(self) -> "list[LinearOptimum]":
        """Schedule the whole run at day-ahead prices; return each agent's optimum."""
        self._schedule_kw[:] = 0.0
        price = self.prices.day_ahead
        found = []
        for row in range(len(self.agents)):
            numbers = self.program(row, 0, self.intervals)
            day = _compiled(self.formulation(row), numbers)
            costs = settled(numbers.costs, price, price, self.hours)
            found.append(self._solved(day.minimise(costs)))
        self._schedule_kw[:] = [optimum["power"] for optimum in found]
        return found

    def scheduled_kw(self, row: int, begin: int, count: int) -> FloatArray:
        """Return an agent's schedule from an interval on, as far as the run goes."""
        return self._schedule_kw[row, begin : begin + count]

    def optimum(self, row: int, buying: FloatArray, selling: FloatArray) -> "LinearOptimum":
        """Return what is best for an agent at these prices, EUR/MWh, in its present state."""
        costs = settled(self._inertia, buying, selling, self.hours)
        return self._solved(self._programs[row].minimise(costs))

    @property
    def knows_run(self) -> bool:
        """Whether it knows from the start which devices there will be."""
        return True

    def is_prepared_for(self, interval: int) -> bool:
        """Whether it knows the state of its devices before an interval."""
        return self.now == interval and bool(self._programs)

    @property
    @override
    def schedule_kw(self) -> FloatArray:
        return self._schedule_kw

    @override
    def agent_names(self) -> tuple[str, ...]:
        return setpoint_elements(self.controlled)

    @override
    def prepare(self, time: int, observation: Observation) -> None:
        self.now = time // self.step_size
        self.observe(time, observation)
        for row, known in enumerate(self._known):
            numbers = self.program(row, self.now, self.count)
            if row == len(self._programs):
                self._programs.append(_compiled(self.formulation(row), numbers))
            else:
                self._programs[row].load(numbers)
            known.clear()

    @override
    def answer(self, request: FlexibilityRequest) -> FloatArray:
        """Return what each agent would draw at these prices: (agent, interval), kW.

        Raises:
            SolveError: the request makes it pay to buy and sell at once, or asks for a target.
        """
        self._refuse_impossible(request)
        return np.array([self._answer(row, request) for row in range(len(self.agents))])

    @override
    def setpoints(self, time: int, order_kw: FloatArray) -> Setpoints:
        return {POWER_SETPOINT.name: order_kw[:, 0].copy()}

    def _answer(self, row: int, request: FlexibilityRequest) -> FloatArray:
        profile_kw = self._known[row].find(request)
        if profile_kw is None:
            buying, selling = request.buying_price_eur_per_mwh, request.selling_price_eur_per_mwh
            profile_kw = self.optimum(row, buying, selling)["power"]
        self._known[row].add(request, profile_kw)
        return profile_kw

    def _solved(self, optimum: "LinearOptimum") -> "LinearOptimum":
        if not optimum.is_optimal:
            raise SolveError(self.name, self.now * self.step_size, optimum.status)
        return optimum

    def _refuse_impossible(self, request: FlexibilityRequest) -> None:
        buying, selling = request.buying_price_eur_per_mwh, request.selling_price_eur_per_mwh
        if (selling > buying).any():
            at = int(np.argmax(selling - buying))
            raise SolveError(
                self.name,
                request.start_s,
                "unbounded",
                f"round {request.round} asks for offers at a selling price of {selling[at]:g} "
                f"above the buying price of {buying[at]:g} EUR/MWh, {at} intervals ahead",
            )
        if request.target_kw is not None:
            raise SolveError(
                self.name,
                request.start_s,
                "refused",
                f"round {request.round} asks for a target, and it answers prices only",
            )


def _compiled(formulate: Formulation, numbers: Numbers) -> "LinearProgram":
    # Solvers are slow to import, and many scenarios do without.
    from gridloom.controllers.optimisation.linear_program import LinearProgram

    return LinearProgram(formulate, numbers)


def setpoint_elements(controlled: Model) -> tuple[str, ...]:
    """Return the names of the devices that take a setpoint each."""
    for port in controlled.ports:
        is_setpoint = port.signal == POWER_SETPOINT and port.direction is Direction.INPUT
        if is_setpoint and port.elements is not None:
            return port.elements.names
    return (controlled.name,)


def of_type(controlled: Model, kinds: type[Device], types: Sequence[str]) -> Device:
    """Return what an agent controls.

    Raises:
        ScenarioError: it is of another type than those it knows how to schedule.
    """
    if isinstance(controlled, kinds):
        return controlled
    raise ScenarioError(
        Problem(
            message=f"it does not know how to schedule '{controlled.name}'",
            key=("controls",),
            expected=f"a simulator of type {listing(types)}",
        )
    )

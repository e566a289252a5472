"""What an agent is: it knows its own devices, answers requests, and carries out orders.

Its life: it schedules day-ahead; in each negotiation `prepare`, then `answer` a round, then
`setpoints`. A population of agents is one model: in this process, in one of its own, or elsewhere.
"""

from abc import abstractmethod
from typing import ClassVar

import numpy as np
from typing_extensions import override

from gridloom.controllers.controller import (
    ControlContext,
    Controller,
    ControllerConfig,
    Observation,
    Setpoints,
)
from gridloom.controllers.negotiation.messages import FlexibilityRequest
from gridloom.controllers.negotiation.signals import (
    OFFER_POWER,
    ORDER_POWER,
    REQUEST_ARRIVES,
    REQUEST_BUYING_PRICE,
    REQUEST_PENALTY,
    REQUEST_SELLING_PRICE,
    REQUEST_TARGET,
    SCHEDULED_POWER,
)
from gridloom.simulators.errors import Problem, ScenarioError
from gridloom.simulators.model import (
    Direction,
    ElementSet,
    FloatArray,
    Forecast,
    Inputs,
    Outputs,
    Port,
)
from gridloom.simulators.quantities import format_duration
from gridloom.simulators.signals import Signal

REQUEST = (REQUEST_BUYING_PRICE, REQUEST_SELLING_PRICE, REQUEST_TARGET)
"""What a net tells all its agents in a request, an interval each."""


class AgentConfig(ControllerConfig):
    """Keys of every agent."""

    coordinator: str | None = None
    """Controller whose requests it answers; default: the only one there is. Without any, its
    devices follow the schedule that it made day-ahead."""


class Agent(Controller):
    """A population of agents, one a device or one for them all, that schedule their own devices.

    What they tell others is the power of their schedule and of their offers: one profile an agent.
    """

    is_flexible: ClassVar[bool] = True
    """Whether prices can move it; an agent that is not flexible declares what it expects."""

    def __init__(self, config: AgentConfig, context: ControlContext) -> None:
        super().__init__(config, context)
        self.terms = context.terms(config.coordinator)
        """None where nobody leads negotiations."""
        if self.terms is not None and self.terms.interval_s != self.step_size:
            raise ScenarioError(
                Problem(
                    message=f"it steps every {format_duration(self.step_size)}, "
                    f"'{self.terms.coordinator}' negotiates every "
                    f"{format_duration(self.terms.interval_s)}",
                    key=("step_size",),
                    expected=f"step_size: {format_duration(self.terms.interval_s)}",
                )
            )
        self.intervals = -(-context.build.duration_s // self.step_size)
        """Of the run."""
        names = self.agent_names()
        self.agents = ElementSet(
            kind="agent",
            owner=self.name,
            names=names,
            connection_points=tuple(f"{self.name}/{name}" for name in names),
        )
        """Who answers: their places are their addresses in the negotiation."""
        self.last_offer_kw = np.zeros((0, 0))
        """(agent, interval), what each offered last in the present negotiation."""
        self._plan_kw: FloatArray | None = None
        """(agent, interval of the run), what each does unasked: as ordered last, or scheduled."""
        self._prepared_s: int | None = None
        """Begin of the interval for which it was prepared last."""

    @property
    @abstractmethod
    def schedule_kw(self) -> FloatArray:
        """(agent, interval of the run), scheduled day-ahead, load convention."""

    def agent_names(self) -> tuple[str, ...]:
        """Return the name of each agent; by default one that speaks for all devices."""
        return (self.controlled.name,)

    @abstractmethod
    def prepare(self, time: int, observation: Observation) -> None:
        """Take over what is known before the interval that begins at ``time``."""

    @abstractmethod
    def answer(self, request: FlexibilityRequest) -> FloatArray:
        """Return what the agents would draw: (agent, interval), kW, load convention."""

    @abstractmethod
    def setpoints(self, time: int, order_kw: FloatArray) -> Setpoints:
        """Return the setpoints of the devices.

        Args:
            time: begin of the interval.
            order_kw: (agent, interval), what each shall draw: in this interval, and as agreed for
                now in the later ones. Of those who got no order what they were ordered before, and
                beyond that their schedule.
        """

    @property
    def forecast_from_schedule(self) -> Forecast:
        """What the controlled devices are expected to draw, now that they are scheduled."""
        return Forecast(interval_s=self.step_size, power_kw=self.schedule_kw.sum(axis=0))

    @property
    @override
    def ports(self) -> tuple[Port, ...]:
        told = Port(signal=SCHEDULED_POWER, direction=Direction.OUTPUT, elements=self.agents)
        return (*super().ports, told, *self._negotiated())

    def _negotiated(self) -> tuple[Port, ...]:
        """Return the ports of the negotiation, if there is one."""
        if self.terms is None:
            return ()
        nets, horizon = self.terms.nets, (self.terms.horizon,)
        requested = (
            Port(
                signal=signal,
                direction=Direction.INPUT,
                elements=nets,
                dimensions=horizon,
                in_rounds=True,
                required=False,
            )
            for signal in REQUEST
        )
        penalty = Port(
            signal=REQUEST_PENALTY,
            direction=Direction.INPUT,
            elements=nets,
            in_rounds=True,
            required=False,
        )
        arrives = Port(
            signal=REQUEST_ARRIVES,
            direction=Direction.INPUT,
            elements=self.agents,
            in_rounds=True,
        )
        offer = Port(
            signal=OFFER_POWER,
            direction=Direction.OUTPUT,
            elements=self.agents,
            dimensions=horizon,
            in_rounds=True,
        )
        order = Port(
            signal=ORDER_POWER,
            direction=Direction.INPUT,
            elements=self.agents,
            dimensions=horizon,
        )
        return (*requested, penalty, arrives, offer, order)

    @override
    def listens_to(self, source: str, signal: Signal) -> bool:
        if signal == ORDER_POWER:
            return self.terms is not None and source == self.terms.coordinator
        return super().listens_to(source, signal)

    @override
    def round(self, time: int, number: int, inputs: Inputs) -> Outputs:
        assert self.terms is not None  # noqa: S101 -- otherwise there is no port for rounds
        if number == 0:
            self._prepare_once(time, inputs)
            self.last_offer_kw = np.zeros((len(self.agents), self.terms.count))
        reached = inputs[REQUEST_ARRIVES.name] > 0
        if reached.any():
            penalty = float(inputs[REQUEST_PENALTY.name][0])
            request = FlexibilityRequest(
                round=number,
                start_s=time,
                interval_s=self.terms.interval_s,
                buying_price_eur_per_mwh=inputs[REQUEST_BUYING_PRICE.name][0],
                selling_price_eur_per_mwh=inputs[REQUEST_SELLING_PRICE.name][0],
                target_kw=inputs[REQUEST_TARGET.name][0] if penalty else None,
                penalty_eur_per_kw2=penalty,
            )
            answered = self.answer(request)
            self.last_offer_kw = np.where(reached[:, np.newaxis], answered, self.last_offer_kw)
        return {OFFER_POWER.name: self.last_offer_kw.copy()}

    @override
    def decide(self, time: int, observation: Observation) -> Setpoints:
        self._prepare_once(time, observation)  # if nobody asked before
        ordered_kw = None if self.terms is None else observation[ORDER_POWER.name]
        profile_kw = self.standing_kw(time, ordered_kw)
        scheduled_kw = self.schedule_kw[:, time // self.step_size].copy()
        return {**self.setpoints(time, profile_kw), SCHEDULED_POWER.name: scheduled_kw}

    def standing_kw(self, time: int, ordered_kw: FloatArray | None) -> FloatArray:
        """Return what each shall draw from now on, and remember it for those not ordered later.

        Args:
            time: begin of the interval.
            ordered_kw: (agent, interval), NaN for those whom no order reached; None where nobody
                orders anything.

        Returns:
            (agent, interval), the order; of others what they were ordered before, beyond that their
            schedule. To the end of the run where nobody orders anything.
        """
        if self._plan_kw is None:
            self._plan_kw = self.schedule_kw.copy()
        ahead_kw = self._plan_kw[:, time // self.step_size :]
        if ordered_kw is None:
            return ahead_kw
        told, count = ~np.isnan(ordered_kw[:, 0]), ordered_kw.shape[1]
        within_kw = ahead_kw[:, :count]
        within_kw[told] = ordered_kw[told, : within_kw.shape[1]]
        return np.hstack([within_kw, np.nan_to_num(ordered_kw[:, within_kw.shape[1] :])])

    def _prepare_once(self, time: int, observation: Observation) -> None:
        if self._prepared_s != time:
            self._prepared_s = time
            self.prepare(time, observation)

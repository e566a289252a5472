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
from gridloom.controllers.negotiation.channel import Mask
from gridloom.controllers.negotiation.messages import FlexibilityRequest, Requests
from gridloom.controllers.negotiation.ports import agents_ports
from gridloom.controllers.negotiation.signals import (
    OFFER_POWER,
    ORDER_POWER,
    REQUEST_ARRIVES,
    REQUEST_BUYING_PRICE,
    REQUEST_PENALTY,
    REQUEST_ROUND,
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
    IntArray,
    Model,
    Outputs,
    Port,
)
from gridloom.simulators.quantities import format_duration
from gridloom.simulators.signals import POWER, Signal


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
    answers_targets: ClassVar[bool] = True
    """Whether it answers requests with targets, or prices only."""
    tracks: ClassVar[bool] = False
    """Whether it may step more often than is negotiated, see `track`."""

    def __init__(self, config: AgentConfig, context: ControlContext) -> None:
        super().__init__(config, context)
        self.terms = context.terms(config.coordinator)
        """None where nobody leads negotiations."""
        self.interval_s = self.step_size if self.terms is None else self.terms.interval_s
        """Length of an interval of its profiles."""
        steps, left_s = divmod(self.interval_s, self.step_size)
        if self.terms is not None and (left_s or (steps > 1 and not self.tracks)):
            raise ScenarioError(
                Problem(
                    message=f"it steps every {format_duration(self.step_size)}, "
                    f"'{self.terms.coordinator}' negotiates every "
                    f"{format_duration(self.interval_s)}",
                    key=("step_size",),
                    expected=f"step_size: {format_duration(self.interval_s)}"
                    f"{', or a part of it' if self.tracks else ''}",
                )
            )
        self.intervals = -(-context.build.duration_s // self.interval_s)
        """Of the run."""
        names = self.agent_names()
        self.agents = ElementSet(
            kind="agent",
            owner=self.name,
            names=names,
            connection_points=tuple(f"{self.name}/{name}" for name in names),
        )
        """Who answers: their places are their addresses in the negotiation."""
        self.nets = self.agent_nets()
        """(agent,), whose requests each answers: places among the nets of its terms."""
        self.base_kw = np.zeros((0, 0))
        """(agent, interval), the last profiles, whose change a target asks for."""
        self._said_kw = self.base_kw
        """(agent, interval), what each offered last in the present negotiation."""
        self._asked_in: int | None = None
        """Round in which the present request was made first, and (agent,) who has answered it."""
        self._answered = np.zeros(len(names), dtype=np.bool_)
        self._plan_kw: FloatArray | None = None
        """(agent, interval of the run), what each does unasked: as ordered last, or scheduled."""
        self._prepared_s: int | None = None
        """Begin of the interval for which it was prepared last."""
        self._setpoints: Setpoints = {}
        """Of the begin of the present interval."""

    @property
    @abstractmethod
    def schedule_kw(self) -> FloatArray:
        """(agent, interval of the run), scheduled day-ahead, load convention."""

    def agent_names(self) -> tuple[str, ...]:
        """Return the name of each agent; by default one that speaks for all devices."""
        return (self.controlled.name,)

    def agent_nets(self) -> IntArray:
        """Return the net that each agent belongs to; by default all that of all their devices.

        Raises:
            ScenarioError: they are in several, or in none.
        """
        found = np.unique(self.device_nets())
        if self.terms is not None and len(found) > 1:
            raise ScenarioError(
                Problem(
                    message=f"'{self.controlled.name}' has devices in several nets of "
                    f"'{self.terms.coordinator}', and this agent speaks for them all at once",
                    key=("controls",),
                    expected="an agent that speaks for each of its devices, or devices of one net",
                )
            )
        return np.full(len(self.agents), found[0])

    def device_nets(self, signal: Signal = POWER) -> IntArray:
        """Return the net that each controlled device belongs to.

        Args:
            signal: one that each of the devices sends.

        Returns:
            (device,), places among the nets of the terms; a single 0 where there is but one net and
            the devices are not told apart.

        Raises:
            ScenarioError: there are several nets, and a device is in none of them, or nobody knows.
        """
        points = places_of(self.controlled, signal)
        if points and self.terms is not None:
            return self.terms.nets_at(points)
        if self.terms is not None and self.terms.parts:
            raise ScenarioError(
                Problem(
                    message=f"'{self.controlled.name}' does not say where its devices are, and "
                    f"'{self.terms.coordinator}' balances nets",
                    key=("controls",),
                    expected=f"devices that send '{signal.name}' at connection points",
                )
            )
        return np.zeros(max(1, len(points)), dtype=np.int64)

    @abstractmethod
    def prepare(self, time: int, observation: Observation) -> None:
        """Take over what is known before the interval that begins at ``time``."""

    @abstractmethod
    def answer(self, request: FlexibilityRequest) -> FloatArray:
        """Return what the agents would draw: (agent, interval), kW, load convention."""

    def answer_nets(self, requests: Requests) -> FloatArray:
        """Return what the agents would draw, each asked by its net; see `nets` and `answer`."""
        return self.answer(requests.of(int(self.nets[0])))

    @abstractmethod
    def setpoints(self, time: int, order_kw: FloatArray) -> Setpoints:
        """Return the setpoints of the devices.

        Args:
            time: begin of the interval.
            order_kw: (agent, interval), what each shall draw: in this interval, and as agreed for
                now in the later ones. Of those who got no order what they were ordered before, and
                beyond that their schedule.
        """

    def track(self, time: int, observation: Observation) -> Setpoints:  # noqa: ARG002
        """Return the setpoints of a step within an interval, by default those at its begin."""
        return dict(self._setpoints)

    @property
    def weight(self) -> FloatArray:
        """How far each agent follows a target, relative to others; agreed with its coordinator.

        (agent,). An agent of weight w is asked for w times the target of its request, and to stray
        from that costs it the penalty over w.
        """
        return np.ones(len(self.agents))

    @property
    def throughput_cost_eur_per_mwh(self) -> FloatArray:
        """What each agent's contract grants it for energy through its connection, either way.

        (agent,); its coordinator knows it from the contract, no message tells it.
        """
        return np.zeros(len(self.agents))

    @property
    def forecast_from_schedule(self) -> Forecast:
        """What the controlled devices are expected to draw, now that they are scheduled."""
        return Forecast(interval_s=self.interval_s, power_kw=self.schedule_kw.sum(axis=0))

    @property
    @override
    def ports(self) -> tuple[Port, ...]:
        told = Port(signal=SCHEDULED_POWER, direction=Direction.OUTPUT, elements=self.agents)
        talking = () if self.terms is None else agents_ports(self.terms, self.agents)
        return (*super().ports, told, *talking)

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
            self.open(time)
        anew = self.asked_anew(inputs)
        if anew.any():
            self._reply(anew, self._requests(time, inputs))
        return {OFFER_POWER.name: self._said_kw.copy()}

    def open(self, time: int) -> None:
        """Begin the negotiation before the interval that begins at ``time``."""
        assert self.terms is not None  # noqa: S101 -- see `round`
        begin, count = time // self.interval_s, self.terms.count
        plan_kw = self.schedule_kw if self._plan_kw is None else self._plan_kw
        ahead_kw = plan_kw[:, begin : begin + count]
        # What each does unless it is ordered; nothing beyond the end of the run.
        self.base_kw = np.pad(ahead_kw, ((0, 0), (0, count - ahead_kw.shape[1])))
        self._said_kw, self._asked_in = self.base_kw, None

    def asked_anew(self, inputs: Inputs) -> Mask:
        """Take note of what is asked in a round; return who is to answer it: (agent,).

        A request is repeated where it, or the answer to it, was lost: who has answered it before
        says the same again.
        """
        reached: Mask = inputs[REQUEST_ARRIVES.name] > 0
        if not reached.any():
            return reached
        number = int(inputs[REQUEST_ROUND.name].max())
        if number != self._asked_in:
            self._asked_in = number
            self._answered = np.zeros(len(self.agents), dtype=np.bool_)
        anew: Mask = reached & ~self._answered
        self._answered |= reached
        return anew

    def _requests(self, time: int, inputs: Inputs) -> Requests:
        assert self.terms is not None  # noqa: S101 -- see `round`
        penalty = float(inputs[REQUEST_PENALTY.name].max())
        return Requests(
            round=int(inputs[REQUEST_ROUND.name].max()),
            start_s=time,
            interval_s=self.terms.interval_s,
            buying_price_eur_per_mwh=inputs[REQUEST_BUYING_PRICE.name],
            selling_price_eur_per_mwh=inputs[REQUEST_SELLING_PRICE.name],
            target_kw=inputs[REQUEST_TARGET.name] if penalty else None,
            penalty_eur_per_kw2=penalty,
        )

    def _reply(self, anew: Mask, requests: Requests) -> None:
        """Answer a request for those who have not answered it yet."""
        answered_kw = self.answer_nets(requests)
        self._said_kw = np.where(anew[:, np.newaxis], answered_kw, self._said_kw)
        if requests.target_kw is not None:
            self.base_kw = np.where(anew[:, np.newaxis], answered_kw, self.base_kw)

    @override
    def decide(self, time: int, observation: Observation) -> Setpoints:
        scheduled_kw = self.schedule_kw[:, time // self.interval_s].copy()
        told: Setpoints = {SCHEDULED_POWER.name: scheduled_kw}
        if time % self.interval_s:
            return {**self.track(time, observation), **told}
        self._prepare_once(time, observation)  # if nobody asked before
        ordered_kw = None if self.terms is None else observation[ORDER_POWER.name]
        self._setpoints = self.setpoints(time, self.standing_kw(time, ordered_kw))
        return {**self._setpoints, **told}

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
        ahead_kw = self._plan_kw[:, time // self.interval_s :]
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


def places_of(controlled: Model, signal: Signal = POWER) -> tuple[str, ...]:
    """Return the connection points at which devices send a signal."""
    for port in controlled.ports:
        if port.signal == signal and port.direction is Direction.OUTPUT and port.elements:
            return port.elements.connection_points or ()
    return ()

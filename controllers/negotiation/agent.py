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
    IntArray,
    Model,
    Outputs,
    Port,
)
from gridloom.simulators.quantities import format_duration
from gridloom.simulators.signals import POWER, Signal

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
        self._asked: Requests | None = None
        """What was asked last, and (agent,) who has answered it."""
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
        count = len(self.agents)
        if self.terms is None:
            return np.zeros(count, dtype=np.int64)
        found = np.unique(self.terms.nets_at(places_of(self.controlled)))
        if len(found) > 1:
            raise ScenarioError(
                Problem(
                    message=f"'{self.controlled.name}' has devices in several nets of "
                    f"'{self.terms.coordinator}', and this agent speaks for them all at once",
                    key=("controls",),
                    expected="an agent that speaks for each of its devices, or devices of one net",
                )
            )
        return np.full(count, found[0] if len(found) else 0)

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
            self.base_kw = self._unasked_kw(time)
            self._said_kw, self._asked = self.base_kw, None
        reached = inputs[REQUEST_ARRIVES.name] > 0
        if reached.any():
            self._reply(reached, self._requests(time, number, inputs))
        return {OFFER_POWER.name: self._said_kw.copy()}

    def _requests(self, time: int, number: int, inputs: Inputs) -> Requests:
        assert self.terms is not None  # noqa: S101 -- see `round`
        penalty = float(inputs[REQUEST_PENALTY.name].max())
        return Requests(
            round=number,
            start_s=time,
            interval_s=self.terms.interval_s,
            buying_price_eur_per_mwh=inputs[REQUEST_BUYING_PRICE.name],
            selling_price_eur_per_mwh=inputs[REQUEST_SELLING_PRICE.name],
            target_kw=inputs[REQUEST_TARGET.name] if penalty else None,
            penalty_eur_per_kw2=penalty,
        )

    def _reply(self, reached: Mask, requests: Requests) -> None:
        """Answer a request; who has answered it before, unheard, says the same again."""
        if self._asked is None or not requests.repeats(self._asked):
            self._asked = requests.kept()
            self._answered = np.zeros(len(self.agents), dtype=np.bool_)
        anew = reached & ~self._answered
        if not anew.any():
            return
        self._answered |= reached
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

    def _unasked_kw(self, time: int) -> FloatArray:
        """Return what each does ahead unless it is ordered; nothing beyond the end of the run."""
        assert self.terms is not None  # noqa: S101 -- see `round`
        begin, count = time // self.interval_s, self.terms.count
        plan_kw = self.schedule_kw if self._plan_kw is None else self._plan_kw
        ahead_kw = plan_kw[:, begin : begin + count]
        return np.pad(ahead_kw, ((0, 0), (0, count - ahead_kw.shape[1])))

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


def places_of(controlled: Model) -> tuple[str, ...]:
    """Return the connection points of the devices that an agent speaks for."""
    for port in controlled.ports:
        if port.signal == POWER and port.direction is Direction.OUTPUT and port.elements:
            return port.elements.connection_points or ()
    return ()

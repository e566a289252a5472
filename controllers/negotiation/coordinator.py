"""What a coordinator is: before each interval it asks, hears, and asks again, until it orders.

Its life: `begin`, then `propose` a round until that returns None, then `order` and `outcome`.
"""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Self

import numpy as np
from pydantic import Field, model_validator
from typing_extensions import override

from gridloom.controllers.controller import (
    ControlContext,
    Controller,
    ControllerConfig,
    Observation,
    Setpoints,
)
from gridloom.controllers.negotiation.agent import Agent
from gridloom.controllers.negotiation.channel import Channel, ChannelConfig, Mask
from gridloom.controllers.negotiation.messages import (
    FlexibilityOffer,
    FlexibilityOrder,
    FlexibilityRequest,
    Requests,
)
from gridloom.controllers.negotiation.ports import coordinators_ports
from gridloom.controllers.negotiation.signals import (
    OFFER_POWER,
    ORDER_POWER,
    REQUEST_ARRIVES,
    REQUEST_BUYING_PRICE,
    REQUEST_PENALTY,
    REQUEST_ROUND,
    REQUEST_SELLING_PRICE,
    REQUEST_TARGET,
    ROUNDS,
)
from gridloom.controllers.negotiation.terms import Terms
from gridloom.controllers.telemetry import MESSAGE_BYTES, MESSAGES
from gridloom.simulators.errors import Problem, ScenarioError, listing
from gridloom.simulators.model import (
    Direction,
    ElementSet,
    FloatArray,
    Inputs,
    IntArray,
    Model,
    Outputs,
    Port,
)
from gridloom.simulators.quantities import Duration, format_duration

_NEVER = -1


class CoordinatorConfig(ControllerConfig):
    """Keys of every coordinator."""

    horizon: Duration | None = None
    """How far requests and offers look beyond the interval that begins; default: 8 intervals."""
    channel: ChannelConfig = ChannelConfig()
    """How well coordinator and agents can talk."""
    patience: Annotated[int, Field(ge=0)] | None = 10
    """How often a request or an order is repeated for those who have not been heard; who is still
    silent then does what it was ordered last, and beyond that keeps its schedule. Null: go on at
    once with what was heard last."""
    max_rounds: Annotated[int, Field(ge=1, le=9_999)] = 200
    """After which what is known is ordered; those in which requests are repeated included."""

    @model_validator(mode="after")
    def _whole_intervals(self) -> Self:
        if self.horizon is not None and self.horizon % self.step_size:
            raise ValueError(
                f"horizon {format_duration(self.horizon)} is not a multiple of step_size "
                f"{format_duration(self.step_size)}"
            )
        return self

    def terms(self, name: str, simulators: Mapping[str, Model]) -> Terms:  # noqa: ARG002
        """Return what its agents have to know.

        Args:
            name: its name in the scenario.
            simulators: the scenario's, by name: whose grid may say which nets there are.
        """
        ahead = 8 if self.horizon is None else self.horizon // self.step_size
        return Terms(coordinator=name, interval_s=self.step_size, count=1 + ahead)


@dataclass(frozen=True, kw_only=True)
class Party:
    """One population of agents, as its coordinator knows it."""

    name: str
    is_flexible: bool
    rows: slice
    """Its agents among all."""


class Coordinator(Controller):
    """Leads the negotiation before each interval, and orders what it ends with."""

    leads_rounds: ClassVar[bool] = True
    wants: ClassVar[str] = "storage_agent, ev_agent or generator_agent"
    """Types of agents that it can negotiate with."""
    asks_for_targets: ClassVar[bool] = False
    """Whether its requests have targets, which not all agents answer."""

    def __init__(self, config: CoordinatorConfig, context: ControlContext) -> None:
        super().__init__(config, context)
        self.terms = config.terms(self.name, context.models)
        found = {
            name: agent
            for name, agent in sorted(context.agents.items())
            if isinstance(agent, Agent) and agent.terms == self.terms
        }
        if not any(agent.is_flexible for agent in found.values()):
            raise ScenarioError(
                Problem(
                    message="it has no flexible agents to negotiate with",
                    key=("type",),
                    expected=f"controllers of a type such as {self.wants}, one for each simulator "
                    "whose devices are to take part",
                )
            )
        self._refuse_strangers(found)
        self.populations = found
        """The populations of agents, by name, in the order of their rows."""
        self.parties, self.agents = _joined(self.name, found)
        self.schedule_kw = np.vstack([agent.schedule_kw for agent in found.values()])
        """(agent, interval of the run), submitted day-ahead."""
        self._plan_kw = self.schedule_kw.copy()
        """(agent, interval of the run), what each does unasked: as ordered last, or scheduled."""
        self.max_rounds = config.max_rounds
        self.channel = Channel(config.channel, len(self.agents), context.build.rng("channel"))
        self.unasked_kw = np.zeros((len(self.agents), self.terms.count))
        """(agent, interval), what each does now and in the intervals ahead unless it is ordered."""
        self._heard_kw = self.unasked_kw.copy()
        """(agent, interval), what each agent offered last; before, what it does unasked."""
        self._flexible = np.zeros(len(self.agents), dtype=np.bool_)
        for party in self.parties:
            self._flexible[party.rows] = party.is_flexible
        self._answered = np.full(len(self.agents), _NEVER)
        """(agent,), round whose request is the latest that each has been heard to answer."""
        self._silent = np.zeros(len(self.agents), dtype=np.bool_)
        """(agent,), who is no longer waited for in this negotiation."""
        self._patience = config.patience
        self.nets = np.concatenate([agent.nets for agent in found.values()])
        """(agent,), the net that each belongs to: places among those of the terms."""
        prices = np.zeros((len(self.terms.nets), self.terms.count))
        self._last_requests = Requests(
            round=0,
            start_s=0,
            interval_s=self.terms.interval_s,
            buying_price_eur_per_mwh=prices,
            selling_price_eur_per_mwh=prices,
        )
        self._asked_from = 0
        """Round in which the present request was made for the first time."""
        self._rounds = 0
        self._heard_all = True

    @abstractmethod
    def begin(self, time: int, observation: Observation, scheduled_kw: FloatArray) -> None:
        """Begin the negotiation of the interval that begins at ``time``.

        Args:
            time: seconds since the start of the scenario.
            observation: what the coordinator knows.
            scheduled_kw: (agent, interval), what all submitted for the intervals ahead.
        """

    @abstractmethod
    def propose(self, number: int, offered_kw: FloatArray) -> FlexibilityRequest | Requests | None:
        """Return the request of a round (of several nets: the requests), or None to end it all.

        Args:
            number: of the round, from 0.
            offered_kw: (agent, interval), what each agent is known to do: its latest offer that
                arrived, or what it does unasked.
        """

    @abstractmethod
    def order(self, offered_kw: FloatArray) -> FloatArray:
        """Return what each agent shall do: (agent, interval), kW."""

    @abstractmethod
    def outcome(self, carried_out_kw: FloatArray) -> Setpoints:
        """Return what it `tells`, and its setpoints, for the interval negotiated last.

        Args:
            carried_out_kw: (agent, interval), the orders of whom they reached, of others what they
                do unasked.
        """

    @property
    @override
    def ports(self) -> tuple[Port, ...]:
        return (
            *super().ports,
            Port(signal=ROUNDS, direction=Direction.OUTPUT),
            Port(signal=MESSAGES, direction=Direction.OUTPUT, elements=self.agents),
            Port(signal=MESSAGE_BYTES, direction=Direction.OUTPUT, elements=self.agents),
            *coordinators_ports(self.terms, self.agents),
        )

    @override
    def round(self, time: int, number: int, inputs: Inputs) -> Outputs | None:
        if number == 0:
            self.channel.open()
            self.unasked_kw = self._window(self._plan_kw, time)
            self._heard_kw = self.unasked_kw.copy()
            self._answered[:] = _NEVER
            self._silent[:] = False
            self._asked_from = 0
            self.begin(time, inputs, self._window(self.schedule_kw, time))
        else:
            self._hear(inputs[OFFER_POWER.name])
        self._heard_all = not self._is_unheard().any()
        self._rounds = number
        if number >= self.max_rounds:
            self.run_out(self._heard_kw)
            return None
        if self._patience is not None and number > 0 and self._is_unheard().any():
            if number - self._asked_from <= self._patience:
                return self._sent(self._last_requests)
            self._silence(self._is_unheard())
            self._heard_all = True
            self.restart()
        self._asked_from = number
        proposed = self.propose(number, self._heard_kw)
        if isinstance(proposed, FlexibilityRequest):
            return self._sent(Requests.of_one(proposed))
        return None if proposed is None else self._sent(proposed)

    def _refuse_strangers(self, agents: Mapping[str, Agent]) -> None:
        """Refuse agents that would not answer its requests."""
        deaf = [name for name, agent in agents.items() if not agent.answers_targets]
        if self.asks_for_targets and deaf:
            raise ScenarioError(
                Problem(
                    message=f"it asks for targets, and {listing(deaf)} answers prices only",
                    key=("type",),
                    expected=f"agents of a type such as {self.wants}",
                )
            )

    @property
    def is_flexible(self) -> Mask:
        """(agent,), who can be moved."""
        return self._flexible

    @property
    def silent(self) -> Mask:
        """(agent,), who is no longer waited for in this negotiation."""
        return self._silent

    @property
    def answered(self) -> IntArray:
        """(agent,), round of the latest request that each has been heard to answer; -1 if none."""
        return self._answered

    @property
    def takes_part(self) -> Mask:
        """(agent,), who can be moved and is listening."""
        return self._flexible & ~self._silent

    def has_heard_all(self) -> bool:
        """Whether all who were asked, and are not silent, have answered the last request."""
        return self._heard_all

    def _is_unheard(self) -> Mask:
        """Return who was asked and has not been heard to answer: (agent,)."""
        asked_from = np.where(self._flexible, self._asked_from, 0)
        unheard: Mask = (self._answered < asked_from) & ~self._silent
        return unheard

    def _silence(self, who: Mask) -> None:
        """Expect nothing more of some agents than what they do unasked."""
        self._silent |= who
        self._heard_kw = np.where(who[:, np.newaxis], self.unasked_kw, self._heard_kw)

    def run_out(self, offered_kw: FloatArray) -> None:
        """Take the last answers: there is no further round."""

    def restart(self) -> None:
        """Take note that some whose offers were counted on have fallen silent."""

    @override
    def decide(self, time: int, observation: Observation) -> Setpoints:
        order_kw = self.order(self._heard_kw)
        told = self._flexible & ~self._silent
        tries = 1 + (self._patience or 0)
        arrives = self.channel.orders(told, self.order_bytes(), tries)
        unreached = (self._flexible & ~arrives)[:, np.newaxis]
        carried_out_kw = np.where(unreached, self.unasked_kw, order_kw)
        begin = time // self.terms.interval_s
        planned_kw = self._plan_kw[:, begin : begin + self.terms.count]
        planned_kw[arrives] = order_kw[arrives, : planned_kw.shape[1]]
        return {
            ORDER_POWER.name: np.where(arrives[:, np.newaxis], order_kw, np.nan),
            ROUNDS.name: np.asarray(float(self._rounds)),
            MESSAGES.name: self.channel.messages.copy(),
            MESSAGE_BYTES.name: self.channel.bytes.copy(),
            **self.outcome(carried_out_kw),
        }

    def _window(self, of_run_kw: FloatArray, time: int) -> FloatArray:
        """Return the intervals ahead; nothing flows beyond the end of the run."""
        begin = time // self.terms.interval_s
        ahead = of_run_kw[:, begin : begin + self.terms.count]
        missing = self.terms.count - ahead.shape[1]
        return np.pad(ahead, ((0, 0), (0, missing)))

    def offer_bytes(self) -> int:
        """Return how long an offer is on the wire."""
        profile_kw, interval_s = np.zeros(self.terms.count), self.terms.interval_s
        offer = FlexibilityOffer(round=0, start_s=0, interval_s=interval_s, power_kw=profile_kw)
        return len(offer.encoded())

    def order_bytes(self) -> int:
        """Return how long an order is on the wire."""
        profile_kw, interval_s = np.zeros(self.terms.count), self.terms.interval_s
        order = FlexibilityOrder(round=0, start_s=0, interval_s=interval_s, power_kw=profile_kw)
        return len(order.encoded())

    def _hear(self, sent_kw: FloatArray) -> None:
        for answered, who, offers_kw in self.channel.offers(sent_kw, self.offer_bytes()):
            newer = who & (answered > self._answered) & ~self._silent
            self._heard_kw = np.where(newer[:, np.newaxis], offers_kw, self._heard_kw)
            self._answered[newer] = answered

    def _sent(self, requests: Requests) -> Outputs:
        self._last_requests = requests
        # Who is not flexible has said all there is to say once it has been heard.
        asked = self._is_unheard()
        arrives = self.channel.requests(asked, len(requests.of(0).encoded()))
        target_kw, shape = requests.target_kw, requests.buying_price_eur_per_mwh.shape
        return {
            REQUEST_BUYING_PRICE.name: requests.buying_price_eur_per_mwh,
            REQUEST_SELLING_PRICE.name: requests.selling_price_eur_per_mwh,
            REQUEST_TARGET.name: np.zeros(shape) if target_kw is None else target_kw,
            REQUEST_PENALTY.name: np.full(shape[0], requests.penalty_eur_per_kw2),
            REQUEST_ROUND.name: np.full(shape[0], float(self._asked_from)),
            REQUEST_ARRIVES.name: arrives.astype(np.float64),
        }


def _joined(owner: str, agents: Mapping[str, Agent]) -> tuple[Sequence[Party], ElementSet]:
    """Return all populations, and all their agents as one set."""
    parties: list[Party] = []
    names: list[str] = []
    for name, agent in agents.items():
        rows = slice(len(names), len(names) + len(agent.agents))
        parties.append(Party(name=name, is_flexible=agent.is_flexible, rows=rows))
        names += agent.agents.connection_points or ()
    elements = ElementSet(
        kind="agent", owner=owner, names=tuple(names), connection_points=tuple(names)
    )
    return tuple(parties), elements

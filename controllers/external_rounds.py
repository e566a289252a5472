"""Drives the foreign program of an agent through the rounds of a negotiation.

A round is a step at the time of the interval that begins, as in a same-time loop of mosaik, and so
is the step with the order that ends them. Which it is, the program sees by what it is told:

    round, request_...      a question: it answers offer_power_kw, and its state stays as it is
    order_power_kw          the step itself: it sends its setpoints

When the program wants its next step makes no difference: its coordinator says when it negotiates.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from typing_extensions import override

from gridloom.controllers.external_agent import (
    NEGOTIATED,
    REQUESTED,
    ROUND,
    UNASKED,
    ExternalAgent,
)
from gridloom.controllers.negotiation.signals import (
    OFFER_POWER,
    ORDER_POWER,
    SCHEDULED_POWER,
)
from gridloom.simulators.errors import Problem, ScenarioError, listing
from gridloom.simulators.exchange.exchange import Exchanged
from gridloom.simulators.external.answers import Addressed, Answers, UnfitAnswer
from gridloom.simulators.external.relations import SOURCE
from gridloom.simulators.external.stepping import AnyPeer, Arrival, ForeignStepper
from gridloom.simulators.external.translation import ForeignInputs
from gridloom.simulators.model import FloatArray, Inputs, Outputs


class AgentStepper(ForeignStepper):
    """Creates the program's one entity, asks it in rounds, and steps it with its order."""

    model: ExternalAgent

    def __init__(
        self, agent: ExternalAgent, arrivals: Mapping[str, Sequence[Arrival]] | None = None
    ) -> None:
        """Make a stepper; see `ForeignStepper`."""
        super().__init__(agent, arrivals or {})
        self._entity = ""
        self._known: frozenset[str] = frozenset()
        """What the program wants to be told of the negotiation."""
        self._offers = Answers(())
        self._offer_kw = np.zeros((1, agent.count))
        self._untold: ForeignInputs = {}
        """What it observes, until the first request reaches it."""

    def asked_in(self, number: int) -> str:
        """Say what the program is to answer in a round, for the begin of an error message."""
        return (
            f"in round {number} of the negotiation, asked for {self.model.count} values of "
            f"'{OFFER_POWER.name}': "
        )

    @override
    async def start(self, peer: AnyPeer) -> None:
        await super().start(peer)
        assert self._translation is not None  # noqa: S101 -- just made
        self._known = self._checked_attributes()
        self._entity = self._translation.only(ORDER_POWER.name)
        offer = Addressed(
            exchanged=Exchanged(signal=OFFER_POWER, name=OFFER_POWER.name, scale=1.0),
            addresses=((self._entity, OFFER_POWER.name),),
            size=self.model.count,
            one_each="an interval",
        )
        self._offers = Answers([offer])
        # The order lets it step, whatever its type.
        self._triggers = (*self._triggers, Arrival(step_s=self.model.step_size))

    async def negotiate(self, peer: AnyPeer, time: int, number: int, arrays: Inputs) -> Outputs:
        """Let the program take part in a round, if the request reaches it.

        Raises:
            SimulatorError: what it offers is no profile.
            PeerFailure: it failed.
        """
        assert self._meta is not None  # noqa: S101 -- `start` comes first
        assert self._translation is not None  # noqa: S101
        if number == 0:
            self._offers.forget()
            self.model.open(time)
            self._offer_kw = self.model.base_kw
            told = {
                SCHEDULED_POWER.name: self.model.scheduled_ahead_kw(time).tolist(),
                UNASKED: self.model.base_kw[0].tolist(),
            }
            self._untold = self._with(self._translation.inputs(arrays), told)
        if self.model.asked_anew(arrays).any():
            inputs = self._with(self._untold, _request(number, int(self.model.nets[0]), arrays))
            self._untold = {}
            await self._step(peer, time, inputs, time)
            answer = await peer.call("get_data", self._offers.request, timeout_s=self._timeout_s)
            try:
                read = self._offers.read(answer, time, may_hold=not self._meta.is_time_based)
            except UnfitAnswer as unfit:
                raise self._unfit(unfit, time) from None
            self._offer_kw = read[OFFER_POWER.name][np.newaxis]
        return {OFFER_POWER.name: self._offer_kw.copy()}

    @override
    async def advance(self, peer: AnyPeer, time: int, arrays: Inputs) -> Outputs:
        outputs = await super().advance(peer, time, arrays)
        return {**outputs, SCHEDULED_POWER.name: self.model.scheduled_ahead_kw(time)[:1]}

    @override
    def _inputs(self, time: int, arrays: Inputs) -> ForeignInputs:
        order_kw: FloatArray = self.model.scheduled_ahead_kw(time)
        if self.model.terms is not None:
            (order_kw,) = self.model.standing_kw(time, arrays[ORDER_POWER.name])
        return self._with(super()._inputs(time, arrays), {ORDER_POWER.name: order_kw.tolist()})

    def _with(self, inputs: ForeignInputs, told: Mapping[str, Any]) -> ForeignInputs:
        """Return inputs with what else the agent is told, as far as it wants to know."""
        more = {name: {SOURCE: value} for name, value in told.items() if name in self._known}
        if not more:
            return inputs
        return {**inputs, self._entity: {**inputs.get(self._entity, {}), **more}}

    def _checked_attributes(self) -> frozenset[str]:
        """Return what the program wants to be told of the negotiation.

        Raises:
            ScenarioError: it offers nothing, or cannot hear the order.
        """
        assert self._meta is not None  # noqa: S101 -- just read
        model = self.model.config.create.model
        entry = self._meta.models[model]
        attributes = list(entry.get("attrs") or ())
        needed = [] if self.model.terms is None else [OFFER_POWER.name]
        needed += [] if entry.get("any_inputs") else [ORDER_POWER.name]
        missing = [name for name in needed if name not in attributes]
        if missing:
            raise ScenarioError(
                Problem(
                    message=f"the model '{model}' has no attribute '{missing[0]}'",
                    key=("create", "model"),
                    expected=f"a model with {' and '.join(needed)}; it has "
                    f"{listing(attributes) or 'none at all'}",
                )
            )
        return frozenset(NEGOTIATED if entry.get("any_inputs") else attributes)


def _request(number: int, net: int, arrays: Inputs) -> dict[str, Any]:
    """Return what a net asks, by attribute: lists of one value an interval, and numbers."""
    return {ROUND: number, **{s.name: arrays[s.name][net].tolist() for s in REQUESTED}}

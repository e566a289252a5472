"""Negotiations within a step: their rounds, whoever takes part, before the leader steps.

In mosaik's words this is a same-time loop. gridloom runs it itself, so that it is the same whether
models are fused, apart, or in other processes, and costs nothing but the models' own work.

Who answers does so before its step; what it observes, which comes late anyway, it is told in the
first round. Mosaik has not handed that over yet, so that a negotiation takes note of it itself.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Generator, Iterable, Mapping, Sequence
from typing import TypeAlias

import numpy as np

from gridloom.scenarios.coupling import Coupling
from gridloom.simulators.errors import SimulatorError
from gridloom.simulators.model import Direction, FloatArray, Inputs, Model, Outputs

_MOST_ROUNDS = 10_000
"""Nobody means more; a negotiation that does not converge shall not hang."""

Turns: TypeAlias = Mapping[str, Inputs]
"""What each of those receives whose turn it is, by name."""
Rounds: TypeAlias = Generator[tuple[int, Turns], Mapping[str, Outputs | None], None]
"""Yields the number of the round and whose turn it is; is sent what these models say."""


class Negotiation:
    """The negotiation that one model leads."""

    def __init__(
        self, leader: Model, models: Mapping[str, Model], couplings: Sequence[Coupling]
    ) -> None:
        """Find out who takes part.

        Args:
            leader: who begins and ends it.
            models: all models by name.
            couplings: of all models.
        """
        self.leader = leader
        asked = [c for c in couplings if c.in_rounds and c.source == leader.name]
        replies = [c for c in couplings if c.is_reply and c.destination == leader.name]
        answering = sorted({c.destination for c in asked})
        self.party = frozenset([leader.name, *answering])
        """Who takes part."""
        self.late = tuple(c for c in couplings if c.destination in answering and c.is_fed_back)
        """What those who answer observe."""
        self._asked = {name: _Inbox(models[name], asked) for name in answering}
        self._replies = _Inbox(leader, replies)
        self._sent: dict[str, list[tuple[int, Outputs]]] = {c.source: [] for c in self.late}
        """By source, with the time of the step; what is out of date has been forgotten."""
        self._observed = {
            name: _Observed(models[name], [c for c in self.late if c.destination == name])
            for name in answering
        }

    def note(self, source: str, time: int, outputs: Outputs) -> None:
        """Take note of what a model sent for the step that began at ``time``."""
        if source in self._sent:
            self._sent[source].append((time, outputs))

    def begin_with(self, initial: Callable[[Coupling], Outputs]) -> None:
        """Learn what models that have not stepped yet are known to send."""
        for observed in self._observed.values():
            observed.begin_with(initial)

    def rounds(self, time: int, inputs: Inputs) -> Rounds:
        """Go through the negotiation before the leader's step.

        Args:
            time: when the step begins.
            inputs: what the leader receives for its step.

        Raises:
            SimulatorError: the negotiation does not end.
        """
        leader = self.leader.name
        answers: Mapping[str, Outputs | None] = {}
        for number in range(_MOST_ROUNDS):
            received = {**inputs, **self._replies.of(answers)}
            request = yield number, {leader: received}
            if request[leader] is None:
                return
            turns = {name: inbox.of(request) for name, inbox in self._asked.items()}
            if number == 0:
                for name, observed in self._observed.items():
                    turns[name] |= observed.at(time, self._sent)
            answers = yield number, turns
        cause = f"its negotiation does not end within {_MOST_ROUNDS} rounds"
        raise SimulatorError(leader, time, cause)


def negotiations_of(
    models: Mapping[str, Model], couplings: Sequence[Coupling]
) -> dict[str, Negotiation]:
    """Return the negotiations of a scenario by who leads them."""
    return {
        name: Negotiation(model, models, couplings)
        for name, model in models.items()
        if model.leads_rounds
    }


def with_whole_parties(elsewhere: Collection[str], negotiations: Iterable[Negotiation]) -> set[str]:
    """Return who cannot be fused: whoever is elsewhere, and all who negotiate with them."""
    apart = set(elsewhere)
    left = list(negotiations)
    while parties := [each for each in left if not apart.isdisjoint(each.party)]:
        apart = apart.union(*(each.party for each in parties))
        left = [each for each in left if each not in parties]
    return apart


class _Inbox:
    """What one model receives in a round: the sum of what the others sent, or blanks."""

    def __init__(self, model: Model, couplings: Sequence[Coupling]) -> None:
        self._blanks = {
            port.name: port.blank()
            for port in model.ports
            if port.in_rounds and port.direction is Direction.INPUT
        }
        mine = [c for c in couplings if c.destination == model.name]
        self._feeds = [
            (c.input.name, c.source, c.output.name, c.transform())
            for c in sorted(mine, key=lambda c: c.source)
        ]

    def of(self, sent: Mapping[str, Outputs | None]) -> dict[str, FloatArray]:
        """Return one read-only array an input, given what was sent, by sender."""
        totals: dict[str, FloatArray] = {}
        for name, source, output, transform in self._feeds:
            outputs = sent.get(source)
            if outputs is not None:
                value = outputs[output]
                value = value if transform is None else transform(value)
                totals[name] = value if name not in totals else np.asarray(totals[name] + value)
        for value in totals.values():
            value.setflags(write=False)
        return self._blanks | totals


class _Observed:
    """What one model observes before its step: what others sent in earlier steps."""

    def __init__(self, model: Model, couplings: Sequence[Coupling]) -> None:
        self._blanks = {
            port.name: port.blank()
            for port in model.ports
            if port.direction is Direction.INPUT and port.name in {c.input.name for c in couplings}
        }
        self._feeds = [(c, c.transform()) for c in sorted(couplings, key=lambda c: c.source)]
        self._initial: dict[int, FloatArray] = {}

    def begin_with(self, initial: Callable[[Coupling], Outputs]) -> None:
        """Learn what is known before the sources have stepped."""
        for number, (coupling, _) in enumerate(self._feeds):
            self._initial[number] = coupling.initial(initial(coupling))

    def at(self, time: int, sent: Mapping[str, list[tuple[int, Outputs]]]) -> dict[str, FloatArray]:
        """Return one read-only array an input, as it is known at ``time``."""
        totals: dict[str, FloatArray] = {}
        for number, (coupling, transform) in enumerate(self._feeds):
            outputs = _latest(sent[coupling.source], time - coupling.shift_s)
            value = self._initial[number] if outputs is None else outputs[coupling.output.name]
            if outputs is not None and transform is not None:
                value = transform(value)
            name = coupling.input.name
            totals[name] = value if name not in totals else np.asarray(totals[name] + value)
        for value in totals.values():
            value.setflags(write=False)
        return self._blanks | totals


def _latest(sent: list[tuple[int, Outputs]], until: int) -> Outputs | None:
    """Return what was sent last by a time, and forget what was sent before that."""
    while len(sent) > 1 and sent[1][0] <= until:
        del sent[0]
    return sent[0][1] if sent and sent[0][0] <= until else None


def negotiate(rounds: Rounds, say: Callable[[str, int, Inputs], Outputs | None]) -> None:
    """Go through a negotiation whose models are all in this process.

    Args:
        rounds: see `Negotiation.rounds`.
        say: returns what a model says in a round, given its name, the round and its inputs.
    """
    try:
        number, turns = next(rounds)
        while True:
            said = {name: say(name, number, inputs) for name, inputs in turns.items()}
            number, turns = rounds.send(said)
    except StopIteration:
        return


async def negotiate_apart(
    rounds: Rounds, say: Callable[[str, int, Inputs], Awaitable[Outputs | None]]
) -> None:
    """Go through a negotiation whose models may be in other processes, where they answer at once.

    Args:
        rounds: see `Negotiation.rounds`.
        say: see `negotiate`.
    """
    try:
        number, turns = next(rounds)
        while True:
            said = await asyncio.gather(*(say(n, number, inputs) for n, inputs in turns.items()))
            number, turns = rounds.send(dict(zip(turns, said, strict=True)))
    except StopIteration:
        return

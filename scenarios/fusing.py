"""Steps several models of this process within one mosaik simulator: the same results, sooner.

mosaik's cost of a step then occurs once, not once a model. Values go from model to model as mosaik
would hand them over: at once in the order of the couplings, or late by one step of their source.
Only what comes from, or goes to, a model outside takes the way through mosaik.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from math import gcd
from typing import Any, TypeAlias

import mosaik_api_v3
from typing_extensions import override

from gridloom.scenarios.coupling import Coupling
from gridloom.scenarios.supervision.guard import Guard
from gridloom.scenarios.waiting import levels, waits_for
from gridloom.simulators.model import FloatArray, Outputs
from gridloom.simulators.mosaik_adapter import ModelSimulator

Sink: TypeAlias = Callable[[int, Mapping[str, Mapping[str, FloatArray]]], None]
"""Receives the simulation time and, by model and signal, what was sent for that time."""
Received: TypeAlias = Mapping[str, Mapping[str, FloatArray | None]]
"""What mosaik hands over to one model: input to value by the full id of the sender."""

_NEVER = -1


def fused_groups(
    names: Sequence[str], couplings: Sequence[Coupling], outside: Collection[str]
) -> list[tuple[str, ...]]:
    """Return which models are stepped together, each group in the order of its steps.

    A group steps at once, so that nobody in it may wait for a model outside that itself waits for
    the group: as many groups as such models are passed on the longest way through a step.

    Args:
        names: all models.
        couplings: who sends what to whom.
        outside: models that cannot be fused.
    """
    rank: dict[str, int] = {}
    groups: dict[int, list[str]] = {}
    for level in levels(names, couplings):
        for name in level:
            before = waits_for(name, couplings)
            passed = (rank[each] + (each in outside and name not in outside) for each in before)
            rank[name] = max(passed, default=0)
            if name not in outside:
                groups.setdefault(rank[name], []).append(name)
    return [tuple(groups[number]) for number in sorted(groups)]


@dataclass
class Member:
    """One model of a group, and what it sent."""

    simulator: ModelSimulator
    guard: Guard
    sent: Outputs = field(default_factory=dict)
    """In its latest step."""
    sent_at: int = _NEVER
    sent_before: Outputs = field(default_factory=dict)
    """In the step before that."""
    feeds: tuple["_Feed", ...] = ()
    """One for every input that somebody feeds."""

    @property
    def name(self) -> str:
        """The model's name."""
        return self.simulator.model.name

    def step(self, time: int, received: Received) -> None:
        """Advance the model.

        Args:
            time: seconds since the start of the scenario.
            received: what models outside the group sent.
        """
        arrays = self.simulator.blank_inputs()
        for feed in self.feeds:
            arrays[feed.name] = feed.total(time, received)
        sent = self.simulator.advance(time, arrays)
        self.sent_before, self.sent, self.sent_at = self.sent, sent, time


class _AtOnce:
    """What another member has sent last."""

    def __init__(self, source: Member, coupling: Coupling) -> None:
        self._source, self._name = source, coupling.output.name
        self._transform = coupling.transform()

    def value(self, time: int, received: Received) -> FloatArray:  # noqa: ARG002
        sent = self._source.sent[self._name]
        return sent if self._transform is None else self._transform(sent)


class _Late:
    """What another member sent one of its steps ago, kept as long as it holds."""

    def __init__(self, source: Member, coupling: Coupling) -> None:
        self._source, self._name = source, coupling.output.name
        self._transform = coupling.transform()
        self._shift_s = coupling.shift_s
        self._initial = coupling.initial(source.simulator.model.initial_outputs())

    def value(self, time: int, received: Received) -> FloatArray:  # noqa: ARG002
        source = self._source
        known = source.sent if source.sent_at <= time - self._shift_s else source.sent_before
        if not known:
            return self._initial
        return known[self._name] if self._transform is None else self._transform(known[self._name])


class _Outside:
    """What a model outside the group sent: mosaik delayed and reordered it."""

    def __init__(self, source: str, coupling: Coupling) -> None:
        self._sender = source
        self._input = coupling.input.name

    def value(self, time: int, received: Received) -> FloatArray | None:  # noqa: ARG002
        return received.get(self._input, {}).get(self._sender)


class _Feed:
    """One input of a member and who feeds it, in the order of their names."""

    def __init__(
        self, name: str, blank: FloatArray, sources: Sequence[_AtOnce | _Late | _Outside]
    ) -> None:
        self.name = name
        self._blank = blank
        self._sources = tuple(sources)

    def total(self, time: int, received: Received) -> FloatArray:
        """Return the sum of what the sources sent, read-only."""
        total: FloatArray | None = None
        for source in self._sources:
            value = source.value(time, received)
            if value is not None:
                total = value if total is None else total + value
        if total is None:
            return self._blank
        if total.flags.writeable:
            total.flags.writeable = False
        return total


class FusedSimulator(mosaik_api_v3.Simulator):
    """A group of models as one mosaik simulator, an entity each, whose id is the model's name."""

    def __init__(
        self, members: Sequence[Member], couplings: Sequence[Coupling], senders: Mapping[str, str]
    ) -> None:
        """Join models.

        Args:
            members: in the order of their steps.
            couplings: of all models, also those outside.
            senders: full mosaik id of every model's entity, by name.
        """
        super().__init__(_meta(members))
        self._members = tuple(members)
        self._steps = tuple((m.name, m, m.simulator.model.step_size) for m in members)
        self._pace_s = gcd(*(step_s for _, _, step_s in self._steps))
        self._sink: Sink | None = None
        by_name = {member.name: member for member in members}
        self.inner = frozenset(
            c for c in couplings if c.source in by_name and c.destination in by_name
        )
        """The couplings that mosaik has nothing to do with."""
        for member in members:
            member.feeds = tuple(_feeds(member, couplings, by_name, senders))

    @property
    def names(self) -> tuple[str, ...]:
        """The models' names."""
        return tuple(name for name, _, _ in self._steps)

    def observe(self, sink: Sink) -> None:
        """Call ``sink`` after every step."""
        self._sink = sink

    @override
    def init(
        self, sid: mosaik_api_v3.SimId, time_resolution: float = 1.0, **sim_params: Any
    ) -> mosaik_api_v3.Meta:
        return self.meta

    @override
    def create(
        self, num: int, model: mosaik_api_v3.ModelName, **model_params: Any
    ) -> list[mosaik_api_v3.CreateResult]:
        return [{"eid": model, "type": model}]

    @override
    def step(
        self, time: mosaik_api_v3.Time, inputs: mosaik_api_v3.InputData, max_advance: int
    ) -> mosaik_api_v3.Time:
        for name, member, step_s in self._steps:
            if time % step_s == 0:
                member.guard.step(time, member.step, time, inputs.get(name, {}))
        if self._sink is not None:
            self._sink(time, {member.name: member.sent for member in self._members})
        return time + self._pace_s

    @override
    def get_data(self, outputs: mosaik_api_v3.OutputRequest) -> mosaik_api_v3.OutputData:
        sent = {member.name: member.sent for member in self._members}
        return {entity: {n: sent[entity][n] for n in names} for entity, names in outputs.items()}


def _feeds(
    member: Member,
    couplings: Sequence[Coupling],
    members: Mapping[str, Member],
    senders: Mapping[str, str],
) -> list[_Feed]:
    """Return who feeds a member: sums must not depend on who is fused with whom."""
    by_input: dict[str, list[tuple[str, _AtOnce | _Late | _Outside]]] = {}
    for each in couplings:
        if each.destination == member.name:
            inside = members.get(each.source)
            source: _AtOnce | _Late | _Outside
            if inside is None:
                source = _Outside(senders[each.source], each)
            else:
                source = _Late(inside, each) if each.is_fed_back else _AtOnce(inside, each)
            by_input.setdefault(each.input.name, []).append((each.source, source))
    blanks = member.simulator.blank_inputs()
    return [
        _Feed(name, blanks[name], [source for _, source in sorted(sources, key=lambda s: s[0])])
        for name, sources in by_input.items()
    ]


def _meta(members: Sequence[Member]) -> mosaik_api_v3.Meta:
    """Describe the members' ports as attributes of one mosaik model each."""
    return {
        "api_version": "3.0",
        "type": "time-based",
        "models": {
            member.name: {
                "public": True,
                "params": [],
                "attrs": list(dict.fromkeys(port.name for port in member.simulator.model.ports)),
            }
            for member in members
        },
    }

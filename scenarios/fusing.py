"""Steps several models of this process within one mosaik simulator: the same results, sooner.

mosaik's cost of a step then occurs once, not once a model. Values go from model to model as mosaik
would hand them over: at once in the order of the couplings, or late by one step of their source.
Only what comes from, or goes to, a model outside takes the way through mosaik.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from math import gcd
from time import perf_counter
from typing import Any, TypeAlias

import mosaik_api_v3
import numpy as np
from typing_extensions import override

from gridloom.scenarios.composition import Composition
from gridloom.scenarios.coupling import Coupling
from gridloom.scenarios.negotiating import (
    Negotiation,
    negotiate,
    negotiations_of,
    with_whole_parties,
)
from gridloom.scenarios.rows import Rows
from gridloom.scenarios.supervision.guard import Guard
from gridloom.scenarios.supervision.placing import names_elsewhere
from gridloom.scenarios.waiting import Link, levels, waits_for
from gridloom.simulators.model import FloatArray, Inputs, Outputs
from gridloom.simulators.mosaik_adapter import POPULATION, ModelSimulator

Received: TypeAlias = Mapping[str, Mapping[str, FloatArray | None]]
"""What mosaik hands over to one model: input to value by the full id of the sender."""

_NEVER = -1
_PAUSE_S = 0.05
"""Wall time after which signals are heeded."""


def fused_groups(
    names: Sequence[str], couplings: Sequence[Link], outside: Collection[str]
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


def groups_of(composition: Composition) -> list[tuple[str, ...]]:
    """Return which models of a scenario are stepped together; nothing where it says not to."""
    scenario, models = composition.scenario, composition.models
    if not scenario.fuse:
        return []
    negotiations = negotiations_of(models, composition.couplings).values()
    elsewhere = names_elsewhere(models, scenario)
    return groups_and_apart(tuple(models), composition.couplings, elsewhere, negotiations)[0]


def groups_and_apart(
    names: Sequence[str],
    couplings: Sequence[Link],
    elsewhere: Collection[str],
    negotiations: Collection[Negotiation],
) -> tuple[list[tuple[str, ...]], set[str]]:
    """Return which models are stepped together, and which apart.

    All who negotiate with each other are in one group, or all of them apart.

    Args:
        names: all models.
        couplings: who sends what to whom.
        elsewhere: models that cannot be fused.
        negotiations: all of them.
    """
    apart = with_whole_parties(elsewhere, negotiations)
    while True:
        groups = fused_groups(names, couplings, apart)
        together = [frozenset(group) for group in (*groups, apart)]
        parties = (each.party for each in negotiations)
        torn = [party for party in parties if not any(party <= whole for whole in together)]
        if not torn:
            return groups, apart
        apart = with_whole_parties(apart.union(*torn), negotiations)


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
    feeds: Mapping[str, "_Feed"] = field(default_factory=dict)
    """By input; those that nobody feeds are left out."""
    negotiation: Negotiation | None = None
    """Which it leads before each of its steps."""

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
        sent = self.simulator.advance(time, self.inputs(time, received))
        self.sent_before, self.sent, self.sent_at = self.sent, sent, time

    def inputs(self, time: int, received: Received) -> dict[str, FloatArray]:
        """Return what the model receives for its step."""
        arrays = self.simulator.blank_inputs()
        for name, feed in self.feeds.items():
            total = feed.total(name, time, received)
            if total is not None:
                arrays[name] = total
        return arrays


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

    def __init__(self, sender: str, coupling: Coupling) -> None:
        self._sender = sender
        self._input = coupling.input.name

    def value(self, time: int, received: Received) -> FloatArray | None:  # noqa: ARG002
        return received.get(self._input, {}).get(self._sender)


_Source: TypeAlias = _AtOnce | _Late | _Outside


class _Feed:
    """One input of a member and who feeds it."""

    def __init__(
        self, simulator: ModelSimulator, sources: Mapping[str, _Source], *, is_checked: bool
    ) -> None:
        """Join sources.

        Args:
            simulator: of the member.
            sources: by full id, as mosaik would tell it if nobody were fused.
            is_checked: whether to look at every value, not only at the first one.
        """
        self._simulator = simulator
        self._sources = dict(sorted(sources.items()))  # sums must not depend on who is fused
        self._is_checked = is_checked

    def total(self, name: str, time: int, received: Received) -> FloatArray | None:
        """Return the sum of what the sources sent, read-only; None if there is nothing yet."""
        total: FloatArray | None = None
        if self._is_checked or time == 0:
            values = {key: source.value(time, received) for key, source in self._sources.items()}
            total = self._simulator.total(name, values, time)
        else:
            for source in self._sources.values():
                value = source.value(time, received)
                if value is not None:
                    total = value if total is None else np.asarray(total + value)
        if total is not None and total.flags.writeable:
            total.flags.writeable = False
        return total


class FusedSimulator(mosaik_api_v3.Simulator):
    """A group of models as one mosaik simulator, an entity each, whose id is the model's name."""

    def __init__(
        self,
        members: Sequence[Member],
        couplings: Sequence[Coupling],
        senders: Mapping[str, str],
        rows: Rows,
        alone_until_s: int | None = None,
    ) -> None:
        """Join models.

        Args:
            members: in the order of their steps.
            couplings: of all models, also those outside.
            senders: full mosaik id of every model's entity, by name.
            rows: takes over what they send.
            alone_until_s: end of the simulation if there is nobody outside, who would have to see
                every step.
        """
        super().__init__(_meta(members))
        self._members = tuple(members)
        self._steps = tuple((m.name, m, m.simulator.model.step_size) for m in members)
        self._pace_s = gcd(*(step_s for _, _, step_s in self._steps))
        self._rows = rows
        self._alone_until_s = alone_until_s
        self._by_name = by_name = {member.name: member for member in members}
        self.inner = frozenset(
            c for c in couplings if c.source in by_name and c.destination in by_name
        )
        """The couplings that mosaik has nothing to do with."""
        for member in members:
            member.feeds = _feeds(member, couplings, by_name, senders)

    @property
    def names(self) -> tuple[str, ...]:
        """The models' names."""
        return tuple(name for name, _, _ in self._steps)

    @override
    def init(
        self, sid: mosaik_api_v3.SimId, time_resolution: float = 1.0, **sim_params: Any
    ) -> mosaik_api_v3.Meta:
        return self.meta

    @override
    def create(
        self, num: int, model: mosaik_api_v3.ModelName, **model_params: Any
    ) -> list[mosaik_api_v3.CreateResult]:
        return [{"eid": name, "type": model} for name in self.names]

    @override
    def step(
        self, time: mosaik_api_v3.Time, inputs: mosaik_api_v3.InputData, max_advance: int
    ) -> mosaik_api_v3.Time:
        if self._alone_until_s is None:
            self._step_all(time, inputs)
            return time + self._pace_s
        pause_s = perf_counter() + _PAUSE_S
        while True:  # at least one step, however long this process was kept waiting
            self._step_all(time, inputs)
            time += self._pace_s
            if time >= self._alone_until_s or perf_counter() >= pause_s:
                return time

    def _step_all(self, time: int, inputs: mosaik_api_v3.InputData) -> None:
        """Step everyone whose step begins now."""
        for name, member, step_s in self._steps:
            if time % step_s == 0:
                received = inputs.get(name, {})
                if member.negotiation is not None:
                    self._negotiate(member.negotiation, time, member.inputs(time, received))
                member.guard.step(time, member.step, time, received)
                self._rows.take(name, time, member.sent)

    def _negotiate(self, negotiation: Negotiation, time: int, arrays: Inputs) -> None:
        def say(name: str, number: int, received: Inputs) -> Outputs | None:
            return self._by_name[name].guard.round(time, number, received)

        negotiate(negotiation.rounds(time, arrays), say)

    @override
    def get_data(self, outputs: mosaik_api_v3.OutputRequest) -> mosaik_api_v3.OutputData:
        sent = {member.name: member.sent for member in self._members}
        return {entity: {n: sent[entity][n] for n in names} for entity, names in outputs.items()}


def _feeds(
    member: Member,
    couplings: Sequence[Coupling],
    members: Mapping[str, Member],
    senders: Mapping[str, str],
) -> dict[str, _Feed]:
    """Return who feeds a member, by input."""
    by_input: dict[str, list[Coupling]] = {}
    for each in couplings:
        if each.destination == member.name and not each.in_rounds:
            by_input.setdefault(each.input.name, []).append(each)

    def source_of(coupling: Coupling) -> _Source:
        inside = members.get(coupling.source)
        if inside is None:
            return _Outside(senders[coupling.source], coupling)
        return _Late(inside, coupling) if coupling.is_fed_back else _AtOnce(inside, coupling)

    return {
        name: _Feed(
            member.simulator,
            {f"{each.source}.{POPULATION}": source_of(each) for each in fed},
            is_checked=any(_may_bring_nan(each) for each in fed),
        )
        for name, fed in by_input.items()
    }


def _may_bring_nan(coupling: Coupling) -> bool:
    """Whether NaN may arrive where none may, though the source sends what it may send."""
    output, transform = coupling.output, coupling.transform()
    if coupling.input.signal.may_be_nan:
        return False
    has_gaps = transform is not None and np.isnan(transform(np.zeros(output.shape))).any()
    return output.signal.may_be_nan or bool(has_gaps)


def _meta(members: Sequence[Member]) -> mosaik_api_v3.Meta:
    """Describe the ports of all members as attributes of one mosaik model."""
    names = dict.fromkeys(p.name for member in members for p in member.simulator.model.ports)
    return {
        "api_version": "3.0",
        "type": "time-based",
        "models": {POPULATION: {"public": True, "params": [], "attrs": list(names)}},
    }

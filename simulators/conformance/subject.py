"""The simulator that is checked: how to get a fresh instance, and what is known of it so far."""

import json
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from gridloom.simulators.conformance.options import CheckOptions
from gridloom.simulators.conformance.report import Findings
from gridloom.simulators.conformance.session import (
    SOURCE,
    CallFailure,
    FailureKind,
    Session,
    StepInputs,
    cause_of,
    open_session,
)
from gridloom.simulators.conformance.target import AddressTarget, Target
from gridloom.simulators.remote.peer import PeerFailure

_AGAIN_S = 3.0
"""Until when a simulator that was reached once must be reached again."""
_OLDEST_WITH_ADVANCE = 3


@dataclass(frozen=True, kw_only=True)
class Entity:
    """An entity that the simulator has created."""

    eid: str
    type: str


@dataclass(frozen=True, kw_only=True)
class Moment:
    """One step: what was answered, and how long that took."""

    time: int
    answer: Any
    """What `step` returned."""
    data: Any
    """What `get_data` returned."""
    seconds: float
    """Wall time of both."""

    @property
    def text(self) -> str:
        """What was sent, to be compared bit for bit."""
        return json.dumps([self.answer, self.data], sort_keys=True)


@dataclass
class Subject:
    """What every check works on."""

    target: Target
    options: CheckOptions
    folder: Path
    """Empty; for what processes leave to tell."""
    findings: Findings = field(default_factory=Findings)
    meta: Mapping[str, Any] = field(default_factory=dict)
    """As far as it is sound."""
    kind: str = "time-based"
    model: str = ""
    """The model that is created."""
    number: int = 2
    """How many entities are created at once."""
    entities: Sequence[Entity] = ()
    """What one `create` makes, children included."""
    sends_max_advance: bool = True
    """Whether `step` is called with `max_advance`."""
    unconnected_failure: str = ""
    """Why it does not step without inputs."""
    drive: Mapping[str, Any] = field(default_factory=dict)
    """Values by attribute without which it does not step."""
    readable: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Attributes that `get_data` answers, by type of entity."""
    unreadable: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Attributes that it refuses, which are probably inputs, by type of entity."""
    trace: Sequence[Moment] = ()
    """The first run."""
    inputs: list[str] = field(default_factory=list)
    """Attributes that take inputs and change what is sent."""
    positive_is_generation: bool = False
    """Whether its power is positive where it feeds in."""
    obstacle: str = ""
    """Why nothing more can be found out; '' as long as it can."""
    stop_complaint: str = ""
    """What went wrong when the last instance was stopped."""
    _sessions: Iterator[int] = field(default_factory=count)

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Session]:
        """Start an instance, and end it when the block ends.

        Raises:
            CallFailure: it cannot be started or reached.
        """
        number = next(self._sessions)
        folder = self.folder / f"session_{number}"
        folder.mkdir()
        again = number > 0 and isinstance(self.target, AddressTarget)
        limit_s = min(self.options.start_timeout_s, _AGAIN_S if again else float("inf"))
        try:
            session = await open_session(self.target, self.options, folder, limit_s)
        except PeerFailure as failure:
            if again:
                self.obstacle = "it serves one connection and ends: start it in a loop to see more"
            raise CallFailure(FailureKind.LOST, self.obstacle or cause_of(failure)) from failure
        hangs = self.findings.has_failed("shutdown.ends")
        try:
            yield session
        finally:
            limit_s = 0.1 if hangs else self.options.stop_timeout_s
            self.stop_complaint = await session.stop(limit_s)

    @asynccontextmanager
    async def ready(self) -> AsyncIterator[Session]:
        """Start an instance with its entities created, ready to step; raises as `session`."""
        async with self.session() as session:
            await session.init()
            await session.create(self.number, self.model, **self.options.create)
            if self.api_version > 1:
                await self._set_up(session)
            yield session

    async def _set_up(self, session: Session) -> None:
        """Set an instance up; a refusal that is reported already does not stop the other checks."""
        try:
            await session.set_up()
        except CallFailure as failure:
            known = self.findings.has_failed("setup.done")
            if failure.kind is not FailureKind.REFUSED or not known:
                raise

    @property
    def api_version(self) -> int:
        """Major version of the API, 3 where it says none."""
        major = str(self.meta.get("api_version", "3")).partition(".")[0]
        return int(major) if major.isdecimal() else _OLDEST_WITH_ADVANCE

    @property
    def is_time_based(self) -> bool:
        """Whether it says itself when it steps."""
        return self.kind == "time-based"

    def attributes(self, kind: str) -> list[str]:
        """Return the attributes of a type of entity, as META has them."""
        return list(self.meta["models"].get(kind, {}).get("attrs", ()))

    def advance(self, time: int) -> tuple[int, ...]:
        """Return the further arguments of `step`: until when nothing can reach it."""
        if not self.sends_max_advance or self.api_version < _OLDEST_WITH_ADVANCE:
            return ()
        if self.is_time_based:
            return (max(time, self.options.until_s),)
        return (time + self.options.step_size_s - 1,)

    def request(self) -> dict[str, list[str]]:
        """Return what `get_data` is asked for: everything that can be read."""
        found = {e.eid: list(self.readable.get(e.type, ())) for e in self.entities}
        return {eid: attributes for eid, attributes in found.items() if attributes}

    def step_inputs(self, values: Mapping[str, Any], *sources: str) -> StepInputs:
        """Return inputs that give every entity that has them values by attribute.

        Entities that send lists of numbers are given lists of that length.
        """
        named = sources or (SOURCE,)
        found: dict[str, dict[str, dict[str, Any]]] = {}
        for entity in self.entities:
            for attribute in self.attributes(entity.type):
                if attribute in values:
                    value = self._shaped(entity, values[attribute])
                    found.setdefault(entity.eid, {})[attribute] = dict.fromkeys(named, value)
        return found

    def _shaped(self, entity: Entity, value: Any) -> Any:
        if not isinstance(value, float) or not self.trace:
            return value
        data = self.trace[0].data
        sent = data.get(entity.eid) if isinstance(data, Mapping) else None
        lists = [v for v in sent.values() if isinstance(v, list)] if isinstance(sent, dict) else []
        return [value] * len(lists[0]) if lists else value

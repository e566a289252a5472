"""Composes models into a mosaik world and runs it."""

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from gridloom.scenarios.coupling import Coupling
from gridloom.scenarios.fusing import FusedSimulator, Member, groups_and_apart
from gridloom.scenarios.negotiating import (
    Negotiation,
    negotiate_apart,
    negotiations_of,
)
from gridloom.scenarios.rows import Rows, Sink
from gridloom.scenarios.supervision.guard import Guard
from gridloom.scenarios.supervision.proxies import (
    InProcessProxy,
    MakeProxy,
    RemoteProxy,
)
from gridloom.scenarios.supervision.remote import RemoteModel
from gridloom.scenarios.supervision.supervisor import Supervisor
from gridloom.scenarios.supervision.watchdog import Watchdog
from gridloom.scenarios.tracing import Tracing
from gridloom.scenarios.waiting import companies
from gridloom.scenarios.world import (
    World,
    connect,
    connect_rounds,
    join,
    keep_together,
    mosaik_world,
    order_before,
    start,
)
from gridloom.simulators.errors import GridloomError, SimulatorError
from gridloom.simulators.model import Inputs, Model, Outputs
from gridloom.simulators.mosaik_adapter import FUSED, POPULATION, ModelSimulator
from gridloom.simulators.phases import STEPPING, phase

_log = logging.getLogger(__name__)


@dataclass(kw_only=True)
class Surroundings:
    """Where models are computed and who watches them; by default all in this process."""

    supervisor: Supervisor = field(default_factory=Supervisor)
    elsewhere: Mapping[str, RemoteModel] = field(default_factory=dict)
    """The models that another process computes, by name."""
    limits_s: Mapping[str, float] = field(default_factory=dict)
    """Wall time that a step may take, by model; no limit where there is none."""
    tracing: Tracing = field(default_factory=Tracing)
    """Takes the time of all steps."""
    fuse: bool = False
    """Whether the models of this process are stepped within one mosaik simulator."""
    observed: Mapping[str, Collection[str]] | None = None
    """The outputs that the sink wants, by model; all of them where there is none."""
    when_started: Callable[[], None] = lambda: None
    """Called once every simulator runs, before the first step."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What is known of the models after a run, by name."""

    summaries: Mapping[str, Mapping[str, float]]
    """Each model's counters."""


def simulate(
    models: Mapping[str, Model],
    couplings: Sequence[Coupling],
    duration_s: int,
    sink: Sink,
    surroundings: Surroundings | None = None,
) -> Outcome:
    """Step all models from 0 to ``duration_s``, handing all their outputs to ``sink``.

    Args:
        models: by name; their own steps say when each is due.
        couplings: who sends what to whom.
        duration_s: end of the simulation, exclusive.
        sink: called once every greatest common divisor of the models' step sizes, after all
            models; an exception it raises ends the simulation.
        surroundings: where the models are computed.

    Raises:
        SimulatorError: a model failed, or did not reach the end.
    """
    work = _Simulation(models, couplings, duration_s, sink, surroundings or Surroundings())
    if _in_event_loop():
        with ThreadPoolExecutor(max_workers=1) as thread:
            return thread.submit(work.run).result()
    return work.run()


def _in_event_loop() -> bool:
    """Whether an event loop already runs in this thread, as in a notebook: mosaik needs its own."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


@dataclass
class _Simulation:
    """One run of mosaik."""

    models: Mapping[str, Model]
    couplings: Sequence[Coupling]
    duration_s: int
    sink: Sink
    surroundings: Surroundings
    _proxies: dict[str, InProcessProxy | RemoteProxy] = field(default_factory=dict)
    """Of the models that are stepped apart, by name."""

    def run(self) -> Outcome:
        supervisor = self.surroundings.supervisor
        watchdog = Watchdog()
        with mosaik_world() as world, watchdog.on_guard():
            supervisor.attach(world.loop)
            try:
                world.loop.run_until_complete(self._start_elsewhere(watchdog))
                return self._run(world, watchdog)
            finally:
                supervisor.detach()
                try:
                    world.loop.run_until_complete(self._stop_elsewhere())
                finally:
                    self._close_models()

    def _run(self, world: World, watchdog: Watchdog) -> Outcome:
        around, models = self.surroundings, self.models
        simulators = {
            name: ModelSimulator(model, self._taken(name), shows_elements=False)
            for name, model in models.items()
        }
        negotiations = negotiations_of(models, self.couplings)
        for negotiation in negotiations.values():
            negotiation.begin_with(self._initial_outputs)
        rows = Rows(
            {name: model.step_size for name, model in models.items()},
            self.sink,
            listeners=[negotiation.note for negotiation in negotiations.values()],
        )
        fused = self._fused(simulators, watchdog, negotiations, rows)
        apart = models.keys() - {name for group in fused.values() for name in group.names}
        populations = {
            **{name: e for key, group in fused.items() for name, e in join(world, key, group)},
            **{
                name: start(world, name, self._proxy(name, simulators[name], watchdog, rows))
                for name in sorted(apart)
            },
        }
        for name in sorted(apart & negotiations.keys()):
            self._let_negotiate(negotiations[name])
            observed = {(c.source, c.output.name): c for c in negotiations[name].late}
            for coupling in observed.values():
                order_before(world, populations, coupling, models[name])
        for coupling in self.couplings:
            if any(coupling in group.inner for group in fused.values()):
                continue
            if coupling.in_rounds:
                connect_rounds(world, populations, coupling)
            else:
                connect(world, populations, coupling, self._initial_outputs(coupling))
        self._keep_together(world, populations, simulators, fused)
        self._warm_up()
        around.when_started()
        with phase(STEPPING, at_top=True), around.tracing.stepping():
            world.run(until=self.duration_s, print_progress=False, shutdown=False)
        around.supervisor.check()
        if not rows.finish(self.duration_s):
            reached_s = rows.complete_until_s
            raise SimulatorError("mosaik", reached_s, "the simulation stopped before its end")
        return world.loop.run_until_complete(self._outcome())

    def _warm_up(self) -> None:
        """Let the models of this process load what their first steps need."""
        for name in sorted(self.models.keys() - self.surroundings.elsewhere.keys()):
            try:
                self.models[name].warm_up()
            except GridloomError:
                raise
            except Exception as error:
                raise SimulatorError(name, None, f"{type(error).__name__}: {error}") from error

    def _keep_together(
        self,
        world: World,
        populations: Mapping[str, Any],
        simulators: Mapping[str, ModelSimulator],
        fused: Mapping[str, FusedSimulator],
    ) -> None:
        """Let no model run ahead of others with which it exchanges nothing."""
        pairs = [(c.source, c.destination) for c in self.couplings]
        pairs += [(group.names[0], name) for group in fused.values() for name in group.names]
        found = companies(self.models, pairs)
        if len(found) > 1:
            leaders = (next((n for n in sorted(c) if simulators[n].sends), "") for c in found)
            outputs = {name: simulators[name].sends[0] for name in leaders if name}
            step_s = math.gcd(*(model.step_size for model in self.models.values()))
            keep_together(world, populations, outputs, step_s)

    def _taken(self, name: str) -> frozenset[str] | None:
        """Return the outputs of a model that anybody takes; None if all of them."""
        observed = self.surroundings.observed
        if observed is None or name in self.surroundings.elsewhere:
            return None
        coupled = {c.output.name for c in self.couplings if c.source == name and not c.in_rounds}
        return frozenset(coupled.union(observed.get(name, ())))

    def _fused(
        self,
        simulators: Mapping[str, ModelSimulator],
        watchdog: Watchdog,
        negotiations: Mapping[str, Negotiation],
        rows: Rows,
    ) -> dict[str, FusedSimulator]:
        """Return the mosaik simulators that step several models each, by their ids."""
        around = self.surroundings
        if not around.fuse:
            return {}
        found, apart = groups_and_apart(
            tuple(simulators), self.couplings, around.elsewhere, negotiations.values()
        )
        groups = {f"{FUSED}-{number}": names for number, names in enumerate(found)}
        senders = {name: f"{name}.{POPULATION}" for name in apart}
        senders |= {name: f"{key}.{name}" for key, names in groups.items() for name in names}
        return {
            key: FusedSimulator(
                [
                    Member(
                        simulators[name],
                        self._guard(name, simulators[name], watchdog),
                        negotiation=negotiations.get(name),
                    )
                    for name in names
                ],
                self.couplings,
                senders,
                rows,
                alone_until_s=None if apart or len(groups) > 1 else self.duration_s,
            )
            for key, names in groups.items()
        }

    async def _start_elsewhere(self, watchdog: Watchdog) -> None:
        """Start everything that is computed elsewhere, all at once.

        Foreign classes in this process come last: while they start, nobody else is listened to.
        """
        remotes = self.surroundings.elsewhere.values()
        starts = (remote.start() for remote in remotes if not remote.is_here)
        for started in await asyncio.gather(*starts, return_exceptions=True):
            if isinstance(started, BaseException):
                raise started
        for remote in remotes:
            if remote.is_here:
                limit_s = float(remote.config.start_timeout)
                watchdog.begin(remote.model.name, None, limit_s)
                try:
                    await remote.start()
                finally:
                    watchdog.end()

    async def _stop_elsewhere(self) -> None:
        """Let everything that is computed elsewhere finish, all at once."""
        await asyncio.gather(*(r.stop() for r in self.surroundings.elsewhere.values()))

    def _close_models(self) -> None:
        """Close every model, also those that never stepped; one that fails hinders no other."""
        for name, model in self.models.items():
            try:
                model.close()
            except Exception as error:  # noqa: BLE001 -- whatever a model raises
                _log.warning("'%s' did not end well: %s: %s", name, type(error).__name__, error)

    def _initial_outputs(self, coupling: Coupling) -> Outputs:
        """Return what stands in for a value that comes late, where it comes first."""
        if not coupling.is_fed_back:
            return {}
        elsewhere = self.surroundings.elsewhere.get(coupling.source)
        model = self.models[coupling.source]
        return model.initial_outputs() if elsewhere is None else elsewhere.initial_outputs

    def _proxy(
        self, name: str, simulator: ModelSimulator, watchdog: Watchdog, rows: Rows
    ) -> MakeProxy:
        """Return what makes mosaik's way to a model."""
        around, sent = self.surroundings, partial(rows.take, name)
        remote = around.elsewhere.get(name)
        if remote is not None:
            stopwatch = around.tracing.stopwatch(name)
            watched = (watchdog, stopwatch)
            return self._keep(name, lambda _: RemoteProxy(simulator, remote, watched, sent))
        guard = self._guard(name, simulator, watchdog)
        return self._keep(name, lambda mosaik: InProcessProxy(simulator, mosaik, guard, sent))

    def _keep(self, name: str, make: Callable[[Any], InProcessProxy | RemoteProxy]) -> MakeProxy:
        """Return what makes a proxy that those who negotiate find by its name."""

        def make_and_keep(mosaik_remote: Any) -> InProcessProxy | RemoteProxy:
            self._proxies[name] = proxy = make(mosaik_remote)
            return proxy

        return make_and_keep

    def _let_negotiate(self, negotiation: Negotiation) -> None:
        """Let a model that is stepped apart go through its negotiation before each step."""
        proxies = self._proxies

        async def through_all_rounds(time: int, arrays: Inputs) -> None:
            def say(name: str, number: int, received: Inputs) -> Awaitable[Outputs | None]:
                return proxies[name].say(time, number, received)

            await negotiate_apart(negotiation.rounds(time, arrays), say)

        proxies[negotiation.leader.name].negotiate = through_all_rounds

    def _guard(self, name: str, simulator: ModelSimulator, watchdog: Watchdog) -> Guard:
        """Return who watches over the steps of a model in this process."""
        around = self.surroundings
        stopwatch = around.tracing.stopwatch(name)
        limit_s = around.limits_s.get(name, math.inf)
        return Guard(simulator, around.supervisor, watchdog, stopwatch, limit_s)

    async def _outcome(self) -> Outcome:
        elsewhere = self.surroundings.elsewhere
        return Outcome(
            summaries={
                name: await elsewhere[name].summary() if name in elsewhere else model.summary()
                for name, model in self.models.items()
            },
        )

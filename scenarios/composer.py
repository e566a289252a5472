"""Composes models into a mosaik world and runs it.

mosaik steps the simulators; what it gets wrong by default is avoided here, once: no dataflow cache
(it breaks time-shifted connections of more than one step), one `connect` call an attribute (several
in one call are ordered by the hash seed), no redirection of warnings and logging.
"""

import asyncio
import logging
import math
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import mosaik
from mosaik.starters import PythonStarter

from gridloom.scenarios.coupling import Coupling
from gridloom.scenarios.supervision.proxies import (
    InProcessProxy,
    MakeProxy,
    RemoteProxy,
    SuppliedStarter,
)
from gridloom.scenarios.supervision.remote import RemoteModel
from gridloom.scenarios.supervision.supervisor import Supervisor
from gridloom.scenarios.supervision.watchdog import Watchdog
from gridloom.scenarios.tracing import Tracing
from gridloom.simulators.errors import SimulatorError
from gridloom.simulators.model import Direction, FloatArray, Model, Outputs
from gridloom.simulators.mosaik_adapter import POPULATION, ModelSimulator, Observer

if TYPE_CHECKING:
    from collections.abc import Iterator

Sink: TypeAlias = Callable[[int, Mapping[str, Mapping[str, FloatArray]]], None]
"""Receives the simulation time and, by model and signal, what was sent for that time."""

_log = logging.getLogger(__name__)
_NEVER_S = 1e9
"""Time limits are the supervision's, not mosaik's."""
_OBSERVER = "gridloom_observer"
_MOST_TRIES = 10


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

    def run(self) -> Outcome:
        supervisor = self.surroundings.supervisor
        watchdog = Watchdog()
        with _world() as world, watchdog.on_guard():
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

    def _run(self, world: mosaik.World, watchdog: Watchdog) -> Outcome:
        around, models = self.surroundings, self.models
        simulators = {name: ModelSimulator(model) for name, model in models.items()}
        populations = {
            name: _start(world, name, self._proxy(name, simulator, watchdog))
            for name, simulator in simulators.items()
        }
        for coupling in self.couplings:
            _connect(world, self._initial_outputs(coupling), populations, coupling)
        step_s = math.gcd(*(model.step_size for model in models.values()))
        progress = _observe(world, models, populations, step_s, self.sink)
        around.when_started()
        with around.tracing.stepping():
            world.run(until=self.duration_s, print_progress=False, shutdown=False)
        around.supervisor.check()
        if progress[0] < self.duration_s - step_s:
            raise SimulatorError("mosaik", progress[0], "the simulation stopped before its end")
        return world.loop.run_until_complete(self._outcome())

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

    def _proxy(self, name: str, simulator: ModelSimulator, watchdog: Watchdog) -> MakeProxy:
        """Return what makes mosaik's way to a model."""
        around = self.surroundings
        remote, stopwatch = around.elsewhere.get(name), around.tracing.stopwatch(name)
        if remote is not None:
            return lambda _: RemoteProxy(simulator, remote, (watchdog, stopwatch))
        limit_s = around.limits_s.get(name, math.inf)
        return lambda mosaik_remote: InProcessProxy(
            simulator, mosaik_remote, (around.supervisor, watchdog, stopwatch), limit_s
        )

    async def _outcome(self) -> Outcome:
        elsewhere = self.surroundings.elsewhere
        return Outcome(
            summaries={
                name: await elsewhere[name].summary() if name in elsewhere else model.summary()
                for name, model in self.models.items()
            },
        )


@contextmanager
def _world() -> "Iterator[mosaik.World]":
    world = mosaik.World(
        {}, {"start_timeout": _NEVER_S}, cache=False, skip_greetings=True, configure_logging=False
    )
    try:
        with world:
            try:
                yield world
            finally:
                _cancel_tasks(world.loop)
    finally:
        world.loop.close()
        asyncio.set_event_loop(None)  # mosaik made its loop, now closed, the thread's own


def _cancel_tasks(loop: asyncio.AbstractEventLoop) -> None:
    """End the simulators' tasks that wait for one that failed; mosaik leaves them pending."""
    tasks = asyncio.all_tasks(loop)
    for task in tasks:
        task.cancel()
    for _ in range(_MOST_TRIES):
        pending = [task for task in tasks if not task.done()]
        if pending:
            with suppress(KeyboardInterrupt, RuntimeError):  # told anew by those that it ended
                loop.run_until_complete(asyncio.wait(pending))
    for task in tasks:
        if task.done() and not task.cancelled():
            task.exception()  # the one that ended the run has been raised


def _start(world: mosaik.World, name: str, make_proxy: MakeProxy) -> Any:
    return getattr(world.start(SuppliedStarter(make_proxy), sim_id=name), POPULATION)()


def _connect(
    world: mosaik.World,
    known: Outputs,
    populations: Mapping[str, Any],
    coupling: Coupling,
) -> None:
    transform = coupling.transform() or _unchanged
    name = coupling.output.name
    feedback: dict[str, Any] = {}
    if coupling.is_fed_back:
        initial = coupling.initial(known)
        feedback = {"time_shifted": coupling.shift_s, "initial_data": {name: initial}}
    world.connect(
        populations[coupling.source],
        populations[coupling.destination],
        (name, coupling.input.name),
        transform=transform,
        **feedback,
    )


def _observe(
    world: mosaik.World,
    models: Mapping[str, Model],
    populations: Mapping[str, Any],
    step_s: int,
    sink: Sink,
) -> list[int]:
    """Connect the sink; return a cell that holds the last time it was called for."""
    last = [-1]

    def observe(time: int, outputs: Mapping[str, Mapping[str, FloatArray]]) -> None:
        sink(time, outputs)
        last[0] = time

    starter = PythonStarter(
        Observer, kwargs={"names": tuple(models), "step_size": step_s, "sink": observe}
    )
    factory = world.start(starter, sim_id=_OBSERVER)
    entities = getattr(factory, POPULATION).create(len(models))
    for (name, model), entity in zip(models.items(), entities, strict=True):
        for port in model.ports:
            if port.direction is Direction.OUTPUT:
                world.connect(populations[name], entity, port.name)
    return last


def _unchanged(array: FloatArray) -> FloatArray:
    return array

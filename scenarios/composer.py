"""Composes models into a mosaik world and runs it.

mosaik steps the simulators; what it gets wrong by default is avoided here, once: no dataflow cache
(it breaks time-shifted connections of more than one step), one `connect` call an attribute (several
in one call are ordered by the hash seed), no redirection of warnings and logging.
"""

import asyncio
import math
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import mosaik
from mosaik.starters import PythonStarter

from gridloom.scenarios.coupling import Coupling
from gridloom.simulators.errors import SimulatorError
from gridloom.simulators.model import Direction, FloatArray, Model
from gridloom.simulators.mosaik_adapter import POPULATION, ModelSimulator, Observer

if TYPE_CHECKING:
    from collections.abc import Iterator

Sink: TypeAlias = Callable[[int, Mapping[str, Mapping[str, FloatArray]]], None]
"""Receives the simulation time and, by model and signal, what was sent for that time."""

_OBSERVER = "gridloom_observer"


def simulate(
    models: Mapping[str, Model], couplings: Sequence[Coupling], duration_s: int, sink: Sink
) -> dict[str, float]:
    """Step all models from 0 to ``duration_s``, handing all their outputs to ``sink``.

    Args:
        models: by name; their own steps say when each is due.
        couplings: who sends what to whom.
        duration_s: end of the simulation, exclusive.
        sink: called once every greatest common divisor of the models' step sizes, after all
            models; an exception it raises ends the simulation.

    Returns:
        Seconds of wall time that each model spent in its steps.

    Raises:
        SimulatorError: a model failed, or did not reach the end.
    """
    if _in_event_loop():
        with ThreadPoolExecutor(max_workers=1) as thread:
            return thread.submit(_simulate, models, couplings, duration_s, sink).result()
    return _simulate(models, couplings, duration_s, sink)


def _in_event_loop() -> bool:
    """Whether an event loop already runs in this thread, as in a notebook: mosaik needs its own."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _simulate(
    models: Mapping[str, Model], couplings: Sequence[Coupling], duration_s: int, sink: Sink
) -> dict[str, float]:
    simulators = {name: ModelSimulator(model) for name, model in models.items()}
    with _world() as world:
        populations = {name: _start(world, name, s) for name, s in simulators.items()}
        for coupling in couplings:
            _connect(world, models, populations, coupling)
        step_s = math.gcd(*(model.step_size for model in models.values()))
        progress = _observe(world, models, populations, step_s, sink)
        world.run(until=duration_s, print_progress=False)
    if progress[0] < duration_s - step_s:
        raise SimulatorError("mosaik", progress[0], "the simulation stopped before its end")
    return {name: simulator.busy_s for name, simulator in simulators.items()}


@contextmanager
def _world() -> "Iterator[mosaik.World]":
    world = mosaik.World({}, cache=False, skip_greetings=True, configure_logging=False)
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
    loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))


def _start(world: mosaik.World, name: str, simulator: ModelSimulator) -> Any:
    starter = PythonStarter(cast("type[ModelSimulator]", lambda: simulator))
    return getattr(world.start(starter, sim_id=name), POPULATION)()


def _connect(
    world: mosaik.World,
    models: Mapping[str, Model],
    populations: Mapping[str, Any],
    coupling: Coupling,
) -> None:
    transform = coupling.transform() or _unchanged
    name = coupling.output.name
    feedback: dict[str, Any] = {}
    if coupling.is_fed_back:
        known = models[coupling.source].initial_outputs()
        initial = transform(known.get(name, coupling.output.blank()))
        initial.setflags(write=False)
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

"""The mosaik world of a run: mosaik steps the simulators.

What it gets wrong by default is avoided here, once: no dataflow cache (it breaks time-shifted
connections of more than one step), one `connect` call an attribute (several in one call are ordered
by the hash seed), no redirection of warnings and logging.
"""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, TypeAlias

import mosaik
from mosaik.proxies import LocalProxy
from mosaik.starters import PythonStarter

from gridloom.scenarios.coupling import Coupling
from gridloom.scenarios.fusing import FusedSimulator
from gridloom.scenarios.supervision.proxies import MakeProxy, SuppliedStarter
from gridloom.simulators.model import Direction, FloatArray, Model, Outputs
from gridloom.simulators.mosaik_adapter import POPULATION, Pacemaker

World: TypeAlias = mosaik.World

_PACEMAKER = "gridloom-pacemaker"
"""No model's name."""
_NEVER_S = 1e9
"""Time limits are the supervision's, not mosaik's."""
_MOST_TRIES = 10


@contextmanager
def mosaik_world() -> Iterator[World]:
    """Give a world that is left behind without anything that still waits."""
    world = World(
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


def start(world: World, name: str, make_proxy: MakeProxy) -> Any:
    """Start one model; return its entity."""
    return getattr(world.start(SuppliedStarter(make_proxy), sim_id=name), POPULATION)()


def join(world: World, sim_id: str, group: FusedSimulator) -> Iterator[tuple[str, Any]]:
    """Start models that are stepped together; return name and entity of each."""
    factory = world.start(SuppliedStarter(lambda remote: LocalProxy(group, remote)), sim_id=sim_id)
    entities = getattr(factory, POPULATION).create(len(group.names))
    return zip(group.names, entities, strict=True)


def connect(
    world: World, populations: Mapping[str, Any], coupling: Coupling, known: Outputs
) -> None:
    """Connect two models.

    Args:
        world: where they run.
        populations: entities by name of their model.
        coupling: who sends what to whom.
        known: the source's initial outputs, for a coupling that is fed back.
    """
    name = coupling.output.name
    feedback: dict[str, Any] = {}
    if coupling.is_fed_back:
        initial = coupling.initial(known)
        feedback = {"time_shifted": coupling.shift_s, "initial_data": {name: initial}}
    world.connect(
        populations[coupling.source],
        populations[coupling.destination],
        (name, coupling.input.name),
        transform=coupling.transform() or _unchanged,
        **feedback,
    )


def connect_rounds(world: World, populations: Mapping[str, Any], coupling: Coupling) -> None:
    """Order the steps of two models that negotiate; what they say takes another way.

    Who is asked steps after the leader, which itself waits for all earlier steps of who answers.
    """
    output = coupling.output.name
    late: dict[str, Any] = {}
    if coupling.is_reply:
        late = {"time_shifted": 1, "initial_data": {output: None}}
    world.connect(
        populations[coupling.source],
        populations[coupling.destination],
        (output, coupling.input.name),
        **late,
    )


def order_before(
    world: World, populations: Mapping[str, Any], coupling: Coupling, leader: Model
) -> None:
    """Let a negotiation's leader wait for what one who answers observes.

    The value itself goes to whoever observes it, and to the negotiation by another way.

    Args:
        world: where they run.
        populations: entities by name of their model.
        coupling: of the observation, one that comes late.
        leader: of the negotiation.
    """
    if coupling.source == leader.name:
        return
    ignored = next(p.name for p in leader.ports if p.in_rounds and p.direction is Direction.INPUT)
    output = coupling.output.name
    world.connect(
        populations[coupling.source],
        populations[leader.name],
        (output, ignored),
        time_shifted=coupling.shift_s,
        initial_data={output: None},
    )


def keep_together(
    world: World, populations: Mapping[str, Any], outputs: Mapping[str, str], step_s: int
) -> None:
    """Let nobody run ahead of the others although they exchange nothing.

    Args:
        world: where they run.
        populations: entities by name of their model.
        outputs: one output each of models that would run on their own, by model.
        step_s: how far they may be apart.
    """
    starter = PythonStarter(Pacemaker, kwargs={"step_size": step_s})
    pacemaker = getattr(world.start(starter, sim_id=_PACEMAKER), POPULATION)()
    for name, output in outputs.items():
        world.connect(populations[name], pacemaker, output)


def _unchanged(array: FloatArray) -> FloatArray:
    return array

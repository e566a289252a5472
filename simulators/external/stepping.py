"""Drives one foreign simulator through the mosaik API, as its master."""

import inspect
from typing import Any, Protocol

from gridloom.simulators.errors import Problem, ScenarioError, SimulatorError
from gridloom.simulators.external.foreign import Foreign
from gridloom.simulators.external.meta import Meta, check_meta, read_meta
from gridloom.simulators.external.translation import SOURCE, Translation, UnfitAnswer
from gridloom.simulators.model import Inputs, Outputs
from gridloom.simulators.quantities import format_duration

SIMULATOR_ID = "simulator"
"""How the foreign simulator is called towards itself; everything else is `gridloom`."""


class AnyPeer(Protocol):
    """Whoever answers the calls of the mosaik API."""

    async def call(self, method: str, *args: Any, timeout_s: float, **kwargs: Any) -> Any:
        """Return the reply."""


class ForeignStepper:
    """Creates a foreign simulator's entities and steps them on whole arrays.

    A simulator that steps more rarely than its model is asked keeps its last values in between. One
    that steps more often is refused: what it did in between would be lost.
    """

    def __init__(self, model: Foreign) -> None:
        self._model = model
        self._config = model.config
        self._timeout_s = float(model.config.step_timeout)
        self._meta: Meta | None = None
        self._translation: Translation | None = None
        self._created: object = None
        self._next: int = 0
        self._latest: Outputs = {}
        self._time = 0

    async def start(self, peer: AnyPeer) -> None:
        """Initialise the simulator and create its entities.

        Raises:
            ScenarioError: it lacks something that the scenario names.
            SimulatorError: what it answers is not the mosaik API.
            PeerFailure: it failed.
        """
        start_s = float(self._config.start_timeout)
        answer = await peer.call(
            "init", SIMULATOR_ID, timeout_s=start_s, time_resolution=1.0, **self._config.parameters
        )
        self._meta = read_meta(self._model.name, answer)
        check_meta(self._model, self._meta)
        create = self._config.create
        self._created = await peer.call(
            "create",
            create.number or self._model.number,
            create.model,
            timeout_s=start_s,
            **create.parameters,
        )
        self._translation = Translation(self._model, self._created)

    async def set_up(self, peer: AnyPeer) -> None:
        """Tell it that all connections are known."""
        if self._meta is not None and self._meta.api_version > 1:
            await peer.call("setup_done", timeout_s=float(self._config.start_timeout))

    async def advance(self, peer: AnyPeer, time: int, arrays: Inputs) -> Outputs:
        """Step the simulator if it is due, and return the arrays of the output ports.

        Raises:
            SimulatorError: its next step or its data is not what the API asks for.
            PeerFailure: it failed.
        """
        assert self._meta is not None  # noqa: S101 -- `start` comes first
        assert self._translation is not None  # noqa: S101
        if self._meta.is_time_based and time < self._next:
            return self._latest
        self._time = time
        inputs = self._translation.inputs(arrays)
        advance = (self._max_advance(time),) if self._meta.api_version > 2 else ()  # noqa: PLR2004
        answer = await peer.call("step", time, inputs, *advance, timeout_s=self._timeout_s)
        self._next = self._checked_next(answer, time, self._meta)
        if self._translation.request:
            data = await peer.call("get_data", self._translation.request, timeout_s=self._timeout_s)
            try:
                self._latest = self._translation.outputs(
                    data, may_hold=not self._meta.is_time_based
                )
            except UnfitAnswer as unfit:
                raise SimulatorError(
                    self._model.name, time, unfit.cause, element=unfit.entity
                ) from None
        return self._latest

    async def answer(self, method: str, args: list[Any], kwargs: dict[str, Any]) -> Any:
        """Answer what the simulator asks of mosaik.

        Raises:
            RuntimeError: gridloom does not offer that.
        """
        if method == "get_progress":
            return 100.0 * self._time / self._model.context.duration_s
        if method == "get_related_entities":
            return self._related(*args, **kwargs)
        raise RuntimeError(
            f"gridloom does not offer '{method}': give the simulator what it needs as an input, "
            "under 'receives'"
        )

    def _max_advance(self, time: int) -> int:
        """Return until when nothing new can reach the simulator."""
        if not self._model.receives:
            return self._model.context.duration_s
        return time + self._model.step_size - 1

    def _checked_next(self, answer: object, time: int, meta: Meta) -> int:
        step_s = self._model.step_size
        if answer is None and not meta.is_time_based:
            return time + step_s
        if not isinstance(answer, int) or isinstance(answer, bool):
            raise SimulatorError(
                self._model.name,
                time,
                f"step returned {answer!r:.60} as the time of the next step, expected an integer",
            )
        if answer <= time:
            raise SimulatorError(
                self._model.name,
                time,
                f"step returned {answer} as the time of the next step, which is not later",
            )
        if (answer - time) % step_s and meta.is_time_based:
            raise SimulatorError(
                self._model.name,
                time,
                f"it wants its next step at {answer} s, its model steps every "
                f"{format_duration(step_s)}: give it a step_size that divides "
                f"{format_duration(answer - time)}",
            )
        return answer

    def _related(self, entities: object = None) -> Any:
        """Return which entities are connected to which, as mosaik does."""
        graph = self._graph()
        if entities is None:
            edges = [[a, b, {}] for a, others in graph.items() for b in others if a < b]
            return {"nodes": {name: {} for name in graph}, "edges": edges}
        if isinstance(entities, str):
            return graph.get(entities, {})
        wanted = [str(entity) for entity in entities] if isinstance(entities, list) else []
        return {entity: graph.get(entity, {}) for entity in wanted}

    def _graph(self) -> dict[str, dict[str, Any]]:
        driven = self._translation.driven if self._translation is not None else set()
        graph: dict[str, dict[str, Any]] = {}
        for entity, others in _relations(self._created):
            full = f"{SIMULATOR_ID}.{entity}"
            mine = graph.setdefault(full, {})
            for other in others:
                mine[f"{SIMULATOR_ID}.{other}"] = {}
                graph.setdefault(f"{SIMULATOR_ID}.{other}", {})[full] = {}
            if entity in driven:
                mine[SOURCE] = {"type": "population"}
        return graph


def _relations(entities: Any) -> list[tuple[str, list[str]]]:
    found: list[tuple[str, list[str]]] = []
    for entity in entities or ():
        found.append((str(entity["eid"]), [str(other) for other in entity.get("rel") or ()]))
        found += _relations(entity.get("children"))
    return found


def find_class(name: str) -> type[Any]:
    """Return the simulator class that `module:Class` means, importing its module.

    Raises:
        ScenarioError: there is none, or it lacks the methods of the mosaik API.
    """
    from importlib import import_module

    module_name, _, class_name = name.partition(":")
    try:
        found = getattr(import_module(module_name), class_name)
    except Exception as error:
        raise ScenarioError(
            Problem(
                message=f"'{name}' cannot be imported: {type(error).__name__}: {error}",
                key=("python",),
                expected="a simulator class, as in mosaik_csv:CSV",
                suggestion="its package must be installed, or the module lie beside the scenario",
            )
        ) from error
    missing = [m for m in ("init", "create", "step", "get_data") if not hasattr(found, m)]
    if missing or not inspect.isclass(found):
        raise ScenarioError(
            Problem(
                message=f"'{name}' is no simulator of the mosaik API: it lacks "
                f"{', '.join(missing) or 'a class'}",
                key=("python",),
            )
        )
    return found

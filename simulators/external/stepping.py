"""Drives one foreign simulator through the mosaik API, as its master."""

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from gridloom.simulators.errors import Problem, ScenarioError, SimulatorError
from gridloom.simulators.external.answers import UnfitAnswer
from gridloom.simulators.external.foreign import Foreign
from gridloom.simulators.external.meta import Meta, check_meta, read_meta
from gridloom.simulators.external.relations import SIMULATOR_ID, EntityGraph
from gridloom.simulators.external.translation import ForeignInputs, Translation
from gridloom.simulators.model import Inputs, Outputs
from gridloom.simulators.quantities import format_duration

_INSTEAD = {
    "get_data": ": let the simulator receive what it needs, under 'receives'",
    "set_data": ": let the simulator send what others need, under 'sends'",
    "set_event": ": let the simulator return the time of its next step",
}
"""What a scenario, or a simulator, does instead of asking mosaik for something."""


@dataclass(frozen=True, kw_only=True)
class Arrival:
    """When values of one source come: at every of its steps, or that much later."""

    step_s: int
    shift_s: int = 0

    def comes(self, time: int) -> bool:
        """Whether a value comes at ``time``."""
        return time >= self.shift_s and (time - self.shift_s) % self.step_s == 0

    def after(self, time: int) -> int:
        """Return when the next value comes after ``time``."""
        since = time - self.shift_s
        return self.shift_s if since < 0 else time + self.step_s - since % self.step_s


_NONE: Mapping[str, Sequence[Arrival]] = {}


class AnyPeer(Protocol):
    """Whoever answers the calls of the mosaik API."""

    async def call(self, method: str, /, *args: Any, timeout_s: float, **kwargs: Any) -> Any:
        """Return the reply."""


class ForeignStepper:
    """Creates a foreign simulator's entities and steps them on whole arrays.

    It is stepped when mosaik would step it: at time 0, when it said so itself, and when an input
    that triggers it arrives. In between it keeps its last values. One that wants to step more often
    than its model is refused: what it did in between would be lost.
    """

    def __init__(self, model: Foreign, arrivals: Mapping[str, Sequence[Arrival]] = _NONE) -> None:
        """Make a stepper.

        Args:
            model: what the simulator computes.
            arrivals: when each of its inputs arrives, by signal.
        """
        self.model = model
        self._arrivals = arrivals
        self._config = model.config
        self._timeout_s = float(model.config.step_timeout)
        self._meta: Meta | None = None
        self._translation: Translation | None = None
        self._created: object = None
        self._wanted: set[int] = {0}
        """When it wants to be stepped; as with mosaik, a later wish does not undo an earlier."""
        self._triggers: tuple[Arrival, ...] = ()
        """When inputs come that let it step."""
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
        self._meta = read_meta(self.model.name, answer)
        check_meta(self.model, self._meta)
        create = self._config.create
        self._created = await peer.call(
            "create",
            create.number or self.model.number,
            create.model,
            timeout_s=start_s,
            **create.parameters,
        )
        self._translation = Translation(self.model, self._created)
        self._triggers = tuple(
            arrival
            for signal in sorted(self._translation.triggers(self._meta))
            for arrival in self._arrivals.get(signal, ())
        )

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
        is_due = any(wanted <= time for wanted in self._wanted)
        if not is_due and not any(arrival.comes(time) for arrival in self._triggers):
            return self._latest
        inputs = self._inputs(time, arrays)
        answer = await self._step(peer, time, inputs, self._max_advance(time))
        self._wanted = {wanted for wanted in self._wanted if wanted > time}
        self._wanted |= self._checked_next(answer, time, self._meta)
        if self._translation.request:
            data = await peer.call("get_data", self._translation.request, timeout_s=self._timeout_s)
            try:
                self._latest = self._translation.outputs(
                    data, time, may_hold=not self._meta.is_time_based
                )
            except UnfitAnswer as unfit:
                raise self._unfit(unfit, time) from None
        return self._latest

    def _inputs(self, time: int, arrays: Inputs) -> ForeignInputs:  # noqa: ARG002
        """Return what the simulator is told in a step."""
        assert self._translation is not None  # noqa: S101 -- `start` comes first
        return self._translation.inputs(arrays)

    async def _step(
        self, peer: AnyPeer, time: int, inputs: ForeignInputs, max_advance: int
    ) -> object:
        """Return what the simulator's `step` returns."""
        assert self._meta is not None  # noqa: S101 -- `start` comes first
        self._time = time
        until = (max_advance,) if self._meta.knows_max_advance else ()
        return await peer.call("step", time, inputs, *until, timeout_s=self._timeout_s)

    def _unfit(self, unfit: UnfitAnswer, time: int) -> SimulatorError:
        return SimulatorError(self.model.name, time, unfit.cause, element=unfit.entity)

    async def answer(self, method: str, args: list[Any], kwargs: dict[str, Any]) -> Any:
        """Answer what the simulator asks of mosaik.

        Raises:
            RuntimeError: gridloom does not offer that.
        """
        if method == "get_progress":
            return 100.0 * self._time / self.model.context.duration_s
        if method == "get_related_entities":
            coupled = self._translation.coupled if self._translation is not None else set()
            return EntityGraph(self._created or [], coupled).related(*args, **kwargs)
        hint = _INSTEAD.get(method, "")
        raise RuntimeError(f"gridloom does not offer '{method}'{hint}")

    def _max_advance(self, time: int) -> int:
        """Return until when nothing new will let the simulator step, as mosaik counts it."""
        end = self.model.context.duration_s
        coming = [arrival.after(time) for arrival in self._triggers]
        coming += [wanted for wanted in self._wanted if wanted > time]
        soonest = min(coming, default=end)
        return end if soonest >= end else soonest - 1

    def _checked_next(self, answer: object, time: int, meta: Meta) -> set[int]:
        """Return when it wants to be stepped next; nothing if inputs alone step it."""
        step_s = self.model.step_size
        if answer is None and not meta.is_time_based:
            return set()
        if not isinstance(answer, int) or isinstance(answer, bool):
            raise SimulatorError(
                self.model.name,
                time,
                f"step returned {answer!r:.60} as the time of the next step, expected an integer",
            )
        if answer <= time:
            raise SimulatorError(
                self.model.name,
                time,
                f"step returned {answer} as the time of the next step, which is not later",
            )
        if (answer - time) % step_s and answer < self.model.context.duration_s:
            raise SimulatorError(
                self.model.name,
                time,
                f"it wants its next step at {answer} s, its model steps every "
                f"{format_duration(step_s)}: give it a step_size that divides "
                f"{format_duration(answer - time)}",
            )
        return {answer}


def find_class(name: str) -> type[Any]:
    """Return the simulator class that `module:Class` means, importing its module.

    Raises:
        ScenarioError: there is none, or it lacks the methods of the mosaik API.
    """
    from importlib import import_module

    module_name, _, class_name = name.partition(":")
    _require_not_shadowed(module_name.partition(".")[0])
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


def _require_not_shadowed(module: str) -> None:
    """Refuse a module that another scenario's, of the same name, would stand in for.

    Raises:
        ScenarioError: a module of that name is loaded from another file.
    """
    import sys
    from importlib import invalidate_caches
    from importlib.machinery import PathFinder

    invalidate_caches()
    found, loaded = PathFinder.find_spec(module), sys.modules.get(module)
    if found and found.origin and loaded and getattr(loaded, "__file__", None) != found.origin:
        raise ScenarioError(
            Problem(
                message=f"{found.origin} cannot be imported: another module '{module}' is loaded "
                "already",
                key=("python",),
                suggestion="give the file another name",
            )
        )

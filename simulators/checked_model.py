"""A model whose every input and output is what its ports say.

Whoever steps models, mosaik or a fused group, steps them through this.
"""

from collections.abc import Callable, Iterable, Mapping
from math import isfinite
from time import perf_counter
from typing import Any, TypeAlias, TypeVar

import numpy as np

from gridloom.simulators.errors import GridloomError, SimulatorError, nearest
from gridloom.simulators.model import Direction, FloatArray, Inputs, Model, Outputs, Port

_DOUBLE = np.dtype(np.float64)
_LARGE = 10_000
"""Values from which linear algebra libraries use several threads, to no avail."""
_Result = TypeVar("_Result")
_Expectation: TypeAlias = tuple[str, tuple[int, ...], bool]
"""Name and shape of an output, and whether it may be NaN."""


class CheckedModel:
    """One model, in this process or, if only what it exchanges is checked here, elsewhere."""

    def __init__(self, model: Model, taken: frozenset[str] | None = None) -> None:
        """Look at a model's ports.

        Args:
            model: which one.
            taken: the outputs that anybody takes; all of them by default.
        """
        self.model = model
        inputs = {p.name: p for p in model.ports if p.direction is Direction.INPUT}
        self._inputs = {name: port for name, port in inputs.items() if not port.in_rounds}
        self.hears_in_rounds = inputs.keys() - self._inputs.keys()
        """Names of the inputs for rounds of a negotiation."""
        self._outputs = {p.name: p for p in model.ports if p.direction is Direction.OUTPUT}
        self.sends = tuple(
            name
            for name, port in self._outputs.items()
            if not port.in_rounds and (taken is None or name in taken)
        )
        """Names of the outputs that anybody takes of a step."""
        if taken is not None:
            model.take_outputs(taken)
        self._after_step = tuple(map(self._expectation, self.sends))
        self._after_round = tuple(
            self._expectation(name) for name, port in self._outputs.items() if port.in_rounds
        )
        self._blanks = {name: frozen(port.blank()) for name, port in self._inputs.items()}
        self.busy_s = 0.0
        """Wall time spent in the model's steps, wherever it is computed."""

    def advance(self, time: int, arrays: Inputs) -> Outputs:
        """Return what the model sends for a step, see `checked`.

        Args:
            time: seconds since the start of the scenario.
            arrays: one for every input port.

        Raises:
            GridloomError: the model failed, or what it sends is not what its ports say.
        """
        return self.checked(self._timed(time, self.model.step, time, arrays), time)

    def negotiate(self, time: int, number: int, arrays: Inputs) -> Outputs | None:
        """Return what the model says in a round of a negotiation, see `Model.round`.

        Raises:
            GridloomError: the model failed, or what it sends is not what its ports say.
        """
        return self.checked_round(self._timed(time, self.model.round, time, number, arrays), time)

    def _timed(self, time: int, work: Callable[..., _Result], *args: Any) -> _Result:
        """Return what the model returns."""
        begin = perf_counter()
        try:
            return work(*args)
        except GridloomError:
            raise
        except Exception as error:
            raise self.failure(time, f"{type(error).__name__}: {error}") from error
        finally:
            self.busy_s += perf_counter() - begin

    def _expectation(self, name: str) -> _Expectation:
        port = self._outputs[name]
        return name, port.shape, port.signal.may_be_nan

    def blank_inputs(self) -> dict[str, FloatArray]:
        """Return what every input port receives where nobody sends anything, read-only."""
        return dict(self._blanks)

    def checked(self, outputs: Outputs, time: int) -> Outputs:
        """Return a model's outputs, every one an array of its port's shape, read-only.

        Raises:
            SimulatorError: an output is missing, of the wrong shape, or not finite.
        """
        return self._all_of(self._after_step, outputs, time)

    def checked_round(self, outputs: Outputs | None, time: int) -> Outputs | None:
        """Return what a model says in a round, likewise checked."""
        return None if outputs is None else self._all_of(self._after_round, outputs, time)

    def _all_of(self, expected: Iterable[_Expectation], outputs: Outputs, time: int) -> Outputs:
        if not isinstance(outputs, Mapping):
            raise self.failure(time, f"step returned {outputs!r:.60}, expected arrays by port name")
        found: Outputs = {}
        vdot = np.vdot
        for name, shape, may_be_nan in expected:
            array = outputs.get(name)
            # Done for every value of a run: NaN and infinity survive in sums, also of squares.
            if not (
                type(array) is np.ndarray
                and array.dtype is _DOUBLE
                and array.shape == shape
                and (
                    may_be_nan
                    or isfinite(vdot(array, array) if array.size < _LARGE else array.sum())
                )
            ):
                array = self._checked(name, shape, outputs, time)
            array.setflags(write=False)
            found[name] = array
        return found

    def total(
        self, name: str, sources: Mapping[str, Any], time: int, entity_id: str = ""
    ) -> FloatArray | None:
        """Return what one input receives, or None if event-based sources have not spoken yet.

        Sources are added in the order of their names, so that sums are bit-equal whatever the
        order in which the sources stepped.

        Args:
            name: of the input.
            sources: values by name of the sender.
            time: seconds since the start of the scenario.
            entity_id: the element that receives it; by default, all of them.

        Raises:
            SimulatorError: a value does not fit, or the values do not add up.
        """
        port = self._inputs.get(name)
        if port is None:
            raise self.failure(time, f"'{min(sources)}' sends {name}, which is no input")
        senders = [s for s in sorted(sources) if sources[s] is not None]
        if len(senders) > 1 and not port.signal.extensive:
            both = " and ".join(f"'{sender}'" for sender in senders)
            raise self.failure(time, f"{both} send {name}, which does not add up", entity_id)
        shape = port.shape[1:] if entity_id else port.shape
        total: FloatArray | None = None
        for sender in senders:
            array = self._numbers(name, sender, sources[sender], time, entity_id)
            if array.shape != shape:
                cause = f"'{sender}' sends {name} of shape {array.shape}, expected {shape}"
                raise self.failure(time, cause, entity_id)
            if not (port.signal.may_be_nan or np.isfinite(array).all()):
                raise self.failure(time, f"'{sender}' sends {name} not finite", entity_id)
            total = array if total is None else np.asarray(total + array)
        return total

    def _numbers(
        self, name: str, sender: str, value: object, time: int, entity_id: str
    ) -> FloatArray:
        try:
            return np.asarray(value, dtype=np.float64)
        except (TypeError, ValueError):
            cause = f"'{sender}' sends {name} that is no number: {value!r:.60}"
            raise self.failure(time, cause, entity_id) from None

    def _checked(
        self, name: str, shape: tuple[int, ...], outputs: Outputs, time: int
    ) -> FloatArray:
        """Return one output after checking its shape and that it is finite where it must be."""
        if name not in outputs:
            hint = nearest(name, outputs)
            cause = f"output {name} is missing{', ' if hint else ''}{hint}"
            raise self.failure(time, cause)
        try:
            array = np.asarray(outputs[name], dtype=np.float64)
        except (TypeError, ValueError):
            cause = f"output {name} is no array of numbers: {outputs[name]!r:.60}"
            raise self.failure(time, cause) from None
        if array.shape != shape:
            cause = f"output {name} has shape {array.shape}, expected {shape}"
            raise self.failure(time, cause)
        port = self._outputs[name]
        if not (port.signal.may_be_nan or np.isfinite(array).all()):
            cause = f"output {name} is not finite"
            raise self.failure(time, cause, element=_first_bad(port, array))
        return array

    def failure(self, time: int, cause: str, element: str = "") -> SimulatorError:
        """Return the error that says why this model's step failed."""
        return SimulatorError(self.model.name, time, cause, element=element)


def child_id(kind: str, name: str) -> str:
    """Return the entity id of one element, as in 'charging_point:LOAD1'."""
    return f"{kind}:{name}"


def _first_bad(port: Port, array: FloatArray) -> str:
    if port.elements is None:
        return ""
    row = int(np.argwhere(~np.isfinite(array))[0][0])
    return child_id(port.elements.kind, port.elements.names[row])


def frozen(array: FloatArray) -> FloatArray:
    """Return the array, from now on read-only."""
    array.setflags(write=False)
    return array

"""Makes a mosaik simulator of any `Model`; the only file here that knows the mosaik API.

A model shows one entity ``population`` whose attributes are whole arrays, one value a port, and
below it one child entity an element (``bus:34``, ``charging_point:LOAD1``) whose attributes are
plain numbers, so that any third-party simulator can be connected to a single house.
"""

from collections.abc import Callable, Mapping
from math import isfinite
from time import perf_counter
from typing import Any

import mosaik_api_v3
import numpy as np
from typing_extensions import override

from gridloom.simulators.errors import GridloomError, SimulatorError, nearest
from gridloom.simulators.model import (
    Direction,
    ElementSet,
    FloatArray,
    Inputs,
    Model,
    Outputs,
    Port,
)

POPULATION = "population"
"""Entity id of the whole model, and the name of its mosaik model."""
FUSED = "gridloom-fused"
"""Begin of the ids of mosaik simulators with several models, an entity each; no model's name."""
_DOUBLE = np.dtype(np.float64)


class ModelSimulator(mosaik_api_v3.Simulator):
    """One gridloom model behind the mosaik API, in this process.

    Several sources of one input add up where the signal is extensive, otherwise they are an error.
    What a third party sends to a single element adds to what the population received there, or
    takes its place where the signal is not extensive.
    """

    def __init__(self, model: Model, taken: frozenset[str] | None = None) -> None:
        """Show a model.

        Args:
            model: which one.
            taken: the outputs that anybody takes; all of them by default.
        """
        super().__init__(_meta(model))
        self.model = model
        self._inputs = {p.name: p for p in model.ports if p.direction is Direction.INPUT}
        self._outputs = {p.name: p for p in model.ports if p.direction is Direction.OUTPUT}
        if taken is not None:
            self._outputs = {n: port for n, port in self._outputs.items() if n in taken}
            model.take_outputs(taken)
        self.sends = tuple(self._outputs)
        """Names of the outputs that anybody takes."""
        self._expected = tuple(
            (name, port.shape, port.signal.may_be_nan) for name, port in self._outputs.items()
        )
        self._blanks = {name: _frozen(port.blank()) for name, port in self._inputs.items()}
        self._place = {
            child_id(kind, name): index
            for kind, elements in _kinds(model).items()
            for index, name in enumerate(elements.names)
        }
        self._latest: Outputs = {}
        self._created = False
        self.busy_s = 0.0
        """Wall time spent in the model's steps, wherever it is computed."""

    @override
    def init(
        self, sid: mosaik_api_v3.SimId, time_resolution: float = 1.0, **sim_params: Any
    ) -> mosaik_api_v3.Meta:
        return self.meta

    @override
    def create(
        self, num: int, model: mosaik_api_v3.ModelName, **model_params: Any
    ) -> list[mosaik_api_v3.CreateResult]:
        if num != 1 or self._created:
            raise ValueError("a gridloom simulator has exactly one population")
        if model != POPULATION or model_params:
            unknown = model if model != POPULATION else min(model_params)
            raise ValueError(f"there is no '{unknown}': only '{POPULATION}', without parameters")
        self._created = True
        children: list[mosaik_api_v3.CreateResult] = [
            {"eid": child_id(kind, name), "type": kind}
            for kind, elements in _kinds(self.model).items()
            for name in elements.names
        ]
        return [{"eid": POPULATION, "type": POPULATION, "children": children}]

    @override
    def step(
        self, time: mosaik_api_v3.Time, inputs: mosaik_api_v3.InputData, max_advance: int
    ) -> mosaik_api_v3.Time:
        self._latest = self.advance(time, self.receive(inputs, time))
        return time + self.model.step_size

    @override
    def get_data(self, outputs: mosaik_api_v3.OutputRequest) -> mosaik_api_v3.OutputData:
        latest = self._latest
        answer: mosaik_api_v3.OutputData = {}
        for entity_id, names in outputs.items():
            if entity_id == POPULATION:
                answer[entity_id] = {name: latest[name] for name in names}
            else:
                index = self._place[entity_id]
                answer[entity_id] = {name: latest[name][index].tolist() for name in names}
        return answer

    @override
    def finalize(self) -> None:
        self.model.close()

    def advance(self, time: int, arrays: Inputs) -> Outputs:
        """Return what the model sends for a step, see `checked`.

        Args:
            time: seconds since the start of the scenario.
            arrays: one for every input port.

        Raises:
            GridloomError: the model failed, or what it sends is not what its ports say.
        """
        begin = perf_counter()
        try:
            outputs = self.model.step(time, arrays)
        except GridloomError:
            raise
        except Exception as error:
            raise self.failure(time, f"{type(error).__name__}: {error}") from error
        finally:
            self.busy_s += perf_counter() - begin
        return self.checked(outputs, time)

    def blank_inputs(self) -> dict[str, FloatArray]:
        """Return what every input port receives where nobody sends anything, read-only."""
        return dict(self._blanks)

    def accept(self, outputs: Outputs, time: int) -> int:
        """Take over what the model sends for a step, and return the time of the next.

        Raises:
            SimulatorError: an output is missing, of the wrong shape, or not finite.
        """
        self._latest = self.checked(outputs, time)
        return time + self.model.step_size

    def checked(self, outputs: Outputs, time: int) -> Outputs:
        """Return a model's outputs, every one an array of its port's shape, read-only.

        Raises:
            SimulatorError: an output is missing, of the wrong shape, or not finite.
        """
        if not isinstance(outputs, Mapping):
            raise self.failure(time, f"step returned {outputs!r:.60}, expected arrays by port name")
        found: Outputs = {}
        for name, shape, may_be_nan in self._expected:
            array = outputs.get(name)
            # Done for every value of a run: NaN and infinity survive in the sum of squares.
            if not (
                type(array) is np.ndarray
                and array.dtype is _DOUBLE
                and array.shape == shape
                and (may_be_nan or isfinite(np.vdot(array, array)))
            ):
                array = self._checked(name, shape, outputs, time)
            array.setflags(write=False)
            found[name] = array
        return found

    def receive(self, inputs: mosaik_api_v3.InputData, time: int) -> dict[str, FloatArray]:
        """Return one read-only array for every input port.

        Raises:
            SimulatorError: an input is unknown, of the wrong shape, or not finite.
        """
        arrays = dict(self._blanks)
        for name, sources in inputs.get(POPULATION, {}).items():
            total = self.total(name, sources, time)
            if total is not None:
                arrays[name] = _frozen(total.view())
        for entity_id, attributes in inputs.items():
            if entity_id != POPULATION:
                for name, sources in attributes.items():
                    value = self.total(name, sources, time, entity_id)
                    if value is not None:
                        arrays[name] = self._with_element(arrays[name], name, entity_id, value)
        return arrays

    def total(
        self, name: str, sources: Mapping[str, Any], time: int, entity_id: str = ""
    ) -> FloatArray | None:
        """Return what one input receives, or None if event-based sources have not spoken yet.

        Sources are added in the order of their names, so that sums are bit-equal whatever the
        order in which the sources stepped.

        Args:
            name: of the input.
            sources: values by full mosaik id of the sender.
            time: seconds since the start of the scenario.
            entity_id: the element that receives it; by default, all of them.

        Raises:
            SimulatorError: a value does not fit, or the values do not add up.
        """
        port = self._inputs.get(name)
        if port is None:
            raise self.failure(time, f"'{min(sources)}' sends {name}, which is no input")
        senders = [s for s in sorted(sources, key=_sender) if sources[s] is not None]
        if len(senders) > 1 and not port.signal.extensive:
            both = " and ".join(f"'{_sender(sender)}'" for sender in senders)
            raise self.failure(time, f"{both} send {name}, which does not add up", entity_id)
        shape = port.shape[1:] if entity_id else port.shape
        total: FloatArray | None = None
        for sender in senders:
            array = self._numbers(name, sender, sources[sender], time, entity_id)
            if array.shape != shape:
                cause = f"'{_sender(sender)}' sends {name} of shape {array.shape}, expected {shape}"
                raise self.failure(time, cause, entity_id)
            if not (port.signal.may_be_nan or np.isfinite(array).all()):
                raise self.failure(time, f"'{_sender(sender)}' sends {name} not finite", entity_id)
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

    def _with_element(
        self, array: FloatArray, name: str, entity_id: str, value: FloatArray
    ) -> FloatArray:
        """Return ``array`` with what third parties sent to one element."""
        changed = array.copy()
        index = self._place[entity_id]
        adds_up = self._inputs[name].signal.extensive
        changed[index] = array[index] + value if adds_up else value
        return _frozen(changed)

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


class Observer(mosaik_api_v3.Simulator):
    """Hands what the models sent, once all have stepped, to a function.

    ``sink(time, outputs)`` receives the latest outputs by model and signal.
    """

    def __init__(
        self,
        names: tuple[str, ...],
        step_size: int,
        sink: Callable[[int, Mapping[str, Mapping[str, FloatArray]]], None],
    ) -> None:
        super().__init__(
            {
                "api_version": "3.0",
                "type": "time-based",
                "models": {
                    POPULATION: {"public": True, "params": [], "attrs": [], "any_inputs": True}
                },
            }
        )
        self._names = names
        self._step_size = step_size
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
        return [{"eid": name, "type": model} for name in self._names]

    @override
    def step(
        self, time: mosaik_api_v3.Time, inputs: mosaik_api_v3.InputData, max_advance: int
    ) -> mosaik_api_v3.Time:
        self._sink(
            time,
            {
                model: {
                    name: next(iter(sources.values()))
                    for name, sources in inputs.get(model, {}).items()
                }
                for model in self._names
            },
        )
        return time + self._step_size

    @override
    def get_data(self, outputs: mosaik_api_v3.OutputRequest) -> mosaik_api_v3.OutputData:
        return {}


def child_id(kind: str, name: str) -> str:
    """Return the entity id of one element, as in 'charging_point:LOAD1'."""
    return f"{kind}:{name}"


def _sender(full_id: str) -> str:
    """Return what a sender is called, whether it is fused or not: sums must not depend on that."""
    simulator, _, entity = full_id.partition(".")
    return f"{entity}.{POPULATION}" if simulator.startswith(FUSED) else full_id


def _kinds(model: Model) -> dict[str, ElementSet]:
    """Return a model's elements by kind.

    Raises:
        ValueError: two ports speak of different elements of one kind.
    """
    kinds: dict[str, ElementSet] = {}
    for port in model.ports:
        if port.elements is not None:
            known = kinds.setdefault(port.elements.kind, port.elements)
            if known.names != port.elements.names:
                raise ValueError(
                    f"the ports of '{model.name}' disagree on its {port.elements.kind} elements"
                )
    return kinds


def _meta(model: Model) -> mosaik_api_v3.Meta:
    """Describe a model's ports as mosaik attributes."""
    names = list(dict.fromkeys(port.name for port in model.ports))
    models: dict[str, mosaik_api_v3.types.ModelDescription] = {
        POPULATION: {"public": True, "params": [], "attrs": names}
    }
    for kind in _kinds(model):
        of_kind = [
            p.name for p in model.ports if p.elements is not None and p.elements.kind == kind
        ]
        models[kind] = {"public": False, "params": [], "attrs": list(dict.fromkeys(of_kind))}
    return {"api_version": "3.0", "type": "time-based", "models": models}


def _first_bad(port: Port, array: FloatArray) -> str:
    if port.elements is None:
        return ""
    row = int(np.argwhere(~np.isfinite(array))[0][0])
    return child_id(port.elements.kind, port.elements.names[row])


def _frozen(array: FloatArray) -> FloatArray:
    array.setflags(write=False)
    return array

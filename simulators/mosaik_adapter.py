"""Makes a mosaik simulator of any `Model`; the only file here that knows the mosaik API.

A model shows one entity ``population`` whose attributes are whole arrays, one value a port, and
below it one child entity an element (``bus:34``, ``charging_point:LOAD1``) whose attributes are
plain numbers, so that any third-party simulator can be connected to a single house.
"""

from collections.abc import Mapping
from typing import Any

import mosaik_api_v3
from typing_extensions import override

from gridloom.simulators.checked_model import CheckedModel, child_id, frozen
from gridloom.simulators.model import ElementSet, FloatArray, Model, Outputs

POPULATION = "population"
"""Entity id of the whole model, and the name of its mosaik model."""
FUSED = "gridloom-fused"
"""Begin of the ids of mosaik simulators with several models, an entity each; no model's name."""


class ModelSimulator(CheckedModel, mosaik_api_v3.Simulator):
    """One gridloom model behind the mosaik API, in this process.

    Several sources of one input add up where the signal is extensive, otherwise they are an error.
    What a third party sends to a single element adds to what the population received there, or
    takes its place where the signal is not extensive.
    """

    def __init__(
        self, model: Model, taken: frozenset[str] | None = None, *, shows_elements: bool = True
    ) -> None:
        """Show a model.

        Args:
            model: which one.
            taken: the outputs that anybody takes; all of them by default.
            shows_elements: whether single elements can be connected to.
        """
        CheckedModel.__init__(self, model, taken)
        mosaik_api_v3.Simulator.__init__(self, _meta(model))
        kinds = _kinds(model) if shows_elements else {}
        self._place = {
            child_id(kind, name): index
            for kind, elements in kinds.items()
            for index, name in enumerate(elements.names)
        }
        self._kinds = kinds
        self.latest: Outputs = {}
        """What the model sent in its latest step."""
        self._created = False

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
            for kind, elements in self._kinds.items()
            for name in elements.names
        ]
        return [{"eid": POPULATION, "type": POPULATION, "children": children}]

    @override
    def step(
        self, time: mosaik_api_v3.Time, inputs: mosaik_api_v3.InputData, max_advance: int
    ) -> mosaik_api_v3.Time:
        self.latest = self.advance(time, self.receive(inputs, time))
        return time + self.model.step_size

    @override
    def get_data(self, outputs: mosaik_api_v3.OutputRequest) -> mosaik_api_v3.OutputData:
        latest = self.latest
        answer: mosaik_api_v3.OutputData = {}
        for entity_id, names in outputs.items():
            if entity_id == POPULATION:
                # What is for rounds comes by another way: here it only keeps the order of steps.
                answer[entity_id] = {name: latest.get(name) for name in names}
            else:
                index = self._place[entity_id]
                answer[entity_id] = {name: latest[name][index].tolist() for name in names}
        return answer

    @override
    def finalize(self) -> None:
        self.model.close()

    def accept(self, outputs: Outputs, time: int) -> int:
        """Take over what the model sends for a step, and return the time of the next.

        Raises:
            SimulatorError: an output is missing, of the wrong shape, or not finite.
        """
        self.latest = self.checked(outputs, time)
        return time + self.model.step_size

    def receive(self, inputs: mosaik_api_v3.InputData, time: int) -> dict[str, FloatArray]:
        """Return one read-only array for every input port.

        Raises:
            SimulatorError: an input is unknown, of the wrong shape, or not finite.
        """
        arrays = self.blank_inputs()
        for name, sources in inputs.get(POPULATION, {}).items():
            if name in self.hears_in_rounds:
                continue
            total = self.total(name, _named(sources), time)
            if total is not None:
                arrays[name] = frozen(total.view())
        for entity_id, attributes in inputs.items():
            if entity_id != POPULATION:
                for name, sources in attributes.items():
                    value = self.total(name, _named(sources), time, entity_id)
                    if value is not None:
                        arrays[name] = self._with_element(arrays[name], name, entity_id, value)
        return arrays

    def _with_element(
        self, array: FloatArray, name: str, entity_id: str, value: FloatArray
    ) -> FloatArray:
        """Return ``array`` with what third parties sent to one element."""
        changed = array.copy()
        index = self._place[entity_id]
        adds_up = self._inputs[name].signal.extensive
        changed[index] = array[index] + value if adds_up else value
        return frozen(changed)


class Pacemaker(mosaik_api_v3.Simulator):
    """Keeps together simulators that exchange nothing: mosaik lets nobody run ahead of it."""

    def __init__(self, step_size: int) -> None:
        model: mosaik_api_v3.types.ModelDescription = {
            "public": True,
            "params": [],
            "attrs": [],
            "any_inputs": True,
        }
        super().__init__(
            {"api_version": "3.0", "type": "time-based", "models": {POPULATION: model}}
        )
        self._step_size = step_size

    @override
    def init(
        self, sid: mosaik_api_v3.SimId, time_resolution: float = 1.0, **sim_params: Any
    ) -> mosaik_api_v3.Meta:
        return self.meta

    @override
    def create(
        self, num: int, model: mosaik_api_v3.ModelName, **model_params: Any
    ) -> list[mosaik_api_v3.CreateResult]:
        return [{"eid": POPULATION, "type": model}]

    @override
    def step(
        self, time: mosaik_api_v3.Time, inputs: mosaik_api_v3.InputData, max_advance: int
    ) -> mosaik_api_v3.Time:
        return time + self._step_size

    @override
    def get_data(self, outputs: mosaik_api_v3.OutputRequest) -> mosaik_api_v3.OutputData:
        return {}


def _named(sources: Mapping[str, Any]) -> dict[str, Any]:
    """Return values by sender, who is called the same whether fused or not."""
    named = {}
    for full_id, value in sources.items():
        simulator, _, entity = full_id.partition(".")
        fused = simulator.startswith(FUSED)
        named[f"{entity}.{POPULATION}" if fused else full_id] = value
    return named


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

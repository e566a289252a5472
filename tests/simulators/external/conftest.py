"""Foreign simulators for tests: written beside a scenario, stepped in memory, nothing recorded."""

import itertools
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from textwrap import dedent, indent
from typing import Any, TypeAlias

import numpy as np
import pytest

from gridloom.scenarios.composer import Surroundings, simulate
from gridloom.scenarios.composition import compose, located
from gridloom.scenarios.reader import read_scenario
from gridloom.scenarios.supervision.blueprint import Blueprint
from gridloom.scenarios.supervision.placing import models_elsewhere
from gridloom.scenarios.supervision.supervisor import Supervisor
from gridloom.simulators.errors import Problem, ScenarioError
from gridloom.simulators.model import FloatArray

Trace: TypeAlias = dict[str, dict[str, FloatArray]]
"""By model and signal: (time, ...)."""
Simulate: TypeAlias = Callable[..., Trace]
Program: TypeAlias = Callable[..., str]
Problems: TypeAlias = Callable[..., tuple[Problem, ...]]

BASE = '''
import mosaik_api_v3


class Base(mosaik_api_v3.Simulator):
    """Devices whose attribute P is 1000 times their index, plus the time of the last step."""

    META = {
        "type": "time-based",
        "models": {
            "Device": {"public": True, "params": ["gain"], "attrs": ["P", "Q", "P_set[W]"]},
            "Part": {"public": False, "params": [], "attrs": ["P"]},
        },
    }
    step_s = 60

    def __init__(self):
        super().__init__(self.META)

    def init(self, sid, time_resolution, **parameters):
        self.sid, self.time_resolution, self.parameters = sid, time_resolution, parameters
        return self.meta

    def create(self, num, model, gain=1):
        self.gain, self.entities = gain, [f"{model}_{i}" for i in range(num)]
        return [{"eid": entity, "type": model} for entity in self.entities]

    def step(self, time, inputs, max_advance):
        self.time, self.inputs, self.max_advance = time, inputs, max_advance
        return time + self.step_s

    def get_data(self, outputs):
        return {
            entity: {attribute: self.value(entity, attribute) for attribute in attributes}
            for entity, attributes in outputs.items()
        }

    def value(self, entity, attribute):
        return self.gain * (1000.0 * self.entities.index(entity) + self.time)

    def told(self, entity, attribute):
        return next(iter(self.inputs[entity][attribute].values()))


class Sim(Base):
'''
_numbers = itertools.count()


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    """Write a simulator class derived from `Base`; return it as `module:Sim`."""
    written: list[str] = []

    def write(body: str = "pass") -> str:
        name = f"foreign_{next(_numbers)}"
        text = BASE + indent(dedent(body), "    ")
        (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
        written.append(name)
        return f"{name}:Sim"

    yield write
    for name in written:
        sys.modules.pop(name, None)


def simulated(path: Path, variant: str | None = None) -> Trace:
    """Run a scenario; return all that its models sent."""
    document = read_scenario(path)
    scenario = document.scenario(variant)
    composition = compose(document, scenario)
    supervisor = Supervisor()
    blueprint = Blueprint(
        scenario=scenario, folders=composition.folders, points=composition.connection_points
    )
    rows: defaultdict[str, defaultdict[str, list[Any]]] = defaultdict(lambda: defaultdict(list))

    def sink(time: int, outputs: Mapping[str, Mapping[str, FloatArray]]) -> None:
        for model, arrays in outputs.items():
            for signal, array in arrays.items():
                rows[model][signal].append(array.copy())

    with located(document, scenario):
        elsewhere = models_elsewhere(
            composition.models, composition.couplings, blueprint, supervisor
        )
        surroundings = Surroundings(supervisor=supervisor, elsewhere=elsewhere)
        simulate(composition.models, composition.couplings, scenario.duration_s, sink, surroundings)
    for remote in elsewhere.values():
        assert remote.complaint == ""
    return {
        model: {signal: np.array(arrays) for signal, arrays in signals.items()}
        for model, signals in rows.items()
    }


@pytest.fixture
def run_file() -> Simulate:
    """Return a function that runs a scenario file."""
    return simulated


@pytest.fixture
def run(tmp_path: Path) -> Simulate:
    """Return a function that runs a scenario given as text."""

    def run_text(text: str, variant: str | None = None) -> Trace:
        path = tmp_path / "case.yaml"
        path.write_text(dedent(text), encoding="utf-8")
        return simulated(path, variant)

    return run_text


@pytest.fixture
def problems(run: Simulate) -> Problems:
    """Return a function that runs a scenario given as text and returns what is wrong with it."""

    def run_wrong(text: str, variant: str | None = None) -> tuple[Problem, ...]:
        with pytest.raises(ScenarioError) as caught:
            run(text, variant)
        return caught.value.problems

    return run_wrong

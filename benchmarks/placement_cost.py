"""What a step costs, by where a simulator is computed and how its values travel.

    python benchmarks/placement_cost.py [--elements 1 55 1000 10000] [--seconds 3]

One population receives a power and sends a reading for each of its elements in every step: computed
in this process or in one of its own, as gridloom's own model, as a foreign simulator of the mosaik
API whose values travel as one list (vector) or one entity an element, and in the stock mosaik stack
with the very same foreign simulators. All in one run, each the median of three.
"""

import argparse
import asyncio
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from time import perf_counter
from typing import Any, ClassVar

import mosaik
import mosaik_api_v3
import numpy as np
from typing_extensions import override

from gridloom.scenarios.composer import Surroundings, simulate
from gridloom.scenarios.composition import compose
from gridloom.scenarios.reader import read_scenario
from gridloom.scenarios.supervision.blueprint import Blueprint
from gridloom.scenarios.supervision.placing import models_elsewhere
from gridloom.scenarios.supervision.supervisor import Supervisor
from gridloom.simulators.model import (
    BuildContext,
    Direction,
    ElementSet,
    Inputs,
    Model,
    Outputs,
    Port,
)
from gridloom.simulators.quantities import ModelConfig
from gridloom.simulators.signals import POWER, MeetsAt, Signal

READING = Signal(
    name="reading_kw", unit="kW", long_name="reading of a meter", meets_at=MeetsAt.CONNECTION_POINT
)
REPETITIONS = 3


class MeterConfig(ModelConfig):
    """Where the meters are."""

    at: list[str]


class Meter(Model):
    """Reads the power at every connection point: gridloom's own way of writing a model."""

    Config: ClassVar[type[ModelConfig]] = MeterConfig

    def __init__(self, config: MeterConfig, context: BuildContext) -> None:
        super().__init__(context, config.step_size)
        points = tuple(config.at)
        meters = ElementSet(
            kind="meter", owner=context.name, names=points, connection_points=points
        )
        self._ports = (
            Port(signal=POWER, direction=Direction.INPUT, elements=meters),
            Port(signal=READING, direction=Direction.OUTPUT, elements=meters),
        )

    @property
    @override
    def ports(self) -> tuple[Port, ...]:
        return self._ports

    @override
    def step(self, time: int, inputs: Inputs) -> Outputs:
        return {READING.name: inputs[POWER.name] + time}


class MeterSimulator(mosaik_api_v3.Simulator):
    """The same as a simulator of the mosaik API, one entity a meter."""

    def __init__(self) -> None:
        attrs = {"public": True, "params": [], "attrs": ["power", "reading"]}
        super().__init__({"type": "time-based", "models": {"Meter": attrs}})
        self.names: list[str] = []

    @override
    def create(self, num: int, model: str, **model_params: Any) -> Any:
        self.names = [f"Meter_{i}" for i in range(num)]
        return [{"eid": name, "type": model} for name in self.names]

    @override
    def step(self, time: int, inputs: Any, max_advance: int) -> int:
        self.readings = {
            name: sum(inputs[name]["power"].values()) + time if name in inputs else float(time)
            for name in self.names
        }
        return time + 1

    @override
    def get_data(self, outputs: Any) -> Any:
        return {name: {"reading": self.readings[name]} for name in outputs}


class VectorSimulator(MeterSimulator):
    """The same with all meters in one entity."""

    @override
    def step(self, time: int, inputs: Any, max_advance: int) -> int:
        [values] = inputs["Meter_0"]["power"].values()
        self.reading = [value + time for value in values]
        return time + 1

    @override
    def get_data(self, outputs: Any) -> Any:
        return {"Meter_0": {"reading": self.reading}}


class Source(mosaik_api_v3.Simulator):
    """What the stock mosaik stack has in place of gridloom's load."""

    def __init__(self) -> None:
        attrs = {"public": True, "params": [], "attrs": ["power"]}
        super().__init__({"type": "time-based", "models": {"Load": attrs}})

    @override
    def init(self, sid: str, time_resolution: float = 1.0, **sim_params: Any) -> Any:
        self.value: Any = [1.0] * sim_params["vector"] if sim_params["vector"] else 1.0
        return self.meta

    @override
    def create(self, num: int, model: str, **model_params: Any) -> Any:
        return [{"eid": f"Load_{i}", "type": model} for i in range(num)]

    @override
    def step(self, time: int, inputs: Any, max_advance: int) -> int:
        return time + 1

    @override
    def get_data(self, outputs: Any) -> Any:
        return {name: {"power": self.value} for name in outputs}


class Sink(mosaik_api_v3.Simulator):
    """Takes the readings, as gridloom's recorder does."""

    def __init__(self) -> None:
        attrs = {"public": True, "any_inputs": True, "params": [], "attrs": ["reading"]}
        super().__init__({"type": "time-based", "models": {"Sink": attrs}})

    @override
    def create(self, num: int, model: str, **model_params: Any) -> Any:
        return [{"eid": "Sink", "type": model}]

    @override
    def step(self, time: int, inputs: Any, max_advance: int) -> int:
        self.taken = inputs
        return time + 1

    @override
    def get_data(self, outputs: Any) -> Any:
        return {}


FOREIGN = """
    type: external
    python: placement_cost:{simulator}
    placement: {placement}
    vector: {vector}
    at: [{points}]
    create: {{model: Meter}}
    receives: {{power_kw: power}}
    sends: {{reading_kw: reading}}
    defines: {{reading_kw: {{unit: kW}}}}
"""
OWN = """
    type: placement_cost:Meter
    placement: {placement}
    at: [{points}]
"""
SCENARIO = """
name: placement-cost
start: 2021-01-01T00:00:00Z
duration: {steps}s
simulators:
  load:
    type: load
    at: [{points}]
    profile: {{constant_kw: 1.0}}
  meter:{meter}
"""


def gridloom_step_us(folder: Path, elements: int, steps: int, meter: str, **keys: str) -> float:
    """Return microseconds a step with gridloom."""
    points = ", ".join(f"p{i}" for i in range(elements))
    path = folder / "scenario.yaml"
    body = meter.format(points=points, **keys)
    path.write_text(SCENARIO.format(steps=steps, points=points, meter=body))
    document = read_scenario(path)
    composition = compose(document, document.scenario())
    supervisor = Supervisor()
    blueprint = Blueprint(
        scenario=composition.scenario, folders=(Path(__file__).parent, folder), points=None
    )
    marks: list[float] = []

    def sink(time: int, outputs: Mapping[str, Mapping[str, Any]]) -> None:
        if time == steps - 1:
            marks.append(perf_counter())
            assert outputs["meter"]["reading_kw"].sum() == elements * steps

    simulate(
        composition.models,
        composition.couplings,
        steps,
        sink,
        Surroundings(
            supervisor=supervisor,
            elsewhere=models_elsewhere(
                composition.models, composition.couplings, blueprint, supervisor
            ),
            when_started=lambda: marks.append(perf_counter()),
        ),
    )
    return 1e6 * (marks[1] - marks[0]) / steps


def mosaik_step_us(elements: int, steps: int, simulator: str, *, own_process: bool) -> float:
    """Return microseconds a step with stock mosaik, as its tutorial couples simulators."""
    here = Path(__file__)
    vector = elements if simulator == "VectorSimulator" else 0
    start = (
        {"cmd": f"{sys.executable} {here} --simulator {simulator} %(addr)s", "posix": True}
        if own_process
        else {"python": f"placement_cost:{simulator}"}
    )
    config: Any = {
        "Load": {"python": "placement_cost:Source"},
        "Meter": start,
        "Sink": {"python": "placement_cost:Sink"},
    }
    with mosaik.World(config, skip_greetings=True, configure_logging=False) as world:
        number = 1 if vector else elements
        loads = world.start("Load", vector=vector).Load.create(number)
        meters = world.start("Meter").Meter.create(number)
        sink = world.start("Sink").Sink()
        for load, meter in zip(loads, meters, strict=True):
            world.connect(load, meter, "power")
            world.connect(meter, sink, "reading")
        begin = perf_counter()
        world.run(until=steps, print_progress=False)
        return 1e6 * (perf_counter() - begin) / steps


def ways(folder: Path, elements: int) -> Iterator[tuple[str, Callable[[int], float]]]:
    """Yield every way of coupling, with a function of the number of steps."""
    for placement in ("inprocess", "process"):
        yield (
            f"gridloom, own model, {placement}",
            lambda n, p=placement: gridloom_step_us(folder, elements, n, OWN, placement=p),
        )
    for simulator, vector in (("VectorSimulator", "true"), ("MeterSimulator", "false")):
        how = "vector" if vector == "true" else "per element"
        for placement in ("inprocess", "process"):
            yield (
                f"gridloom, foreign, {how}, {placement}",
                lambda n, p=placement, s=simulator, v=vector: gridloom_step_us(
                    folder, elements, n, FOREIGN, placement=p, simulator=s, vector=v
                ),
            )
            yield (
                f"mosaik, {how}, {placement}",
                lambda n, p=placement, s=simulator: mosaik_step_us(
                    elements, n, s, own_process=p == "process"
                ),
            )


def measure(way: Callable[[int], float], seconds: float) -> float:
    """Return the median of microseconds a step, each of runs that take about ``seconds``."""
    steps = 5
    first_us = way(steps)
    steps = max(5, int(seconds * 1e6 / max(first_us, 1.0)))
    return statistics.median(way(steps) for _ in range(REPETITIONS))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--elements", type=int, nargs="+", default=[1, 55, 1000, 10_000])
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--simulator", choices=["MeterSimulator", "VectorSimulator"])
    parser.add_argument("address", nargs="?")
    arguments = parser.parse_args()
    if arguments.simulator:
        host, _, port = arguments.address.rpartition(":")
        simulator = globals()[arguments.simulator]()
        asyncio.run(mosaik_api_v3.run_as_client(simulator, host, int(port)))
        return
    sys.path.insert(0, str(Path(__file__).parent))
    table: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / Path(__file__).name).symlink_to(Path(__file__).resolve())
        for elements in arguments.elements:
            for name, way in ways(folder, elements):
                table.setdefault(name, []).append(measure(way, arguments.seconds))
                print(f"{elements:>6} {name}: {table[name][-1]:,.0f} us", file=sys.stderr)
    print("Microseconds a step (load -> meter -> sink), median of", REPETITIONS)
    print(f"{'':44}" + "".join(f"{n:>10,}" for n in arguments.elements))
    for name, row in table.items():
        print(f"{name:44}" + "".join(f"{value:>10,.0f}" for value in row))
    print("\nStock mosaik over gridloom, the same foreign simulator")
    for name, row in table.items():
        if name.startswith("mosaik"):
            ours = table[name.replace("mosaik", "gridloom, foreign")]
            ratios = np.array(row) / np.array(ours)
            print(f"{name:44}" + "".join(f"{ratio:>10.2f}" for ratio in ratios))


if __name__ == "__main__":
    main()

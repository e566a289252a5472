"""Heaters that share a line: a coordinator, agents, devices and runs for the tests of the contract.

A heater values its power at b - a P (EUR/kWh). Its agent draws P = clip((b - price) / a, 0, P_max),
where b falls with what the heater drew before: an agent that observes something else answers
something else. The coordinator seeks by bisection the price at which all agents fill the line.
"""

import json
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pytest

from gridloom.scenarios.composer import Surroundings, simulate
from gridloom.scenarios.composition import compose, located
from gridloom.scenarios.reader import read_scenario
from gridloom.scenarios.supervision.blueprint import Blueprint
from gridloom.scenarios.supervision.placing import configs, models_elsewhere
from gridloom.scenarios.supervision.supervisor import Supervisor
from gridloom.simulators.model import FloatArray

Trace: TypeAlias = dict[str, FloatArray]
"""By model and signal, as in `line/messages`: (time, ...)."""
MODULE = '''
import time as clock
import numpy as np
from gridloom.controllers.negotiation.agent import Agent, AgentConfig
from gridloom.controllers.negotiation.coordinator import Coordinator, CoordinatorConfig
from gridloom.controllers.negotiation.messages import FlexibilityRequest
from gridloom.simulators.model import Direction, ElementSet, Forecast, Model, Port
from gridloom.simulators.quantities import ModelConfig
from gridloom.simulators.signals import (
    EXPECTED_POWER, POWER, POWER_SETPOINT, STORED_ENERGY, Information, Signal)

INTO, OUT = Direction.INPUT, Direction.OUTPUT
PRICE = Signal(name="final_price_eur_per_mwh", unit="EUR/MWh", long_name="price in the end")
SEEN = Signal(name="seen", unit="1", long_name="observed in round 0")
TOLD = Signal(name="told", unit="1", long_name="observed in the step")


class DevicesConfig(ModelConfig):
    """Keys of devices at connection points."""
    points: list[str]
    forecast_kw: list[float] | None = None


class Devices(Model):
    Config = DevicesConfig

    def __init__(self, config, context):
        super().__init__(context, config.step_size)
        points = tuple(config.points)
        self.config, self.duration_s = config, context.duration_s
        self.devices = ElementSet(
            kind="device", owner=self.name, names=points, connection_points=points)

    def forecast(self, *, by_element=False):
        if self.config.forecast_kw is None:
            return None
        return Forecast(interval_s=self.step_size, power_kw=np.resize(
            self.config.forecast_kw, self.duration_s // self.step_size))


class Heaters(Devices):
    """Draw what they are told, and add it up."""

    def __init__(self, config, context):
        super().__init__(config, context)
        self.stored_kwh = np.zeros(len(self.devices))

    @property
    def ports(self):
        return (Port(signal=POWER_SETPOINT, direction=INTO, elements=self.devices),
                Port(signal=POWER, direction=OUT, elements=self.devices),
                Port(signal=STORED_ENERGY, direction=OUT, elements=self.devices))

    def initial_outputs(self):
        return {"stored_energy_kwh": np.zeros(len(self.devices)),
                "power_kw": np.zeros(len(self.devices))}

    def step(self, time, inputs):
        power_kw = inputs["power_setpoint_kw"].copy()
        self.stored_kwh = self.stored_kwh + power_kw * self.step_size / 3600
        return {"power_kw": power_kw, "stored_energy_kwh": self.stored_kwh}


class Wind(Devices):
    """Feeds in more the later it is, and expects that shortly before."""

    def now_kw(self, time):
        return np.full(len(self.devices), -1.0 - 0.001 * time)

    @property
    def ports(self):
        return (Port(signal=POWER, direction=OUT, elements=self.devices),
                Port(signal=EXPECTED_POWER, direction=OUT, elements=self.devices))

    def initial_outputs(self):
        return {"expected_power_kw": self.now_kw(0)}

    def step(self, time, inputs):
        return {"power_kw": self.now_kw(time),
                "expected_power_kw": self.now_kw(time + self.step_size)}


class LineConfig(CoordinatorConfig):
    """Keys of the coordinator."""
    line_kw: float
    width_eur_per_mwh: float = 1e-6


class Line(Coordinator):
    """Raises or lowers the price of the interval that begins until the line is full."""
    Config = LineConfig
    information = frozenset()
    observes = decides = ()
    tells = (PRICE,)

    def __init__(self, config, context):
        super().__init__(config, context)
        self.config = config

    def begin(self, time, observation, scheduled_kw):
        self.time, self.low, self.high, self.price = time, 0.0, 1000.0, 0.0

    def propose(self, number, offered_kw):
        if number:
            full = offered_kw[:, 0].sum() > self.config.line_kw
            self.low, self.high = (self.price, self.high) if full else (self.low, self.price)
        if self.high - self.low < self.config.width_eur_per_mwh:
            return None
        self.price = (self.low + self.high) / 2
        prices = np.full(self.terms.count, 500.0)
        prices[0] = self.price
        return FlexibilityRequest(
            round=number, start_s=self.time, interval_s=self.terms.interval_s,
            buying_price_eur_per_mwh=prices, selling_price_eur_per_mwh=prices)

    def order(self, offered_kw):
        return offered_kw.copy()

    def outcome(self, carried_out_kw):
        return {"final_price_eur_per_mwh": np.asarray(self.price)}


class Silent(Line):
    """Never asks: it orders what has been scheduled."""

    def propose(self, number, offered_kw):
        return None


class HeaterConfig(AgentConfig):
    """Keys of an agent: of each heater, or one for all."""
    a: float = 0.1
    b: float = 0.9
    most_kw: float = 10.0
    scheduled_kw: float = 2.0
    fault: str = ""


class Heater(Agent):
    """One agent for all heaters of a simulator; each draws an equal share."""
    Config = HeaterConfig
    information = frozenset({Information.MEASUREMENTS, Information.SESSIONS_PLUGGED_IN})
    observes = (POWER, STORED_ENERGY)
    decides = (POWER_SETPOINT,)
    tells = (SEEN, TOLD)

    def __init__(self, config, context):
        super().__init__(config, context)
        self.config, self.number = config, len(self.controlled.devices)
        self.prepared_at, self.seen = -1, -1.0

    @property
    def schedule_kw(self):
        return np.full((1, self.intervals), self.config.scheduled_kw)

    def prepare(self, time, observation):
        self.prepared_at = time
        self.seen = float(observation["stored_energy_kwh"].sum())
        self.b = self.config.b - 0.01 * float(sum(observation["power_kw"].tolist()))

    def answer(self, request):
        exec(self.config.fault)
        prices = (request.buying_price_eur_per_mwh / 1000).tolist()
        wanted = [min(max((self.b - p) / self.config.a, 0.0), self.config.most_kw) for p in prices]
        return np.array([wanted])

    def setpoints(self, time, order_kw):
        assert self.prepared_at == time
        return {"power_setpoint_kw": np.full(self.number, order_kw[0, 0] / self.number),
                "seen": np.asarray(self.seen)}

    def decide(self, time, observation):
        told = np.asarray(float(observation["stored_energy_kwh"].sum()))
        return {**super().decide(time, observation), "told": told}
'''
PROGRAM = '''
"""The same agent as a program: nothing but the mosaik API."""
import os, sys, time as clock
import mosaik_api_v3

ATTRIBUTES = [
    "stored", "P", "P_set",
    "round", "request_buying_price_eur_per_mwh", "offer_power_kw", "order_power_kw",
    "scheduled_power_kw",
]

class Heater(mosaik_api_v3.Simulator):
    def __init__(self):
        model = {"public": True, "params": ["a", "b"], "attrs": ATTRIBUTES}
        kind = os.environ.get("TYPE", "time-based")
        super().__init__({"type": kind, "models": {"Heater": model}})

    def init(self, sid, time_resolution=1.0, fault=""):
        self.fault = fault
        return self.meta

    def create(self, number, model, a, b):
        self.a, self.b = a, b
        return [{"eid": "heater", "type": model}]

    def step(self, time, inputs, max_advance):
        told = {name: next(iter(values.values())) for name, values in inputs["heater"].items()}
        if "P" in told:
            self.worth, self.number = self.b - 0.01 * sum(told["P"]), len(told["P"])
        self.offered = self.setpoints = None
        if "round" in told:
            prices = [price / 1000 for price in told["request_buying_price_eur_per_mwh"]]
            self.offered = [min(max((self.worth - p) / self.a, 0.0), 10.0) for p in prices]
            assert max_advance == time
            exec(self.fault)
            return time  # a same-time loop: of no consequence
        self.setpoints = [told["order_power_kw"][0] / self.number] * self.number
        return time + 60

    def get_data(self, outputs):
        known = {"offer_power_kw": self.offered, "P_set": self.setpoints}
        asked = outputs["heater"]
        return {"heater": {n: known[n] for n in asked if known[n] is not None}}

if __name__ == "__main__":
    sys.exit(mosaik_api_v3.start_simulation(Heater()))
'''
AGENTS: dict[str, dict[str, Any]] = {
    "west": {"points": ["w1", "w2"], "a": 0.1, "b": 0.9},
    "east": {"points": ["e1"], "a": 0.05, "b": 0.7},
}
LINE_KW = 8.0


class Street:
    """A scenario of heaters on one line, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.module = f"heaters_{abs(hash(str(folder)))}"
        (folder / f"{self.module}.py").write_text(MODULE, encoding="utf-8")
        (folder / "heater.py").write_text(PROGRAM, encoding="utf-8")

    def scenario(self, **keys: Any) -> dict[str, Any]:
        """Return a scenario of ten minutes: two agents of heaters and one of wind."""
        simulators = {
            f"{name}_heaters": {"type": f"{self.module}:Heaters", "points": each["points"]}
            for name, each in AGENTS.items()
        }
        simulators["wind"] = {
            "type": f"{self.module}:Wind",
            "points": ["v1"],
            "forecast_kw": [-1.5],
        }
        controllers: dict[str, Any] = {name: self.agent(name) for name in AGENTS}
        controllers["expects"] = {
            "type": "gridloom.controllers.negotiation.inflexible:InflexibleAgent",
            "controls": "wind",
        }
        controllers["line"] = {
            "type": f"{self.module}:Line",
            "controls": "wind",
            "horizon": "3min",
            "line_kw": LINE_KW,
        }
        return {
            "name": "line",
            "start": "2021-06-21T00:00:00Z",
            "duration": "10min",
            "step_size": "1min",
            "simulators": simulators,
            "controllers": controllers,
            **keys,
        }

    def agent(self, name: str, **keys: Any) -> dict[str, Any]:
        """Return an agent in Python."""
        parameters = {key: AGENTS[name][key] for key in ("a", "b")}
        kind = f"{self.module}:Heater"
        return {"type": kind, "controls": f"{name}_heaters", **parameters, **keys}

    def program(self, name: str, **keys: Any) -> dict[str, Any]:
        """Return the same agent as a program of its own."""
        parameters = {key: AGENTS[name][key] for key in ("a", "b")}
        started = {} if {"python", "connect"} & keys.keys() else {"command": self.command}
        return {
            "type": "external_agent",
            "controls": f"{name}_heaters",
            "information": ["measurements"],
            "create": {"model": "Heater", "parameters": parameters},
            "schedule_kw": [2.0],
            "receives": {"power_kw": "P"},
            "sends": {"power_setpoint_kw": "P_set"},
            **started,
            **keys,
        }

    @property
    def command(self) -> list[str]:
        return [sys.executable, "heater.py", "{address}"]

    def write(self, scenario: dict[str, Any]) -> Path:
        """Write a scenario; JSON is YAML as well."""
        path = self.folder / "line.yaml"
        path.write_text(json.dumps(scenario, indent=1), encoding="utf-8")
        return path

    def run(self, scenario: dict[str, Any]) -> Trace:
        """Run a scenario; return all that its models sent, by model and signal."""
        document = read_scenario(self.write(scenario))
        read = document.scenario()
        composition = compose(document, read)
        supervisor = Supervisor()
        blueprint = Blueprint(
            scenario=read, folders=composition.folders, points=composition.connection_points
        )
        rows: defaultdict[str, list[FloatArray]] = defaultdict(list)

        def sink(time: int, outputs: Mapping[str, Mapping[str, FloatArray]]) -> None:
            for model, arrays in outputs.items():
                for signal, array in arrays.items():
                    rows[f"{model}/{signal}"].append(array.copy())

        with located(document, read):
            models, couplings = composition.models, composition.couplings
            around = Surroundings(
                supervisor=supervisor,
                elsewhere=models_elsewhere(models, couplings, blueprint, supervisor),
                limits_s={n: float(c.step_timeout) for n, (_, c) in configs(read).items()},
                fuse=read.fuse,
            )
            simulate(models, couplings, read.duration_s, sink, around)
        assert not any(remote.complaint for remote in around.elsewhere.values())
        return {name: np.array(arrays) for name, arrays in rows.items()}


@pytest.fixture
def street(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Street]:
    made = Street(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield made
    for name in (made.module, "heater"):
        sys.modules.pop(name, None)


Same: TypeAlias = Callable[[Trace, Trace], None]


@pytest.fixture
def require_same() -> Same:
    """Return what fails unless two records hold the same bytes."""

    def check(ours: Trace, theirs: Trace) -> None:
        assert ours.keys() == theirs.keys()
        for name, values in ours.items():
            assert values.tobytes() == theirs[name].tobytes(), name

    return check

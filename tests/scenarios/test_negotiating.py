"""Negotiations within a step: their rounds, wherever the models are computed.

A market seeks by bisection the price at which what homes would buy fills a line. A home values its
power at b - a P (EUR/kWh), so that it buys (b - p) / a; the price that fills the line's capacity C
is (sum b/a - C) / sum 1/a as long as every home buys: the closed form that the runs are held to.
"""

import json
import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from gridloom.scenarios.reader import read_scenario
from gridloom.scenarios.runner import run_variant
from gridloom.simulators.errors import ScenarioError, SimulatorError

MODULE = '''
import time as clock
import numpy as np
from gridloom.simulators.model import Direction, ElementSet, Model, Port
from gridloom.simulators.quantities import ModelConfig
from gridloom.simulators.signals import LOAD_CONVENTION, POWER, MeetsAt, Signal

ASKED = Signal(name="asked_eur_per_kwh", unit="EUR/kWh", long_name="price that is tried")
WANTED = Signal(name="wanted_kw", unit="kW", long_name="what would be bought at that price",
                positive=LOAD_CONVENTION, extensive=True, meets_at=MeetsAt.CONNECTION_POINT)
PRICE = Signal(name="price_eur_per_kwh", unit="EUR/kWh", long_name="price that clears the market")
ROUNDS = Signal(name="rounds", unit="1", long_name="rounds of the negotiation")
INTO, OUT = Direction.INPUT, Direction.OUTPUT

class MarketConfig(ModelConfig):
    capacity_kw: float
    points: list[str]
    fault: str = ""

class Market(Model):
    """Raises or lowers the price until the line is full."""
    Config = MarketConfig
    leads_rounds = True

    def __init__(self, config, context):
        super().__init__(context, config.step_size)
        self.config = config
        points = tuple(config.points)
        self.points = ElementSet(
            kind="point", owner=self.name, names=points, connection_points=points)
        self.price = self.rounds = 0

    @property
    def ports(self):
        return (Port(signal=ASKED, direction=OUT, in_rounds=True),
                Port(signal=WANTED, direction=INTO, elements=self.points, in_rounds=True),
                Port(signal=PRICE, direction=OUT), Port(signal=ROUNDS, direction=OUT))

    def round(self, time, number, inputs):
        exec(self.config.fault)
        if number == 0:
            assert not inputs["wanted_kw"].any()  # nobody has answered yet
            self.low, self.high = 0.0, 1.0
        else:
            full = inputs["wanted_kw"].sum() > self.config.capacity_kw + time
            self.low, self.high = (self.price, self.high) if full else (self.low, self.price)
        self.rounds = number
        if self.high - self.low < 1e-9:
            return None
        self.price = (self.low + self.high) / 2
        return {"asked_eur_per_kwh": np.asarray(self.price)}

    def step(self, time, inputs):
        return {"price_eur_per_kwh": np.asarray(self.price),
                "rounds": np.asarray(float(self.rounds))}

class HomesConfig(ModelConfig):
    points: list[str]
    a: list[float]
    b: list[float]
    fault: str = ""

class Homes(Model):
    """Buy what is worth its price."""
    Config = HomesConfig

    def __init__(self, config, context):
        super().__init__(context, config.step_size)
        points = tuple(config.points)
        self.homes = ElementSet(kind="home", owner=self.name, names=points,
                                connection_points=points)
        self.a, self.b = np.array(config.a), np.array(config.b)
        self.config, self.steps = config, 0

    @property
    def ports(self):
        return (Port(signal=ASKED, direction=INTO, in_rounds=True),
                Port(signal=WANTED, direction=OUT, elements=self.homes, in_rounds=True),
                Port(signal=PRICE, direction=INTO),
                Port(signal=POWER, direction=OUT, elements=self.homes))

    def bought(self, price):
        return np.maximum((self.b - price) / self.a, 0.0)

    def round(self, time, number, inputs):
        assert self.steps == -(-time // self.step_size)  # asked before the step
        exec(self.config.fault)
        return {"wanted_kw": self.bought(inputs["asked_eur_per_kwh"])}

    def step(self, time, inputs):
        self.steps += 1
        return {"power_kw": self.bought(inputs["price_eur_per_kwh"])}
'''
HOMES: dict[str, dict[str, Any]] = {
    "west": {"points": ["w1", "w2"], "a": [0.1, 0.2], "b": [0.9, 0.8]},
    "east": {"points": ["e1"], "a": [0.05], "b": [0.7]},
}
CAPACITY_KW = 8.0
MOST_ROUNDS = 31
"""Of a bisection from 1 to 1e-9: 30 prices, and the last answer."""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    name = f"negotiators_{abs(hash(str(tmp_path)))}"
    (tmp_path / f"{name}.py").write_text(MODULE, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    return name


def results(
    folder: Path,
    module: str,
    *,
    fuse: bool,
    elsewhere: tuple[str, ...] = (),
    faults: dict[str, str] | None = None,
    changed: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Run ten seconds; return every dataset of the record."""
    points = [point for homes in HOMES.values() for point in homes["points"]]
    market = {"type": f"{module}:Market", "capacity_kw": CAPACITY_KW, "points": points}
    simulators = {"market": market}
    simulators |= {name: {"type": f"{module}:Homes", **keys} for name, keys in HOMES.items()}
    simulators["east"]["step_size"] = "2s"  # is asked each second all the same
    simulators |= changed or {}
    for name in elsewhere:
        simulators[name]["placement"] = "process"
    for name, fault in (faults or {}).items():
        simulators[name] |= {"fault": fault, "step_timeout": "1s"}
    scenario = {
        "name": "line",
        "start": "2021-06-21T00:00:00Z",
        "duration": "10s",
        "fuse": fuse,
        "simulators": simulators,
    }
    path = folder / "line.yaml"
    path.write_text(json.dumps(scenario), encoding="utf-8")
    out = folder / f"out-{fuse}-{'-'.join(elsewhere)}"
    finished = run_variant(read_scenario(path), None, out, report=False)
    found: dict[str, Any] = {}

    def take(name: str, item: object) -> None:
        if isinstance(item, h5py.Dataset) and item.dtype.kind == "f":
            found[name] = item[()]

    with h5py.File(finished.folder.record) as record:
        record.visititems(take)
    return found


def clearing_price(capacity_kw: float) -> float:
    a, b = (np.concatenate([homes[key] for homes in HOMES.values()]) for key in "ab")
    return float((np.sum(b / a) - capacity_kw) / np.sum(1 / a))


@pytest.mark.parametrize("fuse", [False, True])
def test_the_price_is_that_of_the_closed_form(tmp_path: Path, module: str, fuse: bool) -> None:
    found = results(tmp_path, module, fuse=fuse)
    capacity_kw = CAPACITY_KW + np.arange(10.0)
    expected = [clearing_price(each) for each in capacity_kw]
    np.testing.assert_allclose(found["market/price_eur_per_kwh"], expected, atol=2e-9)
    np.testing.assert_array_equal(found["market/rounds"], MOST_ROUNDS - 1)
    # Whoever steps in that second draws, in all, what fills the line: the order reaches the step.
    west, east = found["west/power_kw"], found["east/power_kw"]
    np.testing.assert_allclose(west[::2].sum(1) + east.sum(1), capacity_kw[::2], atol=1e-6)
    assert not any("wanted" in name or "asked" in name for name in found)


def test_where_it_is_computed_makes_no_difference(tmp_path: Path, module: str) -> None:
    reference = results(tmp_path, module, fuse=False)
    for fuse, elsewhere in (
        (True, ()),
        (False, ("market",)),
        (True, ("east",)),
        (True, ("market", "east", "west")),
    ):
        found = results(tmp_path, module, fuse=fuse, elsewhere=elsewhere)
        assert found.keys() == reference.keys()
        for name, values in reference.items():
            assert values.tobytes() == found[name].tobytes(), (fuse, elsewhere, name)


WAITING = '''
from gridloom.simulators.signals import IRRADIANCE

class SunConfig(ModelConfig):
    """Nothing but when it steps."""

class Sun(Model):
    Config = SunConfig

    def __init__(self, config, context):
        super().__init__(context, config.step_size)

    @property
    def ports(self):
        return (Port(signal=IRRADIANCE, direction=OUT),)

    def step(self, time, inputs):
        return {"irradiance_w_per_m2": np.asarray(float(time))}

class Waiting(Homes):
    @property
    def ports(self):
        return (*super().ports, Port(signal=IRRADIANCE, direction=INTO))
'''


def test_who_waits_for_somebody_elsewhere_negotiates_as_ever(tmp_path: Path, module: str) -> None:
    """Then west steps after the sun, market and east would before: none of them is fused."""
    reference = results(tmp_path, module, fuse=False)
    (tmp_path / f"{module}.py").write_text(MODULE + WAITING, encoding="utf-8")
    sys.modules.pop(module)
    sun = {"type": f"{module}:Sun", "placement": "process"}
    west = {"type": f"{module}:Waiting", **HOMES["west"]}
    found = results(tmp_path, module, fuse=True, changed={"sun": sun, "west": west})
    for name, values in reference.items():
        assert values.tobytes() == found[name].tobytes(), name


@pytest.mark.parametrize("fuse", [False, True])
@pytest.mark.parametrize(
    ("who", "fault", "cause"),
    [
        ("market", "1 / 0", "ZeroDivisionError"),
        ("market", "number = 1; self.low, self.high = 0.0, 1.0", "does not end within"),
        ("west", "if time == 3: raise RuntimeError('no idea')", "RuntimeError: no idea"),
        ("west", "return_ = inputs['power_kw']", "KeyError"),
        ("east", "import sys; sys.exit(5)", "SystemExit: 5"),
    ],
)
def test_faults_name_who_and_when(
    tmp_path: Path, module: str, fuse: bool, who: str, fault: str, cause: str
) -> None:
    with pytest.raises(SimulatorError) as raised:
        results(tmp_path, module, fuse=fuse, faults={who: fault})
    assert raised.value.simulator == who
    assert cause in str(raised.value)
    assert raised.value.time == (3 if "time == 3" in fault else 0)


def test_a_hanging_answer_ends_the_run(tmp_path: Path, module: str) -> None:
    hangs = {"west": "clock.sleep(100)"}
    with pytest.raises(
        SimulatorError,
        match="'west' failed at simulation time 0 s: it did not answer 'negotiate' within 1 s",
    ):
        results(tmp_path, module, fuse=False, elsewhere=("west",), faults=hangs)


def test_what_is_for_rounds_cannot_be_recorded(tmp_path: Path, module: str) -> None:
    results(tmp_path, module, fuse=False)
    path = tmp_path / "line.yaml"
    scenario = json.loads(path.read_text(encoding="utf-8"))
    scenario["record"] = {"signals": {"west": ["wanted_kw"]}}
    path.write_text(json.dumps(scenario), encoding="utf-8")
    with pytest.raises(ScenarioError, match="'west' has no output 'wanted_kw'"):
        run_variant(read_scenario(path), None, tmp_path / "never", report=False)


COUNTING = '''
import numpy as np
from gridloom.simulators.model import Direction, ElementSet, Model, Port
from gridloom.simulators.quantities import ModelConfig
from gridloom.simulators.signals import LOAD_CONVENTION, MeetsAt, Signal

ASKED = Signal(name="asked", unit="1", long_name="question")
STEPS = Signal(name="steps", unit="1", long_name="steps taken", extensive=True,
               meets_at=MeetsAt.CONNECTION_POINT, positive=LOAD_CONVENTION)
HEARD = Signal(name="heard", unit="1", long_name="what was answered")
INTO, OUT = Direction.INPUT, Direction.OUTPUT

def here(model):
    return ElementSet(kind=f"at_{model.name}", owner=model.name, names=("p",),
                      connection_points=("p",))

class Config(ModelConfig):
    """Nothing but when it steps."""

class Asks(Model):
    Config = Config
    leads_rounds = True

    def __init__(self, config, context):
        super().__init__(context, config.step_size)
        self.elements, self.heard = here(self), 0.0

    @property
    def ports(self):
        return (Port(signal=ASKED, direction=OUT, in_rounds=True),
                Port(signal=STEPS, direction=INTO, elements=self.elements, in_rounds=True),
                Port(signal=HEARD, direction=OUT))

    def round(self, time, number, inputs):
        self.heard = float(inputs["steps"][0])
        return None if number else {"asked": np.asarray(0.0)}

    def step(self, time, inputs):
        return {"heard": np.asarray(self.heard)}

class Counts(Model):
    Config = Config

    def __init__(self, config, context):
        super().__init__(context, config.step_size)
        self.elements, self.steps = here(self), 0

    @property
    def ports(self):
        return (Port(signal=ASKED, direction=INTO, in_rounds=True),
                Port(signal=STEPS, direction=OUT, elements=self.elements, in_rounds=True),
                Port(signal=HEARD, direction=OUT))

    def round(self, time, number, inputs):
        return {"steps": np.array([float(self.steps)])}

    def step(self, time, inputs):
        self.steps += 1
        return {"heard": np.asarray(0.0)}
'''


@pytest.mark.parametrize("names", [("a", "b"), ("b", "a")])
@pytest.mark.parametrize("asks_every_s", [1, 3])
@pytest.mark.parametrize(
    ("fuse", "elsewhere", "recorded"),
    [
        (True, False, True),
        (False, False, True),
        (False, False, False),
        pytest.param(True, True, True, marks=pytest.mark.slow),
    ],
)
def test_answers_are_those_of_before_the_step(  # noqa: PLR0913, PLR0917
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    names: tuple[str, str],
    asks_every_s: int,
    fuse: bool,
    elsewhere: bool,
    recorded: bool,
) -> None:
    """Also where nothing but the rounds couples the two: by time t, t steps of 1 s were taken."""
    name = f"counting_{abs(hash(str(tmp_path)))}"
    (tmp_path / f"{name}.py").write_text(COUNTING, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    asks, counts = names
    models: dict[str, dict[str, Any]] = {
        asks: {"type": f"{name}:Asks", "step_size": f"{asks_every_s}s"},
        counts: {"type": f"{name}:Counts"},
    }
    if elsewhere:
        models[counts]["placement"] = "process"
    scenario = {
        "name": "counting",
        "start": "2021-06-21T00:00:00Z",
        "duration": "12s",
        "fuse": fuse,
        "simulators": models,
        "record": {"signals": {} if recorded else {counts: []}},
    }
    path = tmp_path / "counting.yaml"
    path.write_text(json.dumps(scenario), encoding="utf-8")
    finished = run_variant(read_scenario(path), None, tmp_path / "out", report=False)
    with h5py.File(finished.folder.record) as record:
        assert record[f"{asks}/heard"][()].tolist() == list(range(0, 12, asks_every_s))

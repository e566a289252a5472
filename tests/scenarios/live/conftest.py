"""A record of which every number is known, written as far as a test wants; and a small campaign."""

import json
import math
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gridloom.scenarios.campaigns.campaign_folder import CampaignFolder
from gridloom.scenarios.campaigns.index import About, Index, PlannedRun
from gridloom.scenarios.campaigns.outcome import Fault, Outcome
from gridloom.scenarios.campaigns.point import Axis
from gridloom.scenarios.live import WatchServer
from gridloom.scenarios.results.kpis.kpi import Kpi
from gridloom.scenarios.results.record import RecordedModel, RecordWriter
from gridloom.scenarios.run_folder import RunFolder
from gridloom.simulators.model import (
    Dimension,
    Direction,
    ElementSet,
    FloatArray,
    Port,
    StaticVariable,
)
from gridloom.simulators.signals import (
    BUS_VOLTAGE,
    IMBALANCE,
    LINE_CURRENT,
    POWER,
    STATE_OF_CHARGE,
    Signal,
)

START = datetime(2021, 3, 24, 16, 0, tzinfo=timezone(timedelta(hours=1)))
DURATION_S = 4000
"""More rows than points that are drawn."""
OUT = Direction.OUTPUT
LINES = ElementSet(kind="line", owner="grid", names=("L1", "L2", "Lä3"))
BUSES = ElementSet(kind="bus", owner="grid", names=("B1", "B2"))
PHASES = Dimension(name="phase", labels=("a", "b"))
POINTS = ElementSet(kind="charging_point", owner="ev", names=("CP1", "CP2"))
RATED_A = np.array([65.0, 100.0, 30.0])

GRID = RecordedModel(
    name="network",
    type="grid",
    role="simulator",
    step_size=1,
    rows=DURATION_S,
    ports=(
        Port(signal=LINE_CURRENT, direction=OUT, elements=LINES, dimensions=(PHASES,)),
        Port(signal=BUS_VOLTAGE, direction=OUT, elements=BUSES, dimensions=(PHASES,)),
    ),
    static=(
        StaticVariable(
            name="line_rated_current_a",
            values=RATED_A,
            dimensions=("line",),
            unit="A",
            long_name="",
        ),
        StaticVariable(name="voltage_limit_low_pu", values=np.array(0.9), dimensions=()),
        StaticVariable(name="voltage_limit_high_pu", values=np.array(1.1), dimensions=()),
    ),
)
FLEET = RecordedModel(
    name="ev",
    type="ev_fleet",
    role="simulator",
    step_size=60,
    rows=-(-DURATION_S // 60),
    ports=(
        Port(signal=POWER, direction=OUT, elements=POINTS),
        Port(signal=STATE_OF_CHARGE, direction=OUT, elements=POINTS),
    ),
)
MARKET = RecordedModel(
    name="market",
    type="imbalance_market",
    role="simulator",
    step_size=1,
    rows=DURATION_S,
    ports=(Port(signal=IMBALANCE, direction=OUT),),
)
LEVEL = Signal(name="water_level_m", unit="m", long_name="level of the reservoir")
FOREIGN = RecordedModel(
    name="reservoir",
    type="external",
    role="simulator",
    step_size=1,
    rows=DURATION_S,
    ports=(Port(signal=LEVEL, direction=OUT),),
)


def rows_of(time_s: int) -> dict[str, dict[str, FloatArray]]:
    """What all models send: numbers that tell their second; no voltage from 100 s to 119 s."""
    current_a = np.array([[20.0, 10.0], [30.0, 5.0], [25.0, 1.0]]) * (1 + 0.5 * math.sin(time_s))
    dark = 100 <= time_s < 120
    voltage_pu = np.full((2, 2), np.nan) if dark else np.array([[1.0, 0.95], [1.05, 0.99]])
    return {
        "network": {"line_current_a": current_a, "bus_voltage_pu": voltage_pu},
        "ev": {
            "power_kw": np.array([7.0, -float(time_s) / 1000]),
            "state_of_charge": np.array([time_s / 5000, np.nan]),
        },
        "market": {"imbalance_kwh": np.array(0.001 * time_s)},
        "reservoir": {"water_level_m": np.array(2.0 + time_s)},
    }


def begin(
    path: Path, models: Iterable[RecordedModel] = (GRID, FLEET, MARKET), **provenance: str
) -> RecordWriter:
    """Begin a record."""
    scenario = {"name": "street", "duration": f"{DURATION_S}s"}
    told = {
        "title": "A street",
        "variant": "basic",
        "digest": "0123456789",
        "created": "2026-01-01T00:00:00+00:00",
        "scenario": json.dumps(scenario),
        "scenario_folders": "[]",
    }
    return RecordWriter(path, start=START, models=list(models), provenance=told | provenance)


def feed(writer: RecordWriter, seconds: Iterable[int], models: Iterable[RecordedModel]) -> None:
    """Send the rows of these seconds, and make them readable."""
    for time_s in seconds:
        for model in models:
            if time_s % model.step_size == 0:
                writer.write(model.name, time_s, rows_of(time_s)[model.name])
        writer.advance(time_s + 1)
    writer.flush()


Begin = Callable[..., RecordWriter]
Feed = Callable[..., None]


@pytest.fixture(name="begin")
def begin_fixture() -> Begin:
    return begin


@pytest.fixture(name="feed")
def feed_fixture() -> Feed:
    def send(
        writer: RecordWriter,
        seconds: Iterable[int],
        models: Iterable[RecordedModel] = (GRID, FLEET, MARKET),
    ) -> None:
        feed(writer, seconds, tuple(models))

    return send


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    """The folder of a run, which may begin."""
    run = RunFolder(tmp_path / "street-basic-0123456789")
    run.path.mkdir()
    return run


@pytest.fixture
def foreign_model() -> RecordedModel:
    """A model of nothing that gridloom knows."""
    return FOREIGN


@pytest.fixture
def fleet_model() -> RecordedModel:
    return FLEET


# ── a campaign ────────────────────────────────────────────────────────────────────────────

AXES = (
    Axis(name="seed", keys=("seed",), labels=(1, 2, 3), is_seed=True),
    Axis(name="share", keys=("simulators.ev.share",), labels=(0, 50), unit="percent"),
)


def planned() -> list[PlannedRun]:
    """Six points: seeds 1 to 3 at a share of 0, then at 50."""
    combinations = [(seed, share) for share in (0, 50) for seed in (1, 2, 3)]
    return [
        PlannedRun(
            number=number,
            parameters={"seed": seed, "share": share},
            digest=f"{number:010d}",
            folder=f"street-{number:010d}",
        )
        for number, (seed, share) in enumerate(combinations, start=1)
    ]


def complete(index: Index, number: int, loading_percent: float) -> None:
    """Note that a run is complete, which took 60 s."""
    kpis = [
        Kpi(name="wall_time_s", value=1.0, unit="s", group="Run", label="took", headline=True),
        Kpi(
            name="line_loading_max_percent",
            value=loading_percent,
            unit="percent",
            group="Grid",
            label="highest loading",
            headline=True,
        ),
        Kpi(name="energy_kwh", value=number, unit="kWh", group="Energy", label="energy"),
        Kpi(name="energy_kwh", value=1.0, unit="kWh", group="Energy", label="energy", of="ev"),
    ]
    digest = f"{number:010d}"
    index.set_ended(digest, Outcome(digest=digest, wall_time_s=60.0, kpis=kpis))


@pytest.fixture
def campaign(tmp_path: Path) -> CampaignFolder:
    """Complete: points 1, 2 and 4; failed: 3; running: 5; pending: 6."""
    folder = CampaignFolder(tmp_path / "campaign")
    folder.runs.mkdir(parents=True)
    about = About(
        name="ev-street",
        title="How many vehicles?",
        file="ev-street.yaml",
        axes=AXES,
        gridloom_version="0.1.0",
    )
    with Index(folder.index, writable=True) as index:
        index.begin(about, planned())
        for number, loading_percent in ((1, 60.0), (2, 70.0), (4, math.nan)):
            complete(index, number, loading_percent)
        failed = Outcome(digest="", fault=Fault.SIMULATION, reason="no <b>solution</b>")
        index.set_ended(f"{3:010d}", failed)
        index.set_running([f"{5:010d}"])
    return folder


Complete = Callable[[Index, int, float], None]


@pytest.fixture(name="complete")
def complete_fixture() -> Complete:
    return complete


# ── a server ──────────────────────────────────────────────────────────────────────────────


class Browser:
    """Asks a server."""

    def __init__(self, address: str) -> None:
        self.address = address

    def get(self, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
        """Return status, headers and content of an answer."""
        request = urllib.request.Request(self.address + path.lstrip("/"), headers=headers)  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310
                return answer.status, dict(answer.headers), answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, dict(error.headers), error.read()

    def json(self, path: str) -> Any:
        """Return an answer that must be JSON."""
        status, headers, content = self.get(path)
        assert status == 200, content
        assert headers["Content-Type"].startswith("application/json")
        return json.loads(content)


@pytest.fixture
def browse() -> Iterator[Callable[[Path], Browser]]:
    """Serve a path, and return who asks."""
    servers: list[WatchServer] = []

    def serve(path: Path) -> Browser:
        server = WatchServer(path)
        servers.append(server.__enter__())
        return Browser(server.address)

    yield serve
    for server in servers:
        server.__exit__(None, None, None)

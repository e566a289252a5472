"""A small grid and a small fleet to record."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gridloom.scenarios.results.record import RecordedModel, RecordWriter
from gridloom.simulators.model import (
    Dimension,
    Direction,
    ElementSet,
    FloatArray,
    Port,
    StaticVariable,
)
from gridloom.simulators.signals import LINE_CURRENT, LOSSES, POWER, STATE_OF_CHARGE

START = datetime(2021, 3, 24, 16, 0, tzinfo=timezone(timedelta(hours=1)))
LINES = ElementSet(kind="line", owner="grid", names=("L1", "L2", "Lä3"))
PHASES = Dimension(name="phase", labels=("a", "b", "c"))
POINTS = ElementSet(
    kind="charging_point", owner="ev", names=("CP1", "CP2"), connection_points=("H7", "H9")
)
OUT = Direction.OUTPUT


def _grid(rows: int) -> RecordedModel:
    return RecordedModel(
        name="grid",
        type="grid",
        role="simulator",
        step_size=1,
        rows=rows,
        ports=(
            Port(signal=LINE_CURRENT, direction=OUT, elements=LINES, dimensions=(PHASES,)),
            Port(signal=LOSSES, direction=OUT),
        ),
        static=(
            StaticVariable(
                name="line_rated_current_a",
                values=np.array([65.0, 100.0, 30.0]),
                dimensions=("line",),
                unit="A",
                long_name="rated current",
            ),
            StaticVariable(name="voltage_limit_low_pu", values=np.array(0.9), dimensions=()),
        ),
        attributes={"engine": "pgm"},
    )


def _fleet(rows: int) -> RecordedModel:
    return RecordedModel(
        name="ev",
        type="ev_fleet",
        role="simulator",
        step_size=60,
        rows=-(-rows // 60),
        ports=(
            Port(signal=POWER, direction=OUT, elements=POINTS),
            Port(signal=STATE_OF_CHARGE, direction=OUT, elements=POINTS),
        ),
        static=(
            StaticVariable(
                name="session_driver", values=np.array(["Zoë", "Bo", "Al"]), dimensions=("session",)
            ),
            StaticVariable(
                name="session_v2g", values=np.array([True, False, True]), dimensions=("session",)
            ),
        ),
    )


def line_current_a(time_s: int) -> FloatArray:
    """What the grid sends: every number tells its second, line and phase."""
    return time_s + np.array([[0.1, 0.2, 0.3], [0.4, 0.5, 0.6], [0.7, 0.8, 0.9]])


def feed(writer: RecordWriter, seconds: Iterable[int]) -> None:
    """Send the rows of these seconds."""
    for time_s in seconds:
        writer.write(
            "grid",
            time_s,
            {"line_current_a": line_current_a(time_s), "losses_kw": np.array(0.5 * time_s)},
        )
        if time_s % 60 == 0:
            charge = np.array([time_s / 1000, np.nan])
            power_kw = np.array([7.0, -float(time_s)])
            writer.write("ev", time_s, {"power_kw": power_kw, "state_of_charge": charge})
        writer.advance(time_s + 1)


NewWriter = Callable[..., RecordWriter]
Feed = Callable[[RecordWriter, Iterable[int]], None]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "record.h5"


@pytest.fixture
def new_writer(path: Path) -> NewWriter:
    """Begin a record of the grid and the fleet."""

    def begin(*, rows: int = 200, to: Path = path, **options: Any) -> RecordWriter:
        return RecordWriter(
            to,
            start=START,
            models=[_grid(rows), _fleet(rows)],
            provenance={"seed": "7", "scenario": "x" * 200_000},
            **options,
        )

    return begin


@pytest.fixture(name="feed")
def feed_fixture() -> Feed:
    return feed

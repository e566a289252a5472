"""The shipped heat pump and its scenario: closed form, balance of energy, a whole run."""

import math
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gridloom
from gridloom.scenarios import library
from gridloom.simulators.fmu.simulator import Fmu

Build = Callable[..., Fmu]

EXCHANGE: dict[str, Any] = {
    "defines": {
        "room_k": {"unit": "K"},
        "outdoor_k": {"unit": "K"},
        "heating": {"unit": "1"},
    },
    "receives": {"outdoor_k": "outdoor_temperature"},
    "sends": {
        "power_kw": {"name": "power", "unit": "W"},
        "room_k": "room_temperature",
        "heating": "heating",
    },
}


def test_a_house_cools_down_exponentially(heat_pump: Path, build: Build) -> None:
    # Closed form without heating: T_out + (T_0 - T_out) exp(-G t / C), G = 150, C = 7.2e6.
    model = build(heat_pump, parameters={"set_temperature": 200}, **EXCHANGE)
    for step in range(1, 61):
        outputs = model.step(60 * (step - 1), {"outdoor_k": np.array(270.0)})
        expected = 270 + (294.15 - 270) * math.exp(-150 * 60 * step / 7.2e6)
        assert outputs["room_k"] == pytest.approx(expected, rel=1e-12)
        assert outputs["power_kw"] == 0


def test_a_heated_house_nears_its_equilibrium(heat_pump: Path, build: Build) -> None:
    # By hand: COP = 0.45 * 308.15 / 28.15 = 4.92602 at 280 K; 2 kW hold the house at
    # 280 + 4.92602 * 2000 / 150 = 345.680 K, which it nears with C / G = 48000 s.
    model = build(heat_pump, step_size="1h", parameters={"set_temperature": 400}, **EXCHANGE)
    equilibrium = 280 + 0.45 * 308.15 / (308.15 - 280) * 2000 / 150
    assert equilibrium == pytest.approx(345.680, abs=1e-3)
    outputs = model.step(0, {"outdoor_k": np.array(280.0)})
    expected = equilibrium + (294.15 - equilibrium) * math.exp(-3600 / 48000)
    assert outputs["room_k"] == pytest.approx(expected, rel=1e-12)
    assert outputs["power_kw"] == 2


def test_the_thermostat_keeps_its_band(heat_pump: Path, build: Build) -> None:
    model = build(heat_pump, **EXCHANGE)
    rooms, states = [], []
    for step in range(600):
        outputs = model.step(60 * step, {"outdoor_k": np.array(273.15)})
        rooms.append(float(outputs["room_k"]))
        states.append(float(outputs["heating"]))
    # A minute of heating is at most 0.06 K beyond the band of 1 K: (2000 * 4 - 0) * 60 / 7.2e6.
    assert min(rooms) > 293.65 - 0.07
    assert max(rooms) < 294.65 + 0.07
    assert {0.0, 1.0} == set(states)
    assert sum(abs(np.diff(states))) < 20  # hysteresis: no switching every minute


@settings(max_examples=20)
@given(
    outdoor=st.lists(st.floats(250, 300), min_size=1, max_size=8),
    capacity=st.floats(1e6, 1e8),
    loss=st.floats(20, 800),
    rated=st.floats(0, 6000),
    start=st.floats(280, 300),
)
def test_no_energy_comes_from_nothing(  # noqa: PLR0913, PLR0917
    heat_pump: Path,
    make: Build,
    outdoor: list[float],
    capacity: float,
    loss: float,
    rated: float,
    start: float,
) -> None:
    # First law over each step: C dT = h (COP P - G mean(T - T_outdoor)), the mean by the trapezoid
    # rule, whose integral is wrong by h^3 / 12 max |T''| at most; T'' = -G / C T' (1R1C).
    parameters = {
        "heat_capacity": capacity,
        "heat_loss": loss,
        "rated_power": rated,
        "start_temperature": start,
    }
    with closing(make(heat_pump, parameters=parameters, **EXCHANGE)) as model:
        before = float(model.initial_outputs()["room_k"])
        assert before == start
        for step, temperature in enumerate(outdoor):
            outputs = model.step(60 * step, {"outdoor_k": np.array(temperature)})
            after, power = float(outputs["room_k"]), 1000 * float(outputs["power_kw"])
            heat = 0.45 * 308.15 / (308.15 - temperature) * power
            lost = loss * ((before + after) / 2 - temperature)
            steepest = abs(heat - loss * (before - temperature)) / capacity
            slack = loss * 60**3 / 12 * (loss / capacity * steepest) + 1e-9 * capacity
            assert capacity * (after - before) == pytest.approx(60 * (heat - lost), abs=slack)
            assert power == pytest.approx(rated) or power == 0
            before = after


@pytest.mark.slow
def test_the_shipped_scenario_runs(heat_pump: Path, tmp_path: Path) -> None:
    (run,) = gridloom.run("fmu-heat-pump", out=tmp_path)
    with h5py.File(run.folder.record) as record:
        power = record["heat_pump/power_kw"][:]
        room = record["heat_pump/room_temperature_degc"]
        assert room.attrs["units"] == "degC"
        assert power.shape == room.shape == (180, 5)
        # Set point 21 degC, band 1 K, and less than a minute's heating beyond it.
        assert 20.4 < room[:].min() < room[:].max() < 21.6
        # Energy balance of the evening by hand: what the houses lose on average at 21 degC,
        # 21 K * 150 W/K = 3.15 kW, over the COP of 0.45 * 308.15 / 35 = 3.96, is 0.795 kW each.
        assert power.mean() == pytest.approx(0.795, rel=0.15)
        drawn = record["grid/slack_power_kw"][:] - record["grid/losses_kw"][:]
        houses = power.sum(1) + record["load/power_kw"][:].sum(1) + record["ev/power_kw"][:].sum(1)
        np.testing.assert_allclose(drawn, houses, atol=1e-4)


def test_source_and_built_fmu_give_the_same(heat_pump: Path, make: Build) -> None:
    source = Path(library.__file__).parent / "heat_pump.py"
    powers = []
    for file in (heat_pump, source):
        with closing(make(file, **EXCHANGE)) as model:
            steps = [model.step(60 * i, {"outdoor_k": np.array(273.15)}) for i in range(60)]
            powers.append([(float(s["power_kw"]), float(s["room_k"])) for s in steps])
    assert powers[0] == powers[1]

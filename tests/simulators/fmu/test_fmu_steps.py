"""FMUs by both versions of the standard, stepped for real; expected values in closed form."""

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gridloom.simulators.fmu.simulator import Fmu
from gridloom.simulators.model import Direction

Probe = Callable[..., Path]
Build = Callable[..., Fmu]

OWN = {
    "temperature_k": {"unit": "K"},
    "count": {"unit": "1"},
    "level": {"unit": "1"},
    "clock_s": {"unit": "s"},
    "on": {"unit": "1"},
    "was_on": {"unit": "1"},
}


def array(*values: float) -> Any:
    return np.array(values)


def test_units_come_from_the_fmu_and_signs_from_the_scenario(probe: Probe, build: Build) -> None:
    # By hand: 2 kW and -1 kW of generation-positive setpoint are -2000 W and 1000 W for the FMU,
    # 60 s of them -120 K and 60 K at 1000 J/K; it sends the power back, in kW, as generation.
    model = build(
        probe(),
        at="all",
        defines=OWN,
        receives={"power_setpoint_kw": {"name": "power", "positive": "generation"}},
        sends={
            "temperature_k": "temperature",
            "power_kw": {"name": "power_kw", "positive": "generation"},
        },
    )
    outputs = model.step(0, {"power_setpoint_kw": array(2, -1)})
    np.testing.assert_allclose(outputs["temperature_k"], [273.15 - 120, 273.15 + 60], rtol=1e-14)
    np.testing.assert_allclose(outputs["power_kw"], [2, -1], rtol=1e-14)


def test_kelvin_become_degrees_where_the_scenario_counts_in_them(
    probe: Probe, build: Build
) -> None:
    model = build(
        probe(),
        defines={"room_degc": {"unit": "degC"}},
        sends={"room_degc": "temperature"},
    )
    assert model.ports[0].shape == ()
    assert model.initial_outputs()["room_degc"].shape == ()
    np.testing.assert_allclose(model.initial_outputs()["room_degc"], 0, atol=1e-12)


def test_integers_and_truth_values_are_numbers(probe: Probe, build: Build) -> None:
    model = build(
        probe(),
        defines=OWN,
        receives={"level": "mode", "on": "enable"},
        sends={"count": "count", "was_on": "enabled"},
    )
    model.step(0, {"level": np.array(2.0000000004), "on": np.array(1.0)})
    outputs = model.step(60, {"level": np.array(4.9999999996), "on": np.array(0.0)})
    assert outputs["count"] == 7  # 2 + 5, each rounded: conversion leaves no whole numbers
    assert outputs["was_on"] == 0


def test_an_index_in_brackets_is_no_unit(probe: Probe, build: Build) -> None:
    model = build(probe(), defines=OWN, sends={"clock_s": "clock[1]"})
    assert model.step(0, {})["clock_s"] == 60


def test_what_is_not_known_stays_as_it_was(probe: Probe, build: Build) -> None:
    # The grid's voltage is NaN before its first power flow: the FMU keeps its start value.
    model = build(
        probe(),
        at="all",
        defines=OWN,
        parameters={"power": {"h1": 1000, "h2": 2000}},
        receives={"voltage_pu": {"name": "power", "scale": 0.001}, "level": "mode"},
        sends={"power_kw": "power_kw", "count": "count"},
    )
    outputs = model.step(0, {"voltage_pu": array(np.nan, 5), "level": array(np.nan, 1)})
    assert outputs["power_kw"].tolist() == [1, 5]
    assert outputs["count"].tolist() == [3, 1]
    outputs = model.step(60, {"voltage_pu": array(7, np.nan), "level": array(np.nan, np.nan)})
    assert outputs["power_kw"].tolist() == [7, 5]
    assert outputs["count"].tolist() == [6, 2]


def test_powers_are_means_over_communication_steps(probe: Probe, build: Build) -> None:
    # The clock at the ends of six parts of 10 s: mean 35 s; a point signal is the last, 60 s.
    model = build(
        probe(),
        communication_step="10s",
        defines=OWN,
        sends={"clock_s": "clock[1]", "departure_s": "clock[1]"},
    )
    outputs = model.step(0, {})
    assert outputs["clock_s"] == pytest.approx(35)
    assert outputs["departure_s"] == 60
    assert model.step(60, {})["clock_s"] == pytest.approx(95)


def test_one_instance_can_have_the_variables_of_all(probe: Probe, build: Build) -> None:
    # probe.xml lets two of one instance's inputs be the houses', and their echoes too.
    model = build(
        probe(),
        at=["h2", "h1"],
        defines={"echo_w": {"unit": "W"}},
        parameters={"power_{element}": {"h1": 7, "h2": 8}},
        receives={"power_setpoint_kw": "power_{element}"},
        sends={"echo_w": "echo_{element}"},
    )
    assert model.initial_outputs()["echo_w"].tolist() == [8, 7]
    assert model.step(0, {"power_setpoint_kw": array(1, 2)})["echo_w"].tolist() == [1000, 2000]
    assert model.remarks() == ()


def test_the_fmu_is_told_of_the_run_and_of_its_end(
    probe: Probe, build: Build, tmp_path: Path
) -> None:
    journal = tmp_path / "journal.txt"
    model = build(
        probe(),
        at="all",
        defines=OWN,
        tolerance=1e-6,
        parameters={"journal": str(journal), "capacity": {"h1": 500, "h2": 2000}},
        receives={"power_setpoint_kw": "power"},
        sends={"temperature_k": "temperature"},
    )
    assert not journal.exists()  # reading a scenario runs nothing of an FMU
    outputs = model.step(0, {"power_setpoint_kw": array(1, 1)})
    np.testing.assert_allclose(outputs["temperature_k"], [273.15 + 120, 273.15 + 30], rtol=1e-14)
    model.close()
    model.close()
    setup = "setup tolerance=1e-06 start=0 stop=3600"
    life = [
        *(f"{what} heat.{house}" for house in ("h1", "h2") for what in ("begin", setup)),
        *(f"{what} heat.{house}" for house in ("h2", "h1") for what in ("terminate", "free")),
    ]
    assert journal.read_text().splitlines() == life


def test_nothing_is_left_behind(
    probe: Probe, build: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    before = Path.cwd()
    model = build(probe(), defines=OWN, sends={"clock_s": "clock[1]"})
    model.step(0, {})
    assert Path.cwd() == before  # the probe changes the working folder as it starts
    assert list(tmp_path.glob("gridloom-fmu-*"))
    model.close()
    assert not list(tmp_path.glob("gridloom-fmu-*"))


def test_the_order_of_the_connection_points_changes_no_value(heat_pump: Path, build: Build) -> None:
    def run(points: list[str]) -> dict[str, list[float]]:
        model = build(
            heat_pump,
            at=points,
            parameters={"start_temperature": {"h1": 293.0, "h2": 294.0}},
            sends={"power_kw": {"name": "power", "unit": "W"}},
        )
        steps = np.array([model.step(60 * i, {})["power_kw"] for i in range(60)])
        model.close()
        return {point: steps[:, i].tolist() for i, point in enumerate(points)}

    assert run(["h1", "h2"]) == run(["h2", "h1"])


def test_fmi_3_moves_numbers_of_every_type(rooms: Path, build: Build) -> None:
    # By hand: 100 W for 60 s at 500 J/K are 12 K, 200 W at 2000 J/K 6 K.
    model = build(
        rooms,
        at="all",
        defines=OWN,
        parameters={"capacity": {"h1": 500, "h2": 2000}, "label": "room"},
        receives={"power_setpoint_kw": "one_heat", "level": "level", "on": "active"},
        sends={"temperature_k": "one_temperature", "count": "levels", "was_on": "was_active"},
    )
    assert model.initial_outputs()["temperature_k"].tolist() == [280, 280]
    inputs = {"power_setpoint_kw": array(0.1, 0.2), "level": array(2, 3), "on": array(1, 0)}
    outputs = model.step(0, inputs)
    np.testing.assert_allclose(outputs["temperature_k"], [292, 286], rtol=1e-14)
    assert outputs["count"].tolist() == [2, 3]
    assert outputs["was_on"].tolist() == [1, 0]
    model.close()


def test_an_array_of_fmi_3_holds_all_connection_points(rooms: Path, build: Build) -> None:
    model = build(
        rooms,
        at=["h2", "h1"],
        defines=OWN,
        receives={"power_setpoint_kw": "heat"},
        sends={"temperature_k": "temperature"},
    )
    elements = model.ports[0].elements
    assert elements is not None
    assert elements.names == ("h2", "h1")
    outputs = model.step(0, {"power_setpoint_kw": array(1, 2)})
    np.testing.assert_allclose(outputs["temperature_k"], [280 + 60, 280 + 120], rtol=1e-14)


def test_fmus_in_python_leave_the_interpreter_as_it_was(rooms: Path, build: Build) -> None:
    before = list(sys.path)
    model = build(rooms, defines=OWN, sends={"temperature_k": "one_temperature"})
    model.step(0, {})
    model.close()
    assert sys.path == before
    assert "fmi3_probe" not in sys.modules


def test_ports_say_what_is_exchanged_and_where(probe: Probe, build: Build) -> None:
    model = build(
        probe(),
        at="h2",
        kind="heat_pump",
        receives={"power_setpoint_kw": "power"},
        sends={"power_kw": "power_kw"},
    )
    received, sent = model.ports
    assert (received.name, received.direction) == ("power_setpoint_kw", Direction.INPUT)
    assert (sent.name, sent.direction) == ("power_kw", Direction.OUTPUT)
    assert sent.elements is not None
    assert (sent.elements.kind, sent.elements.connection_points) == ("heat_pump", ("h2",))

"""What is wrong with an FMU, or what a scenario wants of it, is told before anything of it runs."""

import re
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gridloom.simulators.errors import Problem, ScenarioError
from gridloom.simulators.fmu import python_source
from gridloom.simulators.fmu.simulator import Fmu

Probe = Callable[..., Path]
Build = Callable[..., Fmu]

SENDS = {"sends": {"power_kw": "power_kw"}}


def problems_of(build: Build, file: Path, **keys: Any) -> tuple[Problem, ...]:
    with pytest.raises(ScenarioError) as caught:
        build(file, **{**SENDS, **keys})
    return caught.value.problems


def problem_of(build: Build, file: Path, **keys: Any) -> Problem:
    (problem,) = problems_of(build, file, **keys)
    return problem


def test_a_file_that_is_no_archive(build: Build, tmp_path: Path) -> None:
    path = tmp_path / "pump.fmu"
    path.write_text("no archive")
    problem = problem_of(build, path)
    assert problem.key == ("file",)
    assert problem.message == "'pump.fmu' is no FMU: it is no ZIP archive"


def test_an_archive_that_is_no_fmu(build: Build, tmp_path: Path) -> None:
    path = tmp_path / "pump.fmu"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "no FMU")
    assert problem_of(build, path).message.endswith("it holds no modelDescription.xml")


def test_a_file_that_is_not_there(build: Build, tmp_path: Path) -> None:
    problem = problem_of(build, tmp_path / "pump.fmu")
    assert problem.key == ("file",)
    assert "does not exist" in problem.message


def test_a_description_that_is_no_xml(build: Build, probe: Probe) -> None:
    problem = problem_of(build, probe({"</fmiModelDescription>": ""}))
    assert problem.message.startswith("the modelDescription.xml of 'probe.fmu' cannot be read")


def test_a_description_that_departs_from_the_standard_is_remarked(
    build: Build, probe: Probe
) -> None:
    model = build(probe({'<Unit name="kW"/>': ""}), **SENDS)
    (remark,) = model.remarks()
    assert 'unit "kW"' in remark


def test_an_older_version_of_the_standard(build: Build, probe: Probe) -> None:
    problem = problem_of(build, probe({'fmiVersion="2.0"': 'fmiVersion="4.0"'}))
    assert "4.0" in problem.message
    assert problem.expected == "an FMU for co-simulation, by FMI 2.0 or 3.0"


def test_an_fmu_without_a_solver(build: Build, probe: Probe) -> None:
    path = probe(
        {
            '<CoSimulation modelIdentifier="probe" canHandleVariableCommunicationStepSize="true"/>'
            "": '<ModelExchange modelIdentifier="probe"/>'
        }
    )
    problem = problem_of(build, path)
    assert "model exchange" in problem.message
    assert problem.suggestion == "export it for co-simulation"


def test_an_fmu_for_another_platform(build: Build, probe: Probe) -> None:
    import fmpy

    problem = problem_of(build, probe(folder="amiga68k"))
    assert problem.message.endswith(f"this platform, {fmpy.platform}; it has amiga68k")


def test_an_unknown_variable(build: Build, probe: Probe) -> None:
    problem = problem_of(build, probe(), sends={"power_kw": "power_kv"})
    assert problem.key == ("sends", "power_kw")
    assert problem.message == "the FMU has no variable 'power_kv'"
    assert problem.suggestion == "did you mean 'power_kw'?"


def test_all_problems_are_told_at_once(build: Build, probe: Probe) -> None:
    problems = problems_of(
        build,
        probe(),
        receives={"power_setpoint_kw": "temperature", "voltage_pu": "volts"},
        sends={"power_kw": "power", "powr_kw": "power_kw"},
    )
    assert {problem.key for problem in problems} == {
        ("receives", "power_setpoint_kw"),
        ("receives", "voltage_pu"),
        ("sends", "power_kw"),
        ("sends", "powr_kw"),
    }


@pytest.mark.parametrize(
    ("way", "variable", "said"),
    [
        ("sends", "power", "'power' is an input, not an output"),
        ("sends", "capacity", "'capacity' is a fixed parameter, not an output"),
        ("receives", "temperature", "'temperature' is an output, not an input"),
        ("receives", "capacity", "'capacity' is a fixed parameter, not an input"),
        ("receives", "echo_h1", "'echo_h1' is a local variable, not an input"),
        ("receives", "journal", "'journal' is of type String, which is no number"),
    ],
)
def test_a_variable_of_another_use(
    build: Build, probe: Probe, way: str, variable: str, said: str
) -> None:
    keys = {way: {"power_kw": {"name": variable, "scale": 1}}}
    assert problem_of(build, probe(), **keys).message == said


def test_a_tunable_parameter_can_be_received(build: Build, probe: Probe) -> None:
    build(probe(), defines={"gain": {"unit": "1"}}, receives={"gain": "gain"})


@pytest.mark.parametrize(
    ("unit", "said"),
    [
        ("MW", "unit 'MW' contradicts the FMU, which declares 'kW'"),
        ("K", "unit 'K' contradicts the FMU, which declares 'kW'"),
    ],
)
def test_a_unit_that_is_not_the_fmus(build: Build, probe: Probe, unit: str, said: str) -> None:
    problem = problem_of(build, probe(), sends={"power_kw": {"name": "power_kw", "unit": unit}})
    assert (problem.key, problem.message) == (("sends", "power_kw"), said)


def test_a_declared_unit_of_something_else(build: Build, probe: Probe) -> None:
    problem = problem_of(build, probe(), sends={"power_kw": "temperature"})
    assert problem.message == "'K' is a unit of temperature, 'kW' one of active power"


def test_the_same_unit_in_other_letters_is_no_contradiction(build: Build, probe: Probe) -> None:
    path = probe({'<Unit name="K"/>': '<Unit name="degC"/>', 'unit="K" start': 'unit="degC" start'})
    room = {"room_k": {"name": "temperature", "unit": "°C"}}
    model = build(path, defines={"room_k": {"unit": "K"}}, sends=room)
    assert model.initial_outputs()["room_k"] == pytest.approx(273.15 + 273.15)


def test_one_variable_for_two_signals(build: Build, probe: Probe) -> None:
    problem = problem_of(
        build, probe(), receives={"power_setpoint_kw": "power", "power_kw": "power"}
    )
    assert problem.message == "'power' already receives power_setpoint_kw"


def test_one_variable_for_two_elements(build: Build, probe: Probe) -> None:
    """Two names, one variable: both have the value reference 0."""
    path = probe({'"power_h2" valueReference="11"': '"power_h2" valueReference="0"'})
    keys = {"at": "all", "sends": {}, "receives": {"power_setpoint_kw": "power_{element}"}}
    problem = problem_of(build, path, **keys)
    assert problem.key == ("receives", "power_setpoint_kw")
    assert problem.message == "'power_h2' already receives power_setpoint_kw"


def test_one_variable_for_the_second_element_of_two_signals(build: Build, probe: Probe) -> None:
    path = probe(
        {
            '"echo_h1" valueReference="0"': '"echo_h1" valueReference="20" causality="input"',
            '"echo_h2" valueReference="11"': '"echo_h2" valueReference="11" causality="input"',
        }
    )
    receives = {"power_setpoint_kw": "power_{element}", "power_kw": "echo_{element}"}
    problem = problem_of(build, path, at="all", sends={}, receives=receives)
    assert problem.key == ("receives", "power_kw")
    assert problem.message == "'echo_h2' already receives power_setpoint_kw"


def test_a_kind_of_elements(build: Build, probe: Probe) -> None:
    problem = problem_of(build, probe(), sends={"power_kw": {"name": "power_kw", "of": "tank"}})
    assert problem.key == ("sends", "power_kw", "of")
    assert "'of' means nothing for an FMU" in problem.message


def test_names_by_connection_point_need_connection_points(build: Build, probe: Probe) -> None:
    problem = problem_of(
        build, probe(), receives={"power_setpoint_kw": "power_{element}"}, sends={}
    )
    assert problem.suggestion == "give 'at'"


def test_names_by_connection_point_for_some_signals_only(build: Build, probe: Probe) -> None:
    problem = problem_of(
        build, probe(), at="all", receives={"power_setpoint_kw": "power_{element}"}
    )
    assert problem.key == ("sends", "power_kw")
    assert "{element}" in problem.expected


def test_an_array_of_another_length(build: Build, rooms: Path) -> None:
    problem = problem_of(build, rooms, at="h1", receives={"power_setpoint_kw": "heat"}, sends={})
    assert problem.message.endswith("2 values, one a connection point, but 'at' names 1")


def test_an_fmu_that_allows_one_instance(build: Build, probe: Probe) -> None:
    path = probe({'Size="true"/>': 'Size="true" canBeInstantiatedOnlyOncePerProcess="true"/>'})
    problem = problem_of(build, path, at="all")
    assert problem.key == ("at",)
    assert "{element}" in problem.expected
    assert "placement: process" in problem.suggestion
    build(path, at="h1", **SENDS)
    build(path, at="all", receives={"power_setpoint_kw": "power_{element}"})


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("capacty", 1, "the FMU has no variable 'capacty'"),
        ("capacity", "big", "'capacity' is of type Real, not 'big'"),
        ("capacity", True, "'capacity' is of type Real, not True"),
        ("capacity", 0.5, "0.5 is out of bounds for 'capacity'"),
        ("fault", 1.5, "'fault' is of type Integer, not 1.5"),
        ("enable", 1, "'enable' is of type Boolean, not 1"),
        ("journal", 1, "'journal' is of type String, not 1"),
        ("power_kw", 1, "'power_kw' cannot be given: it is a continuous output"),
        ("capacity", {"h1": 1, "h3": 2}, "none is at h3"),
        ("capacity", {"h1": 1}, "nothing for h2"),
    ],
)
def test_a_parameter_that_does_not_fit(
    build: Build, probe: Probe, name: str, value: Any, said: str
) -> None:
    problem = problem_of(build, probe(), at="all", parameters={name: value})
    assert (problem.key, problem.message) == (("parameters", name), said)


def test_a_parameter_by_connection_point_for_a_model_as_a_whole(build: Build, probe: Probe) -> None:
    problem = problem_of(build, probe(), parameters={"capacity": {"h1": 1}})
    assert problem.message == "none is at h1"


def test_a_communication_step_that_does_not_divide_the_step(build: Build, probe: Probe) -> None:
    problem = problem_of(build, probe(), communication_step="7s")
    assert problem.key == ("communication_step",)
    assert "7s does not divide the step of 1min" in problem.message


def test_nothing_exchanged(build: Build, probe: Probe) -> None:
    with pytest.raises(ValueError, match="at least one of the keys sends, receives"):
        build(probe(), sends={})


def test_without_fmpy(build: Build, probe: Probe, monkeypatch: pytest.MonkeyPatch) -> None:
    path = probe()
    monkeypatch.setitem(sys.modules, "fmpy", None)
    problem = problem_of(build, path)
    assert problem.suggestion == "pip install 'gridloom[fmi]'"


def test_without_pythonfmu(build: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "pump.py"
    path.write_text("import pythonfmu\n")
    monkeypatch.setattr(python_source, "find_spec", lambda name: None)
    problem = problem_of(build, path)
    assert "gridloom[fmi]" in problem.suggestion


def test_a_source_without_an_fmu(build: Build, tmp_path: Path) -> None:
    pytest.importorskip("pythonfmu")
    path = tmp_path / "pump.py"
    path.write_text("import pythonfmu\n")
    problem = problem_of(build, path)
    assert problem.key == ("file",)
    assert re.search(r"cannot build 'pump.py': .*No child class of Fmi2Slave", problem.message)
    assert not list(tmp_path.glob("__pycache__"))

"""Look-up of the classes that `type:` names."""

import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from gridloom.scenarios import types
from gridloom.scenarios.reader import read_scenario
from gridloom.scenarios.types import KINDS, find_type, known_types
from gridloom.simulators.errors import Problem, ScenarioError

CONFIG = "from gridloom.simulators.quantities import ModelConfig\n"
MODEL = CONFIG + "class Mine:\n    class Config(ModelConfig):\n        x: int = 0\n"


def refused(name: str, *folders: Path) -> Problem:
    with pytest.raises(ScenarioError) as caught:
        find_type("simulators", name, folders)
    (problem,) = caught.value.problems
    assert problem.key == ("type",)
    return problem


@pytest.fixture(autouse=True)
def clean_imports() -> Iterator[None]:
    before, path = set(sys.modules), list(sys.path)
    yield
    assert sys.path == path
    for name in set(sys.modules) - before:
        del sys.modules[name]


def test_declared_types_are_known() -> None:
    assert {"ev_fleet", "grid", "imbalance_market", "load", "pv"} <= set(known_types("simulators"))
    transactive = {"energy_market", "flexible_load", "generator", "storage", "wind"}
    assert transactive <= set(known_types("simulators"))
    agents = {"ev_agent", "generator_agent", "inflexible_agent", "storage_agent"}
    assert {"basic", "mcu"} | agents <= set(known_types("controllers"))


@pytest.mark.parametrize(("kind", "name"), [(k, name) for k in KINDS for name in known_types(k)])
def test_every_declared_type_can_be_found(kind: types.Kind, name: str) -> None:
    assert "type" in find_type(kind, name).Config.model_fields


def test_unknown_type_names_the_nearest_and_all() -> None:
    problem = refused("ev_flet")
    assert problem.suggestion == "did you mean 'ev_fleet'?"
    shipped = (
        "energy_market, ev_fleet, external, external_grid, flexible_load, fmu, generator, grid"
    )
    assert shipped in problem.expected
    assert refused("basic").suggestion == "'basic' belongs under 'controllers:'"


def test_module_beside_the_scenario_is_found_first(tmp_path: Path) -> None:
    (tmp_path / "types_beside.py").write_text(MODEL, encoding="utf-8")
    found = find_type("simulators", "types_beside:Mine", [tmp_path])
    assert found is find_type("simulators", "types_beside:Mine")
    assert sys.modules["types_beside"].__file__ == str(tmp_path / "types_beside.py")


def test_scenario_finds_the_module_in_its_own_folder(tmp_path: Path) -> None:
    (tmp_path / "types_own.py").write_text(MODEL, encoding="utf-8")
    (tmp_path / "case.yaml").write_text(
        "name: case\nstart: 2021-03-24T16:00:00Z\nduration: 1h\n"
        "simulators: {m: {type: 'types_own:Mine', x: 4}}\n",
        encoding="utf-8",
    )
    scenario = read_scenario(tmp_path / "case.yaml").scenario()
    resolved = scenario.resolved()["simulators"]["m"]
    assert (resolved["type"], resolved["step_size"], resolved["x"]) == ("types_own:Mine", "1s", 4)


def test_second_module_of_the_same_name_is_refused(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "types_twice.py").write_text(MODEL, encoding="utf-8")
    find_type("simulators", "types_twice:Mine", [tmp_path / "a"])
    problem = refused("types_twice:Mine", tmp_path / "b")
    assert "another module 'types_twice' is loaded already" in problem.message


@pytest.mark.parametrize(
    ("source", "name", "message", "hint"),
    [
        (MODEL, "types_bad:Mien", "has no class 'Mien'", "did you mean 'Mine'?"),
        (MODEL, "types_bad:ModelConfig", "is no model: it lacks a class 'Config'", ""),
        ("x = 3\n", "types_bad:x", "is no model", ""),
        ("import absent_library\n", "types_bad:X", "No module named 'absent_library'", "installed"),
        ("1 / 0\n", "types_bad:X", "ZeroDivisionError: division by zero", ""),
        ("def f(:\n", "types_bad:X", "SyntaxError", ""),
        ("", "absent_module:X", "No module named 'absent_module'", "beside the scenario file"),
        ("", "../evil:X", "'../evil' is no name of a module", ""),
        ("", ":X", "'' is no name of a module", ""),
    ],
)
def test_unusable_class_is_explained(
    tmp_path: Path, source: str, name: str, message: str, hint: str
) -> None:
    (tmp_path / "types_bad.py").write_text(source, encoding="utf-8")
    problem = refused(name, tmp_path)
    assert message in problem.message
    assert hint in problem.suggestion


def test_plug_in_that_cannot_be_imported_names_the_cause(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = EntryPoint("broken", "absent_plug_in:Model", "gridloom.simulators")
    monkeypatch.setattr(types, "known_types", lambda kind: {"broken": broken})
    problem = refused("broken")
    assert "'broken' cannot be imported from absent_plug_in:Model" in problem.message
    assert "No module named 'absent_plug_in'" in problem.message

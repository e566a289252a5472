"""Skeletons work as they are written: their tests pass, their code is clean, nothing is lost."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest

from gridloom.scenarios.skeletons import write_skeleton
from gridloom.simulators.errors import ScenarioError

Command: TypeAlias = Callable[..., tuple[int, str, str]]
REPOSITORY = Path(__file__).resolve().parents[2]


def own_tests(folder: Path) -> str:
    """Run the tests in a folder as its user would; return what pytest says last."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()[-1]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "passed"), [("simulator", "4 passed"), ("controller", "2 passed")]
)
def test_its_own_tests_pass(tmp_path: Path, kind: str, passed: str) -> None:
    write_skeleton(kind, "my_own_thing", folder=tmp_path)
    assert passed in own_tests(tmp_path)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("java") is None, reason="there is no java")
def test_the_own_tests_of_a_simulator_in_java_pass(tmp_path: Path) -> None:
    """Among them the conformance kit, all of it."""
    write_skeleton("simulator", "my_own_thing", language="java", folder=tmp_path)
    assert "2 passed" in own_tests(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["simulator", "controller", "java"])
def test_its_code_is_clean(tmp_path: Path, kind: str) -> None:
    """By ruff's rules for names, imports, bugs, documentation and types, and by strict mypy."""
    language = "java" if kind == "java" else "python"
    name = "my_own_thing"
    write_skeleton(kind.replace("java", "simulator"), name, language=language, folder=tmp_path)
    checks = [
        ["ruff", "check", "--isolated", "--line-length=100", "--select=E,W,F,I,B,UP,N,ANN,SIM,RUF"],
        ["ruff", "format", "--isolated", "--line-length=100", "--check"],
        ["mypy", "--strict", "--explicit-package-bases", "--follow-imports=silent"],
    ]
    for check in checks:
        if shutil.which(check[0], path=str(Path(sys.executable).parent)) is None:
            pytest.skip(f"{check[0]} is not installed")
        files = [str(path) for path in tmp_path.glob("*.py")]
        done = subprocess.run(
            [sys.executable, "-m", *check, *files],
            cwd=tmp_path,
            env={**os.environ, "MYPYPATH": os.pathsep.join([str(tmp_path), str(REPOSITORY)])},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_scenario_is_valid_as_it_is(gridloom: Command, tmp_path: Path) -> None:
    code, out, _ = gridloom("new", "scenario", "my_street", "--out", str(tmp_path))
    assert (code, out.strip()) == (0, str(tmp_path / "my_street.yaml"))
    code, out, _ = gridloom("validate", str(tmp_path / "my_street.yaml"), "--build")
    assert code == 0
    assert "all-charge-at-4-kw" in out


@pytest.mark.parametrize("kind", ["simulator", "controller"])
def test_the_scenario_of_a_skeleton_is_valid(tmp_path: Path, kind: str) -> None:
    """In a process of its own: the module of the skeleton is imported."""
    write_skeleton(kind, "my_own_thing", folder=tmp_path)
    command = [sys.executable, "-m", "gridloom.scenarios.cli", "validate", "my_own_thing.yaml"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("my_own_thing: valid")


def test_every_file_is_named_and_filled_in(tmp_path: Path) -> None:
    paths = write_skeleton("simulator", "heat_pump", folder=tmp_path / "new" / "folder")
    assert [path.name for path in paths] == [
        "heat_pump.md",
        "heat_pump.py",
        "heat_pump.yaml",
        "test_heat_pump.py",
    ]
    for path in paths:
        text = path.read_text()
        assert "$" not in text
        assert "heat_pump" in text
    assert "class HeatPump(Model)" in paths[1].read_text()


def test_skeletons_fit_into_one_folder(tmp_path: Path) -> None:
    """As the commands of docs/extending.md stand below one another."""
    write_skeleton("simulator", "heat_pump", folder=tmp_path)
    write_skeleton("controller", "peak_shaving", folder=tmp_path)
    write_skeleton("scenario", "my_street", folder=tmp_path)
    assert len(list(tmp_path.iterdir())) == 9


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    kept = tmp_path / "heat_pump.yaml"
    kept.write_text("mine")
    with pytest.raises(ScenarioError, match=r"heat_pump\.yaml' exists already"):
        write_skeleton("simulator", "heat_pump", folder=tmp_path)
    assert kept.read_text() == "mine"
    assert list(tmp_path.iterdir()) == [kept]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("simulator", "Heat-Pump"), "'heat_pump' would do"),
        (("simulator", "HeatPump"), "'heat_pump' would do"),
        (("simulator", "2nd street"), "'nd_street' would do"),
        (("simulator", "class"), "'my_class' would do"),
        (("simulator", "random"), "'my_random' would do"),
        (("simulator", "x" * 31), "at most 30"),
        (("simulator", "../evil"), "'evil' would do"),
        (("simulater", "x"), "did you mean 'simulator'?"),
        (("simulator", "x", "--language", "jav"), "did you mean 'java'?"),
        (("controller", "x", "--language", "java"), "there is no controller in java"),
    ],
)
def test_bad_names_are_refused_with_a_better_one(
    gridloom: Command, tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    code, _, err = gridloom("new", *arguments)
    assert code == 2
    assert words in err
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_made(gridloom: Command, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    code, _, err = gridloom("new", "scenario", "my_street", "--out", str(tmp_path / "file"))
    assert code == 2
    assert "cannot be written" in err


def test_the_commands_in_a_readme_exist(tmp_path: Path) -> None:
    from gridloom.scenarios.cli import app

    known = {c.name or c.callback.__name__ for c in app.registered_commands if c.callback}
    for kind, language in (
        ("simulator", "python"),
        ("simulator", "java"),
        ("controller", "python"),
    ):
        folder = tmp_path / f"{kind}-{language}"
        write_skeleton(kind, "thing", language=language, folder=folder)
        shown = set(
            re.findall(r"^    gridloom (\w+)", (folder / "thing.md").read_text(), re.MULTILINE)
        )
        assert shown
        assert shown <= known

"""The command line as a new user meets it: help, mistakes, exit codes."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest

Command: TypeAlias = Callable[..., tuple[int, str, str]]

TINY = """
name: tiny
start: 2021-06-21T17:00:00+02:00
duration: 2min
step_size: 1min
simulators:
  grid: {type: grid, network: {name: simple_four_bus_system}}
  load: {type: load, profile: {constant_kw: 1}}
"""


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.yaml"
    path.write_text(TINY)
    return path


@pytest.mark.parametrize(
    "command", [[], ["run"], ["validate"], ["describe"], ["list"], ["schema"], ["report"]]
)
def test_every_command_explains_itself(gridloom: Command, command: list[str]) -> None:
    code, out, _ = gridloom(*command, "--help")
    assert code == 0
    assert "Usage" in out


def test_help_imports_nothing_heavy() -> None:
    """`--help` must answer at once: the slow libraries come only with the work."""
    heavy = {"pandapower", "pandas", "xarray", "matplotlib", "mosaik", "numpy", "h5py", "pydantic"}
    script = (
        "import sys; sys.argv = ['gridloom', '--help']\n"
        "from gridloom.scenarios.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        f"print('loaded:', sorted(set(sys.modules) & {heavy!r}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "loaded: []"


def test_version(gridloom: Command) -> None:
    code, out, _ = gridloom("--version")
    assert (code, out.split()[0]) == (0, "gridloom")


def test_run_prints_kpis_and_where_the_files_are(gridloom: Command, tiny: Path) -> None:
    code, out, err = gridloom("run", "tiny.yaml")
    assert (code, err) == (0, "")
    assert "highest line loading" in out
    (folder,) = (tiny.parent / "outputs").iterdir()
    assert f"outputs/{folder.name}/report.html" in out


def test_a_second_run_says_that_it_shows_the_first(gridloom: Command, tiny: Path) -> None:
    gridloom("run", str(tiny))
    _, out, _ = gridloom("run", str(tiny))
    assert "complete before" in out


def test_report_is_written_anew(gridloom: Command, tiny: Path) -> None:
    gridloom("run", str(tiny))
    (folder,) = (tiny.parent / "outputs").iterdir()
    (folder / "report.html").unlink()
    code, out, _ = gridloom("report", str(folder))
    assert code == 0
    assert (folder / "report.html").stat().st_size > 1000
    assert out.strip() == str(folder / "report.html")


def test_describe_shows_couplings_and_repairs(gridloom: Command) -> None:
    code, out, _ = gridloom("describe", "ademis-2021")
    assert code == 0
    assert "closes a loop" in out
    assert "sessions_plugged_in" in out
    assert "57.16 MVA" in " ".join(out.split())


def test_list_names_scenarios_and_types(gridloom: Command) -> None:
    code, out, _ = gridloom("list")
    assert code == 0
    for name in ("ademis-2021", "district", "quickstart", "simbench-rural", "ev_fleet", "basic"):
        assert name in out


def test_schema_is_json(gridloom: Command) -> None:
    code, out, _ = gridloom("schema")
    assert code == 0
    assert "simulators" in json.loads(out)["properties"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("constant_kw: 1", "constant_kW: 1"), "constant_kw"),
        (("constant_kw: 1", "constant_kw: 1 kW"), "a number"),
        (("constant_kw: 1", "file: houses.csv"), "houses.csv"),
        (("duration: 2min", "duration: 2"), "15min"),
        (("duration: 2min", "duration: -2min"), "duration"),
        (("+02:00", ""), "time zone"),
        (("simple_four_bus_system", "simple_for_bus_system"), "simple_four_bus_system"),
        (("type: load", "type: lode"), "load"),
        (("simulators:", "simulator:"), "simulators"),
        (("  load:", "  grid:"), "grid"),
        ((TINY, ""), "empty"),
    ],
    ids=[
        "misspelt key",
        "unit in the value",
        "missing file",
        "duration without unit",
        "negative duration",
        "naive time",
        "misspelt network",
        "misspelt type",
        "misspelt section",
        "duplicate name",
        "empty file",
    ],
)
def test_bad_input_is_one_clear_error(
    gridloom: Command, tiny: Path, change: tuple[str, str], told: str
) -> None:
    tiny.write_text(TINY.replace(*change))
    code, out, err = gridloom("run", str(tiny))
    assert code == 2
    assert out == ""
    assert err.startswith("error: ")
    assert told in err
    assert "tiny.yaml:" in err
    assert "Traceback" not in err
    assert not (tiny.parent / "outputs").exists()


def test_a_scenario_that_does_not_exist(gridloom: Command) -> None:
    code, _, err = gridloom("run", "quikstart")
    assert code == 2
    assert "quickstart" in err


def test_a_wrong_option_is_bad_input(gridloom: Command) -> None:
    code, _, err = gridloom("run", "quickstart", "--frce")
    assert code == 2
    assert "--force" in err


def test_a_report_of_something_else(gridloom: Command, tiny: Path) -> None:
    code, _, err = gridloom("report", str(tiny))
    assert code in {2, 3}
    assert "tiny.yaml" in err
    assert "Traceback" not in err


def test_a_fault_of_a_simulation_has_its_own_exit_code(gridloom: Command, tiny: Path) -> None:
    tiny.write_text(TINY.replace("constant_kw: 1", "constant_kw: 90000"))
    code, _, err = gridloom("run", str(tiny))
    assert code == 3
    assert "'grid'" in err
    assert "at simulation time 0 s" in err


def test_validate_reads_the_file_only_unless_told_to_build(gridloom: Command, tiny: Path) -> None:
    tiny.write_text(TINY.replace("constant_kw: 1", "file: houses.csv"))
    assert gridloom("validate", str(tiny))[0] == 0
    code, _, err = gridloom("validate", "--build", str(tiny))
    assert code == 2
    assert "houses.csv" in err

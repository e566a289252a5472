"""What a command imports: the start of a short run is imports."""

import subprocess
import sys
from pathlib import Path

import pytest

from gridloom.scenarios.composition import compose
from gridloom.scenarios.reader import read_scenario

NEVER = {"pandapower", "pyomo", "simbench", "power_grid_model_io"}
ONLY_FOR_RESULTS = {"pandas", "xarray", "matplotlib", "numba", "scipy", "highspy", "jinja2"}
ONLY_FOR_BATCHES = {"distributed", "dask", "psutil", "pyarrow"}


@pytest.fixture(scope="module", autouse=True)
def _cached_network() -> None:
    """Read the network once: every test finds it in the cache of the session."""
    document = read_scenario("quickstart")
    compose(document, document.scenario())


def loaded(folder: Path, *command: str) -> set[str]:
    """Return the modules that a command imports, run in a process of its own."""
    script = (
        "import sys; from gridloom.scenarios.cli import main\n"
        f"sys.argv = {['gridloom', *command]!r}\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        "print(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=folder, capture_output=True, text=True, check=True
    )
    return set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize(
    "command",
    [["--help"], ["validate", "quickstart"], ["describe", "quickstart"]],
    ids=lambda command: command[0],
)
def test_what_only_looks_at_a_scenario_imports_nothing_heavy(
    command: list[str], tmp_path: Path
) -> None:
    assert (NEVER | ONLY_FOR_RESULTS | ONLY_FOR_BATCHES) & loaded(tmp_path, *command) == set()


def test_validating_imports_neither_mosaik_nor_an_engine(tmp_path: Path) -> None:
    modules = loaded(tmp_path, "validate", "quickstart")
    assert {"mosaik", "h5py", "power_grid_model"} & modules == set()


def test_a_run_of_a_cached_network_imports_no_converter(tmp_path: Path) -> None:
    modules = loaded(tmp_path, "run", "quickstart", "--set", "duration=2min")
    assert NEVER & modules == set()
    assert "xarray" in modules  # the test sees what is imported
    assert {"highspy", "matplotlib.pyplot", "gridloom.scenarios.bounds"} & modules == set()

"""`gridloom check` as a simulator's author meets it: verdicts, hints, exit codes, a file."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest

Command: TypeAlias = Callable[..., tuple[int, str, str]]

SIMULATOR = """
import asyncio, sys
import mosaik_api_v3

META = {"api_version": "3.0", "type": "time-based", "models": {
    "House": {"public": True, "params": ["mean"], "attrs": ["P[W]"]}}}

class Houses(mosaik_api_v3.Simulator):
    def __init__(self):
        super().__init__(META)

    def init(self, sid, time_resolution=1.0, *, step_size=60):
        self.step_size = step_size
        return self.meta

    def create(self, num, model, mean=500.0):
        if model != "House":
            raise ValueError(model)
        self.count = getattr(self, "count", 0) + num
        self.mean = mean
        return [{"eid": f"h{self.count - i}", "type": model} for i in range(num)]

    def step(self, time, inputs, max_advance):
        return time + BROKEN

    def get_data(self, outputs):
        return {eid: {a: {"P[W]": self.mean}[a] for a in wanted} for eid, wanted in outputs.items()}

host, _, port = sys.argv[1].rpartition(":")
asyncio.run(mosaik_api_v3.run_as_client(Houses(), host, int(port)))
"""


@pytest.fixture
def simulator(tmp_path: Path) -> Callable[[str], str]:
    """Return a function that returns the command of a simulator with a given time step."""

    def command(step: str) -> str:
        path = tmp_path / "houses.py"
        path.write_text(SIMULATOR.replace("BROKEN", step))
        return f"{sys.executable} {path} {{address}}"

    return command


def test_a_good_simulator(
    gridloom: Command, simulator: Callable[[str], str], tmp_path: Path
) -> None:
    code, out, err = gridloom(
        "check",
        simulator("self.step_size"),
        *("--role", "load", "--steps", "3", "--set", "step_size=900"),
        *("--create", '{"mean": 700}', "--json", "report.json"),
    )
    assert (code, err) == (0, "")
    assert "0 failed" in out
    assert "step_size: 15min" in out
    assert 'power_kw: "P[W]"' in out
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["passed"] is True
    assert report["counts"]["failed"] == 0


def test_a_failing_check_ends_with_exit_code_3(
    gridloom: Command, simulator: Callable[[str], str]
) -> None:
    code, out, _ = gridloom("check", simulator("0"), "--steps", "2")
    assert code == 3
    assert "step.next" in out
    assert "FAIL" in out
    assert "hint: return the time of the next step" in out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["python sim.py"], "does not say where the address goes"),
        (["a:B", "--role", "pvs"], "did you mean 'pv'?"),
        (["a:B", "--parameters", "{"], "this is no JSON"),
        (["a:B", "--create", "[1]"], "is no object"),
        (["a:B", "--set", "start"], "is no setting"),
        (["a:B", "--step-timeout", "5"], "expected a duration with its unit"),
    ],
)
def test_bad_arguments_end_with_exit_code_2(
    gridloom: Command, arguments: list[str], words: str
) -> None:
    code, _, err = gridloom("check", *arguments)
    assert code == 2
    assert words in err


@pytest.mark.slow
@pytest.mark.parametrize("model", ["pv", "load", "grid", "ev"])
def test_what_gridloom_serves_keeps_to_the_api(gridloom: Command, model: str) -> None:
    command = [sys.executable, "-m", "gridloom.scenarios.cli", "serve", model]
    with subprocess.Popen(
        [*command, "--port", "0", "--scenario", "quickstart"], stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        address = server.stdout.readline().split()[-1]
        code, out, _ = gridloom("check", address, "--steps", "3")
        server.kill()
    assert code == 0, out

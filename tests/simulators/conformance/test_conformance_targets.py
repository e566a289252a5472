"""What is to be checked is known by its form, and by all ways in the same is found."""

import re
import subprocess
import sys
import textwrap
from pathlib import Path
from types import ModuleType

import pytest

from gridloom.simulators.conformance import CheckOptions, Outcome, check
from gridloom.simulators.conformance.target import (
    AddressTarget,
    CommandTarget,
    PythonTarget,
    parse_target,
)
from gridloom.simulators.errors import ScenarioError
from gridloom.simulators.external.config import ExternalConfig
from gridloom.simulators.quantities import Address

SERVER = """
import asyncio, sys
from mosaik_api_v3 import run_as_server
from specimens import Boiler

async def main():
    while True:
        try:
            await run_as_server(Boiler(), "127.0.0.1", int(sys.argv[1]))
        except ConnectionError:
            pass

async def once():
    await run_as_server(Boiler(), "127.0.0.1", int(sys.argv[1]))

asyncio.run(once() if "--once" in sys.argv else main())
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("node sim.js {address}", CommandTarget(command=("node", "sim.js", "{address}"))),
        ("sim %(addr)s", CommandTarget(command=("sim", "%(addr)s"))),
        ("'my sim' --at={address}", CommandTarget(command=("my sim", "--at={address}"))),
        ("localhost:5555", AddressTarget(address=Address(host="localhost", port=5555))),
        ("[::1]:5555", AddressTarget(address=Address(host="::1", port=5555))),
        ("mosaik_csv:CSV", PythonTarget(name="mosaik_csv:CSV")),
        ("mosaik_components.pv:PVSimulator", PythonTarget(name="mosaik_components.pv:PVSimulator")),
    ],
)
def test_the_form_says_what_it_is(text: str, expected: object) -> None:
    assert parse_target(text) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("python sim.py", "{address}"),
        ("sim.py", "neither"),
        ("sim.py:Sim.run", "neither"),
        ("sim/boiler.py:Boiler", "boiler:Boiler"),
        ("localhost:99999", "port"),
        ("", "neither"),
        ("sim '{address}", "quotation"),
    ],
)
def test_what_is_none_of_the_three_is_refused(text: str, words: str) -> None:
    with pytest.raises(ScenarioError, match=re.escape(words)):
        parse_target(text)


@pytest.mark.slow
def test_a_class_by_name_runs_in_a_process_of_its_own(specimens: ModuleType) -> None:
    report = check("specimens:Boiler", CheckOptions(steps=2))
    assert report.passed
    assert report["shutdown.exit_code"].outcome is Outcome.PASSED


def test_a_class_that_cannot_be_imported() -> None:
    report = check("no_such_module:Boiler", CheckOptions(steps=3))
    assert "no_such_module" in report["handshake.connect"].reason


@pytest.mark.parametrize("once", [False, True])
def test_a_simulator_that_listens(specimens: ModuleType, tmp_path: Path, *, once: bool) -> None:
    """One that serves a single connection is checked as far as that goes."""
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    script = tmp_path / "server.py"
    script.write_text(textwrap.dedent(SERVER))
    arguments = [sys.executable, str(script), str(port), *(["--once"] if once else [])]
    with subprocess.Popen(arguments) as server:
        report = check(f"127.0.0.1:{port}", CheckOptions(steps=3))
        server.kill()
    assert report.passed
    assert report["data.finite"].outcome is Outcome.PASSED
    assert report["shutdown.ends"].outcome is Outcome.PASSED
    assert report["shutdown.exit_code"].outcome is Outcome.NOT_APPLICABLE
    repeated = Outcome.NOT_APPLICABLE if once else Outcome.PASSED
    assert report["repeat.same_data"].outcome is repeated
    if once:
        assert "one connection" in report["repeat.same_data"].reason


def test_the_snippet_is_a_model_of_gridloom(specimens: ModuleType) -> None:
    """What is to be pasted is read by the schema that reads scenario files."""
    from ruamel.yaml import YAML

    report = check(specimens.Boiler, CheckOptions(steps=3, model="Boiler", role="load"))
    pasted = YAML(typ="safe").load(report.snippet)
    (config,) = pasted["simulators"].values()
    read = ExternalConfig.model_validate(config)
    assert read.step_size == 60
    assert read.python == "specimens:Boiler"
    assert read.sends["power_kw"].name == "P[kW]"
    assert read.receives["power_setpoint_kw"].name == "P_set[kW]"


def test_the_report_as_json(specimens: ModuleType) -> None:
    import json

    report = check(specimens.FailsLater, CheckOptions(steps=6))
    tree = json.loads(json.dumps(report.as_json()))
    assert tree["passed"] is False
    checks = {each["check"]: each for each in tree["checks"]}
    assert checks["step.answers"]["outcome"] == "failed"
    assert "out of oil" in checks["step.answers"]["reason"]

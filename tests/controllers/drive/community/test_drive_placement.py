"""The same run, to the last bit, wherever it is computed and whatever Python's hashes are."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SCRIPT = """
import hashlib, json, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from importlib.util import module_from_spec, spec_from_file_location
spec = spec_from_file_location("community_conftest", sys.argv[2])
module = module_from_spec(spec)
sys.modules[spec.name] = module
spec.loader.exec_module(module)
made = module.Community(Path(sys.argv[1]), Path(sys.argv[1]))
for scenario in json.loads(sys.argv[3]):
    found = made.run(scenario)
    print(json.dumps({name: hashlib.sha256(v.tobytes()).hexdigest() for name, v in found.items()}))
"""
TRACKING = {"tracking": 1.0, "step_size": "1min"}


def by_minutes(community: Any, **keys: Any) -> dict[str, Any]:
    """Return a scenario of an hour whose devices step every minute, batteries tracking."""
    keys |= {"duration": "1h", "horizon": "6h", "step_size": "1min"}
    scenario: dict[str, Any] = community.scenario(**keys)
    scenario["controllers"]["battery_agent"] |= TRACKING
    return scenario


def elsewhere(scenario: dict[str, Any], *names: str) -> dict[str, Any]:
    """Place controllers and simulators in processes of their own."""
    for name in names:
        kind = "controllers" if name in scenario["controllers"] else "simulators"
        scenario[kind][name]["placement"] = "process"
    return scenario


def test_fused(community: Any, plain: Any, differing: Any) -> None:
    assert differing(plain, community.run(community.scenario(fuse=True))) == []


@pytest.mark.parametrize(
    "names",
    [
        ("ev_agent", "heat_agent"),
        pytest.param(("drive", "battery", "pv_agent"), marks=pytest.mark.slow),
    ],
)
def test_in_processes_of_their_own(
    community: Any, plain: Any, differing: Any, names: tuple[str, ...]
) -> None:
    assert differing(plain, community.run(elsewhere(community.scenario(), *names))) == []


def test_another_seed_of_hashes(community: Any) -> None:
    """A perfect channel and a bad one; this process' own seed is another one every time."""
    scenarios = [
        community.scenario(duration="1h", horizon="6h", **keys)
        for keys in ({}, {"channel": {"loss": 0.2, "latency_s": 0.3}})
    ]
    here = [
        {name: hashlib.sha256(values.tobytes()).hexdigest() for name, values in found.items()}
        for found in map(community.run, scenarios)
    ]
    conftest = sys.modules[type(community).__module__].__file__
    for seed in ("0", "1"):
        finished = subprocess.run(
            [
                sys.executable,
                "-c",
                SCRIPT,
                str(community.folder),
                str(conftest),
                json.dumps(scenarios),
            ],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=False,
        )
        assert finished.returncode == 0, finished.stderr
        assert [json.loads(line) for line in finished.stdout.splitlines()] == here


@pytest.fixture(scope="module")
def tracked(
    tmp_path_factory: pytest.TempPathFactory, community_type: Any, two_feeders_file: Path
) -> dict[str, Any]:
    """An hour by minutes, neither fused nor elsewhere."""
    made = community_type(tmp_path_factory.mktemp("tracked"), two_feeders_file)
    found: dict[str, Any] = made.run(by_minutes(made))
    return found


@pytest.mark.parametrize(
    ("fuse", "names"),
    [
        (True, ()),
        (False, ("battery_agent",)),
        pytest.param(True, ("drive",), marks=pytest.mark.slow),
    ],
)
def test_tracking(
    community: Any,
    tracked: dict[str, Any],
    differing: Any,
    fuse: bool,
    names: tuple[str, ...],
) -> None:
    """Powers are measured and orders arrive the same way in a process of its own."""
    found = community.run(elsewhere(by_minutes(community, fuse=fuse), *names))
    assert differing(tracked, found) == []
    setpoints = tracked["battery_agent/power_setpoint_kw"]
    assert len(setpoints) == 60
    assert len(set(setpoints[:, 0].tolist())) > 40  # it tracks

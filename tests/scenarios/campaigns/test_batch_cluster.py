"""A campaign on the workers of an existing Dask scheduler."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gridloom.scenarios.campaigns.index import Index


@pytest.fixture
def scheduler(tmp_path: Path, wait_until: Any) -> Iterator[str]:
    """Give the address of a scheduler with one worker of two threads."""
    file = tmp_path / "scheduler.json"
    options = ["--scheduler-file", str(file)]
    module = [sys.executable, "-m", "distributed.cli"]
    local = ["--host", "127.0.0.1"]
    commands = [
        [f"{module[2]}.dask_scheduler", *options, *local, "--port", "0", "--no-dashboard"],
        [f"{module[2]}.dask_worker", *options, *local, "--nthreads", "2", "--no-dashboard"],
    ]
    processes: list[subprocess.Popen[bytes]] = []
    for command in commands:
        processes.append(
            subprocess.Popen(
                [*module[:2], *command],
                cwd=tmp_path,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        )
        assert wait_until(file.is_file)
    yield str(json.loads(file.read_text(encoding="utf-8"))["address"])
    for process in reversed(processes):
        process.terminate()
        process.wait()


def test_runs_on_a_cluster_are_those_of_this_machine(case: Any, scheduler: str) -> None:
    """Same identities and results; the scheduler and its worker go on living."""
    case.campaign({"seed": {"seeds": 3}})
    batched = case.batch("--scheduler", scheduler)
    assert batched.code == 0, batched.err
    assert "3 of 3 runs complete" in batched.out
    there = _results(case)
    case.results = case.folder / "here" / "case"
    assert case.batch("--out", "here").code == 0
    assert _results(case) == there
    assert len(there) == 3


def _results(case: Any) -> list[tuple[str, str, str, float]]:
    with Index(case.results / "index.sqlite") as index:
        return list(index.results())


def test_a_scheduler_that_is_not_there_is_told_at_once(case: Any) -> None:
    case.campaign({"seed": {"seeds": 1}})
    batched = case.batch("--scheduler", "tcp://127.0.0.1:1")
    assert batched.code == 2
    assert "no Dask scheduler answers at 'tcp://127.0.0.1:1'" in batched.err
    assert not case.results.exists()

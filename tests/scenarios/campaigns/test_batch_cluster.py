"""A campaign on the workers of an existing Dask scheduler."""

import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from gridloom.scenarios.campaigns import cluster as cluster_module
from gridloom.scenarios.campaigns.cluster import workers_of
from gridloom.scenarios.campaigns.index import Index
from gridloom.scenarios.campaigns.outcome import RunState

if TYPE_CHECKING:
    from distributed import Client


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """A scheduler with one worker of two threads."""

    address: str
    scheduler: "subprocess.Popen[bytes]"


@pytest.fixture
def cluster(tmp_path: Path, wait_until: Any) -> Iterator[Cluster]:
    """Give a cluster of processes on this machine."""
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
    address = str(json.loads(file.read_text(encoding="utf-8"))["address"])
    yield Cluster(address=address, scheduler=processes[0])
    for process in reversed(processes):
        process.terminate()
        process.wait()


def test_runs_on_a_cluster_are_those_of_this_machine(case: Any, cluster: Cluster) -> None:
    """Same identities and results, the scheduler and its worker go on living; until they do not.

    A scheduler that goes away costs no run: the batch stops and says so, nothing counts as failed,
    and the rest can be run here.
    """
    case.campaign({"seed": {"seeds": 2}})
    batched = case.batch("--scheduler", cluster.address)
    assert batched.code == 0, batched.err
    assert "2 of 2 runs complete" in batched.out
    there = _results(case)
    case.results = case.folder / "here" / "case"
    assert case.batch("--out", "here").code == 0
    assert _results(case) == there
    assert len(there) == 2

    case.results = case.folder / "lost" / "case"
    killed = f"Path({str(case.folder / 'killed')!r})"
    case.scenario(
        f"if now == 5 and list(Path({str(case.results)!r}).glob('runs/*/record.h5')):\n"
        f"    if not {killed}.exists(): {killed}.touch(); os.kill({cluster.scheduler.pid}, 9)"
    )
    case.campaign({"seed": {"seeds": 3}}, retries=0)
    stopped = case.batch("--scheduler", cluster.address, "--out", "lost")
    assert stopped.code == 1, stopped.err
    assert "the Dask scheduler is gone" in stopped.err
    assert "Traceback" not in stopped.err
    states = {run.state for run in case.runs}
    assert RunState.PENDING in states  # at least the run that did it
    assert RunState.FAILED not in states
    assert case.batch("--out", "lost").code == 0
    assert {run.attempts for run in case.runs} == {1}


def test_what_dask_has_to_say_goes_to_the_log(
    client: "Client", caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """Traces of its own included; later it speaks for itself again."""
    names = ("distributed.client", "distributed.core", "tornado.application", "asyncio")
    before = [list(logging.getLogger(name).handlers) for name in names]
    with workers_of(str(client.scheduler_info()["address"])):
        for name in names:
            logging.getLogger(name).error("says %s", name, exc_info=OSError("gone"))
            logging.getLogger(name).info("whispers %s", name)
    assert [text for text in caplog.messages if "says" in text] == [
        f"says {name}" for name in names
    ]
    assert "whispers" not in caplog.text
    assert "OSError: gone" in caplog.text
    assert capfd.readouterr().err == ""
    assert [list(logging.getLogger(name).handlers) for name in names] == before


def _results(case: Any) -> list[tuple[str, str, str, float]]:
    with Index(case.results / "index.sqlite") as index:
        return list(index.results())


def test_a_scheduler_that_is_not_there_is_told(case: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_module, "_CONNECT_S", 0.5)
    case.campaign({"seed": {"seeds": 1}})
    batched = case.batch("--scheduler", "tcp://127.0.0.1:1")
    assert batched.code == 2
    assert "no Dask scheduler answers at 'tcp://127.0.0.1:1'" in batched.err
    assert not case.results.exists()

"""Campaigns of runs that misbehave: small scenarios without a grid.

What a run does wrong is Python code in its scenario, run in its steps. Runs are always in
processes of their own. Their driver is one only where a test is about that: to start it, and Dask's
workers, takes many times as long as a run.
"""

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from gridloom.scenarios.campaigns import conduct, workplace
from gridloom.scenarios.campaigns.index import Index, IndexedRun
from gridloom.scenarios.identity import own_code

if TYPE_CHECKING:
    from distributed import Client

DEVICES = '''
"""A model of gridloom; what it does wrong comes in its configuration."""
import ctypes, os, signal, sys, time
from pathlib import Path
import numpy as np
from gridloom.simulators import errors
from gridloom.simulators.model import Direction, ElementSet, Model, Port
from gridloom.simulators.quantities import ModelConfig
from gridloom.simulators.signals import POWER

class DevicesConfig(ModelConfig):
    """Two devices."""
    step: str = ""
    build: str = ""
    rated_power_kw: float = 1.0

class Devices(Model):
    """Devices that send what is random, times their rating."""
    Config = DevicesConfig

    def __init__(self, config, context):
        super().__init__(context, config.step_size)
        self.config = config
        self.random = context.rng("power")
        elements = ElementSet(
            kind=self.name, owner=self.name, names=("a", "b"), connection_points=("a", "b")
        )
        self._ports = (Port(signal=POWER, direction=Direction.OUTPUT, elements=elements),)
        exec(config.build, globals())

    @property
    def ports(self):
        return self._ports

    def step(self, now, inputs):
        exec(self.config.step, {**globals(), "now": now, "model": self})
        return {"power_kw": self.config.rated_power_kw * self.random.random(2)}
'''
SCENARIO = """
name: misbehaving
start: 2021-06-21T17:00:00+02:00
duration: 20s
simulators:
  devices:
    type: MODULE:Devices
    step: STEP
    build: BUILD
"""
MARK = "GRIDLOOM_TEST_CAMPAIGN"
"""Environment variable by which a test finds all processes that it has caused."""
HERE = uuid.uuid4().hex
"""Its value in what batches in this process start."""
Command = Callable[..., tuple[int, str, str]]


@dataclass(frozen=True, kw_only=True)
class Batched:
    """A `gridloom batch` that has ended."""

    code: int
    out: str
    err: str


class CampaignCase:
    """One campaign in a folder of its own."""

    def __init__(self, folder: Path, call: Command) -> None:
        self.folder = folder
        self._call = call
        self.file = folder / "campaign.yaml"
        self.results = folder / "outputs" / "case"
        self._module = f"devices_{uuid.uuid4().hex}"  # this process may import several
        (folder / f"{self._module}.py").write_text(DEVICES, encoding="utf-8")
        self.scenario()
        self._started: list[subprocess.Popen[str]] = []

    def scenario(self, step: str = "", build: str = "") -> None:
        """Write the scenario that is varied.

        Args:
            step: what its model does in every step.
            build: what it does when it is built, before there is a record.
        """
        text = SCENARIO.replace("MODULE", self._module).replace("STEP", json.dumps(step))
        text = text.replace("BUILD", json.dumps(build))
        (self.folder / "misbehaving.yaml").write_text(text, encoding="utf-8")

    def campaign(self, axes: Mapping[str, Any], **keys: Any) -> None:
        """Write the campaign file."""
        content = {"name": "case", "scenario": "misbehaving.yaml", **keys, "axes": axes}
        self.file.write_text(json.dumps(content), encoding="utf-8")  # YAML includes JSON

    def batch(self, *options: str) -> Batched:
        """Run a batch to its end, with its driver in this process."""
        own_code.cache_clear()  # a driver of its own would read it anew
        code, out, err = self._call("batch", str(self.file), "--workers", "1", *options)
        return Batched(code=code, out=out, err=err)

    def begin(self, *options: str) -> "subprocess.Popen[str]":
        """Start a batch with a driver and workers of its own, on the real command line."""
        command = [sys.executable, "-m", "gridloom.scenarios.cli", "batch", str(self.file)]
        process = subprocess.Popen(
            [*command, "--workers", "1", *options],
            cwd=self.folder,
            env={
                **os.environ,
                MARK: str(self.folder),
                "PYTHONPATH": os.pathsep.join([str(self.folder), os.environ.get("PYTHONPATH", "")]),
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._started.append(process)
        return process

    def wait_for(self, driver: "subprocess.Popen[str]", condition: Callable[[], object]) -> None:
        """Wait for something that a batch does; fail with what it says if it ends without it."""
        assert _wait_until(lambda: condition() or driver.poll() is not None)
        assert condition(), driver.communicate()

    @property
    def runs(self) -> list[IndexedRun]:
        """What the books say."""
        with Index(self.results / "index.sqlite") as index:
            return list(index.runs())

    def processes(self) -> list[psutil.Process]:
        """Return all processes that this case has caused and that are still there.

        Without the servers of batches in this process, which wait for further runs.
        """
        found: list[psutil.Process] = []
        for process in psutil.process_iter():
            try:
                mark = process.environ().get(MARK)
                is_server = mark == HERE and process.ppid() == os.getpid()
                is_ours = mark in (HERE, str(self.folder)) and not is_server
                if is_ours and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except psutil.Error:
                continue
        return found

    def none_left(self, within_s: float = 60.0) -> bool:
        """Wait until no process is left."""
        return _wait_until(lambda: not self.processes(), within_s)

    def end(self) -> None:
        """Leave nothing behind, whatever a test has found."""
        for process in self.processes():
            process.send_signal(signal.SIGKILL)
        for started in self._started:
            started.communicate()


def _wait_until(condition: Callable[[], object], within_s: float = 300.0) -> bool:
    """Wait for something to become true; the limit only ends tests that fail."""
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return False


@pytest.fixture
def wait_until() -> Callable[..., bool]:
    """Give what waits for a condition."""
    return _wait_until


@pytest.fixture(scope="module")
def client() -> "Iterator[Client]":
    """Give one Dask worker, a thread of this process; its run server serves all tests of a file."""
    from distributed import Client, LocalCluster

    with pytest.MonkeyPatch.context() as patch:
        place = workplace._Workplace()
        patch.setattr(workplace, "_WORKPLACE", place)
        patch.setenv(MARK, HERE)
        with (
            LocalCluster(
                n_workers=1, threads_per_worker=1, processes=False, dashboard_address="127.0.0.1:0"
            ) as cluster,
            Client(cluster, set_as_default=False) as client,
        ):
            yield client
        for server in place._idle:
            server.close()


@pytest.fixture
def case(
    tmp_path: Path,
    gridloom: Command,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[CampaignCase]:
    """Give a campaign in a folder of its own, and end all that is left of it."""

    def own_workers(count: int) -> "nullcontext[Client]":
        assert count == 1
        return nullcontext(request.getfixturevalue("client"))

    monkeypatch.setattr(conduct, "own_workers", own_workers)
    made = CampaignCase(tmp_path, gridloom)
    yield made
    made.end()

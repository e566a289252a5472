"""Campaigns of runs that misbehave: small scenarios without a grid.

What a run does wrong is Python code in its scenario, run in its every step.
"""

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from gridloom.scenarios.campaigns.index import Index, IndexedRun

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
"""
MARK = "GRIDLOOM_TEST_CAMPAIGN"
"""Environment variable by which a test finds all processes that it has caused."""


@dataclass(frozen=True, kw_only=True)
class Batched:
    """A `gridloom batch` that has ended."""

    code: int
    out: str
    err: str


class CampaignCase:
    """One campaign in a folder of its own, on the real command line."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "campaign.yaml"
        self.results = folder / "outputs" / "case"
        self._module = f"devices_{uuid.uuid4().hex}"  # this process may import several
        (folder / f"{self._module}.py").write_text(DEVICES, encoding="utf-8")
        self.scenario()
        self._started: list[subprocess.Popen[str]] = []

    def scenario(self, step: str = "") -> None:
        """Write the scenario that is varied; ``step`` is what its model does in every step."""
        text = SCENARIO.replace("MODULE", self._module).replace("STEP", json.dumps(step))
        (self.folder / "misbehaving.yaml").write_text(text, encoding="utf-8")

    def campaign(self, axes: Mapping[str, Any], **keys: Any) -> None:
        """Write the campaign file."""
        content = {"name": "case", "scenario": "misbehaving.yaml", **keys, "axes": axes}
        self.file.write_text(json.dumps(content), encoding="utf-8")  # YAML includes JSON

    def begin(self, *options: str) -> "subprocess.Popen[str]":
        """Start a batch."""
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

    def batch(self, *options: str) -> Batched:
        """Run a batch to its end."""
        process = self.begin(*options)
        out, err = process.communicate(timeout=600)
        return Batched(code=process.returncode, out=out, err=err)

    @property
    def runs(self) -> list[IndexedRun]:
        """What the books say."""
        with Index(self.results / "index.sqlite") as index:
            return list(index.runs())

    def processes(self) -> list[psutil.Process]:
        """Return all processes that this case has caused and that are still there."""
        found: list[psutil.Process] = []
        for process in psutil.process_iter():
            try:
                if process.environ().get(MARK) == str(self.folder):
                    found.append(process)
            except psutil.Error:
                continue
        return [each for each in found if each.status() != psutil.STATUS_ZOMBIE]

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


@pytest.fixture
def case(tmp_path: Path) -> Iterator[CampaignCase]:
    """Give a campaign in a folder of its own, and end all that is left of it."""
    made = CampaignCase(tmp_path)
    yield made
    made.end()

"""Runs with simulators that misbehave: small scenarios without a grid, on the real command line.

What a simulator does wrong is Python code in the scenario, run in its every step.
"""

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

FOREIGN = '''
"""A simulator of the mosaik API; what it does wrong comes in environment variables."""
import os, signal, sys, threading, time
from pathlib import Path
import mosaik_api_v3

NAME = os.environ.get("NAME", "")

def act(when, **names):
    exec(os.environ.get(when, ""), {**globals(), **names})

class Foreign(mosaik_api_v3.Simulator):
    def __init__(self):
        attributes = ["P", "limit"]
        models = {"Device": {"public": True, "params": [], "attrs": attributes}}
        super().__init__({"type": "time-based", "models": models})

    def init(self, sid, time_resolution=1.0):
        act("INIT")
        return self.meta

    def create(self, number, model):
        return [{"eid": f"d{i}", "type": model} for i in range(number)]

    def step(self, time, inputs, max_advance):
        self.now = time
        act("STEP", now=time)
        return eval(os.environ.get("NEXT") or "now + 1", {"now": time})

    def get_data(self, wanted):
        power = os.environ.get("POWER") or "float(now)"
        return {e: {"P": eval(power, {"now": self.now, "entity": e})} for e in wanted}

    def finalize(self):
        act("FINALIZE")
        Path(NAME + ".finalized").touch()

if __name__ == "__main__":
    Path(NAME + ".pid").write_text(str(os.getpid()))
    act("START")
    sys.exit(mosaik_api_v3.start_simulation(Foreign()))
'''
OURS = '''
"""A model of gridloom; what it does wrong comes in its configuration."""
import os, signal, sys, threading, time
from pathlib import Path
import numpy as np
from gridloom.simulators import errors
from gridloom.simulators.model import Direction, ElementSet, Model, Port
from gridloom.simulators.quantities import ModelConfig
from gridloom.simulators.signals import POWER

class DevicesConfig(ModelConfig):
    """Two devices."""
    at: list[str]
    step: str = ""
    closing: str = ""

class Devices(Model):
    """Devices that send the time."""
    Config = DevicesConfig

    def __init__(self, config, context):
        super().__init__(context, config.step_size)
        self.config = config
        at = tuple(config.at)
        elements = ElementSet(kind=self.name, owner=self.name, names=at, connection_points=at)
        self._ports = (Port(signal=POWER, direction=Direction.OUTPUT, elements=elements),)

    @property
    def ports(self):
        return self._ports

    def step(self, now, inputs):
        exec(self.config.step, {**globals(), "now": now, "model": self})
        return {"power_kw": np.full(len(self.config.at), float(now))}

    def close(self):
        exec(self.config.closing, {**globals(), "model": self})
        Path(f"{self.name}.closed.{os.getpid()}").touch()
'''
_MARK = "GRIDLOOM_TEST_RUN"

Model = dict[str, Any]


def foreign(name: str, *, step: str = "", at: str = "a", **keys: Any) -> Model:
    """Return a foreign simulator that runs the code ``step`` in its steps."""
    places = ("INIT", "START", "FINALIZE", "NEXT", "POWER")
    code = {each: keys.pop(each.lower(), "") for each in places}
    return {
        "type": "external",
        "command": [sys.executable, "foreign.py", "{address}"],
        "environment": {"NAME": name, "STEP": step, **code},
        "kind": name,
        "at": [f"{at}1", f"{at}2"],
        "create": {"model": "Device"},
        "sends": {"power_kw": "P"},
        **keys,
    }


@dataclass(frozen=True, kw_only=True)
class Ended:
    """A run that has ended."""

    code: int
    out: str
    err: str
    folder: Path
    """Of the run, or where it would be."""

    @property
    def record(self) -> Path:
        return self.folder / "record.partial.h5"

    @property
    def log(self) -> str:
        return (self.folder / "run.log").read_text(encoding="utf-8")


class Case:
    """One scenario in a folder of its own."""

    foreign = staticmethod(foreign)

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.temporary = folder / "tmp"
        self.temporary.mkdir()
        self.mark = uuid.uuid4().hex
        (folder / "foreign.py").write_text(FOREIGN, encoding="utf-8")
        self._module = f"ours_{self.mark[:8]}"  # imported into this process, too
        (folder / f"{self._module}.py").write_text(OURS, encoding="utf-8")
        self._started: list[subprocess.Popen[str]] = []
        self.further: dict[str, Any] = {}
        """Other keys of the scenario."""

    def ours(self, *, step: str = "", at: str = "a", **keys: Any) -> Model:
        """Return a model of gridloom that runs the code ``step`` in its steps."""
        kind = f"{self._module}:Devices"
        return {"type": kind, "at": [f"{at}1", f"{at}2"], "step": step, **keys}

    def write(self, duration_s: int = 6, **simulators: Model) -> Path:
        """Write the scenario; JSON is YAML as well."""
        scenario = {
            "name": "fault",
            "start": "2021-06-21T00:00:00Z",
            "duration": f"{duration_s}s",
            "simulators": simulators,
            **self.further,
        }
        path = self.folder / "fault.yaml"
        path.write_text(json.dumps(scenario, indent=1), encoding="utf-8")
        return path

    def start(self, duration_s: int = 6, **simulators: Model) -> subprocess.Popen[str]:
        """Start a run on the command line."""
        path = self.write(duration_s, **simulators)
        command = ("-W", "error", "-m", "gridloom.scenarios.cli", "run", path.name)
        self._started.append(
            subprocess.Popen(
                [sys.executable, *command],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env={**os.environ, _MARK: self.mark, "TMPDIR": str(self.temporary)},
            )
        )
        return self._started[-1]

    def end(self, process: subprocess.Popen[str], within_s: float = 60.0) -> Ended:
        """Wait for the end of a run."""
        out, err = process.communicate(timeout=within_s)
        folder = next((self.folder / "outputs").glob("*"), self.folder / "none")
        return Ended(code=process.returncode, out=out, err=err, folder=folder)

    def run(self, duration_s: int = 6, **simulators: Model) -> Ended:
        """Run to the end, and check that nothing is left and nothing but our words is said."""
        ended = self.end(self.start(duration_s, **simulators))
        self.require_clean(ended)
        return ended

    def require_clean(self, ended: Ended) -> None:
        """Fail where something is left of a run, or somebody else than gridloom has spoken."""
        assert self.processes() == []
        assert list(self.temporary.iterdir()) == []
        for line in ended.err.splitlines():
            assert line.startswith(("error: ", "warning: ", "  ")), ended.err

    def file(self, name: str) -> Path:
        """Return the path of a file that a simulator writes."""
        return self.folder / name

    def wait_for(self, name: str, within_s: float = 30.0) -> str:
        """Wait until a simulator has written a file, and return its text."""
        path = self.folder / name
        until = time.monotonic() + within_s
        while time.monotonic() < until:
            with suppress(OSError):
                text = path.read_text(encoding="utf-8")
                if text:
                    return text
            time.sleep(0.02)
        pytest.fail(f"waited for {name} in vain")

    def processes(self) -> list[int]:
        """Return everything that runs and was started by the run, directly or not."""
        mark = f"{_MARK}={self.mark}".encode()
        return [pid for pid in map(int, _numbers()) if mark in _environment(pid) and _lives(pid)]

    def gone_within(self, seconds: float) -> bool:
        """Return whether nothing of the run is left after so much time at most."""
        until = time.monotonic() + seconds
        while self.processes() and time.monotonic() < until:
            time.sleep(0.05)
        return not self.processes()

    def close(self) -> None:
        """End whatever a failing test has left."""
        for process in self._started:
            if process.poll() is None:
                process.kill()
            process.communicate()
        for pid in self.processes():
            with suppress(OSError):
                os.kill(pid, signal.SIGKILL)


def _numbers() -> list[str]:
    return [each.name for each in Path("/proc").iterdir() if each.name.isdecimal()]


def _environment(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return b""


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


@pytest.fixture
def case(tmp_path: Path) -> Iterator[Case]:
    """Return a case in an empty folder."""
    if not sys.platform.startswith("linux"):
        pytest.skip("looks for processes in /proc")
    made = Case(tmp_path)
    yield made
    made.close()


@pytest.fixture
def rows() -> Callable[[Path, str], list[float]]:
    """Return what reads the first device's recorded powers, be the record closed or not."""
    from gridloom.scenarios.results.record import open_record

    def read(path: Path, model: str) -> list[float]:
        with open_record(path) as record:
            power = record[model].dataset["power_kw"].values
        return [float(each) for each in power[:, 0]]

    return read

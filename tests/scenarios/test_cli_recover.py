"""`gridloom recover` and `gridloom report` after a run was killed."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import h5py
import pytest

Command: TypeAlias = Callable[..., tuple[int, str, str]]

LONG = """
name: long
start: 2021-06-21T17:00:00+02:00
duration: 30d
step_size: 1s
simulators:
  grid: {type: grid, network: {name: simple_four_bus_system}}
  load: {type: load, profile: {constant_kw: 1}}
"""

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="kills as POSIX does")


def _committed_s(path: Path) -> int:
    try:
        with h5py.File(path, "r", swmr=True) as root:
            return int(root["committed_time_s"][()])
    except OSError:
        return 0


def test_killed_run_is_recovered_and_reported(gridloom: Command, tmp_path: Path) -> None:
    (tmp_path / "long.yaml").write_text(LONG)
    run = subprocess.Popen(
        [sys.executable, "-m", "gridloom.scenarios.cli", "run", "long.yaml"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while not any(_committed_s(p) for p in tmp_path.glob("outputs/*/record.partial.h5")):
            assert run.poll() is None
            time.sleep(0.1)
        (folder,) = (tmp_path / "outputs").iterdir()
        code, out, err = gridloom("recover", str(folder))
        assert (code, out) == (2, "")
        assert "is being written by a run that still goes on" in err
    finally:
        os.kill(run.pid, signal.SIGKILL)
        run.wait()
    code, out, err = gridloom("recover", str(folder))
    assert (code, err) == (0, "")
    path = folder / "record.partial.h5"
    recovered, see = out.splitlines()
    assert recovered.startswith(f"{path}: recovered up to ")
    assert recovered.endswith(" of 720:00:00")
    assert see == f"see it with: gridloom report {path}"
    with h5py.File(path) as root:
        assert len(root["grid/time"]) == root["committed_time_s"][()] > 0
    code, out, err = gridloom(*see.partition("gridloom ")[2].split())
    assert (code, err) == (0, "")
    assert "the run was killed" in (folder / "report.html").read_text(encoding="utf-8")
    code, out, err = gridloom("recover", str(path))
    assert (code, err) == (0, "")
    assert out.startswith(f"{path}: nothing to do, interrupted, ")


@pytest.mark.parametrize(
    ("name", "content", "what"),
    [
        ("case.yaml", "name: x", "is not a record of gridloom"),
        ("gone.h5", None, "there is no record 'gone.h5'"),
    ],
)
def test_what_cannot_be_recovered_is_bad_input(
    gridloom: Command, tmp_path: Path, name: str, content: str | None, what: str
) -> None:
    if content is not None:
        (tmp_path / name).write_text(content)
    code, out, err = gridloom("recover", name)
    assert (code, out) == (2, "")
    assert what in err


def test_folder_without_record_is_bad_input(gridloom: Command, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    code, _, err = gridloom("recover", "empty")
    assert (code, "there is no record" in err) == (2, True)

"""A disk that is full in the middle of a campaign: a clear stop, and then it goes on."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gridloom.scenarios.campaigns.outcome import RunState

SIZE_MB = 64
SLOW = "time.sleep(0.1)"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Give a file system of 64 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE_MB}m", "tmpfs", str(place)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this user may not mount a small file system")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)  # noqa: S607 -- as mount


@pytest.mark.parametrize("left_mb", [0, 10])
def test_a_full_disk_stops_the_batch_and_costs_no_run(
    case: Any, wait_until: Any, small_disk: Path, left_mb: int
) -> None:
    """With no space at all the record of a run cannot be written; with little, none is begun."""
    case.scenario(SLOW)
    case.campaign({"seed": {"seeds": 6}})
    case.results = small_disk / "case"
    driver = case.begin("--out", str(small_disk))
    assert wait_until(lambda: len(list(case.results.glob("runs/*/record.h5"))) > 1)
    ballast = small_disk / "ballast"
    _fill(ballast, left_mb)
    _out, err = driver.communicate(timeout=600)
    assert driver.returncode == 3, err
    assert " full" in err
    assert "the same command goes on where this one stops" in err
    assert "Traceback" not in err
    assert case.none_left()
    ballast.unlink()
    complete = {run.number for run in case.runs if run.state is RunState.COMPLETE}
    assert 1 < len(complete) < 6
    resumed = case.batch("--out", str(small_disk))
    assert resumed.code == 0, resumed.err
    assert {run.attempts for run in case.runs} == {1}


def _fill(ballast: Path, left_mb: int) -> None:
    """Write until the disk is full, and then leave some of it."""
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(1024**2))
        except OSError:
            pass
        file.truncate(max(0, file.tell() - left_mb * 1024**2))

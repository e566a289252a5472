"""A disk that is full in the middle of a campaign: a clear stop, and then it goes on."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gridloom.scenarios.campaigns.outcome import RunState

SIZE_MB = 64
FILL = """
if not Path(FILLED).exists() and sum(1 for _ in Path(RUNS).glob("*/record.h5")) == 2:
    Path(FILLED).touch()
    with open(BALLAST, "wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(1024**2))
        except OSError:
            pass
        file.truncate(max(0, file.tell() - LEFT_BYTES))
"""
"""What the first run does that finds two others complete: it writes until the disk is full, and
then leaves some of it."""


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


@pytest.mark.parametrize(
    ("begin", "left_mb", "complete"),
    [("build", 0, 2), ("step", 10, 3)],
    ids=["before its record", "while it runs"],
)
def test_a_full_disk_stops_the_batch_and_costs_no_run(
    case: Any, small_disk: Path, begin: str, left_mb: int, complete: int
) -> None:
    """With no space the record of the third run cannot be written; with little, no other begins."""
    case.results, ballast = small_disk / "case", small_disk / "ballast"
    fill = (
        FILL.replace("RUNS", repr(str(case.results / "runs")))
        .replace("FILLED", repr(str(case.folder / "filled")))
        .replace("BALLAST", repr(str(ballast)))
        .replace("LEFT_BYTES", str(left_mb * 1024**2))
    )
    case.scenario(**{begin: fill})
    case.campaign({"seed": {"seeds": complete + 1}})
    stopped = case.batch("--out", str(small_disk))
    err = " ".join(stopped.err.split())
    assert stopped.code == 3, err
    assert " full" in err
    assert "the same command goes on where this one stops" in err
    assert "Traceback" not in err
    assert case.none_left()
    ballast.unlink()
    assert [run.number for run in case.runs if run.state is RunState.COMPLETE] == [
        *range(1, complete + 1)
    ]
    resumed = case.batch("--out", str(small_disk))
    assert resumed.code == 0, resumed.err
    assert {run.attempts for run in case.runs} == {1}

"""Who may write in a folder: one process at a time, and whoever asks is told."""

import multiprocessing
import os
import subprocess
import sys
from pathlib import Path

import pytest

from gridloom.scenarios.results.record import folder_lock, is_held

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows locks files by itself")

_HOLD_UNTIL_KILLED = """
import sys
from pathlib import Path
from gridloom.scenarios.results.record import folder_lock
with folder_lock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""
_TURNS, _PROCESSES = 200, 4


def test_a_folder_is_held_by_one_at_a_time(tmp_path: Path) -> None:
    assert is_held(tmp_path) is False
    with folder_lock(tmp_path):
        assert is_held(tmp_path) is True
        with pytest.raises(BlockingIOError), folder_lock(tmp_path):
            pass
        assert is_held(tmp_path) is True
    assert is_held(tmp_path) is False
    assert list(tmp_path.iterdir()) == []


def test_a_killed_process_holds_nothing(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _HOLD_UNTIL_KILLED, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        assert is_held(tmp_path) is True
        holder.kill()
    assert is_held(tmp_path) is False
    with folder_lock(tmp_path):
        assert is_held(tmp_path) is True
    assert list(tmp_path.iterdir()) == []


def test_the_lock_is_on_a_file(tmp_path: Path) -> None:
    """Network file systems know locks on files only; who else holds this one holds the folder."""
    import fcntl

    with (tmp_path / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert is_held(tmp_path) is True
        with pytest.raises(BlockingIOError), folder_lock(tmp_path):
            pass


def _take_turns(folder: Path) -> None:
    """Count up in a file, unprotected but for the lock; it is removed and made anew each turn."""
    count = folder / "count"
    done = 0
    while done < _TURNS:
        try:
            with folder_lock(folder):
                before = int(count.read_text())
                os.sched_yield()
                count.write_text(str(before + 1))
                done += 1
        except BlockingIOError:
            continue


def test_nobody_holds_a_file_that_another_has_removed(tmp_path: Path) -> None:
    """As every holder removes the file, one may wait for a file that is not there any more."""
    (tmp_path / "count").write_text("0")
    spawn = multiprocessing.get_context("spawn")
    processes = [spawn.Process(target=_take_turns, args=(tmp_path,)) for _ in range(_PROCESSES)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * _PROCESSES
    assert int((tmp_path / "count").read_text()) == _TURNS * _PROCESSES

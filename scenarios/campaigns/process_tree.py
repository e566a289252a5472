"""A process with all that it has started, and what it says."""

import os
import signal
from collections.abc import Callable
from contextlib import suppress
from typing import IO

import psutil

READY = b"ready\n"
"""What a run server says once it can take jobs."""
_TAIL_BYTES = 4_000


def memory_of_tree(pid: int) -> int:
    """Return the memory (resident, bytes) of a process and all below it; 0 where it is gone."""
    used = 0
    with suppress(psutil.Error):
        process = psutil.Process(pid)
        for each in (process, *process.children(recursive=True)):
            with suppress(psutil.Error):
                used += each.memory_info().rss
    return used


def end_tree(pid: int, grace_s: float, join: Callable[[float | None], None]) -> None:
    """Ask a process to stop, and end it with all below it if it has not after a grace.

    Args:
        pid: of a process that leads a session of its own.
        grace_s: how long it may take.
        join: waits for it, so long at most, and takes note of its end.
    """
    below: list[psutil.Process] = []
    with suppress(psutil.Error):
        process = psutil.Process(pid)
        below = process.children(recursive=True)
        process.terminate()
        join(grace_s)
        process.kill()
    for each in below:  # those that left the session; psutil knows them from successors of their id
        with suppress(psutil.Error):
            each.kill()
    kill_session(pid)
    join(None)


def kill_tree(pid: int) -> None:
    """End a process that leads a session of its own at once, with all below it."""
    with suppress(psutil.Error):
        for each in psutil.Process(pid).children(recursive=True):
            with suppress(psutil.Error):
                each.kill()
    kill_session(pid)


def kill_session(pid: int) -> None:
    """End all that is left in the session of a process, which may have ended itself."""
    if hasattr(os, "killpg"):
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)


def tail_of(said: IO[bytes]) -> str:
    """Return the end of what a process has written to a file."""
    end = said.seek(0, os.SEEK_END)
    said.seek(max(0, end - _TAIL_BYTES))
    return said.read().decode("utf-8", "replace").strip()

"""Who may write in a run's folder: one process at a time."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

if sys.platform != "win32":
    import fcntl


_INSTANT_S = 0.5
_POLL_S = 0.02


@contextmanager
def folder_lock(folder: Path) -> Iterator[None]:
    """Hold a folder for this process alone; the system lets go of it when the process ends.

    Who only looks whether somebody holds it does so for an instant, which is waited for.

    Raises:
        BlockingIOError: another process holds it.
    """
    if sys.platform == "win32":  # which lets nobody remove or replace a file that is open
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        _lock(handle, time.monotonic() + _INSTANT_S)
        yield
    finally:
        os.close(handle)


def _lock(handle: int, end: float) -> None:
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= end:
                raise
            time.sleep(_POLL_S)
        else:
            return

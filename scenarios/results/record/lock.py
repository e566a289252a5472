"""Who may write in a run's folder: one process at a time."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

if sys.platform != "win32":
    import fcntl


@contextmanager
def folder_lock(folder: Path) -> Iterator[None]:
    """Hold a folder for this process alone; the system lets go of it when the process ends.

    Raises:
        BlockingIOError: another process holds it.
    """
    if sys.platform == "win32":  # which lets nobody remove or replace a file that is open
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(handle)

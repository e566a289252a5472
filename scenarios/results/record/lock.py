"""Who may write in a folder: one process at a time, on whatever machine."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

if sys.platform != "win32":
    import fcntl


_NAME = ".lock"
"""A file, as NFS knows no locks on folders: they would hold on one machine only."""
_INSTANT_S = 0.5
_POLL_S = 0.02


@contextmanager
def folder_lock(folder: Path) -> Iterator[None]:
    """Hold a folder for this process alone; the system lets go of it when the process ends.

    Who only looks whether somebody holds it (`is_held`) does so for an instant, which is waited
    for.

    Raises:
        BlockingIOError: another process holds it.
        OSError: the folder cannot be written, or its file system has no locks.
    """
    if sys.platform == "win32":  # which lets nobody remove or replace a file that is open
        yield
        return
    file = folder / _NAME
    handle = _locked(file, time.monotonic() + _INSTANT_S)
    try:
        yield
    finally:
        with suppress(OSError):  # the folder itself may be gone
            file.unlink()
        os.close(handle)


def is_held(folder: Path) -> bool | None:
    """Whether a process holds a folder; None where that cannot be told.

    To ask is to keep others for an instant from taking it.
    """
    if sys.platform == "win32":
        return None
    try:
        handle = os.open(folder / _NAME, os.O_RDONLY)
    except FileNotFoundError:
        return False
    except OSError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # as on file systems without locks
        return None
    finally:
        os.close(handle)
    return False


def _locked(file: Path, end: float) -> int:
    """Return a handle of the file that is there, which nobody else has locked."""
    while True:
        with ExitStack() as stack:
            handle = os.open(file, os.O_RDWR | os.O_CREAT, 0o666)
            stack.callback(os.close, handle)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= end:
                    raise
                time.sleep(_POLL_S)
            else:
                if _is_at(handle, file):
                    stack.pop_all()
                    return handle


def _is_at(handle: int, file: Path) -> bool:
    """Whether a file is still there: who held it before has removed it at the end."""
    try:
        return os.path.samestat(os.fstat(handle), file.stat())
    except FileNotFoundError:
        return False

"""Where a record is now, and whether somebody still writes it."""

import time
from pathlib import Path
from typing import Any

from gridloom.scenarios.results.record.reader import open_file
from gridloom.scenarios.run_folder import RunFolder
from gridloom.simulators.errors import RecordError

_QUIET_S = 10.0
"""A record that grows does so every second; a slow step may take this long."""


def record_at(where: Path) -> Path:
    """Return the record of a run's folder, partial or complete, or the record itself.

    A record that bears one of the two names it has in a run's folder may get the other one.
    """
    is_record = where.suffix == ".h5"
    if where.is_file():
        return where
    folder = RunFolder(where.parent if is_record else where)
    if is_record and where not in (folder.record, folder.partial_record):
        return where
    return folder.any_record()


def open_watched(path: Path) -> Any:
    """Open the HDF5 file of a record, unless its writer has only just created it.

    To read a file, HDF5 locks it for an instant; a writer that is about to lock it for itself would
    fail.

    Raises:
        RecordError: there is no record yet, or the file is none.
    """
    try:
        is_empty = not path.stat().st_size
    except OSError:
        is_empty = True
    if is_empty:
        raise RecordError(f"there is no record '{path}' yet")
    try:
        return open_file(path)
    except FileNotFoundError:  # it has just been renamed
        raise RecordError(f"there is no record '{path}' any more") from None


def seconds_since_change(path: Path) -> float:
    """Return how long ago a file was written to."""
    return max(0.0, time.time() - path.stat().st_mtime)


def is_quiet(silence_s: float) -> bool:
    """Whether a run that has said nothing for so long may be gone."""
    return silence_s > _QUIET_S

"""Makes what a killed run has left a record that any program for HDF5 or netCDF-4 opens.

Works on a copy beside the file, which takes its place only when it is whole: at any moment the old
file or the new one is there, with every valid row.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from typing_extensions import override

from gridloom.scenarios.results.record.disk import (
    Reserve,
    check_space,
    replace_durably,
    write_errors,
)
from gridloom.scenarios.results.record.layout import (
    COMMITTED,
    FAILURE,
    STATUS,
    STEP_SIZE,
    UNFINISHED,
    RunStatus,
)
from gridloom.scenarios.results.record.lock import folder_lock
from gridloom.scenarios.results.record.origin import scenario_of
from gridloom.scenarios.results.record.reader import (
    open_file,
    reading,
    require_record,
    status_of,
)
from gridloom.scenarios.results.record.rows import ValidRows, read_valid_rows
from gridloom.scenarios.results.record.superblock import Superblock
from gridloom.simulators.errors import RecordError
from gridloom.simulators.quantities import parse_duration

_FORMAT = ("v110", "v110")
_LAID_ASIDE_BYTES = 64 * 1024**2
"""Most that rows laid aside take (`writer` holds no more in memory)."""
_DEEPEST = 3
"""Levels of groups and datasets in a record."""


@dataclass(frozen=True, kw_only=True)
class Recovery:
    """What became of a record that was to be recovered."""

    path: Path
    changed: bool
    """False where nothing was to do."""
    status: RunStatus
    """How the run ended, as the record says now."""
    reach_s: int
    """Up to when all rows are there, seconds since the start."""
    duration_s: int | None
    """Of the scenario; None where the record does not tell."""

    @override
    def __str__(self) -> str:
        """Say it in one line."""
        reach = _reach(self.reach_s, self.duration_s)
        if not self.changed:
            return f"{self.path}: nothing to do, {self.status.name.lower()}, {reach}"
        return f"{self.path}: recovered {reach}"


def recover_record(path: Path) -> Recovery:
    """Repair, in its place, the record of a run that was killed; leave one that is whole alone.

    Rows laid aside go to their place, half-written ones go, and the status tells what happened.

    Raises:
        RecordError: the file is no record, is being written now, is truncated, or its disk is full.
    """
    if _is_whole(path):
        return _recovery(path, changed=False)
    target = path.resolve()  # a link stays a link
    copy = target.with_name(f"{target.name}.recovering")
    with _only_writer(path, target):
        if _is_whole(path):  # its run has ended in the meantime
            return _recovery(path, changed=False)
        try:
            size = target.stat().st_size
            check_space(copy, size + min(size, _LAID_ASIDE_BYTES))
            _copy(path, target, copy)
            _repair(path, copy)
            with write_errors(path):
                replace_durably(copy, target)
        finally:
            copy.unlink(missing_ok=True)
    return _recovery(path, changed=True)


def _is_whole(path: Path) -> bool:
    if not path.is_file():
        raise RecordError(f"there is no record '{path}'")
    if not Superblock.read(path).is_closed:
        return False
    with open_file(path) as root:
        status, _ = status_of(root, path)
        return status is not RunStatus.RUNNING and UNFINISHED not in root


def _recovery(path: Path, *, changed: bool) -> Recovery:
    with open_file(path) as root:
        status, _ = status_of(root, path)
        with reading(path):
            reach_s = int(root[COMMITTED][()])
        return Recovery(
            path=path,
            changed=changed,
            status=status,
            reach_s=reach_s,
            duration_s=_duration(path, root),
        )


@contextmanager
def _only_writer(path: Path, target: Path) -> Iterator[None]:
    """Keep runs out of the folder; whoever computes there holds it already."""
    try:
        with folder_lock(target.parent):
            yield
    except BlockingIOError as error:
        raise _written_now(path) from error
    except OSError as error:
        raise RecordError(f"cannot recover the record '{path}': {error.strerror}") from error


def _written_now(path: Path) -> RecordError:
    return RecordError(f"the record '{path}' is being written by a run that still goes on")


def _copy(path: Path, target: Path, copy: Path) -> None:
    """Copy the file; a writer that holds no lock shows by changing it meanwhile."""
    with write_errors(path):
        before = target.stat()
        shutil.copyfile(target, copy)
        shutil.copymode(target, copy)
        after = target.stat()
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise _written_now(path)


def _repair(path: Path, copy: Path) -> None:
    """Make the copy an ordinary closed file with every valid row of the record at its place."""
    superblock = Superblock.read(copy)
    with write_errors(path):
        superblock.closed_at(copy.stat().st_size).write(copy)
    with _opened(path, copy) as root:
        _refuse_links(path, root)
        require_record(root, path)
        with reading(path):
            valid = read_valid_rows(root)
            for name, rows in valid.items():
                _require_readable(root[name], rows.in_place)
        reserve = Reserve(copy.parent)
        try:
            with write_errors(path):
                for name, rows in valid.items():
                    _put_in_place(root[name], rows)
                _tell_end(path, root)
                root.flush()
        finally:
            reserve.release()


@contextmanager
def _opened(path: Path, copy: Path) -> Iterator[Any]:
    """Open the copy for writing; errors speak of the original."""
    with reading(path):
        root = h5py.File(copy, "r+", libver=_FORMAT, locking=False)
    try:
        with write_errors(path), root:
            yield root
    except (LookupError, TypeError, ValueError) as error:
        raise RecordError(f"the record '{path}' is damaged: {error}") from error


def _refuse_links(path: Path, group: Any, depth: int = 1) -> None:
    """Refuse what lies in other files: a record that was sent must not write to them.

    Raises:
        RecordError: something is a link, is stored elsewhere, or lies too deep for a record.
    """
    for name in group:
        is_own = isinstance(group.get(name, getlink=True), h5py.HardLink)
        entry = group[name] if is_own else None
        if isinstance(entry, h5py.Dataset) and not entry.is_virtual and not entry.external:
            continue
        if not isinstance(entry, h5py.Group) or depth >= _DEEPEST:
            where = f"{group.name.rstrip('/')}/{name}"
            raise RecordError(f"'{path}' is not a record of gridloom: '{where}' lies elsewhere")
        _refuse_links(path, entry, depth + 1)


def _with_rows(group: Any) -> list[Any]:
    return [
        dataset
        for name, dataset in group.items()
        if name == "time" or "cell_methods" in dataset.attrs
    ]


def _require_readable(group: Any, rows: int) -> None:
    """Read what is in place once: a file that was cut off must not pass for recovered."""
    for dataset in _with_rows(group):
        for first in range(0, rows, dataset.chunks[0]):
            dataset[first : min(first + dataset.chunks[0], rows)]


def _put_in_place(group: Any, valid: ValidRows) -> None:
    """Put rows laid aside behind those in place, and cut off what is not valid."""
    aside = {name: rows for name, rows in valid.laid_aside.items() if name != "time"}
    first = valid.in_place
    last = first + len(valid.laid_aside.get("time", ()))
    for dataset in _with_rows(group):
        name = dataset.name.rsplit("/", 1)[-1]
        dataset.resize(first, axis=0)
        dataset.resize(last, axis=0)
        if last > first:
            times = np.arange(first, last, dtype=np.int64) * int(group.attrs[STEP_SIZE])
            dataset[first:last] = times if name == "time" else aside[name]


def _tell_end(path: Path, root: Any) -> None:
    """Say how the run ended; it was not complete, whatever it began to say while it was killed."""
    status, _ = status_of(root, path)
    if status in (RunStatus.RUNNING, RunStatus.COMPLETE):
        root[STATUS][()] = RunStatus.INTERRUPTED
        reach = _reach(int(root[COMMITTED][()]), _duration(path, root))
        root.attrs[FAILURE] = f"the run was killed; recovered {reach}"
    if UNFINISHED in root:
        del root[UNFINISHED]


def _duration(path: Path, root: Any) -> int | None:
    """Return how long the scenario of a record would have lasted, if that can be told."""
    with suppress(RecordError, ValueError):
        return parse_duration(scenario_of(root, path).scenario.get("duration"))
    return None


def _reach(reach_s: int, duration_s: int | None) -> str:
    return f"up to {_clock(reach_s)}" + (f" of {_clock(duration_s)}" if duration_s else "")


def _clock(seconds: int) -> str:
    """Write seconds as hours, minutes and seconds.

    >>> _clock(45296)
    '12:34:56'
    """
    return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"

"""Space for a record on its disk: enough to begin with, and a reserve for the worst case."""

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from gridloom.simulators.errors import RecordError

_SPARE_BYTES = 16 * 1024**2
_RESERVE_BYTES = 4 * 1024**2
"""More than the metadata that HDF5 holds back."""


class Reserve:
    """Space that a writer gives back when the disk is full.

    HDF5 ends the whole process if it cannot write what it still holds; with this space it can.
    The file has no name, so nothing is left of it, whatever happens to the process.
    """

    def __init__(self, folder: Path) -> None:
        self._file: IO[bytes] = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 -- see release
        self._file.write(bytes(_RESERVE_BYTES))
        self._file.flush()

    def release(self) -> None:
        """Give the space back."""
        self._file.close()


def write_through(path: Path) -> None:
    """Wait until a file, or what a folder lists, is on its disk: for a power cut may come."""
    if path.is_dir() and os.name == "nt":
        return  # folders cannot be opened there, and list what they list
    descriptor = os.open(path, os.O_RDONLY if os.name != "nt" else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def replace_durably(path: Path, target: Path) -> None:
    """Give a file the name of another: whenever power fails, the old one is there or the new one.

    Raises:
        OSError: it cannot be done.
    """
    write_through(path)
    path.replace(target)
    write_through(target.parent)


def check_space(path: Path, needed: float) -> None:
    """Raise `RecordError` unless a record of about ``needed`` bytes can be written there."""
    if not path.parent.is_dir():
        raise RecordError(f"cannot write the record '{path}': its folder does not exist")
    free = shutil.disk_usage(path.parent).free
    if free < needed + _SPARE_BYTES:
        raise RecordError(
            f"cannot write the record '{path}': {free / 1e6:.0f} MB are free on its disk, "
            f"about {(needed + _SPARE_BYTES) / 1e6:.0f} MB will be needed"
        ) from OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@contextmanager
def write_errors(path: Path) -> Iterator[None]:
    """Turn whatever HDF5 raises about the file into a `RecordError`."""
    try:
        yield
    except FileExistsError:
        raise RecordError(f"cannot write the record '{path}': the file exists already") from None
    except (OSError, RuntimeError) as error:
        number = getattr(error, "errno", None)
        cause = os.strerror(number) if number else str(error)  # HDF5's own text is a page long
        raise RecordError(f"cannot write the record '{path}': {cause}") from error

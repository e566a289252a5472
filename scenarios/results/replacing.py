"""Files that are whole or not there: what was there before stays until the new one is written."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gridloom.simulators.errors import RecordError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield where to write; once that is done, it takes the place of ``path``.

    Raises:
        RecordError: it cannot be written.
    """
    if path.is_dir():
        raise RecordError(f"cannot write '{path}': it is a folder")
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        yield unfinished
        unfinished.replace(path)
    except OSError as error:
        raise RecordError(f"cannot write '{path}': {error.strerror or error}") from error
    finally:
        unfinished.unlink(missing_ok=True)

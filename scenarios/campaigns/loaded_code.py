"""Whether the code that a process has loaded is still the code on the disk."""

import os
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

import gridloom.controllers
import gridloom.scenarios
import gridloom.simulators

CodeStamp: TypeAlias = tuple[tuple[str, int, int], ...]


def code_stamp() -> CodeStamp:
    """Return what changes whenever somebody edits gridloom, or installs a library.

    It takes some milliseconds: less than the identity, which reads what has been written
    (`own_code`).
    """
    return tuple(sorted(_stamps()))


def _stamps() -> Iterator[tuple[str, int, int]]:
    for package in (gridloom.simulators, gridloom.controllers, gridloom.scenarios):
        for folder, _, names in os.walk(package.__path__[0]):
            for name in names:
                if name.endswith(".py"):
                    yield _stamp(Path(folder, name))
    for place in ("purelib", "platlib"):
        yield _stamp(Path(sysconfig.get_path(place)))


def _stamp(path: Path) -> tuple[str, int, int]:
    try:
        found = path.stat()
    except OSError:  # somebody removes it right now
        return (str(path), 0, 0)
    return (str(path), found.st_mtime_ns, found.st_size)

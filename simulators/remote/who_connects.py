"""Whether a connection on this host comes from a given program (Linux)."""

import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_PROC = Path("/proc")


def connects_from(port: int, ancestor: int) -> bool:
    """Return whether the socket bound to a local TCP port belongs to a descendant of a process.

    Args:
        port: the connecting side's port, on a loopback address.
        ancestor: process id.

    Systems that do not tell (everything but Linux) are answered with True.
    """
    if sys.platform != "linux":
        return True
    inodes = set(_inodes(port))
    return any(inode in inodes for pid in _descendants(ancestor) for inode in _sockets(pid))


def _inodes(port: int) -> Iterator[str]:
    """Yield the inodes of the sockets bound to a local port."""
    for table in ("tcp", "tcp6"):
        with suppress(OSError):
            for line in (_PROC / "net" / table).read_text().splitlines()[1:]:
                fields = line.split()
                if int(fields[1].rpartition(":")[2], 16) == port:
                    yield fields[9]


def _descendants(ancestor: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for entry in _PROC.iterdir():
        if entry.name.isdecimal():
            with suppress(OSError, IndexError, ValueError):
                parent = int((entry / "stat").read_bytes().rpartition(b")")[2].split()[1])
                children.setdefault(parent, []).append(int(entry.name))
    found = [ancestor]
    for pid in found:
        found += children.get(pid, [])
    return found


def _sockets(pid: int) -> Iterator[str]:
    """Yield the inodes of the sockets that a process has open."""
    with suppress(OSError):
        for handle in (_PROC / str(pid) / "fd").iterdir():
            with suppress(OSError):
                target = str(handle.readlink())
                if target.startswith("socket:["):
                    yield target[8:-1]

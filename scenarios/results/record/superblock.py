"""The first bytes of an HDF5 file: whether it was closed, and where it ends.

A file that was open for writing when its process was killed keeps a flag that says so, and an
address of its end that lies before what was written last. HDF5 then refuses to open it. Layout:
HDF5 file format specification, section II.A, superblock versions 2 and 3, which all records have.
"""

import os
import struct
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from gridloom.simulators.errors import RecordError

_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_VERSIONS = (2, 3)
_FIELDS = struct.Struct("<8s4B4Q")
"""Signature; version, bytes of an address, bytes of a length, flags; four addresses."""
_CHECKSUM = struct.Struct("<I")
_ADDRESS_BYTES = 8
SUPERBLOCK_BYTES = _FIELDS.size + _CHECKSUM.size


@dataclass(frozen=True, kw_only=True)
class Superblock:
    """What the first bytes of an HDF5 file say."""

    version: int
    flags: int
    """Zero in a file that was closed."""
    extension: int
    """Address of the superblock's extension."""
    end: int
    """Address at which the file ends, bytes; stale in a file that was not closed."""
    root: int
    """Address of the root group."""

    @property
    def is_closed(self) -> bool:
        """Whether the file was closed by whoever wrote it."""
        return self.flags == 0

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read the superblock of a file.

        Raises:
            RecordError: the file cannot be read, is no HDF5 file, or its superblock is damaged.
        """
        try:
            with path.open("rb") as file:
                raw = file.read(SUPERBLOCK_BYTES)
        except OSError as error:
            raise RecordError(f"cannot read '{path}': {error.strerror}") from error
        if len(raw) < SUPERBLOCK_BYTES or not raw.startswith(_SIGNATURE):
            raise RecordError(f"'{path}' is not a record of gridloom: it is no HDF5 file")
        _, version, *sizes, flags, base, extension, end, root = _FIELDS.unpack_from(raw)
        if version not in _VERSIONS or sizes != [_ADDRESS_BYTES] * 2 or base:
            raise RecordError(f"'{path}' is not a record of gridloom: no such HDF5 file is one")
        if _CHECKSUM.unpack_from(raw, _FIELDS.size) != (lookup3(raw[: _FIELDS.size]),):
            raise RecordError(f"the record '{path}' is damaged in its first bytes")
        return cls(version=version, flags=flags, extension=extension, end=end, root=root)

    def closed_at(self, end: int) -> "Superblock":
        """Return the superblock of the same file, closed, that ends at byte ``end``."""
        return replace(self, flags=0, end=end)

    def write(self, path: Path) -> None:
        """Put this superblock in the place of that of an existing file."""
        fields = _FIELDS.pack(
            _SIGNATURE,
            self.version,
            _ADDRESS_BYTES,
            _ADDRESS_BYTES,
            self.flags,
            0,
            self.extension,
            self.end,
            self.root,
        )
        with path.open("r+b") as file:
            file.write(fields + _CHECKSUM.pack(lookup3(fields)))
            file.flush()
            os.fsync(file.fileno())


def lookup3(message: bytes) -> int:
    """Return the checksum that HDF5 puts behind its metadata.

    Bob Jenkins' `hashlittle` of lookup3.c (public domain, May 2006) with the initial value 0.

    >>> hex(lookup3(b"Four score and seven years ago"))
    '0x17770551'
    """
    a = b = c = (0xDEADBEEF + len(message)) & _WORD
    if not message:
        return c
    padded = message + bytes(-len(message) % _BLOCK_BYTES)
    blocks = list(struct.iter_unpack("<3I", padded))
    for x, y, z in blocks[:-1]:
        a, b, c = _mix((a + x) & _WORD, (b + y) & _WORD, (c + z) & _WORD)
    x, y, z = blocks[-1]
    return _final((a + x) & _WORD, (b + y) & _WORD, (c + z) & _WORD)


_WORD = 0xFFFFFFFF
_BLOCK_BYTES = 12


def _rotated(word: int, bits: int) -> int:
    return (word << bits | word >> (32 - bits)) & _WORD


def _mix(a: int, b: int, c: int) -> tuple[int, int, int]:
    for bits in (4, 6, 8, 16, 19, 4):  # the roles of a, b and c go round
        a = (a - c & _WORD) ^ _rotated(c, bits)
        c = c + b & _WORD
        a, b, c = b, c, a
    return a, b, c


def _final(a: int, b: int, c: int) -> int:
    for bits in (14, 11, 25, 16, 4, 14, 24):
        c = (c ^ b) - _rotated(b, bits) & _WORD
        a, b, c = b, c, a
    return b

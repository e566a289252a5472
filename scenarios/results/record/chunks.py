"""Turns rows into chunks as HDF5's filters `shuffle` and `gzip` would, in a fraction of the time.

What simulations compute fills the low bytes of its numbers with noise, and zlib spends most of its
time on finding that noise does not get shorter. A deflate stream may hold bytes as they are (stored
blocks, RFC 1951, section 3.2.4): so the noise is stored, and only the rest compressed. Any reader
of HDF5 decodes such a stream like any other. Equal rows give equal bytes.
"""

import struct
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gridloom.scenarios.results.record.layout import Compression

GZIP_LEVEL = 1
"""Higher levels take longer and save next to nothing on numbers from simulations."""
_BYTES_AT_ONCE = 1024**2
"""Raw bytes in work: little enough for a processor's cache."""
_SAMPLE_VALUES = 512
_NOISE = 0.5
"""Different bytes in a sample, relative to those expected among random ones, that make it noise."""
_ZLIB_HEADER = b"\x78\x01"
"""Deflate, window of 32 kB, fastest (RFC 1950, section 2.2)."""
_STORED_BYTES = 0xFFFF
"""Most that a stored block holds."""


def encode(rows: NDArray[Any], width: int, compression: Compression) -> list[bytes]:
    """Return the chunks of a block of rows, in order, as they stand in the file.

    Args:
        rows: (time, columns); its length is that of a chunk.
        width: columns in a chunk; the last chunk is filled up with NaN.
        compression: of the dataset, see `structure`.
    """
    chunks: list[bytes] = []
    for part in _parts(rows, width):
        chunks += _deflated(part) if compression == "gzip" else [chunk.tobytes() for chunk in part]
    return chunks


def _parts(rows: NDArray[Any], width: int) -> Iterator[NDArray[Any]]:
    """Yield the values of some chunks after the other: (chunk, time, width)."""
    length, columns = rows.shape
    together = max(1, _BYTES_AT_ONCE // (rows.itemsize * length * width)) * width
    for first in range(0, columns, together):
        part = rows[:, first : first + together]
        whole, rest = divmod(part.shape[1], width)
        split = np.empty((whole + bool(rest), length, width), rows.dtype)
        full = part[:, : whole * width].reshape(length, whole, width)
        split[:whole] = full.transpose(1, 0, 2)
        if rest:
            split[whole, :, :rest] = part[:, whole * width :]
            split[whole, :, rest:] = np.nan
        yield split


def _deflated(split: NDArray[Any]) -> list[bytes]:
    """Shuffle and compress chunks: first bytes of all values, then second bytes, and so on."""
    values = split.view(np.uint8).reshape(len(split), -1, split.itemsize)
    shuffled = np.ascontiguousarray(values.transpose(0, 2, 1))
    return [
        _zlib_stream(planes.reshape(-1).data, noisy * planes.shape[1])
        for planes, noisy in zip(shuffled, _noisy_planes(shuffled), strict=True)
    ]


def _noisy_planes(shuffled: NDArray[np.uint8]) -> list[int]:
    """Return for each chunk how many of its byte planes, from the first, are noise.

    Judged by the number of different bytes in successive values: values that stay the same for a
    while are no noise, however many digits they have.
    """
    chunks, planes, values = shuffled.shape
    size = min(values, _SAMPLE_VALUES)
    first = (values - size) // 2
    sample = np.sort(shuffled[:, :, first : first + size], axis=-1, kind="stable")
    different = 1 + np.count_nonzero(sample[..., 1:] != sample[..., :-1], axis=-1)
    random = 256 * (1 - (255 / 256) ** size)
    compressible = np.ones((chunks, planes + 1), dtype=bool)
    compressible[:, :planes] = different <= _NOISE * random
    noisy: list[int] = compressible.argmax(axis=-1).tolist()
    return noisy


def _zlib_stream(content: memoryview, stored: int) -> bytes:
    """Return a zlib stream (RFC 1950) of bytes, the first of them as they are."""
    if not stored:
        return zlib.compress(content, GZIP_LEVEL)
    parts: list[bytes | memoryview] = [_ZLIB_HEADER]
    for first in range(0, stored, _STORED_BYTES):
        block = content[first : min(first + _STORED_BYTES, stored)]
        parts += (struct.pack("<BHH", 0, len(block), len(block) ^ 0xFFFF), block)
    parts += (
        zlib.compress(content[stored:], GZIP_LEVEL, -zlib.MAX_WBITS),
        struct.pack(">I", zlib.adler32(content)),
    )
    return b"".join(parts)

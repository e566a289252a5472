"""Compresses blocks of rows in the background, while the run goes on."""

import os
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import zip_longest
from typing import Any

from numpy.typing import NDArray

from gridloom.scenarios.results.record.chunks import encode
from gridloom.scenarios.results.record.layout import Compression
from gridloom.simulators.errors import RecordError

_MOST_THREADS = 3
"""More do not help: a grid has three wide signals."""


class Compressor:
    """Threads that encode chunks; zlib and NumPy leave the interpreter to the run meanwhile.

    They touch neither the file nor HDF5: whoever ordered the chunks writes them. The threads start
    with the first block, and `close` ends them.
    """

    def __init__(self, compression: Compression) -> None:
        self._compression = compression
        self._threads = _threads()
        self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="gridloom-record")

    def encode(self, blocks: Sequence[tuple[NDArray[Any], int]]) -> "Chunks":
        """Begin to encode blocks of rows, each with the width of its chunks.

        The rows must stay as they are until the chunks have come.
        """
        shares = [blocks[thread :: self._threads] for thread in range(self._threads)]
        return Chunks([self._pool.submit(self._encode, share) for share in shares if share])

    def _encode(self, blocks: Sequence[tuple[NDArray[Any], int]]) -> list[list[bytes]]:
        return [encode(rows, width, self._compression) for rows, width in blocks]

    def close(self) -> None:
        """Let go of what has not begun, and wait for what has."""
        self._pool.shutdown(cancel_futures=True)


class Chunks:
    """Chunks on their way; the threads deal with the blocks by turns."""

    def __init__(self, futures: Sequence[Future[list[list[bytes]]]]) -> None:
        self._futures = futures

    @property
    def are_there(self) -> bool:
        """Whether nobody would have to wait for them."""
        return all(future.done() for future in self._futures)

    def wait(self) -> list[list[bytes]]:
        """Return the chunks of each block.

        Raises:
            RecordError: a thread failed.
        """
        try:
            shares = [future.result() for future in self._futures]
        except Exception as error:
            cause = str(error) or type(error).__name__
            raise RecordError(f"rows cannot be compressed for the record: {cause}") from error
        return [chunks for turn in zip_longest(*shares) for chunks in turn if chunks is not None]


def _threads() -> int:
    """Return how many threads to use: one core is the run's own."""
    cores = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    return max(1, min(_MOST_THREADS, cores - 1))

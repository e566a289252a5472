"""The rows of one model on their way into the record."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gridloom.scenarios.results.record.compressor import Chunks, Compressor
from gridloom.scenarios.results.record.layout import RecordedModel
from gridloom.scenarios.results.record.structure import (
    Storage,
    create_group,
    create_unfinished_rows,
)
from gridloom.simulators.errors import RecordError
from gridloom.simulators.model import FloatArray, Port


class _Block:
    """Rows in memory, and the part of them that belongs to each port."""

    def __init__(self, ports: tuple[Port, ...], length: int, dtype: np.dtype[Any]) -> None:
        widths = [prod(port.shape) for port in ports]
        edges = np.cumsum([0, *widths])
        self.rows: NDArray[Any] = np.empty((length, sum(widths)), dtype)
        """(row, column)."""
        self.flat = {
            port.name: self.rows[:, left:right]
            for port, left, right in zip(ports, edges[:-1], edges[1:], strict=True)
        }
        """Port name to (row, its columns)."""
        self.shaped = {
            port.name: self.flat[port.name].reshape(length, *port.shape) for port in ports
        }
        """Port name to (row, *its shape)."""


class _Place:
    """Where the rows of one port stand in the file."""

    def __init__(self, dataset: Any) -> None:
        self._id = dataset.id
        self._shape = dataset.shape[1:]
        self._part = dataset.chunks[1:]
        """Of a row, in a chunk: some elements, and all of the axes behind them."""
        self.width = prod(self._part)
        """Columns in a chunk."""

    def write(self, first: int, last: int, chunks: list[bytes]) -> None:
        """Append the rows from ``first`` on, before ``last``."""
        self._id.set_extent((last, *self._shape))
        behind = (0,) * (len(self._shape) - 1)
        for number, chunk in enumerate(chunks):
            offset = (number * self._part[0], *behind) if self._shape else ()
            self._id.write_direct_chunk((first, *offset), chunk)


@dataclass(frozen=True, kw_only=True)
class _Sealed:
    """A block on its way to its place."""

    first: int
    last: int
    """Its rows are those from `first` on, before `last`."""
    is_laid_aside: bool
    """Whether some of them are also in the file, laid aside."""
    chunks: Chunks


class RecordTable:
    """The rows of one model.

    A row waits in memory until its block is full and `seal` has it compressed, while the next rows
    fill a second block. `settle` writes the chunks in their place. Whoever cannot wait calls
    `lay_aside`.
    """

    def __init__(
        self,
        root: Any,
        unfinished: Any,
        model: RecordedModel,
        start: datetime,
        storage: Storage,
        compressor: Compressor,
    ) -> None:
        storage = replace(storage, block_rows=max(1, min(storage.block_rows, model.rows)))
        group = create_group(root, model, start, storage)
        self._model = model.name
        self._step_size = model.step_size
        self._compressor = compressor
        self._block, self._other = (
            _Block(model.ports, storage.block_rows, storage.dtype) for _ in range(2)
        )
        self._places = {port.name: _Place(group[port.name]) for port in model.ports}
        self._time = group["time"]
        self._aside = create_unfinished_rows(unfinished, model, storage)
        self._begin = 0
        """Number of the block's first row."""
        self._filled = 0
        """Rows in the block."""
        self._laid_aside = 0
        """Those of them which are also in the file, laid aside."""
        self._sealed: _Sealed | None = None

    @property
    def end_s(self) -> int:
        """End of the last row's step, seconds since the start."""
        return (self._begin + self._filled) * self._step_size

    @property
    def is_settled(self) -> bool:
        """Whether no sealed block is on its way."""
        return self._sealed is None

    @property
    def can_settle(self) -> bool:
        """Whether a sealed block is there to be written, without waiting for it."""
        return self._sealed is not None and self._sealed.chunks.are_there

    def append(self, time_s: int, outputs: Mapping[str, FloatArray]) -> bool:
        """Copy one row, and return whether the block is full."""
        row = self._filled
        if time_s != (self._begin + row) * self._step_size:
            raise RecordError(
                f"model '{self._model}' sent its row of {time_s} s when that of {self.end_s} s "
                "was due"
            )
        try:
            for name, view in self._block.shaped.items():
                view[row] = outputs[name]
        except KeyError as missing:
            raise RecordError(f"model '{self._model}' sent no {missing} at {time_s} s") from None
        self._filled = row + 1
        return self._filled == len(self._block.rows)

    def seal(self) -> None:
        """Begin to compress the rows of the block; the one before goes to its place at the latest.

        A block that is not full must be the last one.
        """
        self.settle()
        if not self._filled:
            return
        block = self._block
        block.rows[self._filled :] = np.nan
        self._sealed = _Sealed(
            first=self._begin,
            last=self._begin + self._filled,
            is_laid_aside=self._laid_aside > 0,
            chunks=self._compressor.encode(
                [(block.flat[name], place.width) for name, place in self._places.items()]
            ),
        )
        self._block, self._other = self._other, block
        self._begin, self._filled, self._laid_aside = self._sealed.last, 0, 0

    def settle(self) -> None:
        """Write the sealed block, if there is one, to its place."""
        sealed = self._sealed
        if sealed is None:
            return
        first, last = sealed.first, sealed.last
        for place, chunks in zip(self._places.values(), sealed.chunks.wait(), strict=True):
            place.write(first, last, chunks)
        self._write_time(first, last)
        if sealed.is_laid_aside:  # readers must find them here before others take their old place
            self._aside.file.flush()
        self._sealed = None

    def _write_time(self, first: int, last: int) -> None:
        """Write when the rows begin; from then on they count as being in their place."""
        self._time.resize(last, axis=0)
        try:
            self._time[first:last] = np.arange(first, last, dtype=np.int64) * self._step_size
        except (OSError, RuntimeError):
            self._time.resize(first, axis=0)
            raise

    def lay_aside(self) -> None:
        """Copy the rows that fill no block yet to the file, uncompressed and in place.

        They follow the rows in their place: no sealed block may be on its way.
        """
        if self._filled > self._laid_aside and self._block.rows.shape[1]:
            self._aside[self._laid_aside : self._filled] = self._block.rows[
                self._laid_aside : self._filled
            ]
        self._laid_aside = self._filled

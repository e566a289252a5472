"""The rows of one model on their way into the record."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gridloom.scenarios.results.record.layout import RecordedModel
from gridloom.scenarios.results.record.structure import (
    Storage,
    create_group,
    create_unfinished_rows,
)
from gridloom.simulators.errors import RecordError
from gridloom.simulators.model import FloatArray


class RecordTable:
    """The rows of one model.

    A row waits in memory until a block is full, which is then written in its place as whole
    chunks. Whoever cannot wait calls `lay_aside`.
    """

    def __init__(
        self, root: Any, unfinished: Any, model: RecordedModel, start: datetime, storage: Storage
    ) -> None:
        storage = replace(storage, block_rows=max(1, min(storage.block_rows, model.rows)))
        group = create_group(root, model, start, storage)
        self._model = model.name
        self._step_size = model.step_size
        widths = [prod(port.shape) for port in model.ports]
        self._rows: NDArray[Any] = np.empty((storage.block_rows, sum(widths)), storage.dtype)
        edges = np.cumsum([0, *widths])
        self._views = {
            port.name: self._rows[:, left:right].reshape(storage.block_rows, *port.shape)
            for port, left, right in zip(model.ports, edges[:-1], edges[1:], strict=True)
        }
        self._datasets = {port.name: group[port.name] for port in model.ports}
        self._time = group["time"]
        self._aside = create_unfinished_rows(unfinished, model, storage)
        self._written = 0
        """Rows in their place; a multiple of the block until the record is closed."""
        self._filled = 0
        """Rows in memory."""
        self._laid_aside = 0
        """Those of them which are also in the file, laid aside."""

    @property
    def end_s(self) -> int:
        """End of the last row's step, seconds since the start."""
        return (self._written + self._filled) * self._step_size

    def append(self, time_s: int, outputs: Mapping[str, FloatArray]) -> bool:
        """Copy one row, and return whether the block is full."""
        if time_s != self.end_s:
            raise RecordError(
                f"model '{self._model}' sent its row of {time_s} s when that of {self.end_s} s "
                "was due"
            )
        row = self._filled
        try:
            for name, view in self._views.items():
                view[row] = outputs[name]
        except KeyError as missing:
            raise RecordError(f"model '{self._model}' sent no {missing} at {time_s} s") from None
        self._filled = row + 1
        return self._filled == len(self._rows)

    def write_block(self) -> None:
        """Write the rows in memory to their place."""
        if not self._filled:
            return
        first, last = self._written, self._written + self._filled
        for name, dataset in self._datasets.items():
            dataset.resize(last, axis=0)
            dataset[first:last] = self._views[name][: self._filled]
        self._time.resize(last, axis=0)
        self._time[first:last] = np.arange(first, last, dtype=np.int64) * self._step_size
        if self._laid_aside:  # readers must find them here before others take their old place
            self._aside.file.flush()
        self._written, self._filled, self._laid_aside = last, 0, 0

    def lay_aside(self) -> None:
        """Copy the rows that fill no block yet to the file, uncompressed and in place."""
        if self._filled > self._laid_aside and self._rows.shape[1]:
            self._aside[self._laid_aside : self._filled] = self._rows[
                self._laid_aside : self._filled
            ]
        self._laid_aside = self._filled

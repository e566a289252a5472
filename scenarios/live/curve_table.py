"""Turns the rows of one model into curves, block by block: a long run need not fit in memory."""

from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any

import numpy as np

from gridloom.scenarios.live.curves import Curve
from gridloom.scenarios.live.recorded_rows import statistic_of
from gridloom.scenarios.live.summary import Summary
from gridloom.scenarios.results.record.rows import ValidRows
from gridloom.simulators.model import FloatArray
from gridloom.simulators.signals import LINE_CURRENT

_BLOCK_VALUES = 1_000_000
"""Values in memory at once: 8 MB."""


@dataclass(frozen=True)
class Elements:
    """The part of each row that is read: all of it, or one element."""

    element: int | None = None

    def of(self, rows: Any, part: slice) -> FloatArray:
        """Return (time, values), flat."""
        chosen = rows[part] if self.element is None else rows[part, self.element]
        return np.asarray(chosen, dtype=np.float64).reshape(part.stop - part.start, -1)


class CurveTable:
    """The curves of one model, or of one line, and how far its rows have been read."""

    def __init__(
        self, model: str, step_s: int, curves: Sequence[Curve], elements: Elements | None = None
    ) -> None:
        self.model = model
        self.step_s = step_s
        self.curves = tuple(curves)
        self.summary = Summary(len(self.curves))
        self._elements = elements or Elements()
        self.highest_a: FloatArray | None = None
        """(line,), highest current so far, where all lines are read."""

    @property
    def read_s(self) -> int:
        """Up to when rows have been read, seconds since the start."""
        return self.summary.rows * self.step_s

    def read_on(self, group: Any, valid: ValidRows, deadline: float) -> bool:
        """Read the rows that follow, until the deadline (`time.monotonic`); at least one block.

        Returns:
            Whether all valid rows have been read.
        """
        last = valid.in_place + len(valid.laid_aside.get("time", ()))
        while self.summary.rows < last:
            self._read_block(group, valid, last)
            if monotonic() >= deadline:
                break
        return self.summary.rows >= last

    def _read_block(self, group: Any, valid: ValidRows, last: int) -> None:
        """Read whole chunks in place, or what is laid aside."""
        first = self.summary.rows
        if first < valid.in_place:
            rows = self._chunks_at_once(group)
            stop = min(first - first % rows + rows, valid.in_place)
            sources: Any = group
            part = slice(first, stop)
        else:
            sources = valid.laid_aside
            part = slice(first - valid.in_place, last - valid.in_place)
        read = {
            name: self._elements.of(sources[name], part)
            for name in dict.fromkeys(curve.variable for curve in self.curves)
        }
        columns = [curve.reduce(read[curve.variable]) for curve in self.curves]
        self._note_highest(group, read)
        self.summary.add(np.column_stack(columns))

    def _chunks_at_once(self, group: Any) -> int:
        """Return how many rows to read together: a multiple of a chunk's."""
        datasets = [group[curve.variable] for curve in self.curves]
        values = (
            1
            if self._elements.element is not None
            else max(int(np.prod(dataset.shape[1:])) for dataset in datasets)
        )
        chunk = int(datasets[0].chunks[0]) if datasets[0].chunks else 1
        return chunk * max(1, _BLOCK_VALUES // max(1, chunk * values))

    def _note_highest(self, group: Any, read: dict[str, FloatArray]) -> None:
        current_a = read.get(statistic_of(group, LINE_CURRENT, "max"))
        if current_a is None or self._elements.element is not None:
            return
        lines = group[LINE_CURRENT.name].shape[1]
        highest_a = np.fmax.reduce(np.fmax.reduce(current_a).reshape(lines, -1), axis=1)
        before = self.highest_a if self.highest_a is not None else highest_a
        self.highest_a = np.fmax(before, highest_a)

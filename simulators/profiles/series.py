"""What a profile is once opened: values per element over time, produced lazily.

A value holds over its interval. Nothing here keeps more than the block it was asked for, so that a
year at one minute runs in constant memory.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from gridloom.simulators.model import FloatArray

_SAMPLES_AT_ONCE = 1 << 14


class Series(Protocol):
    """Values of a population over time; times are seconds since the scenario's start."""

    description: str
    """Where the values come from, in a few words for the record."""

    def values(self, times_s: NDArray[np.int64]) -> FloatArray:
        """Return the values that hold at the instants ``times_s`` (ascending): (time, element)."""

    def value_at(self, time_s: int) -> FloatArray:
        """Return the values that hold at one instant: (element,)."""

    def means(self, start_s: int, stop_s: int, step_s: int) -> FloatArray:
        """Return the time averages over [start, start + step), ..., until stop: (step, element).

        Exact for values that hold over their interval, however intervals and steps overlap.
        """


class HeldSeries(ABC):
    """A series whose values change only at times ``phase_s`` modulo ``resolution_s``."""

    def __init__(self, resolution_s: int, phase_s: int, description: str) -> None:
        self.resolution_s = resolution_s
        self.phase_s = phase_s
        self.description = description

    @abstractmethod
    def values(self, times_s: NDArray[np.int64]) -> FloatArray:
        """Return the values that hold at the instants ``times_s`` (ascending): (time, element)."""

    def value_at(self, time_s: int) -> FloatArray:
        """Return the values that hold at one instant: (element,)."""
        held: FloatArray = self.values(np.array([time_s]))[0]
        return held

    def means(self, start_s: int, stop_s: int, step_s: int) -> FloatArray:
        """Return the time averages over [start, start + step), ..., until stop: (step, element)."""
        # On this grid the series is constant, and every step is a whole number of its cells.
        cell = math.gcd(self.resolution_s, start_s - self.phase_s, step_s)
        cells = step_s // cell
        stride = max(1, _SAMPLES_AT_ONCE // cells) * step_s
        pieces = []
        for first in range(start_s, stop_s, stride):
            held = self.values(np.arange(first, min(first + stride, stop_s), cell))
            shaped = held.reshape(-1, cells, held.shape[1])
            pieces.append(shaped[:, 0] if cells == 1 else shaped.mean(axis=1))
        return np.concatenate(pieces)


class ConstantSeries(HeldSeries):
    """The same value at all times, one an element."""

    def __init__(self, constant: FloatArray, description: str) -> None:
        super().__init__(resolution_s=86400, phase_s=0, description=description)
        self._constant = constant

    @override
    def values(self, times_s: NDArray[np.int64]) -> FloatArray:
        return np.tile(self._constant, (len(times_s), 1))


class ElapsedSeries(HeldSeries):
    """Rows at regular times counted from the scenario's start."""

    def __init__(
        self,
        rows: Callable[[int, int], FloatArray],
        *,
        first_s: int,
        interval_s: int,
        description: str,
    ) -> None:
        """Serve ``rows(start, stop)``, an array (row, element); row 0 is at ``first_s``."""
        super().__init__(interval_s, first_s, description)
        self._rows = rows

    @override
    def values(self, times_s: NDArray[np.int64]) -> FloatArray:
        index = (times_s - self.phase_s) // self.resolution_s
        first, last = int(index[0]), int(index[-1])
        held: FloatArray = self._rows(first, last + 1)[index - first]
        return held


class SharedSeries:
    """One column of values that all elements share."""

    def __init__(self, series: Series, elements: int) -> None:
        """Repeat the only column of ``series`` for so many elements."""
        self.description = series.description
        self._series = series
        self._elements = elements

    def values(self, times_s: NDArray[np.int64]) -> FloatArray:
        """Return the values that hold at the instants ``times_s`` (ascending): (time, element)."""
        return np.repeat(self._series.values(times_s), self._elements, axis=1)

    def value_at(self, time_s: int) -> FloatArray:
        """Return the values that hold at one instant: (element,)."""
        return np.repeat(self._series.value_at(time_s), self._elements)

    def means(self, start_s: int, stop_s: int, step_s: int) -> FloatArray:
        """Return the time averages over [start, start + step), ..., until stop: (step, element)."""
        return np.repeat(self._series.means(start_s, stop_s, step_s), self._elements, axis=1)

"""The worst value of something over a time: how much, of what, and when."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gridloom.simulators.model import FloatArray


@dataclass(frozen=True, kw_only=True)
class Extreme:
    """The largest (or lowest) value of something, and where and when it was."""

    value: float
    element: str
    time_s: int
    """Seconds since the start of the schedule, where the interval begins."""


class ExtremeSearch:
    """Finds an extreme block by block of intervals; of equal ones the first in time."""

    def __init__(self, names: Sequence[str], interval_s: int, *, lowest: bool = False) -> None:
        """Begin with nothing.

        Args:
            names: of the elements.
            interval_s: length of the intervals.
            lowest: whether the lowest value is sought, not the largest.
        """
        self._names, self._interval_s = names, interval_s
        self._pick = np.fmin if lowest else np.fmax
        self.found: Extreme | None = None
        """None as long as no value is known."""

    def add(self, values: FloatArray, first: int) -> FloatArray:
        """Take values into account.

        Args:
            values: (interval, element, ...), NaN where unknown.
            first: which interval comes first.

        Returns:
            The extreme of each interval: (interval,), NaN where unknown.
        """
        intervals = len(values)
        rows = values.reshape(intervals, -1)
        if not rows.size:
            return np.full(intervals, np.nan)
        of_interval: FloatArray = self._pick.reduce(rows, axis=1)
        value = float(self._pick.reduce(of_interval))
        best = value if self.found is None else float(self._pick(value, self.found.value))
        if np.isnan(value) or (self.found is not None and best == self.found.value):
            return of_interval
        row = int(np.flatnonzero(of_interval == value)[0])
        place = int(np.flatnonzero(rows[row] == value)[0])
        self.found = Extreme(
            value=value,
            element=self._names[place // (rows.shape[1] // len(self._names))],
            time_s=(first + row) * self._interval_s,
        )
        return of_interval

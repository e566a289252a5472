"""Series of any length in a bounded number of points, such that no peak is lost."""

from typing import Any

import numpy as np

from gridloom.simulators.model import FloatArray

MOST_POINTS = 1500
"""About two a pixel of a wide window."""
_DIGITS = 7
"""Significant ones that a page gets: more than it can show."""


class Summary:
    """Lowest and highest value of equally long pieces of some series; NaN is skipped.

    A piece holds one row at first. Whenever there are too many pieces, neighbours become one: so
    memory is bounded, each row is looked at once, and it does not matter in which portions the
    rows come.
    """

    def __init__(self, columns: int, most_points: int = MOST_POINTS) -> None:
        """Begin without rows.

        Args:
            columns: number of series.
            most_points: most pieces; even.
        """
        self.rows = 0
        """How many have come."""
        self.width = 1
        """Rows a piece."""
        self._low = np.full((most_points, columns), np.nan)
        self._high = np.full((most_points, columns), np.nan)

    @property
    def points(self) -> int:
        """How many pieces there are; the last one may not be full."""
        return -(-self.rows // self.width)

    @property
    def full_points(self) -> int:
        """How many pieces will change no more."""
        return self.rows // self.width

    @property
    def low(self) -> FloatArray:
        """(piece, column), NaN where a piece holds nothing but NaN."""
        return self._low[: self.points]

    @property
    def high(self) -> FloatArray:
        """(piece, column), like `low`."""
        return self._high[: self.points]

    def add(self, rows: FloatArray) -> None:
        """Take over the rows that follow: (time, column)."""
        if not len(rows):
            return
        while self.rows + len(rows) > len(self._low) * self.width:
            self._halve()
        pieces = (self.rows + np.arange(len(rows))) // self.width
        starts = np.flatnonzero(np.diff(pieces, prepend=-1))
        into = slice(pieces[0], pieces[-1] + 1)
        self._low[into] = np.fmin(self._low[into], np.fmin.reduceat(rows, starts))
        self._high[into] = np.fmax(self._high[into], np.fmax.reduceat(rows, starts))
        self.rows += len(rows)

    def _halve(self) -> None:
        half = len(self._low) // 2
        for pieces, extreme in ((self._low, np.fmin), (self._high, np.fmax)):
            pieces[:half] = extreme(pieces[0::2], pieces[1::2])
            pieces[half:] = np.nan
        self.width *= 2

    def since(self, width: int, points: int) -> dict[str, Any]:
        """Return as JSON what somebody lacks who has so many full pieces of this width.

        `low` and `high` hold one list a series, from the piece `first`; `high` is left out where
        it is `low`. Null is NaN.
        """
        first = points if width == self.width and points <= self.full_points else 0
        low, high = self.low[first:], self.high[first:]
        told: dict[str, Any] = {
            "width": self.width,
            "first": first,
            "full": self.full_points,
            "rows": self.rows,
            "low": _lists(low),
        }
        return told if self.width == 1 else {**told, "high": _lists(high)}


def _lists(values: FloatArray) -> list[list[float | None]]:
    """Return one list a column, rounded; what is not finite is None."""
    exponent = np.log10(np.abs(values), out=np.zeros_like(values), where=values != 0)
    with np.errstate(invalid="ignore", over="ignore"):
        power = 10.0 ** np.clip(_DIGITS - 1 - np.floor(exponent), -300, 300)
        rounded = (np.round(values * power) / power).astype(object)
    rounded[~np.isfinite(values)] = None
    lists: list[list[float | None]] = rounded.T.tolist()
    return lists

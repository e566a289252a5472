"""Fewer points for a drawing, such that no peak and no gap is lost."""

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from gridloom.simulators.model import FloatArray

IndexArray: TypeAlias = NDArray[np.intp]


def keep_extremes(values: FloatArray, columns: int) -> IndexArray:
    """Return which points of a series to draw, in order, so that its line looks unchanged.

    The series is cut into at most ``columns`` pieces of equal length; of each the first, last,
    lowest and highest point stay, and the first NaN, so that gaps stay gaps. Drawn on ``columns``
    pixels this is the line of all points (M4: Jugel et al., PVLDB 7(10), 2014).

    Args:
        values: (time,), may hold NaN.
        columns: how many pieces at most.
    """
    length = len(values)
    if length <= 4 * columns:
        return np.arange(length)
    starts = column_starts(length, columns)
    width = -(-length // columns)
    table = np.full((len(starts), width), np.nan)
    table.flat[:length] = values
    gap = np.isnan(table)
    inside = np.arange(table.size).reshape(table.shape) < length
    chosen = [
        starts,
        np.minimum(starts + width, length) - 1,
        starts + np.argmin(np.where(gap, np.inf, table), axis=1),
        starts + np.argmax(np.where(gap, -np.inf, table), axis=1),
        starts + np.argmax(gap & inside, axis=1),
    ]
    return np.unique(np.concatenate(chosen))


def column_starts(length: int, columns: int) -> IndexArray:
    """Return where each of at most ``columns`` equally long pieces of a series begins."""
    return np.arange(0, length, max(1, -(-length // columns)))


def column_means(values: FloatArray, starts: IndexArray) -> FloatArray:
    """Return the mean of each piece, along the first axis: sums over time stay what they are."""
    sums = np.add.reduceat(values, starts, axis=0)
    lengths = np.diff(np.append(starts, len(values)))
    means: FloatArray = sums / lengths.reshape(-1, *[1] * (values.ndim - 1))
    return means


def column_extremes(values: FloatArray, starts: IndexArray, extreme: "np.ufunc") -> NDArray[Any]:
    """Return the lowest (`np.fmin`) or highest (`np.fmax`) value of each piece; NaN is skipped."""
    pieces: NDArray[Any] = extreme.reduceat(values, starts, axis=0)
    return pieces

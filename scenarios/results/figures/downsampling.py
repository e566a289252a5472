"""Fewer points for a drawing, such that no peak and no gap is lost."""

from collections.abc import Iterable, Iterator
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
    return _extremes_of_pieces(values, -(-length // columns))


def keep_extremes_of_each(
    blocks: Iterable[FloatArray], length: int, columns: int
) -> list[tuple[IndexArray, FloatArray]]:
    """Return what `keep_extremes` keeps of each of several series that come block by block.

    Args:
        blocks: (time, series) each, in order and without gaps.
        length: of all blocks together.
        columns: how many pieces at most.

    Returns:
        By series, the points to draw and their values.
    """
    width = 1 if length <= 4 * columns else -(-length // columns)
    starts = np.arange(0, length, width)
    kept: list[list[tuple[IndexArray, FloatArray]]] = []
    for first, _, rows in whole_pieces(blocks, starts, length):
        kept = kept or [[] for _ in rows.T]
        for series, values in zip(kept, rows.T, strict=True):
            points = np.arange(len(rows)) if width == 1 else _extremes_of_pieces(values, width)
            series.append((first * width + points, values[points]))
    return [
        (np.concatenate([points for points, _ in series]), np.concatenate([v for _, v in series]))
        for series in kept
    ]


def _extremes_of_pieces(values: FloatArray, width: int) -> IndexArray:
    """Return which points of a series to draw whose pieces have this length, but for the last."""
    length = len(values)
    starts = np.arange(0, length, width)
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


def whole_pieces(
    blocks: Iterable[FloatArray], starts: IndexArray, length: int
) -> Iterator[tuple[int, IndexArray, FloatArray]]:
    """Cut a series that comes block by block between its pieces instead.

    Args:
        blocks: (time, ...) each, in order and without gaps.
        starts: where each piece begins.
        length: of all blocks together.

    Yields:
        The number of a first piece, where it and those after it begin among the rows at hand, and
        these rows, which end with a piece.
    """
    bounds = np.append(starts, length)
    rest: FloatArray | None = None
    done = 0
    for block in blocks:
        rows = block if rest is None else np.concatenate([rest, block])
        begin = int(bounds[done])
        complete = int(np.searchsorted(bounds, begin + len(rows), side="right")) - 1
        rest = rows[bounds[complete] - begin :]
        if complete > done:
            yield done, bounds[done:complete] - begin, rows[: bounds[complete] - begin]
            done = complete


def column_starts(length: int, columns: int) -> IndexArray:
    """Return where each of at most ``columns`` equally long pieces of a series begins."""
    return np.arange(0, length, max(1, -(-length // columns)))


def column_means(values: FloatArray, starts: IndexArray) -> FloatArray:
    """Return the mean of each piece, along the first axis: sums over time stay what they are."""
    sums = np.add.reduceat(values, starts, axis=0)
    lengths = np.diff(np.append(starts, len(values)))
    means: FloatArray = sums / lengths.reshape(-1, *[1] * (values.ndim - 1))
    return means


def known_means(values: FloatArray, starts: IndexArray) -> FloatArray:
    """Return the mean of each piece over what is not NaN; NaN where there is nothing else."""
    known = np.isfinite(values)
    sums = np.add.reduceat(np.where(known, values, 0.0), starts)
    counts = np.add.reduceat(known.astype(np.float64), starts)
    return np.where(counts > 0, sums / np.maximum(counts, 1.0), np.nan)


def column_extremes(values: FloatArray, starts: IndexArray, extreme: "np.ufunc") -> NDArray[Any]:
    """Return the lowest (`np.fmin`) or highest (`np.fmax`) value of each piece; NaN is skipped."""
    pieces: NDArray[Any] = extreme.reduceat(values, starts, axis=0)
    return pieces

"""Means over fixed windows of time, of series too long to hold in memory."""

from collections.abc import Iterable

import numpy as np

from gridloom.simulators.model import FloatArray


def window_means(blocks: Iterable[FloatArray], step_s: int, window_s: int) -> FloatArray:
    """Return the means over consecutive windows from the start; NaN counts for nothing.

    A last window that is not full is left out, unless there is no other. Rows longer than the
    window are windows themselves.

    Args:
        blocks: (time, series) each, in order and without gaps.
        step_s: seconds between rows.
        window_s: length of a window.

    Returns:
        (window, series); NaN where a window has no value at all.
    """
    if step_s >= window_s:  # every row is a window: a year has too many to take them one by one
        return np.concatenate([np.where(np.isfinite(block), block, np.nan) for block in blocks])
    totals: list[FloatArray] = []
    counts: list[FloatArray] = []
    row = 0
    for block in blocks:
        windows = np.arange(row, row + len(block)) * step_s // window_s
        row += len(block)
        finite = np.isfinite(block)
        for window in np.unique(windows):
            inside = slice(*np.searchsorted(windows, (window, window + 1)))
            total = np.where(finite[inside], block[inside], 0.0).sum(axis=0)
            count = finite[inside].sum(axis=0).astype(np.float64)
            if window < len(totals):
                totals[window] += total
                counts[window] += count
            else:
                totals.append(total)
                counts.append(count)
    full = max(1, row * step_s // window_s)
    count = np.array(counts[:full])
    means = np.full(count.shape, np.nan)
    np.divide(np.array(totals[:full]), count, out=means, where=count > 0)
    return means

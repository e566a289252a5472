"""Which combinations no other one beats in two indicators at once."""

import numpy as np
from numpy.typing import NDArray

from gridloom.simulators.model import FloatArray


def non_dominated(x: FloatArray, y: FloatArray) -> NDArray[np.bool_]:
    """Return which points no other one dominates, less being better in both.

    A point dominates another if it is no worse in both and better in one; equal points do not
    dominate each other. Points that are not known (NaN) are not among them and dominate nothing.

    Sorted by x, then y, a point is dominated by another of less x if any has no greater y, and by
    another of equal x if the first of these has less y (Kung, Luccio and Preparata,
    Journal of the ACM 22, 1975).
    """
    chosen = np.zeros(len(x), dtype=np.bool_)
    order = np.lexsort((y, x))
    order = order[~(np.isnan(x) | np.isnan(y))[order]]
    if not len(order):
        return chosen
    xs, ys = x[order], y[order]
    begins = np.r_[True, xs[1:] != xs[:-1]]
    group = np.cumsum(begins) - 1
    least_of_group = ys[begins]
    least_before = np.r_[np.inf, np.minimum.accumulate(least_of_group)[:-1]]
    is_first = group == 0
    chosen[order] = (ys == least_of_group[group]) & (is_first | (ys < least_before[group]))
    return chosen

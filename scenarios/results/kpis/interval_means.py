"""Means of what steps hold, over intervals of any length."""

import numpy as np

from gridloom.simulators.model import FloatArray


def means_between(values: FloatArray, step_s: int, edges_s: FloatArray) -> FloatArray:
    """Return means over the time between edges; a step counts with the share it has in it.

    Args:
        values: (time, ...), each holds over a step; NaN counts as zero.
        step_s: length of a step.
        edges_s: (interval + 1,), increasing, within the steps.

    Returns:
        (interval, ...).
    """
    held = np.nan_to_num(values)
    zero = np.zeros((1, *held.shape[1:]))
    sums = np.concatenate([zero, np.cumsum(held, axis=0)]) * step_s
    whole = np.minimum((edges_s // step_s).astype(np.intp), len(held) - 1)
    into_s = (edges_s - whole * step_s).reshape(-1, *[1] * (held.ndim - 1))
    until = sums[whole] + held[whole] * into_s
    means: FloatArray = np.diff(until, axis=0) / np.diff(edges_s).reshape(into_s[1:].shape)
    return means

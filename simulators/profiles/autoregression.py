"""Random numbers that resemble those before them: a first-order autoregressive process."""

import math
from itertools import accumulate

import numpy as np

from gridloom.simulators.model import FloatArray


def correlated(
    noise: FloatArray, interval_s: int, correlation_time_s: int | None = None
) -> FloatArray:
    """Return standard normal numbers whose correlation decays exponentially in time.

    The AR(1) process ``x[0] = e[0]``, ``x[k] = a x[k-1] + sqrt(1 - a^2) e[k]`` with
    ``a = exp(-interval / correlation time)``: stationary from the first number on, and the same
    however many follow.

    Args:
        noise: (interval,), independent standard normal numbers.
        interval_s: time between two of them.
        correlation_time_s: after which the correlation has fallen to 1/e; None leaves the noise
            as it is.
    """
    if correlation_time_s is None:
        return noise
    ages = interval_s / correlation_time_s
    kept = math.exp(-ages)
    shocks = noise * math.sqrt(-math.expm1(-2 * ages))
    shocks[:1] = noise[:1]
    return np.array(list(accumulate(shocks.tolist(), lambda x, shock: kept * x + shock)))

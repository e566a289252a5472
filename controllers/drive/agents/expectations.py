"""What simulators expect of their devices, in the intervals of a negotiation."""

import numpy as np

from gridloom.simulators.model import FloatArray, Forecast


def means_by_element(forecast: Forecast, interval_s: int, duration_s: int) -> FloatArray:
    """Return a forecast's mean power of each element in each interval of the run.

    What straddles two intervals counts for each with its share; a last interval that the run cuts
    short is averaged over what it has.

    Args:
        forecast: each element apart; must reach the end of the run.
        interval_s: length of the intervals.
        duration_s: end of the run.

    Returns:
        (element, interval), kW, load convention.
    """
    power_kw = forecast.power_kw
    integral = np.concatenate([np.zeros((1, power_kw.shape[1])), np.cumsum(power_kw, axis=0)])
    bounds = np.append(np.arange(0, duration_s, interval_s), duration_s) / forecast.interval_s
    whole = np.minimum(bounds.astype(np.int64), len(power_kw) - 1)
    at_bounds = integral[whole] + (bounds - whole)[:, np.newaxis] * power_kw[whole]
    means: FloatArray = (np.diff(at_bounds, axis=0) / np.diff(bounds)[:, np.newaxis]).T
    return means

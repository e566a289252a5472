"""Distribution and correlation of the clear-sky index within an hour.

After J. Widén and J. Munkhammar, "Spatio-temporal downscaling of hourly solar irradiance data using
Gaussian copulas", 46th IEEE PVSC, 2019, pp. 3172-3178, doi 10.1109/PVSC40753.2019.8980922: given
the mean index of an hour, the instantaneous index is a mixture of two normal distributions, cloudy
and clear (eq. 9-14, parameters of Table I), and its Gaussian copula decays exponentially with
distance in the field of clouds. The coefficients that eq. 12 prints for the cloudy mean are those
of the clear one: only so is the clear mean near 1.
"""

import math
from dataclasses import dataclass

import numpy as np

from gridloom.simulators.model import FloatArray

_Z_MAX = 5.0
_TABLE_CELLS = 4096


@dataclass(frozen=True, kw_only=True)
class ClearSkyIndexMixture:
    """Weight, mean and standard deviation of the two states of the sky."""

    cloudy_weight: float
    cloudy_mean: float
    cloudy_std: float
    clear_mean: float
    clear_std: float

    @property
    def mean(self) -> float:
        """Mean of the index."""
        weight = self.cloudy_weight
        return weight * self.cloudy_mean + (1 - weight) * self.clear_mean

    @property
    def std(self) -> float:
        """Standard deviation of the index."""
        weight = self.cloudy_weight
        cloudy = self.cloudy_std**2 + self.cloudy_mean**2
        clear = self.clear_std**2 + self.clear_mean**2
        return math.sqrt(weight * cloudy + (1 - weight) * clear - self.mean**2)

    def cumulative(self, index: float) -> float:
        """Return the probability of a smaller index."""
        weight = self.cloudy_weight
        cloudy = _normal_cdf((index - self.cloudy_mean) / self.cloudy_std)
        return weight * cloudy + (1 - weight) * _normal_cdf(
            (index - self.clear_mean) / self.clear_std
        )


def mixture(mean_index: float) -> ClearSkyIndexMixture:
    """Return the distribution within an hour whose mean clear-sky index is ``mean_index``."""
    cloudy = 1 - 0.8051 * _sigmoid(7.3605 * (mean_index - 0.7092))
    clear = 1 - cloudy
    clear_mean = 2.2928 * cloudy * mean_index + 1.0801 * clear * (mean_index - 0.4532)
    return ClearSkyIndexMixture(
        cloudy_weight=cloudy,
        cloudy_mean=(mean_index - clear * clear_mean) / cloudy,
        cloudy_std=0.1997 * _sigmoid(5.0919 * (mean_index - 0.3863)),
        clear_mean=clear_mean,
        clear_std=0.3512 * (1 - _sigmoid(4.8414 * (mean_index - 0.6442))),
    )


def decay_per_m(mean_index: float) -> float:
    """Return the exponential decay of the copula's correlation with distance in 1/m."""
    return max(0.0043 * mean_index * (1 - mean_index), 1e-5)


class NormalToIndex:
    """Turns standard normal numbers into clear-sky indices of the same rank (never negative).

    Interpolates in a table of quantiles over +-5 standard deviations.
    """

    def __init__(self, distribution: ClearSkyIndexMixture) -> None:
        spread = 8 * max(distribution.cloudy_std, distribution.clear_std)
        means = (distribution.cloudy_mean, distribution.clear_mean)
        index = np.linspace(min(means) - spread, max(means) + spread, 8 * _TABLE_CELLS)
        probability = np.array([distribution.cumulative(value) for value in index])
        normal = np.linspace(-_Z_MAX, _Z_MAX, _TABLE_CELLS + 1)
        wanted = np.array([_normal_cdf(value) for value in normal])
        self._table = np.maximum(np.interp(wanted, probability, index), 0.0)
        self._slope = np.append(np.diff(self._table), 0.0)

    def __call__(self, normal: FloatArray) -> FloatArray:
        """Return the indices that belong to standard normal numbers, any shape."""
        position = (np.clip(normal, -_Z_MAX, _Z_MAX) + _Z_MAX) * (_TABLE_CELLS / (2 * _Z_MAX))
        cell = position.astype(np.int32)
        indices: FloatArray = self._table[cell] + (position - cell) * self._slope[cell]
        return indices


def _sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def _normal_cdf(x: float) -> float:
    return 0.5 * math.erfc(-x / math.sqrt(2))

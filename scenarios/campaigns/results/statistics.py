"""Means over seeds with confidence intervals, and differences of runs with the same seeds.

Seeds are the only repetitions. Where other things are averaged over as well, their mean of each
seed is one observation: runs that share a seed are not independent of each other. A seed counts
only where all of its runs have a value, so that all means are over the same cases.
"""

from dataclasses import dataclass

import numpy as np

from gridloom.scenarios.campaigns.results.points import Codes
from gridloom.simulators.model import FloatArray

CONFIDENCE = 0.95
_FEWEST = 2
"""Observations that an interval takes."""


@dataclass(frozen=True, kw_only=True)
class SeedMeans:
    """Means over seeds; all arrays have a row for each cell."""

    mean: FloatArray
    """NaN where no seed counts."""
    half_width: FloatArray
    """Of the interval around the mean, Student's t; NaN where fewer than two seeds count."""
    count: Codes
    """Of the seeds."""


def means_over_seeds(values: FloatArray, cells: Codes, seeds: Codes, size: int) -> SeedMeans:
    """Return the mean of each cell over its seeds.

    Args:
        values: (runs,), NaN where not known.
        cells: (runs,), which mean each run belongs to.
        seeds: (runs,), which seed it was computed with.
        size: number of cells.
    """
    if not len(values):
        return SeedMeans(
            mean=np.full(size, np.nan),
            half_width=np.full(size, np.nan),
            count=np.zeros(size, dtype=np.int64),
        )
    seed_count = int(seeds.max()) + 1
    places, units = np.unique(cells * seed_count + seeds, return_inverse=True)
    known = np.isfinite(values)
    planned = np.bincount(units, minlength=len(places))
    found = np.bincount(units[known], minlength=len(places))
    sums = np.bincount(units[known], weights=values[known], minlength=len(places))
    whole = found == planned
    return _over_observations(
        sums[whole] / planned[whole], np.asarray(places[whole] // seed_count), size
    )


def paired_differences(
    values: FloatArray, sides: Codes, cases: Codes, seeds: Codes, size: int
) -> SeedMeans:
    """Return by how much each side differs from side 0, mean over seeds.

    Only runs of the same case with the same seed are compared: what varies alike in both of a pair
    cancels.

    Args:
        values: (runs,), NaN where not known.
        sides: (runs,), what is compared.
        cases: (runs,), all else that was varied, but for the seed.
        seeds: (runs,), which seed it was computed with.
        size: number of sides.

    Returns:
        A row for each side; for side 0, zeros.
    """
    seed_count = int(seeds.max(initial=0)) + 1
    pairs, places = np.unique(cases * seed_count + seeds, return_inverse=True)
    table = np.full((len(pairs), size), np.nan)
    asked = np.zeros((len(pairs), size), dtype=np.bool_)
    table[places, sides] = values
    asked[places, sides] = True
    differences = table - table[:, :1]
    rows, columns = np.nonzero(asked & asked[:, :1])
    return means_over_seeds(differences[rows, columns], columns, pairs[rows] % seed_count, size)


def _over_observations(observed: FloatArray, cells: Codes, size: int) -> SeedMeans:
    from scipy.special import stdtrit

    count = np.bincount(cells, minlength=size)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.bincount(cells, weights=observed, minlength=size) / count
        squares = np.bincount(cells, weights=(observed - mean[cells]) ** 2, minlength=size)
        freedom = np.where(count >= _FEWEST, count - 1.0, np.nan)
        error = np.sqrt(squares / freedom / count)
        half_width = stdtrit(freedom, 0.5 + CONFIDENCE / 2) * error
    return SeedMeans(mean=mean, half_width=np.asarray(half_width), count=count)

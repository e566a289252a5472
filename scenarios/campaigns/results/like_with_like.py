"""Which runs count where some are missing, so that every mean is over the same cases.

A case is a combination of all that a mean averages over but seeds. A mean over cases of which some
are missing would be that of the cheap or of the dear ones: it takes a block of cases and seeds in
which nothing is missing, and says how many cases that are.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gridloom.scenarios.campaigns.results.points import Codes
from gridloom.simulators.model import FloatArray

_FEWEST_SEEDS = 2
"""That an interval takes: they are kept, where cases can go instead."""


@dataclass(frozen=True, kw_only=True)
class Counting:
    """The runs that count."""

    rows: Codes
    """In order."""
    cases: int
    """How many cases they are of."""
    asked: int
    """How many cases the campaign has."""

    @property
    def is_part(self) -> bool:
        """Whether cases are left out."""
        return self.cases < self.asked


def in_common(values: FloatArray, cells: Codes, cases: Codes, seeds: Codes) -> Counting:
    """Return the runs of the cases and seeds that all cells have.

    A cell that never has a value is not asked for one. Where cells were planned with different
    cases, only those count that all have, if there are any.

    Args:
        values: (runs,), NaN where not known.
        cells: (runs,), which mean each run belongs to.
        cases: (runs,), what is averaged over.
        seeds: (runs,), which seed it was computed with.
    """
    table = _Table(values, cells, cases, seeds)
    shared = table.planned == len(np.unique(cells[table.rows]))
    domain = shared if shared.any() else table.planned > 0
    has_case, has_seed = _complete_block(domain & (table.found < table.planned), domain)
    return table.counting(domain & has_case[:, np.newaxis] & has_seed)


def of_whole_cases(values: FloatArray, cells: Codes, cases: Codes, seeds: Codes) -> Counting:
    """Return all runs, or those of fewer cases where else a cell would be left without a seed.

    A cell takes those of its seeds that have all cases; which ones may differ from cell to cell.

    Args:
        values: (runs,), NaN where not known.
        cells: (runs,), which mean each run belongs to.
        cases: (runs,), what is averaged over.
        seeds: (runs,), which seed it was computed with.
    """
    table = _Table(values, cells, cases, seeds)
    everything = table.counting(table.planned > 0)
    if not len(values) or _has_whole_seeds(values, cells, seeds):
        return everything
    has_case, _ = _complete_block(table.found < table.planned, table.planned > 0)
    return (
        table.counting((table.planned > 0) & has_case[:, np.newaxis])
        if any(has_case)
        else everything
    )


def _has_whole_seeds(values: FloatArray, cells: Codes, seeds: Codes) -> bool:
    """Whether every cell with a value has a seed with all of its values."""
    known = np.isfinite(values)
    seed_count = int(seeds.max()) + 1
    places, units = np.unique(cells * seed_count + seeds, return_inverse=True)
    whole = np.bincount(units, weights=~known) == 0
    return set(cells[known].tolist()) <= set((places[whole] // seed_count).tolist())


class _Table:
    """How many cells were planned for each case and seed, and how many of them have a value."""

    def __init__(self, values: FloatArray, cells: Codes, cases: Codes, seeds: Codes) -> None:
        known = np.isfinite(values)
        self.rows: Codes = np.flatnonzero(np.isin(cells, cells[known]))
        case_codes, self._case = np.unique(cases[self.rows], return_inverse=True)
        seed_codes, self._seed = np.unique(seeds[self.rows], return_inverse=True)
        self.planned = np.zeros((len(case_codes), len(seed_codes)), dtype=np.int64)
        self.found = np.zeros_like(self.planned)
        np.add.at(self.planned, (self._case, self._seed), 1)
        np.add.at(self.found, (self._case, self._seed), known[self.rows])

    def counting(self, counts: NDArray[np.bool_]) -> Counting:
        """Return the runs of these cases and seeds."""
        return Counting(
            rows=self.rows[counts[self._case, self._seed]],
            cases=int(np.count_nonzero(counts.any(axis=1))),
            asked=len(self.planned),
        )


def _complete_block(
    missing: NDArray[np.bool_], asked: NDArray[np.bool_]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return cases and seeds of which nothing is missing.

    Case by case or seed by seed, whichever lacks the largest share goes first.
    """
    kept = [np.ones(length, dtype=np.bool_) for length in missing.shape]
    lacking = [missing.sum(axis=1), missing.sum(axis=0)]
    wanted = [asked.sum(axis=1), asked.sum(axis=0)]
    while lacking[0].any():
        shares = [
            lacked / np.maximum(whole, 1) for lacked, whole in zip(lacking, wanted, strict=True)
        ]
        worst = [int(share.argmax()) for share in shares]
        case_share, seed_share = (share[at] for share, at in zip(shares, worst, strict=True))
        few = kept[1].sum() <= _FEWEST_SEEDS
        axis = 0 if case_share > seed_share or (case_share == seed_share and few) else 1
        gone = worst[axis]
        kept[axis][gone] = False
        still = kept[1 - axis]
        lacking[1 - axis] -= still * missing.take(gone, axis=axis)
        wanted[1 - axis] -= still * asked.take(gone, axis=axis)
        lacking[axis][gone] = wanted[axis][gone] = 0
    return kept[0], kept[1]

"""Indicators of a campaign by what was varied: means over seeds, and differences of pairs."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gridloom.scenarios.campaigns.results.factors import Factor, combined
from gridloom.scenarios.campaigns.results.like_with_like import (
    Counting,
    in_common,
    of_whole_cases,
)
from gridloom.scenarios.campaigns.results.points import Codes
from gridloom.scenarios.campaigns.results.roles import Roles
from gridloom.scenarios.campaigns.results.statistics import (
    SeedMeans,
    means_over_seeds,
    paired_differences,
)
from gridloom.simulators.model import FloatArray


@dataclass(frozen=True, kw_only=True)
class Cells:
    """The combinations of some factors that a campaign has points of, in their order."""

    factors: tuple[Factor, ...]
    cell_of_point: Codes
    places: Codes
    """(cells, factors), place of the value of each factor."""

    def __len__(self) -> int:
        return len(self.places)

    def texts(self, cell: int) -> list[str]:
        """Return the values of a cell for humans."""
        places = self.places[cell].tolist()
        return [f.texts[place] for f, place in zip(self.factors, places, strict=True)]


def cells_of(factors: Sequence[Factor], points: int) -> Cells:
    """Return the combinations that there are of these factors."""
    sizes = tuple(len(factor) for factor in factors)
    codes, cell_of_point = np.unique(combined(factors, points), return_inverse=True)
    places = np.stack(np.unravel_index(codes, sizes), axis=1) if sizes else codes.reshape(1, -1)
    return Cells(
        factors=tuple(factors),
        cell_of_point=np.asarray(cell_of_point, dtype=np.int64),
        places=places[:, : len(sizes)],
    )


def cell_means(values: FloatArray, cells: Cells, roles: Roles) -> SeedMeans:
    """Return the mean of an indicator in each cell; all else but seeds is averaged over."""
    return means_over_seeds(values, cells.cell_of_point, roles.seed_codes, len(cells))


@dataclass(frozen=True, kw_only=True)
class Averages:
    """Means over seeds, and over how many cases of all else."""

    means: SeedMeans
    over: Counting


def shown_means(values: FloatArray, roles: Roles) -> Averages:
    """Return the means that a figure shows: arrays of (panels, schemes, positions)."""
    sizes = [len(f) if f else 1 for f in (roles.panel, roles.scheme, roles.x)]
    cells, seeds = combined(roles.shown, roles.points), roles.seed_codes
    over = of_whole_cases(values, cells, combined(roles.rest, roles.points), seeds)
    rows = over.rows
    means = means_over_seeds(values[rows], cells[rows], seeds[rows], int(np.prod(sizes)))
    return Averages(
        means=SeedMeans(
            mean=means.mean.reshape(sizes),
            half_width=means.half_width.reshape(sizes),
            count=means.count.reshape(sizes),
        ),
        over=over,
    )


def means_in_common(values: FloatArray, factor: Factor | None, roles: Roles) -> Averages:
    """Return the mean for each value of a factor, over what all of them have.

    Args:
        values: (points,), NaN where not known.
        factor: whose values are set against each other; without one there is one mean.
        roles: of all factors.
    """
    cells = factor.codes if factor else np.zeros(roles.points, dtype=np.int64)
    cases = combined([each for each in roles.settings if each is not factor], roles.points)
    over = in_common(values, cells, cases, roles.seed_codes)
    rows = over.rows
    size = len(factor) if factor else 1
    return Averages(
        means=means_over_seeds(values[rows], cells[rows], roles.seed_codes[rows], size), over=over
    )


def scheme_differences(
    values: FloatArray, scheme: Factor, roles: Roles, among: Codes | None = None
) -> list[Averages]:
    """Return by how much each scheme but the first differs from it, in pairs that share all else.

    All are over the cases and seeds that all schemes have, so that they compare with each other.

    Args:
        values: (points,), of an indicator.
        scheme: what is compared.
        roles: of all factors.
        among: the points that count; by default all.
    """
    some = np.arange(roles.points) if among is None else among
    others = combined([f for f in roles.settings if f is not scheme], roles.points)
    seeds = roles.seed_codes
    over = in_common(values[some], scheme.codes[some], others[some], seeds[some])
    counted = some[over.rows]
    found = []
    for side in range(1, len(scheme)):
        rows = counted[np.isin(scheme.codes[counted], (0, side))]
        is_side: Codes = (scheme.codes[rows] == side).astype(np.int64)
        means = paired_differences(values[rows], is_side, others[rows], seeds[rows], 2)
        found.append(Averages(means=means, over=over))
    return found

"""Indicators of a campaign by what was varied: means over seeds, and differences of pairs."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gridloom.scenarios.results.campaign.factors import Factor, combined
from gridloom.scenarios.results.campaign.points import Codes
from gridloom.scenarios.results.campaign.roles import Roles
from gridloom.scenarios.results.campaign.statistics import (
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


def shown_means(values: FloatArray, roles: Roles) -> SeedMeans:
    """Return the means that a figure shows: arrays of (panels, schemes, positions)."""
    sizes = [len(f) if f else 1 for f in (roles.panel, roles.scheme, roles.x)]
    cells = combined(roles.shown, roles.points)
    means = means_over_seeds(values, cells, roles.seed_codes, int(np.prod(sizes)))
    return SeedMeans(
        mean=means.mean.reshape(sizes),
        half_width=means.half_width.reshape(sizes),
        count=means.count.reshape(sizes),
    )


def in_common(values: FloatArray, factor: Factor | None, roles: Roles) -> FloatArray:
    """Return an indicator without the runs that not every value of a factor has a match for.

    A match shares all else, the seed included. What never has the indicator at all is not asked
    for one; where no case was planned for all, nothing is left out.

    Args:
        values: (points,), NaN where not known.
        factor: whose values are set against each other.
        roles: of all factors.
    """
    if factor is None:
        return values
    others = [each for each in (*roles.settings, *roles.seeds) if each is not factor]
    cases = np.unique(combined(others, roles.points), return_inverse=True)[1]
    known = np.zeros((int(cases.max(initial=-1)) + 1, len(factor)), dtype=np.bool_)
    planned = np.zeros_like(known)
    planned[cases, factor.codes] = True
    finite = np.isfinite(values)
    known[cases[finite], factor.codes[finite]] = True
    compared = known.any(axis=0)
    if not np.any(np.all(planned[:, compared], axis=1)):
        return values
    shared = np.asarray(np.all(known[:, compared], axis=1))
    return np.where(shared[cases], values, np.nan)


def scheme_differences(
    values: FloatArray, scheme: Factor, roles: Roles, among: Codes | None = None
) -> SeedMeans:
    """Return by how much each scheme differs from the first, in pairs that share all else.

    Args:
        values: (points,), of an indicator.
        scheme: what is compared.
        roles: of all factors.
        among: the points that count; by default all.
    """
    rows = np.arange(roles.points) if among is None else among
    others = [factor for factor in roles.settings if factor is not scheme]
    return paired_differences(
        values[rows],
        scheme.codes[rows],
        combined(others, roles.points)[rows],
        roles.seed_codes[rows],
        len(scheme),
    )

"""Which connection points a population is at, and where its values come from."""

from collections import Counter

import numpy as np

from gridloom.simulators.errors import Problem, ScenarioError, listing
from gridloom.simulators.model import BuildContext, StaticVariable
from gridloom.simulators.profiles.series import Series


def points_at(context: BuildContext, at: str | list[str]) -> tuple[str, ...]:
    """Return the connection points that the key ``at`` names; at least one, none twice.

    Raises:
        ScenarioError: a name is unknown, given twice, or 'all' without a grid.
    """
    if at == "all" and context.connection_points is None and "all" not in context.groups:
        raise ScenarioError(
            Problem(
                message="without a grid there is no telling what 'all' means",
                key=("at",),
                expected="a list of names",
            )
        )
    points = context.select(at, "at")
    twice = sorted(point for point, number in Counter(points).items() if number > 1)
    if twice or not points:
        message = f"named twice: {listing(twice)}" if twice else "no connection point is named"
        raise ScenarioError(Problem(message=message, key=("at",)))
    return points


def source_of(series: Series) -> StaticVariable:
    """Return the constant that tells the record where a profile's values come from."""
    return StaticVariable(
        name="profile_source",
        values=np.array(series.description),
        dimensions=(),
        long_name="where the profile comes from",
    )

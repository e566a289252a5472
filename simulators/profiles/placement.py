"""Which connection points a population is at, what each has, and where values come from."""

from collections import Counter
from typing import TypeAlias

import numpy as np

from gridloom.simulators.errors import Problem, ScenarioError, listing, nearest
from gridloom.simulators.model import BuildContext, FloatArray, StaticVariable
from gridloom.simulators.profiles.series import Series
from gridloom.simulators.quantities import NonNegative, Positive

PerElement: TypeAlias = Positive | dict[str, Positive]
"""One number for all elements, or one each by connection point."""
PerElementOrZero: TypeAlias = NonNegative | dict[str, NonNegative]
"""Likewise, where 0 is a sensible number."""


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


def per_element(
    given: float | dict[str, float], points: tuple[str, ...], key: str, kind: str
) -> FloatArray:
    """Return one number an element: (element,).

    Args:
        given: One number for all, or one each by connection point.
        points: The connection points.
        key: Where it is given.
        kind: What the elements are.

    Raises:
        ScenarioError: an element is missing, or unknown.
    """
    if not isinstance(given, dict):
        return np.full(len(points), given, dtype=np.float64)
    known = set(points)
    unknown = [name for name in given if name not in known]
    missing = [name for name in points if name not in given]
    if unknown or missing:
        problem = (
            f"no {kind} at {listing(unknown)}" if unknown else f"nothing for {listing(missing)}"
        )
        raise ScenarioError(
            Problem(
                message=problem,
                key=(key,),
                expected=f"one number, or one for every {kind}",
                suggestion=nearest((unknown or missing)[0], points if unknown else given),
            )
        )
    return np.array([given[name] for name in points], dtype=np.float64)


def source_of(series: Series) -> StaticVariable:
    """Return the constant that tells the record where a profile's values come from."""
    return StaticVariable(
        name="profile_source",
        values=np.array(series.description),
        dimensions=(),
        long_name="where the profile comes from",
    )

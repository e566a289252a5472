"""What a campaign varies independently: an axis, or several that are walked side by side."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from gridloom.scenarios.campaigns.point import Axis, Parameter
from gridloom.scenarios.campaigns.results.points import Codes, Points
from gridloom.simulators.model import FloatArray


@dataclass(frozen=True, kw_only=True)
class Factor:
    """Axes of which each value of one goes with one value of every other."""

    axes: tuple[Axis, ...]
    codes: Codes
    """(points,), place of each point's value among the labels."""
    labels: tuple[tuple[Parameter, ...], ...]
    """(axes, values): what each axis has at each place."""

    @property
    def name(self) -> str:
        """The name of its first axis stands for all of them."""
        return self.axes[0].name

    @property
    def title(self) -> str:
        """For humans, with the unit."""
        return ", ".join(
            f"{axis.name} ({axis.unit})" if axis.unit not in ("", "1") else axis.name
            for axis in self.axes
        )

    def __len__(self) -> int:
        return len(self.labels[0])

    @property
    def is_seed(self) -> bool:
        """Whether it only repeats the experiment."""
        return all(axis.is_seed for axis in self.axes)

    @cached_property
    def texts(self) -> tuple[str, ...]:
        """Each value for humans."""
        return tuple(", ".join(map(str, values)) for values in zip(*self.labels, strict=True))

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Each value as it is called away from its axis: numbers with the axis' name."""
        if self.positions is None:
            return self.texts
        return tuple(f"{self.name} {text}" for text in self.texts)

    @cached_property
    def positions(self) -> FloatArray | None:
        """Each value as a number, where its first axis has numbers only, else None."""
        first = self.labels[0]
        if any(isinstance(label, bool | str) for label in first):
            return None
        return np.array([float(label) for label in first])


def factors_of(points: Points) -> list[Factor]:
    """Return what varies independently, in the order of the axes.

    Axes with the same number of values (two or more) of which each goes with one of the other only
    are walked side by side.
    """
    groups: list[list[int]] = []
    for place in range(len(points.axes)):
        for group in groups:
            if _side_by_side(points, group[0], place):
                group.append(place)
                break
        else:
            groups.append([place])
    return [_factor(points, group) for group in groups]


def is_product(factors: Sequence[Factor], points: Points) -> bool:
    """Whether there is exactly one point for every combination of values."""
    size = int(np.prod([len(factor) for factor in factors], dtype=np.int64))
    return size == len(points) == len(np.unique(combined(factors, len(points))))


def combined(factors: Sequence[Factor], points: int) -> Codes:
    """Return for each point which combination of the factors' values it is, in their order."""
    codes = np.zeros(points, dtype=np.int64)
    for factor in factors:
        codes = codes * len(factor) + factor.codes
    return codes


def _side_by_side(points: Points, one: int, other: int) -> bool:
    size = len(points.axes[one].labels)
    if size < 2 or len(points.axes[other].labels) != size:  # noqa: PLR2004 -- one value is constant
        return False
    pairs = points.parameters[:, one] * size + points.parameters[:, other]
    return len(np.unique(pairs)) == size == len(np.unique(points.parameters[:, one]))


def _factor(points: Points, places: Sequence[int]) -> Factor:
    first = points.parameters[:, places[0]]
    size = len(points.axes[places[0]].labels)
    rows = np.zeros(size, dtype=np.int64)
    rows[first] = np.arange(len(first))  # any point that has the value tells its companions
    return Factor(
        axes=tuple(points.axes[place] for place in places),
        codes=first,
        labels=tuple(
            tuple(points.axes[place].labels)
            if place == places[0]
            else tuple(
                points.axes[place].labels[code] for code in points.parameters[rows, place].tolist()
            )
            for place in places
        ),
    )

"""What a coordinator and its agents have agreed on before the first negotiation."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gridloom.simulators.errors import Problem, ScenarioError, listing
from gridloom.simulators.model import Dimension, ElementSet, IntArray
from gridloom.simulators.quantities import SECONDS_PER_HOUR


@dataclass(frozen=True, kw_only=True)
class Net:
    """Part of the grid whose power is to be balanced, and whose agents get the same requests."""

    name: str
    points: tuple[str, ...]
    """Its connection points."""


@dataclass(frozen=True, kw_only=True)
class Terms:
    """The intervals that requests, offers and orders speak of, and the nets that are balanced."""

    coordinator: str
    """Who leads the negotiations."""
    interval_s: int
    """Length of an interval; a negotiation takes place before each."""
    count: int
    """Intervals of a profile: the one that begins now, and those after it."""
    parts: tuple[Net, ...] = ()
    """The nets that requests come from; by default a single one, called like its coordinator, to
    which every device belongs."""

    @property
    def hours(self) -> float:
        """Length of an interval."""
        return self.interval_s / SECONDS_PER_HOUR

    @property
    def horizon(self) -> Dimension:
        """The axis of a profile: when each interval begins, seconds from now."""
        begins = (str(number * self.interval_s) for number in range(self.count))
        return Dimension(name="interval_ahead_s", labels=tuple(begins))

    @property
    def nets(self) -> ElementSet:
        """Whom a request comes from: the nets that are to be balanced."""
        names = tuple(net.name for net in self.parts) or (self.coordinator,)
        return ElementSet(kind="net", owner=self.coordinator, names=names)

    def nets_at(self, points: Sequence[str]) -> IntArray:
        """Return the net that each connection point belongs to: its place among `nets`.

        Raises:
            ScenarioError: a point belongs to none.
        """
        if not self.parts:
            return np.zeros(len(points), dtype=np.int64)
        place = {p: number for number, net in enumerate(self.parts) for p in net.points}
        outside = [point for point in points if point not in place]
        if outside:
            raise ScenarioError(
                Problem(
                    message=f"{listing(outside)} belong to none of the nets that "
                    f"'{self.coordinator}' balances",
                    key=("controls",),
                    expected=f"devices at {listing(sorted(place))}",
                )
            )
        return np.array([place[point] for point in points], dtype=np.int64)

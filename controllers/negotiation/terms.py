"""What a coordinator and its agents have agreed on before the first negotiation."""

from dataclasses import dataclass

from gridloom.simulators.model import Dimension, ElementSet
from gridloom.simulators.quantities import SECONDS_PER_HOUR


@dataclass(frozen=True, kw_only=True)
class Terms:
    """The intervals that requests, offers and orders speak of."""

    coordinator: str
    """Who leads the negotiations."""
    interval_s: int
    """Length of an interval; a negotiation takes place before each."""
    count: int
    """Intervals of a profile: the one that begins now, and those after it."""

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
        """Whom a request comes from: the net that is to be balanced."""
        return ElementSet(kind="net", owner=self.coordinator, names=(self.coordinator,))

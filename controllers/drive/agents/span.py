"""The time that agents plan."""

from dataclasses import dataclass

import numpy as np

from gridloom.simulators.model import FloatArray
from gridloom.simulators.quantities import SECONDS_PER_HOUR


@dataclass(frozen=True, kw_only=True)
class Span:
    """Intervals that are planned, the present one first."""

    start_s: int
    """Begin of the present interval, seconds since the start of the scenario."""
    interval_s: int
    count: int

    @property
    def end_s(self) -> int:
        """End of the last interval."""
        return self.start_s + self.count * self.interval_s

    @property
    def interval_h(self) -> float:
        """Length of an interval."""
        return self.interval_s / SECONDS_PER_HOUR

    def places(self, times_s: FloatArray) -> FloatArray:
        """Return times in intervals from the start, 0 to `count`: 1.5 is within the second."""
        return np.clip((times_s - self.start_s) / self.interval_s, 0.0, self.count)

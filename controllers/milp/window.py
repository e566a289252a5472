"""The stretch of time that a plan covers, in intervals and settlement periods."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from gridloom.controllers.milp.problem import IntArray
from gridloom.simulators.model import FloatArray
from gridloom.simulators.quantities import SECONDS_PER_HOUR


@dataclass(frozen=True, kw_only=True)
class Window:
    """Intervals from the start of a settlement period on; those before now are over.

    Plans of equal length have equal shape whatever the time, so that one model solves them all.
    """

    start_s: int
    """Start of a settlement period."""
    now_s: int
    """From here on there is something to decide."""
    end_s: int
    """End of the last interval, or of the run if that comes before it."""
    interval_s: int
    intervals: int

    @classmethod
    def at(
        cls, now_s: int, *, interval_s: int, period_s: int, duration_s: int, horizon_s: int | None
    ) -> "Window":
        """Return the window of a plan that is made now.

        Args:
            now_s: seconds since the start of the run.
            interval_s: length of an interval; divides the settlement period.
            period_s: length of a settlement period.
            duration_s: end of the run.
            horizon_s: how far the plan reaches at least; None: to the end of the run.
        """
        if horizon_s is None:
            start_s, length_s = 0, duration_s
        else:
            start_s = now_s - now_s % period_s
            length_s = (-(-horizon_s // period_s) + 1) * period_s
        return cls(
            start_s=start_s,
            now_s=now_s,
            end_s=min(start_s + length_s, duration_s),
            interval_s=interval_s,
            intervals=-(-length_s // interval_s),
        )

    @cached_property
    def edges_s(self) -> FloatArray:
        """(interval + 1,), boundaries of the intervals, none beyond `end_s`."""
        edges = self.start_s + np.arange(self.intervals + 1) * float(self.interval_s)
        within: FloatArray = np.minimum(edges, float(self.end_s))
        return within

    @property
    def interval_h(self) -> float:
        """Length of an interval."""
        return self.interval_s / SECONDS_PER_HOUR

    def interval_at(self, time_s: int) -> int:
        """Return in which interval a time lies."""
        return (time_s - self.start_s) // self.interval_s

    def periods(self, period_s: int) -> IntArray:
        """Return the settlement period of each interval, counted from the run's start."""
        begin_s = self.start_s + np.arange(self.intervals) * self.interval_s
        return begin_s // period_s

    def to_come(self, by_interval: FloatArray) -> FloatArray:
        """Cut what is known of the run's intervals, (..., interval), to this window.

        Intervals that are over, or beyond the end of the run, hold 0.
        """
        cut = np.zeros((*by_interval.shape[:-1], self.intervals))
        first = self.now_s // self.interval_s
        stop = min(-(-self.end_s // self.interval_s), by_interval.shape[-1])
        offset = self.start_s // self.interval_s
        cut[..., first - offset : stop - offset] = by_interval[..., first:stop]
        return cut

"""Who is plugged in as time goes on."""

import numpy as np
from numpy.typing import NDArray

from gridloom.simulators.ev_sessions import SessionTable, whole_steps


class Occupancy:
    """Which session occupies each charging point as time goes on."""

    def __init__(self, sessions: SessionTable, points: int, step_s: int) -> None:
        self._charging_point = sessions.charging_point
        self._begin_s, self._end_s = whole_steps(sessions, step_s)
        self._next_row = 0
        self._leaves_s = np.full(points, np.inf)
        self.plugged_in: NDArray[np.bool_] = np.zeros(points, dtype=np.bool_)
        self.next_change_s = -np.inf
        """When the next vehicle comes or leaves."""

    def advance(self, time: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Move on to ``time``; return the points that were left and the sessions that began.

        A point at which one vehicle follows another is among both. The sessions are ordered by
        arrival, so that each is looked at once.
        """
        gone = np.flatnonzero(self._leaves_s <= time)
        self._leaves_s[gone] = np.inf
        stop = int(np.searchsorted(self._begin_s, time, side="right"))
        come = np.arange(self._next_row, stop)
        come = come[self._end_s[come] > time]
        self._next_row = stop
        self._leaves_s[self._charging_point[come]] = self._end_s[come]
        self.plugged_in = np.isfinite(self._leaves_s)
        next_arrival_s = self._begin_s[stop] if stop < len(self._begin_s) else np.inf
        self.next_change_s = min(next_arrival_s, self._leaves_s.min())
        return gone, come

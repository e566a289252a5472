"""How fast a run goes on, and when it will be done."""

from collections import deque
from time import monotonic

_WINDOW_S = 30.0
_LEAST_S = 1.0
"""Between two observations."""


class Pace:
    """Simulated time a second of wall time, over the last half minute that was observed."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()

    def note(self, time_s: int, now_s: float | None = None) -> None:
        """Note that the simulation has reached ``time_s``.

        Args:
            time_s: simulation time, seconds since the start.
            now_s: wall time, any monotonic clock; this process's own by default.
        """
        now_s = monotonic() if now_s is None else now_s
        seen = self._seen
        if seen and now_s - seen[-1][0] < _LEAST_S:
            return
        seen.append((now_s, time_s))
        while now_s - seen[0][0] > _WINDOW_S and len(seen) > 2:  # noqa: PLR2004 -- two make a pace
            seen.popleft()

    @property
    def speed(self) -> float | None:
        """Times real time; None as long as nobody knows."""
        if len(self._seen) < 2:  # noqa: PLR2004
            return None
        (first_s, first), (last_s, last) = self._seen[0], self._seen[-1]
        return (last - first) / (last_s - first_s)

    def left_s(self, time_s: int, duration_s: int | None) -> float | None:
        """Return the wall time until the simulation reaches its end; None if nobody knows."""
        speed = self.speed
        if not speed or duration_s is None:
            return None
        return max(0, duration_s - time_s) / speed

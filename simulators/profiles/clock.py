"""Wall-clock time of a scenario, and series that are made day by day of it."""

import math
from abc import abstractmethod
from collections import OrderedDict
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from gridloom.simulators.model import FloatArray
from gridloom.simulators.profiles.series import HeldSeries

DAY_S = 86400
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_QUARTER_S = 900
"""Every change of a UTC offset in force today falls on a quarter of an hour."""
_FEW_DAYS_S = 14 * DAY_S
"""No zone leaves summer time and enters it again within this."""


class LocalClock:
    """Local wall-clock time at seconds since the scenario's start, through summer-time changes."""

    def __init__(self, start: datetime) -> None:
        """Count from ``start``, which knows its time zone; fractions of a second are dropped."""
        self._zone = start.tzinfo
        self.epoch_s = (start - _EPOCH) // timedelta(seconds=1)
        """Seconds from 1970-01-01 00:00 UTC to the scenario's start."""

    def _offset_s(self, time_s: int) -> int:
        moment = _EPOCH + timedelta(seconds=self.epoch_s + time_s)
        offset = moment.astimezone(self._zone).utcoffset()
        return 0 if offset is None else offset // timedelta(seconds=1)

    def wall(self, times_s: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return local days since 1970-01-01 and wall-clock seconds since their midnight.

        An hour skipped in spring is absent and one repeated in autumn appears twice.
        """
        first, last = int(times_s[0]), int(times_s[-1])
        offset = self._offset_s(first)
        local = times_s + (self.epoch_s + offset)
        if last - first > _FEW_DAYS_S or offset != self._offset_s(last):
            quarters = (times_s + self.epoch_s) // _QUARTER_S
            unique, inverse = np.unique(quarters, return_inverse=True)
            instants = (int(quarter) * _QUARTER_S - self.epoch_s for quarter in unique)
            offsets = np.array([self._offset_s(instant) for instant in instants])
            local = times_s + self.epoch_s + offsets[inverse]
        return local // DAY_S, local % DAY_S

    @property
    def start_of_day_s(self) -> int:
        """Time of the wall clock at the scenario's start, seconds since midnight."""
        return (self.epoch_s + self._offset_s(0)) % DAY_S


class DailySeries(HeldSeries):
    """A series made for whole local days; keeps the last two days in memory."""

    def __init__(self, clock: LocalClock, resolution_s: int, description: str) -> None:
        # Summer time moves the wall clock by multiples of half an hour: the grid survives it.
        grid = math.gcd(resolution_s, 1800)
        super().__init__(grid, -clock.start_of_day_s % grid, description)
        self._clock = clock
        self._interval_s = resolution_s
        self._days: OrderedDict[int, FloatArray] = OrderedDict()

    @abstractmethod
    def day(self, day: int) -> FloatArray:
        """Return the values of one local day, counted from 1970-01-01: (interval, element)."""

    def _kept(self, day: int) -> FloatArray:
        if day not in self._days:
            self._days[day] = self.day(day)
            if len(self._days) > 2:  # noqa: PLR2004 -- a block may straddle midnight
                self._days.popitem(last=False)
        return self._days[day]

    @override
    def values(self, times_s: NDArray[np.int64]) -> FloatArray:
        days, seconds = self._clock.wall(times_s)
        rows = seconds // self._interval_s
        if days[0] == days[-1]:
            return self._kept(int(days[0]))[rows]
        blocks = [self._kept(int(day))[rows[days == day]] for day in np.unique(days)]
        return np.concatenate(blocks)


def date_of(day: int) -> str:
    """Write a day counted from 1970-01-01 as its date.

    >>> date_of(18628)
    '2021-01-01'
    """
    return str(np.datetime64(day, "D"))


def is_weekend(day: int) -> bool:
    """Tell whether a day counted from 1970-01-01, a Thursday, is a Saturday or Sunday."""
    return (day + 3) % 7 >= 5  # noqa: PLR2004 -- Monday is 0

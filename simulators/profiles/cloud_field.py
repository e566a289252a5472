"""Clear-sky index at many sites under a frozen field of clouds that drifts over them.

The field's Gaussian copula is an exponential correlation along the direction of drift times one
across it. A site sees its line of the field pass, later the farther downwind it lies: an AR(1)
process in time, delayed. For sites along or across the drift this is Widén and Munkhammar's model
exactly; on the diagonal it decays with the sum of both distances instead of the straight one.

Any hour can be made alone, and is the same whatever the scenario's start and duration: the values
at full hours are a chain drawn anew for each solar day, and within an hour the AR(1) process is
drawn conditional on both ends (a bridge).
"""

from collections import OrderedDict
from datetime import datetime

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from gridloom.simulators.model import BuildContext, FloatArray
from gridloom.simulators.profiles.clear_sky_index import NormalToIndex, decay_per_m, mixture
from gridloom.simulators.profiles.clock import LocalClock, date_of
from gridloom.simulators.profiles.series import HeldSeries

_HOUR_S = 3600
_HOURS_KEPT = 3
_DAYS_KEPT = 2


class CloudField(HeldSeries):
    """Clear-sky index at each site over time."""

    def __init__(
        self,
        context: BuildContext,
        positions_m: FloatArray,
        *,
        mean_index: float,
        cloud_speed_m_per_s: float,
        resolution_s: int,
        longitude_deg: float,
    ) -> None:
        """Draw from the streams of ``context``.

        Args:
            context: Start of the scenario and random numbers.
            positions_m: Distance along and across the drift of the clouds: (site, 2). Along it is
                rounded to what the clouds travel in one interval.
            mean_index: Mean clear-sky index.
            cloud_speed_m_per_s: Speed of the drift.
            resolution_s: Interval of the values; divides an hour.
            longitude_deg: Tells when the solar day begins.
        """
        self._solar_epoch_s = _solar_epoch_s(context.start, longitude_deg)
        super().__init__(resolution_s, -self._solar_epoch_s % resolution_s, "synthetic: clouds")
        self._context = context
        self._per_hour = _HOUR_S // resolution_s
        along, across = positions_m[:, 0], positions_m[:, 1]
        travel = cloud_speed_m_per_s * resolution_s
        self._delay = np.rint((along - along.min()) / travel).astype(np.int64)
        lines, self._line = np.unique(across.round(2), return_inverse=True)
        decay = decay_per_m(mean_index)
        self._decay = decay * travel
        self._across = _cholesky_of_exponential(decay * lines)
        self._to_index = NormalToIndex(mixture(mean_index))
        self._hours: OrderedDict[int, FloatArray] = OrderedDict()
        self._chains: OrderedDict[int, FloatArray] = OrderedDict()
        age = self._decay * np.arange(1, self._per_hour + 1)[:, None]
        self._ageing = np.exp(-age)
        self._shock = np.sqrt(-np.expm1(-2 * self._decay)) * np.exp(age)
        # What the end of the hour, known already, says about the time before it.
        self._told_by_end = np.exp(age - age[-1]) * np.expm1(-2 * age) / np.expm1(-2 * age[-1])

    @override
    def values(self, times_s: NDArray[np.int64]) -> FloatArray:
        sample = (times_s + self._solar_epoch_s) // self.resolution_s
        first = (int(sample[0]) - int(self._delay.max())) // self._per_hour
        last = int(sample[-1]) // self._per_hour
        passing = np.concatenate([self._hour(hour) for hour in range(first, last + 1)])
        row = sample[:, None] - (self._delay + first * self._per_hour)
        held: FloatArray = passing[row, self._line]
        return held

    def _hour(self, hour: int) -> FloatArray:
        """Return the index of each line of the field over one hour: (sample, line)."""
        if hour not in self._hours:
            self._hours[hour] = self._to_index(self._bridge(hour))
            if len(self._hours) > _HOURS_KEPT:
                self._hours.popitem(last=False)
        return self._hours[hour]

    def _bridge(self, hour: int) -> FloatArray:
        """Draw the AR(1) process of an hour between its ends: (sample, line), standard normal."""
        begin, end = self._at_full_hour(hour), self._at_full_hour(hour + 1)
        rng = self._context.rng(f"clouds/{date_of(hour // 24)}/{hour % 24}")
        noise = rng.standard_normal((self._per_hour, len(begin))) @ self._across.T
        noise *= self._shock
        free = (begin + np.cumsum(noise, axis=0)) * self._ageing
        tied = free + self._told_by_end * (end - free[-1])
        return np.concatenate([begin[None], tied[:-1]])

    def _at_full_hour(self, hour: int) -> FloatArray:
        """Return the process at the begin of an hour, from the chain of its solar day: (line,)."""
        day, number = divmod(hour, 24)
        if day not in self._chains:
            self._chains[day] = self._chain(day)
            if len(self._chains) > _DAYS_KEPT:
                self._chains.popitem(last=False)
        state: FloatArray = self._chains[day][number]
        return state

    def _chain(self, day: int) -> FloatArray:
        """Draw the process at the begin of each hour of a solar day: (24, line)."""
        rng = self._context.rng(f"clouds/{date_of(day)}")
        fresh = rng.standard_normal((24, len(self._across))) @ self._across.T
        kept = np.exp(-self._decay * self._per_hour)
        states = [fresh[0]]
        for drawn in fresh[1:]:
            states.append(kept * states[-1] + np.sqrt(1 - kept**2) * drawn)
        return np.array(states)


def _solar_epoch_s(start: datetime, longitude_deg: float) -> int:
    """Return the scenario's start in seconds since 1970-01-01, by a clock of the solar zone.

    Days then begin near solar midnight, where a break in the field matters least.
    """
    return LocalClock(start).epoch_s + round(longitude_deg / 15) * _HOUR_S


def _cholesky_of_exponential(distance: FloatArray) -> FloatArray:
    """Return the Cholesky factor of exp(-|a - b|) for ascending positions, in closed form.

    An exponential correlation on a line is a Markov chain: each value is the one before, damped,
    plus fresh noise. Unlike a numerical factorisation this cannot fail for points close together.
    """
    fresh = np.sqrt(-np.expm1(-2 * np.diff(distance, prepend=-np.inf)))
    factor: FloatArray = np.tril(np.exp(-np.abs(distance[:, None] - distance))) * fresh
    return factor

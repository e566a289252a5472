"""Synthetic electricity demand of single households, minute by minute.

Every household has its own size, ownership and ratings; its people are active or not (a correlated
process whose mean is the share of active households at each minute), and active people start
appliances: an inhomogeneous Poisson process of starts per kind of appliance. Refrigerators cycle,
standby is always there.

Statistics at the default 8.8 kWh a day, of 60 populations of 55 houses over two days, beside the
55 load shapes of the IEEE European LV Test Feeder (one day), which they are made to resemble:

    =======================================================  =========  =====
    statistic                                                generator  IEEE
    =======================================================  =========  =====
    energy of a house in a day: mean, kWh                         8.7    8.8
    ... standard deviation, kWh                                   4.0    3.8
    peak of a house in a day: 10th percentile, kW                 2.8    2.3
    ... median, kW                                                5.1    5.1
    ... 90th percentile, kW                                       9.9   10.7
    peak of all 55 houses together, a house, kW                   1.04   1.04
    ... of 10 houses, kW                                          1.85   1.83
    share of time above 0.1 kW                                    0.59   0.58
    ... above 0.5 kW                                              0.13   0.17
    ... above 2 kW                                                0.048  0.044
    share of minutes with a step of more than 1 kW                0.012  0.010
    ... without any step                                          0.91   0.87
    correlation of two houses: minutes                            0.07   0.08
    ... half hours                                                0.15   0.16
    autocorrelation of a house after 1 minute                     0.90   0.90
    ... after 10 minutes                                          0.45   0.52
    ... after 30 minutes                                          0.18   0.17
    =======================================================  =========  =====
"""

from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise
from statistics import NormalDist
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from gridloom.simulators.model import BuildContext, FloatArray
from gridloom.simulators.profiles.appliances import (
    APPLIANCES,
    COLD_KW,
    COLD_PERIOD_MIN,
    COLD_RUN_MIN,
    MINUTES_PER_DAY,
    STANDBY_KW,
    Appliance,
    active_share,
    use_over_day,
)
from gridloom.simulators.profiles.clock import DailySeries, LocalClock, date_of, is_weekend
from gridloom.simulators.quantities import Config, Positive

IntArray: TypeAlias = NDArray[np.int64]

_SPILL_MIN = 360
"""How far the uses begun on one day may reach into the next."""
_ACTIVITY_STEP_MIN = 10
_ACTIVITY_MEMORY_MIN = 240.0
"""Time constant of people's being active or not."""
_SIZE_SPREAD = 0.2
"""Standard deviation over mean of what households of one kind start in a day."""
_RATING_SPREAD = 0.12
_ENERGY_OF_TABLE = (
    sum(appliance.energy_kwh_per_day for appliance in APPLIANCES)
    + 24 * STANDBY_KW
    + 24 * COLD_KW * COLD_RUN_MIN / COLD_PERIOD_MIN
)


class HouseholdProfile(Config):
    """Synthetic households, drawn anew for every scenario seed."""

    generator: Literal["household"]
    """Selects the generator."""
    mean_energy_kwh_per_day: Positive = 8.8
    """Mean consumption of a household; how often appliances are started scales with it."""


class Households(DailySeries):
    """Synthetic demand in kW of a population of households, 1-minute resolution.

    The same seed, model name and local day give the same values, whatever the scenario's start and
    duration: each day has its own stream of random numbers, and uses that cross midnight are
    carried over from the day before.
    """

    def __init__(self, config: HouseholdProfile, context: BuildContext, houses: int) -> None:
        super().__init__(LocalClock(context.start), 60, "synthetic: household generator")
        self._context = context
        self._houses = houses
        self._scale = config.mean_energy_kwh_per_day / _ENERGY_OF_TABLE
        rng = context.rng("household")
        kinds = (len(APPLIANCES), houses)
        size = _lognormal(rng, _SIZE_SPREAD, (houses,))
        owned = rng.random(kinds) < np.array([[kind.ownership] for kind in APPLIANCES])
        self._starts = self._scale * owned * size
        self._rating = _lognormal(rng, _RATING_SPREAD, kinds)
        self._standby = self._scale * STANDBY_KW * rng.uniform(0.55, 1.2, houses) / 0.875
        self._cold_kw = self._scale * COLD_KW * _lognormal(rng, _RATING_SPREAD, (houses,))
        self._cold_period = COLD_PERIOD_MIN * _lognormal(rng, 0.25, (houses,))
        self._cold_phase = rng.random(houses)
        self._tail: tuple[int, FloatArray] | None = None

    @override
    def day(self, day: int) -> FloatArray:
        """Return the demand of one local day, counted from 1970-01-01: (minute, house)."""
        own = self._uses(day)
        if self._tail is None or self._tail[0] != day:
            self._tail = (day, self._uses(day - 1)[MINUTES_PER_DAY:])
        demand = own[:MINUTES_PER_DAY]
        demand[:_SPILL_MIN] += self._tail[1]
        self._tail = (day + 1, own[MINUTES_PER_DAY:])
        return np.round(demand + self._standby + self._cold(day), 3)

    def _cold(self, day: int) -> FloatArray:
        """Return the compressors' power, a square wave through all days: (minute, house)."""
        minutes = (day * MINUTES_PER_DAY + np.arange(MINUTES_PER_DAY))[:, None]
        cycle = minutes / self._cold_period + self._cold_phase
        cycle -= np.floor(cycle)
        return np.where(cycle < COLD_RUN_MIN / COLD_PERIOD_MIN, self._cold_kw, 0.0)

    def _uses(self, day: int) -> FloatArray:
        """Return the power of all uses begun on this day: (minute and spill, house)."""
        rng = self._context.rng(f"household/{date_of(day)}")
        share = active_share(weekend=is_weekend(day))
        active = _active(rng, share, self._houses)
        cells, changes = [], []
        for kind, starts, rating in zip(APPLIANCES, self._starts, self._rating, strict=True):
            readiness = use_over_day(kind.use)
            weight = readiness / (readiness @ share) * kind.starts_per_day
            minute, house = _starts(rng, active, weight, starts)
            for edge, change in _edges(kind, minute, rng):
                cells.append(edge * self._houses + house)
                changes.append(change * rating[house])
        shape = (MINUTES_PER_DAY + _SPILL_MIN + 1, self._houses)
        steps = np.zeros(shape[0] * shape[1])
        np.add.at(steps, np.concatenate(cells), np.concatenate(changes))
        power = steps.reshape(shape)
        for before, after in pairwise(power):  # far quicker than cumsum across the rows
            np.add(before, after, out=after)
        return power[:-1]


def _edges(
    kind: Appliance, start: IntArray, rng: np.random.Generator
) -> Iterator[tuple[IntArray, float]]:
    """Yield the minutes at which uses begun at ``start`` change power, and by how much in kW."""
    stretch = _lognormal(rng, kind.length_spread, start.shape)
    begin = start
    elapsed = np.zeros(len(start))
    for power, mean_minutes in kind.cycle:
        elapsed += mean_minutes * stretch
        end = np.maximum(start + np.rint(elapsed).astype(np.int64), begin + 1)
        end = np.minimum(end, MINUTES_PER_DAY + _SPILL_MIN)
        yield begin, power
        yield end, -power
        begin = end


def _starts(
    rng: np.random.Generator, active: NDArray[np.bool_], weight: FloatArray, starts: FloatArray
) -> tuple[IntArray, IntArray]:
    """Draw a Poisson process whose intensity is ``weight * starts`` while people are active.

    Args:
        rng: where from.
        active: (slice of the day, house), whether people are active in each slice.
        weight: (minute,), starts expected of active people, relative.
        starts: (house,), starts of each house, relative.

    Returns:
        The minute and the house of each start.
    """
    until = np.cumsum(weight)
    in_slice = weight.reshape(-1, _ACTIVITY_STEP_MIN).sum(axis=1)
    # Houses one after another, each from midnight to midnight: one long line of expected starts.
    expected = np.cumsum(active.T * in_slice, axis=1) * starts[:, None]
    before = np.cumsum(expected[:, -1]) - expected[:, -1]
    mass = (expected + before[:, None]).ravel()
    draws = rng.random(rng.poisson(mass[-1])) * mass[-1]
    cell = np.searchsorted(mass, draws, side="right")
    house, part = np.divmod(cell, len(in_slice))
    # What is missing to the end of the slice tells the minute: people are active all through it.
    last = (part + 1) * _ACTIVITY_STEP_MIN - 1
    reached = until[last] - (mass[cell] - draws) / starts[house]
    minute = np.searchsorted(until, reached, side="right")
    return np.clip(minute, last - _ACTIVITY_STEP_MIN + 1, last), house


def _lognormal(rng: np.random.Generator, spread: float, shape: tuple[int, ...]) -> FloatArray:
    """Draw factors of mean 1 and standard deviation ``spread``."""
    variance = np.log1p(spread**2)
    return rng.lognormal(-variance / 2, np.sqrt(variance), shape)


def _active(rng: np.random.Generator, share: FloatArray, houses: int) -> NDArray[np.bool_]:
    """Draw which households have active people, mean over houses ``share``: (slice, house)."""
    latent = _memory() @ rng.standard_normal((MINUTES_PER_DAY // _ACTIVITY_STEP_MIN, houses))
    quantile = NormalDist().inv_cdf
    threshold = np.array([quantile(value) for value in share[::_ACTIVITY_STEP_MIN]])
    active: NDArray[np.bool_] = latent < threshold[:, None]
    return active


@lru_cache(maxsize=1)
def _memory() -> FloatArray:
    """Return the Cholesky factor of the exponentially decaying correlation over a day."""
    time = np.arange(0, MINUTES_PER_DAY, _ACTIVITY_STEP_MIN)
    correlation = np.exp(-np.abs(time[:, None] - time) / _ACTIVITY_MEMORY_MIN)
    return np.linalg.cholesky(correlation)

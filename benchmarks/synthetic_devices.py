"""Devices of houses, drawn at random: the same whoever draws them, and in whatever parts.

Noon to noon in quarters of an hour, on a day in March: evening and morning peaks, sun at both ends,
vehicles that stay overnight or by day.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from gridloom.controllers.drive.central import Share
from gridloom.controllers.proximal.batteries import Batteries, Stays
from gridloom.controllers.proximal.curtailable import Curtailable
from gridloom.controllers.proximal.deferrable import Deferrable
from gridloom.controllers.proximal.heat_pumps import HeatPumps
from gridloom.simulators.model import FloatArray, IntArray

INTERVALS = 96
INTERVAL_H = 0.25
BLOCK = 8
"""Feeders whose draws share a stream of random numbers."""
OWNERSHIP = {"pv": 0.6, "battery": 0.4, "v1g": 0.25, "v2g": 0.25, "heat_pump": 0.4, "job": 0.5}
"""Shares of the houses."""
TYPICAL_SPAN_KW = 6.0
"""From the least to the most power of a device of weight 1."""

HOUR = (12.0 + INTERVAL_H * (np.arange(INTERVALS) + 0.5)) % 24.0
"""(interval,), time of the day."""
OUTDOOR_C = 6.0 + 4.0 * np.cos((HOUR - 15.0) * np.pi / 12.0)
COP = 2.6 + 0.07 * OUTDOOR_C
_SUN = np.maximum(np.cos((HOUR - 12.75) * np.pi / 12.0), 0.0) ** 1.3
_ALL_DAY = 0.6 + 0.4 * np.exp(-(((HOUR - 8.0) / 2.0) ** 2))
_EVENING = 0.3 + 2.0 * np.exp(-(((HOUR - 19.5) / 2.2) ** 2))


def between(begin: float, end: float) -> NDArray[np.bool_]:
    """Return which intervals lie between two hours of the day."""
    return (begin < HOUR) & (end > HOUR)


def _weight(span_kw: FloatArray) -> FloatArray:
    """Return how far devices follow targets: those of a wide span of power farther."""
    return np.sqrt(span_kw / TYPICAL_SPAN_KW)


class Draws:
    """Random numbers of the houses of some blocks, in the same order whoever draws them."""

    def __init__(self, seed: int, first_house: IntArray, blocks: range) -> None:
        """Begin.

        Args:
            seed: of all.
            first_house: (feeder + 1,), the first house of each feeder, and their number.
            blocks: `BLOCK` feeders each.
        """
        ends = np.arange(blocks.start, blocks.stop + 1) * BLOCK
        cuts = np.minimum(ends, len(first_house) - 1)
        self._streams = [np.random.default_rng((seed, 1, block)) for block in blocks]
        self._feeders = np.diff(cuts)
        self._houses = np.diff(first_house[cuts])
        houses = np.diff(first_house[cuts[0] : cuts[-1] + 1])
        self._first = int(cuts[0])
        self.leaf = np.repeat(np.arange(cuts[0], cuts[-1]), houses)
        """(house,), its feeder."""

    def uniform(self, low: float = 0.0, high: float = 1.0) -> FloatArray:
        """Draw for each house."""
        counts = zip(self._streams, self._houses, strict=True)
        return np.concatenate([stream.uniform(low, high, count) for stream, count in counts])

    def owners(self, kind: str) -> NDArray[np.bool_]:
        """Draw which houses have a device."""
        return self.uniform() < OWNERSHIP[kind]

    def fixed_kw(self) -> FloatArray:
        """Draw what houses draw besides: (feeder, interval)."""
        feeders, of_house = int(self._feeders.sum()), self.leaf - self._first
        mean_kw, evening = self.uniform(0.3, 0.95), self.uniform()
        counts = zip(self._streams, self._feeders, strict=True)
        noise = np.concatenate([s.standard_normal((count, INTERVALS)) for s, count in counts])
        profile_kw = np.outer(np.bincount(of_house, mean_kw * evening, feeders), _EVENING)
        profile_kw += np.outer(np.bincount(of_house, mean_kw * (1.0 - evening), feeders), _ALL_DAY)
        spread_kw = np.sqrt(np.bincount(of_house, mean_kw**2, feeders))
        # What houses switch on and off by themselves averages out at a feeder.
        return np.maximum(profile_kw + 0.7 * spread_kw[:, np.newaxis] * noise, 0.0)


def _pv(draws: Draws) -> Share:
    own = draws.owners("pv")
    peak_kw, facing = draws.uniform(3.0, 10.0)[own], draws.uniform(0.45, 0.7)[own]
    sun = (_SUN * (1.0 - 0.3 * np.sin(np.arange(INTERVALS)) ** 2)).astype(np.float32)
    return Share(
        leaf=draws.leaf[own],
        population=Curtailable(
            available_kw=np.outer((peak_kw * facing).astype(np.float32), sun),
            cost_eur_per_kwh=np.full(len(peak_kw), 0.001),
            interval_h=INTERVAL_H,
            weight=_weight(peak_kw),
        ),
    )


def _batteries(draws: Draws) -> Share:
    own = draws.owners("battery")
    energy_kwh, filled = draws.uniform(4.0, 14.0)[own], draws.uniform(0.2, 0.8)[own]
    power_kw = energy_kwh * draws.uniform(0.4, 0.6)[own]
    efficiency = draws.uniform(0.92, 0.97)[own]
    initial_kwh = filled * energy_kwh
    return Share(
        leaf=draws.leaf[own],
        population=Batteries(
            charge_kw=power_kw,
            discharge_kw=power_kw,
            charge_efficiency=efficiency,
            discharge_efficiency=efficiency,
            lower_kwh=0.05 * energy_kwh,
            upper_kwh=energy_kwh,
            initial_kwh=initial_kwh,
            wear_eur_per_kwh=draws.uniform(0.01, 0.03)[own],
            stays=Stays.always(initial_kwh, INTERVALS),
            intervals=INTERVALS,
            interval_h=INTERVAL_H,
            weight=_weight(2.0 * power_kw),
        ),
    )


def _vehicles_that_charge(draws: Draws) -> Share:
    own = draws.owners("v1g")
    by_day = draws.uniform()[own] < 0.2  # noqa: PLR2004
    arrival, stay = draws.uniform()[own], draws.uniform()[own]
    power_kw = np.where(draws.uniform()[own] < 0.5, 3.7, 11.0)  # noqa: PLR2004
    return Share(
        leaf=draws.leaf[own],
        population=Deferrable(
            rated_power_kw=power_kw,
            energy_kwh=draws.uniform(4.0, 20.0)[own],
            release=np.where(by_day, 4.0 * arrival, 16.0 + 20.0 * arrival),
            deadline=np.where(by_day, 16.0 + 10.0 * stay, 72.0 + 10.0 * stay),
            intervals=INTERVALS,
            interval_h=INTERVAL_H,
            weight=_weight(power_kw),
        ),
    )


def _vehicles_to_grid(draws: Draws) -> Share:
    """Return vehicles with two stays: some leave at noon for an errand, others commute."""
    own = draws.owners("v2g")
    count = int(own.sum())
    errand = draws.uniform()[own] < 0.5  # noqa: PLR2004
    early, late = draws.uniform()[own], draws.uniform()[own]
    energy_kwh, filled = draws.uniform(40.0, 70.0)[own], draws.uniform(0.3, 0.6)[own]
    trip_kwh = draws.uniform(3.0, 10.0)[own]
    power_kw = np.where(draws.uniform()[own] < 0.5, 7.4, 11.0)  # noqa: PLR2004
    first_end = np.where(errand, 4.0 + 8.0 * early, 72.0 + 8.0 * early).astype(np.int64)
    second_begin = np.where(errand, 20.0 + 12.0 * late, 84.0 + 8.0 * late).astype(np.int64)
    first_begin = np.where(errand, 0.0, 18.0 + 12.0 * late).astype(np.int64)
    required_kwh = np.stack([0.6 * energy_kwh, 0.5 * energy_kwh], axis=1)
    return Share(
        leaf=draws.leaf[own],
        population=Batteries(
            charge_kw=power_kw,
            discharge_kw=power_kw,
            charge_efficiency=np.full(count, 0.94),
            discharge_efficiency=np.full(count, 0.94),
            lower_kwh=0.1 * energy_kwh,
            upper_kwh=energy_kwh,
            initial_kwh=filled * energy_kwh,
            wear_eur_per_kwh=draws.uniform(0.02, 0.05)[own],
            stays=Stays(
                first=2 * np.arange(count + 1),
                begin=np.stack([first_begin, second_begin], axis=1).ravel(),
                end=np.stack([first_end, np.full(count, INTERVALS)], axis=1).ravel(),
                required_kwh=required_kwh.ravel(),
                trip_kwh=np.stack([trip_kwh, np.zeros(count)], axis=1).ravel(),
            ),
            intervals=INTERVALS,
            interval_h=INTERVAL_H,
            weight=_weight(2.0 * power_kw),
        ),
    )


def _heat_pumps(draws: Draws) -> Share:
    own = draws.owners("heat_pump")
    loss_kw_per_k, constant_h = draws.uniform(0.08, 0.2)[own], draws.uniform(25.0, 90.0)[own]
    persistence = np.exp(-INTERVAL_H / constant_h)
    rated_kw = loss_kw_per_k * 30.0 / 3.0  # 30 K at a coefficient of performance of 3
    lower_c = np.stack(
        [np.full(INTERVALS, 20.0), np.where(between(6.0, 22.0), 20.0, 18.5)]  # lower by night
    )
    return Share(
        leaf=draws.leaf[own],
        population=HeatPumps(
            rated_power_kw=rated_kw,
            persistence=persistence,
            heating_k_per_kw=(1.0 - persistence) / loss_kw_per_k,
            outdoor_share=1.0 - persistence,
            gain_k_per_kw=(1.0 - persistence) / loss_kw_per_k * draws.uniform(0.5, 1.5)[own],
            initial_c=draws.uniform(20.2, 21.8)[own],
            limits=(draws.uniform()[own] < 0.5).astype(np.int64),  # noqa: PLR2004
            lower_c=lower_c,
            upper_c=lower_c + 2.5,
            outdoor_c=OUTDOOR_C,
            heat_gain_kw=0.2 + 0.8 * _SUN,
            cop=COP,
            interval_h=INTERVAL_H,
            weight=_weight(rated_kw),
        ),
    )


def _jobs(draws: Draws) -> Share:
    own = draws.owners("job")
    release, rated_kw = draws.uniform(0.0, 76.0)[own], draws.uniform(1.0, 2.2)[own]
    return Share(
        leaf=draws.leaf[own],
        population=Deferrable(
            rated_power_kw=rated_kw,
            energy_kwh=draws.uniform(0.6, 2.0)[own],
            release=release,
            deadline=release + draws.uniform(12.0, 40.0)[own],
            intervals=INTERVALS,
            interval_h=INTERVAL_H,
            weight=_weight(rated_kw),
        ),
    )


KINDS: tuple[Callable[[Draws], Share], ...] = (
    _pv,
    _batteries,
    _vehicles_that_charge,
    _vehicles_to_grid,
    _heat_pumps,
    _jobs,
)
"""Each draws the devices of one kind; in this order."""

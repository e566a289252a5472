"""A district of any size from a seed: houses at feeders, feeders under one community.

A house has a fixed load and devices that negotiate, see `synthetic_devices`. Whoever builds a part
of a district gets the same devices as those who build it whole.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from synthetic_devices import (
    BLOCK,
    COP,
    INTERVAL_H,
    INTERVALS,
    KINDS,
    OUTDOOR_C,
    Draws,
    between,
)

from gridloom.controllers.drive.central import Share
from gridloom.controllers.drive.district import District
from gridloom.controllers.drive.net_tree import NetTree, one_level
from gridloom.controllers.drive.tariffs import Prices
from gridloom.controllers.proximal.batteries import Batteries
from gridloom.controllers.proximal.curtailable import Curtailable
from gridloom.controllers.proximal.deferrable import Deferrable
from gridloom.controllers.proximal.heat_pumps import HeatPumps
from gridloom.simulators.model import FloatArray, IntArray

HOUSES_PER_FEEDER = 35
"""On average; 10 to 60 in most cases."""
BUYING_EUR_PER_KWH = (0.24, 0.36)
"""By night and at noon; morning and evening."""
SELLING_EUR_PER_KWH = 0.08
OVERLOAD_EUR_PER_KWH = 3.0
COMFORT_C = 21.0
"""What a heat pump without control holds."""


@dataclass(frozen=True)
class SyntheticDistrict:
    """Houses at feeders; parts of it are built when they are asked for."""

    houses: int
    seed: int

    @cached_property
    def first_house(self) -> IntArray:
        """(feeder + 1,), the first house of each feeder; the last entry is their number."""
        rng = np.random.default_rng((self.seed, 0))
        weight = rng.uniform(10.0, 60.0, -(-self.houses // HOUSES_PER_FEEDER))
        ends = np.round(np.cumsum(weight) / weight.sum() * self.houses)
        return np.concatenate([[0], ends]).astype(np.int64)

    @property
    def feeders(self) -> int:
        """Number of leaves."""
        return len(self.first_house) - 1

    @property
    def blocks(self) -> int:
        """Number of parts that can be built, `BLOCK` feeders each."""
        return -(-self.feeders // BLOCK)

    def shares(self, blocks: range | None = None) -> list[Share]:
        """Return the devices of some blocks, one share of each kind; of all by default."""
        blocks = range(self.blocks) if blocks is None else blocks
        draws = Draws(self.seed, self.first_house, blocks)
        draws.fixed_kw()  # comes first in the streams
        return [drawn(draws) for drawn in KINDS]

    def fixed_kw(self) -> FloatArray:
        """Return what houses draw besides: (feeder, interval)."""
        return Draws(self.seed, self.first_house, range(self.blocks)).fixed_kw()

    def district(self, limits_kw: FloatArray | None = None) -> District:
        """Return the nets with these limits of the feeders, or none; prices; and fixed loads."""
        limits = np.full(self.feeders, np.inf) if limits_kw is None else limits_kw
        return District(tree=_tree(limits), prices=prices(), fixed_kw=self.fixed_kw())


def prices() -> Prices:
    """Return prices of two levels, EUR for each kW through an interval."""
    dear = between(6.0, 10.0) | between(17.0, 22.0)
    return Prices(
        buying=np.where(dear, BUYING_EUR_PER_KWH[1], BUYING_EUR_PER_KWH[0]) * INTERVAL_H,
        selling=np.full(INTERVALS, SELLING_EUR_PER_KWH * INTERVAL_H),
        overload=OVERLOAD_EUR_PER_KWH * INTERVAL_H,
    )


def uncontrolled_kw(fixed_kw: FloatArray, shares: Sequence[Share]) -> FloatArray:
    """Return what feeders draw if nobody decides: (feeder, interval).

    All that the sun gives is fed in, jobs and vehicles begin at once, a heat pump supplies what
    holds its building at `COMFORT_C`, batteries rest.
    """
    drawn_kw = fixed_kw.copy()
    for share in shares:
        devices, leaf = share.population, share.leaf
        match devices:
            case Curtailable():
                np.subtract.at(drawn_kw, leaf, devices.available_kw)
            case Deferrable():
                through = devices.energy_kwh / (devices.rated_power_kw * INTERVAL_H)
                begin, end = devices.release, devices.release + through
                _add_constant(drawn_kw, leaf, devices.rated_power_kw, begin, end)
            case Batteries():
                _add_charging(drawn_kw, leaf, devices)
            case HeatPumps():
                loss_kw_per_k = devices.outdoor_share / devices.heating_k_per_kw
                need_kw = np.bincount(leaf, loss_kw_per_k, len(drawn_kw))
                drawn_kw += np.outer(need_kw, (COMFORT_C - OUTDOOR_C) / COP)
    return drawn_kw


def _add_charging(drawn_kw: FloatArray, leaf: IntArray, devices: Batteries) -> None:
    """Add vehicles that charge what they need as they come, and batteries at rest: nothing."""
    stays = devices.stays
    owner = np.repeat(np.arange(devices.count), np.diff(stays.first))
    stored_kwh = devices.initial_kwh.copy()
    for number in range(int(np.diff(stays.first).max(initial=0))):
        stay = stays.first[:-1] + number
        here = np.flatnonzero(stay < stays.first[1:])
        stay = stay[here]
        assert (owner[stay] == here).all()
        missing_kwh = np.maximum(stays.required_kwh[stay] - stored_kwh[here], 0.0)
        power_kw = devices.charge_kw[here]
        begin = stays.begin[stay].astype(np.float64)
        through = missing_kwh / (power_kw * devices.charge_efficiency[here] * INTERVAL_H)
        _add_constant(drawn_kw, leaf[here], power_kw, begin, begin + through)
        stored_kwh[here] += missing_kwh - stays.trip_kwh[stay]


def _add_constant(
    drawn_kw: FloatArray, leaf: IntArray, power_kw: FloatArray, begin: FloatArray, end: FloatArray
) -> None:
    """Add constant power from `begin` to `end`, in intervals, fractions allowed."""
    leaves, intervals = drawn_kw.shape
    change_kw = np.zeros((leaves, intervals + 2))
    for moment, sign in ((begin, 1.0), (end, -1.0)):
        whole = np.minimum(moment.astype(np.int64), intervals)
        part = moment - whole
        np.add.at(change_kw, (leaf, whole), sign * power_kw * (1.0 - part))
        np.add.at(change_kw, (leaf, whole + 1), sign * power_kw * part)
    drawn_kw += np.cumsum(change_kw, axis=1)[:, :intervals]


def _tree(limits_kw: FloatArray) -> NetTree:
    names = [f"feeder-{number}" for number in range(len(limits_kw))]
    return one_level(names, limits_kw, root="community")

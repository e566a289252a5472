"""Vehicles' stays at charging points, and the storages that they make of them in a plan."""

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from gridloom.controllers.milp.problem import IntArray, Storages
from gridloom.controllers.milp.window import Window
from gridloom.simulators.battery import BatteryLimits
from gridloom.simulators.ev_fleet import EvFleet
from gridloom.simulators.ev_sessions import whole_steps
from gridloom.simulators.model import FloatArray
from gridloom.simulators.quantities import SECONDS_PER_HOUR


@dataclass(frozen=True, kw_only=True)
class Stays:
    """One entry a vehicle's stay; arrays of equal length."""

    place: IntArray
    """Charging point."""
    begin_s: FloatArray
    """From when on it takes part, in whole steps of the fleet; not before the run's start."""
    end_s: FloatArray
    """Until when; may lie beyond the end of the run."""
    energy_kwh: FloatArray
    """Stored at `begin_s`."""
    required_kwh: FloatArray
    """To be stored at `end_s`."""
    lowest_kwh: FloatArray
    """Bounds of the state of charge."""
    highest_kwh: FloatArray
    charging_kw: FloatArray
    """Rated power."""
    discharging_kw: FloatArray
    """Rated power, positive."""
    charge_efficiency: float

    def __len__(self) -> int:
        return len(self.place)

    def where(self, chosen: NDArray[np.bool_]) -> "Stays":
        """Return the stays that are chosen."""
        arrays = [f.name for f in fields(self) if f.name != "charge_efficiency"]
        return Stays(
            charge_efficiency=self.charge_efficiency,
            **{name: getattr(self, name)[chosen] for name in arrays},
        )

    def present_h(self, edges_s: FloatArray) -> FloatArray:
        """Return for how long each is there: (stay, interval), hours."""
        return _overlap_h(self.begin_s, self.end_s, edges_s)

    def uncoordinated_kwh(self, edges_s: FloatArray) -> FloatArray:
        """Return what each draws at rated power from arrival until it has what it needs.

        Exactly what the `Basic` controller makes of it if it steps with the fleet.

        Returns:
            (stay, interval), at the connection point.
        """
        missing_kwh = np.maximum(self.required_kwh - self.energy_kwh, 0.0) / self.charge_efficiency
        full_s = self.begin_s + missing_kwh / self.charging_kw * SECONDS_PER_HOUR
        hours = _overlap_h(self.begin_s, np.minimum(full_s, self.end_s), edges_s)
        return hours * self.charging_kw[:, np.newaxis]


def stays_of_sessions(fleet: EvFleet) -> Stays:
    """Return all stays of a fleet, those to come included, with at least one whole step."""
    table, limits = fleet.sessions, fleet.limits
    begin_s, end_s = whole_steps(table, fleet.step_size)
    capacity_kwh = table.energy_capacity_kwh
    stays = Stays(
        place=table.charging_point,
        begin_s=np.maximum(begin_s, 0.0),
        end_s=end_s,
        energy_kwh=table.arrival_state_of_charge * capacity_kwh,
        required_kwh=table.required_state_of_charge * capacity_kwh,
        lowest_kwh=limits.state_of_charge_min * capacity_kwh,
        highest_kwh=limits.state_of_charge_max * capacity_kwh,
        charging_kw=table.rated_power_kw,
        discharging_kw=np.minimum(table.rated_power_kw, fleet.rated_discharging_kw()),
        charge_efficiency=limits.charge_efficiency,
    )
    return stays.where(stays.end_s > stays.begin_s)


@dataclass(frozen=True, kw_only=True)
class StorageRows:
    """Which storage of a plan each stay belongs to.

    One storage a charging point, and further ones where several vehicles share an interval.
    """

    of_stay: IntArray
    """(stay,), storage."""
    place: IntArray
    """(storage,), charging point; the first storages are the charging points in their order."""

    @classmethod
    def one_a_place(cls, stays: Stays, places: int) -> "StorageRows":
        """Assign stays, no two of which share an interval, to their charging points."""
        return cls(of_stay=stays.place, place=np.arange(places))

    @classmethod
    def of(cls, stays: Stays, places: int, interval_s: int) -> "StorageRows":
        """Assign stays, none of which overlap at a charging point, to storages."""
        first = stays.begin_s // interval_s
        last = np.ceil(stays.end_s / interval_s) - 1
        order = np.lexsort((stays.begin_s, stays.place))
        place, first, last = stays.place[order], first[order], last[order]
        clashes = np.zeros(len(order), dtype=bool)
        clashes[1:] = (place[1:] == place[:-1]) & (first[1:] <= last[:-1])
        number = np.arange(len(order))
        # How many vehicles in a row before this one have shared an interval with the next.
        slot = (
            number - np.maximum.accumulate(np.where(clashes, 0, number)) if len(order) else number
        )
        further = sorted({(int(s), int(p)) for s, p in zip(slot, place, strict=True) if s > 0})
        row_of = {(0, p): p for p in range(places)}
        row_of |= {key: places + i for i, key in enumerate(further)}
        of_stay = np.empty(len(order), dtype=np.int64)
        of_stay[order] = [row_of[int(s), int(p)] for s, p in zip(slot, place, strict=True)]
        return cls(
            of_stay=of_stay,
            place=np.array([*range(places), *(p for _, p in further)], dtype=np.int64),
        )

    def where(self, chosen: NDArray[np.bool_]) -> "StorageRows":
        """Return the assignment of the stays that are chosen; storages stay the same."""
        return StorageRows(of_stay=self.of_stay[chosen], place=self.place)


@dataclass(frozen=True, kw_only=True)
class StorageTerms:
    """What holds for all storages of a plan."""

    point: IntArray
    """(charging_point,), position among the plan's connection points."""
    limits: BatteryLimits
    """For their efficiencies."""
    tan_phi: float
    """Reactive over active power (eq. 20)."""
    reachable_at_end: bool
    """Whether those who leave after the plan must be able to reach at rated power what they
    need."""
    wear_eur_per_kwh: float
    """Of ageing, a kWh of throughput."""


def storages_of(
    stays: Stays,
    rows: StorageRows,
    window: Window,
    terms: StorageTerms,
) -> Storages:
    """Turn stays into limits of storages in a window.

    Power limits of intervals in which a vehicle is there for a part only are its mean power's.
    What is required at departure is asked in the last interval, as far as charging at rated power
    reaches it, so that the vehicles alone never make a plan infeasible.

    Args:
        stays: each with its energy at `begin_s`, or now for those who are there already.
        rows: their storages.
        window: the plan's time.
        terms: what holds for all of them.
    """
    edges_s = np.maximum(window.edges_s, window.now_s)
    hours = stays.present_h(edges_s)
    active: NDArray[np.bool_] = hours > 0
    some: NDArray[np.bool_] = np.logical_or.reduce(active, axis=1)
    stays, rows, hours, active = stays.where(some), rows.where(some), hours[some], active[some]
    interval = np.arange(window.intervals)
    first = np.argmax(active, axis=1)
    last = window.intervals - 1 - np.argmax(active[:, ::-1], axis=1)
    lowest = np.minimum(stays.lowest_kwh, stays.energy_kwh)[:, np.newaxis]
    highest = np.maximum(stays.highest_kwh, stays.energy_kwh)
    goal = _goal_kwh(stays, hours, window.end_s, reachable_at_end=terms.reachable_at_end)
    least = np.where(
        interval == last[:, np.newaxis], np.maximum(goal[:, np.newaxis], lowest), lowest
    )
    shape = (len(rows.place), window.intervals)

    def spread(values: FloatArray) -> FloatArray:
        placed = np.zeros(shape)
        np.add.at(placed, rows.of_stay, np.where(active, values, 0.0))
        return placed

    entering = np.full(shape, np.nan)
    entering[rows.of_stay, first] = stays.energy_kwh
    leaves = np.zeros(shape, dtype=bool)
    leaves[rows.of_stay, last] = True
    return Storages(
        point=terms.point[rows.place],
        charge_max_kw=spread(hours / window.interval_h * stays.charging_kw[:, np.newaxis]),
        discharge_max_kw=spread(hours / window.interval_h * stays.discharging_kw[:, np.newaxis]),
        entering_kwh=entering,
        energy_min_kwh=spread(least),
        energy_max_kwh=spread(np.broadcast_to(highest[:, np.newaxis], active.shape)),
        leaves=leaves,
        charge_efficiency=terms.limits.charge_efficiency,
        discharge_efficiency=terms.limits.discharge_efficiency,
        tan_phi=terms.tan_phi,
        wear_eur_per_kwh=terms.wear_eur_per_kwh,
    )


def _goal_kwh(stays: Stays, hours: FloatArray, end_s: int, *, reachable_at_end: bool) -> FloatArray:
    """Return the least energy at the end of each stay or window that its requirement allows."""
    gain_kw = stays.charge_efficiency * stays.charging_kw
    later_h = np.maximum(stays.end_s - end_s, 0.0) / SECONDS_PER_HOUR
    goal = stays.required_kwh - gain_kw * later_h
    if not reachable_at_end:
        goal = np.where(later_h > 0, -np.inf, goal)
    reachable = stays.energy_kwh + gain_kw * hours.sum(axis=1)
    at_most = np.maximum(stays.highest_kwh, stays.energy_kwh)
    least: FloatArray = np.minimum.reduce([goal, reachable, at_most])
    return least


def _overlap_h(begin_s: FloatArray, end_s: FloatArray, edges_s: FloatArray) -> FloatArray:
    """Return how long each span lies within each interval: (span, interval), hours."""
    clipped = np.clip(edges_s, begin_s[:, np.newaxis], end_s[:, np.newaxis])
    hours: FloatArray = np.diff(clipped, axis=1) / SECONDS_PER_HOUR
    return hours

"""What is known of a fleet's vehicles ahead of time: all that booked, or those plugged in only."""

from dataclasses import replace
from typing import Protocol

import numpy as np

from gridloom.controllers.controller import Observation
from gridloom.controllers.milp.stays import Stays, stays_of_sessions
from gridloom.simulators.ev_fleet import EvFleet
from gridloom.simulators.model import FloatArray
from gridloom.simulators.quantities import SECONDS_PER_HOUR
from gridloom.simulators.signals import (
    DEPARTURE,
    ENERGY_CAPACITY,
    RATED_CHARGING,
    RATED_DISCHARGING,
    REQUIRED_STATE_OF_CHARGE,
    STORED_ENERGY,
)

OBSERVED = (
    STORED_ENERGY,
    ENERGY_CAPACITY,
    RATED_CHARGING,
    RATED_DISCHARGING,
    REQUIRED_STATE_OF_CHARGE,
    DEPARTURE,
)
"""What is to be known of the vehicles that are plugged in."""


class FleetForesight(Protocol):
    """What an agent knows of its fleet."""

    stays: Stays
    """Of the vehicles that it knows of, with the energy that is in them now."""
    ends_with_run: bool
    """Whether nothing flows beyond the end of the run: all is planned for the run alone."""

    def observe(self, time: int, observation: Observation) -> None:
        """Take over the state of the vehicles that are plugged in."""

    def planned_kwh(self, end_s: int) -> FloatArray | None:
        """Return the energy that was planned for a time: (charging_point,); None if nothing was."""

    def others_kw(self, begin: int, scheduled_kw: FloatArray) -> FloatArray:
        """Return what vehicles that it does not know of will draw of a schedule: (interval,).

        Args:
            begin: first interval, in which nobody draws but those who are there.
            scheduled_kw: (interval,), of the whole fleet from then on.
        """


class BookedVehicles:
    """All stays of the run, because drivers have booked them and keep to what they booked.

    Where two vehicles share an interval at one charging point, the second takes part from the next
    interval on.
    """

    ends_with_run = True

    def __init__(self, fleet: EvFleet, interval_s: int) -> None:
        stays = stays_of_sessions(fleet)
        order = np.lexsort((stays.begin_s, stays.place))
        before, after = order[:-1], order[1:]
        left_s = np.ceil(stays.end_s[before] / interval_s) * interval_s
        free_s = np.zeros(len(stays))
        free_s[after] = np.where(stays.place[before] == stays.place[after], left_s, 0.0)
        begin_s = np.maximum(stays.begin_s, free_s)
        self._booked = replace(stays, begin_s=begin_s).where(begin_s < stays.end_s)
        self._interval_s = interval_s
        self._points = len(fleet.elements)
        self._plan_kwh: FloatArray | None = None
        self.stays = self._booked

    def plan(self, energy_kwh: FloatArray) -> None:
        """Take note of the plan: (charging_point, interval of the run), energy at its end."""
        self._plan_kwh = energy_kwh

    def observe(self, time: int, observation: Observation) -> None:
        """Take over the energy of the vehicles that are plugged in."""
        stays = self._booked
        stored_kwh = observation[STORED_ENERGY.name][stays.place]
        there = (stays.begin_s <= time) & (time < stays.end_s) & ~np.isnan(stored_kwh)
        self.stays = replace(stays, energy_kwh=np.where(there, stored_kwh, stays.energy_kwh))

    def planned_kwh(self, end_s: int) -> FloatArray | None:
        """Return the day-ahead plan's energy; while there is none, that on arrival.

        The plan itself therefore leaves no vehicle at the end of the run with less than it brought:
        who comes after pays for it.
        """
        if self._plan_kwh is None:
            arrival_kwh = np.zeros(self._points)
            beyond = self._booked.where(self._booked.end_s > end_s)
            arrival_kwh[beyond.place] = beyond.energy_kwh
            return arrival_kwh
        planned: FloatArray = self._plan_kwh[:, -(-end_s // self._interval_s) - 1]
        return planned

    def others_kw(self, begin: int, scheduled_kw: FloatArray) -> FloatArray:  # noqa: ARG002
        """Return nothing: nobody comes unbooked."""
        return np.zeros_like(scheduled_kw)


class PresentVehicles:
    """Those who are plugged in; of the others it only knows what the fleet was expected to draw.

    That expectation is uncoordinated charging. So much of it as the vehicles seen so far would
    draw uncoordinated is theirs, and the rest that of others. Energy that uncoordinated charging
    would have stored by a time counts as planned. Operation goes on when the run ends: what is owed
    then can be made up for later, at the prices that are expected later.
    """

    ends_with_run = False

    def __init__(self, fleet: EvFleet, interval_s: int, intervals: int) -> None:
        points = len(fleet.elements)
        self._fleet = fleet
        self._edges_s = np.arange(intervals + 1, dtype=np.float64) * interval_s
        self._seen_kw = np.zeros(intervals)
        self._departure_s = np.full(points, np.nan)
        self._since_s, self._arrival_kwh = np.zeros((2, points))
        self.observe(0, fleet.initial_outputs())

    def observe(self, time: int, observation: Observation) -> None:
        """Take over who is there, with how much energy."""
        self.stays = self._present(time, observation)
        departure_s = observation[DEPARTURE.name]
        comes = departure_s != self._departure_s
        self._departure_s = departure_s.copy()
        new = self.stays.where(comes[self.stays.place])
        self._since_s[new.place] = time
        self._arrival_kwh[new.place] = new.energy_kwh
        hours = np.diff(self._edges_s) / SECONDS_PER_HOUR
        self._seen_kw += new.uncoordinated_kwh(self._edges_s).sum(axis=0) / hours

    def planned_kwh(self, end_s: int) -> FloatArray | None:
        """Return what charging at rated power since it came would have stored in each vehicle."""
        stays = self.stays
        arrival_kwh = self._arrival_kwh[stays.place]
        hours = (end_s - self._since_s[stays.place]) / SECONDS_PER_HOUR
        gained_kwh = stays.charge_efficiency * stays.charging_kw * hours
        planned = np.zeros(len(self._since_s))
        charged_kwh = np.minimum(arrival_kwh + gained_kwh, stays.required_kwh)
        planned[stays.place] = np.maximum(charged_kwh, arrival_kwh)
        return planned

    def others_kw(self, begin: int, scheduled_kw: FloatArray) -> FloatArray:
        """Return what the schedule holds beyond the uncoordinated charging of those seen."""
        seen_kw = self._seen_kw[begin : begin + len(scheduled_kw)]
        others_kw = np.maximum(scheduled_kw - seen_kw, 0.0)
        others_kw[:1] = 0.0
        return others_kw

    def _present(self, time: int, observation: Observation) -> Stays:
        limits, step_s = self._fleet.limits, self._fleet.step_size
        place = np.flatnonzero(~np.isnan(observation[DEPARTURE.name]))
        told = {signal: observation[signal.name][place] for signal in OBSERVED}
        capacity_kwh = told[ENERGY_CAPACITY]
        stays = Stays(
            place=place,
            begin_s=np.full(len(place), float(time)),
            end_s=np.floor(told[DEPARTURE] / step_s) * step_s,
            energy_kwh=told[STORED_ENERGY],
            required_kwh=told[REQUIRED_STATE_OF_CHARGE] * capacity_kwh,
            lowest_kwh=limits.state_of_charge_min * capacity_kwh,
            highest_kwh=limits.state_of_charge_max * capacity_kwh,
            charging_kw=told[RATED_CHARGING],
            discharging_kw=told[RATED_DISCHARGING],
            charge_efficiency=limits.charge_efficiency,
        )
        return stays.where(stays.end_s > time)

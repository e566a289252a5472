"""Agents of charging points in a negotiation with targets."""

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from gridloom.controllers.controller import ControlContext, Observation
from gridloom.controllers.drive.agents.jobs import JobAgent, Jobs
from gridloom.controllers.drive.agents.proximal_agent import of_type
from gridloom.controllers.drive.agents.span import Span
from gridloom.controllers.milp.stays import Stays, stays_of_sessions
from gridloom.controllers.negotiation.agent import AgentConfig
from gridloom.controllers.proximal.successive import Turns
from gridloom.controllers.transactive.fleet_foresight import (
    OBSERVED,
    BookedVehicles,
    FleetForesight,
    PresentVehicles,
)
from gridloom.controllers.transactive.vehicles import owing
from gridloom.simulators.ev_fleet import EvFleet
from gridloom.simulators.market import average_over_periods
from gridloom.simulators.model import FloatArray, IntArray
from gridloom.simulators.quantities import SECONDS_PER_HOUR
from gridloom.simulators.signals import Information, Signal


class PluggedInVehicles(PresentVehicles):
    """Vehicles that are plugged in; of the others nothing is known."""

    @override
    def planned_kwh(self, end_s: int) -> FloatArray:
        """Return what was in each vehicle when it was first seen: (charging_point,)."""
        return self._arrival_kwh


class EvAgent(JobAgent):
    """Charges vehicles when energy is cheap, and by departure with what they need then.

    It knows of the vehicles that are plugged in, with their declared departures; of those to come
    only where drivers book their stays.

    A vehicle that only charges is a job: it draws what it needs, no more, over the efficiency of
    charging. This is exact, also where it comes or leaves within an interval. One that may feed
    back is a battery in its whole intervals, and a job where it takes the rest of its stay, too, to
    reach what it needs. What a stay that goes on after the time that is planned could not make good
    afterwards at rated power is owed by then, and no less than the vehicle came with.
    """

    Config = AgentConfig
    information: ClassVar[frozenset[Information]] = frozenset(
        {
            Information.FORECAST,
            Information.SESSIONS_PLUGGED_IN,
            Information.DECLARED_DEPARTURES,
        }
    )
    observes: ClassVar[tuple[Signal, ...]] = OBSERVED

    def __init__(self, config: AgentConfig, context: ControlContext) -> None:
        super().__init__(config, context)
        self._fleet = fleet = of_type(self.controlled, EvFleet, "ev_fleet")
        rated_kw = next(each.values for each in fleet.static() if each.name == "rated_power_kw")
        self.span_kw = np.asarray(rated_kw) + np.minimum(fleet.rated_discharging_kw(), rated_kw)
        self._vehicles: FleetForesight
        if fleet.booked is not None:
            self._vehicles = BookedVehicles(fleet, self.interval_s)
            jobs = _jobs(stays_of_sessions(fleet))
            self._schedule_kw = jobs.uncoordinated_kw(
                len(self.agents), self.intervals, self.interval_s
            )
        else:
            self._vehicles = PluggedInVehicles(fleet, self.interval_s, self.intervals)
            expected_kw = average_over_periods(
                fleet.forecast(), self.interval_s, context.build.duration_s
            )
            self._schedule_kw = self.equal_shares_kw(expected_kw)

    @override
    def known(self, span: Span, observation: Observation) -> tuple[Jobs, Sequence[Turns]]:
        self._vehicles.observe(span.start_s, observation)
        stays = self._within(span)
        is_battery = _suffices(stays, span)
        jobs = _jobs(stays.where(~is_battery)).within(span)
        if not is_battery.any():
            return jobs, ()
        return jobs, (self._batteries(stays.where(is_battery), span),)

    def _within(self, span: Span) -> Stays:
        """Return stays in the time that is planned, with what is owed by the end of each."""
        stays, planned_kwh = self._vehicles.stays, self._vehicles.planned_kwh(span.end_s)
        assert planned_kwh is not None  # noqa: S101 -- both kinds of foresight tell
        stays = owing(stays, span.end_s, planned_kwh)
        later_h = np.maximum(stays.end_s - span.end_s, 0.0) / SECONDS_PER_HOUR
        owed_kwh = stays.required_kwh - stays.charge_efficiency * stays.charging_kw * later_h
        stays = replace(
            stays,
            begin_s=np.maximum(stays.begin_s, span.start_s),
            end_s=np.minimum(stays.end_s, span.end_s),
            required_kwh=np.minimum(owed_kwh, stays.highest_kwh),
        )
        return stays.where(stays.begin_s < stays.end_s)

    def _batteries(self, stays: Stays, span: Span) -> Turns:
        """Return vehicles that may feed back, in their whole intervals."""
        from gridloom.controllers.proximal import batteries

        stays = _by_place(stays)
        begin, end = _whole_intervals(stays, span)
        count, limits = len(stays), self._fleet.limits
        every = np.ones(count)
        population = batteries.Batteries(
            charge_kw=stays.charging_kw,
            discharge_kw=stays.discharging_kw,
            charge_efficiency=limits.charge_efficiency * every,
            discharge_efficiency=limits.discharge_efficiency * every,
            lower_kwh=np.minimum(stays.lowest_kwh, stays.energy_kwh),
            upper_kwh=np.maximum(stays.highest_kwh, stays.energy_kwh),
            initial_kwh=stays.energy_kwh,
            wear_eur_per_kwh=np.zeros(count),
            stays=batteries.Stays(
                first=np.arange(count + 1),
                begin=begin,
                end=end,
                required_kwh=stays.required_kwh,
                trip_kwh=np.zeros(count),
            ),
            intervals=span.count,
            interval_h=span.interval_h,
            weight=self.weight[stays.place],
        )
        return Turns(population=population, place=stays.place, begin=begin, end=end)


def _by_place(stays: Stays) -> Stays:
    """Return them ordered by charging point, then time."""
    order = np.lexsort((stays.begin_s, stays.place))
    arrays = [f.name for f in fields(stays) if f.name != "charge_efficiency"]
    return replace(stays, **{name: getattr(stays, name)[order] for name in arrays})


def _jobs(stays: Stays) -> Jobs:
    """Return what each vehicle draws to have what it needs, losses included."""
    missing_kwh = np.maximum(stays.required_kwh - stays.energy_kwh, 0.0)
    return Jobs(
        agent=stays.place,
        begin_s=stays.begin_s,
        end_s=stays.end_s,
        energy_kwh=missing_kwh / stays.charge_efficiency,
        rated_power_kw=stays.charging_kw,
    )


def _whole_intervals(stays: Stays, span: Span) -> tuple[IntArray, IntArray]:
    """Return the first interval that is all of a stay's, and the one after the last: (stay,)."""
    begin = np.ceil(span.places(stays.begin_s)).astype(np.int64)
    end = np.floor(span.places(stays.end_s)).astype(np.int64)
    return begin, np.maximum(end, begin)


def _suffices(stays: Stays, span: Span) -> NDArray[np.bool_]:
    """Tell of which vehicles that may feed back whole intervals are time enough: (stay,)."""
    begin, end = _whole_intervals(stays, span)
    gained_kwh = stays.charge_efficiency * stays.charging_kw * (end - begin) * span.interval_h
    enough: NDArray[np.bool_] = stays.energy_kwh + gained_kwh >= stays.required_kwh
    return enough & (end > begin) & (stays.discharging_kw > 0.0)

"""What a planner foresees from forecasts: whoever is plugged in now, and expectations.

- Vehicles: those plugged in, with the departures that their drivers declared.
- Vehicles still to come: the fleet's day-ahead schedule, less what the vehicles seen so far would
  draw in it uncoordinated. It is a sum: nobody knows where they come, and nobody steers them.
- Everything else: forecasts by connection point, blended with the last measurement.
"""

from collections.abc import Mapping
from dataclasses import fields

import numpy as np

from gridloom.controllers.controller import Observation
from gridloom.controllers.milp.case import PlanningCase
from gridloom.controllers.milp.exogenous import Exogenous, resampled
from gridloom.controllers.milp.foresight import Expected, Foreseen
from gridloom.controllers.milp.stays import Stays, StorageRows, storages_of
from gridloom.controllers.milp.whole_intervals import in_whole_intervals
from gridloom.simulators.model import FloatArray, Forecast
from gridloom.simulators.quantities import SECONDS_PER_HOUR
from gridloom.simulators.signals import (
    DEPARTURE,
    ENERGY_CAPACITY,
    IMBALANCE,
    POWER,
    RATED_CHARGING,
    RATED_DISCHARGING,
    REACTIVE_POWER,
    REQUIRED_STATE_OF_CHARGE,
    STORED_ENERGY,
)


class ForecastForesight:
    """Knows what its information set grants, and remembers which vehicles it has seen."""

    def __init__(
        self,
        case: PlanningCase,
        forecasts: Mapping[str, Forecast],
        schedule: Forecast | None,
        persistence_s: int,
    ) -> None:
        """Begin without having seen a vehicle.

        Args:
            case: whom the plan is for.
            forecasts: by model, of everything but the fleet.
            schedule: the fleet's own, day-ahead, uncoordinated: the sum of its vehicles.
            persistence_s: time in which the weight of a measurement falls to 1/e.
        """
        self._case = case
        self._expected = case.surroundings.as_forecast(forecasts)
        self._schedule = schedule
        self._persistence_s = persistence_s
        self._departure_s = np.full(len(case.point_of_place), np.nan)
        self._seen: Stays | None = None
        self._drawn_kwh = 0.0
        """By the portfolio's vehicles, since the settlement period began."""
        self._noticed_s = 0

    def notice(self, time: int, observation: Observation, drawn_kw: FloatArray) -> None:
        """Remember vehicles that have come, and what the vehicles have drawn."""
        member = self._case.in_portfolio[self._case.point_of_place]
        hours = (time - self._noticed_s) / SECONDS_PER_HOUR
        self._drawn_kwh += float(drawn_kw[member].sum()) * hours
        if time % self._case.portfolio.period_s == 0:
            self._drawn_kwh = 0.0
        self._noticed_s = time
        departure_s = observation[DEPARTURE.name]
        comes = ~np.isnan(departure_s) & (departure_s != self._departure_s)
        self._departure_s = departure_s.copy()
        new = self._plugged_in(time, observation)
        new = new.where(comes[new.place])
        self._seen = new if self._seen is None else _joined(self._seen, new)

    def foresee(self, time: int, observation: Observation) -> Foreseen:
        """Return the problem of a plan that is made now; `notice` comes first."""
        case = self._case
        window = case.window(time)
        places = len(case.point_of_place)
        stays, partial = in_whole_intervals(self._plugged_in(time, observation), window, places)
        storages = storages_of(stays, StorageRows.one_a_place(stays, places), window, case.terms)
        exogenous = self._exogenous(time, observation)
        elsewhere_kw = self._still_to_come_kw()
        allocated_kwh = case.portfolio.allocated_kwh(time, float(observation[IMBALANCE.name]))
        natural = None
        if not case.speculation:
            others_kw = exogenous.power_kw[case.in_portfolio].sum(axis=0) + elsewhere_kw
            natural = self._uncoordinated_imbalance_kwh(time, others_kw, allocated_kwh)
        expected = Expected(
            exogenous=exogenous,
            elsewhere_kw=elsewhere_kw,
            allocated_kwh=allocated_kwh,
            uncoordinated_kwh=natural,
        )
        return Foreseen.of(case, window, storages, partial, expected)

    def _plugged_in(self, time: int, observation: Observation) -> Stays:
        """Return the rest of the stays of the vehicles that are there now."""
        place = np.flatnonzero(~np.isnan(observation[DEPARTURE.name]))
        told = {name: observation[name][place] for name in _TERMS}
        limits, step_s = self._case.fleet.limits, self._case.fleet.step_size
        capacity_kwh = told[ENERGY_CAPACITY.name]
        stays = Stays(
            place=place,
            begin_s=np.full(len(place), float(time)),
            end_s=np.floor(told[DEPARTURE.name] / step_s) * step_s,
            energy_kwh=told[STORED_ENERGY.name],
            required_kwh=told[REQUIRED_STATE_OF_CHARGE.name] * capacity_kwh,
            lowest_kwh=limits.state_of_charge_min * capacity_kwh,
            highest_kwh=limits.state_of_charge_max * capacity_kwh,
            charging_kw=told[RATED_CHARGING.name],
            discharging_kw=told[RATED_DISCHARGING.name],
            charge_efficiency=limits.charge_efficiency,
        )
        return stays.where(stays.end_s > time)

    def _exogenous(self, time: int, observation: Observation) -> Exogenous:
        if time == 0 or POWER.name not in observation:  # nothing has been measured yet
            return self._expected
        measured_kw = observation[POWER.name]
        measured_kvar = observation.get(REACTIVE_POWER.name, np.zeros_like(measured_kw))
        return self._expected.blended(
            (measured_kw, measured_kvar), time, self._case.interval_s, self._persistence_s
        )

    def _still_to_come_kw(self) -> FloatArray:
        """Return what the portfolio's vehicles still to come are expected to draw: (interval,)."""
        case = self._case
        intervals = len(case.run_edges_s) - 1
        if self._schedule is None:
            return np.zeros(intervals)
        member = case.in_portfolio[case.point_of_place]
        share = float(member.mean()) if len(member) else 0.0
        length_s = self._schedule.interval_s
        expected_kw = self._schedule.power_kw * share
        edges_s: FloatArray = np.linspace(0.0, len(expected_kw) * length_s, len(expected_kw) + 1)
        if self._seen is not None:
            seen = self._seen.where(member[self._seen.place])
            seen_kw = seen.uncoordinated_kwh(edges_s).sum(axis=0) * (SECONDS_PER_HOUR / length_s)
            expected_kw = np.maximum(expected_kw - seen_kw, 0.0)
        return resampled(expected_kw, length_s, case.interval_s, intervals)

    def _uncoordinated_imbalance_kwh(
        self, now_s: int, others_kw: FloatArray, allocated_kwh: float
    ) -> FloatArray:
        """Return the imbalance that uncoordinated charging is expected to leave: (period,).

        As if no vehicle had ever been steered: what vehicles have really drawn in the current
        period is replaced by what they would have drawn.

        Args:
            now_s: seconds since the run's start.
            others_kw: (interval of the run,), of the portfolio but for the vehicles seen so far.
            allocated_kwh: drawn since the period began, vehicles included.
        """
        case = self._case
        period = now_s // case.portfolio.period_s
        others_kwh = others_kw * (case.interval_s / SECONDS_PER_HOUR)
        begin_s = case.run_edges_s[:-1]
        others_kwh[begin_s < now_s] = 0.0
        charged_kwh = np.zeros(len(begin_s))
        if self._seen is not None:
            charged_kwh = case.uncoordinated_kwh(self._seen)
        charged_kwh[begin_s < period * case.portfolio.period_s] = 0.0
        drawn_kwh = case.by_period(others_kwh + charged_kwh)
        drawn_kwh[period] += allocated_kwh - self._drawn_kwh
        left_kwh: FloatArray = drawn_kwh - case.portfolio.position_kwh
        return left_kwh


_TERMS = (
    DEPARTURE.name,
    ENERGY_CAPACITY.name,
    RATED_CHARGING.name,
    RATED_DISCHARGING.name,
    REQUIRED_STATE_OF_CHARGE.name,
    STORED_ENERGY.name,
)


def _joined(first: Stays, second: Stays) -> Stays:
    arrays = [f.name for f in fields(Stays) if f.name != "charge_efficiency"]
    return Stays(
        charge_efficiency=first.charge_efficiency,
        **{name: np.concatenate([getattr(first, name), getattr(second, name)]) for name in arrays},
    )

"""Generators of charging sessions, from stated distributions and the scenario's seed.

`PeriodTable` draws sessions from counts of arrivals and departures per period and group, as case
studies print them. `HomeCharging` draws evening arrivals and morning departures day by day.
"""

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Annotated, Literal, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from gridloom.simulators.errors import Problem, ScenarioError, nearest
from gridloom.simulators.ev_sessions import FleetVehicle, SessionTable
from gridloom.simulators.model import BuildContext, FloatArray
from gridloom.simulators.quantities import Config, Duration, Fraction

_DAY_S = 86400
_HOUR_S = 3600
_SCATTER_S = 10
"""Vehicles that come or leave together do so within this time."""


def _ascending(bounds: tuple[float, float]) -> tuple[float, float]:
    if bounds[0] > bounds[1]:
        raise ValueError(f"the lower bound {bounds[0]:g} is above the upper bound {bounds[1]:g}")
    return bounds


Span: TypeAlias = Annotated[tuple[Fraction, Fraction], AfterValidator(_ascending)]
"""Lower and upper bound of a uniform distribution of states of charge."""
TimeSpan: TypeAlias = Annotated[tuple[Duration, Duration], AfterValidator(_ascending)]
"""Lower and upper bound of a uniform distribution of durations."""
Counts: TypeAlias = dict[str, list[Annotated[int, Field(ge=0)]]]


class PeriodTable(Config):
    """Arrivals and departures counted per period and group of connection points.

    Who came first leaves in the earliest periods. One that comes and leaves within a period
    comes at the period's start and leaves after about `same_period_stay`; all other times are
    uniform within their period. Charging points that no arrival needs hold a vehicle throughout.
    """

    generator: Literal["period_table"]
    period: Duration
    arrivals: Counts
    """Group name to vehicles arriving in each period."""
    departures: Counts
    """Group name to vehicles departing in each period."""
    arrive_at_start: tuple[str, ...] = ()
    """Groups whose arrivals of the first period all come within the first seconds."""
    same_period_stay: Duration = 720
    arrival_state_of_charge: Span = (0.4, 0.6)
    always_connected_state_of_charge: Span = (0.7, 0.8)
    """At the start, of the vehicles that are plugged in throughout."""
    later_departure: TimeSpan = (1800, 14400)
    """Departure of those who do not leave before, counted from the end of the last period."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if set(self.arrivals) != set(self.departures):
            raise ValueError("arrivals and departures need the same groups")
        lengths = {len(counts) for counts in (*self.arrivals.values(), *self.departures.values())}
        if len(lengths) != 1:
            raise ValueError("all groups need the same number of periods")
        unknown = sorted(set(self.arrive_at_start) - set(self.arrivals))
        if unknown:
            raise ValueError(f"arrive_at_start: group '{unknown[0]}' has no arrivals")
        for group in self.arrivals:
            self._check_stays(group)
        return self

    def _check_stays(self, group: str) -> None:
        present = np.cumsum(self.arrivals[group]) - np.cumsum(self.departures[group])
        if (present < 0).any():
            raise ValueError(
                f"in group '{group}' more vehicles have left than arrived by period "
                f"{int(np.argmax(present < 0)) + 1}"
            )
        arrives_in, leaves_in = self._periods(group)
        is_brief = (arrives_in[: len(leaves_in)] == leaves_in).any()
        if is_brief and self.same_period_stay + 2 * _SCATTER_S > self.period:
            raise ValueError(
                f"same_period_stay does not fit into a period, with {2 * _SCATTER_S} s to spare"
            )

    def _periods(self, group: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the period in which each vehicle arrives, and in which the first of them leave."""
        numbers = np.arange(len(self.arrivals[group]))
        return (
            np.repeat(numbers, self.arrivals[group]),
            np.repeat(numbers, self.departures[group]),
        )

    def draw(
        self, points: Sequence[str], vehicle: FleetVehicle, context: BuildContext
    ) -> SessionTable:
        """Return one session for each of ``points``, among which every group needs enough.

        Raises:
            ScenarioError: a group is unknown, or has too few charging points.
        """
        rng = context.rng("sessions")
        free = dict.fromkeys(points)
        chosen: list[str] = []
        stays: list[tuple[FloatArray, FloatArray]] = []
        for group in sorted(self.arrivals):
            members = [point for point in self._members(group, context) if point in free]
            arrival_s, departure_s = self._stays(group, rng)
            if len(arrival_s) > len(members):
                raise ScenarioError(
                    Problem(
                        message=f"{len(arrival_s)} vehicles arrive in group '{group}', which has "
                        f"{len(members)} free charging points in this fleet",
                        key=("sessions", "arrivals", group),
                    )
                )
            places = [members[i] for i in rng.permutation(len(members))[: len(arrival_s)]]
            chosen += places
            for place in places:
                del free[place]
            stays.append((arrival_s, departure_s))
        resident = len(free)
        stays.append((np.zeros(resident), self._after_the_last_period(resident, rng)))
        state_of_charge = (
            rng.uniform(*self.arrival_state_of_charge, size=len(chosen)),
            rng.uniform(*self.always_connected_state_of_charge, size=resident),
        )
        position = {point: i for i, point in enumerate(points)}
        return _table_of(
            np.array([position[point] for point in (*chosen, *free)], dtype=np.int64),
            np.concatenate([arrival_s for arrival_s, _ in stays]),
            np.concatenate([departure_s for _, departure_s in stays]),
            np.concatenate(state_of_charge),
            vehicle,
        )

    def _members(self, group: str, context: BuildContext) -> Sequence[str]:
        if group not in context.groups:
            raise ScenarioError(
                Problem(
                    message=f"there is no group '{group}'",
                    key=("sessions", "arrivals", group),
                    expected="a group that the scenario defines under 'groups'",
                    suggestion=nearest(group, context.groups),
                )
            )
        return context.groups[group]

    def _stays(self, group: str, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
        """Return arrival and departure times of one group's vehicles, first come, first gone."""
        arrives_in, leaves_in = self._periods(group)
        n, leaving = len(arrives_in), len(leaves_in)
        arrival_s = np.sort((arrives_in + rng.uniform(size=n)) * self.period)
        if group in self.arrive_at_start:
            first = arrives_in == 0
            arrival_s[first] = np.sort(rng.uniform(0, _SCATTER_S, size=first.sum()))
        departure_s = self._after_the_last_period(n, rng)
        departure_s[:leaving] = (leaves_in + rng.uniform(size=leaving)) * self.period
        brief = np.flatnonzero(leaves_in == arrives_in[:leaving])
        scatter_s = rng.uniform(0, _SCATTER_S, size=(2, len(brief)))
        arrival_s[brief] = arrives_in[brief] * self.period + scatter_s[0]
        departure_s[brief] = arrival_s[brief] + self.same_period_stay + scatter_s[1]
        # Whole seconds, rounded down: rounded up, some would fall into the next period.
        return np.floor(arrival_s), np.floor(departure_s)

    def _after_the_last_period(self, n: int, rng: np.random.Generator) -> FloatArray:
        end = self.period * len(next(iter(self.arrivals.values())))
        return np.floor(end + rng.uniform(*self.later_departure, size=n))


def _time_of_day(value: object) -> object:
    if isinstance(value, int | float):  # pydantic would take it for seconds since midnight
        raise ValueError("expected a time of day such as '18:30'")  # noqa: TRY004
    return value


def _without_zone(value: time) -> time:
    if value.tzinfo is not None:
        raise ValueError("a time of day is local, it takes no time zone")
    return value


LocalTime: TypeAlias = Annotated[time, BeforeValidator(_time_of_day), AfterValidator(_without_zone)]
"""A time of day on the clocks of the place where the scenario starts."""


class HomeCharging(Config):
    """Vehicles that come home in the evening and leave in the morning, every day.

    Arrival and departure are normal around a local time of day, cut at three standard deviations;
    the state of charge on arrival is uniform. Vehicles that came before the scenario's start have
    charged since then. Labelled synthetic.
    """

    generator: Literal["home_charging"]
    arrival: LocalTime = time(18, 0)
    arrival_std: Duration = 4500
    departure: LocalTime = time(7, 30)
    """Of the next day, or of the same day when it is later than `arrival`."""
    departure_std: Duration = 2700
    arrival_state_of_charge: Span = (0.3, 0.6)

    @model_validator(mode="after")
    def _never_overlapping(self) -> Self:
        stay_s = (_since_midnight(self.departure) - _since_midnight(self.arrival)) % _DAY_S
        # An hour more, for the day on which the clocks change.
        needed_s = 3 * (self.arrival_std + self.departure_std) + _HOUR_S
        if min(stay_s, _DAY_S - stay_s) < needed_s:
            raise ValueError(
                f"arrival and departure need {needed_s / _HOUR_S:g} h between them, both ways "
                "round the clock: three standard deviations of each, and an hour"
            )
        return self

    def draw(
        self, points: Sequence[str], vehicle: FleetVehicle, context: BuildContext
    ) -> SessionTable:
        """Return one session a charging point and night, for the nights that the run touches."""
        rng = context.rng("sessions")
        nights = range(-1, context.duration_s // _DAY_S + 2)
        drawn = [self._night(context.start, night, len(points), rng) for night in nights]
        arrival_s, departure_s, state_of_charge = (
            np.concatenate(x) for x in zip(*drawn, strict=True)
        )
        charged_h = np.maximum(-arrival_s, 0.0) / _HOUR_S
        gain = vehicle.charge_efficiency * vehicle.rated_power_kw / vehicle.energy_capacity_kwh
        full = np.maximum(state_of_charge, vehicle.required_state_of_charge)
        table = _table_of(
            np.tile(np.arange(len(points)), len(nights)),
            arrival_s,
            departure_s,
            np.minimum(state_of_charge + gain * charged_h, full),
            vehicle,
        )
        touched = (table.departure_s > 0) & (table.arrival_s < context.duration_s)
        return table.take(np.flatnonzero(touched))

    def _night(
        self, start: datetime, night: int, n: int, rng: np.random.Generator
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return arrivals, departures and states of charge of one night, counted from the start's.

        Drawn night by night, so that a longer run begins with the same nights.
        """
        evening = start.date() + timedelta(days=night)
        morning = evening + timedelta(days=int(self.departure <= self.arrival))
        spread = np.clip(rng.standard_normal((2, n)), -3.0, 3.0)
        arrival_s = _elapsed_s(start, evening, self.arrival) + spread[0] * self.arrival_std
        departure_s = _elapsed_s(start, morning, self.departure) + spread[1] * self.departure_std
        state_of_charge = rng.uniform(*self.arrival_state_of_charge, size=n)
        return np.round(arrival_s), np.round(departure_s), state_of_charge


SessionGenerator: TypeAlias = Annotated[
    PeriodTable | HomeCharging, Field(discriminator="generator")
]


def _since_midnight(moment: time) -> int:
    return moment.hour * 3600 + moment.minute * 60 + moment.second


def _elapsed_s(start: datetime, day: date, moment: time) -> float:
    """Return the time from ``start`` to a local time of day, across changes of the clock."""
    return datetime.combine(day, moment, start.tzinfo).timestamp() - start.timestamp()


def _table_of(
    points: NDArray[np.int64],
    arrival_s: FloatArray,
    departure_s: FloatArray,
    state_of_charge: FloatArray,
    vehicle: FleetVehicle,
) -> SessionTable:
    """Return the table of sessions that all have the fleet's own vehicle."""
    n = len(points)
    return SessionTable(
        charging_point=points,
        arrival_s=arrival_s,
        departure_s=departure_s,
        arrival_state_of_charge=state_of_charge,
        required_state_of_charge=np.full(n, vehicle.required_state_of_charge),
        energy_capacity_kwh=np.full(n, vehicle.energy_capacity_kwh),
        rated_power_kw=np.full(n, vehicle.rated_power_kw),
    ).ordered()

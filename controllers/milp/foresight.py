"""What a planner foresees, as a planning problem; here with perfect information.

Both foresights describe the same thing: vehicles' stays, what nobody controls, and the balance to
keep. They differ in what they may know; see `forecasting` for the other one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from gridloom.controllers.controller import Observation
from gridloom.controllers.milp.case import PlanningCase
from gridloom.controllers.milp.exogenous import Exogenous
from gridloom.controllers.milp.problem import IntArray, Plan, PlanningProblem, Storages
from gridloom.controllers.milp.stays import (
    Stays,
    StorageRows,
    stays_of_sessions,
    storages_of,
)
from gridloom.controllers.milp.whole_intervals import PartialCharging, in_whole_intervals
from gridloom.controllers.milp.window import Window
from gridloom.simulators.model import FloatArray, Outputs
from gridloom.simulators.quantities import SECONDS_PER_HOUR
from gridloom.simulators.signals import IMBALANCE, STORED_ENERGY


@dataclass(frozen=True, kw_only=True)
class Foreseen:
    """A planning problem, and how its solution becomes setpoints."""

    problem: PlanningProblem
    window: Window
    point_of_place: IntArray
    """(charging_point,), position among the connection points; the first storages are theirs."""
    partial: PartialCharging
    """What is fixed in intervals that vehicles are there for in part."""

    @classmethod
    def of(
        cls,
        case: PlanningCase,
        window: Window,
        storages: Storages,
        partial: PartialCharging,
        expected: "Expected",
    ) -> "Foreseen":
        """Put a problem together; what is charged in part of an interval counts as exogenous."""
        point = case.point_of_place
        exogenous_kw = window.to_come(expected.exogenous.power_kw)
        exogenous_kvar = window.to_come(expected.exogenous.reactive_power_kvar)
        np.add.at(exogenous_kw, point, partial.power_kw)
        np.add.at(exogenous_kvar, point, partial.power_kw * case.fleet.tan_phi)
        overstated_kw = (partial.power_kw - partial.mean_kw)[case.in_portfolio[point]].sum(axis=0)
        problem = PlanningProblem(
            interval_s=case.interval_s,
            storages=storages,
            settlement=case.portfolio.settlement(
                window, case.in_portfolio, expected.allocated_kwh, expected.uncoordinated_kwh
            ),
            exogenous_kw=exogenous_kw,
            exogenous_kvar=exogenous_kvar,
            elsewhere_kw=window.to_come(expected.elsewhere_kw) - overstated_kw,
        )
        return cls(problem=problem, window=window, point_of_place=point, partial=partial)

    def setpoints_kw(self, plan: Plan) -> FloatArray:
        """Return what to ask of the charging points: (charging_point, interval)."""
        setpoints: FloatArray = plan.power_kw[: len(self.point_of_place)] + self.partial.power_kw
        return setpoints

    def injections(self, plan: Plan) -> tuple[FloatArray, FloatArray]:
        """Return active and reactive power that the plan expects: (connection_point, interval)."""
        kw, kvar = self.problem.injections(plan)
        overstated_kw = self.partial.power_kw - self.partial.mean_kw
        np.subtract.at(kw, self.point_of_place, overstated_kw)
        np.subtract.at(kvar, self.point_of_place, overstated_kw * self.problem.storages.tan_phi)
        return kw, kvar


@dataclass(frozen=True, kw_only=True)
class Expected:
    """What is expected of all that a plan does not decide."""

    exogenous: Exogenous
    elsewhere_kw: FloatArray
    """(interval of the run,), of the portfolio's vehicles that cannot be placed yet."""
    allocated_kwh: float
    """What the portfolio has drawn since the current settlement period began."""
    uncoordinated_kwh: FloatArray | None
    """(period,), imbalance that uncoordinated charging would leave; None where plans may cause any
    imbalance."""


class PlanningForesight(Protocol):
    """What a planner asks of its foresight."""

    def notice(self, time: int, observation: Observation, drawn_kw: FloatArray) -> None:
        """Take note of what is observed; called once an interval, before anything is planned.

        Args:
            time: seconds since the run's start.
            observation: as the controller is told.
            drawn_kw: (charging_point,), mean power since the last time.
        """

    def foresee(self, time: int, observation: Observation) -> Foreseen:
        """Return the problem of a plan that is made now."""


class PerfectForesight:
    """Knows arrivals, loads and irradiance as they will be; observes only what plans have done."""

    def __init__(self, case: PlanningCase, futures: Mapping[str, Outputs]) -> None:
        self._case = case
        self._exogenous = case.surroundings.as_it_will_be(futures)
        self.stays = stays_of_sessions(case.fleet)

    @property
    def uncoordinated_imbalance_kwh(self) -> FloatArray:
        """(period,), what uncoordinated charging leaves."""
        case = self._case
        exogenous_kw = self._exogenous.power_kw[case.in_portfolio].sum(axis=0)
        drawn_kwh = exogenous_kw * np.diff(case.run_edges_s) / SECONDS_PER_HOUR
        drawn_kwh = drawn_kwh + case.uncoordinated_kwh(self.stays)
        left: FloatArray = case.by_period(drawn_kwh) - case.portfolio.position_kwh
        return left

    def notice(self, time: int, observation: Observation, drawn_kw: FloatArray) -> None:
        """There is nothing that it does not know."""

    def foresee(self, time: int, observation: Observation) -> Foreseen:
        """Return the problem of a plan that is made now.

        Args:
            time: seconds since the run's start.
            observation: energy in the vehicles and the running imbalance; not needed at time 0.
        """
        case = self._case
        window = case.window(time)
        places = len(case.point_of_place)
        stays = self._as_they_are(time, observation)
        stays, partial = in_whole_intervals(stays, window, places)
        storages = storages_of(stays, StorageRows.one_a_place(stays, places), window, case.terms)
        return Foreseen.of(case, window, storages, partial, self._expected(time, observation))

    def relaxed(self) -> PlanningProblem:
        """Return a problem of which the means of every possible run are a solution.

        Over the whole run, with vehicles that take part in the intervals that they are there for in
        part: what limits their power also limits its mean there, in proportion.
        """
        case = self._case
        window = case.window(0)
        rows = StorageRows.of(self.stays, len(case.point_of_place), case.interval_s)
        storages = storages_of(self.stays, rows, window, case.terms)
        nothing = np.zeros((len(case.point_of_place), window.intervals))
        partial = PartialCharging(power_kw=nothing, mean_kw=nothing)
        return Foreseen.of(case, window, storages, partial, self._expected(0, {})).problem

    def _expected(self, time: int, observation: Observation) -> Expected:
        case = self._case
        allocated_kwh = 0.0
        if IMBALANCE.name in observation:
            allocated_kwh = case.portfolio.allocated_kwh(time, float(observation[IMBALANCE.name]))
        return Expected(
            exogenous=self._exogenous,
            elsewhere_kw=np.zeros(self._exogenous.power_kw.shape[1]),
            allocated_kwh=allocated_kwh,
            uncoordinated_kwh=None if case.speculation else self.uncoordinated_imbalance_kwh,
        )

    def _as_they_are(self, time: int, observation: Observation) -> Stays:
        """Return the stays, with the energy that is in the vehicles now."""
        if time == 0 or STORED_ENERGY.name not in observation:
            return self.stays
        stays = self.stays
        there = (stays.begin_s <= time) & (time < stays.end_s)
        stored_kwh = observation[STORED_ENERGY.name][stays.place]
        return replace(stays, energy_kwh=np.where(there, stored_kwh, stays.energy_kwh))

"""Whom a plan is for, and by which rules: what both foresights and the bounds share."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gridloom.controllers.milp.exogenous import Surroundings, positions, sites
from gridloom.controllers.milp.portfolio import Portfolio
from gridloom.controllers.milp.problem import IntArray
from gridloom.controllers.milp.stays import Stays, StorageTerms
from gridloom.controllers.milp.window import Window
from gridloom.simulators.errors import Problem, ScenarioError, listing
from gridloom.simulators.ev_fleet import EvFleet
from gridloom.simulators.model import FloatArray, Model


@dataclass(frozen=True, kw_only=True)
class PlanningCase:
    """Whom a plan is for, and by which rules."""

    fleet: EvFleet
    portfolio: Portfolio
    surroundings: Surroundings
    """Everything but the fleet."""
    horizon_s: int | None = None
    """How far a plan reaches at least; None: to the end of the run."""
    speculation: bool = True
    """Whether a plan may cause imbalances on purpose."""
    reachable_at_end: bool = True
    """Whether who leaves after the plan must still be able to reach what is required."""
    battery_price_eur_per_kwh: float = 0.0
    """Price of a new battery, which makes use cost; 0 ignores ageing."""

    @property
    def points(self) -> tuple[str, ...]:
        """The plan's connection points."""
        return self.surroundings.points

    @property
    def point_of_place(self) -> IntArray:
        """(charging_point,), position among the connection points."""
        return positions(sites(self.fleet), self.points)

    @property
    def in_portfolio(self) -> NDArray[np.bool_]:
        """(connection_point,), who belongs to the balance responsible party."""
        return self.portfolio.member(self.points)

    @property
    def interval_s(self) -> int:
        """Length of the plan's intervals."""
        return self.surroundings.interval_s

    @property
    def run_edges_s(self) -> FloatArray:
        """Boundaries of the intervals of the whole run."""
        return np.arange(0.0, self.portfolio.duration_s + 1, self.interval_s)

    @property
    def terms(self) -> StorageTerms:
        """What holds for all storages.

        Ageing (eqs. 15-16) costs a battery's price over the throughput of its life: `cycle_life`
        cycles of two capacities each.
        """
        return StorageTerms(
            point=self.point_of_place,
            limits=self.fleet.limits,
            tan_phi=self.fleet.tan_phi,
            reachable_at_end=self.reachable_at_end,
            wear_eur_per_kwh=self.battery_price_eur_per_kwh / (2.0 * self.fleet.ageing.cycle_life),
        )

    def require_consistent(self) -> None:
        """Refuse intervals that fit neither the market nor the devices.

        Raises:
            ScenarioError: they do not.
        """
        self.portfolio.require_intervals(self.interval_s)
        self.surroundings.require_whole_steps()
        if self.interval_s % self.fleet.step_size:
            fleet = replace(self.surroundings, models={self.fleet.name: self.fleet})
            fleet.require_whole_steps()

    def window(self, now_s: int) -> Window:
        """Return the time of a plan that is made now."""
        return Window.at(
            now_s,
            interval_s=self.interval_s,
            period_s=self.portfolio.period_s,
            duration_s=self.portfolio.duration_s,
            horizon_s=self.horizon_s,
        )

    def by_period(self, energy_kwh: FloatArray) -> FloatArray:
        """Add up the intervals of the run in its settlement periods: (interval,) to (period,)."""
        period = np.arange(len(energy_kwh)) * self.interval_s // self.portfolio.period_s
        periods = len(self.portfolio.position_kw)
        return np.bincount(period, energy_kwh, periods).astype(np.float64)

    def uncoordinated_kwh(self, stays: Stays) -> FloatArray:
        """Return what the portfolio's vehicles draw uncoordinated, in the run: (interval,)."""
        member = self.in_portfolio[self.point_of_place[stays.place]]
        drawn: FloatArray = stays.where(member).uncoordinated_kwh(self.run_edges_s).sum(axis=0)
        return drawn


def only_fleet(models: Mapping[str, Model]) -> EvFleet:
    """Return the one fleet of vehicles among models.

    Raises:
        ScenarioError: there is none, or more than one.
    """
    fleets = [model for model in models.values() if isinstance(model, EvFleet)]
    if len(fleets) == 1:
        return fleets[0]
    named = listing([fleet.name for fleet in fleets]) or "none"
    raise ScenarioError(
        Problem(
            message=f"one fleet of vehicles can be planned, and there are {len(fleets)}: {named}",
            key=("simulators",),
            expected="one simulator of type ev_fleet",
        )
    )


def as_fleet(controlled: Model) -> EvFleet:
    """Return what a planner controls.

    Raises:
        ScenarioError: it is no fleet of vehicles.
    """
    if isinstance(controlled, EvFleet):
        return controlled
    raise ScenarioError(
        Problem(
            message=f"'{controlled.name}' is no fleet of vehicles",
            key=("controls",),
            expected="a simulator of type ev_fleet",
        )
    )

"""What a scenario can say of a planner."""

from enum import StrEnum
from typing import Annotated, Any

import numpy as np
from pydantic import Field, model_validator

from gridloom.controllers.controller import ControllerConfig
from gridloom.controllers.milp.options import (
    Binaries,
    NetworkDetail,
    NetworkOptions,
    Objective,
    PlanOptions,
)
from gridloom.simulators.quantities import Duration, Finite, Fraction, NonNegative, parse_duration


class Foresight(StrEnum):
    """What a planner knows of what is to come."""

    PERFECT = "perfect"
    """All of it, as it will be: arrivals, loads and irradiance (the paper)."""
    FORECAST = "forecast"
    """The vehicles that are plugged in, the departures they declared, and forecasts."""


class Terminal(StrEnum):
    """What is asked of vehicles that are still plugged in when the plan ends."""

    REACHABLE = "reachable"
    """That they can still reach, at rated power, what they need at departure."""
    NONE = "none"
    """Nothing (the paper): a plan may then sell what they need after it."""


class OnFailure(StrEnum):
    """What happens when no plan is found, not even one with relaxed limits."""

    FALL_BACK = "fall_back"
    """The last plan goes on; without any, vehicles charge uncoordinated."""
    STOP = "stop"
    """The run ends with an error."""


class MilpConfig(ControllerConfig):
    """Plans all vehicles at once by (mixed-integer) linear programming, and sends setpoints.

    It steps once an interval, whatever the scenario's `step_size`.
    """

    step_timeout: Duration = 3600
    """Wall time that a step may take, with the plans it makes."""
    interval: Duration = 60
    """Length of the plan's intervals; a setpoint holds for one of them."""
    foresight: Foresight = Foresight.PERFECT
    """What it knows of the future; `perfect` is for baselines and bounds."""
    resolve_every: Duration | None = None
    """Time between two plans, a multiple of `interval`. Default: one plan at the start."""
    resolve_on_arrival: bool = True
    """Whether a plan is also made as soon as there are vehicles that the last one does not know;
    matters where plans are made more than once and rest on forecasts."""
    horizon: Duration | None = None
    """How far a plan reaches at least. Default: to the end of the run."""
    persistence: Duration = 900
    """Forecasts are blended with the last measurement, whose weight falls to 1/e in this time."""
    objective: Objective = Objective.COST_AND_ENERGY
    """Minimise `shortage` (eq. 28), `cost` (eq. 21), or `cost_and_energy` (eq. 21 less the value
    of the energy that vehicles gain)."""
    energy_value_eur_per_mwh: Finite | None = None
    """Value of energy in vehicles. Default: the mean of all imbalance prices."""
    speculation: bool = True
    """Whether a plan may cause imbalances on purpose. Otherwise it may but reduce those that
    uncoordinated charging would leave."""
    terminal: Terminal = Terminal.REACHABLE
    """What is asked of vehicles that are still plugged in when the plan ends."""
    network: NetworkDetail = NetworkDetail.REDUCED
    """How the plan knows the grid: not at all, reduced to what matters, or every line and bus."""
    loading_limit: Annotated[float, Field(gt=0, le=2)] = 0.95
    """Share of the ratings that a plan may use; the rest is for losses, linearisation and what
    happens within an interval."""
    voltage_limits: bool = False
    """Whether a plan respects the grid's voltage limits."""
    voltage_margin_pu: Fraction = 0.0
    """How far within the voltage limits it stays."""
    check_plans: bool = True
    """Whether each plan is solved in the AC power flow, in one batch, and what comes of it
    recorded; where there is a `grid` (or `opendss`). Plans do not depend on it."""
    battery_price_eur_per_kwh: NonNegative = 0.0
    """Price of a new battery, which makes use cost (ageing, eqs. 15-16); 0 ignores it."""
    binaries: Binaries = Binaries.AUTO
    """Whether to forbid charging and discharging at once by binary variables (eqs. 17-18)."""
    relative_gap: Annotated[float, Field(gt=0, lt=1)] = 1e-4
    """At which branch and bound stops."""
    node_limit: Annotated[int, Field(gt=0)] | None = None
    """Nodes after which branch and bound stops with the best plan so far. Default: no limit."""
    tie_break: bool = True
    """Of plans equally good, take one of minimum throughput."""
    on_failure: OnFailure = OnFailure.FALL_BACK
    """What happens when no plan is found: `fall_back` on the last plan or uncoordinated charging,
    or `stop` the run."""

    @model_validator(mode="before")
    @classmethod
    def _step_once_an_interval(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        interval = given.get("interval", "1min")
        try:
            parse_duration(interval)
        except ValueError:  # 'interval' itself will be refused
            return given
        return {**given, "step_size": interval}

    @model_validator(mode="after")
    def _whole_intervals(self) -> "MilpConfig":
        for name in ("resolve_every", "horizon"):
            length = getattr(self, name)
            if length is not None and length % self.interval:
                raise ValueError(f"{name} is not a multiple of interval")
        if self.horizon is not None and self.horizon < (self.resolve_every or np.inf):
            raise ValueError(
                "horizon ends before the next plan: it needs resolve_every, not longer"
            )
        return self

    def plan_options(self, energy_value_eur_per_mwh: float) -> PlanOptions:
        """Return the choices that concern the problem's formulation."""
        return PlanOptions(
            objective=self.objective,
            energy_value_eur_per_mwh=energy_value_eur_per_mwh,
            binaries=self.binaries,
            tie_break=self.tie_break,
            relative_gap=self.relative_gap,
            node_limit=self.node_limit,
        )

    def network_options(self, *, unbalanced: bool) -> NetworkOptions:
        """Return the choices that concern the grid.

        Args:
            unbalanced: whether the grid's phases are told apart, and so limited apart.
        """
        return NetworkOptions(
            detail=self.network,
            loading_limit=self.loading_limit,
            voltage_limits=self.voltage_limits,
            voltage_margin_pu=self.voltage_margin_pu,
            per_phase=unbalanced and self.network is NetworkDetail.REDUCED,
        )

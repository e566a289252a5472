"""What no scheme can undercut: the optimum of a planner that knows the future, relaxed.

Every value is the optimum of a problem of which each admissible run is a solution, so no such run
costs less. Admissible is a run in which, at every second,

- every vehicle stays within its power and energy limits and leaves with what it requires (as far
  as charging at rated power all along reaches it); who leaves after the run can still reach it;
- currents stay within the ratings and voltages within their limits, in the AC power flow.

Why the means of an admissible run over intervals are a solution:

- Energy is the sum of power, and limits of power and energy are convex sets, which hold for means
  as well; where a vehicle is there for a part of an interval, its mean is limited in proportion.
  Within an interval a vehicle may charge first and discharge then, so the problem must not forbid
  both in one interval: it has no binaries of eqs. (17)-(18).
- The flows are those of `outer_grid`: the linear model with limits wide enough for any admissible
  AC power flow. |mean of S| <= mean of |S| does the rest. Where that cannot be shown (meshed grids,
  and grids whose phases are told apart, as unbalanced losses have no such bound), no limit of the
  grid counts: the values are then lower, and still bounds.
- Imbalances are linear in the mean powers. Losses are not the vehicles' doing.

Not bounded are schemes that overload lines or miss departures, and, by the values without
speculation, schemes that leave any period's imbalance outside [0, imbalance of uncoordinated
charging]. A market that settles losses is refused.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from gridloom.controllers.milp.case import PlanningCase, only_fleet
from gridloom.controllers.milp.exogenous import Surroundings, connection_points, sites
from gridloom.controllers.milp.foresight import PerfectForesight
from gridloom.controllers.milp.linear_flow import LinearGrid
from gridloom.controllers.milp.network import FlowGraph, flow_graph
from gridloom.controllers.milp.options import (
    Binaries,
    NetworkOptions,
    Objective,
    PlanOptions,
)
from gridloom.controllers.milp.outer_grid import widened
from gridloom.controllers.milp.portfolio import Portfolio
from gridloom.controllers.milp.problem import PlanningProblem
from gridloom.simulators.errors import Problem, ScenarioError, SolveError
from gridloom.simulators.grid.schedule import ScheduleVerdict, check_schedule
from gridloom.simulators.grid.simulator import Grid
from gridloom.simulators.market import ImbalanceMarket
from gridloom.simulators.model import FloatArray, Model
from gridloom.simulators.signals import LOSSES, POWER, REACTIVE_POWER

_EUR_PER_MWH_TO_KWH = 1e-3


@dataclass(frozen=True, kw_only=True)
class PerfectInformationBounds:
    """Lower bounds of what coordination costs in one case; EUR."""

    energy_adjusted_cost_eur: float
    """J = c21 + value (energy uncoordinated - energy): with any imbalance."""
    energy_adjusted_cost_no_speculation_eur: float | None
    """The same if each period's imbalance lies between 0 and that of uncoordinated charging; None
    where that is impossible."""
    imbalance_cost_eur: float
    """c21, eq. (21), whatever energy is left in the vehicles beyond what they need."""
    shortage_cost_eur: float
    """c28, eq. (28)."""
    energy_value_eur_per_mwh: float
    """Value of energy in the vehicles."""
    uncoordinated_energy_kwh: float
    """Energy in the vehicles at departure or the end of the run, uncoordinated."""
    counts_ratings: bool
    """Whether the limits of the grid count; otherwise there is none, or no proof for it."""
    interval_s: int
    """Length of the intervals of the means."""
    schedule: ScheduleVerdict | None = None
    """How a schedule that reaches `energy_adjusted_cost_eur` fares in the AC power flow, by its
    means over the intervals; None where there is no grid of ours."""


def perfect_information_bounds(
    models: Mapping[str, Model],
    *,
    duration_s: int,
    interval_s: int = 60,
    energy_value_eur_per_mwh: float | None = None,
) -> PerfectInformationBounds:
    """Bound what any admissible scheme can reach.

    Args:
        models: the simulators of the case.
        duration_s: length of the run.
        interval_s: shorter intervals make the bounds tighter.
        energy_value_eur_per_mwh: None for the mean of all imbalance prices.

    Raises:
        ScenarioError: the case has no fleet or market, or one that is not bounded.
        SolveError: no run is admissible.
    """
    case = _case(models, duration_s, interval_s)
    futures = _futures(case, interval_s)
    graph = _outer_graph(models, case)
    value = energy_value_eur_per_mwh
    value = case.portfolio.mean_price_eur_per_mwh if value is None else value

    def best(objective: Objective, *, speculation: bool = True) -> _Optimum | None:
        foresight = PerfectForesight(replace(case, speculation=speculation), futures)
        return _optimum(foresight.relaxed(), objective, value, graph)

    stays = PerfectForesight(case, futures).stays
    drawn_kwh = float(stays.uncoordinated_kwh(case.run_edges_s).sum())
    gained_kwh = stays.charge_efficiency * drawn_kwh
    gained_eur = value * gained_kwh * _EUR_PER_MWH_TO_KWH
    with_energy, cost, shortage = (
        best(each) for each in (Objective.COST_AND_ENERGY, Objective.COST, Objective.SHORTAGE)
    )
    if with_energy is None or cost is None or shortage is None:
        raise SolveError("bound", 0, "infeasible", "no schedule keeps all limits of this case")
    balanced = best(Objective.COST_AND_ENERGY, speculation=False)
    return PerfectInformationBounds(
        energy_adjusted_cost_eur=with_energy.bound_eur + gained_eur,
        energy_adjusted_cost_no_speculation_eur=None
        if balanced is None
        else balanced.bound_eur + gained_eur,
        imbalance_cost_eur=cost.bound_eur,
        shortage_cost_eur=shortage.bound_eur,
        energy_value_eur_per_mwh=value,
        uncoordinated_energy_kwh=_arrival_kwh(case) + gained_kwh,
        counts_ratings=graph is not None,
        interval_s=interval_s,
        schedule=_verdict(models, with_energy, interval_s),
    )


@dataclass(frozen=True, kw_only=True)
class _Optimum:
    """The optimum of one objective, and a schedule that reaches it."""

    bound_eur: float
    injections: tuple[FloatArray, FloatArray]
    """Active and reactive power: (connection_point, interval) each."""


def _case(models: Mapping[str, Model], duration_s: int, interval_s: int) -> PlanningCase:
    fleet = only_fleet(models)
    markets = [model for model in models.values() if isinstance(model, ImbalanceMarket)]
    if len(markets) > 1 or any(port.signal == LOSSES for m in markets for port in m.ports):
        raise ScenarioError(
            Problem(
                message="costs are bounded for one market that settles no losses",
                key=("simulators", markets[-1].name),
            )
        )
    case = PlanningCase(
        fleet=fleet,
        portfolio=Portfolio.of(markets[0] if markets else None, perfect=True),
        surroundings=Surroundings(
            models={name: model for name, model in models.items() if model is not fleet},
            points=connection_points(models),
            interval_s=interval_s,
            duration_s=duration_s,
        ),
    )
    case.require_consistent()
    return case


def _futures(case: PlanningCase, interval_s: int) -> dict[str, dict[str, FloatArray]]:
    """Return what the surroundings will send.

    Raises:
        ScenarioError: that of one depends on what others do.
    """
    futures = {name: m.future(interval_s) for name, m in case.surroundings.senders.items()}
    for name, future in futures.items():
        if future is None:
            raise ScenarioError(
                Problem(
                    message=f"what '{name}' draws depends on what others do: its costs cannot be "
                    "bounded",
                    key=("simulators", name),
                )
            )
    return {name: future for name, future in futures.items() if future is not None}


def _outer_graph(models: Mapping[str, Model], case: PlanningCase) -> FlowGraph | None:
    """Return limits that every admissible run keeps, None where no limit is certain."""
    grid = next((m for m in models.values() if m.offers_connection_points), None)
    if grid is None:
        return None
    linear = LinearGrid(grid)
    if linear.unbalanced or not linear.radial:
        return None
    graph = flow_graph(linear.feeder, NetworkOptions(loading_limit=1.0))
    return None if graph is None else widened(graph, linear.feeder, _peak_kva(case))


def _peak_kva(case: PlanningCase) -> FloatArray:
    """Return the largest apparent power of each connection point in any step."""
    peak = {POWER.name: np.zeros(len(case.points)), REACTIVE_POWER.name: np.zeros(len(case.points))}
    place = {name: number for number, name in enumerate(case.points)}
    for model in case.surroundings.senders.values():
        at = [place[site] for site in sites(model)]
        for name, sent in (model.future(model.step_size) or {}).items():
            if name in peak:
                np.add.at(peak[name], at, np.abs(sent).max(axis=0))
    rated_kw = np.zeros(len(case.point_of_place))
    sessions = case.fleet.sessions
    np.maximum.at(rated_kw, sessions.charging_point, sessions.rated_power_kw)
    np.add.at(peak[POWER.name], case.point_of_place, rated_kw)
    np.add.at(peak[REACTIVE_POWER.name], case.point_of_place, rated_kw * abs(case.fleet.tan_phi))
    return np.hypot(peak[POWER.name], peak[REACTIVE_POWER.name])


def _optimum(
    problem: PlanningProblem, objective: Objective, value: float, graph: FlowGraph | None
) -> _Optimum | None:
    """Return the proven lower bound of an objective; None where nothing keeps the limits."""
    # Solvers are slow to import, and this module is imported for its results' type as well.
    from gridloom.controllers.milp.planner import Planner
    from gridloom.controllers.milp.solution import NoSolution, Status

    options = PlanOptions(
        objective=objective,
        energy_value_eur_per_mwh=value,
        binaries=Binaries.NEVER,
        tie_break=False,
    )
    outcome = Planner(options, graph).solve(problem)
    if not isinstance(outcome, NoSolution):
        return _Optimum(bound_eur=outcome.bound_eur, injections=problem.injections(outcome.plan))
    if outcome.status is Status.INFEASIBLE:
        return None
    raise SolveError("bound", 0, outcome.status, outcome.cause)


def _verdict(
    models: Mapping[str, Model], optimum: _Optimum, interval_s: int
) -> ScheduleVerdict | None:
    """Return what the AC power flow says of a schedule; None without a grid of ours."""
    grid = next((model for model in models.values() if isinstance(model, Grid)), None)
    if grid is None:
        return None
    return check_schedule(grid, *optimum.injections, interval_s).verdict


def _arrival_kwh(case: PlanningCase) -> float:
    """Return the energy with which the vehicles of the run arrive, however briefly they stay."""
    sessions = case.fleet.sessions
    begun = (sessions.arrival_s < case.portfolio.duration_s) & (sessions.departure_s > 0)
    arrived_kwh = sessions.arrival_state_of_charge * sessions.energy_capacity_kwh
    return float(arrived_kwh[begun].sum())

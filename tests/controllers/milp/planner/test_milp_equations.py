"""Optima against formulations written down a second time: SciPy's MILP, and enumeration."""

from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridloom.controllers.milp.options import Binaries, Objective, PlanOptions
from gridloom.controllers.milp.planner import Planner
from gridloom.controllers.milp.problem import PlanningProblem
from gridloom.controllers.milp.solution import NoSolution, Solution, Status
from gridloom.controllers.milp.structure import is_convex

EXACT = PlanOptions(
    objective=Objective.COST, energy_value_eur_per_mwh=95.0, relative_gap=1e-9, tie_break=False
)


def random_problem(make: Any, seed: int, *, ordered: bool = False) -> PlanningProblem:
    """Draw a problem of 1-3 storages and 1-5 intervals, not always one with a solution."""
    rng = np.random.default_rng(seed)
    storages, intervals = int(rng.integers(1, 4)), int(rng.integers(1, 6))
    shape = (storages, intervals)
    period = np.sort(rng.integers(0, 2, intervals))
    period -= period[0]
    periods = int(period.max()) + 1
    prices = np.round(rng.uniform(-60, 150, (2, periods)), 1)
    if ordered:
        prices = np.sort(prices, axis=0)
    entering = np.full(shape, np.nan)
    entering[:, 0] = rng.uniform(3, 7, storages)
    leaves = np.zeros(shape, dtype=bool)
    leaves[:, -1] = True
    minimum = np.zeros(shape)
    minimum[:, -1] = rng.uniform(0, 7, storages)
    if intervals > 2 and rng.random() < 0.5:  # a second vehicle at the first charging point
        entering[0, 2], leaves[0, 1] = rng.uniform(3, 7), True
    tight = rng.random() < 0.3
    problem: PlanningProblem = make(
        storages=storages,
        intervals=intervals,
        interval_s=1800,
        period=period,
        charge_max_kw=rng.uniform(0, 5, shape),
        discharge_max_kw=rng.uniform(0, 5, shape) * rng.integers(0, 2, shape),
        entering=entering,
        leaves=leaves,
        energy_min_kwh=minimum,
        energy_max_kwh=rng.uniform(7, 10, (storages, 1)),
        charge_efficiency=float(rng.choice([1.0, 0.95, 0.6])),
        discharge_efficiency=float(rng.choice([1.0, 0.95, 0.6])),
        wear_eur_per_kwh=float(rng.choice([0.0, 0.01])),
        shortage=prices[1],
        surplus=prices[0],
        exogenous_kw=rng.uniform(-4, 4, (1, intervals)),
        position_kwh=rng.uniform(-3, 3, periods),
        imbalance_min_kwh=-2.0 if tight else -np.inf,
        imbalance_max_kwh=2.0 if tight else np.inf,
    )
    return problem


class Judge:
    """Eqs. (12)-(25) as SciPy's `milp` wants them, row by row.

    Columns: charge, discharge, energy and rho of every storage and interval; shortage, surplus
    and a binary of every period.
    """

    def __init__(self, problem: PlanningProblem) -> None:
        self.problem = problem
        (count, intervals), periods = problem.shape, len(problem.settlement.position_kwh)
        cells = count * intervals
        self.charge, self.discharge, self.energy, self.rho = (
            np.arange(cells).reshape(problem.shape) + block * cells for block in range(4)
        )
        self.shortage, self.surplus, self.is_short = (
            4 * cells + np.arange(periods) + block * periods for block in range(3)
        )
        self.width = 4 * cells + 3 * periods
        self.rows: list[tuple[dict[int, float], float, float]] = []
        for storage, interval in product(range(count), range(intervals)):
            self._store(storage, interval)
        for period in range(periods):
            self._settle(period)

    def _store(self, s: int, t: int) -> None:
        storages, hours = self.problem.storages, self.problem.interval_h
        row = {
            self.energy[s, t]: 1.0,
            self.charge[s, t]: -storages.charge_efficiency * hours,
            self.discharge[s, t]: hours / storages.discharge_efficiency,
        }
        begin = storages.entering_kwh[s, t]
        if np.isnan(begin):
            row[self.energy[s, t - 1]] = -1.0
            begin = 0.0
        most, least = storages.charge_max_kw[s, t], storages.discharge_max_kw[s, t]
        self.rows += [
            (row, begin, begin),
            ({self.charge[s, t]: 1.0, self.rho[s, t]: -most}, -np.inf, 0.0),
            ({self.discharge[s, t]: 1.0, self.rho[s, t]: least}, -np.inf, least),
        ]

    def _settle(self, p: int) -> None:
        settlement, hours, big = self.problem.settlement, self.problem.interval_h, 1e3
        inside = np.flatnonzero(settlement.period == p)
        drawn = self.problem.exogenous_kw[:, inside].sum() + self.problem.elsewhere_kw[inside].sum()
        base = settlement.settled_kwh[p] - settlement.position_kwh[p] + hours * drawn
        split = {self.shortage[p]: 1.0, self.surplus[p]: -1.0}
        row = split | dict.fromkeys(self.charge[:, inside].ravel(), -hours)
        row |= dict.fromkeys(self.discharge[:, inside].ravel(), hours)
        self.rows += [
            (row, base, base),
            ({self.shortage[p]: 1.0, self.is_short[p]: -big}, -np.inf, 0.0),
            ({self.surplus[p]: 1.0, self.is_short[p]: big}, -np.inf, big),
            (split, settlement.imbalance_min_kwh[p], settlement.imbalance_max_kwh[p]),
        ]

    def cost(self, options: PlanOptions) -> Any:
        storages, settlement = self.problem.storages, self.problem.settlement
        cost = np.zeros(self.width)
        cost[self.shortage] = settlement.shortage_eur_per_mwh
        if options.objective is not Objective.SHORTAGE:
            cost[self.surplus] = -settlement.surplus_eur_per_mwh
        wear = 1e3 * storages.wear_eur_per_kwh * self.problem.interval_h
        cost[self.charge] = cost[self.discharge] = wear
        if options.objective is Objective.COST_AND_ENERGY:
            cost[self.energy] = -options.energy_value_eur_per_mwh * storages.leaves
        return cost

    def best_eur(self, options: PlanOptions) -> float | None:
        """Return the optimum; None: there is no plan."""
        from scipy.optimize import Bounds, LinearConstraint, milp

        storages = self.problem.storages
        lower, upper = np.zeros(self.width), np.full(self.width, np.inf)
        upper[self.charge], upper[self.discharge] = (
            storages.charge_max_kw,
            storages.discharge_max_kw,
        )
        lower[self.energy], upper[self.energy] = storages.energy_min_kwh, storages.energy_max_kwh
        binary = np.zeros(self.width)
        for columns in (self.rho, self.is_short):
            binary[columns], upper[columns] = 1, 1
        matrix = np.zeros((len(self.rows), self.width))
        for number, (row, _, _) in enumerate(self.rows):
            matrix[number, list(row)] = list(row.values())
        low, high = (np.array([row[side] for row in self.rows]) for side in (1, 2))
        found = milp(
            self.cost(options),
            integrality=binary,
            bounds=Bounds(lower, upper),
            constraints=LinearConstraint(matrix, low, high),
            options={"mip_rel_gap": 1e-9},
        )
        if not found.success:
            return None
        counts = options.objective is Objective.COST_AND_ENERGY
        entered = counts * options.energy_value_eur_per_mwh * np.nansum(storages.entering_kwh)
        return float(found.fun + entered) / 1e3


@settings(max_examples=60)
@given(
    seed=st.integers(0, 2**32 - 1),
    objective=st.sampled_from(list(Objective)),
    binaries=st.sampled_from([Binaries.AUTO, Binaries.ALWAYS]),
)
def test_optimum_equals_that_of_a_second_formulation(
    problem_of: Any, seed: int, objective: Objective, binaries: Binaries
) -> None:
    problem = random_problem(problem_of, seed)
    options = replace(EXACT, objective=objective, binaries=binaries)
    outcome, expected = Planner(options).solve(problem), Judge(problem).best_eur(options)
    if expected is None:
        assert isinstance(outcome, NoSolution)
        assert outcome.status is Status.INFEASIBLE
    else:
        assert isinstance(outcome, Solution)
        assert outcome.objective_eur == pytest.approx(expected, abs=2e-6)
        assert outcome.bound_eur <= outcome.objective_eur


@settings(max_examples=40)
@given(seed=st.integers(0, 2**32 - 1), tie_break=st.booleans())
def test_plans_obey_every_equation(problem_of: Any, seed: int, tie_break: bool) -> None:
    problem = random_problem(problem_of, seed)
    options = replace(EXACT, tie_break=tie_break)
    outcome = Planner(options).solve(problem)
    if isinstance(outcome, NoSolution):
        return
    plan, storages, settlement = outcome.plan, problem.storages, problem.settlement
    power, hours = plan.power_kw, problem.interval_h
    before = np.pad(plan.energy_kwh[:, :-1], ((0, 0), (1, 0)))
    start = np.where(np.isnan(storages.entering_kwh), before, storages.entering_kwh)
    # Charge or discharge: the sign of the power tells which efficiency holds.
    stored = np.where(
        power > 0, power * storages.charge_efficiency, power / storages.discharge_efficiency
    )
    assert plan.energy_kwh == pytest.approx(start + stored * hours, abs=1e-4)
    assert (power <= storages.charge_max_kw + 1e-6).all()
    assert (power >= -storages.discharge_max_kw - 1e-6).all()
    assert (plan.energy_kwh >= storages.energy_min_kwh - 1e-6).all()
    assert (plan.energy_kwh <= storages.energy_max_kwh + 1e-6).all()
    drawn = hours * (power.sum(axis=0) + problem.exogenous_kw.sum(axis=0))
    imbalance = np.bincount(settlement.period, drawn) - settlement.position_kwh
    assert plan.imbalance_kwh == pytest.approx(imbalance, abs=1e-5)
    # Eq. (21), evaluated on the plan.
    settled = np.maximum(imbalance, 0) @ settlement.shortage_eur_per_mwh
    settled -= np.maximum(-imbalance, 0) @ settlement.surplus_eur_per_mwh
    wear = storages.wear_eur_per_kwh * np.abs(power).sum() * hours
    assert outcome.objective_eur == pytest.approx(settled / 1e3 + wear, abs=1e-4)


@settings(max_examples=40)
@given(seed=st.integers(0, 2**32 - 1), objective=st.sampled_from(list(Objective)))
def test_linear_program_equals_big_m_where_the_cost_is_convex(
    problem_of: Any, seed: int, objective: Objective
) -> None:
    problem = random_problem(problem_of, seed, ordered=True)
    options = replace(EXACT, objective=objective)
    if not is_convex(problem, options).all():  # eq. (28) with a negative price
        return
    linear = Planner(options).solve(problem)
    integer = Planner(replace(options, settlement_binaries=True)).solve(problem)
    assert type(linear) is type(integer)
    if isinstance(linear, Solution) and isinstance(integer, Solution):
        assert integer.objective_eur == pytest.approx(linear.objective_eur, rel=1e-6, abs=1e-6)


def test_surplus_that_pays_more_than_shortage_costs_gets_binaries(problem_of: Any) -> None:
    # Within each pattern of signs all data are integers and each constraint sums consecutive
    # hours, so that some best plan is made of whole kilowatts: trying them all is exact.
    shortage, surplus = np.array([50.0, 100.0, 60.0]), np.array([80.0, 60.0, 70.0])
    problem = problem_of(
        intervals=3, shortage=shortage, surplus=surplus, energy_min_kwh=[[0.0, 0.0, 5.0]]
    )
    assert is_convex(problem, EXACT).tolist() == [False, True, False]
    tried = np.array(list(product(range(-4, 5), repeat=3)), dtype=float)
    energy = 5.0 + tried.cumsum(axis=1)
    feasible = tried[((energy >= 0) & (energy <= 10)).all(axis=1) & (energy[:, -1] >= 5)]
    cost = np.maximum(feasible, 0) @ shortage - np.maximum(-feasible, 0) @ surplus
    outcome = Planner(EXACT).solve(problem)
    assert isinstance(outcome, Solution)
    assert outcome.objective_eur == pytest.approx(cost.min() / 1e3)
    assert outcome.bound_eur == pytest.approx(cost.min() / 1e3)

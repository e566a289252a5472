"""The persistent model against fresh solves by Pyomo's own interface, and what it promises."""

import subprocess
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from gridloom.controllers.milp.network import flow_graph
from gridloom.controllers.milp.options import Binaries, NetworkOptions, Objective, PlanOptions
from gridloom.controllers.milp.planner import Planner, plan_in, pyomo_model
from gridloom.controllers.milp.problem import PlanningProblem
from gridloom.controllers.milp.solution import NoSolution, Solution, Status

OPTIONS = PlanOptions(
    objective=Objective.COST_AND_ENERGY, energy_value_eur_per_mwh=95.0, relative_gap=1e-9
)


def evening(problem_of: Any, seed: int, **given: Any) -> PlanningProblem:
    """Draw arrivals, needs, loads and prices of 4 vehicles over 6 intervals."""
    rng = np.random.default_rng(seed)
    shape = (4, 6)
    arrival = rng.integers(0, 3, 4)
    interval = np.arange(6)
    entering = np.where(interval == arrival[:, None], rng.uniform(8, 15, (4, 1)), np.nan)
    present = interval >= arrival[:, None]
    leaves = np.broadcast_to(interval == 5, shape)
    prices = np.sort(rng.uniform(40, 130, (2, 3)), axis=0)
    problem: PlanningProblem = problem_of(
        storages=4,
        points=4,
        intervals=6,
        interval_s=900,
        period=[0, 0, 1, 1, 2, 2],
        entering=entering,
        leaves=leaves,
        charge_max_kw=7.0 * present,
        discharge_max_kw=7.0 * present,
        energy_min_kwh=np.where(leaves, rng.uniform(6, 12, (4, 1)), 3.0),
        energy_max_kwh=24.0,
        exogenous_kw=rng.uniform(-3, 4, shape),
        exogenous_kvar=rng.uniform(0, 1, shape),
        shortage=prices[1],
        surplus=prices[0],
        **{"charge_efficiency": 0.95, "discharge_efficiency": 0.95, **given},
    )
    return problem


@pytest.fixture(scope="module")
def network(feeder_of: Any) -> Any:
    branches = [(0, 1, 1e-4, 1e-4, 18.0), (1, 2, 1e-4, 1e-4, 12.0), (1, 3, 1e-4, 1e-4, 12.0)]
    return flow_graph(feeder_of(branches, [1, 2, 3, 3]), NetworkOptions(voltage_limits=True))


def fresh(problem: PlanningProblem, options: PlanOptions, graph: Any) -> Any:
    """Solve with Pyomo's interface to HiGHS; return the solved model."""
    from pyomo.contrib.appsi.solvers import Highs

    model = pyomo_model(problem, options, graph)
    solver = Highs()
    solver.highs_options = {"mip_rel_gap": 1e-9}
    solver.solve(model)
    return model


@pytest.mark.parametrize("binaries", list(Binaries))
def test_persistent_solves_equal_fresh_ones(
    problem_of: Any, network: Any, binaries: Binaries
) -> None:
    from pyomo.environ import value

    options = replace(OPTIONS, binaries=binaries)
    planner = Planner(options, network)
    kept = []
    for seed in range(6):
        problem = evening(problem_of, seed)
        outcome = planner.solve(problem)
        assert isinstance(outcome, Solution)
        model = fresh(problem, options, network)
        assert outcome.objective_eur == pytest.approx(1e-3 * value(model.objective), abs=2e-6)
        kept.append(planner._models[(binaries is Binaries.ALWAYS, False)])
    assert len(set(kept)) == 1  # compiled once


def test_settlement_binaries_are_updated(problem_of: Any) -> None:
    # The factors of big-M rows are the only coefficients that change: with those of a small fleet
    # a larger one could not be short by what it takes.
    options = PlanOptions(objective=Objective.COST, settlement_binaries=True)
    planner = Planner(options)
    for power_kw in (1.0, 4.0, 2.0):
        problem = problem_of(charge_max_kw=power_kw, energy_min_kwh=5.0 + power_kw)
        outcome = planner.solve(problem)
        assert isinstance(outcome, Solution)
        assert outcome.objective_eur == pytest.approx(0.1 * power_kw)


def test_another_structure_is_compiled_anew(problem_of: Any) -> None:
    planner = Planner(replace(OPTIONS, objective=Objective.COST))
    for hours in (1, 3, 2):
        minimum = np.zeros((1, hours))
        minimum[0, -1] = 6.0
        outcome = planner.solve(problem_of(intervals=hours, energy_min_kwh=minimum))
        assert isinstance(outcome, Solution)
        assert outcome.plan.power_kw.shape == (1, hours)
        assert outcome.objective_eur == pytest.approx(0.1 - (0.0 if hours else 1.0))


def test_a_limit_that_appears_later_is_kept(problem_of: Any) -> None:
    # Without bounds, an elastic model has no such constraint to begin with.
    planner = Planner(PlanOptions(objective=Objective.COST))
    loose, tight = problem_of(), problem_of(imbalance_min_kwh=-1.0)
    for problem, power_kw in ((loose, -4.0), (tight, -1.0), (loose, -4.0)):
        outcome, _ = planner.relax(problem)
        assert isinstance(outcome, Solution)
        assert outcome.plan.power_kw == pytest.approx(np.array([[power_kw]]), abs=1e-4)


def test_a_problem_without_solution_leaves_no_trace(problem_of: Any, network: Any) -> None:
    planner = Planner(OPTIONS, network)
    good = evening(problem_of, 0)
    bad = replace(good, storages=replace(good.storages, energy_min_kwh=np.full((4, 6), 20.0)))
    before, failed, after = (planner.solve(problem) for problem in (good, bad, good))
    assert isinstance(before, Solution)
    assert isinstance(failed, NoSolution)
    assert isinstance(after, Solution)
    assert after.objective_eur == pytest.approx(before.objective_eur, abs=1e-8)


def test_the_same_problems_give_the_same_plans_to_the_last_bit(
    problem_of: Any, network: Any
) -> None:
    plans = []
    for _ in range(2):
        planner = Planner(replace(OPTIONS, binaries=Binaries.ALWAYS), network)
        outcomes = [planner.solve(evening(problem_of, seed)) for seed in (1, 2)]
        plans.append([one.plan.power_kw for one in outcomes if isinstance(one, Solution)])
    assert len(plans[0]) == len(plans[1]) == 2
    for first, second in zip(*plans, strict=True):
        assert np.array_equal(first, second)


def test_a_node_limit_ends_the_search(problem_of: Any) -> None:
    # Burning energy pays, so that many binaries matter; no node is enough to prove anything.
    problem = evening(problem_of, 0, charge_efficiency=0.6)
    price = replace(problem.settlement, shortage_eur_per_mwh=np.array([-50.0, 30.0, -80.0]))
    price = replace(price, surplus_eur_per_mwh=np.array([-70.0, 20.0, -90.0]))
    problem = replace(problem, settlement=price)
    options = replace(OPTIONS, objective=Objective.COST, node_limit=0, tie_break=False)
    outcome = Planner(options).solve(problem)
    exact = Planner(replace(options, node_limit=None)).solve(problem)
    assert isinstance(exact, Solution)
    if isinstance(outcome, Solution):
        assert outcome.bound_eur <= exact.objective_eur + 1e-6 <= outcome.objective_eur + 2e-6
    else:
        assert outcome.status is Status.LIMIT


def test_the_pyomo_model_yields_a_plan(problem_of: Any, network: Any) -> None:
    problem = evening(problem_of, 3)
    model = fresh(problem, OPTIONS, network)
    plan, outcome = plan_in(model, problem), Planner(OPTIONS, network).solve(problem)
    assert isinstance(outcome, Solution)
    settlement = problem.settlement
    power = plan.power_kw.sum(axis=0) + problem.exogenous_kw.sum(axis=0)
    imbalance = np.bincount(settlement.period, 0.25 * power)
    assert plan.imbalance_kwh == pytest.approx(imbalance, abs=1e-6)
    assert np.isnan(plan.energy_kwh).sum() == (~problem.storages.connected).sum()
    # Costs are settled from the plan itself: eq. (21) less the value of the energy gained.
    cost = np.maximum(imbalance, 0) @ settlement.shortage_eur_per_mwh
    cost -= np.maximum(-imbalance, 0) @ settlement.surplus_eur_per_mwh
    gained = plan.energy_kwh[:, -1].sum() - np.nansum(problem.storages.entering_kwh)
    assert (cost - 95.0 * gained) / 1e3 == pytest.approx(outcome.objective_eur, abs=1e-5)


def test_contracts_import_no_solver() -> None:
    code = (
        "import sys, gridloom.controllers.milp.problem, gridloom.controllers.milp.options, "
        "gridloom.controllers.milp.solution;"
        "print([m for m in ('pyomo', 'highspy', 'scipy') if m in sys.modules])"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"

"""Best plans that can be worked out by hand: the arithmetic stands beside the expected value."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from gridloom.controllers.milp.options import Binaries, Exclusivity, Objective, PlanOptions
from gridloom.controllers.milp.planner import Planner
from gridloom.controllers.milp.problem import PlanningProblem
from gridloom.controllers.milp.solution import NoSolution, Solution, Status

COST = PlanOptions(objective=Objective.COST)


def solved(problem: PlanningProblem, options: PlanOptions = COST) -> Solution:
    outcome = Planner(options).solve(problem)
    assert isinstance(outcome, Solution), outcome
    return outcome


def test_charging_loses_energy_on_the_way_into_the_store(problem_of: Any) -> None:
    # 2 kWh more in the store take 2 / 0.8 = 2.5 kWh, at 100 EUR/MWh.
    problem = problem_of(entering_kwh=5.0, energy_min_kwh=7.0, charge_efficiency=0.8)
    solution = solved(problem)
    assert solution.plan.power_kw == pytest.approx(np.array([[2.5]]))
    assert solution.plan.energy_kwh == pytest.approx(np.array([[7.0]]))
    assert solution.objective_eur == pytest.approx(0.25)


def test_discharging_loses_energy_on_the_way_out_of_the_store(problem_of: Any) -> None:
    # Of 2 kWh that may leave the store, 2 x 0.5 = 1 kWh arrives and is sold at 50 EUR/MWh.
    problem = problem_of(energy_min_kwh=3.0, discharge_efficiency=0.5)
    solution = solved(problem)
    assert solution.plan.power_kw == pytest.approx(np.array([[-1.0]]))
    assert solution.objective_eur == pytest.approx(-0.05)


def test_energy_adds_up_over_intervals_of_any_length(problem_of: Any) -> None:
    # A quarter of an hour at 4 kW is 1 kWh: 5 + 4 x 1 = 9 kWh at the last of four intervals.
    minimum = [[0.0, 0.0, 0.0, 9.0]]
    problem = problem_of(intervals=4, interval_s=900, energy_min_kwh=minimum)
    assert solved(problem).plan.energy_kwh == pytest.approx(np.array([[6.0, 7.0, 8.0, 9.0]]))


def test_vehicles_follow_each_other_at_one_charging_point(problem_of: Any) -> None:
    # The first stays two intervals and takes 2 kWh; nobody is there in the third; the second
    # arrives with 1 kWh and needs 4: 3 kW over its only hour.
    problem = problem_of(
        intervals=4,
        charge_max_kw=[[4.0, 4.0, 0.0, 4.0]],
        discharge_max_kw=0.0,
        entering=[[5.0, np.nan, np.nan, 1.0]],
        leaves=[[False, True, False, True]],
        energy_min_kwh=[[0.0, 7.0, 0.0, 4.0]],
        period=[0, 0, 0, 0],
    )
    plan = solved(problem).plan
    assert plan.power_kw[0, :2].sum() == pytest.approx(2.0)
    assert plan.power_kw[0, 2:] == pytest.approx(np.array([0.0, 3.0]))
    assert np.isnan(plan.energy_kwh[0, 2])
    assert plan.energy_kwh[0, [1, 3]] == pytest.approx(np.array([7.0, 4.0]))
    assert plan.imbalance_kwh == pytest.approx(np.array([5.0]))


def test_one_vehicle_takes_the_place_of_another_at_once(problem_of: Any) -> None:
    # What the second brings (2 kWh) has nothing to do with what the first took away (6 kWh).
    problem = problem_of(
        intervals=2,
        entering=[[5.0, 2.0]],
        leaves=[[True, True]],
        energy_min_kwh=[[6.0, 3.0]],
        discharge_max_kw=0.0,
    )
    assert solved(problem).plan.power_kw == pytest.approx(np.array([[1.0, 1.0]]))


def test_imbalance_counts_everything_that_is_settled(problem_of: Any) -> None:
    # Half-hours. Period 0: settled 2 + 0.5 (3 + 1) + 0.5 (5 + 1) - position 4 = 3 kWh short:
    # 3 x 100 / 1000 = 0.3 EUR. Period 1: 0.5 (-9 + 1) - 1 = -5, 5 kWh long: -5 x 50 / 1000.
    # The second connection point is none of the portfolio's.
    problem = problem_of(
        intervals=3,
        interval_s=1800,
        points=2,
        period=[0, 0, 1],
        in_portfolio=[True, False],
        charge_max_kw=0.0,
        discharge_max_kw=0.0,
        exogenous_kw=[[3.0, 5.0, -9.0], [70.0, 70.0, 70.0]],
        elsewhere_kw=1.0,
        settled_kwh=[2.0, 0.0],
        position_kwh=[4.0, 1.0],
    )
    solution = solved(problem)
    assert solution.plan.imbalance_kwh == pytest.approx(np.array([3.0, -5.0]))
    assert solution.objective_eur == pytest.approx(0.3 - 0.25)
    # Eq. (28) counts shortages alone.
    shortage = solved(problem, PlanOptions(objective=Objective.SHORTAGE))
    assert shortage.objective_eur == pytest.approx(0.3)


def test_storages_outside_the_portfolio_do_not_settle(problem_of: Any) -> None:
    problem = problem_of(
        storages=2, points=2, in_portfolio=[True, False], energy_min_kwh=6.0, discharge_max_kw=0.0
    )
    solution = solved(problem)
    assert solution.plan.power_kw == pytest.approx(np.array([[1.0], [1.0]]))
    assert solution.plan.imbalance_kwh == pytest.approx(np.array([1.0]))


def arbitrage(problem_of: Any, **given: Any) -> Any:
    """Two hours; buy at 100 EUR/MWh in the first, sell at 150 in the second; ends as it began."""
    return problem_of(
        intervals=2,
        shortage=[100.0, 200.0],
        surplus=[80.0, 150.0],
        energy_min_kwh=[[0.0, 5.0]],
        **given,
    )


def test_a_spread_between_periods_is_used(problem_of: Any) -> None:
    # 4 kWh bought for 0.4 EUR and sold for 0.6 EUR.
    solution = solved(arbitrage(problem_of))
    assert solution.plan.power_kw == pytest.approx(np.array([[4.0, -4.0]]))
    assert solution.objective_eur == pytest.approx(-0.2)


def test_bounds_of_the_imbalance_forbid_speculation(problem_of: Any) -> None:
    # At most 1 kWh long in the second period: 1 kWh is bought for 0.1 and sold for 0.15 EUR.
    problem = arbitrage(problem_of, imbalance_min_kwh=[0.0, -1.0], imbalance_max_kwh=[3.0, 0.0])
    solution = solved(problem)
    assert solution.plan.imbalance_kwh == pytest.approx(np.array([1.0, -1.0]))
    assert solution.objective_eur == pytest.approx(-0.05)


@pytest.mark.parametrize(("wear", "moved_kwh"), [(0.0, 4.0), (0.02, 4.0), (0.03, 0.0)])
def test_ageing_makes_throughput_fall(problem_of: Any, wear: float, moved_kwh: float) -> None:
    # A kWh moved earns 0.15 - 0.10 = 0.05 EUR and passes the connection point twice: worth it
    # while twice the wear is less than that.
    solution = solved(arbitrage(problem_of, wear_eur_per_kwh=wear))
    assert solution.plan.power_kw == pytest.approx(np.array([[moved_kwh, -moved_kwh]]))
    assert solution.objective_eur == pytest.approx(-moved_kwh * (0.05 - 2 * wear))


@pytest.mark.parametrize(
    ("value", "power_kw", "objective_eur"),
    [
        (120.0, 4.0, 4 * 0.100 - 4 * 0.120),  # worth more than shortage costs
        (90.0, 0.0, 0.0),  # between what shortage costs and surplus pays
        (40.0, -4.0, -4 * 0.050 + 4 * 0.040),  # worth less than surplus pays
    ],
)
def test_energy_in_vehicles_has_a_value(
    problem_of: Any, value: float, power_kw: float, objective_eur: float
) -> None:
    options = PlanOptions(objective=Objective.COST_AND_ENERGY, energy_value_eur_per_mwh=value)
    solution = solved(problem_of(), options)
    assert solution.plan.power_kw == pytest.approx(np.array([[power_kw]]), abs=1e-6)
    assert solution.objective_eur == pytest.approx(objective_eur, abs=1e-7)


def test_the_value_of_energy_counts_for_no_other_objective(problem_of: Any) -> None:
    options = replace(COST, energy_value_eur_per_mwh=120.0)
    assert solved(problem_of(), options).plan.power_kw == pytest.approx(np.array([[-4.0]]))


@pytest.mark.parametrize("objective", list(Objective))
def test_of_equal_plans_the_one_of_least_throughput_is_taken(
    problem_of: Any, objective: Objective
) -> None:
    # Equal prices pay nothing for moving energy. By eq. (28) any surplus would do as well.
    problem = problem_of(intervals=3, shortage=80.0, surplus=80.0, energy_min_kwh=5.0)
    options = PlanOptions(objective=objective, energy_value_eur_per_mwh=80.0)
    solution = solved(problem, options)
    assert np.abs(solution.plan.power_kw).sum() == pytest.approx(0.0, abs=1e-3)


def test_the_tie_break_does_not_touch_the_objective(problem_of: Any) -> None:
    # 2 kWh of surplus in hour 0 cover 2 kWh of shortage in hour 1: cost 0, throughput 4 kWh.
    problem = problem_of(intervals=2, exogenous_kw=[[-2.0, 2.0]])
    solution = solved(problem, PlanOptions(objective=Objective.SHORTAGE))
    assert solution.objective_eur == pytest.approx(0.0, abs=1e-6)
    assert np.abs(solution.plan.power_kw).sum() <= 4.0 + 1e-6
    assert solution.plan.imbalance_kwh[1] == pytest.approx(0.0, abs=1e-2)


def test_reactive_power_follows_active_power(problem_of: Any) -> None:
    plan = solved(problem_of(energy_min_kwh=7.0, tan_phi=0.5)).plan
    assert plan.power_kw == pytest.approx(np.array([[2.0]]))
    assert plan.reactive_power_kvar == pytest.approx(np.array([[1.0]]))


def burning(problem_of: Any, **given: Any) -> Any:
    """Consumption pays 0.1 EUR/kWh, but the store is full; a quarter survives a round trip."""
    return problem_of(
        entering_kwh=10.0,
        shortage=-100.0,
        surplus=-100.0,
        charge_efficiency=0.5,
        discharge_efficiency=0.5,
        **given,
    )


def test_without_binaries_a_plan_burns_energy_for_money(problem_of: Any) -> None:
    # Store unchanged: 0.5 c = d / 0.5. With c = 4 kW, d = 1 kW: 3 kWh net earn 0.3 EUR.
    solution = solved(burning(problem_of), replace(COST, binaries=Binaries.NEVER))
    assert solution.objective_eur == pytest.approx(-0.3)
    assert solution.exclusivity is Exclusivity.UNPROVEN


@pytest.mark.parametrize("binaries", [Binaries.AUTO, Binaries.ALWAYS])
def test_negative_prices_need_binaries(problem_of: Any, binaries: Binaries) -> None:
    # One hour: a full store cannot charge, and to discharge costs. Nothing is best.
    solution = solved(burning(problem_of), replace(COST, binaries=binaries))
    assert solution.objective_eur == pytest.approx(0.0, abs=1e-9)
    assert solution.exclusivity is Exclusivity.INTEGER


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({}, Exclusivity.LOSSLESS),
        ({"charge_efficiency": 0.9, "discharge_max_kw": 0.0}, Exclusivity.ONE_WAY),
        ({"charge_efficiency": 0.9}, Exclusivity.RELAXATION),
    ],
)
def test_a_plan_says_why_it_needs_no_binaries(
    problem_of: Any, given: dict[str, Any], why: Exclusivity
) -> None:
    solution = solved(problem_of(energy_min_kwh=6.0, **given))
    assert solution.exclusivity is why
    assert solution.nodes == 0


def test_what_cannot_be_charged_in_time_has_no_solution(problem_of: Any) -> None:
    outcome = Planner(COST).solve(problem_of(energy_min_kwh=9.5))  # 5 + 4 = 9 kWh at most
    assert isinstance(outcome, NoSolution)
    assert outcome.status is Status.INFEASIBLE
    assert outcome.cause


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"exogenous_kw": np.nan}, "exogenous_kw is NaN"),
        ({"shortage": np.nan}, "shortage_eur_per_mwh is NaN"),
        ({"entering": [[np.nan]]}, "while nobody is plugged in"),
    ],
)
def test_a_problem_that_contradicts_itself_is_refused(
    problem_of: Any, given: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        Planner(COST).solve(problem_of(**given))

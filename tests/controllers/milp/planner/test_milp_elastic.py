"""What an infeasible problem is told to suffer from, with numbers worked out by hand."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from gridloom.controllers.milp.elastic import Diagnosis, Limit, diagnose
from gridloom.controllers.milp.network import flow_graph
from gridloom.controllers.milp.options import NetworkDetail, NetworkOptions, Objective, PlanOptions
from gridloom.controllers.milp.planner import Planner
from gridloom.controllers.milp.problem import PlanningProblem
from gridloom.controllers.milp.solution import NoSolution, Solution, Status

COST = PlanOptions(objective=Objective.COST)
NETWORK = NetworkOptions(loading_limit=1.0)
NAMES = ("LOAD12", "LOAD13", "LOAD14")


def diagnosed(problem: PlanningProblem, graph: Any = None) -> tuple[Diagnosis, Any]:
    """Return the diagnosis of a problem without solution, and the plan."""
    planner = Planner(COST, graph)
    assert isinstance(planner.solve(problem), NoSolution)
    diagnosis = diagnose(planner, problem, NAMES)
    assert isinstance(diagnosis.outcome, Solution)
    return diagnosis, diagnosis.outcome.plan


def test_a_vehicle_that_leaves_short_is_named(problem_of: Any) -> None:
    # 5 + 4 = 9 kWh of 10.2 after the first hour; the other, fine, is not named.
    problem = problem_of(
        storages=2,
        intervals=3,
        charge_max_kw=[[4.0, 0.0, 0.0], [4.0, 4.0, 4.0]],
        discharge_max_kw=0.0,
        leaves=[[True, False, False], [False, False, True]],
        energy_min_kwh=[[10.2, 0.0, 0.0], [0.0, 0.0, 8.0]],
        energy_max_kwh=12.0,
    )
    diagnosis, plan = diagnosed(problem)
    assert str(diagnosis) == "LOAD12 leaves 1.2 kWh short in interval 0"
    assert plan.power_kw[0] == pytest.approx(np.array([4.0, 0.0, 0.0]))
    assert plan.power_kw[1].sum() == pytest.approx(3.0)


def test_a_vehicle_below_its_limits_is_named_with_when(problem_of: Any) -> None:
    # Enters with 1 of 6 kWh: 3 kWh below after the first hour, 1 after the second, then fine.
    problem = problem_of(
        intervals=3, charge_max_kw=2.0, entering_kwh=1.0, energy_min_kwh=6.0, discharge_max_kw=0.0
    )
    diagnosis, _ = diagnosed(problem)
    told = "LOAD12 is 3 kWh below its lower limit of energy from interval 0 to 1"
    assert str(diagnosis) == told


def test_a_full_vehicle_is_above_its_limit(problem_of: Any) -> None:
    diagnosis, plan = diagnosed(problem_of(entering_kwh=15.5))
    assert str(diagnosis) == "LOAD12 is 1.5 kWh above its upper limit of energy in interval 0"
    assert plan.power_kw == pytest.approx(np.array([[-4.0]]))


def test_an_overloaded_line_is_named_with_when(problem_of: Any, feeder_of: Any) -> None:
    # Houses draw 12, 14, 13 kW behind 10 kVA; 2 kW can be fed back: 0, 2 and 1 kVA too much.
    graph = flow_graph(feeder_of([(0, 1, 1e-4, 1e-4, 10.0)], [1]), NETWORK)
    problem = problem_of(
        intervals=3,
        exogenous_kw=[[12.0, 14.0, 13.0]],
        discharge_max_kw=2.0,
        charge_max_kw=0.0,
        entering_kwh=10.0,
    )
    diagnosis, plan = diagnosed(problem, graph)
    assert str(diagnosis) == "line 0 exceeds its limit by 2 kVA from interval 1 to 2"
    assert plan.power_kw == pytest.approx(np.array([[-2.0, -2.0, -2.0]]), abs=1e-5)


def test_reactive_power_alone_can_overload_a_line(problem_of: Any, feeder_of: Any) -> None:
    # sqrt(12^2 + 5^2) = 13 kVA; the storage can take back 2 kW of 12: sqrt(100 + 25) = 11.18.
    graph = flow_graph(feeder_of([(0, 1, 1e-4, 1e-4, 4.0)], [1]), NETWORK)
    problem = problem_of(exogenous_kw=12.0, exogenous_kvar=5.0, discharge_max_kw=2.0)
    diagnosis, _ = diagnosed(problem, graph)
    assert diagnosis.violations[0].excess == pytest.approx(np.hypot(10, 5) - 4, abs=1e-5)


def test_the_phase_of_an_overload_is_named(problem_of: Any, feeder_of: Any) -> None:
    # House 0 draws 5 kW from b, where 9 / 3 = 3 kVA are allowed.
    feeder = feeder_of([(0, 1, 1e-4, 1e-4, 9.0)], [1, 1], phases=["b", "c"])
    graph = flow_graph(feeder, replace(NETWORK, per_phase=True))
    problem = problem_of(points=2, point=[1], exogenous_kw=[[5.0], [0.0]])
    diagnosis, _ = diagnosed(problem, graph)
    assert str(diagnosis) == "phase b of line 0 exceeds its limit by 2 kVA in interval 0"


@pytest.mark.parametrize("detail", [NetworkDetail.REDUCED, NetworkDetail.FULL])
def test_a_low_voltage_is_named(problem_of: Any, feeder_of: Any, detail: NetworkDetail) -> None:
    # 1 - 0.001 x (54 - 4) = 0.95, 0.03 below 0.98.
    feeder = feeder_of([(0, 1, 1e-3, 0.0, 99.0)], [1], voltage_limits_pu=(0.98, 1.1))
    graph = flow_graph(feeder, replace(NETWORK, detail=detail, voltage_limits=True))
    diagnosis, plan = diagnosed(problem_of(exogenous_kw=54.0), graph)
    assert str(diagnosis) == "the voltage at bus 1 is 0.03 pu below its limit in interval 0"
    assert plan.power_kw == pytest.approx(np.array([[-4.0]]))


def test_an_imbalance_beyond_its_bounds_is_named(problem_of: Any) -> None:
    # 7 kW drawn, 4 fed back: 3 kWh short, 2 more than allowed.
    problem = problem_of(exogenous_kw=7.0, imbalance_max_kwh=1.0)
    diagnosis, _ = diagnosed(problem)
    assert str(diagnosis) == "the imbalance is 2 kWh above its upper limit in settlement period 0"


def test_limits_give_way_in_order(problem_of: Any, feeder_of: Any) -> None:
    # The line allows 3 kW, the vehicle needs 4 kWh in its hour and the portfolio may take 2 kWh:
    # the imbalance gives way to the vehicle, and the vehicle to the line.
    graph = flow_graph(feeder_of([(0, 1, 1e-4, 1e-4, 3.0)], [1]), NETWORK)
    problem = problem_of(energy_min_kwh=9.0, imbalance_max_kwh=2.0)
    diagnosis, plan = diagnosed(problem, graph)
    assert plan.power_kw == pytest.approx(np.array([[3.0]]))
    limits = [violation.limit for violation in diagnosis.violations]
    assert limits == [Limit.ENERGY, Limit.IMBALANCE]
    assert [violation.excess for violation in diagnosis.violations] == pytest.approx([1.0, 1.0])


def test_the_relaxed_plan_is_the_cheapest_of_its_kind(problem_of: Any) -> None:
    # Storage 0 must miss 1 kWh whatever happens; storage 1 still sells its 4 kWh at 50 EUR/MWh,
    # storage 0 buys 4 kWh from it: nothing is left to settle.
    problem = problem_of(storages=2, energy_min_kwh=[[10.0], [0.0]])
    diagnosis, plan = diagnosed(problem)
    assert plan.power_kw == pytest.approx(np.array([[4.0], [-4.0]]))
    assert isinstance(diagnosis.outcome, Solution)
    assert diagnosis.outcome.objective_eur == pytest.approx(0.0, abs=1e-6)


def test_what_is_feasible_exceeds_nothing(problem_of: Any, feeder_of: Any) -> None:
    graph = flow_graph(
        feeder_of([(0, 1, 1e-4, 1e-4, 3.0)], [1]), replace(NETWORK, voltage_limits=True)
    )
    problem = problem_of(energy_min_kwh=7.0)
    planner = Planner(COST, graph)
    diagnosis, strict = diagnose(planner, problem, NAMES), planner.solve(problem)
    assert diagnosis.violations == ()
    assert str(diagnosis) == ""
    assert isinstance(strict, Solution)
    assert isinstance(diagnosis.outcome, Solution)
    assert diagnosis.outcome.objective_eur == pytest.approx(strict.objective_eur, abs=1e-6)


def test_excess_comes_by_the_name_of_what_is_limited(problem_of: Any, feeder_of: Any) -> None:
    graph = flow_graph(feeder_of([(0, 1, 1e-4, 1e-4, 3.0)], [1]), NETWORK)
    _, excess = Planner(COST, graph).relax(problem_of(energy_min_kwh=9.0))
    assert excess.keys() == {"imbalance", "energy", "flow_kw"}
    assert excess["energy"] == pytest.approx(np.array([[1.0]]))
    assert excess["flow_kw"].shape == (2, 1, 1)  # the source, the line
    assert excess["flow_kw"] == pytest.approx(np.zeros((2, 1, 1)))


def test_no_plan_at_all_is_an_outcome_too(problem_of: Any) -> None:
    planner = Planner(replace(COST, node_limit=0))
    problem = problem_of(charge_max_kw=-1.0)  # limits of devices are never exceeded
    diagnosis = diagnose(planner, problem, NAMES)
    assert isinstance(diagnosis.outcome, NoSolution)
    assert diagnosis.outcome.status is Status.INFEASIBLE
    assert diagnosis.violations == ()

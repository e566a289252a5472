"""What plans know of the grid: limits worked out by hand; reduced against full."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridloom.controllers.milp.network import FlowGraph, flow_graph
from gridloom.controllers.milp.options import NetworkDetail, NetworkOptions, Objective, PlanOptions
from gridloom.controllers.milp.planner import Planner
from gridloom.controllers.milp.problem import PlanningProblem
from gridloom.controllers.milp.reduction import corners
from gridloom.controllers.milp.solution import NoSolution, Outcome, Solution
from gridloom.simulators.errors import ScenarioError
from gridloom.simulators.grid.feeder import Feeder

COST = PlanOptions(objective=Objective.COST)
FULL = NetworkOptions(detail=NetworkDetail.FULL, loading_limit=1.0)
REDUCED = replace(FULL, detail=NetworkDetail.REDUCED)
EITHER = pytest.mark.parametrize("network", [REDUCED, FULL], ids=["reduced", "full"])
GREEDY = {"shortage": -100.0, "surplus": -100.0}
"""Prices at which a plan consumes all it can."""


def graph_of(feeder: Feeder, network: NetworkOptions) -> FlowGraph:
    graph = flow_graph(feeder, network)
    assert graph is not None
    return graph


def attempted(problem: PlanningProblem, feeder: Feeder, network: NetworkOptions) -> Outcome:
    return Planner(COST, flow_graph(feeder, network)).solve(problem)


def solved(problem: PlanningProblem, feeder: Feeder, network: NetworkOptions) -> Solution:
    outcome = attempted(problem, feeder, network)
    assert isinstance(outcome, Solution), outcome
    return outcome


@EITHER
def test_a_line_leaves_what_others_do_not_draw(
    problem_of: Any, feeder_of: Any, network: NetworkOptions
) -> None:
    # 95 % of 10 kVA less 6 kW of the neighbour: 3.5 kW.
    feeder = feeder_of([(0, 1, 1e-4, 1e-4, 10.0)], [1, 1])
    problem = problem_of(points=2, exogenous_kw=[[0.0], [6.0]], **GREEDY)
    plan = solved(problem, feeder, replace(network, loading_limit=0.95)).plan
    assert plan.power_kw == pytest.approx(np.array([[3.5]]))


@EITHER
def test_export_is_limited_like_import(
    problem_of: Any, feeder_of: Any, network: NetworkOptions
) -> None:
    feeder = feeder_of([(0, 1, 1e-4, 1e-4, 10.0)], [1, 1])
    problem = problem_of(points=2, exogenous_kw=[[0.0], [-8.0]])
    plan = solved(problem, feeder, network).plan
    assert plan.power_kw == pytest.approx(np.array([[-2.0]]))


@EITHER
def test_reactive_power_takes_its_share_of_a_line(
    problem_of: Any, feeder_of: Any, network: NetworkOptions
) -> None:
    # sqrt(5^2 - 4^2) = 3 kW.
    feeder = feeder_of([(0, 1, 1e-4, 1e-4, 5.0)], [1])
    problem = problem_of(exogenous_kvar=4.0, **GREEDY)
    assert solved(problem, feeder, network).plan.power_kw == pytest.approx(np.array([[3.0]]))


@EITHER
def test_reactive_power_that_follows_active_power_counts(
    problem_of: Any, feeder_of: Any, network: NetworkOptions
) -> None:
    # The circle in P alone: with Q = 0.75 P + 1 and P = 2.4, P^2 + Q^2 = 5.76 + 7.84 = 13.6.
    feeder = feeder_of([(0, 1, 1e-4, 1e-4, np.sqrt(13.6))], [1])
    problem = problem_of(exogenous_kvar=1.0, tan_phi=0.75, **GREEDY)
    plan = solved(problem, feeder, network).plan
    assert plan.power_kw == pytest.approx(np.array([[2.4]]))
    assert plan.reactive_power_kvar == pytest.approx(np.array([[1.8]]))


@EITHER
def test_reactive_power_beyond_a_limit_names_the_line(
    problem_of: Any, feeder_of: Any, network: NetworkOptions
) -> None:
    feeder = feeder_of([(0, 1, 1e-4, 1e-4, 3.0)], [1])
    outcome = attempted(problem_of(exogenous_kvar=4.0), feeder, network)
    assert isinstance(outcome, NoSolution)
    assert "line 0" in outcome.cause


@EITHER
def test_free_reactive_power_makes_room(
    problem_of: Any, feeder_of: Any, network: NetworkOptions
) -> None:
    # 4 kvar of a neighbour leave 3 kW; the storage cancels them: 5 kW, where the polygon inside
    # the circle has a corner.
    feeder = feeder_of([(0, 1, 1e-4, 1e-4, 5.0)], [1, 1])
    problem = problem_of(
        points=2,
        charge_max_kw=10.0,
        energy_max_kwh=20.0,
        exogenous_kvar=[[0.0], [4.0]],
        reactive_max_kvar=np.array([[4.0]]),
        **GREEDY,
    )
    plan = solved(problem, feeder, network).plan
    reactive = plan.reactive_power_kvar[0, 0] + 4.0
    assert (plan.power_kw[0, 0], reactive) == pytest.approx((5.0, 0.0), abs=1e-5)


def test_apparent_power_bounds_a_storage(problem_of: Any, feeder_of: Any) -> None:
    # 1 - (0.001 P + 0.002 Q) >= 0.996 asks for Q = 2 - P / 2. On the side of the polygon between
    # the corners at 0 and -22.5 degrees of 5 kVA, (5, 0) and (4.6194, -1.9134), that is met
    # where t in P = 5 - 0.3806 t, Q = -1.9134 t gives -1.9134 t = 2 - 2.5 + 0.1903 t: t = 0.2377.
    feeder = feeder_of([(0, 1, 1e-3, 2e-3, 50.0)], [1], voltage_limits_pu=(0.996, 1.1))
    problem = problem_of(
        charge_max_kw=10.0,
        energy_max_kwh=20.0,
        reactive_max_kvar=np.array([[4.0]]),
        apparent_max_kva=np.array([[5.0]]),
        **GREEDY,
    )
    plan = solved(problem, feeder, replace(REDUCED, voltage_limits=True)).plan
    assert plan.power_kw[0, 0] == pytest.approx(5 - 0.3806 * 0.2377, abs=1e-3)
    assert plan.reactive_power_kvar[0, 0] == pytest.approx(-1.9134 * 0.2377, abs=1e-3)


@EITHER
def test_voltage_limits_bind(problem_of: Any, feeder_of: Any, network: NetworkOptions) -> None:
    # 1.02 - (0.001 P + 0.002 x 1) / 1.02 >= 0.99 + 0.005: P = 1000 (0.025 x 1.02 - 0.002).
    feeder = feeder_of(
        [(0, 1, 1e-3, 2e-3, 100.0)],
        [1],
        source_voltage_pu=np.array([1.02]),
        voltage_limits_pu=(0.99, 1.1),
    )
    problem = problem_of(charge_max_kw=50.0, energy_max_kwh=90.0, exogenous_kvar=1.0, **GREEDY)
    limited = replace(network, voltage_limits=True, voltage_margin_pu=0.005)
    assert solved(problem, feeder, limited).plan.power_kw == pytest.approx(np.array([[23.5]]))
    assert solved(problem, feeder, network).plan.power_kw == pytest.approx(np.array([[50.0]]))


@EITHER
def test_generation_raises_voltages(
    problem_of: Any, feeder_of: Any, network: NetworkOptions
) -> None:
    # Behind a source impedance of 0.001 and a line of 0.002: 1 + 0.003 P <= 1.03.
    feeder = feeder_of(
        [(0, 1, 2e-3, 0.0, 100.0)],
        [1],
        source_impedance=(1e-3, 0.0),
        voltage_limits_pu=(0.9, 1.03),
    )
    problem = problem_of(entering_kwh=50.0, energy_max_kwh=90.0, discharge_max_kw=30.0)
    plan = solved(problem, feeder, replace(network, voltage_limits=True)).plan
    assert plan.power_kw == pytest.approx(np.array([[-10.0]]))


@EITHER
def test_the_middle_of_a_chain_can_be_its_lowest_voltage(
    problem_of: Any, feeder_of: Any, network: NetworkOptions
) -> None:
    # Bus 1 draws nothing. A resistance before it, a reactance behind it, and -20 kvar at the end:
    # 1 - 0.001 P >= 0.98 at bus 1, whereas bus 2 is 0.02 above it.
    feeder = feeder_of(
        [(0, 1, 1e-3, 0.0, 99.0), (1, 2, 0.0, 1e-3, 99.0)], [2], voltage_limits_pu=(0.98, 1.1)
    )
    problem = problem_of(charge_max_kw=50.0, energy_max_kwh=90.0, exogenous_kvar=-20.0, **GREEDY)
    plan = solved(problem, feeder, replace(network, voltage_limits=True)).plan
    assert plan.power_kw == pytest.approx(np.array([[20.0]]))


def test_chains_keep_the_corners_of_their_impedances() -> None:
    # Cumulated (R, X): (1, 1), (2, 1), (3, 3), (4, 4) lie below, on and beside the line from
    # (0, 0) to (5, 5); a second chain has one ratio throughout.
    resistance = np.array([1.0, 1.0, 1.0, 1.0, 1.0, 2.0, 3.0])
    reactance = np.array([1.0, 0.0, 2.0, 1.0, 1.0, 2.0, 3.0])
    watched = corners(resistance, reactance, np.array([0, 5]))
    assert np.flatnonzero(watched).tolist() == [1, 4, 6]


@EITHER
def test_branches_without_impedance_do_no_harm(
    problem_of: Any, feeder_of: Any, network: NetworkOptions
) -> None:
    feeder = feeder_of([(0, 1, 0.0, 0.0, 3.0), (1, 2, 0.0, 0.0, 9.0)], [2])
    plan = solved(problem_of(**GREEDY), feeder, replace(network, voltage_limits=True)).plan
    assert plan.power_kw == pytest.approx(np.array([[3.0]]))


def test_points_without_supply_are_not_limited(problem_of: Any, feeder_of: Any) -> None:
    feeder = feeder_of(
        [(0, 1, 1e-4, 0.0, 1.0), (1, 2, 1e-4, 0.0, 1.0)],
        [1, 2],
        branch_in_service=np.array([True, False]),
    )
    problem = problem_of(storages=2, points=2, **GREEDY)
    plan = solved(problem, feeder, REDUCED).plan
    assert plan.power_kw == pytest.approx(np.array([[1.0], [4.0]]))


def test_each_phase_carries_a_third(problem_of: Any, feeder_of: Any) -> None:
    # 9 kVA: 3 a phase. House 0 on a: 3 - 1 kW; house 1 on all three has a third in each.
    feeder = feeder_of([(0, 1, 1e-4, 1e-4, 9.0)], [1, 1], phases=["a", "abc"])
    problem = problem_of(points=2, point=[0], exogenous_kw=[[0.0], [3.0]], **GREEDY)
    plan = solved(problem, feeder, replace(REDUCED, per_phase=True)).plan
    assert plan.power_kw == pytest.approx(np.array([[2.0]]))
    assert solved(problem, feeder, REDUCED).plan.power_kw == pytest.approx(np.array([[4.0]]))


def test_limits_of_phases_need_the_reduced_network(feeder_of: Any) -> None:
    feeder = feeder_of([(0, 1, 1e-4, 1e-4, 9.0)], [1])
    with pytest.raises(ValueError, match="reduced network"):
        flow_graph(feeder, replace(FULL, per_phase=True))


def test_loops_share_the_flow_by_impedance(problem_of: Any, feeder_of: Any) -> None:
    # Two lines from 0 to 1 with impedances 1 : 3 share P 3 : 1, so that the first is at its
    # limit of 6 kW at 8 kW in all.
    ring = feeder_of([(0, 1, 1e-4, 1e-4, 6.0), (0, 1, 3e-4, 3e-4, 6.0)], [1])
    problem = problem_of(charge_max_kw=50.0, energy_max_kwh=90.0, **GREEDY)
    assert solved(problem, ring, FULL).plan.power_kw == pytest.approx(np.array([[8.0]]))
    with pytest.raises(ScenarioError, match="meshed"):
        flow_graph(ring, REDUCED)


def test_full_flows_obey_equations_26_and_27(problem_of: Any, feeder_of: Any) -> None:
    rng = np.random.default_rng(7)
    ends = [(0, 1), (1, 2), (2, 3), (3, 0), (1, 3)]
    resistance, reactance = rng.uniform(1e-4, 9e-4, (2, len(ends)))
    feeder = feeder_of(
        [(*end, r, x, 500.0) for end, r, x in zip(ends, resistance, reactance, strict=True)],
        [1, 2, 3],
    )
    draws = rng.uniform(-20, 40, (2, 3, 1))
    problem = problem_of(
        points=3, exogenous_kw=draws[0], exogenous_kvar=draws[1], energy_min_kwh=9.0
    )
    graph = graph_of(feeder, FULL)
    outcome, values = Planner(COST, graph).relax_in_full(problem)
    assert isinstance(outcome, Solution)
    lines = graph.arc_from >= 0
    begin, end = graph.arc_from[lines], graph.arc_to[lines]
    r, x = graph.resistance_pu_per_kw[lines], graph.reactance_pu_per_kvar[lines]
    g, b = r / (r**2 + x**2), x / (r**2 + x**2)
    dv = (values["voltage"][begin] - values["voltage"][end])[:, 0]
    da = (values["angle"][begin] - values["angle"][end])[:, 0]
    assert values["flow_kw"][lines, 0, 0] == pytest.approx(g * dv + b * da, abs=1e-3)
    assert values["flow_kvar"][lines, 0, 0] == pytest.approx(b * dv - g * da, abs=1e-3)


def random_tree(feeder_of: Any, rng: np.random.Generator) -> Feeder:
    """Draw a feeder of 12 buses, some branches the wrong way round, houses at 7 of the buses."""
    ends = [(int(rng.integers(0, bus)), bus) for bus in range(1, 12)]
    turned = [end[::-1] if rng.random() < 0.3 else end for end in ends]
    feeder: Feeder = feeder_of(
        [(*end, *rng.uniform(0, 4e-3, 2), rng.uniform(6, 40)) for end in turned],
        rng.integers(0, 12, 7),
        source_impedance=tuple(rng.uniform(0, 1e-3, 2)),
        source_voltage_pu=np.array([1.02]),
        voltage_limits_pu=(0.94, 1.06),
    )
    return feeder


def random_fleet(problem_of: Any, rng: np.random.Generator, points: int) -> PlanningProblem:
    problem: PlanningProblem = problem_of(
        points=points,
        storages=points,
        intervals=4,
        period=[0, 0, 1, 1],
        charge_max_kw=7.0,
        discharge_max_kw=7.0,
        energy_max_kwh=20.0,
        entering_kwh=rng.uniform(4, 12, points),
        energy_min_kwh=np.array([0.0, 0.0, 0.0, 8.0]),
        exogenous_kw=rng.uniform(-3, 3, (points, 4)),
        exogenous_kvar=rng.uniform(-0.5, 1, (points, 4)),
        tan_phi=float(rng.choice([0.0, 0.3])),
        shortage=[100.0, 140.0],
        surplus=[80.0, 120.0],
    )
    return problem


@settings(max_examples=20)
@given(seed=st.integers(0, 2**32 - 1), voltage_limits=st.booleans())
def test_the_reduced_network_loses_nothing(
    problem_of: Any, feeder_of: Any, seed: int, voltage_limits: bool
) -> None:
    rng = np.random.default_rng(seed)
    feeder = random_tree(feeder_of, rng)
    problem = random_fleet(problem_of, rng, 7)
    reduced, full = (
        attempted(problem, feeder, replace(network, voltage_limits=voltage_limits))
        for network in (REDUCED, FULL)
    )
    assert type(reduced) is type(full)
    if isinstance(reduced, Solution) and isinstance(full, Solution):
        assert reduced.objective_eur == pytest.approx(full.objective_eur, rel=1e-5, abs=1e-7)


@settings(max_examples=20)
@given(seed=st.integers(0, 2**32 - 1))
def test_voltages_of_a_plan_are_those_of_the_feeder(
    problem_of: Any, feeder_of: Any, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    feeder = random_tree(feeder_of, rng)
    problem = random_fleet(problem_of, rng, 7)
    graph = graph_of(feeder, replace(REDUCED, voltage_limits=True))
    outcome, values = Planner(COST, graph).relax_in_full(problem)
    assert isinstance(outcome, Solution)
    power_kw = problem.exogenous_kw + outcome.plan.power_kw
    power_kvar = problem.exogenous_kvar + outcome.plan.reactive_power_kvar
    buses = [feeder.bus_names.index(name) for name in graph.node_names]
    expected = feeder.bus_voltage_pu(power_kw, power_kvar)[buses]
    assert values["voltage"] == pytest.approx(expected, abs=1e-6)
    flow = feeder.branch_power(power_kw)
    for arc, name in enumerate(graph.names):
        if name in feeder.branch_names:
            at = feeder.branch_names.index(name)
            assert np.abs(values["flow_kw"][arc, 0]) == pytest.approx(np.abs(flow[at]), abs=1e-5)


@pytest.mark.slow
def test_the_reduced_reference_feeder_loses_nothing(problem_of: Any) -> None:
    from gridloom.simulators.grid.config import GridConfig
    from gridloom.simulators.grid.simulator import Grid
    from gridloom.simulators.model import BuildContext

    keys = {
        "type": "grid",
        "network": {"name": "ieee_european_lv"},
        "phases": "balanced",
        "line_ratings_a": {"LINE117": 65.0},
    }
    context = BuildContext(
        name="grid", start=datetime(2024, 1, 1, tzinfo=UTC), duration_s=3600, seed=1
    )
    feeder = Feeder.of(Grid(GridConfig.model_validate(keys), context))
    rng = np.random.default_rng(3)
    problem = random_fleet(problem_of, rng, len(feeder.point_names))
    free = Planner(COST).solve(problem)
    reduced, full = (
        attempted(problem, feeder, replace(network, voltage_limits=True, loading_limit=0.95))
        for network in (REDUCED, FULL)
    )
    assert isinstance(free, Solution)
    assert isinstance(reduced, Solution)
    assert isinstance(full, Solution)
    assert reduced.objective_eur > free.objective_eur + 0.1  # line 117 does bind
    assert reduced.objective_eur == pytest.approx(full.objective_eur, rel=1e-5)

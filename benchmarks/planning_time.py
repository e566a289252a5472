"""How long a central plan takes, by the number of vehicles: one hour in 60 intervals.

    python benchmarks/planning_time.py [--vehicles 55 550]

The IEEE European LV feeder is repeated under one medium-voltage grid as in `decision_time.py`, a
vehicle at every house; load and sun are drawn. Each plan is solved twice: cold (Pyomo formulation,
compilation, solve) and again with other data (persistent model, warm). Linear program of (21) with
the value of energy, reduced network, 95 % of the ratings, no tie-break.
"""

import argparse
from time import perf_counter

import numpy as np
from decision_time import HOUSES, context_of
from replicated_feeder import ReplicatedFeeder

from gridloom.controllers.milp.network import flow_graph
from gridloom.controllers.milp.options import NetworkOptions, PlanOptions
from gridloom.controllers.milp.planner import Planner
from gridloom.controllers.milp.problem import PlanningProblem, Settlement, Storages
from gridloom.controllers.milp.solution import Solution
from gridloom.simulators.grid.feeder import Feeder

INTERVALS, PERIODS = 60, 4
CAPACITY_KWH, RATED_KW = 30.0, 7.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--vehicles", type=int, nargs="+", default=[55, 550])
    options = parser.parse_args()
    print("vehicles   cold s  solver s   warm s   status   J per vehicle, ct")
    for vehicles in options.vehicles:
        feeder = Feeder.of(ReplicatedFeeder(context_of("grid"), -(-vehicles // HOUSES)))
        planner = Planner(
            PlanOptions(energy_value_eur_per_mwh=94.913, tie_break=False),
            flow_graph(feeder, NetworkOptions()),
        )
        points = len(feeder.point_names)
        begin = perf_counter()
        cold = planner.solve(drawn(points, np.random.default_rng(1)))
        between = perf_counter()
        warm = planner.solve(drawn(points, np.random.default_rng(2)))
        end = perf_counter()
        if not (isinstance(cold, Solution) and isinstance(warm, Solution)):
            raise TypeError(f"no plan for {points} vehicles: {cold}")
        print(
            f"{points:8,} {between - begin:8.2f} {cold.wall_s:9.2f} {end - between:8.2f} "
            f"{cold.status.name:>8} {100 * cold.objective_eur / points:10.3f}",
            flush=True,
        )
    return 0


def drawn(points: int, rng: np.random.Generator) -> PlanningProblem:
    """Return an hour: half of the vehicles stay, the others leave at some time with 70 %."""
    shape = (points, INTERVALS)
    leaves_at = np.where(
        np.arange(points) % 2, INTERVALS, rng.integers(INTERVALS // 3, INTERVALS, points)
    )
    there = np.arange(INTERVALS) < leaves_at[:, np.newaxis]
    entering_kwh = np.full(shape, np.nan)
    entering_kwh[:, 0] = CAPACITY_KWH * rng.uniform(0.6, 0.75, points)
    leaves = np.zeros(shape, dtype=bool)
    leaves[np.arange(points), leaves_at - 1] = True
    lowest_kwh = np.full(shape, 0.3 * CAPACITY_KWH)
    lowest_kwh[leaves] = 0.65 * CAPACITY_KWH
    storages = Storages(
        point=np.arange(points),
        charge_max_kw=RATED_KW * there,
        discharge_max_kw=RATED_KW * there,
        entering_kwh=entering_kwh,
        energy_min_kwh=lowest_kwh,
        energy_max_kwh=np.full(shape, 0.8 * CAPACITY_KWH),
        leaves=leaves,
        charge_efficiency=1.0,
        discharge_efficiency=1.0,
    )
    exogenous_kw = rng.uniform(0.2, 1.0, shape) - rng.uniform(0.3, 0.8, (points, 1))
    energy_kwh = exogenous_kw.sum(axis=0).reshape(PERIODS, -1).mean(axis=1) / PERIODS
    settlement = Settlement(
        period=np.repeat(np.arange(PERIODS), INTERVALS // PERIODS),
        in_portfolio=np.ones(points, dtype=bool),
        position_kwh=energy_kwh + 0.1 * points,
        settled_kwh=np.zeros(PERIODS),
        shortage_eur_per_mwh=np.array([91.26, 108.83, 103.28, 92.124]),
        surplus_eur_per_mwh=np.array([82.56, 98.46, 93.44, 89.35]),
        imbalance_min_kwh=np.full(PERIODS, -np.inf),
        imbalance_max_kwh=np.full(PERIODS, np.inf),
    )
    return PlanningProblem(
        interval_s=60,
        storages=storages,
        settlement=settlement,
        exogenous_kw=exogenous_kw,
        exogenous_kvar=0.33 * np.maximum(exogenous_kw, 0.0),
        elsewhere_kw=np.zeros(INTERVALS),
    )


if __name__ == "__main__":
    raise SystemExit(main())

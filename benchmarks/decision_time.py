"""How long coordination takes to decide, by the number of vehicles.

    python benchmarks/decision_time.py [--vehicles 55 550 5500 55000] [--decisions 200] [--profile]

The IEEE European LV feeder with its 55 houses is repeated under one medium-voltage grid, every
house with a vehicle; nothing but the decision is timed. The fleet is a real one that obeys and is
stepped in between; the grid's measurements are drawn beforehand: most lines are content, the trunks
of some feeders are critical, and what is critical changes from step to step.

Printed are the CPU time of a decision (so that a busy machine does not count) and agent-steps per
second, counting vehicles alone and all agents (vehicles, lines, transformers, buses, the balance
responsible party). A further scheme is a further entry of `SCHEMES`.
"""

import argparse
import cProfile
import pstats
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from time import perf_counter, thread_time

import numpy as np
from replicated_feeder import ReplicatedFeeder, measurements

from gridloom.controllers.amas.config import AmasConfig
from gridloom.controllers.amas.controller import Amas
from gridloom.controllers.controller import ControlContext, Controller
from gridloom.simulators.ev_config import EvFleetConfig
from gridloom.simulators.ev_fleet import EvFleet
from gridloom.simulators.market import ImbalanceMarket, ImbalanceMarketConfig
from gridloom.simulators.model import BuildContext, Model, Outputs

HOUSES = 55
"""Of one feeder."""
PERIOD_S = 900
WARM_UP = 20
"""Decisions that are not timed."""


def amas(context: ControlContext) -> Controller:
    config = AmasConfig(type="amas", controls="ev")
    return Amas(config, context)


SCHEMES: dict[str, Callable[[ControlContext], Controller]] = {"amas": amas}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--vehicles", type=int, nargs="+", default=[55, 550, 5_500, 55_000])
    parser.add_argument("--decisions", type=int, default=200)
    parser.add_argument("--schemes", nargs="+", choices=sorted(SCHEMES), default=sorted(SCHEMES))
    parser.add_argument("--profile", action="store_true", help="also print the hottest functions")
    options = parser.parse_args()
    print(
        f"{'scheme':8} {'vehicles':>8} {'agents':>9} {'critical':>9} {'median ms':>10} "
        f"{'95 % ms':>9} {'vehicle-steps/s':>16} {'agent-steps/s':>14} {'build s':>8}"
    )
    for vehicles in options.vehicles:
        for scheme in options.schemes:
            print(row(scheme, vehicles, options.decisions, profile=options.profile), flush=True)
    return 0


def row(scheme: str, vehicles: int, decisions: int, *, profile: bool) -> str:
    """Measure one scheme with one number of vehicles; return its line of the table."""
    feeders = -(-vehicles // HOUSES)
    grid = ReplicatedFeeder(context_of("grid"), feeders)
    models = simulators(grid)
    begin = perf_counter()
    controller = SCHEMES[scheme](ControlContext(build=context_of("charging"), models=models))
    build_s = perf_counter() - begin
    told = measurements(grid, np.random.default_rng(1))
    profiler = cProfile.Profile() if profile else None
    times_ms = 1e3 * np.array(decide(controller, models["ev"], told, decisions, profiler))
    if profiler:
        pstats.Stats(profiler).sort_stats("tottime").print_stats(12)
    median_ms = float(np.median(times_ms[WARM_UP:]))
    at_points, agents = feeders * HOUSES, grid.agents + feeders * HOUSES + 1
    critical = int(np.mean([(each["line_current_a"] > 0.8 * 65).sum() for each in told]))
    return (
        f"{scheme:8} {at_points:8,} {agents:9,} {critical:9,} {median_ms:10.3f} "
        f"{np.percentile(times_ms[WARM_UP:], 95):9.3f} {1e3 * at_points / median_ms:16,.0f} "
        f"{1e3 * agents / median_ms:14,.0f} {build_s:8.2f}"
    )


def decide(
    controller: Controller,
    fleet: Model,
    told: Sequence[Outputs],
    decisions: int,
    profiler: cProfile.Profile | None,
) -> list[float]:
    """Return the time of each decision; the fleet obeys in between."""
    outputs = fleet.initial_outputs()
    times_s = []
    for time in range(WARM_UP + decisions):
        imbalance_kwh = np.asarray(20.0 * np.sin(time / 60.0) * time / PERIOD_S)
        observation = {
            **outputs,
            **told[time % len(told)],
            "imbalance_kwh": imbalance_kwh,
        }
        if profiler:
            profiler.enable()
        begin = thread_time()
        setpoints = controller.step(time, observation)
        times_s.append(thread_time() - begin)
        if profiler:
            profiler.disable()
        outputs = fleet.step(time, {"power_setpoint_kw": setpoints["power_setpoint_kw"]})
    return times_s


def simulators(grid: ReplicatedFeeder) -> dict[str, Model]:
    """Return the grid, a fleet with a vehicle at every house, and a market."""
    points = grid.connection_points
    rng = np.random.default_rng(2)
    sessions = [
        {
            "charging_point": point,
            "arrival": "0s",
            "departure": f"{int(departure_s)}s",
            "arrival_state_of_charge": float(state_of_charge),
        }
        for point, departure_s, state_of_charge in zip(
            points,
            rng.integers(1200, 7200, len(points)),
            rng.uniform(0.5, 0.75, len(points)),
            strict=True,
        )
    ]
    fleet = {
        "type": "ev_fleet",
        "energy_capacity_kwh": 30,
        "rated_power_kw": 7,
        "v2g": True,
        "state_of_charge_limits": [0.3, 0.8],
        "required_state_of_charge": 0.7,
        "sessions": sessions,
    }
    market = {
        "type": "imbalance_market",
        "prices": {"shortage_eur_per_mwh": [100.0], "surplus_eur_per_mwh": [90.0]},
        "position_kw": [0.0],
    }
    return {
        "grid": grid,
        "ev": EvFleet(EvFleetConfig.model_validate(fleet), context_of("ev", points)),
        "market": ImbalanceMarket(
            ImbalanceMarketConfig.model_validate(market), context_of("market", points)
        ),
    }


def context_of(name: str, points: tuple[str, ...] | None = None) -> BuildContext:
    start = datetime(2021, 3, 24, 15, tzinfo=UTC)
    return BuildContext(name=name, start=start, duration_s=3600, seed=1, connection_points=points)


if __name__ == "__main__":
    raise SystemExit(main())

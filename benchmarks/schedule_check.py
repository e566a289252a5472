"""How long it takes to check a schedule in the power flow: one batch against one by one.

    python benchmarks/schedule_check.py [--intervals 60 1440 35040] [--engines radial pgm]

The IEEE European LV feeder with its 55 houses, balanced and unbalanced; 60 intervals are an hour of
minutes, 1,440 a day of them, 35,040 a year of quarters of an hour. A check is `check_schedule`: the
power flows, and the judgement of all lines, the transformer and the voltages. One by one are the
same power flows by calls of their own, at most 500 of them; without any judgement. pandapower has
no batches and is given 20 intervals. CPU time, so that a busy machine counts little.
"""

import argparse
from datetime import UTC, datetime
from time import process_time

import numpy as np

from gridloom.simulators.grid.config import GridConfig
from gridloom.simulators.grid.schedule import check_schedule
from gridloom.simulators.grid.simulator import Grid
from gridloom.simulators.model import BuildContext, FloatArray

FEW = {"pandapower": 20}
"""Engines that are given no more than so many intervals."""
ONE_BY_ONE = 500


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--intervals", type=int, nargs="+", default=[60, 1_440, 35_040])
    parser.add_argument("--engines", nargs="+", default=["radial", "pgm", "pandapower"])
    parser.add_argument("--phases", nargs="+", default=["balanced", "unbalanced"])
    options = parser.parse_args()
    print("engine      phases      intervals   batch s   ms a power flow   one by one, ms   times")
    for phases in options.phases:
        for engine in options.engines:
            grid = grid_of(engine, phases)
            check_schedule(grid, *drawn(grid, 3), interval_s=60)  # compiled, caches filled
            most = FEW.get(engine)
            for count in dict.fromkeys(min(n, most or n) for n in options.intervals):
                report(engine, phases, grid, count)
    return 0


def report(engine: str, phases: str, grid: Grid, intervals: int) -> None:
    power_kw, reactive_kvar = drawn(grid, intervals)
    begin = process_time()
    verdict = check_schedule(grid, power_kw, reactive_kvar, interval_s=60).verdict
    batch_s = process_time() - begin
    few = min(intervals, ONE_BY_ONE)
    begin = process_time()
    for row in range(few):
        grid.solve_batch(power_kw[np.newaxis, :, row], reactive_kvar[np.newaxis, :, row])
    single_ms = 1e3 * (process_time() - begin) / few
    batch_ms = 1e3 * batch_s / intervals
    if verdict.unsolved:
        raise RuntimeError(f"{verdict.unsolved} intervals have no solution")
    print(
        f"{engine:10}  {phases:10} {intervals:10,} {batch_s:9.3f} {batch_ms:17.3f} "
        f"{single_ms:16.3f} {single_ms / batch_ms:7.1f}",
        flush=True,
    )


def grid_of(engine: str, phases: str) -> Grid:
    keys = {"type": "grid", "network": {"name": "ieee_european_lv"}}
    config = GridConfig.model_validate({**keys, "engine": engine, "phases": phases})
    start = datetime(2021, 6, 21, tzinfo=UTC)
    return Grid(config, BuildContext(name="grid", start=start, duration_s=3600, seed=1))


def drawn(grid: Grid, intervals: int) -> tuple[FloatArray, FloatArray]:
    """Return injections between -5 and 7 kW and -2 and 2 kvar a house."""
    rng = np.random.default_rng(1)
    shape = (len(grid.connection_points), intervals)
    return rng.uniform(-5.0, 7.0, shape), rng.uniform(-2.0, 2.0, shape)


if __name__ == "__main__":
    raise SystemExit(main())

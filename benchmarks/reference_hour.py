"""gridloom beside the stock mosaik stack on the reference hour, in one run.

    python benchmarks/reference_hour.py [--stock-steps 60] [--seed 2021]

Runs `ademis-2021` (one hour in steps of one second, everything recorded) balanced and unbalanced
with gridloom, and the first steps of the same hour with the stock stack (see `stock_stack`); checks
that both find the same voltages and currents; prints time per step, the ratio, and where gridloom's
time goes. The stock stack needs `mosaik-hdf5` (dependency group `benchmark`).
"""

import argparse
import cProfile
import pstats
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from stock_stack import Case, StockRun, run_stock

from gridloom import open_record
from gridloom.scenarios.composition import Composition, compose
from gridloom.scenarios.reader import read_scenario
from gridloom.scenarios.runner import run_variant
from gridloom.simulators.grid.simulator import Grid

# What the engines may differ by: the tolerance of pandapower's solvers.
VOLTAGE_TOLERANCE_PU = {True: 1e-6, False: 1e-5}
CURRENT_TOLERANCE_A = {True: 1e-2, False: 5e-2}


@dataclass(frozen=True, kw_only=True)
class Times:
    """Of one stack on one case."""

    label: str
    steps: int
    wall_s: float
    cpu_s: float | None
    """None where it was not measured apart."""

    @property
    def wall_ms(self) -> float:
        """Wall milliseconds a step."""
        return 1e3 * self.wall_s / self.steps

    @property
    def cpu_ms(self) -> str:
        """CPU milliseconds a step, as text."""
        return "" if self.cpu_s is None else f"{1e3 * self.cpu_s / self.steps:8.2f} ms CPU"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--stock-steps", type=int, default=60)
    parser.add_argument("--seed", type=int, default=2021)
    parser.add_argument("--profile", action="store_true", help="also print the hottest functions")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for phases in ("balanced", "unbalanced"):
            compare(phases, options, Path(folder) / phases)
    return 0


def compare(phases: str, options: argparse.Namespace, folder: Path) -> None:
    """Run both stacks on one case, check that they agree and print their times."""
    overrides = [f"simulators.grid.phases={phases}", f"seed={options.seed}"]
    document = read_scenario("ademis-2021", overrides)
    wall, cpu = perf_counter(), process_time()
    profiler = cProfile.Profile() if options.profile else None
    if profiler:
        profiler.enable()
    finished = run_variant(document, "basic", folder)
    if profiler:
        profiler.disable()
    whole_wall, whole_cpu = perf_counter() - wall, process_time() - cpu
    composition = compose(document, document.scenario("basic"))
    with open_record(finished.folder.record) as record:
        attributes = record.attrs
        simulated = float(attributes["wall_time_s"])
        steps = composition.scenario.duration_s
        case = _case(composition, record)
        run_stock(case, 2, folder / "warm-up.h5")  # compiles pandapower's kernels
        stock = run_stock(case, options.stock_steps, folder / "stock.h5")
        agreement = _agreement(record, stock, options.stock_steps, balanced=phases == "balanced")
    print(f"\n{phases}: {agreement}")
    rows = (
        Times(label="gridloom, simulation", steps=steps, wall_s=simulated, cpu_s=None),
        Times(
            label="gridloom, whole run (build, KPIs, report)",
            steps=steps,
            wall_s=whole_wall,
            cpu_s=whole_cpu,
        ),
        Times(
            label="stock stack, simulation",
            steps=options.stock_steps,
            wall_s=stock.wall_s,
            cpu_s=stock.cpu_s,
        ),
    )
    for row in rows:
        print(
            f"  {row.label:42} {row.steps:5d} steps {row.wall_ms:8.2f} ms wall {row.cpu_ms:15} "
            f"a step, stock / this = {rows[-1].wall_ms / row.wall_ms:6.1f}"
        )
    _print_breakdown(attributes, composition, simulated)
    if profiler:
        pstats.Stats(profiler).sort_stats("tottime").print_stats(25)


def _print_breakdown(attributes: Any, composition: Composition, simulated_s: float) -> None:
    """Print the share of each model; the rest is mosaik, adapter and recording."""
    times = {name: float(attributes[f"wall_time_{name}_s"]) for name in composition.models}
    times["mosaik, adapter, recording"] = simulated_s - sum(times.values())
    for name, seconds in sorted(times.items(), key=lambda item: -item[1]):
        print(f"    {name:30} {seconds:7.2f} s  {100 * seconds / simulated_s:5.1f} %")


def _case(composition: Composition, record: Any) -> Case:
    grid = composition.models["grid"]
    if not isinstance(grid, Grid):
        raise TypeError("the reference case has gridloom's own grid")
    sessions = {
        str(name).removeprefix("session_"): values.to_numpy()
        for name, values in record["ev"].data_vars.items()
        if str(name).startswith("session_")
    }
    return Case(
        network=grid.network,
        balanced=record["grid"].sizes["phase"] == 1,
        load_kw=record["load"]["power_kw"].to_numpy(),
        load_kvar=record["load"]["reactive_power_kvar"].to_numpy(),
        pv_kw=record["pv"]["power_kw"].to_numpy(),
        sessions=sessions,
        position_kw=record["market"]["position_kw"].to_numpy(),
    )


def _agreement(record: Any, stock: StockRun, steps: int, *, balanced: bool) -> str:
    """Say how far apart the stacks are at the stock stack's last step, or raise."""
    ours = record["grid"].isel(time=steps - 1)
    voltage = np.abs(ours["bus_voltage_pu"].to_numpy() - stock.bus_voltage_pu).max()
    current = np.abs(ours["line_current_a"].to_numpy() - stock.line_current_a).max()
    if voltage > VOLTAGE_TOLERANCE_PU[balanced] or current > CURRENT_TOLERANCE_A[balanced]:
        raise AssertionError(f"the stacks disagree: {voltage:.1e} pu, {current:.1e} A")
    return f"both stacks agree within {voltage:.1e} pu and {current:.1e} A after {steps} steps"


if __name__ == "__main__":
    sys.exit(main())

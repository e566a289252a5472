"""The stock mosaik stack, gridloom, gridloom fused, and a bare loop, side by side in one run.

    python benchmarks/speed.py [--cases balanced unbalanced day 1000 10000] [--repeat 3]

Every case has household load, PV, vehicles that charge without coordination, a grid and a market;
what gridloom records by default is recorded. The stock stack (see
`stock_stack`) is mosaik with one entity a device, pandapower and mosaik-hdf5; it is given
gridloom's series and records voltages and currents. It runs a few steps only (`--stock-steps`):
all times are per simulated step, from the first step until the record is closed. That all found
the same is checked: stock within the solvers' tolerance, the other three bit for bit.

Printed with it: what the record says of where gridloom's time went. Needs the dependency group
`benchmark`.
"""

import argparse
import statistics
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from bare_loop import run_bare
from stock_stack import Case, run_stock

from gridloom import open_record
from gridloom.scenarios.composition import Composition, compose
from gridloom.scenarios.reader import ScenarioDocument, read_scenario
from gridloom.scenarios.results.wall_times import WallTimes
from gridloom.scenarios.runner import run_variant
from gridloom.simulators.grid.simulator import Grid

# What the engines may differ by: the tolerance of pandapower's solvers.
VOLTAGE_TOLERANCE_PU = {True: 1e-6, False: 1e-5}
CURRENT_TOLERANCE_A = {True: 1e-2, False: 5e-2}


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One line of the table."""

    title: str
    scenario: str
    variant: str
    overrides: tuple[str, ...]
    stock_steps: int


SETTINGS = {
    "balanced": Setting(
        title="reference hour, balanced",
        scenario="ademis-2021",
        variant="basic",
        overrides=(),
        stock_steps=60,
    ),
    "unbalanced": Setting(
        title="reference hour, unbalanced",
        scenario="ademis-2021",
        variant="basic",
        overrides=("simulators.grid.phases=unbalanced",),
        stock_steps=30,
    ),
    "day": Setting(
        title="day at one minute",
        scenario="district",
        variant="basic-55",
        overrides=(),
        stock_steps=60,
    ),
    "1000": Setting(
        title="1,045 houses, 6 h at one minute",
        scenario="district",
        variant="basic-1000",
        overrides=("duration=6h",),
        stock_steps=5,
    ),
    "10000": Setting(
        title="10,010 houses, 1 h at one minute",
        scenario="district",
        variant="basic-10000",
        overrides=("duration=1h",),
        stock_steps=2,
    ),
}


@dataclass(frozen=True, kw_only=True)
class Ours:
    """Some runs of gridloom on one case."""

    record: Path
    ms: float
    """Wall milliseconds a step, the median."""
    times: WallTimes
    """Of one of them."""


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--cases", nargs="+", choices=[*SETTINGS], default=[*SETTINGS])
    parser.add_argument("--repeat", type=int, default=3, help="of gridloom and the bare loop")
    parser.add_argument("--stock-steps", type=int, help="0: leave the stock stack out")
    parser.add_argument("--set", action="append", default=[], dest="overrides")
    options = parser.parse_args()
    lines, details = [], []
    with tempfile.TemporaryDirectory() as folder:
        for name in options.cases:
            line, detail = _measure(SETTINGS[name], options, Path(folder) / name)
            lines.append(line)
            details.append(detail)
            print(f"{detail}\n  {line}\n", flush=True)
    heads = ("stock", "separate", "fused", "bare loop")
    print(
        f"{'wall ms a step (stock / this)':34}" + "".join(f"{head:>19}" for head in heads), end=""
    )
    print(f"{'fused / bare':>14}")
    print("\n".join(lines))
    return 0


def _measure(setting: Setting, options: argparse.Namespace, folder: Path) -> tuple[str, str]:
    """Return the line of the table, and what else is to be said of a case."""
    documents = {
        fuse: read_scenario(
            setting.scenario,
            [
                *setting.overrides,
                "record.signals=null",
                "record.float32=false",
                *options.overrides,
                f"fuse={str(fuse).lower()}",
            ],
        )
        for fuse in (False, True)
    }
    ours = {
        fuse: _ours(document, setting, options.repeat, folder / f"fused-{fuse}")
        for fuse, document in documents.items()
    }
    separate, fused = ours[False], ours[True]
    steps = separate.times.recording.steps
    bare: list[float] = []
    for number in range(options.repeat):
        composition = compose(documents[True], documents[True].scenario(setting.variant))
        file = folder / f"bare-{number}.h5"
        bare.append(1e3 * run_bare(composition, steps, file) / steps)
    found = [f"{setting.title}, {steps} steps", _equal(separate.record, fused.record, file)]
    stock_steps = setting.stock_steps if options.stock_steps is None else options.stock_steps
    stock = np.nan
    if stock_steps:
        case = _case(composition, separate.record)
        run_stock(case, 1, folder / "warm-up.h5")  # compiles pandapower's kernels
        ran = run_stock(case, stock_steps, folder / "stock.h5")
        stock = 1e3 * ran.wall_s / stock_steps
        found.append(_agreement(separate.record, ran, stock_steps, balanced=case.balanced))
    found += [_breakdown("separate", separate.times), _breakdown("fused", fused.times)]
    floor = statistics.median(bare)
    cells = [stock, separate.ms, fused.ms, floor]
    line = f"{setting.title:34}"
    line += "".join(f"{ms:10.2f} ({stock / ms:5.0f}x)" for ms in cells)
    return f"{line}{fused.ms / floor:13.2f}x", "\n  ".join(found)


def _ours(document: ScenarioDocument, setting: Setting, repeat: int, folder: Path) -> Ours:
    found: list[tuple[Path, WallTimes]] = []
    for _ in range(repeat):
        finished = run_variant(document, setting.variant, folder, force=True)
        with h5py.File(finished.folder.record) as file:
            times = WallTimes.of(file.attrs)
        assert times is not None
        found.append((finished.folder.record, times))
    took = [1e3 * (times.total_s - times.start_s) / times.recording.steps for _, times in found]
    middle = sorted(range(repeat), key=took.__getitem__)[repeat // 2]
    record, times = found[middle]
    return Ours(record=record, ms=statistics.median(took), times=times)


def _breakdown(title: str, times: WallTimes) -> str:
    """Say where a run's time went, in ms a step."""
    steps = times.recording.steps
    parts = {name: each.spent_s for name, each in times.models.items()}
    parts |= {"recording": times.recording.spent_s, "mosaik": times.mosaik_s, "end": times.end_s}
    told = ", ".join(
        f"{name} {1e3 * seconds / steps:.3f}"
        for name, seconds in sorted(parts.items(), key=lambda part: -part[1])
    )
    return f"{title}: {told} (ms a step)"


def _equal(first: Path, *others: Path) -> str:
    """Say that records hold the same, or raise."""
    for other in others:
        with h5py.File(first) as one, h5py.File(other) as two:
            different = [name for name in _series(one) if not _same(one[name][()], two[name][()])]
        if different:
            raise AssertionError(f"{first} and {other} differ in {', '.join(different)}")
    return "gridloom separate, fused and the bare loop agree bit for bit"


def _series(file: Any) -> list[str]:
    names: list[str] = []

    def take(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and item.dtype.kind == "f" and "time" in item.parent:
            names.append(name)

    file.visititems(take)
    return names


def _same(one: Any, two: Any) -> bool:
    return one.shape == two.shape and np.asarray(one).tobytes() == np.asarray(two).tobytes()


def _case(composition: Composition, record: Path) -> Case:
    grid = composition.models["grid"]
    if not isinstance(grid, Grid):
        raise TypeError("the case has gridloom's own grid")
    with open_record(record) as tree:
        sessions = {
            str(name).removeprefix("session_"): values.to_numpy()
            for name, values in tree["ev"].data_vars.items()
            if str(name).startswith("session_")
        }
        return Case(
            network=grid.network,
            balanced=tree["grid"].sizes["phase"] == 1,
            step_s=composition.scenario.step_size,
            load_kw=tree["load"]["power_kw"].to_numpy(),
            load_kvar=tree["load"]["reactive_power_kvar"].to_numpy(),
            pv_kw=tree["pv"]["power_kw"].to_numpy(),
            sessions=sessions,
            charge_efficiency=composition.scenario.simulators["ev"].charge_efficiency,
            position_kw=tree["market"]["position_kw"].to_numpy(),
        )


def _agreement(record: Path, stock: Any, steps: int, *, balanced: bool) -> str:
    """Say how far apart the stacks are at the stock stack's last step, or raise."""
    with open_record(record) as tree:
        ours = tree["grid"].isel(time=steps - 1)
        voltage = np.nanmax(np.abs(ours["bus_voltage_pu"].to_numpy() - stock.bus_voltage_pu))
        current = np.nanmax(np.abs(ours["line_current_a"].to_numpy() - stock.line_current_a))
    if not (voltage <= VOLTAGE_TOLERANCE_PU[balanced] and current <= CURRENT_TOLERANCE_A[balanced]):
        raise AssertionError(f"the stacks disagree: {voltage:.1e} pu, {current:.1e} A")
    return f"stock agrees within {voltage:.1e} pu and {current:.1e} A after {steps} steps"


if __name__ == "__main__":
    sys.exit(main())

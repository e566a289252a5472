"""What recording costs: time a row, size an hour, time to read; beside mosaik-hdf5.

    python benchmarks/recording.py [--step-us 300] [--rows 3600] [--all-signals] [--without-day]

A quarter of an hour of `ademis-2021` is simulated, balanced and unbalanced; its rows are then
replayed into records of all kinds. Between two rows stands the work of a simulation's step: a fixed
number of matrix products, about `--step-us` microseconds long.

- `run's thread`: CPU time that recording adds to the thread that simulates
- `all threads`: CPU time, compression in the background included
- `wall`: what recording adds to the wall time, and its share of the whole
- `pause`: the longest that one row has taken
- `element`: one signal of one element over a day of one-second steps, from the page cache
- `instant`: all signals at one time

mosaik-hdf5 (dependency group `benchmark`) is handed finished dictionaries: what mosaik takes to
make them is not counted.
"""

import argparse
import importlib.util
import tempfile
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter, process_time, thread_time
from typing import Any

import h5py
import numpy as np

from gridloom import open_record
from gridloom.scenarios.composition import Composition, compose
from gridloom.scenarios.reader import read_scenario
from gridloom.scenarios.results.record import RecordedModel, RecordWriter, RunStatus
from gridloom.scenarios.runner import run_variant
from gridloom.simulators.model import Direction, FloatArray

SIMULATED = "15min"
DAY_S = 86_400
HOUR_S = 3_600
KINDS: dict[str, dict[str, Any]] = {
    "none": {"compression": "none"},
    "gzip": {},
    "float32+gzip": {"float32": True},
}
Rows = Sequence[Mapping[str, Mapping[str, FloatArray]]]
"""For each step: model name to port name to array."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """What is recorded."""

    composition: Composition
    models: list[RecordedModel]
    rows: Rows

    @property
    def columns(self) -> int:
        """Numbers in a row, all models together."""
        return sum(model.columns for model in self.models)


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What it took, seconds; the work of the steps is taken off."""

    rows: int
    columns: int
    own_s: float
    all_s: float
    wall_s: float
    work_s: float
    pause_s: float
    close_s: float
    size: int

    def __str__(self) -> str:
        us = 1e6 / self.rows
        share = self.wall_s / (self.wall_s + self.work_s)
        return (
            f"{us * self.own_s:8.0f} {us * self.all_s:8.0f} {us * self.wall_s:8.0f} {share:7.0%} "
            f"{1e3 * self.pause_s:7.0f} {1e3 * self.close_s:7.0f} "
            f"{self.size / self.rows * HOUR_S / 1e6:9.1f} "
            f"{self.size / (8 * self.rows * self.columns):9.3f}"
        )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--step-us", type=float, default=300)
    parser.add_argument("--rows", type=int, default=HOUR_S)
    parser.add_argument("--all-signals", action="store_true", help="not only what is by default")
    parser.add_argument("--without-day", action="store_true", help="do not measure reading")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for phases in ("balanced", "unbalanced"):
            case = simulate(phases, Path(folder) / phases, all_signals=options.all_signals)
            print(f"\n{phases}: {case.columns} columns, {8e-3 * case.columns:.0f} kB a row")
            writing(case, options.rows, options.step_us, Path(folder))
            if not options.without_day:
                reading(case, Path(folder))
    return 0


def simulate(phases: str, folder: Path, *, all_signals: bool) -> Case:
    """Run the reference case and return its rows."""
    overrides = [
        f"simulators.grid.phases={phases}",
        *(["record.signals=all"] if all_signals else []),
        f"duration={SIMULATED}",
    ]
    document = read_scenario("ademis-2021", overrides)
    finished = run_variant(document, "basic", folder)
    composition = compose(document, document.scenario("basic"))
    with open_record(finished.folder.record) as record:
        series = {
            name: {
                port.name: record[name][port.name].to_numpy().astype(np.float64)
                for port in model.ports
                if port.direction is Direction.OUTPUT and port.name in record[name]
            }
            for name, model in composition.models.items()
        }
    steps = len(series["grid"]["bus_voltage_pu"])
    rows = [
        {
            name: {port: array[step] for port, array in ports.items()}
            for name, ports in series.items()
        }
        for step in range(steps)
    ]
    return Case(composition=composition, models=_models(composition, series), rows=rows)


def _models(
    composition: Composition, series: Mapping[str, Mapping[str, object]]
) -> list[RecordedModel]:
    return [
        RecordedModel(
            name=name,
            type=name,
            role="simulator",
            step_size=1,
            rows=HOUR_S,
            ports=tuple(
                port
                for port in model.ports
                if port.direction is Direction.OUTPUT and port.name in series[name]
            ),
        )
        for name, model in composition.models.items()
    ]


def writing(case: Case, rows: int, step_us: float, folder: Path) -> None:
    """Print what writing costs, a line a kind of record."""
    print(
        f"  {'us a row':14} {'thread':>8} {'all':>8} {'wall':>8} {'share':>7} {'pause ms':>7} "
        f"{'close':>6} {'MB/hour':>9} {'file/raw':>9}"
    )
    work = _work(step_us)
    costs: dict[str, Cost] = {}
    for kind, options in KINDS.items():
        path = folder / "replayed.h5"
        models = [replace(model, rows=rows) for model in case.models]
        writer = _writer(path, case, models, options)
        costs[kind] = measured(case, rows, work, _into(writer, case.models), writer.close, path)
        print(f"  {kind:14} {costs[kind]}", flush=True)
        path.unlink()
    if importlib.util.find_spec("mosaik_hdf5") is None:
        print("  mosaik-hdf5 is not installed")
        return
    stock = mosaik_hdf5(case, min(rows, len(case.rows)), work, folder / "stock.h5")
    print(f"  {'mosaik-hdf5':14} {stock}")
    for kind, cost in costs.items():
        time = (stock.own_s / stock.rows) / (cost.own_s / cost.rows)
        size = (stock.size / stock.rows) / (cost.size / cost.rows)
        print(f"  mosaik-hdf5 / {kind:14} time of the run's thread {time:6.1f}, file {size:5.1f}")


def measured(
    case: Case,
    rows: int,
    work: Callable[[], None],
    write: Callable[[int, Mapping[str, Mapping[str, FloatArray]]], None],
    close: Callable[[Any], None],
    path: Path,
) -> Cost:
    """Replay rows with the work of a step before each, then without recording, and compare."""
    pause_s = 0.0
    clocks = (thread_time, process_time, perf_counter)
    before = [clock() for clock in clocks]
    for step in range(rows):
        work()
        begin = perf_counter()
        write(step, case.rows[step % len(case.rows)])
        pause_s = max(pause_s, perf_counter() - begin)
    begin = perf_counter()
    close(RunStatus.COMPLETE)
    close_s = perf_counter() - begin
    spent = [clock() - b for clock, b in zip(clocks, before, strict=True)]
    before = [clock() for clock in clocks]
    for _ in range(rows):
        work()
    alone = [clock() - b for clock, b in zip(clocks, before, strict=True)]
    own_s, all_s, wall_s = (with_ - without for with_, without in zip(spent, alone, strict=True))
    return Cost(
        rows=rows,
        columns=case.columns,
        own_s=own_s,
        all_s=all_s,
        wall_s=wall_s,
        work_s=alone[2],
        pause_s=pause_s,
        close_s=close_s,
        size=path.stat().st_size,
    )


def _work(step_us: float) -> Callable[[], None]:
    """Return a function that computes for about so long, with small arrays as in a step."""
    matrix = np.random.default_rng(0).normal(size=(907, 55)) / 100
    vector = np.ones(55)

    def compute(times: int) -> None:
        for _ in range(times):
            np.abs(matrix @ vector).max()

    compute(100)
    begin = thread_time()
    compute(2_000)
    times = max(1, round(step_us * 1e-6 / ((thread_time() - begin) / 2_000)))
    return lambda: compute(times)


def _writer(
    path: Path, case: Case, models: Sequence[RecordedModel], options: Mapping[str, Any]
) -> RecordWriter:
    return RecordWriter(
        path, start=case.composition.scenario.start, models=models, provenance={}, **options
    )


def _into(
    writer: RecordWriter, models: Sequence[RecordedModel]
) -> Callable[[int, Mapping[str, Mapping[str, FloatArray]]], None]:
    names = [model.name for model in models]

    def write(step: int, row: Mapping[str, Mapping[str, FloatArray]]) -> None:
        for name in names:
            writer.write(name, step, row[name])
        writer.advance(step + 1)

    return write


def mosaik_hdf5(case: Case, rows: int, work: Callable[[], None], path: Path) -> Cost:
    """Store the same values with mosaik-hdf5, one entity a value."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it imports the superseded mosaik-api
        from mosaik_hdf5 import MosaikHdf5
    recorder = MosaikHdf5()
    recorder.init("db", 1.0, step_size=1, duration=rows)
    recorder.create(1, "Database", str(path), dataset_opts={"compression": "gzip", "shuffle": True})
    inputs = [{recorder.eid: _scalars(case.rows[step])} for step in range(rows)]

    def write(step: int, _: object) -> None:
        recorder.step(step, inputs[step], rows)

    return measured(case, rows, work, write, lambda _: recorder.db.close(), path)


def _scalars(row: Mapping[str, Mapping[str, FloatArray]]) -> dict[str, dict[str, float]]:
    """Return one step's values as mosaik hands them over: attribute to entity to value."""
    return {
        f"{model}_{port}": {
            f"{model}.{port}_{number}": value for number, value in enumerate(array.ravel().tolist())
        }
        for model, ports in row.items()
        for port, array in ports.items()
    }


def reading(case: Case, folder: Path) -> None:
    """Print what reading takes from a day's record of bus voltages, and from an hour's of all."""
    grid = next(model for model in case.models if model.name == "grid")
    port = next(port for port in grid.ports if port.name == "bus_voltage_pu")
    print(f"  {'reading, ms':14} {'element, h5py':>14} {'open_record':>12} {'instant':>9}")
    for kind, options in KINDS.items():
        path = folder / "day.h5"
        writer = _writer(path, case, [replace(grid, rows=DAY_S, ports=(port,))], options)
        for second in range(DAY_S):
            writer.write("grid", second, case.rows[second % len(case.rows)]["grid"])
            writer.advance(second + 1)
        writer.close(RunStatus.COMPLETE)
        element = (slice(None), 450, *(0,) * len(port.dimensions))
        plain_ms, opened_ms = _element_ms(path, element)
        path.unlink()
        writer = _writer(path, case, case.models, options)
        write = _into(writer, case.models)
        for second in range(HOUR_S):
            write(second, case.rows[second % len(case.rows)])
        writer.close(RunStatus.COMPLETE)
        print(f"  {kind:14} {plain_ms:14.0f} {opened_ms:12.0f} {_instant_ms(path):9.0f}")
        path.unlink()


def _element_ms(path: Path, element: tuple[Any, ...]) -> tuple[float, float]:
    plain_ms: list[float] = []
    opened_ms: list[float] = []
    for _ in range(5):  # opened anew: no chunk is in memory
        with h5py.File(path) as root:
            voltage = root["grid/bus_voltage_pu"]
            plain_ms.append(_ms(voltage.__getitem__, element))
        with open_record(path) as record:
            variable = record["grid"].to_dataset()["bus_voltage_pu"]
            opened_ms.append(_ms(variable[element].to_numpy))
    return min(plain_ms), min(opened_ms)


def _instant_ms(path: Path) -> float:
    times_ms: list[float] = []
    for _ in range(5):
        with h5py.File(path) as root:
            datasets = [
                dataset
                for group in root.values()
                if isinstance(group, h5py.Group)
                for dataset in group.values()
                if "cell_methods" in dataset.attrs
            ]
            times_ms.append(_ms(_rows_of, datasets))
    return min(times_ms)


def _rows_of(datasets: Sequence[Any]) -> list[Any]:
    return [dataset[1_000] for dataset in datasets]


def _ms(read: Callable[..., object], *arguments: Any) -> float:
    """Return the CPU time of a read, milliseconds."""
    begin = thread_time()
    read(*arguments)
    return 1e3 * (thread_time() - begin)


if __name__ == "__main__":
    raise SystemExit(main())

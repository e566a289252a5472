"""Time and memory of a run by the number of houses: where it stops being linear.

    python benchmarks/scale.py [--copies 1 2 5 19 50 91 182] [--steps 60] [--engine auto]
                               [--phases balanced] [--controller basic] [--separate] [--reuse]

The shipped scenario `district` (feeders of 55 houses under one medium-voltage grid, all with PV and
a vehicle, in steps of one minute) from 18:00 on, each size in a process of its own. Printed are the
time to build all models; of a step its wall and CPU time (medians, CPU time also for each house,
where a busy machine counts less) and what shares power flow, the other models and recording have;
and the highest memory in use.

The first step is left out: it compiles, factorises and opens files.
Networks are read and converted anew unless `--reuse` allows those that an earlier run has kept.

`touched` is what a step of the grid goes through: the arrays that its engine holds (for
power-grid-model, whose memory cannot be seen, what it returns) and those that all models send.
Where that outgrows a cache, the same arithmetic waits for the next slower memory.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np

HOUSES = 55
"""Of one feeder."""
BEGIN = "2021-03-24T18:00:00+01:00"
GRID = "grid"
STEEPER = 1.25
"""A step that costs so many times the best per house is called no longer linear."""
CACHES = Path("/sys/devices/system/cpu/cpu0/cache")


@dataclass(frozen=True, kw_only=True)
class Size:
    """What one size costs."""

    copies: int
    buses: int
    build_s: float
    step_ms: float
    """Wall time, median."""
    cpu_ms: float
    """CPU time of all threads, median."""
    power_flow: float
    """Share of the wall time of all steps, as the next two."""
    models: float
    recording: float
    touched_mb: float
    peak_mb: float

    @property
    def houses(self) -> int:
        """Connection points."""
        return self.copies * HOUSES

    @property
    def us_per_house(self) -> float:
        """CPU microseconds a house and step."""
        return 1e3 * self.cpu_ms / self.houses


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--copies", type=int, nargs="+", default=[1, 2, 5, 19, 50, 91, 182])
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--engine", default="auto")
    parser.add_argument("--phases", choices=["balanced", "unbalanced"], default="balanced")
    parser.add_argument("--controller", choices=["basic", "amas"], default="basic")
    parser.add_argument("--reuse", action="store_true", help="of networks converted before")
    together = parser.add_mutually_exclusive_group()
    together.add_argument("--fuse", action="store_true", default=True, help="the default")
    together.add_argument("--separate", dest="fuse", action="store_false")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.steps < 3:  # noqa: PLR2004
        parser.error("--steps: at least 3, the first is left out")
    if options.one is not None:
        print(json.dumps(asdict(measure(options.one, options))))
        return 0
    print(_HEADER)
    sizes = []
    for copies in options.copies:
        sizes.append(in_own_process(copies, options.reuse))
        print(_row(sizes[-1]), flush=True)
    print("\n".join(findings(sizes)))
    return 0


def in_own_process(copies: int, reuse: bool) -> Size:  # noqa: FBT001
    """Measure one size with the same options in a fresh interpreter."""
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}  # as `gridloom` itself does
    if not reuse:
        environment["GRIDLOOM_CACHE"] = "off"
    told = subprocess.run(
        [sys.executable, __file__, *sys.argv[1:], "--one", str(copies)],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        env=environment,
    )
    return Size(**json.loads(told.stdout.splitlines()[-1]))


def measure(copies: int, options: argparse.Namespace) -> Size:
    """Build and run one size in this process."""
    import pandapower  # noqa: F401 -- imports are no part of the build

    from gridloom.scenarios.composition import compose
    from gridloom.scenarios.recorded_run import record_run
    from gridloom.scenarios.run_folder import RunFolder
    from gridloom.scenarios.tracing import Tracing

    def run(copies: int, steps: int) -> tuple[Any, float, Any, list[np.ndarray[Any, Any]]]:
        begin = perf_counter()
        composition = compose(*_scenario(copies, steps, options))
        build_s = perf_counter() - begin
        marks = _mark_steps(composition.models[GRID])
        with tempfile.TemporaryDirectory() as temporary:
            folder = RunFolder(Path(temporary) / "run")
            with folder.claimed():
                times = record_run(composition, folder, Tracing(None))
        return composition.models, build_s, times, marks

    run(1, 3)  # compiles what is to be compiled
    models, build_s, times, marks = run(copies, options.steps)
    power_flow = times.models[GRID]
    others_s = sum(each.spent_s for name, each in times.models.items() if name != GRID)
    power_flow_ms = 1e3 * (power_flow.spent_s - power_flow.longest_s) / (options.steps - 1)
    recorded = times.recording
    recording_ms = 1e3 * (recorded.spent_s - recorded.longest_s) / max(recorded.steps - 1, 1)
    models_ms = 1e3 * others_s / options.steps
    total_ms = power_flow_ms + models_ms + recording_ms + 1e3 * times.mosaik_s / options.steps
    step_ms, cpu_ms = 1e3 * np.median(np.diff(marks[1:], axis=0), axis=0)
    return Size(
        copies=copies,
        buses=len(models[GRID].network.bus_names),
        build_s=build_s,
        step_ms=step_ms,
        cpu_ms=cpu_ms,
        power_flow=power_flow_ms / total_ms,
        models=models_ms / total_ms,
        recording=recording_ms / total_ms,
        touched_mb=1e-6 * touched_bytes(models),
        peak_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    )


def _mark_steps(grid: Any) -> list[np.ndarray[Any, Any]]:
    """Return a list that gets wall and CPU time whenever the grid begins a step."""
    marks: list[np.ndarray[Any, Any]] = []
    step = grid.step

    def marked(time: int, inputs: Any) -> Any:
        marks.append(np.array([perf_counter(), process_time()]))
        return step(time, inputs)

    grid.step = marked
    return marks


def _scenario(copies: int, steps: int, options: argparse.Namespace) -> Any:
    """Return the document and the scenario of one size."""
    from gridloom.scenarios.reader import read_scenario

    overrides = {
        "simulators.grid.network.copies": copies,
        "simulators.grid.engine": options.engine,
        "simulators.grid.phases": options.phases,
        "fuse": str(options.fuse).lower(),
        "start": BEGIN,
        "duration": f"{steps}min",
    }
    document = read_scenario("district", [f"{key}={value}" for key, value in overrides.items()])
    variant = f"{options.controller}-1000"
    return document, document.scenario(variant)


def touched_bytes(models: Any) -> int:
    """Return how much memory the grid's engine holds in arrays, and all models send in a step."""
    from gridloom.simulators.grid.pgm import PowerGridModelEngine
    from gridloom.simulators.model import Direction

    sent = sum(
        8 * int(np.prod(port.shape))
        for model in models.values()
        for port in model.ports
        if port.direction is Direction.OUTPUT
    )
    engine = models[GRID]._engine  # noqa: SLF001 -- no user asks for this
    held = {id(array): array.nbytes for array in _arrays(engine, set())}
    if isinstance(engine, PowerGridModelEngine):
        nothing = np.zeros(len(models[GRID].connection_points))
        engine.solve(nothing, nothing)
        output = engine._calculate("iterative_current")  # noqa: SLF001
        held |= {id(array): array.nbytes for array in output.values()}
    return sent + sum(held.values())


def _arrays(thing: Any, seen: set[int]) -> Iterator[np.ndarray[Any, Any]]:
    """Yield the arrays that an object holds, however deep."""
    if id(thing) in seen:
        return
    seen.add(id(thing))
    if isinstance(thing, np.ndarray):
        yield thing
    elif isinstance(thing, dict):
        for each in thing.values():
            yield from _arrays(each, seen)
    elif isinstance(thing, list | tuple):
        for each in thing:
            yield from _arrays(each, seen)
    elif type(thing).__module__.startswith("gridloom.simulators.grid"):
        yield from _arrays(getattr(thing, "__dict__", {}), seen)


_HEADER = (
    f"{'houses':>7} {'buses':>8} {'build s':>8} {'ms/step':>8} {'CPU ms':>8} {'us/house':>9} "
    f"{'flow':>6} {'models':>7} {'record':>7} {'rest':>6} {'touched MB':>11} {'peak MB':>8}"
)


def _row(size: Size) -> str:
    parts = (size.power_flow, size.models, size.recording)
    flow, models, recording = (f"{part:.0%}" for part in parts)
    rest = f"{1 - sum(parts):.0%}"
    return (
        f"{size.houses:>7,} {size.buses:>8,} {size.build_s:>8.1f} {size.step_ms:>8.2f} "
        f"{size.cpu_ms:>8.2f} {size.us_per_house:>9.2f} {flow:>6} {models:>7} {recording:>7} "
        f"{rest:>6} {size.touched_mb:>11.2f} {size.peak_mb:>8.0f}"
    )


def findings(sizes: list[Size]) -> list[str]:
    """Say up to where time and memory are linear, beside the sizes of the caches."""
    best = min(sizes, key=lambda size: size.us_per_house)
    larger = [size for size in sizes if size.houses > best.houses]
    steeper = next((s for s in larger if s.us_per_house > STEEPER * best.us_per_house), None)
    told = f"linear from there to the largest, within {STEEPER - 1:.0%}"
    if steeper is not None:
        ratio = steeper.us_per_house / best.us_per_house
        told = (
            f"no longer linear from {steeper.houses:,} houses on, where a step touches "
            f"{steeper.touched_mb:.1f} MB: {ratio:.2f} times that for each house"
        )
    lines = [
        f"\ncheapest for each house at {best.houses:,}: {best.us_per_house:.2f} us of CPU",
        told,
    ]
    first, last = sizes[0], sizes[-1]
    if last.houses > first.houses:
        build_ms, step_us, kilobytes = (
            1e3 * (getattr(last, cost) - getattr(first, cost)) / (last.houses - first.houses)
            for cost in ("build_s", "cpu_ms", "peak_mb")
        )
        lines.append(
            f"each further house: {build_ms:.2f} ms to build, {step_us:.2f} us of CPU a step, "
            f"{kilobytes:.0f} kB"
        )
    return [*lines, f"caches of this machine: {', '.join(_caches()) or 'unknown'}"]


def _caches() -> Iterator[str]:
    for cache in sorted(CACHES.glob("index*")):
        kind = (cache / "type").read_text().strip()
        if kind != "Instruction":
            level, size = ((cache / name).read_text().strip() for name in ("level", "size"))
            yield f"L{level} {size}"


if __name__ == "__main__":
    sys.exit(main())

"""What long runs cost: peak memory and wall time of each phase, size of the record.

    python benchmarks/long_runs.py [--cases year seconds coordinated] [--longest 7d]

Each run has a process of its own. `peak` is the highest resident memory within a phase (Linux
resets it between phases; elsewhere it is the highest up to then), `python` is that of the process
before anything is read. From the shortest to the longest run of a case, `growth` says how much the
peak rises a simulated day: what it takes whatever the duration is not growth.

- `year`: `quickstart` in steps of 15 min, a week to a year
- `seconds`: `ademis-2021` in steps of 1 s, an hour to a day, charging on arrival; `--longest 7d`
  adds a week, which takes hours
- `coordinated`: the same, coordinated by AMAS
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter

from pydantic import TypeAdapter

from gridloom.simulators.quantities import Duration, format_duration

DAY_S = 86_400
_MB = 1e6
_PHASES = ("python", "building", "stepping", "kpis", "report")


@dataclass(frozen=True, kw_only=True)
class Case:
    """A scenario, at durations that grow."""

    scenario: str
    durations: tuple[str, ...]
    longest: str
    """Of those that are run unless asked for otherwise."""
    variant: str | None = None
    overrides: tuple[str, ...] = ()


_TABLE = (
    "period",
    "arrivals",
    "departures",
    "arrive_at_start",
    "same_period_stay",
    "always_connected_state_of_charge",
)
_SECONDS = (
    "fuse=true",
    # Vehicles come home every day, instead of once and for all within the scenario's own hour.
    f"simulators.ev.sessions={{generator: home_charging, {': null, '.join(_TABLE)}: null}}",
    "simulators.market.prices={shortage_eur_per_mwh: [100], surplus_eur_per_mwh: [90]}",
)
CASES = {
    "year": Case(
        scenario="quickstart",
        durations=("7d", "30d", "90d", "365d"),
        longest="365d",
        overrides=("step_size=15min",),
    ),
    "seconds": Case(
        scenario="ademis-2021",
        durations=("1h", "6h", "1d", "7d"),
        longest="1d",
        variant="basic",
        overrides=_SECONDS,
    ),
    "coordinated": Case(
        scenario="ademis-2021",
        durations=("1h", "6h", "1d", "7d"),
        longest="1d",
        variant="amas",
        overrides=_SECONDS,
    ),
}


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What a run took."""

    simulated_s: int
    peak_mb: dict[str, float]
    """By phase."""
    wall_s: dict[str, float]
    record_mb: float
    report_mb: float


class Meter:
    """Peak memory and wall time of phases, one after another."""

    def __init__(self) -> None:
        self.peak_mb = {"python": peak_mb()}
        self.wall_s: dict[str, float] = {}

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Measure what happens within the block."""
        forget_peak()
        begin_s = perf_counter()
        yield
        self.wall_s[name] = perf_counter() - begin_s
        self.peak_mb[name] = peak_mb()


def peak_mb() -> float:
    """Return the highest resident memory since `forget_peak`, or ever where there is no /proc."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / _MB
    lines = status.read_text(encoding="ascii").splitlines()
    (peak,) = (line for line in lines if line.startswith("VmHWM:"))
    return int(peak.split()[1]) * 1024 / _MB


def forget_peak() -> None:
    """Let the peak begin anew at what is resident now, where the system can do that."""
    switch = Path("/proc/self/clear_refs")
    if switch.exists():
        switch.write_text("5", encoding="ascii")


def measure(scenario: str, variant: str | None, overrides: Sequence[str], folder: Path) -> Cost:
    """Run a scenario in this process, phase by phase."""
    meter = Meter()
    from gridloom.scenarios.composition import compose
    from gridloom.scenarios.reader import read_scenario
    from gridloom.scenarios.recorded_run import record_run
    from gridloom.scenarios.results.kpis import compute_kpis
    from gridloom.scenarios.results.record import open_record
    from gridloom.scenarios.results.report import write_report
    from gridloom.scenarios.run_folder import RunFolder
    from gridloom.scenarios.tracing import Tracing

    run = RunFolder(folder)
    with meter.phase("building"):
        document = read_scenario(scenario, overrides)
        resolved = document.scenario(variant)
        composition = compose(document, resolved)
    with meter.phase("stepping"), run.claimed():
        record_run(composition, run, Tracing(None))
        run.finish()
    del composition
    with meter.phase("kpis"):
        record = open_record(run.record)
        kpis = compute_kpis(record)
    with meter.phase("report"):
        write_report(record, kpis, run.report)
    record.close()
    return Cost(
        simulated_s=resolved.duration_s,
        peak_mb=meter.peak_mb,
        wall_s=meter.wall_s,
        record_mb=run.record.stat().st_size / _MB,
        report_mb=run.report.stat().st_size / _MB,
    )


def cost_of(scenario: str, variant: str | None = None, overrides: Sequence[str] = ()) -> Cost:
    """Run a scenario in a process of its own and return what it took."""
    with tempfile.TemporaryDirectory(prefix="gridloom-long-") as folder:
        asked = json.dumps([scenario, variant, [*overrides], str(Path(folder) / "run")])
        told = subprocess.run(
            [sys.executable, __file__, "--measure", asked],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
    return Cost(**json.loads(told.stdout.splitlines()[-1]))


def line(cost: Cost) -> str:
    """Return a line of the table."""
    numbers = "".join(f"{cost.peak_mb[name]:10.0f}" for name in _PHASES)
    numbers += "".join(f"{cost.wall_s[name]:10.1f}" for name in _PHASES[1:])
    return (
        f"{format_duration(cost.simulated_s):>8}{numbers}"
        f"{cost.record_mb:10.1f}{cost.report_mb:10.2f}"
    )


def growth(costs: Sequence[Cost]) -> str:
    """Return how the peak of each phase rises from the shortest to the longest run."""
    first, last = costs[0], costs[-1]
    days = (last.simulated_s - first.simulated_s) / DAY_S
    rises = (last.peak_mb[name] - first.peak_mb[name] for name in _PHASES)
    return f"{'MB/day':>8}" + "".join(f"{rise / days:10.2f}" for rise in rises)


def tabulate(name: str, case: Case, longest: str | None) -> None:
    """Run a case and print its table, without durations longer than that, or than its own."""
    print(f"\n{name}: {case.scenario} {case.variant or ''} {' '.join(case.overrides)}")
    print(f"{'':8}{'peak, MB':>50}{'wall, s':>40}{'size, MB':>20}")
    columns = (*_PHASES, *_PHASES[1:], "record", "report")
    print(f"{'':8}" + "".join(f"{column:>10}" for column in columns))
    seconds = TypeAdapter(Duration).validate_python
    longest_s = seconds(longest or case.longest)
    costs = []
    for duration in case.durations:
        if seconds(duration) <= longest_s:
            overrides = [*case.overrides, f"duration={duration}"]
            costs.append(cost_of(case.scenario, case.variant, overrides))
            print(line(costs[-1]), flush=True)
    if len(costs) > 1:
        print(growth(costs))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--cases", nargs="+", choices=CASES, default=[*CASES])
    parser.add_argument(
        "--longest",
        metavar="DURATION",
        help="leave out longer durations; default: 365d of `year`, 1d of the others",
    )
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        scenario, variant, overrides, folder = json.loads(options.measure)
        print(json.dumps(asdict(measure(scenario, variant, overrides, Path(folder)))))
        return
    for name in options.cases:
        tabulate(name, CASES[name], options.longest)


if __name__ == "__main__":
    main()

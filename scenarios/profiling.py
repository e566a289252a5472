"""Where the time of a whole run goes: its process from start to end, taken apart.

The parts of a part, and those of the whole, add up to it. `profile_run` measures a scenario in a
process of its own, so that imports count; `breakdown` puts together what was measured.
"""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

from gridloom.scenarios.reader import read_scenario
from gridloom.scenarios.results.wall_times import MOSAIK, RECORDING, StepTimes, WallTimes
from gridloom.simulators.phases import IMPORTS, STEPPING, Spent
from gridloom.simulators.phases import Path as PhasePath

_REST = "rest"
_ORDER = (
    "python",
    IMPORTS,
    "reading",
    "identity",
    "building",
    "start and stop",
    STEPPING,
    "record",
    "kpis",
    "report",
    "printing",
    "exit",
)
"""As they come in a run; imports come all along."""


class ProfiledRunError(Exception):
    """The run failed, and said why on standard error."""

    def __init__(self, code: int) -> None:
        super().__init__(f"the run ended with exit code {code}")
        self.code = code


@dataclass(frozen=True, kw_only=True)
class Part:
    """A part of the wall time."""

    name: str
    wall_s: float
    cpu_s: float | None = None
    """Of all threads of the process; None where it is not known."""
    parts: tuple["Part", ...] = ()
    """What it consists of, if that is known."""


@dataclass(frozen=True, kw_only=True)
class Profile:
    """The wall time of one process that ran one scenario."""

    scenario: str
    variant: str | None
    fuse: bool
    simulated_s: int
    steps: int
    """Of all models together: every time at which any of them steps counts once."""
    wall_s: float
    """From the start of the process to its end."""
    cpu_s: float
    """Of all its threads, and of the processes that it started and waited for."""
    parts: tuple[Part, ...]

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {"version": 1} | asdict(self)


@dataclass(frozen=True, kw_only=True)
class ProcessTimes:
    """What was measured of a process; clocks are those of `time.perf_counter`, one for all."""

    begin_s: float
    """When it was started."""
    python: Spent
    """Until its interpreter was ready."""
    phases: Mapping[PhasePath, Spent]
    cpu_s: float
    """In all, that of processes that it started and waited for included."""
    done_s: float
    """When it had done everything but to end."""
    exit_cpu_s: float | None
    """From then on; None where it is not known."""
    end_s: float

    @property
    def wall_s(self) -> float:
        """From start to end."""
        return self.end_s - self.begin_s


def profile_run(
    source: str | Path,
    overrides: Sequence[str] = (),
    variant: str | None = None,
    *,
    out: Path | None = None,
    allow_external: bool = False,
) -> Profile:
    """Run a scenario in a new process and return where the time went.

    Args:
        source: a shipped scenario's name, the path of a YAML file, or a record.
        overrides: 'key.path=value', as `--set` takes them.
        variant: which one; by default the first.
        out: folder below which the run is kept; by default, nothing is.
        allow_external: let a record import modules and start programs.

    Raises:
        ScenarioError: the scenario is wrong.
        ProfiledRunError: the run failed.
    """
    document = read_scenario(source, overrides, allow_external=allow_external)
    chosen = variant or next(iter(document.variants), None)
    scenario = document.scenario(chosen)
    options = [f"--set={override}" for override in overrides]
    options += [f"--variant={chosen}"] if chosen else []
    options += ["--allow-external"] if allow_external else []
    with TemporaryDirectory(prefix="gridloom-profile-") as temporary:
        target = out or Path(temporary)
        process = _times_of(["--force", f"--out={target}", *options, str(source)], Path(temporary))
        stepping = _stepping_times(max(target.glob("*/record.h5"), key=_written_at))
    return Profile(
        scenario=scenario.name,
        variant=chosen,
        fuse=scenario.fuse,
        simulated_s=scenario.duration_s,
        steps=stepping.recording.steps,
        wall_s=process.wall_s,
        cpu_s=process.cpu_s,
        parts=breakdown(process, stepping),
    )


def _times_of(arguments: Sequence[str], folder: Path) -> ProcessTimes:
    """Run `gridloom run` in a new process; its results are not shown, its errors are."""
    file = folder / "times.json"
    command = [sys.executable, "-m", "gridloom.scenarios.profiled_run", str(file), *arguments]
    begin_s, cpu_before_s = perf_counter(), _cpu_of_children_s()
    with (
        _terminated_in_order(),
        subprocess.Popen(command, stdout=subprocess.DEVNULL) as process,  # noqa: S603 -- ourselves
    ):
        try:
            code = process.wait()
        except BaseException:  # whatever ends us ends it as well, and in order
            process.terminate()
            raise
    end_s, cpu_s = perf_counter(), _cpu_of_children_s() - cpu_before_s
    if code:
        raise ProfiledRunError(code if code > 0 else 128 - code)
    told = json.loads(file.read_text(encoding="utf-8"))
    return ProcessTimes(
        begin_s=begin_s,
        python=Spent(told["ready"][0] - begin_s, told["ready"][1]),
        phases={tuple(path): Spent(*spent) for path, spent in told["phases"]},
        cpu_s=max(cpu_s, told["cpu_s"]),  # Windows does not tell of children
        exit_cpu_s=cpu_s - told["cpu_s"] if cpu_s else None,
        done_s=told["done_s"],
        end_s=end_s,
    )


@contextmanager
def _terminated_in_order() -> Iterator[None]:
    """Let SIGTERM raise `SystemExit`, so that nothing is left behind."""
    if threading.current_thread() is not threading.main_thread():
        yield  # signals are not ours
        return

    def leave(number: int, _frame: object) -> None:
        sys.exit(128 + number)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _cpu_of_children_s() -> float:
    """Return the CPU time of all processes that were started here and have ended."""
    times = os.times()
    return times.children_user + times.children_system


def _written_at(path: Path) -> float:
    return path.stat().st_mtime


def _stepping_times(record: Path) -> WallTimes:
    """Return what a record says of the steps of its run."""
    import h5py

    with h5py.File(record) as file:
        times = WallTimes.of(file.attrs)
    assert times is not None  # noqa: S101 -- every record of this version has them
    return times


def breakdown(process: ProcessTimes, stepping: WallTimes) -> tuple[Part, ...]:
    """Return the parts of a run's wall time, in the order in which they begin.

    Args:
        process: its phases.
        stepping: what its record says of the steps.
    """
    phases = {**process.phases, ("python",): process.python}
    found = {name: _part(name, (name,), phases) for name in {path[0] for path in phases if path}}
    if STEPPING in found:
        found[STEPPING] = _stepping(found[STEPPING], stepping)
    exit_s = process.end_s - process.done_s
    found["exit"] = Part(name="exit", wall_s=exit_s, cpu_s=process.exit_cpu_s)
    names = sorted(found, key=lambda name: (*_ORDER, name).index(name))
    parts = [found[name] for name in names]
    return (*parts, _remainder("other", process.wall_s, parts))


def _part(name: str, path: PhasePath, phases: Mapping[PhasePath, Spent]) -> Part:
    """Return a phase with the phases within it, the longest first, and what else it did."""
    depth = len(path)
    within = dict.fromkeys(p[: depth + 1] for p in phases if p[:depth] == path and len(p) > depth)
    own = phases.get(path, Spent())
    parts = _longest_first(_part(p[-1], p, phases) for p in within)
    if parts and own.wall_s:
        parts.append(Part(name=_REST, wall_s=own.wall_s, cpu_s=own.cpu_s))
    spent = [spent for p, spent in phases.items() if p[:depth] == path]
    return Part(
        name=name,
        wall_s=sum(each.wall_s for each in spent),
        cpu_s=sum(each.cpu_s for each in spent),
        parts=tuple(parts),
    )


def _stepping(whole: Part, times: WallTimes) -> Part:
    """Return the steps: models, recording, mosaik."""
    parts = [_model(name, each) for name, each in times.models.items()]
    parts.append(Part(name=RECORDING, wall_s=times.recording.spent_s))
    parts.append(Part(name=MOSAIK, wall_s=times.mosaik_s))
    rest = _remainder(_REST, whole.wall_s, parts)
    return replace(whole, parts=(*_longest_first(parts), rest))


def _model(name: str, times: StepTimes) -> Part:
    parts = [Part(name=each, wall_s=wall_s) for each, wall_s in times.parts_s.items()]
    rest = _remainder("rest of the step" if parts else "step", times.step_s, parts)
    transfer = Part(name="transfer", wall_s=times.transfer_s)
    return Part(name=name, wall_s=times.spent_s, parts=(*parts, rest, transfer))


def _remainder(name: str, wall_s: float, parts: Iterable[Part]) -> Part:
    """Return what is left; negative where processes were at work at once."""
    return Part(name=name, wall_s=wall_s - sum(part.wall_s for part in parts))


def _longest_first(parts: Iterable[Part]) -> list[Part]:
    return sorted(parts, key=lambda part: -part.wall_s)

"""What a campaign takes in time, disk and memory, told from a few of its runs."""

import math
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from gridloom.scenarios.campaigns.conduct import planned_run
from gridloom.scenarios.campaigns.job import ExecuteJob, Job
from gridloom.scenarios.campaigns.outcome import Fault, Outcome
from gridloom.scenarios.campaigns.point import Point
from gridloom.scenarios.results.record.layout import COMMITTED
from gridloom.scenarios.results.wording import counted, span
from gridloom.scenarios.run_folder import RunFolder
from gridloom.simulators.errors import RecordError

if TYPE_CHECKING:
    from gridloom.scenarios.campaigns.campaign import Campaign

MOST_PROBES = 8
LIMIT_S = 20.0
"""Wall time of a probe run, in which a short run ends and a long one shows its pace."""


@dataclass(frozen=True, kw_only=True)
class Probe:
    """What one run takes."""

    wall_time_s: float
    record_bytes: float
    peak_memory_bytes: int
    is_whole: bool
    """Whether it came to its end; otherwise time and size are extrapolated."""


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """What the runs of a campaign take together; NaN where no probe run tells."""

    runs: int
    """How many are to be run."""
    workers: int
    """How many run at a time."""
    wall_time_s: float
    disk_bytes: float
    peak_memory_bytes: float
    """Of the largest run."""
    basis: str
    """What the numbers come from."""
    warnings: tuple[str, ...]
    """What will not do on this machine."""
    failed: int
    """How many of the probe runs failed, as all runs of their schemes may."""


def estimate(
    campaign: "Campaign", execute: ExecuteJob, *, runs: int, workers: int, folder: Path
) -> Estimate:
    """Run the first point of each scheme for a while, and tell what all runs will take.

    A scheme is a variant with one of the named changes, at the first values of all other axes; of
    more than `MOST_PROBES` schemes, some are left out. A run that does not end within `LIMIT_S`
    is stopped: its simulation is taken to go on at the same pace, what it took to begin is not
    repeated.

    Args:
        campaign: what is to be run.
        execute: runs one job.
        runs: how many are to be run.
        workers: how many run at a time.
        folder: where the campaign will be; it need not exist.
    """
    found: list[Probe] = []
    told: list[str] = []
    failed = 0
    with tempfile.TemporaryDirectory(prefix="gridloom-probe-") as scratch:
        for point in campaign.schemes(MOST_PROBES):
            outcome, files = _run(campaign, point, execute, Path(scratch, f"{point.number}"))
            if not found and outcome.fault is None:  # it had to load what is loaded from now on
                outcome, files = _run(campaign, point, execute, Path(scratch, "again"))
            probe = probe_of(outcome, files, point)
            if probe is None:
                told.append(_reason(point, outcome))
                failed += outcome.fault is not Fault.TIMEOUT
            else:
                found.append(probe)
    whole = _together(found, told, folder, runs=runs, workers=workers)
    return replace(whole, failed=failed)


def _run(
    campaign: "Campaign", point: Point, execute: ExecuteJob, runs: Path
) -> tuple[Outcome, RunFolder]:
    """Run a point below a folder for a while."""
    run = planned_run(point)
    runs.mkdir()
    job = Job(
        point=campaign.point(point.number),
        digest=run.digest,
        runs=runs,
        folder=run.folder,
        timeout_s=LIMIT_S,
        memory_bytes=campaign.settings.memory_bytes,
    )
    return execute(job), RunFolder(runs / run.folder)


def probe_of(outcome: Outcome, folder: RunFolder, point: Point) -> Probe | None:
    """Return what a run would take to its end, or None if it does not tell.

    Args:
        outcome: how it ended, or that it was ended.
        folder: its files.
        point: what was run.
    """
    if outcome.fault is None:
        return Probe(
            wall_time_s=outcome.wall_time_s,
            record_bytes=outcome.record_bytes,
            peak_memory_bytes=outcome.peak_memory_bytes,
            is_whole=True,
        )
    if outcome.fault is not Fault.TIMEOUT:
        return None
    done_s, simulated_s = _progress(folder.any_record())
    if not done_s:
        return None
    rest = point.document.scenario().duration_s / done_s
    begin_s = max(0.0, outcome.wall_time_s - simulated_s) if simulated_s else 0.0
    return Probe(
        wall_time_s=begin_s + (outcome.wall_time_s - begin_s) * rest,
        record_bytes=folder.any_record().stat().st_size * rest,
        peak_memory_bytes=outcome.peak_memory_bytes,
        is_whole=False,
    )


def _progress(record: Path) -> tuple[int, float]:
    """Return how much is simulated, and the wall time of that if the record tells, both in s."""
    from gridloom.scenarios.results.record.reader import open_file

    try:
        with open_file(record) as root:
            return int(root[COMMITTED][()]), float(root.attrs.get("wall_time_s", 0.0))
    except (RecordError, OSError, KeyError):
        return 0, 0.0


def _reason(point: Point, outcome: Outcome) -> str:
    if outcome.fault is Fault.TIMEOUT:
        return f"run {point.number} has not begun to simulate within {span(LIMIT_S)}"
    reason = next(iter(outcome.reason.splitlines()), "")
    return f"run {point.number} fails ({outcome.fault}): {reason}"


def _together(
    probes: Sequence[Probe], told: Iterable[str], folder: Path, *, runs: int, workers: int
) -> Estimate:
    at_a_time = max(1, min(workers, runs))
    wall_time_s = _mean(probe.wall_time_s for probe in probes) * runs / at_a_time
    disk_bytes = _mean(probe.record_bytes for probe in probes) * runs
    peak_bytes = max((float(p.peak_memory_bytes) for p in probes), default=math.nan)
    return Estimate(
        runs=runs,
        workers=workers,
        wall_time_s=wall_time_s,
        disk_bytes=disk_bytes,
        peak_memory_bytes=peak_bytes,
        basis=_basis(probes),
        warnings=(*told, *_shortages(folder, disk_bytes, at_a_time, peak_bytes)),
        failed=0,
    )


def _basis(probes: Sequence[Probe]) -> str:
    cut = sum(not probe.is_whole for probe in probes)
    short = f", {cut} of them cut short after {span(LIMIT_S)}" if cut else ""
    return f"from {counted(len(probes), 'probe run')}{short}" if probes else "no probe run tells"


def _shortages(folder: Path, disk_bytes: float, at_a_time: int, peak_bytes: float) -> list[str]:
    """Return what the machine has too little of."""
    import psutil

    nearest = next(each for each in (folder, *folder.absolute().parents) if each.exists())
    free = shutil.disk_usage(nearest).free
    memory = psutil.virtual_memory().total
    found: list[str] = []
    if disk_bytes > free:
        found.append(f"the disk of {nearest} has only {size(free)} left")
    if at_a_time * peak_bytes > memory:
        found.append(
            f"{at_a_time} runs at a time take {size(at_a_time * peak_bytes)} of memory, and this "
            f"machine has {size(memory)}: use fewer workers"
        )
    return found


def _mean(values: Iterable[float]) -> float:
    listed = list(values)
    return sum(listed) / len(listed) if listed else math.nan


def size(count: float) -> str:
    """Write a number of bytes in the unit that reads best.

    >>> size(1_530_000), size(2.5e12)
    ('1.5 MB', '2500.0 GB')
    """
    for unit, factor in (("GB", 1e9), ("MB", 1e6)):
        if count >= factor:
            return f"{count / factor:.1f} {unit}"
    return f"{count / 1e3:.1f} kB"

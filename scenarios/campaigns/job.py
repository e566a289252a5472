"""One run of a campaign as it is handed to a process of its own, and what that process does."""

import errno
import platform
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from gridloom.scenarios.campaigns.outcome import Fault, Outcome
from gridloom.scenarios.campaigns.point import Point
from gridloom.scenarios.identity import run_digest
from gridloom.scenarios.run_folder import BusyFolderError, Interrupted, RunFolder
from gridloom.simulators.errors import GridloomError, ScenarioError

if TYPE_CHECKING:
    from gridloom.scenarios.runner import Run

_POLL_S = 0.1
_DETAIL_CHARACTERS = 4_000


@dataclass(frozen=True, kw_only=True)
class Job:
    """What a run needs to know, and what it may take."""

    point: Point
    digest: str
    """Identity of the run; whoever finds another has other code or other files."""
    runs: Path
    """Absolute: the folder below which each run has its own."""
    folder: str
    """Name of the run's own."""
    report: bool = False
    """Whether the run writes its own report."""
    timeout_s: float | None = None
    """Wall time that it may take."""
    memory_bytes: int | None = None
    """Memory that it may take, with all processes that it starts."""


class StrangeWorkerError(GridloomError):
    """A worker cannot do what it is asked to: no run's fault, and no run would do better."""


def run_job(job: Job) -> Outcome:
    """Run it here, and return what became of it, whatever that is.

    Raises:
        StrangeWorkerError: here are other files or another gridloom than where the job comes from.
    """
    begin = perf_counter()
    outcome = _attempted(job)
    return replace(outcome, wall_time_s=perf_counter() - begin)


def _attempted(job: Job) -> Outcome:
    """Return what becomes of an attempt, with every error as a fault."""
    try:
        return _completed(job)
    except StrangeWorkerError:
        raise
    except Exception as error:  # noqa: BLE001 -- whatever it is, it ends this run only
        fault = _fault(error)
        if fault is not Fault.INTERNAL:
            return Outcome(digest=job.digest, fault=fault, reason=str(error))
        return Outcome(
            digest=job.digest,
            fault=fault,
            reason=f"{type(error).__name__}: {error}",
            detail=traceback.format_exc()[-_DETAIL_CHARACTERS:],
        )


def _fault(error: Exception) -> Fault:
    """Return what an error that ends a run means for the campaign."""
    if is_disk_full(error):
        return Fault.DISK_FULL
    kinds = {
        Interrupted: Fault.INTERRUPTED,
        ScenarioError: Fault.BAD_INPUT,
        GridloomError: Fault.SIMULATION,
        MemoryError: Fault.MEMORY,
    }
    found = (fault for kind, fault in kinds.items() if isinstance(error, kind))
    return next(found, Fault.INTERNAL)


def _completed(job: Job) -> Outcome:
    if not job.runs.is_dir():
        raise StrangeWorkerError(
            f"a worker on {platform.node()} does not see {job.runs}: all workers need the "
            "campaign's folder under the same path, on a shared file system"
        )
    document = job.point.document
    scenario = document.scenario()
    digest = run_digest(scenario, document.folders)
    if digest != job.digest:
        raise StrangeWorkerError(
            f"what was to run as {job.digest} is {digest} on {platform.node()}: gridloom, its "
            "libraries or the scenario's files are others there, or have changed meanwhile"
        )
    folder = RunFolder(job.runs / job.folder)
    run = _run_when_free(job)
    return Outcome(
        digest=digest,
        kpis=tuple(run.kpis),
        computed=run.computed,
        record_bytes=folder.record.stat().st_size,
    )


def _run_when_free(job: Job) -> "Run":
    """Run it, once nobody else does, as an earlier attempt that is dying."""
    from gridloom.scenarios.runner import run_variant

    while True:
        try:
            return run_variant(job.point.document, None, job.runs, report=job.report)
        except BusyFolderError:
            time.sleep(_POLL_S)


def is_disk_full(error: BaseException | None) -> bool:
    """Whether an error comes from a disk without space, at however many removes."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        error = error.__cause__ or error.__context__
    return False


ExecuteJob = Callable[[Job], Outcome]
"""Runs a job somewhere, and returns what became of it."""

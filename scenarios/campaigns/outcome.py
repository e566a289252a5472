"""What became of one run."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from gridloom.scenarios.results.kpis.kpi import Kpi


class RunState(StrEnum):
    """Where a run of a campaign stands."""

    PENDING = "pending"
    RUNNING = "running"
    COMPLETE = "complete"
    FAILED = "failed"


class Fault(StrEnum):
    """Why a run did not complete."""

    BAD_INPUT = "bad input"
    """What it was to run is wrong; it would fail again."""
    SIMULATION = "simulation failed"
    """A simulator, a solver or the record failed."""
    INTERNAL = "internal error"
    """gridloom itself failed."""
    CRASHED = "crashed"
    """Its process ended without a word, as by a fault in native code."""
    TIMEOUT = "timeout"
    """It took longer than allowed."""
    MEMORY = "out of memory"
    """It took more memory than allowed."""
    WORKER_LOST = "worker lost"
    """Whoever ran it went away, or could not begin."""
    DISK_FULL = "disk full"
    """Nobody's fault: the batch stops, and it is run again with the next one."""
    INTERRUPTED = "interrupted"
    """Nobody's fault: its worker was told to stop, and it is run again."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What the process of a run has left behind."""

    digest: str
    """Identity of what was run, as found where it ran."""
    fault: Fault | None = None
    """None if the run is complete."""
    reason: str = ""
    """In the words of the error."""
    detail: str = ""
    """The end of what the process said, where that may help."""
    wall_time_s: float = 0.0
    """Of this attempt."""
    peak_memory_bytes: int = 0
    record_bytes: int = 0
    kpis: Sequence[Kpi] = ()
    computed: bool = True
    """False where a complete record was found."""
    worker: str = ""
    """Host and process that ran it."""

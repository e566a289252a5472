"""The driver of a campaign: hands out its runs, and keeps the books of what becomes of them.

However many runs there are, it knows only those under way; the rest is in the index.
"""

import logging
import queue
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol
from uuid import uuid4

from gridloom.scenarios.campaigns.campaign_folder import CampaignFolder, full_disk
from gridloom.scenarios.campaigns.index import Index, IndexedRun
from gridloom.scenarios.campaigns.job import Job, is_disk_full
from gridloom.scenarios.campaigns.outcome import Fault, Outcome, RunState
from gridloom.scenarios.campaigns.point import Point
from gridloom.scenarios.campaigns.space import require_space
from gridloom.scenarios.campaigns.workplace import execute, stop_jobs
from gridloom.simulators.errors import GridloomError, RecordError

if TYPE_CHECKING:
    from distributed import Client, Future

_log = logging.getLogger(__name__)

_POLL_S = 0.5


class Watcher(Protocol):
    """Who is told how the batch goes on."""

    def begun(self, run: IndexedRun) -> None:
        """A run is under way."""

    def ended(self, run: IndexedRun, outcome: Outcome, *, again: bool) -> None:
        """An attempt has ended, and will be repeated or not."""

    def check(self) -> None:
        """Called now and then; raises to stop the batch."""


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What runs may take, and when to give up."""

    retries: int = 1
    timeout_s: float | None = None
    memory_bytes: int | None = None
    reports: bool = False
    fail_fast: bool = False


class FailedFastError(GridloomError):
    """A run failed, and the user wants to hear of it at once."""

    exit_code = 11
    """As of a batch with one run that failed."""


@dataclass(kw_only=True)
class Batch:
    """One go at a campaign, from what is still to be done to the end, or to what stops it."""

    folder: CampaignFolder
    index: Index
    client: "Client"
    point: Callable[[int], Point]
    """Gives a point of the campaign by its number."""
    terms: Terms
    watcher: Watcher
    _ended: "queue.SimpleQueue[Future[Outcome]]" = field(
        init=False, default_factory=queue.SimpleQueue
    )
    _under_way: "dict[Future[Outcome], IndexedRun]" = field(init=False, default_factory=dict)
    _group: str = field(init=False, default_factory=lambda: f"run-{uuid4().hex}")
    """Of Dask's tasks; a cluster may still know those of an earlier batch."""
    _submitted: int = field(init=False, default=0)
    _largest_bytes: int = field(init=False, default=0)
    """Size of the largest record so far."""
    _last: int = field(init=False, default=0)
    """Number of the last point that was looked at."""

    def run(self) -> None:
        """Run all that is still to be run.

        Raises:
            GridloomError: the batch cannot go on; all that is complete is booked.
            BaseException: what the watcher raises.
        """
        self._largest_bytes = self.index.largest_record()
        try:
            self._loop()
        except GridloomError:
            raise
        except Exception:
            self._require_scheduler()  # it may be the reason
            raise
        finally:
            self._stop_all()

    def _loop(self) -> None:
        # Dask keeps something of every group of tasks for ever: all runs are one group, by the
        # first part of their keys, that is never empty.
        anchor = self.client.submit(int, key=(self._group, 0, 0))
        while not anchor.cancelled():
            self._require_scheduler()
            self._fill()
            if not self._under_way:
                return
            self.watcher.check()
            with suppress(queue.Empty):
                self._book(self._ended.get(timeout=_POLL_S))
        self._require_scheduler()

    def _require_scheduler(self) -> None:
        if self.client.status != "running":
            raise GridloomError(
                f"the Dask scheduler is gone ({self.client.status}); what is complete is kept, "
                "and the same command goes on"
            )

    def _fill(self) -> None:
        """Hand out runs until every worker has one."""
        places = max(1, sum(self.client.nthreads().values()))
        while len(self._under_way) < places:
            run = self.index.next_run(self._last, self.terms.retries)
            if run is None:
                return
            self._last = run.number
            require_space(self.folder.path, len(self._under_way) + 1, self._largest_bytes)
            self._submit(run)

    def _submit(self, run: IndexedRun) -> None:
        job = Job(
            point=self.point(run.number),
            digest=run.digest,
            runs=self.folder.runs.absolute(),
            folder=run.folder,
            report=self.terms.reports,
            timeout_s=self.terms.timeout_s,
            memory_bytes=self.terms.memory_bytes,
        )
        self.index.set_running([run.digest])
        self._submitted += 1
        key = (self._group, run.number, self._submitted)
        future = self.client.submit(execute, job, key=key, pure=False)
        self._under_way[future] = run
        future.add_done_callback(self._ended.put)
        self.watcher.begun(run)

    def _book(self, future: "Future[Outcome]") -> None:
        """Note what became of a run, and begin it again if it deserves that."""
        if future.status == "cancelled":
            self._require_scheduler()  # which takes all it knew with it
        run = self._under_way[future]
        outcome = _outcome(future, run.digest)
        del self._under_way[future]
        future.release()
        if outcome.fault is Fault.INTERRUPTED:  # its worker was told to go; others are there
            self._submit(run)
            return
        if outcome.fault is Fault.DISK_FULL:
            self.index.set_pending([run.digest])
            raise full_disk(self.folder.path, outcome.reason)
        self._largest_bytes = max(self._largest_bytes, outcome.record_bytes)
        self.index.set_ended(run.digest, outcome)
        again = outcome.fault not in (None, Fault.BAD_INPUT) and run.attempts < self.terms.retries
        self._tell(run, outcome, again=again)
        if again:
            self._submit(replace(run, attempts=run.attempts + 1))
        elif outcome.fault is not None and self.terms.fail_fast:
            raise FailedFastError(f"run {run.number} failed ({outcome.fault}): {outcome.reason}")

    def _tell(self, run: IndexedRun, outcome: Outcome, *, again: bool) -> None:
        if outcome.fault is None:
            _log.info("%s: complete in %.1f s", run.folder, outcome.wall_time_s)
        else:
            _log.warning(
                "%s: %s%s: %s %s",
                run.folder,
                outcome.fault,
                ", again" if again else "",
                outcome.reason,
                outcome.detail,
            )
        self.watcher.ended(run, outcome, again=again)

    def _stop_all(self) -> None:
        """Stop what is still under way."""
        if not self._under_way:
            return
        with suppress(Exception):  # whoever cannot be told is gone
            self.client.cancel(list(self._under_way))
            self.client.run(stop_jobs, self.folder.runs.absolute())
        with suppress(RecordError):  # what stopped the batch may be the index itself
            self.index.set_pending([run.digest for run in self._under_way.values()])
        self._under_way.clear()


def _outcome(future: "Future[Outcome]", digest: str) -> Outcome:
    """Return what a task has found; what went wrong around it counts as the worker's loss.

    Raises:
        StrangeWorkerError: the worker cannot run this campaign.
        GridloomError: it cannot run anything of gridloom.
    """
    if future.status == "cancelled":
        return Outcome(digest=digest, fault=Fault.WORKER_LOST, reason="its worker was lost")
    try:
        outcome: Outcome = future.result()
    except GridloomError:
        raise
    except ImportError as error:
        raise GridloomError(
            f"a worker cannot import what it needs: {error}; install the same gridloom there"
        ) from error
    except Exception as error:  # noqa: BLE001 -- of Dask, or of the worker's system
        fault = Fault.DISK_FULL if is_disk_full(error) else Fault.WORKER_LOST
        reason = f"{type(error).__name__}: {error}"
        return Outcome(digest=digest, fault=fault, reason=reason)
    return outcome


def verify_complete(folder: CampaignFolder, index: Index) -> Iterator[str]:
    """Yield the digests of runs that the books call complete and whose records are others."""
    for run in index.runs(RunState.COMPLETE):
        record = folder.runs / run.folder / "record.h5"
        if not record.is_file() or record.stat().st_size != run.record_bytes:
            yield run.digest

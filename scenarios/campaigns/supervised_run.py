"""One run, watched from outside its process: how it ends, or why it has to be ended."""

import multiprocessing
import os
import platform
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from pathlib import Path
from time import perf_counter
from typing import Any

from gridloom.scenarios.campaigns.job import Job, is_disk_full
from gridloom.scenarios.campaigns.outcome import Fault, Outcome
from gridloom.scenarios.campaigns.process_tree import (
    end_tree,
    kill_session,
    memory_of_tree,
    tail_of,
)
from gridloom.scenarios.campaigns.run_process import GRACE_S, Answer, run_in_process

FORKS = sys.platform == "linux"
"""Elsewhere the system's own libraries may not survive it."""
_POLL_S = 0.25
_LOOK_S = 1.0
"""Between two looks at the memory."""


def supervise(job: Job, must_stop: Callable[[], bool]) -> Answer:
    """Run a job in a process of its own, and say what became of it, whatever that is.

    Args:
        job: what to run.
        must_stop: tells whether the run is no longer wanted.
    """
    begin = perf_counter()
    try:
        answer = _supervised(job, must_stop, begin)
    except OSError as error:  # no process, or no place for what it says
        fault = Fault.DISK_FULL if is_disk_full(error) else Fault.WORKER_LOST
        outcome = Outcome(
            digest=job.digest, fault=fault, reason=str(error), detail=traceback.format_exc()
        )
        answer = Answer(outcome=outcome)
    if not isinstance(answer.outcome, Outcome):
        return answer
    outcome = replace(answer.outcome, worker=f"{platform.node()} {os.getpid()}")
    if not outcome.wall_time_s:
        outcome = replace(outcome, wall_time_s=perf_counter() - begin)
    return replace(answer, outcome=outcome)


def _supervised(job: Job, must_stop: Callable[[], bool], begin: float) -> Answer:
    context: Any = multiprocessing.get_context("fork" if FORKS else "spawn")
    receiver, sender = context.Pipe(duplex=False)
    with (
        receiver,
        tempfile.TemporaryDirectory(prefix="gridloom-run-", ignore_cleanup_errors=True) as folder,
    ):
        said = Path(folder) / "said"
        said.touch()
        process = context.Process(target=run_in_process, args=(job, sender, said))
        process.start()
        sender.close()
        watch = _Watch(job=job, process=process, must_stop=must_stop, begin=begin)
        answer = watch.wait(receiver)
        outcome = answer.outcome
        if not isinstance(outcome, Outcome):
            return answer
        if outcome.fault is not None and not outcome.detail:
            with said.open("rb") as file:
                outcome = replace(outcome, detail=tail_of(file))
        peak_bytes = max(outcome.peak_memory_bytes, watch.peak_bytes)
        return replace(answer, outcome=replace(outcome, peak_memory_bytes=peak_bytes))


@dataclass(kw_only=True)
class _Watch:
    """Over one run's process, until it ends or has to be ended."""

    job: Job
    process: Any
    must_stop: Callable[[], bool]
    begin: float
    peak_bytes: int = 0
    _looked: float = 0.0

    def wait(self, receiver: Connection) -> Answer:
        """Return the process's own answer, or why there is none."""
        while not wait([receiver, self.process.sentinel], timeout=_POLL_S):
            if self.process.exitcode is not None:  # what it started holds on to both
                break
            fault = self._fault()
            if fault is not None:
                end_tree(self.process.pid, GRACE_S, self.process.join)
                return self._ended(fault)
        answer: Answer | None = None
        with suppress(EOFError, OSError):
            if receiver.poll():
                answer = receiver.recv()
        self.process.join(GRACE_S)
        if self.process.exitcode is None:
            end_tree(self.process.pid, 0.0, self.process.join)
        kill_session(self.process.pid)
        return answer or self._ended(Fault.CRASHED)

    def _fault(self) -> Fault | None:
        """Return why the process must be ended, if it must."""
        now = perf_counter()
        if self.must_stop():
            return Fault.INTERRUPTED
        if self.job.timeout_s is not None and now - self.begin > self.job.timeout_s:
            return Fault.TIMEOUT
        if now - self._looked < _LOOK_S:
            return None
        self._looked = now
        used = memory_of_tree(self.process.pid)
        self.peak_bytes = max(self.peak_bytes, used)
        limit_bytes = self.job.memory_bytes
        return Fault.MEMORY if limit_bytes is not None and used > limit_bytes else None

    def _ended(self, fault: Fault) -> Answer:
        limit_s, limit_bytes = self.job.timeout_s, self.job.memory_bytes
        reasons = {
            Fault.TIMEOUT: f"it took longer than {limit_s:g} s" if limit_s else "",
            Fault.MEMORY: f"it took more than {limit_bytes / 1e9:.3g} GB" if limit_bytes else "",
            Fault.INTERRUPTED: "its worker was told to stop",
            Fault.CRASHED: _crash(self.process.exitcode),
        }
        return Answer(outcome=Outcome(digest=self.job.digest, fault=fault, reason=reasons[fault]))


def _crash(exit_code: int | None) -> str:
    """Say how a process ended that had no time to tell."""
    if exit_code is None or exit_code >= 0:
        return f"its process ended with exit code {exit_code} without a word"
    number = signal.Signals(-exit_code)
    hint = ": by hand, or by the system that ran out of memory" if number.name == "SIGKILL" else ""
    return f"its process was ended by {number.name}{hint}"

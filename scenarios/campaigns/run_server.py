"""Runs jobs, each in a process of its own: what a worker starts once, and asks again and again.

python -m gridloom.scenarios.campaigns.run_server

Imports are paid for once. Where the platform can fork safely, each run begins as a copy of this
process; whatever a run had to import or to load beyond it is imported here for those to come.
Elsewhere each run begins from nothing. Jobs come pickled on standard input, outcomes go to standard
output; the end of input ends everything.
"""

import gc
import importlib
import multiprocessing
import os
import pickle
import platform
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection, wait
from pathlib import Path
from time import perf_counter
from typing import Any

from gridloom.scenarios.campaigns.job import Job, StrangeWorkerError, run_job
from gridloom.scenarios.campaigns.outcome import Fault, Outcome
from gridloom.scenarios.campaigns.process_tree import (
    READY,
    end_tree,
    kill_tree,
    memory_of_tree,
    tail_of,
)
from gridloom.scenarios.identity import own_code

_FORKS = sys.platform == "linux"
"""Elsewhere the system's own libraries may not survive it."""
_POLL_S = 0.25
_GRACE_S = 5.0
"""For a run that is to stop: it closes its record first."""
_SELDOM = 50_000
"""New objects until the interpreter looks for garbage, as on the command line."""
_EXPENDABLE = "500"
"""The system that runs out of memory ends a run before anything else of ours."""


@dataclass(frozen=True, kw_only=True)
class Rehearsed:
    """What a run had to load that this process had not."""

    modules: tuple[str, ...] = ()
    kernels: tuple[tuple[str, str, Any], ...] = ()
    """Module, name and signature of compiled functions."""


@dataclass(frozen=True, kw_only=True)
class _Answer:
    """What the process of a run says at its end."""

    outcome: Outcome | StrangeWorkerError
    rehearsed: Rehearsed = field(default_factory=Rehearsed)


def main() -> None:
    """Answer jobs until the input ends."""
    source, sink = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what anybody prints must not get among the answers
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the driver's to understand
    told_to_stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: told_to_stop.set())
    gc.set_threshold(_SELDOM)
    parent = os.getppid()
    _prepare()
    sink.write(READY)
    sink.flush()

    def must_stop() -> bool:
        return told_to_stop.is_set() or os.getppid() != parent

    while not must_stop():
        try:
            job: Job = pickle.load(source)  # noqa: S301 -- from the worker that started us
        except EOFError:
            return
        except Exception as error:  # noqa: BLE001 -- whoever sent it must hear of it
            answer = _Answer(outcome=StrangeWorkerError(f"a job cannot be read: {error}"))
        else:
            answer = _supervised(job, must_stop)
        with suppress(BrokenPipeError):  # nobody is left to hear
            pickle.dump(answer.outcome, sink)
            sink.flush()
        if _FORKS:
            _learn(answer.rehearsed)


def _prepare() -> None:
    """Load what every run needs."""
    if _FORKS:
        importlib.import_module("gridloom.scenarios.runner")
        own_code()
    gc.freeze()


def _learn(rehearsed: Rehearsed) -> None:
    """Load what a run had to load, for those to come."""
    for name in rehearsed.modules:
        with suppress(Exception):  # the run that needs it will say so
            importlib.import_module(name)
    for module, name, signature in rehearsed.kernels:
        with suppress(Exception):  # as above
            getattr(sys.modules[module], name).compile(signature)
    if rehearsed.modules or rehearsed.kernels:
        gc.freeze()


def _supervised(job: Job, must_stop: Callable[[], bool]) -> _Answer:
    """Run a job in a process of its own, and say what became of it."""
    context: Any = multiprocessing.get_context("fork" if _FORKS else "spawn")
    begin = perf_counter()
    receiver, sender = context.Pipe(duplex=False)
    with tempfile.TemporaryDirectory(prefix="gridloom-run-") as folder:
        said = Path(folder) / "said"
        said.touch()
        process = context.Process(target=_in_process, args=(job, sender, said))
        process.start()
        sender.close()
        watch = _Watch(job=job, process=process, must_stop=must_stop, deadline=_deadline(job))
        answer = watch.wait(receiver, begin)
        outcome = answer.outcome
        if isinstance(outcome, Outcome):
            outcome = replace(
                outcome,
                detail=outcome.detail or ("" if outcome.fault is None else _tail(said)),
                wall_time_s=outcome.wall_time_s or perf_counter() - begin,
                peak_memory_bytes=max(outcome.peak_memory_bytes, watch.peak_bytes),
                worker=f"{platform.node()} {os.getpid()}",
            )
        return replace(answer, outcome=outcome)


def _tail(said: Path) -> str:
    with said.open("rb") as file:
        return tail_of(file)


def _deadline(job: Job) -> float | None:
    return None if job.timeout_s is None else perf_counter() + job.timeout_s


@dataclass(kw_only=True)
class _Watch:
    """Over one run's process, until it ends or has to be ended."""

    job: Job
    process: Any
    must_stop: Callable[[], bool]
    deadline: float | None
    peak_bytes: int = 0

    def wait(self, receiver: Connection, begin: float) -> _Answer:
        """Return the process's own answer, or why there is none."""
        while not wait([receiver, self.process.sentinel], timeout=_POLL_S):
            if self.process.exitcode is not None:  # what it started holds on to both
                break
            fault = self._fault()
            if fault is not None:
                end_tree(self.process.pid, _GRACE_S)
                self.process.join()
                return _Answer(outcome=self._ended(fault, perf_counter() - begin))
        answer: _Answer | None = None
        with suppress(EOFError, OSError):
            if receiver.poll():
                answer = receiver.recv()
        self.process.join(_GRACE_S)
        kill_tree(self.process.pid)
        self.process.join()
        return answer or _Answer(outcome=self._ended(Fault.CRASHED, perf_counter() - begin))

    def _fault(self) -> Fault | None:
        """Return why the process must be ended, if it must."""
        used = memory_of_tree(self.process.pid)
        self.peak_bytes = max(self.peak_bytes, used)
        if self.job.memory_bytes is not None and used > self.job.memory_bytes:
            return Fault.MEMORY
        if self.deadline is not None and perf_counter() > self.deadline:
            return Fault.TIMEOUT
        return Fault.INTERRUPTED if self.must_stop() else None

    def _ended(self, fault: Fault, wall_time_s: float) -> Outcome:
        limit_s, limit_bytes = self.job.timeout_s, self.job.memory_bytes
        reasons = {
            Fault.TIMEOUT: f"it took longer than {limit_s:g} s" if limit_s else "",
            Fault.MEMORY: f"it took more than {limit_bytes / 1e9:.3g} GB" if limit_bytes else "",
            Fault.INTERRUPTED: "the campaign was stopped",
            Fault.CRASHED: _crash(self.process.exitcode),
        }
        return Outcome(
            digest=self.job.digest, fault=fault, reason=reasons[fault], wall_time_s=wall_time_s
        )


def _crash(exit_code: int | None) -> str:
    """Say how a process ended that had no time to tell."""
    if exit_code is None or exit_code >= 0:
        return f"its process ended with exit code {exit_code} without a word"
    number = signal.Signals(-exit_code)
    hint = ": by hand, or by the system that ran out of memory" if number.name == "SIGKILL" else ""
    return f"its process was ended by {number.name}{hint}"


# ── in the run's own process ──────────────────────────────────────────────────────────


def _in_process(job: Job, sender: Connection, said: Path) -> None:
    """Run a job, and send what became of it."""
    import faulthandler

    with said.open("ab") as file:
        for number in (1, 2):
            os.dup2(file.fileno(), number)
    if hasattr(os, "setsid"):
        os.setsid()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    faulthandler.enable()
    _be_expendable()
    _end_with_parent()
    known = set(sys.modules)
    outcome: Outcome | StrangeWorkerError
    try:
        outcome = replace(run_job(job), peak_memory_bytes=_peak_bytes())
    except StrangeWorkerError as error:
        outcome = error
    sender.send(_Answer(outcome=outcome, rehearsed=_rehearsed(known) if _FORKS else Rehearsed()))
    sender.close()


def _be_expendable() -> None:
    with suppress(OSError), open("/proc/self/oom_score_adj", "w", encoding="ascii") as score:  # noqa: PTH123
        score.write(_EXPENDABLE)


def _end_with_parent() -> None:
    """Stop in order when the process that watches over this one is gone, or at once if it must."""
    parent, over = os.getppid(), threading.Event()

    def watch() -> None:
        while not over.wait(_POLL_S):
            if os.getppid() != parent:
                os.kill(os.getpid(), signal.SIGTERM)
                over.wait(_GRACE_S)
                kill_tree(os.getpid())

    threading.Thread(target=watch, name="end-with-parent", daemon=True).start()


def _peak_bytes() -> int:
    if sys.platform == "win32":
        return 0
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _rehearsed(known: Collection[str]) -> Rehearsed:
    """Return what this process has loaded beyond what it began with: installed libraries only.

    What lies beside the user's scenario may change while the campaign runs.
    """
    modules = [name for name in sys.modules if name not in known and _is_installed(name)]
    return Rehearsed(modules=tuple(modules), kernels=tuple(_kernels()))


def _is_installed(name: str) -> bool:
    file = getattr(sys.modules[name], "__file__", None) or ""
    return name.startswith("gridloom.") or "site-packages" in file or "lib/python" in file


def _kernels() -> "list[tuple[str, str, Any]]":
    """Return the compiled functions that were called."""
    if "numba" not in sys.modules:
        return []
    from numba.core.dispatcher import Dispatcher

    return [
        (name, attribute, signature)
        for name, module in list(sys.modules.items())
        if name.startswith("gridloom.")
        for attribute, value in vars(module).items()
        if isinstance(value, Dispatcher) and value.py_func.__module__ == name
        for signature in value.signatures
    ]


if __name__ == "__main__":
    main()

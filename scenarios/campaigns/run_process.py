"""The process of one run: what it does before and after, and how it ends with its watcher."""

import faulthandler
import os
import platform
import signal
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection
from pathlib import Path

from gridloom.scenarios.campaigns.job import Job, StrangeWorkerError, run_job
from gridloom.scenarios.campaigns.outcome import Outcome
from gridloom.scenarios.campaigns.process_tree import kill_tree
from gridloom.scenarios.campaigns.rehearsal import Rehearsed, rehearsed
from gridloom.scenarios.identity import own_code

GRACE_S = 5.0
"""For a run that is to stop: it closes its record first."""
_POLL_S = 0.25
_EXPENDABLE = "500"
"""The system that runs out of memory ends a run before anything else of ours."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the process of a run says at its end."""

    outcome: Outcome | StrangeWorkerError
    rehearsed: Rehearsed = field(default_factory=Rehearsed)


def run_in_process(job: Job, sender: Connection, said: Path) -> None:
    """Run a job in this process, which is there for nothing else, and send what became of it.

    Args:
        job: what to run.
        sender: takes the `Answer`.
        said: takes all that is printed.
    """
    _redirect(said)
    if hasattr(os, "setsid"):
        os.setsid()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    faulthandler.enable()
    _be_expendable()
    _end_with_parent()
    known = set(sys.modules)
    outcome: Outcome | StrangeWorkerError
    try:
        _require_loaded_code()
        outcome = replace(run_job(job), peak_memory_bytes=_peak_bytes())
    except StrangeWorkerError as error:
        outcome = error
    sender.send(Answer(outcome=outcome, rehearsed=rehearsed(known)))
    sender.close()


def _require_loaded_code() -> None:
    """Refuse to run what was loaded, and told to be the code, before the code changed.

    Raises:
        StrangeWorkerError: gridloom has changed since the process that this one is a copy of began.
    """
    loaded = own_code()
    own_code.cache_clear()
    if own_code() != loaded:
        raise StrangeWorkerError(
            f"gridloom has changed on {platform.node()} while it was running; the same command "
            "goes on, with what it is now"
        )


def _redirect(said: Path) -> None:
    """Let all that is printed go to a file, and let nothing be read."""
    with said.open("ab") as file:
        for number in (1, 2):
            os.dup2(file.fileno(), number)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)


def _be_expendable() -> None:
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(_EXPENDABLE, encoding="ascii")


def _end_with_parent() -> None:
    """Stop in order when the process that watches over this one is gone, or at once if it must."""
    parent, over = os.getppid(), threading.Event()

    def watch() -> None:
        while not over.wait(_POLL_S):
            if os.getppid() != parent:
                os.kill(os.getpid(), signal.SIGTERM)
                over.wait(GRACE_S)
                kill_tree(os.getpid())

    threading.Thread(target=watch, name="end-with-parent", daemon=True).start()


def _peak_bytes() -> int:
    if sys.platform == "win32":
        return 0
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit

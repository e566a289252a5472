"""Runs jobs, each in a process of its own: what a worker starts once, and asks again and again.

python -m gridloom.scenarios.campaigns.run_server

Imports are paid for once. Where the platform can fork safely, each run begins as a copy of this
process, and whatever it had to load beyond that is loaded here for those to come. Elsewhere each
run begins from nothing. Jobs come pickled on standard input; to standard output go outcomes, and a
word whenever it is ready for the next job. The end of input ends everything.
"""

import gc
import importlib
import os
import pickle
import signal
import sys
import threading
from contextlib import suppress

# pyarrow's own allocator would start a thread, and a process that forks should have but one.
os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")

from gridloom.scenarios.campaigns import supervised_run
from gridloom.scenarios.campaigns.job import Job, StrangeWorkerError
from gridloom.scenarios.campaigns.process_tree import READY
from gridloom.scenarios.campaigns.rehearsal import learn
from gridloom.scenarios.campaigns.run_process import Answer
from gridloom.scenarios.identity import own_code
from gridloom.scenarios.provenance import versions

_SELDOM = 50_000
"""New objects until the interpreter looks for garbage, as on the command line."""


def main() -> None:
    """Answer jobs until the input ends."""
    source, sink = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what anybody prints must not get among the answers
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the driver's to understand
    told_to_stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: told_to_stop.set())
    gc.set_threshold(_SELDOM)
    parent = os.getppid()
    if supervised_run.FORKS:
        importlib.import_module("gridloom.scenarios.runner")
        own_code()  # and what else is asked of the disk now is true of what is loaded
        versions()
        gc.freeze()

    def must_stop() -> bool:
        return told_to_stop.is_set() or os.getppid() != parent

    while not must_stop():
        sink.write(READY)
        sink.flush()
        try:
            job: Job = pickle.load(source)  # noqa: S301 -- from the worker that started us
        except EOFError:
            return
        except Exception as error:  # noqa: BLE001 -- whoever sent it must hear of it
            answer = Answer(outcome=StrangeWorkerError(f"a job cannot be read: {error}"))
        else:
            answer = supervised_run.supervise(job, must_stop)
        with suppress(BrokenPipeError):  # nobody is left to hear
            pickle.dump(answer.outcome, sink)
            sink.flush()
        if supervised_run.FORKS:
            learn(answer.rehearsed)


if __name__ == "__main__":
    main()

"""Where jobs are executed: run servers of this process, one for each job at a time.

A Dask worker hands its tasks to `execute`; whoever runs jobs without Dask uses `RunServer`.
"""

import os
import pickle
import platform
import signal
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from typing import Self

from gridloom.scenarios.campaigns.job import Job, StrangeWorkerError
from gridloom.scenarios.campaigns.loaded_code import code_stamp
from gridloom.scenarios.campaigns.outcome import Fault, Outcome
from gridloom.scenarios.campaigns.process_tree import READY, tail_of

_SERVER = ("-P", "-m", "gridloom.scenarios.campaigns.run_server")
"""-P: modules in the working directory are none of its business."""
_ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"), "1"
)
"""As on the command line: more only wait for each other."""
_GRACE_S = 10.0
"""For a server to end its run."""
_NEVER_SHOWN = {"MPLBACKEND": "agg"}


class RunServer:
    """A process that runs one job at a time, each in a process of its own below it."""

    def __init__(self) -> None:
        code = code_stamp()  # before any of it is loaded
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 -- see close
        self._process = subprocess.Popen(  # noqa: S603 -- our own module
            [sys.executable, *_SERVER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            env={**os.environ, **_ONE_THREAD, **_NEVER_SHOWN},
        )
        self._code = code
        self._is_ready = False
        self.job: Job | None = None
        """What it is busy with."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def is_alive(self) -> bool:
        """Whether it can take a job."""
        return self._process.poll() is None

    def is_fit(self) -> bool:
        """Whether it can take another job: it is there, and has loaded the code that there is now.

        What the last run had to load is loaded by then.
        """
        return self.is_alive and self._code == code_stamp() and self._await_ready()

    def execute(self, job: Job) -> Outcome:
        """Run a job, and return what became of it, whatever that is.

        Raises:
            StrangeWorkerError: no job of this campaign can be run here.
        """
        self.job = job
        try:
            self._await_start()
            answer = self._ask(job)
        except (OSError, EOFError, ValueError, pickle.UnpicklingError):  # closed, or gone
            said = self._last_words()
            self.close()
            return Outcome(
                digest=job.digest,
                fault=Fault.WORKER_LOST,
                reason=f"the server of its worker ended with exit code {self._process.returncode}",
                detail=said,
            )
        finally:
            self.job = None
        if isinstance(answer, StrangeWorkerError):
            raise answer
        return answer

    def _await_start(self) -> None:
        """Wait until it is there.

        Raises:
            StrangeWorkerError: it cannot be started.
        """
        if not self._await_ready() and self._process.wait() > 0:
            raise StrangeWorkerError(
                f"a worker on {platform.node()} cannot start processes for its runs: "
                f"{tail_of(self._said)}"
            )

    def _await_ready(self) -> bool:
        """Wait until it can take a job, or has ended."""
        source = self._process.stdout
        assert source is not None  # noqa: S101 -- a pipe
        if not self._is_ready:
            self._is_ready = source.read(len(READY)) == READY
        return self._is_ready

    def _ask(self, job: Job) -> Outcome | StrangeWorkerError:
        source, sink = self._process.stdout, self._process.stdin
        assert source is not None  # noqa: S101 -- both are pipes
        assert sink is not None  # noqa: S101
        self._is_ready = False
        pickle.dump(job, sink)
        sink.flush()
        answer: Outcome | StrangeWorkerError = pickle.load(source)  # noqa: S301 -- our own process
        return answer

    def _last_words(self) -> str:
        return "" if self._said.closed else tail_of(self._said)

    def ask_to_stop(self) -> None:
        """Let it end, with the run that it may be busy with, without waiting for that."""
        with suppress(OSError):
            if self._process.stdin is not None:
                self._process.stdin.close()
        self._process.terminate()

    def close(self) -> None:
        """End it, and the run that it may be busy with, which closes its record first."""
        self.ask_to_stop()
        try:
            self._process.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._said.close()


class _Workplace:
    """The run servers of this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: list[RunServer] = []
        self._busy: list[RunServer] = []

    def execute(self, job: Job) -> Outcome:
        server = self._take()
        try:
            return server.execute(job)
        finally:
            self._give_back(server)

    def stop(self, runs: Path) -> None:
        """End all jobs that write below a folder."""
        with self._lock:
            busy = [each for each in self._busy if each.job is None or each.job.runs == runs]
        for server in busy:
            server.ask_to_stop()
        for server in busy:
            server.close()

    def _take(self) -> RunServer:
        """Return an idle server that is fit, or a new one; those that are not are ended."""
        while True:
            with self._lock:
                is_new = not self._idle
                server = RunServer() if is_new else self._idle.pop()
                self._busy.append(server)
            if is_new or server.is_fit():
                return server
            with self._lock:
                self._busy.remove(server)
            server.close()

    def _give_back(self, server: RunServer) -> None:
        with self._lock:
            self._busy.remove(server)
            if server.is_alive:
                self._idle.append(server)


_WORKPLACE = _Workplace()


def execute(job: Job) -> Outcome:
    """Run a job below this process, and return what became of it.

    Raises:
        StrangeWorkerError: no job of this campaign can be run here.
    """
    return _WORKPLACE.execute(job)


def stop_jobs(runs: Path) -> None:
    """End all jobs of this process that write below a folder."""
    _WORKPLACE.stop(runs)


def dask_setup(_worker: object) -> None:
    """Leave Ctrl-C to the driver; Dask calls this where a worker begins."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)

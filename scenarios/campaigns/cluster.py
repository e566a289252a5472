"""Dask workers for a campaign: some of its own on this machine, or those of a cluster."""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from typing import TYPE_CHECKING

import psutil
from typing_extensions import override

from gridloom.simulators.errors import GridloomError, Problem, ScenarioError

if TYPE_CHECKING:
    from distributed import Client, LocalCluster

_log = logging.getLogger(__name__)

_CONNECT_S = 10
_DEATHS = 1_000
"""Workers that may die under a run before Dask blames the run, which cannot have done it."""
_KNOWN = 1_000
"""Entries of Dask's own logs."""
_STARTS = 3
_DASK_LOGS = ("distributed", "distributed.client", "tornado", "tornado.application", "asyncio")
"""Loggers that Dask, and what it is built on, send to the terminal."""
_SHARE = 0.9
"""Of this machine's memory for all runs together."""


@contextmanager
def own_workers(count: int) -> Iterator["Client"]:
    """Give workers on this machine, which end with the block or with this process."""
    import dask
    from distributed import Client

    settings = {
        "distributed.scheduler.allowed-failures": _DEATHS,
        "distributed.worker.multiprocessing-method": "spawn",
        "distributed.diagnostics.nvml": False,
        # Workers only wait for their runs: whatever looks at them every few milliseconds can go.
        "distributed.worker.profile.enabled": False,
        "distributed.admin.tick.interval": "1s",
        "distributed.admin.tick.limit": "10s",
        "distributed.admin.system-monitor.interval": "2s",
        # However many runs there are, the scheduler, in the driver, knows the last ones only.
        "distributed.admin.low-level-log-length": _KNOWN,
        "distributed.scheduler.dashboard.tasks.task-stream-length": _KNOWN,
        "distributed.scheduler.dashboard.status.task-stream-length": _KNOWN,
    }
    _start_quiet_tracker()
    with (
        _dask_in_our_log(),
        dask.config.set(settings),
        _started(count) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        yield client


def _start_quiet_tracker() -> None:
    """Start the process that clears up after Python's others so that it does so without a word.

    It warns of what it finds where this process is killed, which is no news to who has killed it.
    """
    if sys.platform == "win32":  # has none
        return
    before = os.environ.get("PYTHONWARNINGS")
    try:
        os.environ["PYTHONWARNINGS"] = ",".join(filter(None, [before, "ignore:resource_tracker"]))
        resource_tracker.ensure_running()
    finally:
        if before is None:
            del os.environ["PYTHONWARNINGS"]
        else:
            os.environ["PYTHONWARNINGS"] = before


def _started(count: int) -> "LocalCluster":
    """Start workers; where one is killed before it is there, all of them once more.

    Raises:
        GridloomError: they cannot be started.
    """
    from distributed import LocalCluster

    told = ""
    for _ in range(_STARTS):
        try:
            return LocalCluster(
                n_workers=count,
                threads_per_worker=1,
                processes=True,
                host="127.0.0.1",
                dashboard_address="127.0.0.1:0",
                memory_limit=0,  # runs have theirs
                preload=["gridloom.scenarios.campaigns.workplace"],
                silence_logs=logging.CRITICAL,
            )
        except (OSError, RuntimeError) as error:
            told = str(error)
    raise GridloomError(f"Dask cannot start workers on this machine: {told}")


@contextmanager
def workers_of(scheduler: str) -> Iterator["Client"]:
    """Give the workers of an existing cluster.

    Raises:
        ScenarioError: there is no scheduler.
    """
    with _dask_in_our_log(), _client_of(scheduler) as client:
        yield client


def _client_of(scheduler: str) -> "Client":
    from distributed import Client

    try:
        return Client(scheduler, timeout=_CONNECT_S, set_as_default=False)
    except (OSError, ValueError) as error:
        raise ScenarioError(
            Problem(
                message=f"no Dask scheduler answers at '{scheduler}': {error}",
                expected="an address such as tcp://HOST:8786",
                suggestion="start one with `dask scheduler`, and `dask worker tcp://HOST:8786` "
                "on every machine",
            )
        ) from None


class _OurLog(logging.Handler):
    """Hands on what others log."""

    @override
    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno >= logging.WARNING:
            _log.handle(record)


@contextmanager
def _dask_in_our_log() -> Iterator[None]:
    """Have what Dask logs in this process, traces and all, in the log and not on the terminal."""
    import distributed  # noqa: F401  # gives its loggers their handlers

    handler = _OurLog()
    loggers = [logging.getLogger(name) for name in _DASK_LOGS]
    before = [(logger, logger.handlers[:], logger.propagate) for logger in loggers]
    for logger in loggers:
        logger.handlers[:] = [handler]
        logger.propagate = False
    try:
        yield
    finally:
        for logger, handlers, propagate in before:
            logger.handlers[:] = handlers
            logger.propagate = propagate


def available_cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def memory_of_each(workers: int) -> int:
    """Return how much memory, in bytes, each of so many runs at a time may take here."""
    return int(_SHARE * psutil.virtual_memory().total / workers)

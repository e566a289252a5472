"""Ends a step that hangs in this very process.

A thread looks at the clock. When a step takes too long, the main thread is woken up with a signal
whose handler raises the error: that ends whatever is written in Python. Compiled code that never
returns, and code that swallows every error, cannot be ended from within; after a grace the whole
process is, if whoever runs us allows it, with the record as it was flushed last. Compiled code that
does not even let the thread run stays unnoticed: what may do that belongs in a process of its own.
"""

import faulthandler
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import ClassVar

from gridloom.simulators.errors import SimulatorError

_POLL_S = 0.2
_GRACE_S = 5.0
_SIGNAL = getattr(signal, "SIGALRM", signal.SIGINT)


class _Step:
    """One step; made for every step of a run, so that it has to be cheap."""

    __slots__ = ("limit_s", "name", "time")

    def __init__(self, name: str, time: int | None, limit_s: float) -> None:
        self.name, self.time, self.limit_s = name, time, limit_s


class Watchdog:
    """Watches one step at a time; in the main thread only, elsewhere it does nothing."""

    last_resort: ClassVar[Callable[[SimulatorError], None] | None] = None
    """Called from the watching thread where a hanging step cannot be ended; the command line ends
    the process, a library must not."""

    def __init__(self) -> None:
        self._step: _Step | None = None
        self._alarmed: _Step | None = None
        self._raised: _Step | None = None
        self._previous: object = None
        """Who handled the signal before."""

    def begin(self, name: str, time: int | None, limit_s: float) -> None:
        """Note that the step of model ``name`` begins, or its start (None), and its limit."""
        self._step = _Step(name, time, limit_s)

    def end(self) -> None:
        """Note that the step has ended."""
        self._step = None

    @contextmanager
    def on_guard(self) -> Iterator[None]:
        """Watch during the block."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        previous = self._previous = signal.signal(_SIGNAL, self._raise)
        over = threading.Event()
        thread = threading.Thread(
            target=self._watch, args=(over, threading.get_ident()), name="watchdog", daemon=True
        )
        thread.start()
        try:
            yield
        finally:
            over.set()
            self._step = None
            thread.join()
            signal.signal(_SIGNAL, previous)

    def _watch(self, over: threading.Event, main_thread: int) -> None:
        watched: _Step | None = None
        waited_s = (
            0.0  # not by the clock: while the process is stopped, as by Ctrl-Z, nothing hangs
        )
        while not over.wait(_POLL_S):
            step = self._step
            waited_s = waited_s + _POLL_S if step is watched else 0.0
            watched = step
            if step is not None and waited_s >= step.limit_s:
                self._late(step, waited_s, main_thread)

    def _late(self, step: _Step, waited_s: float, main_thread: int) -> None:
        """Do something about a step that takes too long."""
        if self._alarmed is not step:
            self._alarmed = step
            if hasattr(signal, "pthread_kill"):
                signal.pthread_kill(main_thread, _SIGNAL)
            else:
                signal.raise_signal(_SIGNAL)
        elif waited_s > step.limit_s + _GRACE_S and Watchdog.last_resort is not None:
            Watchdog.last_resort(_error(step))

    def _raise(self, number: int, frame: FrameType | None) -> None:
        step = self._step
        if step is not None and step is self._alarmed and step is not self._raised:
            self._raised = step
            raise _error(step)
        if callable(self._previous):  # Windows has no signal to spare: this one is Ctrl-C's
            self._previous(number, frame)


@contextmanager
def may_end_process() -> Iterator[None]:
    """Allow the watchdog to end this process during the block; for the command line alone."""
    Watchdog.last_resort = end_process
    try:
        yield
    finally:
        Watchdog.last_resort = None


def end_process(error: SimulatorError) -> None:
    """Say what hangs and where, and end this process at once; its simulators end with it."""
    with suppress(OSError, ValueError):
        sys.stderr.write(f"error: {error}, and cannot be interrupted\n")
        faulthandler.dump_traceback(all_threads=True)
    os._exit(error.exit_code)


def _error(step: _Step) -> SimulatorError:
    what = "start" if step.time is None else "step"
    cause = f"it hangs: its {what} takes longer than {step.limit_s:g} s"
    return SimulatorError(step.name, step.time, cause)

"""How far a run is: simulated time, speed and time to go, for people and for logs."""

import logging
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import timedelta
from time import perf_counter
from types import FrameType
from typing import Protocol, TextIO

from typing_extensions import override

from gridloom.scenarios.run_folder import Interrupted

_PLAIN_INTERVAL_S = 10.0
_MOST_WARNINGS = 10


class Progress(Protocol):
    """Told the simulation time after every step."""

    def __call__(self, time_s: int) -> None:
        """Show that the simulation has reached ``time_s``."""


def show_progress(title: str, duration_s: int) -> AbstractContextManager[Progress]:
    """Return a progress display: a live bar on a terminal, else a line every ten seconds."""
    stream = sys.stderr
    if stream.isatty():
        return _bar(title, duration_s)
    return nullcontext(_Lines(title, duration_s, stream))


@contextmanager
def _bar(title: str, duration_s: int) -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[clock]} of " + str(timedelta(seconds=duration_s))),
        TextColumn("{task.fields[speed]}"),
        TimeRemainingColumn(),
    )
    begin = perf_counter()
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task(title, total=duration_s, clock="0:00:00", speed="")
        due = begin

        def show(time_s: int) -> None:
            nonlocal due
            now = perf_counter()
            if now >= due:
                due = now + 0.1
                bars.update(
                    task,
                    completed=time_s,
                    clock=str(timedelta(seconds=time_s)),
                    speed=_speed(time_s, now - begin),
                )

        yield show


class _Lines:
    """A plain line now and then; nothing at all for a short run."""

    def __init__(self, title: str, duration_s: int, stream: TextIO) -> None:
        self._title = title
        self._duration_s = duration_s
        self._stream = stream
        self._begin = perf_counter()
        self._due = self._begin + _PLAIN_INTERVAL_S

    def __call__(self, time_s: int) -> None:
        now = perf_counter()
        if now < self._due:
            return
        self._due = now + _PLAIN_INTERVAL_S
        elapsed = now - self._begin
        left = elapsed * (self._duration_s - time_s) / max(time_s, 1)
        print(
            f"{self._title}: {timedelta(seconds=time_s)} of {timedelta(seconds=self._duration_s)}"
            f", {_speed(time_s, elapsed)}, {timedelta(seconds=round(left))} left",
            file=self._stream,
            flush=True,
        )


def _speed(time_s: int, elapsed_s: float) -> str:
    return f"{time_s / max(elapsed_s, 1e-9):,.0f}x real time"


@contextmanager
def show_warnings() -> Iterator[None]:
    """Say on standard error what is logged as a warning, the first few of a run."""
    logger, handler = logging.getLogger("gridloom"), _Warnings(logging.WARNING)
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


class _Warnings(logging.Handler):
    """Prints warnings; errors end the run and are printed then."""

    def __init__(self, level: int) -> None:
        super().__init__(level)
        self._left = _MOST_WARNINGS

    @override
    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno != logging.WARNING or self._left < 0:
            return
        more = "there are more of them: see run.log"
        sys.stderr.write(f"warning: {record.getMessage() if self._left else more}\n")
        self._left -= 1


@contextmanager
def stop_on_signal(
    interrupt: Callable[[int], None] = lambda _: None,
) -> Iterator[Callable[[int], None]]:
    """Turn Ctrl-C and SIGTERM into a stop at the next step; a second one stops at once.

    Args:
        interrupt: told the signal's number at once, to end whatever waits.

    Yields:
        A function of the simulation time that raises `Interrupted` once a signal has come.
    """
    received: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        if received:
            raise KeyboardInterrupt
        received.append(number)
        interrupt(number)

    def check(time_s: int) -> None:
        if received:
            raise Interrupted(received[0], time_s)

    try:
        previous = {n: signal.signal(n, note) for n in (signal.SIGINT, signal.SIGTERM)}
    except ValueError:  # not in the main thread: whoever runs us there handles signals
        yield check
        return
    try:
        yield check
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)

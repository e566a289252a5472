"""What the terminal shows while a campaign runs, and in the end."""

import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from importlib.util import find_spec
from time import monotonic
from types import FrameType
from typing import TYPE_CHECKING, Any, Self

from rich.console import Console
from rich.markup import escape

from gridloom.scenarios.campaigns.conduct import Summary
from gridloom.scenarios.campaigns.index import Index, IndexedRun
from gridloom.scenarios.campaigns.outcome import Fault, Outcome, RunState
from gridloom.scenarios.campaigns.point import Parameter
from gridloom.simulators.errors import GridloomError

if TYPE_CHECKING:
    from distributed import Client
    from rich.progress import Progress

_PLAIN_INTERVAL_S = 10.0
_SHOWN_FAILURES = 5
_LONGEST = 100
"""Characters of a reason in one line."""
_EXIT_FAILED, _EXIT_MOST = 10, 99


class Stopped(GridloomError):  # noqa: N818 -- no error of anyone's: the user's wish
    """The user asked to stop."""

    def __init__(self, number: int) -> None:
        self.exit_code = 128 + number
        super().__init__("stopped; what is complete is kept, and the same command goes on")


class BatchDisplay:
    """A live bar on a terminal, else a line now and then; the last failures either way."""

    def __init__(self) -> None:
        self._console = Console(stderr=True)
        self._live = self._console.is_terminal
        self._bar: Progress | None = None
        self._task: Any = None
        self._begin = self._last_end = monotonic()
        self._due = monotonic() + _PLAIN_INTERVAL_S
        self._counts: dict[RunState, int] = {}
        self._retries = 0
        self._done_here = 0
        self._running: dict[str, IndexedRun] = {}
        self._failures = 0
        self._signals: list[int] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def reading(self, done: int) -> None:
        """Say how many runs are read, if there are many."""
        self._stop_if_asked()
        if monotonic() >= self._due:
            self._due = monotonic() + _PLAIN_INTERVAL_S
            self._say(f"reading the campaign: {done:,} runs so far")

    def starting(self, index: Index, client: "Client") -> None:
        """Say where the runs will be, and begin to show progress."""
        self._counts = index.counts()
        threads = sum(client.nthreads().values())
        complete, total = self._counts[RunState.COMPLETE], sum(self._counts.values())
        resumed = f", {complete:,} of them complete" if complete else ""
        places = f"{threads} at a time" if threads else "waiting for workers"
        self._say(f"{total:,} runs{resumed}; {places}")
        if find_spec("bokeh") is not None:  # without it, Dask has no dashboard to show
            self._say(f"Dask dashboard: {client.dashboard_link}")
        self._begin = self._last_end = monotonic()
        if self._live:
            self._bar, self._task = _bar(self._console, total, complete)

    def begun(self, run: IndexedRun) -> None:
        """Show one more run under way."""
        self._running[run.digest] = run
        self._update()

    def ended(self, run: IndexedRun, outcome: Outcome, *, again: bool) -> None:
        """Show one run less, and why it failed if it did."""
        self._running.pop(run.digest, None)
        if outcome.fault is not None:
            self._tell_failure(run, outcome, again=again)
        if not again:
            state = RunState.COMPLETE if outcome.fault is None else RunState.FAILED
            before = run.state if run.state is RunState.FAILED else RunState.PENDING
            self._counts[before] -= 1
            self._counts[state] += 1
            self._done_here += 1
            self._last_end = monotonic()
        self._update()

    def check(self) -> None:
        """Stop if the user asked for it; say how far it is now and then."""
        self._stop_if_asked()
        self._update()
        if not self._live and monotonic() >= self._due:
            self._due = monotonic() + _PLAIN_INTERVAL_S
            self._say(self._line())

    @contextmanager
    def stop_on_signal(self) -> Iterator[None]:
        """Stop in order on Ctrl-C, SIGTERM, or a lost terminal; a second one stops at once."""

        def note(number: int, _frame: FrameType | None) -> None:
            if self._signals:
                raise KeyboardInterrupt
            self._signals.append(number)

        numbers = [signal.SIGINT, signal.SIGTERM]
        hangup = getattr(signal, "SIGHUP", None)
        if hangup is not None and signal.getsignal(hangup) is not signal.SIG_IGN:  # as by nohup
            numbers.append(hangup)
        previous = {n: signal.signal(n, note) for n in numbers}
        try:
            yield
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)

    def _stop_if_asked(self) -> None:
        if self._signals:
            raise Stopped(self._signals[0])

    def _tell_failure(self, run: IndexedRun, outcome: Outcome, *, again: bool) -> None:
        self._failures += 1
        if self._failures <= _SHOWN_FAILURES or self._live:
            then = "; again" if again else ""
            reason = _shortened(outcome.reason)
            self._say(
                f"run {run.number} ({_told(run.parameters)}): {outcome.fault}: {reason}{then}"
            )
        elif self._failures == _SHOWN_FAILURES + 1:
            self._say("there are more failures: see batch.log")

    def _update(self) -> None:
        if self._bar is not None:
            self._bar.update(
                self._task,
                completed=self._done,
                failed=self._counts[RunState.FAILED],
                left=self._left() or "?",
                running=", ".join(f"{run.number}" for run in self._running.values()),
            )

    @property
    def _done(self) -> int:
        return self._counts[RunState.COMPLETE] + self._counts[RunState.FAILED]

    def _line(self) -> str:
        total = sum(self._counts.values())
        failed = self._counts[RunState.FAILED]
        told = f", {failed:,} failed" if failed else ""
        left = self._left()
        return f"{self._done:,} of {total:,} runs{told}" + (f", {left} left" if left else "")

    def _left(self) -> str:
        """Return how long the rest takes, at the pace up to the end of the last run; or ''."""
        if not self._done_here:
            return ""
        total = sum(self._counts.values())
        expected_s = (self._last_end - self._begin) / self._done_here * (total - self._done)
        left_s = max(expected_s - (monotonic() - self._last_end), 0.0)
        return str(timedelta(seconds=round(left_s)))

    def _say(self, text: str) -> None:
        self._console.print(escape(text), highlight=False, soft_wrap=True)


def _bar(console: Console, total: int, complete: int) -> "tuple[Progress, Any]":
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
    )

    bar = Progress(
        TextColumn("runs"),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TextColumn("[red]{task.fields[failed]} failed"),
        TimeElapsedColumn(),
        TextColumn("so far,"),
        TextColumn("{task.fields[left]} left;"),
        TextColumn("running {task.fields[running]}"),
        console=console,
        transient=True,
    )
    task = bar.add_task("runs", total=total, completed=complete, failed=0, left="?", running="")
    bar.start()
    return bar, task


def print_summary(summary: Summary, index: Index) -> None:
    """Print what is complete, what failed and why, and what can be looked at."""
    console = Console(highlight=False, soft_wrap=True)
    counts = summary.counts
    total = sum(counts.values())
    shared = f" (for {summary.points:,} points)" if summary.points != total else ""
    console.print(
        f"{counts[RunState.COMPLETE]:,} of {total:,} runs{shared} complete"
        + (f", {counts[RunState.FAILED]:,} failed" if counts[RunState.FAILED] else "")
    )
    failures = index.failures(_SHOWN_FAILURES)
    for fault, reason, count, number in failures:
        told = reason if fault is Fault.BAD_INPUT else _shortened(reason)
        console.print(escape(f"  {count} x {fault} (as run {number}): {told}"))
    if any(fault is not Fault.BAD_INPUT for fault, *_ in failures):
        console.print("  try them again with --retry-failed; batch.log has more of their ends")
    if summary.left_over:
        console.print(
            f"{summary.left_over:,} other complete runs lie there: of other values, other files "
            "or another version of gridloom"
        )
    path = summary.folder.path
    console.print(f"table:  gridloom table {path}\nreport: gridloom report {path}", markup=False)


def exit_code(counts: Mapping[RunState, int]) -> int:
    """Return the exit code that says how many runs failed: 10 and so many more, 99 at most."""
    failed = counts[RunState.FAILED]
    return min(_EXIT_FAILED + failed, _EXIT_MOST) if failed else 0


def _told(parameters: Mapping[str, Parameter]) -> str:
    return ", ".join(f"{name} {value}" for name, value in parameters.items())


def _shortened(reason: str) -> str:
    line = next(iter(reason.splitlines()), "")
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 3]}..."

"""What a campaign took, and which of its runs failed why."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from gridloom.scenarios.campaigns.index import IndexedRun
from gridloom.scenarios.campaigns.outcome import RunState
from gridloom.scenarios.campaigns.point import Parameter

_EXAMPLES = 3
_NUMBER = re.compile(r"\d+(\.\d+)?")


@dataclass(kw_only=True)
class Failure:
    """Points whose runs failed for the same reason, but for the numbers in it."""

    fault: str
    reason: str
    """Of the first."""
    count: int = 0
    examples: list[tuple[int, str, Mapping[str, Parameter]]] = field(default_factory=list)
    """Number, folder and parameters of the first few."""


@dataclass(kw_only=True)
class Books:
    """A campaign in sums; runs that several points share count once."""

    counts: dict[RunState, int] = field(default_factory=lambda: dict.fromkeys(RunState, 0))
    """Points, by the state of their runs."""
    distinct: int = 0
    """Runs."""
    wall_time_s: float = 0.0
    record_bytes: int = 0
    peak_memory_bytes: int = 0
    failures: dict[tuple[str, str], Failure] = field(default_factory=dict)

    @property
    def points(self) -> int:
        """How many there are."""
        return sum(self.counts.values())


def books_of(runs: Iterable[IndexedRun]) -> Books:
    """Sum up the runs of a campaign."""
    books = Books()
    seen: set[str] = set()
    for run in runs:
        books.counts[run.state] += 1
        if run.state is RunState.FAILED:
            _note_failure(books, run)
        if run.digest not in seen:
            seen.add(run.digest)
            books.wall_time_s += run.wall_time_s or 0.0
            books.record_bytes += run.record_bytes or 0
            books.peak_memory_bytes = max(books.peak_memory_bytes, run.peak_memory_bytes or 0)
    books.distinct = len(seen)
    return books


def _note_failure(books: Books, run: IndexedRun) -> None:
    fault = run.fault.value if run.fault else ""
    failure = books.failures.setdefault(
        (fault, _NUMBER.sub("#", run.reason)), Failure(fault=fault, reason=run.reason)
    )
    failure.count += 1
    if len(failure.examples) < _EXAMPLES:
        failure.examples.append((run.number, run.folder, run.parameters))

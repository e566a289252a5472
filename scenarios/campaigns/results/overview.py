"""What the head of a campaign's report says: how many runs, what they took, which failed."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gridloom.scenarios.campaigns.campaign_folder import CampaignFolder
from gridloom.scenarios.campaigns.index import About
from gridloom.scenarios.campaigns.outcome import RunState
from gridloom.scenarios.campaigns.point import Axis
from gridloom.scenarios.campaigns.results.bookkeeping import Books, Failure
from gridloom.scenarios.campaigns.results.linked_runs import relative_link
from gridloom.scenarios.campaigns.results.writing import printed_unit, written_parameters
from gridloom.scenarios.results.wording import counted, number, span
from gridloom.scenarios.run_folder import RunFolder
from gridloom.simulators.errors import Key, dotted

_MOST_VALUES, _MOST_FAILURES = 8, 20
_KEPT_VALUES = 3
"""At each end, where not all values are printed."""
_GIGABYTE, _MEGABYTE = 1e9, 1e6
_WORD = re.compile(
    r"(?!(?:null|true|false|yes|no|on|off|\d+e\d+|0[xo]\w*)$)(?:\d+ ?)?[a-z_][\w./+-]*",
    re.IGNORECASE,
)
"""Text that is no number, and nothing else in YAML."""


@dataclass(frozen=True, kw_only=True)
class AxisRow:
    """One axis as the page prints it."""

    name: str
    values: str
    unit: str
    count: int
    sets: str


@dataclass(frozen=True, kw_only=True)
class FailureRow:
    """Runs that failed for the same reason, as the page prints them."""

    fault: str
    reason: str
    count: int
    examples: list[tuple[str, str]]
    """Parameters, and the link to the log or ''."""


def facts_of(about: About, books: Books, *, is_over: bool) -> list[tuple[str, str]]:
    """Return the lines below the title: label and text.

    Args:
        about: what the campaign is.
        books: its runs in sums.
        is_over: whether no batch is running it.
    """
    words = {state: state.value for state in RunState}
    if is_over:  # it was killed
        words[RunState.RUNNING] = "interrupted"
    counts = [f"{count} {words[state]}" for state, count in books.counts.items() if count]
    shared = f" ({books.distinct} different)" if books.distinct < books.points else ""
    facts = [
        ("campaign", about.name if about.title not in {"", about.name} else ""),
        ("scenario", about.scenario),
        ("for all runs", _told(about.changes)),
        ("runs", f"{books.points}{shared}: {', '.join(counts) or 'none'}"),
        ("computing time in all", span(books.wall_time_s) if books.wall_time_s else ""),
        ("records", _size(books.record_bytes)),
        ("most memory of a run", _size(books.peak_memory_bytes)),
        ("gridloom", about.gridloom_version),
    ]
    return [(label, text) for label, text in facts if text]


def _told(changes: Mapping[str, Any]) -> str:
    """Write changes of a scenario in a line, as `--set` takes them."""
    return ", ".join(f"{key}={_value(value)}" for key, value in _leaves(changes, ()))


def _value(value: Any) -> str:
    """Write a value without the quotes of JSON, where it does not become another value so."""
    if isinstance(value, str) and _WORD.fullmatch(value):
        return value
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_value, value))}]"
    return json.dumps(value, ensure_ascii=False)


def _leaves(value: Any, key: Key) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and value:
        for name, child in value.items():
            yield from _leaves(child, (*key, name))
    elif key:
        yield dotted(key), value


def warning_of(books: Books) -> str:
    """Return what a reader must know of a campaign that is not complete, else ''."""
    failed = books.counts[RunState.FAILED]
    open_runs = books.counts[RunState.PENDING] + books.counts[RunState.RUNNING]
    parts = [
        f"{failed} failed" if failed else "",
        f"{open_runs} not computed yet" if open_runs else "",
    ]
    text = " and ".join(part for part in parts if part)
    return f"Of {counted(books.points, 'run')}, {text}: means leave them out." if text else ""


def axis_rows(axes: Sequence[Axis]) -> list[AxisRow]:
    """Return what was varied."""
    return [
        AxisRow(
            name=axis.name,
            values=_values(axis),
            unit=printed_unit(axis.unit),
            count=len(axis.labels),
            sets=", ".join(axis.keys) or "variants or changes",
        )
        for axis in axes
    ]


def failure_rows(books: Books, folder: CampaignFolder, page: Path) -> list[FailureRow]:
    """Return the most frequent failures."""
    failures = sorted(books.failures.values(), key=lambda failure: -failure.count)
    return [_failure_row(failure, folder, page) for failure in failures[:_MOST_FAILURES]]


def _failure_row(failure: Failure, folder: CampaignFolder, page: Path) -> FailureRow:
    examples = []
    for run_number, name, parameters in failure.examples:
        log = RunFolder(folder.runs / name).log
        link = relative_link(log, page) if log.is_file() else ""
        examples.append((f"run {run_number}: {written_parameters(parameters)}", link))
    return FailureRow(
        fault=failure.fault, reason=failure.reason, count=failure.count, examples=examples
    )


def _values(axis: Axis) -> str:
    texts = [str(label) for label in axis.labels]
    if len(texts) > _MOST_VALUES:
        texts = [*texts[:_KEPT_VALUES], "…", *texts[-_KEPT_VALUES:]]
    return ", ".join(texts)


def _size(size_bytes: int) -> str:
    if not size_bytes:
        return ""
    if size_bytes >= _GIGABYTE:
        return f"{number(size_bytes / _GIGABYTE)} GB"
    return f"{number(size_bytes / _MEGABYTE)} MB"

"""The time line of a run in the Chrome trace-event format, which Perfetto shows.

Format: "Trace Event Format", Google, JSON object format; ph 'X' are complete events, 'C' counters,
'M' metadata; ts and dur in microseconds of wall time since the begin of the run.
"""

import json
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

from gridloom.scenarios.results.wall_times import END, START, WallTimes
from gridloom.scenarios.tracing import Step, Stopwatch, Tracing

_US = 1e6
_MS = 1e3
_RECORDING = "recording rows"
"""Has a blank, so that no model is called so."""
_RUN, _THREADS_FROM = 1, 2
"""Number of the process, of which the first thread is the run as a whole."""


def write_trace(tracing: Tracing, times: WallTimes, path: Path, about: Mapping[str, str]) -> None:
    """Write what a tracing has logged.

    Args:
        tracing: of a run that has ended.
        times: its totals.
        path: the file to write; replaced if it exists.
        about: facts of the run, as texts by name.

    Raises:
        OSError: it cannot be written.
    """
    trace = {
        "displayTimeUnit": "ms",
        "otherData": dict(about),
        "traceEvents": list(_events(tracing, times)),
    }
    path.write_text(json.dumps(trace, separators=(",", ":")), encoding="utf-8")


def _events(tracing: Tracing, times: WallTimes) -> Iterator[dict[str, Any]]:
    lanes = {**tracing.models, _RECORDING: tracing.recording}
    yield _named("process_name", 0, "gridloom")
    yield _named("thread_name", 1, "run")
    end_s = times.total_s - times.end_s
    for name, begin_s, taken_s in ((START, 0.0, times.start_s), (END, end_s, times.end_s)):
        yield _complete(name, 1, begin_s, taken_s, {})
    for thread, (name, lane) in enumerate(lanes.items(), start=_THREADS_FROM):
        yield _named("thread_name", thread, name)
        for step in lane.log.steps if lane.log is not None else ():
            yield _complete(name, thread, step.begin_s - tracing.begin_s, step.taken_s, _told(step))
    yield from _counters(lanes, tracing.begin_s, end_s)


def _told(step: Step) -> dict[str, float]:
    return {
        "simulation_time_s": step.time_s,
        "step_ms": step.step_s * _MS,
        "transfer_ms": (step.taken_s - step.step_s) * _MS,
    }


def _named(what: str, thread: int, name: str) -> dict[str, Any]:
    return {"ph": "M", "name": what, "pid": _RUN, "tid": thread, "args": {"name": name}}


def _complete(
    name: str, thread: int, begin_s: float, taken_s: float, told: Mapping[str, float]
) -> dict[str, Any]:
    return {
        "ph": "X",
        "name": name,
        "pid": _RUN,
        "tid": thread,
        "ts": round(begin_s * _US, 1),
        "dur": round(taken_s * _US, 1),
        "args": {key: round(number, 4) for key, number in told.items()},
    }


def _counters(
    lanes: Mapping[str, Stopwatch], begin_s: float, end_s: float
) -> Iterator[dict[str, Any]]:
    """Yield how busy everyone was, in percent of wall time, stretch by stretch."""
    busy: dict[int, dict[str, float]] = {}
    begins: dict[int, float] = {}
    for name, lane in lanes.items():
        for stretch in lane.log.stretches if lane.log is not None else ():
            busy.setdefault(stretch.number, {})[name] = stretch.busy_s
            since_s = stretch.begin_s - begin_s
            begins[stretch.number] = min(begins.get(stretch.number, since_s), since_s)
    numbers = sorted(busy)
    edges = [*(begins[number] for number in numbers), end_s]
    for number, (here_s, there_s) in zip(numbers, pairwise(edges), strict=True):
        length_s = max(there_s - here_s, 1 / _US)
        yield {
            "ph": "C",
            "name": "busy, percent of wall time",
            "pid": _RUN,
            "ts": round(here_s * _US, 1),
            "args": {
                name: round(100 * busy[number].get(name, 0.0) / length_s, 1) for name in lanes
            },
        }

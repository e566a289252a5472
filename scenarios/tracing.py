"""Measures where the wall time of a run goes.

Totals are always kept: two looks at the clock a step. Single steps are kept if asked for, in a
`StepLog` of bounded size.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from heapq import heappush, heappushpop
from statistics import median
from time import perf_counter
from typing import NamedTuple

from gridloom.scenarios.results.wall_times import StepTimes, WallTimes

FIRST_STEPS = 500
"""Steps at the beginning that are all kept."""
SLOW_STEPS = 500
"""Most later steps that are kept, the longest of those that are long."""
SLOW_FACTOR = 10
"""A step is long if it takes this many times the median of the first ones."""
STRETCHES = 2000
"""Pieces of simulated time for which it is known how busy a simulator was."""


class Step(NamedTuple):
    """One step, or the recording of one."""

    taken_s: float
    """Wall time, the transfer included; first, so that steps sort by it."""
    begin_s: float
    """Reading of the clock."""
    time_s: int
    """Simulation time."""
    step_s: float
    """Wall time of computing."""


class Stretch:
    """A piece of simulated time."""

    __slots__ = ("begin_s", "busy_s", "number")

    def __init__(self, number: int, begin_s: float) -> None:
        self.number = number
        self.begin_s = begin_s
        self.busy_s = 0.0


class StepLog:
    """The first steps, the long ones, and how busy a simulator was all along."""

    def __init__(self, duration_s: int) -> None:
        self._duration_s = duration_s
        self._first: list[Step] = []
        self._slow: list[Step] = []
        self._limit_s = 0.0
        self.stretches: list[Stretch] = []

    @property
    def steps(self) -> list[Step]:
        """The steps that were kept, in their order."""
        return self._first + sorted(self._slow, key=lambda step: step.begin_s)

    def add(self, step: Step) -> None:
        """Take over one step; they come in the order of time."""
        number = step.time_s * STRETCHES // self._duration_s
        if not self.stretches or self.stretches[-1].number != number:
            self.stretches.append(Stretch(number, step.begin_s))
        self.stretches[-1].busy_s += step.taken_s
        if len(self._first) < FIRST_STEPS:
            self._first.append(step)
            if len(self._first) == FIRST_STEPS:
                self._limit_s = SLOW_FACTOR * median(first.taken_s for first in self._first)
        elif step.taken_s > self._limit_s:
            if len(self._slow) < SLOW_STEPS:
                heappush(self._slow, step)
            else:
                heappushpop(self._slow, step)


class Stopwatch:
    """Takes the time of one simulator's steps, one at a time."""

    def __init__(self, tracing: "Tracing", log: StepLog | None) -> None:
        self._tracing = tracing
        self.log = log
        self._steps = 0
        self._step_s = 0.0
        self._transfer_s = 0.0
        self._longest_s = 0.0
        self._time_s = 0
        self._begin_s = 0.0

    def begin(self, time_s: int) -> None:
        """Note that the step for this simulation time begins."""
        self._time_s = time_s
        self._begin_s = perf_counter()
        self._tracing.enter(self._begin_s)

    def end(self, busy_s: float | None = None, *, is_step: bool = True) -> None:
        """Note that the step has ended.

        Args:
            busy_s: wall time spent computing in all steps so far; by default, all is computing.
            is_step: whether it is counted as a step; a round of a negotiation is part of one.
        """
        now = perf_counter()
        self._tracing.leave(now)
        taken_s = now - self._begin_s
        step_s = taken_s if busy_s is None else busy_s - self._step_s
        self._steps += is_step
        self._step_s += step_s
        self._transfer_s += taken_s - step_s
        self._longest_s = max(self._longest_s, taken_s)
        if self.log is not None:
            self.log.add(Step(taken_s, self._begin_s, self._time_s, step_s))

    @property
    def times(self) -> StepTimes:
        """The totals up to now."""
        return StepTimes(
            steps=self._steps,
            step_s=self._step_s,
            transfer_s=self._transfer_s,
            longest_s=self._longest_s,
        )


class Tracing:
    """Takes the time of one run, from its making to the end."""

    def __init__(self, log_duration_s: int | None = None) -> None:
        """Begin to take the time.

        Args:
            log_duration_s: simulated time of the run if single steps are to be kept.
        """
        self.begin_s = perf_counter()
        """Reading of the clock at the begin of the run."""
        self._log_duration_s = log_duration_s
        self._models: dict[str, Stopwatch] = {}
        self.recording = self._stopwatch()
        self._stepping_s = self._stopped_s = self._quiet_from_s = self.begin_s
        self._quiet_s = 0.0
        self._under_way = 0

    @property
    def models(self) -> Mapping[str, Stopwatch]:
        """The stopwatches by model."""
        return self._models

    def stopwatch(self, model: str) -> Stopwatch:
        """Return the stopwatch of a model."""
        if model not in self._models:
            self._models[model] = self._stopwatch()
        return self._models[model]

    def _stopwatch(self) -> Stopwatch:
        duration_s = self._log_duration_s
        return Stopwatch(self, None if duration_s is None else StepLog(duration_s))

    @contextmanager
    def stepping(self) -> Iterator[None]:
        """Tell that all steps are taken within the block."""
        self._stepping_s = self._quiet_from_s = perf_counter()
        try:
            yield
        finally:
            self._stopped_s = perf_counter()
            if not self._under_way:
                self._quiet_s += self._stopped_s - self._quiet_from_s

    def enter(self, now_s: float) -> None:
        """Note that something is under way from now on."""
        if not self._under_way:
            self._quiet_s += now_s - self._quiet_from_s
        self._under_way += 1

    def leave(self, now_s: float) -> None:
        """Note that something has ended."""
        self._under_way -= 1
        if not self._under_way:
            self._quiet_from_s = now_s

    def wall_times(self, parts_s: Mapping[str, Mapping[str, float]] | None = None) -> WallTimes:
        """Return where the time went up to now, which counts as the end of the run.

        Args:
            parts_s: what the models say of their steps, by model.
        """
        now = perf_counter()
        parts_s = parts_s or {}
        return WallTimes(
            total_s=now - self.begin_s,
            start_s=self._stepping_s - self.begin_s,
            end_s=now - self._stopped_s,
            mosaik_s=self._quiet_s,
            recording=self.recording.times,
            models={
                name: replace(each.times, parts_s=parts_s.get(name, {}))
                for name, each in self._models.items()
            },
        )

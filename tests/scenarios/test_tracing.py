"""Where the wall time goes: models that sleep known times, sums, time lines that stay small."""

import asyncio
import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typing_extensions import override

from gridloom.scenarios.composer import Surroundings, simulate
from gridloom.scenarios.coupling import couple
from gridloom.scenarios.results.wall_times import WallTimes
from gridloom.scenarios.trace_events import write_trace
from gridloom.scenarios.tracing import (
    FIRST_STEPS,
    SLOW_FACTOR,
    SLOW_STEPS,
    STRETCHES,
    Step,
    StepLog,
    Tracing,
)
from gridloom.simulators.model import (
    BuildContext,
    Direction,
    ElementSet,
    Inputs,
    Model,
    Outputs,
    Port,
)
from gridloom.simulators.signals import POWER

STEPS = 6


class Sleeper(Model):
    """Sends one power after a nap; `hears` makes it wait for the other."""

    def __init__(self, name: str, nap_s: float, *, hears: bool = False) -> None:
        start = datetime(2021, 1, 1, tzinfo=UTC)
        super().__init__(BuildContext(name=name, start=start, duration_s=STEPS, seed=0), 1)
        self.nap_s = nap_s
        elements = ElementSet(kind="bed", owner=name, names=("a",), connection_points=("a",))
        direction = Direction.INPUT if hears else Direction.OUTPUT
        self._port = Port(signal=POWER, direction=direction, elements=elements)

    @property
    @override
    def ports(self) -> tuple[Port, ...]:
        return (self._port,)

    @override
    def step(self, time: int, inputs: Inputs) -> Outputs:
        _sleep(self.nap_s)
        return {} if self._port.direction is Direction.INPUT else {"power_kw": np.zeros(1)}


_sleep = time.sleep


def traced(tracing: Tracing, *models: Sleeper, sink_s: float = 0.0) -> WallTimes:
    named = {model.name: model for model in models}

    def take(time_s: int, outputs: object) -> None:
        tracing.recording.begin(time_s)
        _sleep(sink_s)
        tracing.recording.end()

    simulate(named, couple(named, []), STEPS, take, Surroundings(tracing=tracing))
    return tracing.wall_times()


@pytest.fixture(scope="module")
def run() -> tuple[Tracing, WallTimes]:
    """Naps of 30 ms, 10 ms and, for recording, 20 ms: half, a sixth and a third of the steps."""
    tracing = Tracing(STEPS)
    models = Sleeper("slow", 0.03), Sleeper("quick", 0.01, hears=True)
    return tracing, traced(tracing, *models, sink_s=0.02)


def test_naps_are_found_where_they_were_taken(run: tuple[Tracing, WallTimes]) -> None:
    _, times = run
    slow, quick = times.models["slow"], times.models["quick"]
    assert (slow.steps, quick.steps, times.recording.steps) == (STEPS, STEPS, STEPS)
    # Sleeping never takes less than asked for; how much longer depends on the machine.
    assert slow.step_s >= 0.03 * STEPS
    assert quick.step_s >= 0.01 * STEPS
    assert times.recording.step_s >= 0.02 * STEPS
    whole = slow.step_s + quick.step_s + times.recording.step_s
    assert slow.step_s / whole == pytest.approx(1 / 2, abs=0.2)
    assert times.recording.step_s / whole == pytest.approx(1 / 3, abs=0.2)
    assert slow.longest_s >= slow.step_s / STEPS


def test_the_parts_add_up_to_the_whole(run: tuple[Tracing, WallTimes]) -> None:
    """In one process nothing runs at once: the sum is exact but for rounding."""
    _, times = run
    assert times.at_once_s == pytest.approx(0, abs=1e-9)
    *parts, total = times.rows()
    assert sum(row.spent_s for row in parts) == pytest.approx(total.spent_s)
    assert sum(row.share for row in parts) == pytest.approx(1)
    assert total.share == 1
    for row in parts:
        if row.waiting_s is not None:
            whole = times.start_s + row.spent_s + row.waiting_s + times.end_s
            assert whole == pytest.approx(times.total_s)


def test_who_takes_longest_comes_first(run: tuple[Tracing, WallTimes]) -> None:
    _, times = run
    assert [row.name for row in times.rows()] == [
        *("slow", "quick", "recording", "mosaik", "start", "end", "total")
    ]


def test_the_record_tells_the_same(run: tuple[Tracing, WallTimes]) -> None:
    _, times = run
    assert WallTimes.of({"wall_times": times.as_json()}) == times
    assert WallTimes.of({"another": 1}) is None


def test_steps_at_once_are_counted_for_each_and_told() -> None:
    """Two simulators elsewhere that take 50 ms at the same time, 40 ms of which are computing."""
    tracing = Tracing()

    async def step(name: str) -> None:
        stopwatch = tracing.stopwatch(name)
        stopwatch.begin(0)
        await asyncio.sleep(0.05)
        stopwatch.end(0.04)

    async def both() -> None:
        await asyncio.gather(step("a"), step("b"))

    with tracing.stepping():
        asyncio.run(both())
    times = tracing.wall_times()
    for each in times.models.values():
        assert each.step_s == pytest.approx(0.04)
        assert each.transfer_s >= 0.009  # 50 ms less the 40; a timer may fire a little early
    shorter_s = min(each.spent_s for each in times.models.values())
    assert 0.04 <= times.at_once_s <= shorter_s
    *parts, total = times.rows()
    assert "at once" in {row.name for row in parts}
    assert sum(row.spent_s for row in parts) == pytest.approx(total.spent_s)


def test_a_step_that_fails_is_counted() -> None:
    class Failing(Sleeper):
        @override
        def step(self, time: int, inputs: Inputs) -> Outputs:
            raise ZeroDivisionError

    tracing = Tracing()
    with pytest.raises(Exception, match="ZeroDivisionError"):
        traced(tracing, Failing("bad", 0))
    assert tracing.wall_times().models["bad"].steps == 1


class TestStepLog:
    def _filled(self, taken: list[float], duration_s: int | None = None) -> StepLog:
        log = StepLog(duration_s or len(taken))
        for time_s, taken_s in enumerate(taken):
            log.add(Step(taken_s, float(time_s), time_s, taken_s))
        return log

    def test_the_first_steps_and_the_long_ones_are_kept(self) -> None:
        taken = [1.0] * 3 * FIRST_STEPS
        taken[2 * FIRST_STEPS] = SLOW_FACTOR * 1.01
        taken[2 * FIRST_STEPS + 1] = SLOW_FACTOR * 0.99
        kept = [step.time_s for step in self._filled(taken).steps]
        assert kept == [*range(FIRST_STEPS), 2 * FIRST_STEPS]

    def test_of_too_many_long_ones_the_longest_stay(self) -> None:
        long = [100.0 + i for i in range(2 * SLOW_STEPS)]
        kept = self._filled([1.0] * FIRST_STEPS + long).steps[FIRST_STEPS:]
        assert [step.taken_s for step in kept] == long[SLOW_STEPS:]

    def test_stretches_are_bounded_and_lose_nothing(self) -> None:
        log = self._filled([0.5] * 3 * STRETCHES)
        assert len(log.stretches) == STRETCHES
        assert sum(stretch.busy_s for stretch in log.stretches) == 0.5 * 3 * STRETCHES

    def test_few_steps_have_a_stretch_each(self) -> None:
        assert len(self._filled([0.5] * 7).stretches) == 7


@pytest.fixture
def events(run: tuple[Tracing, WallTimes], tmp_path: Path) -> list[dict[str, Any]]:
    tracing, times = run
    write_trace(tracing, times, tmp_path / "trace.json", {"run": "naps"})
    written = json.loads((tmp_path / "trace.json").read_text(encoding="utf-8"))
    assert written["otherData"] == {"run": "naps"}
    assert written["displayTimeUnit"] == "ms"
    found: list[dict[str, Any]] = written["traceEvents"]
    return found


class TestTimeLine:
    """The fields of the Chrome trace-event format, as its description names them."""

    def test_steps_are_complete_events(
        self, events: list[dict[str, Any]], run: tuple[Tracing, WallTimes]
    ) -> None:
        slow = [e for e in events if e["ph"] == "X" and e["name"] == "slow"]
        assert len(slow) == STEPS
        for time_s, event in enumerate(slow):
            assert event.keys() == {"ph", "name", "pid", "tid", "ts", "dur", "args"}
            assert event["args"]["simulation_time_s"] == time_s
            assert event["args"]["step_ms"] >= 30
            assert event["dur"] / 1000 >= event["args"]["step_ms"]
        assert slow[0]["ts"] >= run[1].start_s * 1e6 - 1
        last = max(e["ts"] + e["dur"] for e in events if e["ph"] == "X")
        assert last == pytest.approx(run[1].total_s * 1e6, abs=1)

    def test_threads_are_named(self, events: list[dict[str, Any]]) -> None:
        names = {e["tid"]: e["args"]["name"] for e in events if e["name"] == "thread_name"}
        assert set(names.values()) == {"run", "slow", "quick", "recording rows"}
        for event in events:
            if event["ph"] == "X" and event["name"] not in ("start", "end"):
                assert names[event["tid"]] == event["name"]

    def test_counters_tell_how_busy_everyone_was(self, events: list[dict[str, Any]]) -> None:
        counters = [event for event in events if event["ph"] == "C"]
        assert len(counters) == STEPS  # one a step, as there are fewer than `STRETCHES`
        for event in counters:
            assert event["args"].keys() == {"slow", "quick", "recording rows"}
            assert 0 < sum(event["args"].values()) <= 100.1  # one after the other, rounded

"""Stopping: finalising is waited for, and Ctrl-C and SIGTERM end every simulator in order."""

import re
import signal
import time
from typing import Any

from gridloom.scenarios.results.record import RunStatus, record_status


def test_finalising_is_waited_for_and_too_long_is_told(case: Any) -> None:
    ended = case.run(
        tidy=case.foreign("tidy", finalize="time.sleep(1)", at="a"),
        endless=case.foreign("endless", finalize="time.sleep(600)", at="b", stop_timeout="2s"),
        crashing=case.foreign("crashing", finalize="1 / 0", at="c"),
        here=case.ours(closing="1 / 0", at="d"),
    )
    assert ended.code == 0
    assert record_status(ended.folder / "record.h5")[0] is RunStatus.COMPLETE
    assert case.file("tidy.finalized").exists()
    killed = "'endless' did not end within 2 s of being asked to, and was killed"
    crashed = "'crashing' did not end well: its process ended with exit code 1 "
    crashed += "(ZeroDivisionError: division by zero)"
    closed = "'here' did not end well: ZeroDivisionError: division by zero"
    for warning in (killed, crashed, closed):
        assert f"warning: {warning}\n" in ended.err
        assert f"WARNING {warning}\n" in ended.log
    assert ended.err.count("warning: ") == 3


def test_interrupted_during_a_long_step(case: Any) -> None:
    step = "if now == 3: Path('there').write_text('x'); time.sleep(2)"
    process = case.start(
        busy=case.foreign("busy", step=step),
        idle=case.foreign("idle", at="b"),
        served=case.ours(placement="process", at="c"),
        here=case.ours(at="d"),
    )
    case.wait_for("there")
    process.send_signal(signal.SIGINT)
    ended = case.end(process)
    case.require_clean(ended)
    assert ended.code == 130
    assert re.match(r"error: interrupted at simulation time [34] s\n", ended.err)
    assert record_status(ended.record)[0] is RunStatus.INTERRUPTED
    assert case.file("busy.finalized").exists()
    assert case.file("idle.finalized").exists()
    assert len(list(case.folder.glob("here.closed.*"))) == 1
    assert len(list(case.folder.glob("served.closed.*"))) == 2


def test_interrupted_during_start(case: Any) -> None:
    process = case.start(
        late=case.foreign("late", start="time.sleep(600)"),
        ready=case.foreign("ready", init="Path('initialised').write_text('x')", at="b"),
        here=case.ours(at="d"),
    )
    case.wait_for("late.pid")
    case.wait_for("initialised")
    process.send_signal(signal.SIGTERM)
    ended = case.end(process)
    case.require_clean(ended)
    assert ended.code == 143
    assert ended.err.startswith("error: interrupted at simulation time 0 s\n")
    assert not ended.record.exists()
    assert case.file("ready.finalized").exists()
    assert len(list(case.folder.glob("here.closed.*"))) == 1


def test_second_interrupt_ends_a_slow_stop(case: Any) -> None:
    process = case.start(
        duration_s=36000,
        slow=case.foreign(
            "slow",
            step="if now == 3: Path('there').write_text('x')\ntime.sleep(0.02)",
            finalize="Path('stopping').write_text('x'); time.sleep(600)",
            stop_timeout="10min",
        ),
        here=case.ours(at="d"),
    )
    case.wait_for("there")
    process.send_signal(signal.SIGINT)
    case.wait_for("stopping")
    process.send_signal(signal.SIGINT)
    begin = time.monotonic()
    ended = case.end(process)
    case.require_clean(ended)
    assert time.monotonic() - begin < 10
    assert ended.code == 130
    assert record_status(ended.record)[0] is RunStatus.INTERRUPTED
    assert len(list(case.folder.glob("here.closed.*"))) == 1


def test_interrupted_twice_within_one_step_in_this_process(case: Any) -> None:
    step = "if now == 3: Path('there').write_text('x'); time.sleep(600)"
    process = case.start(here=case.ours(step=step), healthy=case.foreign("healthy", at="b"))
    case.wait_for("there")
    process.send_signal(signal.SIGINT)
    time.sleep(0.5)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    ended = case.end(process)
    case.require_clean(ended)
    assert ended.code == 130
    assert record_status(ended.record)[0] is RunStatus.INTERRUPTED
    assert case.file("healthy.finalized").exists()


def test_terminated_in_this_process(case: Any) -> None:
    step = "if now == 3: Path('there').write_text('x')\ntime.sleep(0.02)"
    process = case.start(duration_s=36000, here=case.ours(step=step))
    case.wait_for("there")
    process.send_signal(signal.SIGTERM)
    ended = case.end(process)
    case.require_clean(ended)
    assert ended.code == 143
    assert record_status(ended.record)[0] is RunStatus.INTERRUPTED
    assert len(list(case.folder.glob("here.closed.*"))) == 1

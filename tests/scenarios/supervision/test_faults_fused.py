"""Models that are stepped together fail, hang and are interrupted as they are apart."""

import json
import re
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from gridloom.scenarios.results.record import RunStatus, record_status

FUSED = {"fuse": True}


@pytest.mark.parametrize(
    ("step", "cause"),
    [
        ("if now == 3: raise RuntimeError('out of fuel')", "RuntimeError: out of fuel"),
        ("if now == 3: sys.exit(0)", "SystemExit: 0"),
        ("while now == 3: pass", "it hangs: its step takes longer than 1 s"),
    ],
)
@pytest.mark.parametrize("elsewhere", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_one_fails(case: Any, rows: Any, step: str, cause: str, elsewhere: bool) -> None:
    case.further = FUSED
    others = {"served": case.ours(placement="process", at="c")} if elsewhere else {}
    ended = case.run(
        early=case.ours(at="a"),
        broken=case.ours(step=step, at="b", step_timeout="1s"),
        **others,
    )
    message = f"simulator 'broken' failed at simulation time 3 s: {cause}"
    assert (ended.code, ended.err.partition("\n")[0]) == (3, f"error: {message}")
    assert f"the record so far: {ended.record.relative_to(case.folder)}" in ended.err
    assert record_status(ended.record) == (RunStatus.FAILED, message)
    assert rows(ended.record, "early")[:3] == [0.0, 1.0, 2.0]
    assert len(list(case.folder.glob("*.closed.*"))) == 2 + 2 * elsewhere


@pytest.mark.parametrize("elsewhere", [False, pytest.param(True, marks=pytest.mark.slow)])
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupted(case: Any, number: int, code: int, elsewhere: bool) -> None:
    case.further = FUSED
    step = "if now == 3: Path('there').write_text('x')\ntime.sleep(0.02)"
    others = {"served": case.ours(placement="process", at="c")} if elsewhere else {}
    process = case.start(36000, here=case.ours(step=step), more=case.ours(at="b"), **others)
    case.wait_for("there")
    process.send_signal(number)
    ended = case.end(process)
    case.require_clean(ended)
    assert ended.code == code
    assert re.match(r"error: interrupted at simulation time \d+ s\n", ended.err)
    assert record_status(ended.record)[0] is RunStatus.INTERRUPTED
    assert len(list(case.folder.glob("here.closed.*"))) == 1


def test_interrupted_twice_within_a_step(case: Any) -> None:
    case.further = FUSED
    step = "if now == 3: Path('there').write_text('x'); time.sleep(600)"
    process = case.start(here=case.ours(step=step), more=case.ours(at="b"))
    case.wait_for("there")
    process.send_signal(signal.SIGINT)
    with pytest.raises(subprocess.TimeoutExpired):
        case.end(process, within_s=0.5)
    process.send_signal(signal.SIGINT)
    ended = case.end(process)
    case.require_clean(ended)
    assert ended.code == 130
    assert record_status(ended.record)[0] is RunStatus.INTERRUPTED


def test_traced(case: Any, gridloom: Any) -> None:
    case.further = FUSED
    path = case.write(6, here=case.ours(), more=case.ours(at="b"))
    code, out, err = gridloom("run", str(path), "--trace")
    assert (code, err) == (0, "")
    table = out.partition("Where the time went")[2]
    assert {"here", "more", "recording", "mosaik", "start", "end", "total"} <= set(table.split())
    (trace,) = Path("outputs").glob("*/trace.json")
    steps = [e["name"] for e in json.loads(trace.read_text())["traceEvents"] if e["ph"] == "X"]
    assert len(steps) >= 2 * 6

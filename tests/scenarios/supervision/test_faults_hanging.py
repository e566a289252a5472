"""Simulators that never return from a step: ended after their time limit, and named."""

import time
from typing import Any

import pytest

from gridloom.scenarios.results.record import RunStatus, record_status

HANGS = "if now == 3: time.sleep(600)"


@pytest.mark.parametrize("placement", ["foreign", "process"])
def test_hangs_elsewhere(case: Any, placement: str) -> None:
    limits = {"step_timeout": "1s", "stop_timeout": "30s"}
    model = (
        case.foreign("stuck", step=HANGS, **limits)
        if placement == "foreign"
        else case.ours(step=HANGS, placement="process", **limits)
    )
    begin = time.monotonic()
    ended = case.run(stuck=model, healthy=case.foreign("healthy", at="b"))
    method = "step" if placement == "foreign" else "advance"
    message = (
        "simulator 'stuck' failed at simulation time 3 s: "
        f"it did not answer '{method}' within 1 s and was killed"
    )
    assert (ended.code, ended.err.partition("\n")[0]) == (3, f"error: {message}")
    assert record_status(ended.record) == (RunStatus.FAILED, message)
    assert "warning" not in ended.err
    assert case.file("healthy.finalized").exists()
    assert time.monotonic() - begin < 25  # it is not asked to stop any more


def test_hangs_in_python_in_this_process(case: Any) -> None:
    ended = case.run(
        stuck=case.ours(step="while now == 3: pass", step_timeout="1s"),
        healthy=case.foreign("healthy", at="b"),
    )
    message = (
        "simulator 'stuck' failed at simulation time 3 s: it hangs: its step takes longer than 1 s"
    )
    assert (ended.code, ended.err.partition("\n")[0]) == (3, f"error: {message}")
    assert record_status(ended.record) == (RunStatus.FAILED, message)
    assert case.file("healthy.finalized").exists()


def test_foreign_class_hangs_in_this_process(case: Any) -> None:
    case.file("stuck.py").write_text(
        "import time, foreign\n"
        "class Stuck(foreign.Foreign):\n"
        "    def step(self, now, inputs, max_advance):\n"
        "        self.now = now\n"
        "        if now == 3:\n"
        "            time.sleep(600)\n"
        "        return now + 1\n"
    )
    model = case.foreign("stuck", python="stuck:Stuck", step_timeout="1s")
    del model["command"], model["environment"]
    ended = case.run(stuck=model)
    message = (
        "simulator 'stuck' failed at simulation time 3 s: it hangs: its step takes longer than 1 s"
    )
    assert (ended.code, ended.err.partition("\n")[0]) == (3, f"error: {message}")


@pytest.mark.slow
def test_hangs_beyond_reach_in_this_process(case: Any, rows: Any) -> None:
    """The process ends itself after a grace; what was flushed is there, its simulators are gone."""
    hang = "__import__('hashlib').pbkdf2_hmac('sha256', b'', b'', 2**31 - 1)"  # compiled
    process = case.start(
        duration_s=3600,
        stuck=case.ours(step=f"time.sleep(0.05)\nif now == 40: {hang}", step_timeout="1s"),
        healthy=case.foreign("healthy", at="b"),
    )
    ended = case.end(process)
    assert ended.code == 3
    assert "simulator 'stuck' failed at simulation time 40 s: it hangs" in ended.err
    assert "ours_" in ended.err, "where it hangs"
    assert case.gone_within(10.0)
    recorded = rows(ended.record, "stuck")
    assert len(recorded) > 10
    assert recorded == [float(each) for each in range(len(recorded))]

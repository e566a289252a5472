"""A batch that stops, however it does, goes on where it was; what is complete is never touched."""

import hashlib
import os
import signal
import sys
from pathlib import Path
from typing import Any

from gridloom.scenarios.campaigns.outcome import RunState


def _seeds(count: int) -> dict[str, Any]:
    return {"seed": {"seeds": count}}


def _slow_but_the_first(case: Any) -> Path:
    """Have runs take their time once there is a complete one, until a file is there."""
    go_on = case.folder / "go_on"
    complete = f"list(Path({str(case.results / 'runs')!r}).glob('*/record.h5'))"
    case.scenario(f"if {complete} and not Path({str(go_on)!r}).exists(): time.sleep(0.5)")
    return Path(go_on)


def _records(case: Any) -> dict[str, tuple[str, int]]:
    """Return content and time of change of all complete records."""
    return {
        path.parent.name: (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns)
        for path in (case.results / "runs").glob("*/record.h5")
    }


def test_a_complete_campaign_is_left_as_it_is(case: Any) -> None:
    case.campaign(_seeds(2))
    first = case.batch()
    assert (first.code, "2 of 2 runs complete" in first.out) == (0, True), first.err
    before = _records(case)
    second = case.batch()
    assert (second.code, second.err) == (0, "")
    assert _records(case) == before


def test_more_values_are_added_to_what_is_there(case: Any) -> None:
    case.campaign(_seeds(1))
    case.batch()
    before = _records(case)
    case.campaign(_seeds(3))
    case.batch()
    after = _records(case)
    assert len(after) == 3
    assert before.items() <= after.items()
    case.campaign(_seeds(2))
    fewer = case.batch()
    assert "2 of 2 runs complete" in fewer.out
    assert "1 other complete run" in fewer.out
    assert _records(case) == after


def test_lost_books_are_made_anew_from_the_records(case: Any) -> None:
    case.campaign(_seeds(2))
    case.batch()
    before = _records(case)
    told = [(run.digest, run.record_bytes) for run in case.runs]
    for each in case.results.glob("index.sqlite*"):
        each.unlink()
    assert case.batch().code == 0
    assert [(run.digest, run.record_bytes) for run in case.runs] == told
    assert _records(case) == before


def test_a_record_that_was_removed_is_computed_again(case: Any) -> None:
    case.campaign(_seeds(2))
    case.batch()
    before = _records(case)
    gone = next(iter(before))
    (case.results / "runs" / gone / "record.h5").unlink()
    assert case.batch().code == 0
    after = _records(case)
    assert after.keys() == before.keys()
    assert {name for name in after if after[name] != before[name]} == {gone}


def test_a_driver_that_is_killed_leaves_nothing_but_what_is_complete(case: Any) -> None:
    """No process survives it, and the next batch completes the rest."""
    go_on = _slow_but_the_first(case)
    case.campaign(_seeds(4))
    driver = case.begin()
    case.wait_for(driver, lambda: _records(case))
    driver.send_signal(signal.SIGKILL)
    driver.communicate()
    assert case.none_left()
    before = _records(case)
    assert len(before) < 4
    go_on.touch()
    assert case.batch().code == 0
    after = _records(case)
    assert len(after) == 4
    assert before.items() <= after.items()


def test_ctrl_c_stops_in_order(case: Any) -> None:
    """Exit code 130; nothing goes on."""
    _slow_but_the_first(case)
    case.campaign(_seeds(4))
    driver = case.begin()
    case.wait_for(driver, lambda: _records(case))
    os.killpg(driver.pid, signal.SIGINT)  # a terminal tells the workers as well
    _out, err = driver.communicate(timeout=600)
    assert driver.returncode == 130, err
    assert "stopped; what is complete is kept, and the same command goes on" in err
    assert "Traceback" not in err
    assert case.none_left()
    assert RunState.RUNNING not in {run.state for run in case.runs}


def test_a_second_batch_on_the_same_folder_is_refused(case: Any) -> None:
    """As a run's own step finds, in the midst of the first batch."""
    told = case.folder / "told"
    command = [sys.executable, "-m", "gridloom.scenarios.cli", "batch", str(case.file)]
    case.scenario(
        "import subprocess\n"
        "if now == 5:\n"
        f"    os.chdir({str(case.folder)!r})\n"
        f"    second = subprocess.run({command}, capture_output=True, text=True)\n"
        f"    Path({str(told)!r}).write_text(f'{{second.returncode}} {{second.stderr}}')"
    )
    case.campaign(_seeds(1))
    first = case.batch()
    assert (first.code, "1 of 1 runs complete" in first.out) == (0, True), first.err
    second = " ".join(told.read_text(encoding="utf-8").split())
    assert second.startswith("2 ")
    assert "another batch is running this campaign, in " in second


def test_bad_input_is_told_before_anything_is_written(case: Any) -> None:
    case.campaign({"rating": {"key": "simulators.devices.rated_power_kw", "values": [1, "much"]}})
    batched = case.batch()
    assert batched.code == 2
    assert "campaign.yaml:1:" in batched.err
    assert not Path(case.results).exists()

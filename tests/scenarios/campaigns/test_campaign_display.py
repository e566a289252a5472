"""What the terminal shows while a campaign runs, and what the exit code says in the end."""

import signal
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from gridloom.scenarios.campaigns import display_batch
from gridloom.scenarios.campaigns.campaign_folder import CampaignFolder
from gridloom.scenarios.campaigns.conduct import Summary
from gridloom.scenarios.campaigns.display_batch import (
    BatchDisplay,
    Stopped,
    exit_code,
    print_summary,
)
from gridloom.scenarios.campaigns.index import About, Index, PlannedRun
from gridloom.scenarios.campaigns.outcome import Fault, Outcome, RunState


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    """Give the books of three runs."""
    about = About(name="case", title="", file="", axes=(), gridloom_version="1")
    runs = [
        PlannedRun(number=i, parameters={"seed": i, "power": 3.7}, digest=f"{i}", folder=f"{i}")
        for i in (1, 2, 3)
    ]
    with Index(tmp_path / "index.sqlite", writable=True) as made:
        made.begin(about, runs)
        yield made


@pytest.mark.parametrize(("failed", "code"), [(0, 0), (1, 11), (88, 98), (89, 99), (5000, 99)])
def test_the_exit_code_says_how_many_failed(failed: int, code: int) -> None:
    counts = dict.fromkeys(RunState, 0) | {RunState.FAILED: failed, RunState.COMPLETE: 7}
    assert exit_code(counts) == code


def test_a_summary_tells_failures_once_with_an_example(
    index: Index, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for digest in ("2", "3"):
        reason = f"it took longer than {60} s\nand more lines"
        index.set_ended(digest, Outcome(digest=digest, fault=Fault.TIMEOUT, reason=reason))
    index.set_ended("1", Outcome(digest="1"))
    folder = CampaignFolder(tmp_path)
    print_summary(Summary(folder=folder, counts=index.counts(), points=4, left_over=5), index)
    printed = capsys.readouterr().out
    assert "1 of 3 runs (for 4 points) complete, 2 failed" in printed
    assert "2 x timeout (as run 2): it took longer than 60 s" in printed
    assert "and more lines" not in printed
    assert "5 other complete runs lie there" in printed
    assert f"gridloom table {tmp_path}" in printed


def test_the_time_left_shrinks_while_runs_are_under_way(
    index: Index, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Three runs, the first takes 60 s: 120 s are left; 50 s later 70 s, and never less than 0."""
    clock = [0.0]
    monkeypatch.setattr(display_batch, "monotonic", lambda: clock[0])
    display = BatchDisplay()
    client = SimpleNamespace(nthreads=lambda: {"a": 1}, dashboard_link="")
    display.starting(index, cast("Any", client))
    run = next(index.runs())
    display.begun(run)
    for moment, ends in [(30.0, False), (60.0, True), (110.0, False), (400.0, False)]:
        clock[0] = moment
        if ends:
            display.ended(run, Outcome(digest=run.digest), again=False)
        display.check()
    lines = [line for line in capsys.readouterr().err.splitlines() if " of 3 runs" in line]
    assert lines == [
        "0 of 3 runs",
        "1 of 3 runs, 0:02:00 left",
        "1 of 3 runs, 0:01:10 left",
        "1 of 3 runs, 0:00:00 left",
    ]


def test_failures_are_told_as_they_come_with_the_run_s_parameters(
    index: Index, capsys: pytest.CaptureFixture[str]
) -> None:
    run = next(index.runs())
    outcome = Outcome(digest="1", fault=Fault.CRASHED, reason="SIGSEGV")
    with BatchDisplay() as display:
        display.ended(run, outcome, again=True)
    told = capsys.readouterr().err
    assert "run 1 (seed 1, power 3.7): crashed: SIGSEGV; again" in told


def test_a_signal_stops_at_the_next_look() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with BatchDisplay() as display, display.stop_on_signal():
        display.check()
        signal.raise_signal(signal.SIGTERM)
        with pytest.raises(Stopped, match="the same command goes on") as stopped:
            display.check()
    assert stopped.value.exit_code == 143
    assert signal.getsignal(signal.SIGTERM) is before

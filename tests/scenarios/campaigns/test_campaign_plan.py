"""What a dry run tells: which runs there are, and what they take."""

import json
import math
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from gridloom.scenarios.campaigns import display_plan
from gridloom.scenarios.campaigns.campaign import Campaign, read_campaign
from gridloom.scenarios.campaigns.campaign_folder import CampaignFolder
from gridloom.scenarios.campaigns.conduct import planned_run
from gridloom.scenarios.campaigns.display_plan import print_estimate, print_plan
from gridloom.scenarios.campaigns.estimate import LIMIT_S, estimate
from gridloom.scenarios.campaigns.job import Job
from gridloom.scenarios.campaigns.outcome import Fault, Outcome
from gridloom.scenarios.results.record import RecordedModel, RecordWriter, RunStatus
from gridloom.scenarios.run_folder import RunFolder
from gridloom.simulators.model import Direction, ElementSet, Port
from gridloom.simulators.signals import POWER

SCENARIO = """
base: quickstart
name: case
duration: 1000s
variants:
  short: {}
  long: {duration: 4000s}
"""
SEEDS = {"seed": {"seeds": 10}}


@pytest.fixture
def campaign(tmp_path: Path) -> Campaign:
    (tmp_path / "case.yaml").write_text(SCENARIO, encoding="utf-8")
    path = tmp_path / "campaign.yaml"
    content = {"name": "study", "scenario": "case.yaml", "axes": SEEDS}
    path.write_text(json.dumps(content), encoding="utf-8")
    return read_campaign(path)


def complete(job: Job) -> Outcome:
    """End at once: 2 s and 1 MB for the first variant, three times as much for the second."""
    size = 3 if job.point.parameters["variant"] == "long" else 1
    return Outcome(
        digest=job.digest,
        wall_time_s=2.0 * size,
        record_bytes=10**6 * size,
        peak_memory_bytes=10**8 * size,
    )


def stopped_after(simulated_s: int, wall_time_s: float) -> Callable[[Job], Outcome]:
    """Give a run that is stopped with a record of so much, which took so long."""

    def execute(job: Job) -> Outcome:
        folder = RunFolder(job.runs / job.folder)
        folder.path.mkdir()
        elements = ElementSet(kind="dev", owner="dev", names=("a",), connection_points=("a",))
        port = Port(signal=POWER, direction=Direction.OUTPUT, elements=elements)
        model = RecordedModel(
            name="dev", type="dev", role="simulator", step_size=1, rows=1000, ports=(port,)
        )
        writer = RecordWriter(
            folder.partial_record,
            start=datetime(2021, 3, 24, 16, tzinfo=UTC),
            models=[model],
            provenance={},
        )
        for time_s in range(simulated_s):
            writer.write("dev", time_s, {"power_kw": np.zeros(1)})
            writer.advance(time_s + 1)
        writer.close(RunStatus.INTERRUPTED, attributes={"wall_time_s": wall_time_s})
        return Outcome(
            digest=job.digest, fault=Fault.TIMEOUT, wall_time_s=20.0, peak_memory_bytes=10**8
        )

    return execute


def test_whole_runs_count_as_they_are(campaign: Campaign, tmp_path: Path) -> None:
    """By hand: 20 runs of 4 s and 2 MB on the mean, four at a time."""
    found = estimate(campaign, complete, runs=20, workers=4, folder=tmp_path / "not" / "yet")
    assert found.wall_time_s == pytest.approx(20 * 4 / 4)
    assert found.disk_bytes == pytest.approx(40e6)
    assert found.peak_memory_bytes == 3e8
    assert found.basis == "from 2 probe runs"
    assert found.warnings == ()


def test_no_more_runs_than_there_are_run_at_a_time(campaign: Campaign, tmp_path: Path) -> None:
    found = estimate(campaign, complete, runs=2, workers=100, folder=tmp_path)
    assert found.wall_time_s == pytest.approx(2 * 4 / 2)


def test_a_run_cut_short_goes_on_at_its_pace(campaign: Campaign, tmp_path: Path) -> None:
    """By hand: 100 s simulated in 15 s after 5 s of building; 1000 s take 155 s, 4000 s 605 s."""
    found = estimate(campaign, stopped_after(100, 15.0), runs=20, workers=1, folder=tmp_path)
    assert found.wall_time_s == pytest.approx(20 * (155 + 605) / 2)
    assert found.disk_bytes > 20 * 1000 * 8  # a number each second and run, at least
    assert found.basis == f"from 2 probe runs, 2 of them cut short after {LIMIT_S:g} s"


def test_a_run_that_has_not_begun_tells_nothing(campaign: Campaign, tmp_path: Path) -> None:
    found = estimate(campaign, stopped_after(0, 0.0), runs=20, workers=1, folder=tmp_path)
    assert math.isnan(found.wall_time_s)
    assert found.basis == "no probe run tells"
    assert found.warnings[0] == "run 1 has not begun to simulate within 20 s"


def test_a_run_that_fails_is_told_and_left_out(campaign: Campaign, tmp_path: Path) -> None:
    def execute(job: Job) -> Outcome:
        if job.point.number == 1:
            return Outcome(digest=job.digest, fault=Fault.SIMULATION, reason="no solution\nhere")
        return complete(job)

    found = estimate(campaign, execute, runs=20, workers=1, folder=tmp_path)
    assert found.wall_time_s == pytest.approx(20 * 6)
    assert found.warnings == ("run 1 fails (simulation failed): no solution",)


def test_what_the_machine_lacks_is_told(campaign: Campaign, tmp_path: Path) -> None:
    """A petabyte each: more than any machine that runs this test has."""

    def execute(job: Job) -> Outcome:
        return replace(complete(job), record_bytes=10**15, peak_memory_bytes=10**15)

    disk, memory = estimate(campaign, execute, runs=20, workers=2, folder=tmp_path).warnings
    assert disk.startswith(f"the disk of {tmp_path} has only ")
    assert memory.startswith("2 runs at a time take 2000000.0 GB of memory")


def test_the_first_run_is_repeated_as_it_has_to_load_more(
    campaign: Campaign, tmp_path: Path
) -> None:
    seen: list[int] = []

    def execute(job: Job) -> Outcome:
        seen.append(job.point.number)
        assert job.timeout_s == LIMIT_S
        assert not (job.runs / job.folder).exists()
        return replace(complete(job), wall_time_s=100.0 if len(seen) == 1 else 1.0)

    found = estimate(campaign, execute, runs=20, workers=1, folder=tmp_path)
    assert seen == [1, 1, 11]
    assert found.wall_time_s == pytest.approx(20.0)


def test_a_plan_lists_every_run_and_what_is_complete(
    campaign: Campaign, capsys: pytest.CaptureFixture[str]
) -> None:
    planned = [planned_run(point) for point in campaign.points()]
    assert print_plan(campaign, planned, complete=(), show_all=False) == 20
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "study (study)"
    assert [line.split() for line in lines[4:-1]] == [
        f"{run.number} variant {run.parameters['variant']}, seed {run.parameters['seed']} "
        f"{run.folder}".split()
        for run in planned
    ]
    assert lines[-1] == "20 runs"
    done = {planned[0].folder, planned[11].folder, "of another campaign"}
    assert print_plan(campaign, planned, complete=done, show_all=False) == 18
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "20 runs; 2 complete"
    assert [i for i, line in enumerate(lines[4:-1]) if line.endswith("complete")] == [0, 11]


def test_what_is_complete_is_said_by_the_records(tmp_path: Path) -> None:
    """The books may be lost, and a record that is still written does not count."""
    folder = CampaignFolder(tmp_path)
    assert folder.complete_runs() == set()
    for name, file in {"a": "record.h5", "b": "record.partial.h5", "c": "run.log"}.items():
        (folder.runs / name).mkdir(parents=True)
        (folder.runs / name / file).touch()
    assert folder.complete_runs() == {"a"}


def test_runs_that_points_share_count_once(
    campaign: Campaign, capsys: pytest.CaptureFixture[str]
) -> None:
    planned = [replace(planned_run(point), digest="same") for point in campaign.points()]
    assert print_plan(campaign, planned, complete=(), show_all=False) == 1
    assert "20 runs, 1 of them distinct" in capsys.readouterr().out


def test_on_a_terminal_the_list_is_short(
    campaign: Campaign, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(display_plan, "_SHOWN", 3)
    monkeypatch.setenv("FORCE_COLOR", "1")
    planned = [planned_run(point) for point in campaign.points()]
    print_plan(campaign, planned, complete=(), show_all=False)
    out = capsys.readouterr().out
    assert out.count("case-short-") + out.count("case-long-") == 3
    assert "... and 17 more: --all" in out
    print_plan(campaign, planned, complete=(), show_all=True)
    assert capsys.readouterr().out.count("case-long-") == 10


def test_an_estimate_says_what_it_is_told_from(
    campaign: Campaign, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    print_estimate(estimate(campaign, complete, runs=20, workers=2, folder=tmp_path))
    assert capsys.readouterr().out == (
        "20 runs to compute, 2 at a time: about 40 s, 40.0 MB on disk, "
        "up to 300.0 MB of memory for a run (from 2 probe runs)\n"
    )

"""Where a campaign stands, by its books."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from gridloom.scenarios.campaigns.campaign_folder import CampaignFolder
from gridloom.scenarios.campaigns.index import Index, PlannedRun
from gridloom.scenarios.live import campaign_view
from gridloom.scenarios.live.campaign_view import CampaignView
from gridloom.scenarios.results.record import RunStatus, folder_lock
from gridloom.scenarios.run_folder import RunFolder
from gridloom.simulators.errors import RecordError


@pytest.fixture
def view(campaign: CampaignFolder) -> CampaignView:
    return CampaignView(campaign)


def test_the_runs_are_counted_by_state(view: CampaignView) -> None:
    state = view.state()
    assert state["counts"] == {"pending": 1, "running": 1, "complete": 3, "failed": 1}
    assert (state["name"], state["points"]) == ("ev-street", 6)


def test_whether_a_batch_runs_is_told_by_its_lock(
    view: CampaignView, campaign: CampaignFolder
) -> None:
    """What the books call running is not, where the batch was killed."""
    assert view.state()["has_driver"] is False
    with folder_lock(campaign.path):
        assert view.state()["has_driver"] is True


def test_time_to_go_follows_from_recent_runs(view: CampaignView) -> None:
    # One at a time, 60 s each: half of the one under way and all of the one that waits
    state = view.state()
    assert state["mean_wall_time_s"] == 60.0
    assert state["runs_per_hour"] == 60.0
    assert state["left_s"] == 90.0


def test_nobody_knows_the_time_to_go_while_nobody_works(
    view: CampaignView, campaign: CampaignFolder
) -> None:
    with Index(campaign.index, writable=True) as index:
        index.set_pending([f"{5:010d}"])
    assert view.state()["left_s"] is None


def test_complete_runs_come_with_their_headlines_but_no_wall_times(view: CampaignView) -> None:
    state = view.state()
    assert [kpi["name"] for kpi in state["kpis"]] == ["line_loading_max_percent", "energy_kwh"]
    loading = state["kpis"][0]["id"]
    values = {run["number"]: run["values"] for run in state["complete"]}
    assert values == {1: {loading: 60.0}, 2: {loading: 70.0}, 4: {loading: None}}


def test_failures_come_with_their_reason(view: CampaignView) -> None:
    (failed,) = view.state()["failed"]
    assert failed["parameters"] == {"seed": 3, "share": 0}
    assert (failed["fault"], failed["reason"]) == ("simulation failed", "no <b>solution</b>")
    assert failed["attempts"] == 1


@pytest.mark.parametrize("moment", ["open_watched", "seconds_since_change"])
def test_a_run_that_ends_while_it_is_looked_at_does_no_harm(
    view: CampaignView,
    campaign: CampaignFolder,
    begin: Any,
    feed: Any,
    monkeypatch: pytest.MonkeyPatch,
    moment: str,
) -> None:
    run = RunFolder(campaign.runs / f"street-{5:010d}")
    run.path.mkdir()
    writer = begin(run.partial_record)
    feed(writer, range(10))
    writer.close(RunStatus.COMPLETE)
    original = getattr(campaign_view, moment)

    def late(path: Path) -> Any:
        if path == run.partial_record and path.exists():
            run.finish()
        return original(path)

    monkeypatch.setattr(campaign_view, moment, late)
    state = view.state()
    assert run.record.exists()
    assert [each["time_s"] for each in state["running"]] == [10]
    assert state["silence_s"] < 3600


def test_a_run_under_way_tells_how_far_it_is(
    view: CampaignView, campaign: CampaignFolder, begin: Any, feed: Any
) -> None:
    (running,) = view.state()["running"]
    assert (running["number"], running["time_s"]) == (5, None)  # it has not begun to write
    folder = RunFolder(campaign.runs / running["folder"])
    folder.path.mkdir()
    writer = begin(folder.partial_record)
    feed(writer, range(700))
    (running,) = view.state()["running"]
    writer.close(RunStatus.INTERRUPTED)
    assert (running["time_s"], running["duration_s"]) == (700, 4000)


def test_what_is_drawn_is_the_first_headline_by_what_is_no_seed(view: CampaignView) -> None:
    scatter = view.state()["scatter"]
    assert (scatter["kpi"], scatter["axis"]) == ("line_loading_max_percent", "share")
    assert sorted(scatter["points"]) == [[1, 0, 60.0], [2, 0, 70.0]]  # the fourth is NaN


def test_another_indicator_and_axis_can_be_chosen(view: CampaignView) -> None:
    scatter = view.state(kpi="energy_kwh", axis="seed")["scatter"]
    assert sorted(scatter["points"]) == [[1, 1, 1.0], [2, 2, 2.0], [4, 1, 4.0]]


def test_only_what_came_since_is_sent(
    view: CampaignView, campaign: CampaignFolder, complete: Any
) -> None:
    known = view.state()["scatter"]
    with sqlite3.connect(campaign.index) as db:  # all that is known came a while ago
        db.execute("update run set changed = '2026-01-01 00:00:00'")
    since = view.state(known["kpi"], known["axis"])["scatter"]["since"]
    assert since == "2026-01-01 00:00:00"
    with Index(campaign.index, writable=True) as index:
        complete(index, 5, 80.0)
        changed = {run.number: run.changed for run in index.runs()}
    news = view.state(known["kpi"], known["axis"], changed[5])["scatter"]
    assert news["points"] == [[5, 50, 80.0]]
    assert view.state("energy_kwh", "seed", since)["scatter"]["since"] == changed[5]


def test_points_of_another_drawing_are_sent_in_full(view: CampaignView) -> None:
    scatter = view.state("no such indicator", "share", "9999-12-31")["scatter"]
    assert len(scatter["points"]) == 2


def test_a_driver_that_writes_keeps_nobody_from_reading(
    view: CampaignView, campaign: CampaignFolder
) -> None:
    with Index(campaign.index, writable=True) as index, index._writing() as db:
        db.execute("update run set state = 'complete'")
        assert view.state()["counts"]["complete"] == 3  # what was true before


def test_a_missing_index_and_one_without_a_plan_are_errors_to_be_told(
    view: CampaignView, campaign: CampaignFolder
) -> None:
    campaign.index.unlink()
    with pytest.raises(RecordError, match="index"):
        view.state()
    with (
        Index(campaign.index, writable=True),
        pytest.raises(RecordError, match="no campaign was begun"),
    ):
        view.state()


def test_only_runs_of_the_campaign_have_a_folder(
    view: CampaignView, campaign: CampaignFolder
) -> None:
    name = f"street-{1:010d}"
    assert view.record_folder(name) == campaign.runs / name
    for other in ("", "..", "../../etc", "street-%", f"street-{1:010d}/..", "/etc"):
        assert view.record_folder(other) is None


def test_a_campaign_without_results_shows_none(tmp_path: Path, campaign: CampaignFolder) -> None:
    with Index(campaign.index, writable=True) as index:
        about = index.about()
    empty = CampaignFolder(tmp_path / "empty")
    empty.path.mkdir()
    with Index(empty.index, writable=True) as index:
        index.begin(about, [PlannedRun(number=1, parameters={}, digest="1", folder="1")])
    state = CampaignView(empty).state()
    assert (state["scatter"], state["complete"], state["mean_wall_time_s"]) == (None, [], None)
    assert 0 <= state["silence_s"] < 3600

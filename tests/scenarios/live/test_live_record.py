"""One record, followed: judged by what h5py reads of the same file."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from gridloom.scenarios.live import followed_record
from gridloom.scenarios.live.followed_record import FollowedRecord
from gridloom.scenarios.results.record import RecordedModel, RunStatus, folder_lock
from gridloom.scenarios.run_folder import RunFolder
from gridloom.simulators.model import Direction, ElementSet, Port
from gridloom.simulators.signals import STATE_OF_CHARGE

_LONG_AGO_S = 3600


@pytest.fixture(autouse=True)
def _never_from_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look at the file at every question, however slow the machine is: tests do not wait."""
    monkeypatch.setattr(followed_record, "_SAME_STATE_S", -1.0)
    monkeypatch.setattr("gridloom.scenarios.live.whereabouts._QUIET_S", _LONG_AGO_S / 2)


def _curve(state: dict[str, Any], panel: str, label: str) -> tuple[dict[str, Any], int]:
    """Return table and column of a curve."""
    (found,) = [each for each in state["panels"] if each["key"] == panel]
    (curve,) = [each for each in found["curves"] if each["label"] == label]
    return state["tables"][curve["table"]], curve["column"]


def _low(state: dict[str, Any], panel: str, label: str) -> np.ndarray:
    table, column = _curve(state, panel, label)
    return np.array(table["low"][column], dtype=float)


def _high(state: dict[str, Any], panel: str, label: str) -> np.ndarray:
    table, column = _curve(state, panel, label)
    return np.array(table.get("high", table["low"])[column], dtype=float)


class _Page:
    """Keeps points as the page does."""

    def __init__(self, record: FollowedRecord) -> None:
        self._record = record
        self.epoch = 0
        self.points: dict[str, dict[str, Any]] = {}
        self.state: dict[str, Any] = {}
        self.sent = 0

    def ask(self) -> None:
        have = {key: (p["width"], p["full"]) for key, p in self.points.items()}
        self.state = state = self._record.state(self.epoch, have)
        if state["epoch"] != self.epoch:
            self.points, self.epoch = {}, state["epoch"]
        for key, news in state["tables"].items():
            self.sent += sum(len(column) for column in news["low"])
            old, first = self.points.get(key, {}), news["first"]
            high = news.get("high", news["low"])
            self.points[key] = news | {
                "low": _joined(old.get("low"), first, news["low"]),
                "high": _joined(old.get("high"), first, high),
            }


def _joined(before: list[list[Any]] | None, first: int, after: list[list[Any]]) -> list[list[Any]]:
    if not first or before is None:
        return after
    return [old[:first] + new for old, new in zip(before, after, strict=True)]


# ── finished ──────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def finished(folder: RunFolder, begin: Any, feed: Any) -> RunFolder:
    writer = begin(folder.partial_record)
    feed(writer, range(1200))
    writer.close(RunStatus.COMPLETE, attributes={"wall_time_s": 4.0})
    folder.finish()
    return folder


def test_what_a_finished_run_shows_is_what_its_record_holds(finished: RunFolder) -> None:
    state = FollowedRecord(finished.path).state()

    with h5py.File(finished.record) as record:
        current_a = record["network/line_current_a"][()]
        rated_a = record["network/line_rated_current_a"][()]
        voltage_pu = record["network/bus_voltage_pu"][()]
        power_kw = record["ev/power_kw"][()]
    loading = (100 * current_a / rated_a[:, np.newaxis]).max(axis=(1, 2))
    np.testing.assert_allclose(_low(state, "loading", "most loaded line"), loading, rtol=1e-6)
    np.testing.assert_allclose(
        _low(state, "voltage", "lowest of all buses"), voltage_pu.min(axis=(1, 2)), rtol=1e-6
    )
    np.testing.assert_allclose(
        _low(state, "voltage", "highest of all buses"), voltage_pu.max(axis=(1, 2)), rtol=1e-6
    )
    np.testing.assert_allclose(_low(state, "power", "ev"), power_kw.sum(axis=1), rtol=1e-6)
    assert (state["state"], state["time_s"], state["duration_s"]) == ("complete", 1200, 4000)
    assert state["speed"] == 300.0  # 1200 s in 4 s
    assert (state["title"], state["variant"]) == ("A street", "basic")


def test_the_line_shown_is_the_most_loaded_until_another_is_chosen(finished: RunFolder) -> None:
    record = FollowedRecord(finished.path)
    state = record.state()
    # By hand: 20 of 65 A, 30 of 100 A and 25 of 30 A
    assert state["line"] == {"name": "Lä3", "rated_a": 30.0, "is_most_loaded": True}
    (panel,) = [each for each in state["panels"] if each["key"] == "line"]
    assert panel["limits"] == [30.0]

    other = record.state(line="L1")
    assert other["line"] == {"name": "L1", "rated_a": 65.0, "is_most_loaded": False}
    with h5py.File(finished.record) as file:
        expected_a = file["network/line_current_a"][:, 0, 1]
    np.testing.assert_allclose(_low(other, "line", "L1, phase b"), expected_a, rtol=1e-6)


def test_an_unknown_line_is_the_most_loaded_one(finished: RunFolder) -> None:
    assert FollowedRecord(finished.path).state(line="../etc/passwd")["line"]["name"] == "Lä3"


def test_limits_and_clock_are_those_of_the_record(finished: RunFolder) -> None:
    state = FollowedRecord(finished.path).state()
    limits = {panel["key"]: panel["limits"] for panel in state["panels"]}
    assert limits["voltage"] == [0.9, 1.1]
    assert limits["loading"] == [100.0]
    assert state["zone"] == "UTC+01:00"
    assert state["start_s"] == 1_616_601_600  # 2021-03-24 16:00 as if in UTC (date -d)


def test_steps_without_a_solution_are_gaps(finished: RunFolder) -> None:
    low = _low(FollowedRecord(finished.path).state(), "voltage", "lowest of all buses")
    assert np.flatnonzero(np.isnan(low)).tolist() == list(range(100, 120))


# ── growing ───────────────────────────────────────────────────────────────────────────────


def test_asking_again_and_again_gives_what_asking_once_gives(
    folder: RunFolder, begin: Any, feed: Any
) -> None:
    page = _Page(FollowedRecord(folder.path))
    writer = begin(folder.partial_record)
    for first in range(0, 4000, 250):
        feed(writer, range(first, first + 250))
        page.ask()
        assert page.state["state"] == "running"
        assert page.state["time_s"] == first + 250
    writer.close(RunStatus.COMPLETE)
    folder.finish()
    page.ask()

    once = FollowedRecord(folder.path).state()
    assert page.state["state"] == "complete"
    for key, table in once["tables"].items():
        assert page.points[key]["low"] == table["low"]
        assert page.points[key]["high"] == table.get("high", table["low"])
    highest = _high(once, "loading", "most loaded line")
    with h5py.File(folder.record) as record:
        current_a = record["network/line_current_a"][()]
    assert len(highest) <= 1500
    assert highest.max() == pytest.approx(100 * (current_a[:, 2, 0] / 30.0).max(), rel=1e-6)


def test_only_what_is_new_is_sent(folder: RunFolder, begin: Any, feed: Any) -> None:
    page = _Page(FollowedRecord(folder.path))
    writer = begin(folder.partial_record)
    feed(writer, range(1000))
    page.ask()
    page.sent = 0
    feed(writer, range(1000, 1010))
    page.ask()
    writer.close(RunStatus.INTERRUPTED)
    curves = sum(len(panel["curves"]) for panel in page.state["panels"])
    assert 0 < page.sent <= 10 * curves


def test_reading_a_long_record_goes_on_with_every_question(
    finished: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(followed_record, "_BUDGET_S", -1.0)
    monkeypatch.setattr("gridloom.scenarios.live.curve_table._BLOCK_VALUES", 1)
    record = FollowedRecord(finished.path)
    reached = [record.state()["read_s"] for _ in range(6)]
    # One chunk of 360 rows a question
    assert reached[0] == 360
    assert reached == sorted(reached)
    assert reached[-1] == 1200
    assert record.state()["all_read"]


def test_speed_and_time_to_go_follow_from_what_was_seen(
    folder: RunFolder, begin: Any, feed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_s = 50.0
    monkeypatch.setattr("gridloom.scenarios.live.pace.monotonic", lambda: now_s)
    record = FollowedRecord(folder.path)
    writer = begin(folder.partial_record)
    feed(writer, range(400))
    assert record.state()["speed"] is None
    now_s = 52.0
    feed(writer, range(400, 1000))
    state = record.state()
    writer.close(RunStatus.INTERRUPTED)
    assert state["speed"] == 300.0  # 600 s in 2 s
    assert state["left_s"] == 10.0  # 3000 s at that speed


# ── what may happen to it ─────────────────────────────────────────────────────────────────


def test_a_run_that_has_not_begun_is_waited_for(tmp_path: Path, begin: Any, feed: Any) -> None:
    folder = RunFolder(tmp_path / "later")
    record = FollowedRecord(folder.path)
    assert record.state()["state"] == "waiting"
    folder.path.mkdir()
    assert record.state()["state"] == "waiting"
    writer = begin(folder.partial_record)
    feed(writer, range(10))
    assert record.state()["time_s"] == 10
    writer.close(RunStatus.INTERRUPTED)


def test_the_record_keeps_its_points_when_it_gets_its_final_name(
    folder: RunFolder, begin: Any, feed: Any
) -> None:
    record = FollowedRecord(folder.partial_record)  # by its name while it is written
    writer = begin(folder.partial_record)
    feed(writer, range(100))
    epoch = record.state()["epoch"]
    writer.close(RunStatus.COMPLETE)
    folder.finish()
    state = record.state(epoch)
    assert (state["state"], state["epoch"]) == ("complete", epoch)


def _before(monkeypatch: pytest.MonkeyPatch, name: str, event: Callable[[], None]) -> None:
    """Let something happen once, right before a function that following a record calls."""
    original = getattr(followed_record, name)
    events = [event]

    def late(*arguments: Any) -> Any:
        if events:
            events.pop()()
        return original(*arguments)

    monkeypatch.setattr(followed_record, name, late)


@pytest.mark.parametrize("moment", ["open_watched", "_identity", "status_of"])
def test_a_record_that_is_renamed_while_it_is_read_keeps_its_points(
    folder: RunFolder, begin: Any, feed: Any, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    record = FollowedRecord(folder.path)
    writer = begin(folder.partial_record)
    feed(writer, range(100))
    before = record.state()
    feed(writer, range(100, 200))
    writer.close(RunStatus.COMPLETE)
    _before(monkeypatch, moment, folder.finish)
    state = record.state(before["epoch"])
    assert not folder.partial_record.exists()
    assert (state["state"], state["message"]) == ("complete", "")
    assert (state["epoch"], state["time_s"], state["read_s"]) == (before["epoch"], 200, 200)
    assert state["title"] == "A street"


def test_a_record_that_is_renamed_when_it_has_just_been_read_keeps_its_points(
    folder: RunFolder, begin: Any, feed: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    writer = begin(folder.partial_record)
    feed(writer, range(100))
    run = RunFolder(tmp_path / "as-it-is-now")  # in this process nobody else could close it
    run.path.mkdir()
    shutil.copy(folder.partial_record, run.partial_record)
    writer.close(RunStatus.INTERRUPTED)
    record = FollowedRecord(run.path)
    before = record.state()
    assert before["state"] == "running"
    _before(monkeypatch, "standing_of", run.finish)  # which looks when the file was written to
    state = record.state(before["epoch"])
    assert not run.partial_record.exists()
    assert (state["state"], state["epoch"], state["read_s"]) == ("running", before["epoch"], 100)


def test_a_record_that_is_away_for_a_while_is_not_read_again(
    finished: RunFolder, tmp_path: Path
) -> None:
    record = FollowedRecord(finished.path)
    before = record.state()
    finished.record.rename(tmp_path / "elsewhere.h5")
    during = record.state(before["epoch"])
    assert (during["state"], during["epoch"]) == ("waiting", before["epoch"])
    assert "tables" not in during
    (tmp_path / "elsewhere.h5").rename(finished.record)
    after = record.state(before["epoch"])
    assert (after["state"], after["epoch"]) == ("complete", before["epoch"])
    assert after["tables"] == before["tables"]


def test_another_run_in_the_same_place_begins_anew(
    folder: RunFolder, begin: Any, feed: Any
) -> None:
    record = FollowedRecord(folder.path)
    for created, rows in (("2026-01-01", 200), ("2026-01-02", 50)):
        folder.partial_record.unlink(missing_ok=True)
        writer = begin(folder.partial_record, created=created)
        feed(writer, range(rows))
        state = record.state()
        writer.close(RunStatus.FAILED, message="no solution")
        assert state["time_s"] == rows
        assert len(_low(state, "loading", "most loaded line")) == rows
    assert record.state()["message"] == "no solution"
    assert record.state()["state"] == "failed"


_KILLED = """
import os, signal, sys
sys.path.insert(0, sys.argv[2])
from pathlib import Path
from conftest import FLEET, GRID, MARKET, begin, feed
writer = begin(Path(sys.argv[1]))
feed(writer, range(500), (GRID, FLEET, MARKET))
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_run_shows_its_rows_and_that_nobody_writes_it(folder: RunFolder) -> None:
    here = str(Path(__file__).parent)
    subprocess.run(
        [sys.executable, "-c", _KILLED, str(folder.partial_record), here], check=False, timeout=60
    )
    record = FollowedRecord(folder.path)
    state = record.state()
    assert (state["state"], state["time_s"]) == ("running", 500)  # it may only be slow
    _make_quiet(folder.partial_record)
    with folder_lock(folder.path):
        quiet = record.state()
    assert quiet["state"] == "quiet"
    assert "its process is alive" in quiet["message"]
    gone = record.state()
    assert gone["state"] == "gone"
    assert f"gridloom recover {folder.partial_record}" in gone["message"]
    assert "no news for" in gone["message"]
    assert len(_low(gone, "loading", "most loaded line")) == 500


def _make_quiet(path: Path) -> None:
    then = time.time() - _LONG_AGO_S
    os.utime(path, (then, then))


def test_a_damaged_record_is_said_to_be_damaged(finished: RunFolder) -> None:
    content = finished.record.read_bytes()
    finished.record.write_bytes(content[: len(content) // 2])
    _make_quiet(finished.record)
    record = FollowedRecord(finished.path)
    state = record.state()
    assert state["state"] == "unreadable"
    assert "truncated" in state["message"]
    finished.record.write_bytes(b"no record at all")
    _make_quiet(finished.record)
    assert "not a record" in record.state()["message"]
    finished.record.unlink()
    assert record.state()["state"] == "waiting"


def test_a_record_just_created_is_not_locked(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.partial_record.touch()  # its writer's next call to the system locks it
    monkeypatch.setattr(h5py, "File", lambda *_, **__: pytest.fail("opened, and so locked"))
    assert FollowedRecord(folder.path).state()["state"] == "waiting"


def test_a_record_that_cannot_be_read_for_a_moment_is_no_news(finished: RunFolder) -> None:
    known = FollowedRecord(finished.path)
    before = known.state()
    content = finished.record.read_bytes()
    finished.record.write_bytes(b"")  # as its writer begins it
    assert FollowedRecord(finished.path).state()["state"] == "waiting"
    during = known.state(before["epoch"])
    assert during["state"] == "complete"
    assert during["tables"] == before["tables"]
    finished.record.write_bytes(content)
    assert known.state()["state"] == "complete"


# ── whatever it holds ─────────────────────────────────────────────────────────────────────


def test_there_are_no_panels_without_a_grid(
    folder: RunFolder, begin: Any, feed: Any, fleet_model: RecordedModel
) -> None:
    writer = begin(folder.partial_record, models=[fleet_model])
    feed(writer, range(300), [fleet_model])
    writer.close(RunStatus.COMPLETE)
    state = FollowedRecord(folder.path).state()
    assert [panel["key"] for panel in state["panels"]] == ["power", "charge"]
    assert (state["line"], state["lines"]) == (None, [])


def test_somebody_elses_models_are_shown_by_what_they_record(
    folder: RunFolder, begin: Any, feed: Any, foreign_model: RecordedModel
) -> None:
    writer = begin(folder.partial_record, models=[foreign_model])
    feed(writer, range(3), [foreign_model])
    writer.close(RunStatus.COMPLETE)
    state = FollowedRecord(folder.path).state()
    (panel,) = state["panels"]
    assert (panel["title"], panel["unit"]) == ("reservoir: level of the reservoir", "m")
    assert _low(state, panel["key"], "water_level_m").tolist() == [2.0, 3.0, 4.0]


def test_of_several_storages_those_away_do_not_count(
    folder: RunFolder, begin: Any, feed: Any, fleet_model: RecordedModel
) -> None:
    writer = begin(folder.partial_record, models=[fleet_model])
    feed(writer, range(601), [fleet_model])
    writer.close(RunStatus.COMPLETE)
    state = FollowedRecord(folder.path).state()
    # The second vehicle is away (NaN): all that is left is the first one's charge of t / 5000 s
    for label in ("ev, lowest", "ev, mean", "ev, highest"):
        assert _low(state, "charge", label)[[0, 10]].tolist() == [0.0, 0.12]


def test_a_single_storage_is_one_curve_not_three(folder: RunFolder, begin: Any) -> None:
    battery = ElementSet(kind="battery", owner="battery", names=("B",))
    model = RecordedModel(
        name="battery",
        type="storage",
        role="simulator",
        step_size=60,
        rows=2,
        ports=(Port(signal=STATE_OF_CHARGE, direction=Direction.OUTPUT, elements=battery),),
    )
    writer = begin(folder.partial_record, models=[model])
    writer.write("battery", 0, {"state_of_charge": np.array([0.5])})
    writer.advance(60)
    writer.close(RunStatus.COMPLETE)
    (panel,) = FollowedRecord(folder.path).state()["panels"]
    assert [curve["label"] for curve in panel["curves"]] == ["battery"]
    assert panel["curves"][0]["at_end"]

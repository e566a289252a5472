"""The books of a campaign: what is asked for, what became of it, and what comes next."""

import math
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from gridloom.scenarios.campaigns.index import About, Index, PlannedRun
from gridloom.scenarios.campaigns.outcome import Fault, Outcome, RunState
from gridloom.scenarios.campaigns.point import Axis
from gridloom.scenarios.results.kpis.kpi import Kpi
from gridloom.simulators.errors import RecordError

SEED = Axis(name="seed", keys=("seed",), labels=(1, 2, 3), is_seed=True)
POWER = Axis(name="power", keys=("simulators.ev.rated_power_kw",), labels=(3.7, 11), unit="kW")
ABOUT = About(
    name="case", title="A case", file="/case.yaml", axes=(SEED, POWER), gridloom_version="1"
)
COST = Kpi(name="cost_eur", value=1.5, unit="EUR", group="Costs", label="cost", headline=True)
GAP = Kpi(name="gap", value=math.nan, unit="1", group="Costs", label="gap", of="part")


def _planned(*digests: str) -> list[PlannedRun]:
    return [
        PlannedRun(number=i, parameters={"seed": i}, digest=digest, folder=f"case-{digest}")
        for i, digest in enumerate(digests, 1)
    ]


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    """Give the books of three runs."""
    with Index(tmp_path / "index.sqlite", writable=True) as made:
        made.begin(ABOUT, _planned("a", "b", "c"))
        yield made


def _failed(digest: str, fault: Fault = Fault.CRASHED, reason: str = "it broke") -> Outcome:
    return Outcome(digest=digest, fault=fault, reason=reason, wall_time_s=2.0)


def _next(index: Index, retries: int = 0, after: int = 0) -> str | None:
    run = index.next_run(after, retries)
    return None if run is None else run.digest


def test_books_say_what_was_asked_for(index: Index) -> None:
    assert index.about() == ABOUT
    assert [(run.number, run.digest, run.state) for run in index.runs()] == [
        (1, "a", RunState.PENDING),
        (2, "b", RunState.PENDING),
        (3, "c", RunState.PENDING),
    ]
    assert index.counts() == {
        RunState.PENDING: 3,
        RunState.RUNNING: 0,
        RunState.COMPLETE: 0,
        RunState.FAILED: 0,
    }


def test_runs_come_in_order_and_those_under_way_or_done_do_not_come_again(index: Index) -> None:
    assert _next(index) == "a"
    index.set_running(["a"])
    assert _next(index) == "b"
    index.set_ended("b", Outcome(digest="b"))
    assert _next(index) == "c"
    index.set_ended("c", Outcome(digest="c"))
    assert _next(index) is None


def test_runs_that_failed_come_again_as_often_as_allowed(index: Index) -> None:
    index.set_ended("a", _failed("a"))
    assert (_next(index, retries=0), _next(index, retries=1)) == ("b", "a")
    index.set_ended("a", _failed("a"))
    assert _next(index, retries=1) == "b"
    index.forget_attempts()
    assert _next(index, retries=0) == "a"


def test_bad_input_stays_bad(index: Index) -> None:
    index.set_ended("a", _failed("a", Fault.BAD_INPUT))
    assert _next(index, retries=5) == "b"


def test_points_of_one_identity_share_a_run(tmp_path: Path) -> None:
    with Index(tmp_path / "index.sqlite", writable=True) as index:
        index.begin(ABOUT, _planned("a", "b", "a"))
        assert sum(index.counts().values()) == 2
        index.set_ended("a", Outcome(digest="a", kpis=[COST]))
        assert [run.state for run in index.runs()] == [
            RunState.COMPLETE,
            RunState.PENDING,
            RunState.COMPLETE,
        ]
        assert len(list(index.results())) == 1


def test_results_keep_all_digits_units_and_what_is_not_a_number(index: Index) -> None:
    index.set_ended("b", Outcome(digest="b", kpis=[COST, GAP]))
    (cost, gap) = index.results()
    assert cost == ("b", "cost_eur", "", 1.5)
    assert gap[:3] == ("b", "gap", "part")
    assert math.isnan(gap[3])
    assert [(k.name, k.unit, k.label, k.headline) for k in index.kpis()] == [
        ("cost_eur", "EUR", "cost", True),
        ("gap", "1", "gap", False),
    ]


@pytest.mark.parametrize("order", ["ab", "ba"])
def test_what_is_said_of_an_indicator_does_not_depend_on_who_was_first(
    index: Index, order: str
) -> None:
    """A headline where one run says so; both labels where runs define it differently."""
    of_run = {
        "a": replace(COST, value=1.0, headline=False),
        "b": replace(COST, value=2.0, label="cost (of 15-min means)"),
    }
    for digest in order:
        index.set_ended(digest, Outcome(digest=digest, kpis=(of_run[digest],)))
    (kpi,) = index.kpis()
    assert kpi.headline
    assert kpi.label == "cost / cost (of 15-min means)"
    assert list(index.results()) == [("a", "cost_eur", "", 1.0), ("b", "cost_eur", "", 2.0)]
    index.begin(ABOUT, _planned("a"))  # only who is asked for has a say
    (kpi,) = index.kpis()
    assert (kpi.label, kpi.headline) == ("cost", False)


def test_another_attempt_replaces_what_was_known(index: Index) -> None:
    """A complete run that is only found again keeps the time that it took."""
    index.set_ended("a", Outcome(digest="a", kpis=[COST, GAP], wall_time_s=5.0))
    found = Outcome(digest="a", kpis=[COST], wall_time_s=0.1, computed=False)
    index.set_ended("a", found)
    assert [name for _, name, _, _ in index.results()] == ["cost_eur"]
    assert next(index.runs()).wall_time_s == 5.0


def test_a_new_plan_keeps_what_is_known(index: Index) -> None:
    """Runs under way belonged to a driver that is gone; those not asked for are left over."""
    index.set_ended("a", Outcome(digest="a", kpis=[COST]))
    index.set_running(["b"])
    index.begin(ABOUT, _planned("b", "c", "d"))
    assert [run.state for run in index.runs()] == [RunState.PENDING] * 3
    assert index.left_over() == 1
    assert list(index.results()) == []
    index.begin(ABOUT, _planned("a"))
    assert [run.state for run in index.runs()] == [RunState.COMPLETE]


def test_a_plan_that_breaks_off_changes_nothing(index: Index) -> None:
    def broken() -> Iterator[PlannedRun]:
        yield from _planned("d")
        raise ValueError("a point is wrong")

    with pytest.raises(ValueError, match="a point is wrong"):
        index.begin(ABOUT, broken())
    assert [run.digest for run in index.runs()] == ["a", "b", "c"]


def test_failures_are_grouped_the_most_frequent_first(index: Index) -> None:
    index.set_ended("a", _failed("a", reason="once"))
    index.set_ended("b", _failed("b", reason="twice"))
    index.set_ended("c", _failed("c", reason="twice"))
    assert index.failures(5) == [(Fault.CRASHED, "twice", 2, 2), (Fault.CRASHED, "once", 1, 1)]


def test_others_read_while_the_driver_writes(index: Index) -> None:
    with Index(index.path) as reader:
        before = reader.runs()
        first = next(before)
        index.set_ended("c", Outcome(digest="c"))
        assert [run.state for run in (first, *before)] == [RunState.PENDING] * 3
        assert reader.counts()[RunState.COMPLETE] == 1
        with pytest.raises(RecordError, match="readonly"):
            reader.set_running(["a"])


def test_a_snapshot_is_of_one_moment(index: Index) -> None:
    """Who reads points, then results, must not find results of another plan's points only."""
    index.set_ended("a", Outcome(digest="a", kpis=(COST,)))
    with Index(index.path) as reader:
        with reader.snapshot():
            runs = list(reader.runs())
            index.begin(ABOUT, _planned("c"))
            with reader.snapshot():
                assert [digest for digest, *_ in reader.results()] == ["a"]
            assert list(reader.runs()) == runs
        assert [run.digest for run in reader.runs()] == ["c"]


def test_books_that_are_closed_are_one_file(tmp_path: Path) -> None:
    """They can be copied, and read where nothing may be written."""
    with Index(tmp_path / "index.sqlite", writable=True) as index:
        index.begin(ABOUT, _planned("a"))
    assert [path.name for path in tmp_path.iterdir()] == ["index.sqlite"]


def test_what_is_no_index_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no database " * 100, encoding="utf-8")
    with pytest.raises(RecordError, match="file is not a database"):
        Index(tmp_path / "text")
    sqlite3.connect(tmp_path / "other").execute("create table t (x)").connection.close()
    with pytest.raises(RecordError, match="no index of a campaign that this gridloom knows"):
        Index(tmp_path / "other")
    with pytest.raises(RecordError, match="unable to open database file"):
        Index(tmp_path / "absent")


def test_books_of_an_earlier_gridloom_are_begun_anew(index: Index) -> None:
    """None of its runs are asked for any longer: their identity holds the code that made them."""
    index.set_ended("a", Outcome(digest="a", kpis=(COST,)))
    index.close()
    with sqlite3.connect(index.path) as db:
        db.execute("pragma user_version = 1")
    db.close()
    with Index(index.path, writable=True) as again:
        again.begin(ABOUT, _planned("a", "b"))
        assert again.kpis() == []
        assert again.counts()[RunState.PENDING] == 2

"""One run in a process of its own: its results, and what it inherits from those before it."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from gridloom.scenarios.campaigns import workplace
from gridloom.scenarios.campaigns.campaign import read_campaign
from gridloom.scenarios.campaigns.conduct import planned_run
from gridloom.scenarios.campaigns.job import Job, StrangeWorkerError
from gridloom.scenarios.campaigns.outcome import Fault, Outcome
from gridloom.scenarios.campaigns.workplace import RunServer
from gridloom.scenarios.runner import run_variant

Execute = Callable[..., Outcome]


@pytest.fixture(scope="module")
def server() -> Iterator[RunServer]:
    """Give a server that has served others before."""
    with RunServer() as started:
        yield started


@pytest.fixture
def execute(case: Any, request: pytest.FixtureRequest) -> Execute:
    """Give what runs a point of the case's campaign."""
    runs = case.folder / "runs"
    runs.mkdir()

    def run(number: int, server: RunServer | None = None, **changes: Any) -> Outcome:
        point = read_campaign(case.file).point(number)
        planned = planned_run(point)
        job = Job(point=point, digest=planned.digest, runs=runs, folder=planned.folder)
        below = server or request.getfixturevalue("server")
        outcome: Outcome = below.execute(replace(job, **changes))
        return outcome

    return run


def test_results_are_those_of_a_run_here(case: Any, execute: Execute) -> None:
    """Also where the process began as a copy of one that had served another run."""
    case.campaign({"seed": {"seeds": 2}})
    for number in (1, 2):
        there = execute(number)
        assert there.fault is None, there
        here = run_variant(
            read_campaign(case.file).point(number).document, None, case.folder / "here"
        )
        assert list(there.kpis) == list(here.kpis)
        _require_equal(
            case.folder / "runs" / here.folder.path.name / "record.h5", here.folder.record
        )
    assert _first_rows(case.folder / "runs")


def _require_equal(one: Path, other: Path) -> None:
    with h5py.File(one) as left, h5py.File(other) as right:
        for group in left:
            if isinstance(left[group], h5py.Group):
                for name, values in left[group].items():
                    np.testing.assert_array_equal(values[()], right[group][name][()])


def _first_rows(runs: Path) -> bool:
    """Whether other seeds give other rows: what is compared above is not all the same."""
    rows = []
    for path in sorted(runs.glob("*/record.h5")):
        with h5py.File(path) as record:
            rows.append(record["devices/power_kw"][0])
    return bool(np.any(rows[0] != rows[1]))


def test_imports_are_paid_for_once(
    case: Any, execute: Execute, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the first run had to import is there when the second one begins.

    Modules in the working folder are none of its business.
    """
    (case.folder / "random.py").write_text("raise ImportError('the user's own')")
    monkeypatch.chdir(case.folder)
    loaded = case.folder / "loaded"
    note = f"open('{loaded}', 'a').write(str(int('xarray' in sys.modules)))"
    case.scenario(f"{note} if now == 0 else None")
    case.campaign({"seed": {"seeds": 2}})
    with RunServer() as server:
        assert [execute(number, server).fault for number in (1, 2)] == [None, None]
    assert loaded.read_text(encoding="utf-8") == "01"


def test_what_has_changed_since_the_campaign_began_is_not_run(case: Any, execute: Execute) -> None:
    case.campaign({"seed": {"seeds": 1}})
    with pytest.raises(StrangeWorkerError, match="what was to run as 0123456789 is "):
        execute(1, digest="0123456789")
    with pytest.raises(StrangeWorkerError, match="does not see /nowhere"):
        execute(1, runs=Path("/nowhere"))


def test_runs_begin_from_nothing_where_the_platform_cannot_fork(
    case: Any, execute: Execute, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the same results; as on Windows and macOS."""
    case.campaign({"seed": {"seeds": 1}})
    copied = execute(1)
    server = (
        "from gridloom.scenarios.campaigns import run_server, supervised_run\n"
        "supervised_run.FORKS = False\n"
        "run_server.main()"
    )
    monkeypatch.setattr(workplace, "_SERVER", ("-P", "-c", server))
    runs = case.folder / "spawned"
    runs.mkdir()
    with RunServer() as spawning:
        spawned = execute(1, spawning, runs=runs)
    assert spawned.fault is None, spawned
    assert spawned.kpis == copied.kpis


def test_a_run_that_crashes_is_told_at_once_though_what_it_started_lives_on(
    case: Any, execute: Execute
) -> None:
    """A child of the run holds on to its pipe: it is ended too."""
    fork = "os.fork() or time.sleep(600)"
    case.scenario(f"(({fork}) and os._exit(7)) if now == 5 else None")
    case.campaign({"seed": {"seeds": 1}})
    outcome = execute(1, timeout_s=300.0)
    assert outcome.fault is Fault.CRASHED
    assert "exit code 7" in outcome.reason

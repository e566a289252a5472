"""Where jobs are executed: with the code that there is now, whatever happened to servers."""

import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from gridloom.scenarios.campaigns import run_process, workplace
from gridloom.scenarios.campaigns.campaign import read_campaign
from gridloom.scenarios.campaigns.conduct import planned_run
from gridloom.scenarios.campaigns.job import Job, StrangeWorkerError
from gridloom.scenarios.campaigns.loaded_code import code_stamp
from gridloom.scenarios.identity import own_code

_NOTE = "Path('server').write_text(str(os.getppid())) if now == 0 else None"
"""The parent of a run's process is the server."""


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch, case: Any) -> Iterator[Any]:
    """Give the workplace of this process, in the case's folder; in the end nothing is left."""
    monkeypatch.chdir(case.folder)
    monkeypatch.syspath_prepend(str(case.folder))
    fresh = workplace._Workplace()
    yield fresh
    for server in fresh._idle:
        server.close()


def _execute(place: Any, case: Any, number: int) -> int:
    """Run a point, and return which server was its parent."""
    point = read_campaign(case.file).point(number)
    planned = planned_run(point)
    runs = case.folder / "runs"
    runs.mkdir(exist_ok=True)
    outcome = place.execute(
        Job(point=point, digest=planned.digest, runs=runs, folder=planned.folder)
    )
    assert outcome.fault is None, outcome
    return int((case.folder / "server").read_text())


def test_a_server_is_used_again_but_not_with_code_of_yesterday(
    case: Any, place: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor one that has died meanwhile, as one may that loads what a run had to load."""
    case.scenario(_NOTE)
    case.campaign({"seed": {"seeds": 4}})
    first = _execute(place, case, 1)
    assert _execute(place, case, 2) == first
    monkeypatch.setattr(workplace, "code_stamp", lambda: (("gridloom/model.py", 1, 2),))
    second = _execute(place, case, 3)
    assert second != first
    assert not psutil.pid_exists(first)
    psutil.Process(second).kill()
    assert _execute(place, case, 4) != second


def test_a_copy_of_what_was_loaded_before_the_code_changed_runs_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its identity would be that of the new code, its results those of the old."""
    own_code.cache_clear()
    own_code()
    run_process._require_loaded_code()
    monkeypatch.setattr("gridloom.scenarios.identity.hashlib.sha256", _other_hash)
    with pytest.raises(StrangeWorkerError, match="gridloom has changed on"):
        run_process._require_loaded_code()
    monkeypatch.undo()
    own_code.cache_clear()


class _OtherHash:
    """As of files with another content."""

    def update(self, _content: bytes) -> None:
        """Take content."""

    def digest(self) -> bytes:
        """Return what no content has."""
        return b"other"


def _other_hash(*_content: bytes) -> _OtherHash:
    return _OtherHash()


def test_the_stamp_of_the_code_changes_with_any_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "rooms").mkdir()
    module = tmp_path / "rooms" / "model.py"
    module.write_text("x = 1")
    monkeypatch.setattr("gridloom.simulators.__path__", [str(tmp_path)])
    before = code_stamp()
    assert code_stamp() == before
    module.write_text("x = 10")
    changed = code_stamp()
    assert changed != before
    (tmp_path / "rooms" / "more.py").touch()
    assert code_stamp() != changed


def test_a_point_finds_its_files_whatever_the_working_directory(
    case: Any, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The campaign was named by a relative path; its plug-in lies beside it."""
    case.campaign({"seed": {"seeds": 1}})
    monkeypatch.chdir(case.folder)
    point = read_campaign(case.file.name).point(1)
    digest = planned_run(point).digest
    crossing = pickle.dumps(point)
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    assert planned_run(pickle.loads(crossing)).digest == digest  # noqa: S301 -- our own

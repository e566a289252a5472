"""Runs that were killed between their last step and their files, and power cuts at the very end."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest

from gridloom.scenarios.reader import read_scenario
from gridloom.scenarios.results.record import RunStatus, folder_lock, record_status
from gridloom.scenarios.run_folder import RunFolder
from gridloom.scenarios.runner import run_variant

Command: TypeAlias = Callable[..., tuple[int, str, str]]

STREET = """
name: street
start: 2021-06-21T17:00:00+02:00
duration: 2min
step_size: 10s
simulators:
  grid: {type: grid, network: {name: simple_four_bus_system}}
  load: {type: load, profile: {constant_kw: 1}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    """Return the folder of a run that is complete."""
    (tmp_path / "street.yaml").write_text(STREET)
    document = read_scenario(tmp_path / "street.yaml")
    return run_variant(document, None, tmp_path / "outputs", report=False).folder


def test_run_killed_before_its_record_had_its_name_is_finished(
    gridloom: Command, folder: RunFolder
) -> None:
    kpis = folder.kpis.read_bytes()
    folder.record.rename(folder.partial_record)
    folder.kpis.unlink()
    code, out, err = gridloom("recover", str(folder.path))
    assert (code, err) == (0, "")
    first, second, third = out.splitlines()
    assert first.startswith(f"{folder.partial_record}: nothing to do, complete, up to 0:02:00")
    assert second == "its run was killed after its last step and is finished now:"
    assert third == str(folder.record)
    assert folder.is_complete()
    assert not folder.partial_record.exists()
    assert folder.kpis.read_bytes() == kpis
    assert folder.report.exists()
    code, out, _ = gridloom("recover", str(folder.path))
    assert (code, len(out.splitlines())) == (0, 1)


def test_record_without_its_kpis_gets_them(gridloom: Command, folder: RunFolder) -> None:
    kpis = folder.kpis.read_bytes()
    folder.kpis.unlink()
    code, out, _ = gridloom("recover", str(folder.record))
    assert (code, out.splitlines()[-1]) == (0, str(folder.record))
    assert folder.kpis.read_bytes() == kpis


def test_record_of_somebody_else_stays_alone(
    gridloom: Command, folder: RunFolder, tmp_path: Path
) -> None:
    sent = tmp_path / "sent" / "record.h5"
    sent.parent.mkdir()
    folder.record.rename(sent)
    code, out, _ = gridloom("recover", str(sent))
    assert (code, len(out.splitlines())) == (0, 1)
    assert list(sent.parent.iterdir()) == [sent]


def test_run_that_is_being_evaluated_is_left_to_itself(
    gridloom: Command, folder: RunFolder
) -> None:
    folder.record.rename(folder.partial_record)
    with folder_lock(folder.path):
        code, out, err = gridloom("recover", str(folder.path))
    assert (code, out) == (2, "")
    assert "still goes on: it is being evaluated" in err
    assert record_status(folder.partial_record)[0] is RunStatus.COMPLETE


@pytest.mark.skipif(os.name == "nt", reason="folders cannot be written through there")
def test_files_are_on_the_disk_before_the_name_and_the_name_after(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.record.rename(folder.partial_record)
    places = {
        path.stat().st_ino: name
        for path, name in (
            (folder.path, "folder"),
            (folder.partial_record, "record"),
            (folder.kpis, "kpis"),
        )
    }
    done: list[tuple[str, bool]] = []

    def fsync(descriptor: int) -> None:
        done.append((places[os.fstat(descriptor).st_ino], folder.record.exists()))

    monkeypatch.setattr(os, "fsync", fsync)
    folder.finish()
    assert done == [("kpis", False), ("record", False), ("folder", True)]

"""`recover_record`: what a killed run has left becomes a record that any program opens."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import xarray as xr
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from gridloom.scenarios.results.record import (
    RunStatus,
    open_record,
    record_status,
    recover_record,
)
from gridloom.scenarios.results.record.superblock import Superblock, lookup3
from gridloom.simulators.errors import RecordError

_STATUS, _SUPERBLOCK_BYTES = 11, 48

_RUN = """
import json, os, sys
sys.path.insert(0, sys.argv[2])
from pathlib import Path
from conftest import START, _fleet, _grid, feed
from gridloom.scenarios.results.record import RecordWriter, folder_lock
path = Path(sys.argv[1])
with folder_lock(path.parent):
    writer = RecordWriter(
        path, start=START, models=[_grid(3600), _fleet(3600)],
        provenance={"scenario": json.dumps({"duration": "1h"}), "scenario_folders": "[]"},
    )
    print("writing", flush=True)
    for time_s in range(3600):
        feed(writer, [time_s])
        if time_s % int(sys.argv[3]) == 0:
            writer.flush()
        if time_s == int(sys.argv[4]):
            print("there", flush=True)
            sys.stdin.read()
    print("done", flush=True)
    sys.stdin.read()
"""


def _start(path: Path, flush_rows: int, pause_at_s: int) -> subprocess.Popen[str]:
    """Start a run that flushes every so many rows and waits at a second, and wait for it to."""
    command = [sys.executable, "-c", _RUN, str(path), str(Path(__file__).parent)]
    run = subprocess.Popen(
        [*command, str(flush_rows), str(pause_at_s)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert run.stdout is not None
    assert run.stdout.readline() == "writing\n"
    return run


def _kill(run: subprocess.Popen[str]) -> None:
    run.kill()
    run.communicate()
    assert run.returncode == -signal.SIGKILL


def _contents(path: Path) -> dict[str, Any]:
    """Return all variables of all models, as bytes, as `open_record` reads them."""
    with open_record(path) as record:
        return {
            f"{group}/{name}": (variable.dims, variable.dtype, variable.to_numpy().tobytes())
            if variable.dtype != object
            else list(variable.to_numpy())
            for group, node in record.children.items()
            for name, variable in node.to_dataset(inherit=False).variables.items()
        }


def _plain_rows(path: Path, model: str) -> dict[str, bytes]:
    """Return the rows of a model as plain h5py reads them: no SWMR."""
    with h5py.File(path, "r") as root:
        return {name: root[model][name][()].tobytes() for name in ("time", *_OUTPUTS[model])}


_OUTPUTS = {"grid": ("line_current_a", "losses_kw"), "ev": ("power_kw", "state_of_charge")}


def _require_ordinary(path: Path, contents: dict[str, Any]) -> None:
    """Make sure that any program reads the file, and everything that was to be read before."""
    assert _contents(path) == contents
    with h5py.File(path, "r") as root:
        assert "unfinished_rows" not in root
        for model, outputs in _OUTPUTS.items():
            times = root[model]["time"][()]
            np.testing.assert_array_equal(
                times, np.arange(len(times)) * (60 * (model == "ev") or 1)
            )
            for output in outputs:
                read = root[model][output][()]
                assert read.tobytes() == contents[f"{model}/{output}"][2]
    with xr.open_datatree(path, engine="h5netcdf") as tree:
        assert tree["grid"].sizes["time"] == len(contents["grid/time"][2]) // 8
    assert {each.name for each in path.parent.iterdir()} == {path.name}


@pytest.mark.skipif(sys.platform == "win32", reason="kills as POSIX does")
@pytest.mark.parametrize(
    ("flush_rows", "at_s", "reach"),
    [
        (1, 0, "0:00:01"),
        (7, 200, "0:03:17"),  # nothing is in its place; the last flush came after row 196
        (1, 359, "0:06:00"),  # the first block has just been written
        pytest.param(60, 400, "0:06:01", marks=pytest.mark.slow),
        (1, 1000, "0:16:41"),
    ],
)
def test_killed_run_becomes_an_ordinary_file(
    path: Path, flush_rows: int, at_s: int, reach: str
) -> None:
    run = _start(path, flush_rows, at_s)
    assert run.stdout is not None
    assert run.stdout.readline() == "there\n"
    _kill(run)
    with pytest.raises(OSError, match="open"):
        h5py.File(path, "r")
    before = _contents(path)
    recovery = recover_record(path)
    assert str(recovery) == f"{path}: recovered up to {reach} of 1:00:00"
    assert recovery.changed
    _require_ordinary(path, before)
    assert record_status(path) == (
        RunStatus.INTERRUPTED,
        f"the run was killed; recovered up to {reach} of 1:00:00",
    )


@pytest.mark.skipif(sys.platform == "win32", reason="kills as POSIX does")
@pytest.mark.parametrize(
    "delay_s", [0.0, *(pytest.param(s, marks=pytest.mark.slow) for s in (0.1, 0.4)), 0.25]
)
def test_run_killed_at_any_moment_keeps_every_row_that_could_be_read(
    path: Path, delay_s: float
) -> None:
    run = _start(path, 1, -1)
    time.sleep(delay_s)  # which moment it is does not matter
    _kill(run)
    before = _contents(path)
    recover_record(path)
    _require_ordinary(path, before)


@example(rows=350, more=20)  # a block is put in its place after the last flush
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=4)
@given(rows=st.integers(0, 800), more=st.integers(0, 400))
def test_rows_after_are_the_rows_before(
    new_writer: Any, feed: Any, tmp_path: Path, rows: int, more: int
) -> None:
    """The file as it is at any moment is what a kill would leave; a copy of it is recovered."""
    folder = tmp_path / f"{rows}-{more}-{time.monotonic_ns()}"
    folder.mkdir()
    writer = new_writer(rows=2000, to=tmp_path / f"{folder.name}.h5")
    feed(writer, range(rows))
    writer.flush()
    feed(writer, range(rows, rows + more))
    left = folder / "left.h5"
    shutil.copyfile(writer.path, left)
    writer.close(RunStatus.COMPLETE)
    before = _contents(left)
    recover_record(left)
    _require_ordinary(left, before)
    reached = len(before["grid/losses_kw"][2]) // 8
    assert reached >= rows
    np.testing.assert_array_equal(
        np.frombuffer(before["grid/losses_kw"][2]), 0.5 * np.arange(reached)
    )


def _left_behind(new_writer: Any, feed: Any, path: Path, rows: int) -> None:
    """Leave what a run killed after so many rows leaves."""
    writer = new_writer(rows=2000, to=path.with_name("written.h5"))
    feed(writer, range(rows))
    writer.flush()
    shutil.copyfile(writer.path, path)
    writer.close(RunStatus.COMPLETE)
    writer.path.unlink()


_DIES_WHILE_CLOSING = """
import os, sys
sys.path.insert(0, sys.argv[2])
from pathlib import Path
import h5py
from conftest import START, _fleet, _grid, feed
from gridloom.scenarios.results.record import RecordWriter, RunStatus
writer = RecordWriter(
    Path(sys.argv[1]), start=START, models=[_grid(1000), _fleet(1000)], provenance={}
)
feed(writer, range(500))
def die(self, name):
    if sys.argv[3] == "flushed":
        self.file.flush()
    os._exit(9)
h5py.Group.__delitem__ = die
writer.close(RunStatus.COMPLETE, attributes={"wall_time_s": 1.0})
"""


@pytest.mark.parametrize("moment", ["flushed", "unflushed"])
def test_run_killed_while_its_record_is_closed_keeps_all_rows(path: Path, moment: str) -> None:
    """The file is then open for writing, but no longer for readers: nobody can open it."""
    done = subprocess.run(
        [sys.executable, "-c", _DIES_WHILE_CLOSING, str(path), str(Path(__file__).parent), moment],
        check=False,
    )
    assert done.returncode == 9
    with pytest.raises(RecordError):
        open_record(path)
    recovery = recover_record(path)
    assert recovery.status is RunStatus.INTERRUPTED  # its summaries may be missing
    _require_ordinary(path, _contents(path))
    with open_record(path) as record:
        np.testing.assert_array_equal(record["grid"]["losses_kw"], 0.5 * np.arange(500))


def test_second_recovery_changes_nothing(new_writer: Any, feed: Any, path: Path) -> None:
    _left_behind(new_writer, feed, path, 500)
    recover_record(path)
    once = path.read_bytes()
    again = recover_record(path)
    assert not again.changed
    assert str(again) == f"{path}: nothing to do, interrupted, up to 0:08:20"
    assert path.read_bytes() == once


def test_complete_record_is_left_alone(new_writer: Any, feed: Any, path: Path) -> None:
    writer = new_writer()
    feed(writer, range(120))
    writer.close(RunStatus.COMPLETE)
    whole = path.read_bytes()
    recovery = recover_record(path)
    assert (recovery.changed, recovery.status) == (False, RunStatus.COMPLETE)
    assert path.read_bytes() == whole


def test_rows_that_a_full_disk_left_aside_are_put_in_place_and_the_failure_stays(
    new_writer: Any, feed: Any, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = new_writer(rows=1000)
    feed(writer, range(300))
    writer.flush()
    with monkeypatch.context() as patch:
        patch.setattr(h5py.Dataset, "__setitem__", _full)
        with pytest.raises(RecordError):  # noqa: PT012 -- at one of the two
            feed(writer, range(300, 400))
            writer.flush()
    writer.close(RunStatus.FAILED, message="disk full")
    before = _contents(path)
    assert recover_record(path).changed
    _require_ordinary(path, before)
    assert record_status(path) == (RunStatus.FAILED, "disk full")


def _full(*_: object) -> None:
    raise OSError(28, "no space left on device")


@pytest.mark.skipif(sys.platform == "win32", reason="kills as POSIX does")
def test_record_of_a_live_run_is_refused_and_left_alone(path: Path) -> None:
    run = _start(path, 1, 100)
    assert run.stdout is not None
    assert run.stdout.readline() == "there\n"
    written = path.read_bytes()
    with pytest.raises(RecordError, match="is being written by a run that still goes on"):
        recover_record(path)
    assert path.read_bytes() == written
    _kill(run)
    assert recover_record(path).reach_s == 101


def test_record_that_changes_while_it_is_copied_is_refused(
    new_writer: Any, feed: Any, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A writer outside of any run's folder holds no lock."""
    writer = new_writer(rows=1000)
    feed(writer, range(10))
    writer.flush()
    copyfile = shutil.copyfile

    def slowly(source: Path, target: Path) -> None:
        copyfile(source, target)
        feed(writer, range(10, 20))
        writer.flush()

    monkeypatch.setattr(shutil, "copyfile", slowly)
    with pytest.raises(RecordError, match="is being written by a run"):
        recover_record(path)
    writer.close(RunStatus.COMPLETE)
    with open_record(path) as record:
        assert record["grid"].sizes["time"] == 20


@pytest.mark.parametrize("share", [0.95, 0.7, 0.4, 0.1, 0.001])
def test_truncated_file_is_recovered_whole_or_refused_and_kept(
    new_writer: Any, feed: Any, path: Path, share: float
) -> None:
    _left_behind(new_writer, feed, path, 1500)
    before = _contents(path)
    os.truncate(path, int(path.stat().st_size * share))
    cut = path.read_bytes()
    try:
        recover_record(path)
    except RecordError:
        assert path.read_bytes() == cut
        assert list(path.parent.iterdir()) == [path]
    else:
        assert _contents(path) == before


@pytest.mark.parametrize("content", [b"", b"name: my_scenario\n", b"\x89HDF\r\n\x1a\n" + bytes(99)])
def test_what_is_no_record_is_refused(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(RecordError, match="is not a record of gridloom"):
        recover_record(path)
    assert path.read_bytes() == content


def test_other_hdf5_file_is_refused(path: Path) -> None:
    with h5py.File(path, "w", libver=("v110", "v110")) as root:
        root["run_status"] = 0
    with pytest.raises(RecordError, match="is not a record of gridloom"):
        recover_record(path)


def test_missing_file_is_said_to_be_missing(path: Path) -> None:
    with pytest.raises(RecordError, match="there is no record"):
        recover_record(path)


def test_damaged_superblock_is_refused(new_writer: Any, feed: Any, path: Path) -> None:
    _left_behind(new_writer, feed, path, 100)
    content = bytearray(path.read_bytes())
    content[30] ^= 1
    path.write_bytes(content)
    with pytest.raises(RecordError, match="is damaged in its first bytes"):
        recover_record(path)


def test_too_full_a_disk_is_said_before_anything_is_written(
    new_writer: Any, feed: Any, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _left_behind(new_writer, feed, path, 100)
    usage = shutil.disk_usage(path.parent)._replace(free=1_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(RecordError, match="1 MB are free on its disk"):
        recover_record(path)
    assert list(path.parent.iterdir()) == [path]


def test_disk_that_fills_up_meanwhile_leaves_the_old_file(
    new_writer: Any, feed: Any, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _left_behind(new_writer, feed, path, 100)
    old = path.read_bytes()
    monkeypatch.setattr(h5py.Dataset, "__setitem__", _full)
    with pytest.raises(RecordError, match=f"cannot write the record '{path}': No space"):
        recover_record(path)
    assert path.read_bytes() == old
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("kind", ["external link", "soft link", "external storage", "virtual"])
def test_record_that_reaches_into_other_files_is_refused(
    new_writer: Any, feed: Any, path: Path, tmp_path: Path, kind: str
) -> None:
    """Recovery writes: a file that was sent must not make it write elsewhere."""
    _left_behind(new_writer, feed, path, 100)
    recover_record(path)
    victim = tmp_path / "victim.h5"
    with h5py.File(victim, "w") as other:
        other["power"] = np.zeros(3)
    kept = victim.read_bytes()
    with h5py.File(path, "r+") as root:
        root["run_status"][()] = RunStatus.RUNNING
        if kind == "external link":
            root["grid/lure"] = h5py.ExternalLink(str(victim), "/power")
        elif kind == "soft link":
            root["grid/lure"] = h5py.SoftLink("/ev")
        elif kind == "virtual":
            layout = h5py.VirtualLayout(shape=(3,), dtype=float)
            layout[:] = h5py.VirtualSource(str(victim), "power", shape=(3,))
            root["grid"].create_virtual_dataset("lure", layout)
        else:
            stored = [(str(victim), 0, h5py.h5f.UNLIMITED)]
            root["grid"].create_dataset("lure", shape=(3,), dtype=float, external=stored)
    with pytest.raises(RecordError, match="'/grid/lure' lies elsewhere"):
        recover_record(path)
    assert victim.read_bytes() == kept


def test_link_to_a_record_stays_a_link(new_writer: Any, feed: Any, path: Path) -> None:
    _left_behind(new_writer, feed, path, 100)
    link = path.with_name("link.h5")
    link.symlink_to(path.name)
    recover_record(link)
    assert link.is_symlink()
    assert record_status(path)[0] is RunStatus.INTERRUPTED


def test_checksum_is_that_of_hdf5(tmp_path: Path) -> None:
    # Expected value: Bob Jenkins, lookup3.c (2006), driver5: hashlittle with initval 0.
    assert lookup3(b"Four score and seven years ago") == 0x17770551
    assert lookup3(b"") == 0xDEADBEEF
    for size in range(3):  # HDF5's own checksums of files of different length
        path = tmp_path / f"{size}.h5"
        with h5py.File(path, "w", libver=("v110", "v110")) as root:
            root["x"] = np.zeros(1000 * size)
        raw = path.read_bytes()
        assert int.from_bytes(raw[44:_SUPERBLOCK_BYTES], "little") == lookup3(raw[:44])
        superblock = Superblock.read(path)
        assert (superblock.is_closed, superblock.end) == (True, len(raw))


def test_superblock_is_written_as_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "empty.h5"
    h5py.File(path, "w", libver=("v110", "v110")).close()
    raw = path.read_bytes()
    Superblock.read(path).closed_at(len(raw)).write(path)
    assert path.read_bytes() == raw
    marked = bytearray(raw)
    marked[_STATUS] = 5  # open for writing, SWMR
    marked[44:48] = lookup3(bytes(marked[:44])).to_bytes(4, "little")
    path.write_bytes(marked)
    assert not Superblock.read(path).is_closed


def test_a_scenario_that_tells_no_duration_does_not_hinder(
    new_writer: Any, feed: Any, path: Path
) -> None:
    _left_behind(new_writer, feed, path, 61)
    with pytest.raises(ValueError, match="Expecting value"):
        json.loads("x" * 10)  # which is what the fixture's scenario is made of
    assert str(recover_record(path)).endswith("recovered up to 0:01:01")

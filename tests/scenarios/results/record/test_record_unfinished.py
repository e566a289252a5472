"""Records of runs that still go on, were killed, or ran out of disk."""

import errno
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from gridloom.scenarios.results.record import RunStatus, open_record, record_status
from gridloom.simulators.errors import RecordError

_READER = """
import sys
from pathlib import Path
from gridloom.scenarios.results.record import open_record, record_status
path = Path(sys.argv[1])
for _ in sys.stdin:
    with open_record(path) as record:
        losses = record["grid"]["losses_kw"].values
        status = record_status(path)[0].name
        print(status, len(losses), losses.sum(), record["ev"].sizes["time"], flush=True)
"""


def test_another_process_sees_flushed_rows_while_the_run_goes_on(
    new_writer: Any, feed: Any, path: Path
) -> None:
    writer = new_writer(rows=1000)
    with subprocess.Popen(
        [sys.executable, "-c", _READER, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as reader:
        commands, answers = reader.stdin, reader.stdout
        assert commands is not None
        assert answers is not None

        def read() -> list[str]:
            commands.write("\n")
            commands.flush()
            return answers.readline().split()

        assert read() == ["RUNNING", "0", "0.0", "0"]
        feed(writer, range(100))
        writer.flush()
        feed(writer, range(100, 103))  # in memory only
        # sum 0.5 t for t < 100 is 0.5 * 4950
        assert read() == ["RUNNING", "100", "2475.0", "2"]
        feed(writer, range(103, 500))  # one block of 360 rows is in its place now
        writer.flush()
        assert read() == ["RUNNING", "500", "62375.0", "9"]
        writer.close(RunStatus.COMPLETE)
        assert read() == ["COMPLETE", "500", "62375.0", "9"]


def test_block_beyond_the_last_flush_does_not_count(
    new_writer: Any, feed: Any, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gridloom.scenarios.results.record.writer._FLUSH_INTERVAL_S", float("inf"))
    writer = new_writer(rows=1000)
    feed(writer, range(100))
    writer.flush()
    feed(writer, range(100, 400))
    with open_record(path) as record:
        np.testing.assert_array_equal(record["grid"]["losses_kw"], 0.5 * np.arange(100))
    writer.close(RunStatus.COMPLETE)


def test_rows_laid_aside_join_on_demand(new_writer: Any, feed: Any, path: Path) -> None:
    """360 rows are in their place, 40 laid aside: any selection is that of the whole."""
    writer = new_writer(rows=1000)
    feed(writer, range(400))
    writer.flush()
    whole = np.arange(400)[:, None, None] + np.arange(1, 10).reshape(3, 3) / 10
    with open_record(path) as record:
        current = record["grid"].to_dataset()["line_current_a"]
        assert not current.variable._in_memory
        for rows in (
            slice(None),
            slice(350, 370),
            slice(0, 10),
            slice(365, 380, 3),
            slice(3, 400, 7),
            slice(None, None, -1),
            slice(390, 340, -4),
            -1,
            359,
            360,
            [5, 399, 360],
        ):
            np.testing.assert_allclose(current.isel(time=rows), whole[rows], rtol=1e-15)
        np.testing.assert_allclose(
            current.sel(line="L2", phase="c")[355:365], whole[355:365, 1, 2], rtol=1e-15
        )
        steps = np.diff(current["time"].values)
        assert set(steps) == {np.timedelta64(1, "s")}
    writer.close(RunStatus.COMPLETE)


_HOLDER = """
import sys
from pathlib import Path
from gridloom.scenarios.results.record import open_record
with open_record(Path(sys.argv[1])) as record:
    print("open", flush=True)
    sys.stdin.readline()
    print(record["grid"]["losses_kw"].values.sum(), flush=True)
"""


def test_reader_that_holds_the_file_does_not_keep_the_run_from_ending(
    new_writer: Any, feed: Any, path: Path
) -> None:
    writer = new_writer(rows=1000)
    feed(writer, range(400))
    writer.flush()
    with subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as reader:
        assert reader.stdout is not None
        assert reader.stdout.readline() == "open\n"
        writer.close(RunStatus.COMPLETE, attributes={"wall_time_s": 1.0})
        output, _ = reader.communicate("\n")
    assert output == "39900.0\n"  # sum 0.5 t for t < 400
    assert record_status(path) == (RunStatus.COMPLETE, "")


_KILLED = """
import os, sys
sys.path.insert(0, sys.argv[2])
from pathlib import Path
from conftest import START, _fleet, _grid, feed
from gridloom.scenarios.results.record import RecordWriter
writer = RecordWriter(
    Path(sys.argv[1]), start=START, models=[_grid(1000), _fleet(1000)], provenance={}
)
feed(writer, range(int(sys.argv[3])))
writer.flush()
feed(writer, range(int(sys.argv[3]), int(sys.argv[3]) + 50))
os._exit(9)
"""


@pytest.mark.parametrize("rows", [50, 500])
def test_killed_run_loses_nothing_that_was_flushed(path: Path, rows: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _KILLED, str(path), str(Path(__file__).parent), str(rows)],
        check=False,
    )
    assert done.returncode == 9
    assert record_status(path) == (RunStatus.RUNNING, "")
    with open_record(path) as record:
        np.testing.assert_array_equal(record["grid"]["losses_kw"], 0.5 * np.arange(rows))


@pytest.mark.parametrize("share", [0.98, 0.5, 0.02])
def test_a_truncated_copy_is_refused_at_once(
    new_writer: Any, feed: Any, path: Path, share: float
) -> None:
    # HDF5's own reader would wait for the missing bytes to be written.
    writer = new_writer(rows=1000)
    feed(writer, range(300))
    writer.close(RunStatus.COMPLETE)
    length = path.stat().st_size
    os.truncate(path, int(length * share))
    with pytest.raises(RecordError, match=f"is truncated: {int(length * share)} of {length} bytes"):
        open_record(str(path))


def test_full_disk_stops_the_run_and_keeps_what_was_flushed(
    new_writer: Any, feed: Any, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = new_writer(rows=1000)
    feed(writer, range(300))
    writer.flush()

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "a page of HDF5's own text")

    with monkeypatch.context() as patch:
        patch.setattr(h5py.Dataset, "__setitem__", full)
        with pytest.raises(RecordError, match=os.strerror(errno.ENOSPC)):  # noqa: PT012 -- at one
            feed(writer, range(300, 400))
            writer.flush()  # waits for the block of row 359
    with pytest.raises(RecordError, match="could not be written"):
        writer.flush()
    writer.close(RunStatus.FAILED, message="disk full", summaries={"grid": {"unsolved": 1.0}})
    assert record_status(path) == (RunStatus.FAILED, "disk full")
    with open_record(path) as record:
        np.testing.assert_array_equal(record["grid"]["losses_kw"], 0.5 * np.arange(300))
        assert record["grid"].attrs["unsolved"] == 1.0


_TOO_LARGE = """
import resource, sys
sys.path.insert(0, sys.argv[2])
from pathlib import Path
import numpy as np
from conftest import START, _fleet, _grid, feed
from gridloom.scenarios.results.record import RecordWriter, RunStatus
from gridloom.simulators.errors import RecordError
writer = RecordWriter(
    Path(sys.argv[1]), start=START, models=[_grid(10**6), _fleet(10**6)], provenance={},
    compression="none",
)
# A reader takes a file whose last hundredth is missing: more than the chunk that does not fit
resource.setrlimit(resource.RLIMIT_FSIZE, (5 * 10**6, resource.RLIM_INFINITY))
try:
    feed(writer, range(10**6))
except RecordError as error:
    print(error)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="file size limits are POSIX")
def test_write_that_the_system_refuses_leaves_a_readable_record(path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _TOO_LARGE, str(path), str(Path(__file__).parent)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert os.strerror(errno.EFBIG) in done.stdout
    with open_record(path) as record:
        losses = record["grid"].to_dataset()["losses_kw"].values
        np.testing.assert_array_equal(losses, 0.5 * np.arange(len(losses)))

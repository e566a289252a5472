"""Chunks are encoded in the background: readers find what HDF5 itself would have written."""

import subprocess
import sys
import threading
import zlib
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from gridloom.scenarios.results.record import (
    RecordedModel,
    RecordWriter,
    RunStatus,
    compressor,
    open_record,
    recover_record,
)
from gridloom.scenarios.results.record.chunks import encode
from gridloom.scenarios.results.record.compressor import Chunks
from gridloom.simulators.errors import RecordError
from gridloom.simulators.model import Dimension, Direction, ElementSet, Port
from gridloom.simulators.signals import BUS_VOLTAGE

BLOCK = 360
"""Rows of a full block of these small models."""


def _columns(rows: int = BLOCK) -> np.ndarray[Any, Any]:
    """Return columns of every kind that a record holds: (time, 11)."""
    rng = np.random.default_rng(7)
    step = np.arange(rows)
    columns = [
        np.full(rows, 0.0),
        np.full(rows, -0.0),
        np.full(rows, np.nan),
        np.where(step % 3, np.inf, -np.inf),
        rng.random(rows),
        rng.integers(0, 2**63, rows).view(np.float64),  # every bit is noise
        1 + 1e-3 * rng.random(rows),
        np.repeat(rng.random(rows), 60)[:rows],
        step * 0.1,
        np.sin(step / 50),
        np.where(step < rows // 2, 0.0, rng.random(rows)),
    ]
    return np.column_stack(columns)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("width", [1, 2, 4, 11])
def test_hdf5_decodes_every_chunk(tmp_path: Path, dtype: Any, width: int) -> None:
    """HDF5's own filters are the reference, also for what they find in a padded chunk."""
    with np.errstate(over="ignore", invalid="ignore"):
        rows = _columns().astype(dtype)
    with h5py.File(tmp_path / "chunks.h5", "w") as root:
        dataset = root.create_dataset(
            "rows",
            shape=rows.shape,
            chunks=(BLOCK, width),
            dtype=dtype,
            compression="gzip",
            shuffle=True,
        )
        for number, chunk in enumerate(encode(rows, width, "gzip")):
            dataset.id.write_direct_chunk((0, number * width), chunk)
    with h5py.File(tmp_path / "chunks.h5") as root:
        assert root["rows"][()].tobytes() == rows.tobytes()


def test_without_compression_chunks_are_the_values() -> None:
    rows = _columns()
    first, second = encode(rows, 8, "none")
    assert first == np.ascontiguousarray(rows[:, :8]).tobytes()
    padded = np.frombuffer(second).reshape(BLOCK, 8)
    assert padded[:, :3].tobytes() == np.ascontiguousarray(rows[:, 8:]).tobytes()
    assert np.isnan(padded[:, 3:]).all()


def test_a_part_of_a_wider_block_is_encoded_alike() -> None:
    """The columns of one port lie between those of others."""
    rows = np.tile(_columns(), (1, 3))
    assert encode(rows[:, 11:22], 4, "gzip") == encode(_columns(), 4, "gzip")


def test_many_chunks_are_encoded_as_each_alone() -> None:
    rows = np.random.default_rng(3).random((BLOCK, 3000)).cumsum(axis=0)
    together = encode(rows, 16, "gzip")
    alone = [encode(rows[:, at : at + 16], 16, "gzip")[0] for at in range(0, 3000, 16)]
    assert together == alone


def _shuffled(rows: np.ndarray[Any, Any]) -> bytes:
    return rows.view(np.uint8).reshape(-1, 8).T.tobytes()


def test_noise_is_stored_and_the_rest_compressed() -> None:
    """Reference: zlib at its best on the same bytes; noise adds no more than its block headers."""
    noise = np.random.default_rng(1).integers(0, 2**63, (BLOCK, 16)).view(np.float64)
    assert len(encode(noise, 16, "gzip")[0]) < noise.nbytes + 100
    measured = np.ascontiguousarray(1 + 1e-4 * np.random.default_rng(2).random((BLOCK, 16)))
    (chunk,) = encode(measured, 16, "gzip")
    assert zlib.decompress(chunk) == _shuffled(measured)
    assert len(chunk) < 1.05 * len(zlib.compress(_shuffled(measured), 9))


def test_values_that_hold_for_a_while_are_no_noise() -> None:
    """A profile of one value a minute has random digits, each 60 times: 6 of 360 rows differ."""
    profile = np.repeat(np.random.default_rng(5).random((6, 16)), 60, axis=0)
    (chunk,) = encode(profile, 16, "gzip")
    assert len(chunk) < 0.1 * profile.nbytes


class _Gate:
    """Keeps the compressor's threads waiting until somebody waits for them."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.is_open = threading.Event()
        self.waits = 0
        wait = Chunks.wait

        def gated(*arguments: Any) -> list[bytes]:
            self.is_open.wait()
            return encode(*arguments)

        def opening(chunks: Chunks) -> list[list[bytes]]:
            self.waits += 1
            self.is_open.set()
            return wait(chunks)

        patch.setattr(compressor, "encode", gated)
        patch.setattr(Chunks, "wait", opening)


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> _Gate:
    monkeypatch.setattr("gridloom.scenarios.results.record.writer._FLUSH_INTERVAL_S", float("inf"))
    return _Gate(monkeypatch)


def _require_rows(path: Path, rows: int) -> None:
    with open_record(path) as record:
        np.testing.assert_array_equal(record["grid"]["losses_kw"], 0.5 * np.arange(rows))
        np.testing.assert_array_equal(
            record["ev"].to_dataset()["power_kw"][:, 1], -60.0 * np.arange(-(-rows // 60))
        )


def test_the_run_waits_once_two_blocks_are_full(
    gate: _Gate, new_writer: Any, feed: Any, path: Path
) -> None:
    writer = new_writer(rows=2000)
    feed(writer, range(2 * BLOCK - 1))
    assert gate.waits == 0
    feed(writer, [2 * BLOCK - 1])
    assert gate.waits == 1
    feed(writer, range(2 * BLOCK, 2000))
    writer.close(RunStatus.COMPLETE)
    _require_rows(path, 2000)


def test_flush_waits_for_the_block_on_its_way(
    gate: _Gate, new_writer: Any, feed: Any, path: Path
) -> None:
    writer = new_writer(rows=2000)
    feed(writer, range(BLOCK + 40))
    assert gate.waits == 0
    writer.flush()
    _require_rows(path, BLOCK + 40)
    writer.close(RunStatus.COMPLETE)


def test_rows_laid_aside_stay_readable_while_their_block_is_compressed(
    gate: _Gate, new_writer: Any, feed: Any, path: Path
) -> None:
    writer = new_writer(rows=2000)
    feed(writer, range(300))
    writer.flush()
    feed(writer, range(300, BLOCK + 100))
    assert gate.waits == 0
    _require_rows(path, 300)
    writer.flush()
    _require_rows(path, BLOCK + 100)
    writer.close(RunStatus.COMPLETE)


@pytest.mark.parametrize("status", [RunStatus.COMPLETE, RunStatus.INTERRUPTED])
def test_close_waits_for_the_block_on_its_way(
    gate: _Gate, new_writer: Any, feed: Any, path: Path, status: RunStatus
) -> None:
    writer = new_writer(rows=2000)
    feed(writer, range(BLOCK + 40))
    writer.close(status)
    assert gate.waits
    _require_rows(path, BLOCK + 40)
    assert not [each for each in threading.enumerate() if each.name.startswith("gridloom-record")]


def test_failure_of_a_thread_is_raised_in_the_run_and_keeps_what_was_flushed(
    new_writer: Any, feed: Any, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = new_writer(rows=2000)
    feed(writer, range(300))
    writer.flush()

    def fail(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(compressor, "encode", fail)
    with pytest.raises(RecordError, match="cannot be compressed for the record: MemoryError"):  # noqa: PT012 -- at one of the two
        feed(writer, range(300, 400))
        writer.flush()
    with pytest.raises(RecordError, match="could not be written"):
        writer.flush()
    writer.close(RunStatus.FAILED, message="no memory")
    _require_rows(path, 300)
    recover_record(path)
    _require_rows(path, 300)


def test_chunks_do_not_depend_on_the_number_of_threads(
    new_writer: Any, feed: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored: list[list[bytes]] = []
    for threads in (1, 3):
        monkeypatch.setattr(compressor, "_threads", lambda number=threads: number)
        to = tmp_path / f"{threads}.h5"
        writer = new_writer(rows=800, to=to)
        feed(writer, range(800))
        writer.close(RunStatus.COMPLETE)
        stored.append(_stored_chunks(to))
    assert stored[0] == stored[1]
    assert len(stored[0]) == 8  # 2 ports of the grid in 3 blocks, 2 of the fleet in 1


def _stored_chunks(path: Path) -> list[bytes]:
    with h5py.File(path) as root:
        return [
            dataset.id.read_direct_chunk(dataset.id.get_chunk_info(number).chunk_offset)[1]
            for group in (root["grid"], root["ev"])
            for dataset in group.values()
            if "cell_methods" in dataset.attrs
            for number in range(dataset.id.get_num_chunks())
        ]


def test_datasets_say_how_to_decode_them(new_writer: Any, feed: Any, path: Path) -> None:
    writer = new_writer(rows=800)
    feed(writer, range(800))
    writer.close(RunStatus.COMPLETE)
    with h5py.File(path) as root:
        current = root["grid/line_current_a"]
        assert (current.compression, current.compression_opts, current.shuffle) == ("gzip", 1, True)
        assert current.id.get_chunk_info(0).filter_mask == 0


_LEFT = """
import sys, time
sys.path.insert(0, sys.argv[2])
from pathlib import Path
from conftest import START, _fleet, _grid, feed
from gridloom.scenarios.results.record import RecordWriter, compressor
writer = RecordWriter(
    Path(sys.argv[1]), start=START, models=[_grid(1000), _fleet(1000)], provenance={}
)
feed(writer, range(300))
writer.flush()
if sys.argv[3] == "killed":
    compressor.encode = lambda *_: time.sleep(600)
feed(writer, range(300, 500))
print("there", flush=True)
if sys.argv[3] == "killed":
    sys.stdin.read()
"""


@pytest.mark.parametrize("end", ["killed", "left"])
def test_process_that_ends_while_a_block_is_compressed(path: Path, end: str) -> None:
    """Killed, or left without `close`: it ends, and what was flushed is read and recovered."""
    command = [sys.executable, "-c", _LEFT, str(path), str(Path(__file__).parent), end]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "there\n"
        if end == "killed":
            process.kill()
        process.communicate(timeout=60)
    _require_rows(path, 300)
    recover_record(path)
    _require_rows(path, 300)


@pytest.mark.parametrize("float32", [False, True])
def test_chunks_of_a_very_wide_model_are_neither_tiny_nor_huge(path: Path, float32: bool) -> None:
    """165 000 buses in 3 phases: few rows wait in memory, so that a chunk takes more elements."""
    buses = ElementSet(kind="bus", owner="grid", names=tuple(map(str, range(165_000))))
    phases = Dimension(name="phase", labels=("a", "b", "c"))
    port = Port(
        signal=BUS_VOLTAGE, direction=Direction.OUTPUT, elements=buses, dimensions=(phases,)
    )
    model = RecordedModel(
        name="grid", type="grid", role="simulator", step_size=1, rows=10, ports=(port,)
    )
    from datetime import UTC, datetime

    writer = RecordWriter(
        path,
        start=datetime(2021, 1, 1, tzinfo=UTC),
        models=[model],
        provenance={},
        float32=float32,
    )
    sent = np.arange(495_000.0).reshape(165_000, 3)
    for second in range(10):
        writer.write("grid", second, {port.name: sent + second})
    writer.close(RunStatus.COMPLETE)
    with h5py.File(path) as root:
        voltage = root["grid"][port.name]
        rows = voltage.chunks[0]
        assert 2 * rows * 495_000 * 8 <= 64 * 1024**2
        assert 16_000 < np.prod(voltage.chunks) * voltage.dtype.itemsize < 64_000
        np.testing.assert_array_equal(voltage[9], (sent + 9).astype(voltage.dtype))

"""Writes a record while the run goes on: cheap for the run, readable at any time, safe when killed.

Rows are collected in memory and written in whole chunks, so that each chunk is compressed once, in
the background. At least every second of wall time all chunks on their way are awaited and the rows
that fill no chunk yet are laid aside in the file as they are (`unfinished_rows`); a reader joins
both parts, and `close` puts them in their place.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

import h5py
import numpy as np

from gridloom.scenarios.results.record.compressor import Compressor
from gridloom.scenarios.results.record.disk import Reserve, check_space, write_errors
from gridloom.scenarios.results.record.layout import (
    COMMITTED,
    FAILURE,
    SCHEMA_ATTRIBUTE,
    SCHEMA_VERSION,
    STATUS,
    UNFINISHED,
    Compression,
    RecordedModel,
    RunStatus,
)
from gridloom.scenarios.results.record.structure import Storage, write_scalar
from gridloom.scenarios.results.record.table import RecordTable
from gridloom.simulators.errors import RecordError
from gridloom.simulators.model import FloatArray

_FORMAT = ("v110", "v110")
"""Oldest HDF5 format that can be read while it is written; HDF5 1.10 to 2.x read it."""
_FLUSH_INTERVAL_S = 1.0
"""Wall time after which a row is safe from the end of the process."""
_BLOCK_ROWS = 360
"""Length of a chunk in time: longer reads faster, shorter holds less in memory."""
_BUFFER_BYTES = 64 * 1024**2
"""Most memory for rows that wait, all models together; their chunks come on top."""
_BLOCKS = 2
"""Of each model: one fills while the other is compressed."""
_EXPECTED_COMPRESSION = 0.6
"""Measured: 0.4 to 0.8, see docs/records.md."""


class RecordWriter:
    """The record of one run, open for writing.

    The constructor creates the file; `write` takes one row of one model, in order of time;
    `advance` says up to when all rows have come; `close` ends the record and says how the run
    ended. After a write that failed (`RecordError`) only `close` may follow; what was flushed
    before stays readable.
    """

    def __init__(
        self,
        path: Path,
        *,
        start: datetime,
        models: Sequence[RecordedModel],
        provenance: Mapping[str, str],
        compression: Compression = "gzip",
        float32: bool = False,
    ) -> None:
        """Create the file with every group, variable and attribute, ready for readers.

        Args:
            path: where; must not exist yet.
            start: begin of the scenario, aware of its time zone.
            models: what is recorded, one group each.
            provenance: further attributes of the file: scenario, seed, versions.
            compression: 'gzip' with byte shuffling, or 'none'.
            float32: record single precision (relative error 6e-8) instead of double.

        Raises:
            RecordError: the file exists, its folder does not, or the disk is nearly full.
        """
        self.path = path
        self._complete_until_s = 0
        self._blocks_on_their_way = False
        self._just_settled = False
        self._broken = False
        self._compressor = Compressor(compression)
        dtype = np.dtype(np.float32 if float32 else np.float64)
        storage = Storage(compression=compression, dtype=dtype, block_rows=_block_rows(models))
        check_space(path, _expected_size(models, dtype.itemsize, compression))
        with write_errors(path):
            # No chunk cache: blocks are whole chunks, and HDF5 shall hold back as little as can be
            self._file = h5py.File(
                path, "x", libver=_FORMAT, track_order=True, locking="best-effort", rdcc_nbytes=0
            )
        try:
            with write_errors(path):
                self._create_root(start, provenance)
                unfinished = self._file.create_group(UNFINISHED)
                self._tables = {
                    model.name: RecordTable(
                        self._file, unfinished, model, start, storage, self._compressor
                    )
                    for model in models
                }
                self._file.swmr_mode = True
                self._reserve = Reserve(path.parent)
        except BaseException:
            self._file.close()
            path.unlink()
            raise
        self._flushed_at = time.monotonic()

    def _create_root(self, start: datetime, provenance: Mapping[str, str]) -> None:
        root = self._file
        root.attrs["Conventions"] = "CF-1.10"
        root.attrs["title"] = "gridloom record of a run"
        root.attrs[SCHEMA_ATTRIBUTE] = SCHEMA_VERSION
        root.attrs["start"] = start.isoformat()
        for name, text in provenance.items():
            root.attrs[name] = text
        self._status = write_scalar(
            root,
            STATUS,
            np.int8(RunStatus.RUNNING),
            {
                "flag_values": np.array(list(RunStatus), dtype=np.int8),
                "flag_meanings": " ".join(status.name.lower() for status in RunStatus),
            },
        )
        self._committed = write_scalar(
            root,
            COMMITTED,
            np.int64(0),
            {"units": "s", "long_name": "rows with a time since the start before it are valid"},
        )

    def write(self, model: str, time_s: int, outputs: Mapping[str, FloatArray]) -> None:
        """Take over one row: what ``model`` sent for the step that began at ``time_s``.

        Args:
            model: name of a recorded model.
            time_s: seconds since the start of the scenario; rows come in order, without gaps.
            outputs: port name to array of the port's shape; copied. Other names are ignored.

        Raises:
            RecordError: a row or a port is missing, or the file cannot be written.
        """
        table = self._tables[model]
        if table.append(time_s, outputs):
            with self._writing():
                table.seal()
            self._blocks_on_their_way = True

    def advance(self, time_s: int) -> None:
        """Note that every row with a time before ``time_s`` has come; flush when it is time to.

        Raises:
            RecordError: the file cannot be written.
        """
        self._complete_until_s = time_s
        if self._blocks_on_their_way:
            self._settle_what_is_there()
        waited_s = time.monotonic() - self._flushed_at
        # Just after a block there is nothing to wait for and little to lay aside
        due_s = _FLUSH_INTERVAL_S / 2 if self._just_settled else _FLUSH_INTERVAL_S
        self._just_settled = False
        if waited_s >= due_s:
            self.flush()

    def _settle_what_is_there(self) -> None:
        """Write the blocks to their place that are compressed by now."""
        with self._writing():
            for table in self._tables.values():
                if table.can_settle:
                    table.settle()
        self._just_settled = all(table.is_settled for table in self._tables.values())
        self._blocks_on_their_way = not self._just_settled

    def flush(self) -> None:
        """Make all complete rows readable for others, also if this process is killed.

        Raises:
            RecordError: the file cannot be written.
        """
        with self._writing():
            for table in self._tables.values():
                table.settle()
            for table in self._tables.values():
                table.lay_aside()
            self._file.flush()  # rows first: the counter must never run ahead of them
            self._committed[()] = self._complete_until_s
            self._committed.flush()
        self._flushed_at = time.monotonic()

    def close(
        self,
        status: RunStatus,
        *,
        message: str = "",
        attributes: Mapping[str, str | float] | None = None,
        summaries: Mapping[str, Mapping[str, float]] | None = None,
    ) -> None:
        """End the record.

        Args:
            status: how the run ended.
            message: why it did not complete.
            attributes: further attributes of the file, such as wall times.
            summaries: model name to further attributes of its group, such as counters.

        Raises:
            RecordError: the file cannot be written; what was flushed stays readable.
        """
        try:
            if not self._broken:
                with self._writing():
                    self._put_in_place(status)
                    self._file.close()
        finally:
            self._compressor.close()
            self._reserve.release()
        self._tell_end(status, message, attributes or {}, summaries or {})

    def _tell_end(
        self,
        status: RunStatus,
        message: str,
        attributes: Mapping[str, str | float],
        summaries: Mapping[str, Mapping[str, float]],
    ) -> None:
        # Attributes can be added only outside of SWMR; a reader's lock must not fail the run
        with (
            write_errors(self.path),
            h5py.File(self.path, "r+", libver=_FORMAT, locking=False) as root,
        ):
            root[STATUS][()] = status
            if message:
                root.attrs[FAILURE] = message
            for name, attribute in attributes.items():
                root.attrs[name] = attribute
            for model, counters in summaries.items():
                group = root.require_group(model)
                for name, counter in counters.items():
                    group.attrs[name] = counter
            if not self._broken:
                del root[UNFINISHED]

    def _put_in_place(self, status: RunStatus) -> None:
        for table in self._tables.values():
            table.seal()
        for table in self._tables.values():
            table.settle()
        self._file.flush()
        if status is RunStatus.COMPLETE:
            ends = [table.end_s for table in self._tables.values() if table.end_s]
            self._complete_until_s = max(self._complete_until_s, min(ends, default=0))
        self._committed[()] = self._complete_until_s

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Write to the file; if that fails, close it as it is and write no more."""
        if self._broken:
            raise RecordError(f"the record '{self.path}' could not be written and is closed")
        try:
            with write_errors(self.path):
                yield
        except RecordError:
            self._broken = True
            self._reserve.release()
            with suppress(OSError, RuntimeError):
                self._file.close()
            raise


def _block_rows(models: Sequence[RecordedModel]) -> int:
    """Return how many rows wait in memory: fewer where they are very wide."""
    columns = max(1, sum(model.columns for model in models))
    return max(1, min(_BLOCK_ROWS, _BUFFER_BYTES // (8 * columns * _BLOCKS)))


def _expected_size(
    models: Sequence[RecordedModel], value_bytes: int, compression: Compression
) -> float:
    """Return about how many bytes the record will have."""
    size = float(value_bytes * sum(model.rows * model.columns for model in models))
    return size * _EXPECTED_COMPRESSION if compression == "gzip" else size

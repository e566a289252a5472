"""Reads a record: finished, still running, or left behind by a run that was killed."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from gridloom.scenarios.results.record.layout import (
    FAILURE,
    SCHEMA_ATTRIBUTE,
    SCHEMA_VERSION,
    STATUS,
    UNFINISHED,
    RunStatus,
)
from gridloom.scenarios.results.record.rows import ValidRows, read_valid_rows
from gridloom.scenarios.results.record.superblock import Superblock
from gridloom.simulators.errors import RecordError

if TYPE_CHECKING:
    import xarray

_READ: Mapping[str, Any] = {"swmr": True, "locking": "best-effort"}
"""A mode that a writer, alive or killed, does not hinder."""
_WHOLE = 0.99
"""Share of a file that must be there."""


def record_status(path: Path) -> tuple[RunStatus, str]:
    """Return how the run of a record ended, and why if it did not complete.

    Raises:
        RecordError: the file is no record, or one of a newer schema.
    """
    with open_file(path) as root:
        return status_of(root, path)


def open_record(path: Path | str) -> "xarray.DataTree":
    """Open a record for analysis: one dataset a model, valid rows only, values read on demand.

    Works on finished records, on those being written (as they are now) and on those of killed
    runs. Close it when done, or use it in a `with` statement.

    Raises:
        RecordError: the file is no record, or one of a newer schema.
    """
    import xarray as xr

    path = Path(path)
    with open_file(path) as root, reading(path):
        valid = read_valid_rows(root)
    try:
        stored = xr.open_datatree(path, engine="h5netcdf", driver_kwds=dict(_READ))
    except FileNotFoundError:  # its run has ended meanwhile, and given it another name
        raise RecordError(f"there is no record '{path}'") from None
    record = xr.DataTree.from_dict(
        {"/": stored.to_dataset()}
        | {
            name: _with_rows(group.to_dataset(inherit=False), valid.get(name))
            for name, group in stored.children.items()
            if name != UNFINISHED
        }
    )
    record.set_close(stored.close)
    return record


def _with_rows(group: "xarray.Dataset", valid: ValidRows | None) -> "xarray.Dataset":
    """Restrict a group to its valid rows, and append those that are laid aside."""
    import xarray as xr

    if valid is None:  # a model that sent no rows, only its summary
        return group
    in_place = group.isel(time=slice(valid.in_place))
    if not valid.laid_aside:
        return in_place
    from gridloom.scenarios.results.record.joined import joined

    variables = {
        name: joined(variable, valid.laid_aside[str(name)])
        if str(name) in valid.laid_aside
        else variable
        for name, variable in in_place.variables.items()
    }
    return xr.Dataset(variables, attrs=group.attrs)


def open_file(path: Path) -> Any:
    """Open the HDF5 file of a record, be it written now or left behind by a killed run.

    Raises:
        RecordError: the file is no record, or one of a newer schema.
    """
    _refuse_truncated(path)
    try:
        root = h5py.File(path, "r", **_READ)
    except FileNotFoundError:
        raise RecordError(f"there is no record '{path}'") from None
    except (OSError, RuntimeError) as error:
        raise RecordError(f"'{path}' is not a record of gridloom: {error}") from error
    try:
        require_record(root, path)
    except BaseException:
        root.close()
        raise
    return root


def require_record(root: Any, path: Path) -> None:
    """Make sure that an open HDF5 file is a record that this version reads.

    Raises:
        RecordError: it is none.
    """
    with reading(path):
        schema = root.attrs.get(SCHEMA_ATTRIBUTE)
        has_status = STATUS in root
    if not isinstance(schema, int | np.integer) or not has_status:
        raise RecordError(f"'{path}' is not a record of gridloom")
    if schema > SCHEMA_VERSION:
        raise RecordError(
            f"'{path}' has schema {schema}, this gridloom reads up to {SCHEMA_VERSION}: upgrade it"
        )


def status_of(root: Any, path: Path) -> tuple[RunStatus, str]:
    """Return how the run of an open record ended, and why if it did not complete.

    Raises:
        RecordError: the record is damaged.
    """
    with reading(path):
        return RunStatus(int(root[STATUS][()])), str(root.attrs.get(FAILURE, ""))


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn whatever h5py raises about a file's content into a `RecordError`."""
    try:
        yield
    except (OSError, RuntimeError, LookupError, TypeError, ValueError) as error:
        raise RecordError(f"the record '{path}' is damaged: {error}") from error


def _refuse_truncated(path: Path) -> None:
    """Refuse a file that was closed and is shorter than it says, as after a broken copy.

    A reader in SWMR mode takes missing metadata for metadata still to be written and tries again,
    for hours. What a full disk did not take at the very end does no harm.
    """
    try:
        superblock = Superblock.read(path)
        length = path.stat().st_size
    except (RecordError, FileNotFoundError):
        return  # opening it properly says why; a run that ends gives its record another name
    if length < _WHOLE * superblock.end and superblock.is_closed:
        raise RecordError(f"'{path}' is truncated: {length} of {superblock.end} bytes are there")

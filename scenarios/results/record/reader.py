"""Reads a record: finished, still running, or left behind by a run that was killed."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py

from gridloom.scenarios.results.record.layout import (
    FAILURE,
    SCHEMA_ATTRIBUTE,
    SCHEMA_VERSION,
    STATUS,
    UNFINISHED,
    RunStatus,
)
from gridloom.scenarios.results.record.rows import ValidRows, read_valid_rows
from gridloom.simulators.errors import RecordError

if TYPE_CHECKING:
    import xarray

_READ: Mapping[str, Any] = {"swmr": True, "locking": "best-effort"}
"""A mode that a writer, alive or killed, does not hinder."""
_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_SUPERBLOCK_BYTES = 48
_SUPERBLOCK_VERSIONS = (2, 3)
_WHOLE = 0.99
"""Share of a file that must be there."""
_OPEN_FOR_WRITING = 11
"""Where the superblock has flags, none in a file that was closed."""
_END_OF_FILE = slice(28, 36)
"""Where the superblock has the address at which the file ends."""


def record_status(path: Path) -> tuple[RunStatus, str]:
    """Return how the run of a record ended, and why if it did not complete.

    Raises:
        RecordError: the file is no record, or one of a newer schema.
    """
    with _open(path) as root:
        return RunStatus(int(root[STATUS][()])), str(root.attrs.get(FAILURE, ""))


def open_record(path: Path | str) -> "xarray.DataTree":
    """Open a record for analysis: one dataset a model, valid rows only, values read on demand.

    Works on finished records, on those being written (as they are now) and on those of killed
    runs. Close it when done, or use it in a `with` statement.

    Raises:
        RecordError: the file is no record, or one of a newer schema.
    """
    import xarray as xr

    path = Path(path)
    with _open(path) as root:
        valid = read_valid_rows(root)
    stored = xr.open_datatree(path, engine="h5netcdf", driver_kwds=dict(_READ))
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


def _open(path: Path) -> Any:
    """Open the HDF5 file and make sure that it is a record this version reads."""
    _refuse_truncated(path)
    try:
        root = h5py.File(path, "r", **_READ)
    except FileNotFoundError:
        raise RecordError(f"there is no record '{path}'") from None
    except OSError as error:
        raise RecordError(f"'{path}' is not a record of gridloom: {error}") from error
    schema = root.attrs.get(SCHEMA_ATTRIBUTE)
    if schema is None or STATUS not in root:
        root.close()
        raise RecordError(f"'{path}' is not a record of gridloom")
    if schema > SCHEMA_VERSION:
        root.close()
        raise RecordError(
            f"'{path}' has schema {schema}, this gridloom reads up to {SCHEMA_VERSION}: upgrade it"
        )
    return root


def _refuse_truncated(path: Path) -> None:
    """Refuse a file that was closed and is shorter than it says, as after a broken copy.

    A reader in SWMR mode takes missing metadata for metadata still to be written and tries again,
    for hours. Superblocks of version 2 and 3, the only ones that a record has, tell the address of
    the end of the file and whether it is open for writing (HDF5 file format specification, II.A).
    What a full disk did not take at the very end does no harm.
    """
    try:
        with path.open("rb") as file:
            superblock = file.read(_SUPERBLOCK_BYTES)
            length = file.seek(0, os.SEEK_END)
    except OSError:
        return  # opening it properly says why
    is_complete = len(superblock) == _SUPERBLOCK_BYTES and superblock[8] in _SUPERBLOCK_VERSIONS
    if superblock.startswith(_SIGNATURE) and is_complete:
        end = int.from_bytes(superblock[_END_OF_FILE], "little")
        if length < _WHOLE * end and not superblock[_OPEN_FOR_WRITING]:
            raise RecordError(f"'{path}' is truncated: {length} of {end} bytes are there")

"""Reads a record: finished, still running, or left behind by a run that was killed."""

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


def record_status(path: Path) -> tuple[RunStatus, str]:
    """Return how the run of a record ended, and why if it did not complete.

    Raises:
        RecordError: the file is no record, or one of a newer schema.
    """
    with _open(path) as root:
        return RunStatus(int(root[STATUS][()])), str(root.attrs.get(FAILURE, ""))


def open_record(path: Path) -> "xarray.DataTree":
    """Open a record for analysis: one dataset a model, valid rows only, values read on demand.

    Works on finished records, on those being written (as they are now) and on those of killed
    runs. Close it when done, or use it in a `with` statement.

    Raises:
        RecordError: the file is no record, or one of a newer schema.
    """
    import xarray as xr

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

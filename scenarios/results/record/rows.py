"""Tells which rows of a record are valid, also while it is written or after its run was killed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import prod
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from gridloom.scenarios.results.record.layout import COMMITTED, STEP_SIZE, UNFINISHED
from gridloom.simulators.errors import RecordError

_ATTEMPTS = 20


@dataclass(frozen=True, kw_only=True)
class ValidRows:
    """The valid rows of one model."""

    in_place: int
    """How many stand in the model's own datasets, from the first."""
    laid_aside: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    """Variable name to the rows that follow, where they fill no chunk yet."""


def read_valid_rows(root: Any) -> dict[str, ValidRows]:
    """Return the valid rows of every model of an open HDF5 file, by the model's name.

    Raises:
        RecordError: a writer is faster than this reader, over and over again.
    """
    committed_s = int(root[COMMITTED][()])
    return {
        name: _of_model(root, name, -(-committed_s // int(group.attrs[STEP_SIZE])))
        for name, group in root.items()
        if isinstance(group, h5py.Group) and "time" in group
    }


def _of_model(root: Any, name: str, valid: int) -> ValidRows:
    """Return what is valid of one model's ``valid`` rows.

    The writer puts a block of rows in place before it lays the next rows aside over them: what
    is read from there counts only if no block came in the meantime.
    """
    group = root[name]
    ports = _ports(group)
    for _ in range(_ATTEMPTS):
        in_place = _rows_in_place(group, ports)
        if in_place >= valid or UNFINISHED not in root:
            return ValidRows(in_place=min(in_place, valid))
        table = root[UNFINISHED][name]["values"]
        table.refresh()
        rows = table[: valid - in_place]
        if _rows_in_place(group, ports) == in_place:
            return ValidRows(
                in_place=in_place, laid_aside=_by_variable(root, group, rows, in_place)
            )
    raise RecordError(f"'{root.filename}' changes faster than it can be read")


def _ports(group: Any) -> list[Any]:
    """Return the datasets with rows, in the order of the columns laid aside."""
    return [
        dataset
        for name, dataset in group.items()
        if name != "time" and "cell_methods" in dataset.attrs
    ]


def _rows_in_place(group: Any, ports: list[Any]) -> int:
    """Return how many rows every dataset has; a killed writer may have extended only some."""
    rows: list[int] = []
    for dataset in (group["time"], *ports):
        dataset.refresh()
        rows.append(dataset.shape[0])
    return min(rows)


def _by_variable(root: Any, group: Any, rows: NDArray[Any], first: int) -> dict[str, NDArray[Any]]:
    widths = [prod(port.shape[1:]) for port in _ports(group)]
    edges = np.cumsum([0, *widths])
    variables: dict[str, NDArray[Any]] = {
        port.name.rsplit("/", 1)[-1]: rows[:, left:right].reshape(len(rows), *port.shape[1:])
        for port, left, right in zip(_ports(group), edges[:-1], edges[1:], strict=True)
    }
    steps = np.arange(first, first + len(rows)) * int(group.attrs[STEP_SIZE])
    variables["time"] = _start(root) + steps.astype("timedelta64[s]").astype("timedelta64[ns]")
    return variables


def _start(root: Any) -> np.datetime64:
    start = datetime.fromisoformat(root.attrs["start"]).astimezone(UTC).replace(tzinfo=None)
    return np.datetime64(start, "ns")

"""Creates the groups, dimensions, variables and attributes of a record, all before the first row.

HDF5 allows neither new objects nor new attributes once a file may be read while it is written
(SWMR). The conventions are those of netCDF-4: dimension scales, `units`, CF time and cell methods.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from math import prod
from typing import Any

import h5py
import numpy as np

from gridloom.scenarios.results.record.chunks import GZIP_LEVEL
from gridloom.scenarios.results.record.layout import (
    MODEL_STEP_SIZE,
    STEP_SIZE,
    Compression,
    RecordedModel,
)
from gridloom.simulators.errors import RecordError
from gridloom.simulators.model import ElementSet, Port, StaticVariable

_TEXT = h5py.string_dtype("utf-8")
_CHUNK_BYTES = 45 * 1024
"""Size of a chunk before compression: small, so that the history of one element is read quickly,
but each chunk costs its writer some 20 microseconds."""
_BYTES_ALLOCATED_AT_ONCE = 256 * 1024
_ONLY_A_DIMENSION = "This is a netCDF dimension but not a netCDF variable.{:10d}"
"""How netCDF-4 names the scale of a dimension that has no coordinate variable."""


@dataclass(frozen=True, kw_only=True)
class Storage:
    """How arrays are stored."""

    compression: Compression
    dtype: np.dtype[Any]
    """Of the recorded values."""
    block_rows: int
    """Rows that are written together: the length of a chunk in time."""


def create_group(root: Any, model: RecordedModel, start: datetime, storage: Storage) -> Any:
    """Create the group of one model with all its datasets, and return it."""
    group = root.create_group(model.name, track_order=True)
    group.attrs["model_type"] = model.type
    group.attrs["role"] = model.role
    group.attrs[STEP_SIZE] = model.step_size
    if model.model_step_size is not None:
        group.attrs[MODEL_STEP_SIZE] = model.model_step_size
    for name, attribute in model.attributes.items():
        group.attrs[name] = attribute
    _create_time(group, model, start, storage)
    for elements in _element_sets(model).values():
        _create_elements(group, elements)
    for port in model.ports:
        _create_port(group, port, storage)
    for variable in model.static:
        _create_static(group, variable)
    return group


def create_unfinished_rows(root: Any, model: RecordedModel, storage: Storage) -> Any:
    """Create the table that holds rows until they fill a chunk, and return it.

    A compressed chunk that is rewritten takes new space every time (SWMR never reuses any), so
    rows wait here, uncompressed and overwritten in place.
    """
    group = root.create_group(model.name)
    columns = max(1, model.columns)
    rows_together = max(1, min(storage.block_rows, _BYTES_ALLOCATED_AT_ONCE // (8 * columns)))
    table = group.create_dataset(
        "values",
        shape=(storage.block_rows, columns),
        chunks=(rows_together, columns),
        dtype=storage.dtype,
    )
    for axis, (name, length) in enumerate((("row", storage.block_rows), ("column", columns))):
        table.dims[axis].attach_scale(_create_plain_scale(group, name, length))
    return table


def write_scalar(root: Any, name: str, value: np.generic, attributes: Mapping[str, Any]) -> Any:
    """Create a scalar variable of the root group, and return it."""
    dataset = root.create_dataset(name, data=value)
    for key, attribute in attributes.items():
        dataset.attrs[key] = attribute
    return dataset


def _create_time(group: Any, model: RecordedModel, start: datetime, storage: Storage) -> None:
    time = group.create_dataset(
        "time", shape=(0,), maxshape=(None,), chunks=(storage.block_rows,), dtype=np.int64
    )
    time.make_scale("time")
    epoch = start.astimezone(UTC).replace(tzinfo=None)
    time.attrs["standard_name"] = "time"
    covered = "step" if model.model_step_size is None else "row"
    time.attrs["long_name"] = f"start of the {covered}, UTC"
    time.attrs["units"] = f"seconds since {epoch.isoformat(sep=' ')}"
    time.attrs["calendar"] = "proleptic_gregorian"
    time.attrs["axis"] = "T"
    time.attrs["comment"] = (
        f"a value with cell method 'mean' holds over the {model.step_size} s from here, "
        "one with cell method 'point' at their end"
    )


def _element_sets(model: RecordedModel) -> dict[str, ElementSet]:
    sets: dict[str, ElementSet] = {}
    for port in model.ports:
        if port.elements is None:
            continue
        known = sets.setdefault(port.elements.kind, port.elements)
        if known.names != port.elements.names:
            raise RecordError(
                f"model '{model.name}' records two different sets of '{known.kind}': "
                "one group can hold one"
            )
    return sets


def _create_elements(group: Any, elements: ElementSet) -> None:
    _create_names(group, elements.kind, elements.names)
    points = elements.connection_points
    if points is not None and points != elements.names:
        name = f"{elements.kind}_connection_point"
        variable = group.create_dataset(name, data=list(points), dtype=_TEXT)
        variable.dims[0].attach_scale(group[elements.kind])
        variable.attrs["long_name"] = f"connection point of each {elements.kind}"


def _create_names(group: Any, dimension: str, names: tuple[str, ...]) -> None:
    scale = group.create_dataset(dimension, data=list(names), shape=(len(names),), dtype=_TEXT)
    scale.make_scale(dimension)


def _create_port(group: Any, port: Port, storage: Storage) -> None:
    shape = port.shape
    chunks = (storage.block_rows, *_chunk_of_row(shape, storage))
    dataset = group.create_dataset(
        port.name,
        shape=(0, *shape),
        maxshape=(
            None,
            *(length or None for length in shape),
        ),  # no chunks in an axis without length
        chunks=chunks,
        dtype=storage.dtype,
        fillvalue=np.nan,
        **_filters(storage.compression),
    )
    scales = ["time"]
    if port.elements is not None:
        scales.append(port.elements.kind)
    for dimension in port.dimensions:
        if dimension.name not in group:
            _create_names(group, dimension.name, dimension.labels)
        scales.append(dimension.name)
    _attach(group, dataset, tuple(scales))
    signal = port.signal
    dataset.attrs["units"] = signal.unit
    dataset.attrs["long_name"] = signal.long_name
    if signal.positive:
        dataset.attrs["positive"] = signal.positive
    dataset.attrs["cell_methods"] = f"time: {signal.cell_method}"
    dataset.attrs["_FillValue"] = np.full(1, np.nan, dtype=storage.dtype)


def _chunk_of_row(shape: tuple[int, ...], storage: Storage) -> tuple[int, ...]:
    """Return the part of one row that a chunk holds: whole trailing axes, some elements."""
    if not shape:
        return ()
    trailing = tuple(max(1, length) for length in shape[1:])
    bytes_of_element = storage.block_rows * storage.dtype.itemsize * prod(trailing)
    at_most = max(1, _CHUNK_BYTES // bytes_of_element)
    chunks = max(1, -(-shape[0] // at_most))
    return (max(1, -(-shape[0] // chunks)), *trailing)


def _filters(compression: Compression) -> dict[str, Any]:
    if compression == "none":
        return {}
    return {"compression": "gzip", "compression_opts": GZIP_LEVEL, "shuffle": True}


def _create_static(group: Any, variable: StaticVariable) -> None:
    values = np.asarray(variable.values)
    if values.ndim != len(variable.dimensions):
        raise RecordError(
            f"static variable '{variable.name}' of '{group.name.lstrip('/')}' has {values.ndim} "
            f"axes but names {len(variable.dimensions)} dimensions"
        )
    for dimension, length in zip(variable.dimensions, values.shape, strict=True):
        if dimension not in group and dimension != variable.name:
            _create_plain_scale(group, dimension, length)
    dataset = _create_values(group, variable.name, values)
    if variable.dimensions == (variable.name,):
        dataset.make_scale(variable.name)
    else:
        _attach(group, dataset, variable.dimensions)
    if variable.unit:
        dataset.attrs["units"] = variable.unit
    if variable.long_name:
        dataset.attrs["long_name"] = variable.long_name


def _create_plain_scale(group: Any, dimension: str, length: int) -> Any:
    scale = group.create_dataset(dimension, shape=(length,), dtype=">f4")
    scale.make_scale(_ONLY_A_DIMENSION.format(length))
    return scale


def _create_values(group: Any, name: str, values: np.ndarray[Any, Any]) -> Any:
    if values.dtype.kind in "UO":
        return group.create_dataset(name, data=values.astype(object), dtype=_TEXT)
    if values.dtype.kind == "b":  # netCDF knows no booleans
        values = values.astype(np.int8)
    return group.create_dataset(name, data=values)


def _attach(group: Any, dataset: Any, dimensions: tuple[str, ...]) -> None:
    for axis, dimension in enumerate(dimensions):
        scale = group[dimension]
        if dimension != "time" and scale.shape[0] != dataset.shape[axis]:
            raise RecordError(
                f"'{dataset.name.lstrip('/')}' has {dataset.shape[axis]} values along "
                f"'{dimension}', which has {scale.shape[0]}"
            )
        dataset.dims[axis].attach_scale(scale)

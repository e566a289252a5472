"""Profiles from a dataset in an HDF5 file, read block by block."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field

from gridloom.simulators.errors import listing, nearest
from gridloom.simulators.model import BuildContext, FloatArray
from gridloom.simulators.profiles.series import ElapsedSeries, Series
from gridloom.simulators.profiles.table import wrong
from gridloom.simulators.profiles.wide_csv import KILOWATTS, PowerUnit, column_names, cover, regular
from gridloom.simulators.quantities import Config, Duration, InputFile

_ROWS_AT_ONCE = 1 << 14


class Hdf5Profile(Config):
    """Power from a dataset (time, element) in an HDF5 file.

    The dataset's attribute `elements` names its columns; without it the columns are the model's
    elements in order. Its attribute `time_s` has the times of the rows in seconds since the
    scenario's start; without it the first row is at the start and `interval` says the rest.
    """

    file: InputFile
    """The HDF5 file."""
    dataset: str
    """Path of the dataset within the file."""
    unit: PowerUnit = "kW"
    """Unit of the values."""
    interval: Duration | None = None
    """Time from row to row, for a dataset that has neither attribute `interval_s` nor `time_s`."""
    columns: dict[str, str] = Field(default_factory=dict)
    """Which column belongs to which element; those left out have the column of their name."""


def open_hdf5(
    config: Hdf5Profile, context: BuildContext, elements: Sequence[str], until_s: int
) -> Series:
    """Open the columns of ``elements`` as a series in kW.

    Raises:
        ScenarioError: the file is missing, malformed, or shorter than ``until_s``.
    """
    import h5py

    path = context.file(config.file, "file")
    try:
        with h5py.File(path, "r") as file:
            dataset = _dataset(path, file, config.dataset)
            first, interval = _times(path, dataset, config.interval)
            cover(path, first, interval, len(dataset), until_s)
            columns = _columns(path, dataset, config, elements)
            _all_finite(path, dataset, columns)
    except OSError as error:
        raise wrong(path, f"is not an HDF5 file: {error}") from None
    scale = KILOWATTS[config.unit]

    def rows(start: int, stop: int) -> FloatArray:
        with h5py.File(path, "r") as file:
            block: FloatArray = np.asarray(file[config.dataset][start:stop], dtype=np.float64)
        return block[:, columns] * scale

    source = f"file: {path.name}{config.dataset}"
    return ElapsedSeries(rows, first_s=first, interval_s=interval, description=source)


def _dataset(path: Path, file: Any, name: str) -> Any:
    import h5py

    names: list[str] = []
    file.visititems(lambda key, item: names.append(key) if isinstance(item, h5py.Dataset) else None)
    if name.strip("/") not in names:
        raise wrong(
            path,
            f"there is no dataset '{name}'",
            expected=listing(names) or "a dataset (time, element)",
            suggestion=nearest(name.strip("/"), names),
        )
    dataset = file[name]
    if dataset.ndim != 2 or dataset.dtype.kind not in "fiu" or not dataset.size:  # noqa: PLR2004
        found = f"'{name}' has shape {dataset.shape} and type {dataset.dtype}"
        raise wrong(path, found, expected="numbers (time, element)")
    return dataset


def _times(path: Path, dataset: Any, interval: int | None) -> tuple[int, int]:
    """Return the time of the first row and the interval, in seconds."""
    if "time_s" in dataset.attrs:
        times = np.asarray(dataset.attrs["time_s"], dtype=np.float64)
        if len(times) != len(dataset):
            raise wrong(path, f"attribute time_s has {len(times)} values for {len(dataset)} rows")
        return regular(path, times)
    length = interval if interval is not None else int(dataset.attrs.get("interval_s", 0))
    if length <= 0:
        raise wrong(
            path,
            f"nothing says how long a row of '{dataset.name}' holds",
            suggestion="add the key 'interval', such as interval: 1min",
        )
    return 0, length


def _columns(path: Path, dataset: Any, config: Hdf5Profile, elements: Sequence[str]) -> list[int]:
    """Return the column of each element."""
    width = dataset.shape[1]
    if "elements" not in dataset.attrs:
        if width != len(elements):
            counts = f"'{config.dataset}' has {width} columns for {len(elements)} elements"
            raise wrong(path, counts, suggestion="name the columns in its attribute 'elements'")
        return list(range(width))
    named = [str(name) for name in dataset.attrs["elements"]]
    wanted = column_names(config.columns, elements)
    missing = [name for name in wanted if name not in named[:width]]
    if missing:
        raise wrong(
            path,
            f"no column for {listing(missing)}: there are {listing(named)}",
            suggestion=nearest(missing[0], named),
        )
    return [named.index(name) for name in wanted]


def _all_finite(path: Path, dataset: Any, columns: list[int]) -> None:
    for start in range(0, len(dataset), _ROWS_AT_ONCE):
        block = np.asarray(dataset[start : start + _ROWS_AT_ONCE], dtype=np.float64)[:, columns]
        bad = np.argwhere(~np.isfinite(block))
        if len(bad):
            row, column = start + int(bad[0][0]), columns[int(bad[0][1])]
            raise wrong(path, f"'{dataset.name}' has no finite number at [{row}, {column}]")

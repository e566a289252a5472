"""Load shapes in the format of the IEEE European LV Test Feeder: one CSV file a house."""

import csv
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from gridloom.simulators.errors import Problem, ScenarioError
from gridloom.simulators.model import BuildContext, FloatArray
from gridloom.simulators.profiles.clock import DAY_S, LocalClock
from gridloom.simulators.profiles.series import Series
from gridloom.simulators.profiles.table import find_columns, read_header, read_numbers, wrong
from gridloom.simulators.profiles.wide_csv import RepeatedDay
from gridloom.simulators.quantities import Config, InputFiles


class ShapesProfile(Config):
    """Load shapes as the IEEE European LV Test Feeder has them, `Load_profile_1.csv` and so on.

    Each file has a header `time,mult` and the rows of one day in order, kW; the first row holds
    over the first minute of the day. The i-th file, by the number in its name, belongs to the i-th
    element.
    """

    shapes: InputFiles
    """Folder with the files, or a pattern such as `shapes/Load_profile_*.csv`."""


def open_shapes(config: ShapesProfile, context: BuildContext, elements: Sequence[str]) -> Series:
    """Open the shapes of as many houses as there are ``elements``, in kW.

    Raises:
        ScenarioError: there are too few files, or one is malformed.
    """
    paths = sorted(context.files(config.shapes), key=_number)
    if len(paths) < len(elements):
        found = f"{len(paths)} files match '{config.shapes}', {len(elements)} elements need one"
        raise ScenarioError(
            Problem(
                message=found,
                key=("shapes",),
                expected="a folder relative to the scenario file, with one CSV file an element",
            )
        )
    shapes = [_read(path) for path in paths[: len(elements)]]
    lengths = {len(shape) for shape in shapes}
    if len(lengths) > 1:
        odd = next(i for i, shape in enumerate(shapes) if len(shape) != len(shapes[0]))
        rows = f"{len(shapes[odd])} rows where {paths[0].name} has {len(shapes[0])}"
        raise wrong(paths[odd], rows)
    day = np.column_stack(shapes)
    source = f"load shapes: {config.shapes}"
    return RepeatedDay(day, LocalClock(context.start), DAY_S // len(day), source)


def _number(path: Path) -> tuple[int, str]:
    numbers = re.findall(r"\d+", path.stem)
    return int(numbers[-1]) if numbers else 0, path.name


def _read(path: Path) -> FloatArray:
    """Return one house's day in kW: (interval,)."""
    time, power = find_columns(path, read_header(path), ["time", "mult"])
    shape: FloatArray = read_numbers(path, [power])[:, 0]
    interval = DAY_S / len(shape)
    if interval % 1:
        raise wrong(
            path, f"{len(shape)} rows do not divide a day", expected="1440 rows, a minute each"
        )
    with path.open(encoding="utf-8-sig", newline="") as stream:
        stamps = [row[time] for row in list(csv.reader(stream))[1:] if row]
    seconds = np.array([_seconds(path, i + 2, stamp) for i, stamp in enumerate(stamps)])
    uneven = np.flatnonzero(np.diff(seconds) % DAY_S != interval)
    if len(uneven):
        line = int(uneven[0]) + 3
        raise wrong(path, f"the times are not {interval:g} s apart", line=line)
    return shape


def _seconds(path: Path, line: int, stamp: str) -> int:
    match = re.fullmatch(r"\s*(\d{1,2}):(\d{2})(?::(\d{2}))?\s*", stamp)
    if match is None:
        raise wrong(path, f"'{stamp}' is not a time of day", line=line, expected="HH:MM:SS")
    hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return hours * 3600 + minutes * 60 + seconds

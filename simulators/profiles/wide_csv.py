"""Profiles from a CSV file: one column of time, one column for each element."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
from pydantic import Field
from typing_extensions import override

from gridloom.simulators.errors import Problem, ScenarioError, nearest
from gridloom.simulators.model import BuildContext, FloatArray
from gridloom.simulators.profiles.clock import DAY_S, DailySeries, LocalClock
from gridloom.simulators.profiles.series import ElapsedSeries, HeldSeries, Series
from gridloom.simulators.profiles.table import (
    find_columns,
    read_header,
    read_numbers,
    read_texts,
    wrong,
)
from gridloom.simulators.quantities import Config, InputFile, format_duration

PowerUnit: TypeAlias = Literal["kW", "W", "MW"]
KILOWATTS: dict[PowerUnit, float] = {"kW": 1.0, "W": 1e-3, "MW": 1e3}
_TIMES = "'minute' (since local midnight), 'time_s' (since the scenario's start) or 'time' (ISO)"


class CsvProfile(Config):
    """Power from a CSV file.

    The first column is the time: `minute` since local midnight (the day repeats), `time_s` since
    the scenario's start, or `time` as ISO time stamps with their UTC offset. Each value holds
    until the next row's time.
    """

    file: InputFile
    """The CSV file."""
    unit: PowerUnit = "kW"
    """Unit of the values."""
    columns: dict[str, str] = Field(default_factory=dict)
    """Which column belongs to which element; those left out have the column of their name."""


def open_csv(
    config: CsvProfile, context: BuildContext, elements: Sequence[str], until_s: int
) -> Series:
    """Open the columns of ``elements`` as a series in kW.

    Raises:
        ScenarioError: the file is missing, malformed, or shorter than ``until_s``.
    """
    path = context.file(config.file, "file")
    columns = column_names(config.columns, elements)
    return read_series(path, columns, KILOWATTS[config.unit], context, until_s)


def column_names(columns: Mapping[str, str], elements: Sequence[str]) -> list[str]:
    """Return the column of each element; those that ``columns`` leaves out have their own name."""
    unknown = [name for name in columns if name not in elements]
    if unknown:
        raise ScenarioError(
            Problem(
                message=f"'{unknown[0]}' is not an element of this model",
                key=("columns",),
                suggestion=nearest(unknown[0], elements),
            )
        )
    return [columns.get(name, name) for name in elements]


def read_series(
    path: Path, columns: Sequence[str], scale: float, context: BuildContext, until_s: int
) -> HeldSeries:
    """Open some columns of a CSV file as a series, multiplied by ``scale``."""
    header = read_header(path)
    time = header[0]
    if time not in {"minute", "time_s", "time"}:
        raise wrong(
            path,
            f"the first column is '{time}', which is no time",
            line=1,
            expected=_TIMES,
            suggestion=nearest(time, ["minute", "time_s", "time"]),
        )
    values = read_numbers(path, find_columns(path, header, columns)) * scale
    if time == "minute":
        interval = _minutes_of_day(path)
        return RepeatedDay(values, LocalClock(context.start), interval, f"file: {path.name}")
    seconds = _elapsed(path) if time == "time_s" else _elapsed_from_stamps(path, context.start)
    first, interval = regular(path, seconds)
    cover(path, first, interval, len(values), until_s)
    return ElapsedSeries(
        lambda start, stop: values[start:stop],
        first_s=first,
        interval_s=interval,
        description=f"file: {path.name}",
    )


class RepeatedDay(DailySeries):
    """One day's values, the same every day."""

    def __init__(
        self, values: FloatArray, clock: LocalClock, interval_s: int, description: str
    ) -> None:
        super().__init__(clock, interval_s, description)
        self._values = values

    @override
    def day(self, day: int) -> FloatArray:
        return self._values


def regular(path: Path, seconds: FloatArray) -> tuple[int, int]:
    """Return first time and interval of times that increase regularly, in whole seconds.

    Raises:
        ScenarioError: they do not, or there are fewer than two.
    """
    if len(seconds) < 2:  # noqa: PLR2004
        raise wrong(path, "one row says nothing about the interval", expected="two rows or more")
    interval = seconds[1] - seconds[0]
    steps = np.diff(seconds)
    bad = np.flatnonzero((steps != interval) | (steps <= 0))
    if len(bad):
        row = int(bad[0]) + 1
        kind = "do not increase" if steps[row - 1] <= 0 else "are not evenly spaced"
        first = f"{interval:g} s between rows, as between the first two"
        raise wrong(
            path,
            f"the times {kind}: {steps[row - 1]:g} s from row {row} to row {row + 1}",
            line=row + 2,
            expected=first if interval > 0 else "times that increase evenly",
        )
    if interval % 1 or seconds[0] % 1:
        raise wrong(path, "the times are not whole seconds", expected="an interval of 1 s or more")
    return int(seconds[0]), int(interval)


def cover(path: Path, first_s: int, interval_s: int, rows: int, until_s: int) -> None:
    """Check that rows reach from the scenario's start to ``until_s``.

    Raises:
        ScenarioError: they do not.
    """
    if first_s > 0:
        raise wrong(
            path,
            f"the first row is {format_duration(first_s)} after the scenario's start",
            expected="values from the start on",
        )
    end = first_s + rows * interval_s
    if end < until_s:
        lasts = (
            f"the profile is shorter than the run: from the scenario's start it lasts "
            f"{format_duration(end)}, the run takes {format_duration(until_s)}"
        )
        raise wrong(
            path,
            lasts if end > 0 else "the profile ends before the scenario starts",
            suggestion="shorten the run, extend the file, or use a 'minute' column that repeats",
        )


def _minutes_of_day(path: Path) -> int:
    """Check a column of minutes of the day; returns its interval in seconds."""
    seconds = read_numbers(path, [0])[:, 0] * 60
    first, interval = regular(path, seconds)
    if first != 0 or len(seconds) * interval != DAY_S:
        raise wrong(
            path,
            f"the minutes cover {first // 60} to {(first + len(seconds) * interval) // 60}",
            line=2,
            expected="a whole day, minutes 0 to 1440",
            suggestion="use 'time_s' for a profile that does not repeat every day",
        )
    return interval


def _elapsed(path: Path) -> FloatArray:
    seconds: FloatArray = read_numbers(path, [0])[:, 0]
    return seconds


def _elapsed_from_stamps(path: Path, start: datetime) -> FloatArray:
    seconds = []
    for line, text in read_texts(path, 0):
        try:
            stamp = datetime.fromisoformat(text)
        except ValueError:
            raise wrong(path, f"'{text}' is not an ISO time", line=line) from None
        if stamp.tzinfo is None:
            raise wrong(
                path,
                f"'{text}' does not tell its time zone",
                line=line,
                expected="a time stamp such as 2021-06-21T16:00:00+02:00",
            )
        seconds.append((stamp - start) / timedelta(seconds=1))
    return np.array(seconds)

"""The indicators of all complete runs of a campaign as one array."""

import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gridloom.scenarios.campaigns.index import About, Index
from gridloom.scenarios.campaigns.outcome import RunState
from gridloom.scenarios.campaigns.results.columns import Choice, Column, choose_columns
from gridloom.scenarios.campaigns.results.points import Codes, Points, read_points
from gridloom.simulators.model import FloatArray


@dataclass(frozen=True, kw_only=True)
class CampaignValues:
    """What a campaign has yielded so far."""

    about: About
    points: Points
    columns: tuple[Column, ...]
    """Those that at least one complete run has."""
    runs: FloatArray
    """(complete runs, columns); NaN where a run has no such indicator."""
    run_of_point: Codes
    """(points,), row of `runs`, -1 where the run is not complete; points may share a run."""

    def row(self, point: int) -> FloatArray | None:
        """Return the indicators of a point's run, None where it is not complete."""
        run = int(self.run_of_point[point])
        return None if run < 0 else self.runs[run]

    def of_points(self, column: int) -> FloatArray:
        """Return one indicator of all points: (points,), NaN where it is not known."""
        values = np.full(len(self.points), np.nan)
        known = self.run_of_point >= 0
        values[known] = self.runs[self.run_of_point[known], column]
        return values


def largest(values: FloatArray) -> float:
    """Return the largest known value of an indicator without its sign, 0 where none is known."""
    known = np.abs(values[np.isfinite(values)])
    return float(known.max(initial=0.0))


def read_values(index: Index, choice: Choice) -> CampaignValues:
    """Read all points, and the indicators that are wanted of those that are complete.

    The books may be written meanwhile: what is read is how they were at one moment.

    Raises:
        RecordError: the books cannot be read.
    """
    with index.snapshot():
        return _read_values(index, choice)


def _read_values(index: Index, choice: Choice) -> CampaignValues:
    about = index.about()
    points = read_points(about.axes, index.runs())
    complete = points.in_state(RunState.COMPLETE)
    rows: dict[str, int] = {}
    for digest in points.digests[complete].tolist():
        rows.setdefault(digest, len(rows))
    columns = choose_columns(index.kpis(), choice)
    runs, is_used = _read_runs(index, rows, columns)
    return CampaignValues(
        about=about,
        points=points,
        columns=tuple(c for c, used in zip(columns, is_used, strict=True) if used),
        runs=runs[:, is_used],
        run_of_point=np.array(
            [
                rows[digest] if done else -1
                for digest, done in zip(points.digests.tolist(), complete.tolist(), strict=True)
            ],
            dtype=np.int64,
        ),
    )


def _read_runs(
    index: Index, rows: dict[str, int], columns: Sequence[Column]
) -> tuple[FloatArray, NDArray[np.bool_]]:
    place_of = {(column.name, column.of): place for place, column in enumerate(columns)}
    places = {number: place_of.get(told) for number, told in index.indicators().items()}
    found_rows, found_places, numbers = array("q"), array("q"), array("d")
    for digest, number, value in index.values():
        row, place = rows.get(digest), places[number]
        if row is not None and place is not None:
            found_rows.append(row)
            found_places.append(place)
            numbers.append(math.nan if value is None else value)
    runs = np.full((len(rows), len(columns)), np.nan)
    runs[found_rows, found_places] = numbers
    is_used = np.zeros(len(columns), dtype=np.bool_)
    is_used[found_places] = True
    return runs, is_used

"""Compiled: what is remembered of the last answer, as a guess of the next one's tight points."""

import numpy as np
from numpy.typing import NDArray

from gridloom.controllers.proximal.compiled import compiled
from gridloom.controllers.proximal.population import IntArray
from gridloom.controllers.proximal.segments_kernel import END, FREE, KIND, LEVEL, put
from gridloom.simulators.model import FloatArray


@compiled
def recall(
    device: int,
    points: NDArray[np.int16],
    levels: NDArray[np.float32],
    count: int,
    beyond: float,
    marks: IntArray,
    values: FloatArray,
) -> int:
    """Set the segments as they were; return how many, 0 if nothing is known.

    Args:
        device: number of the device.
        points: (N, K), ends of segments, negative for the lower bound, then 0.
        levels: (N, K), of the segments.
        count: intervals.
        beyond: level after the end.
        marks: with the next one, is set on page 0.
        values: see there.
    """
    known = end = page = int(np.int64(0))  # no literal, see `solve`
    while known < points.shape[1] and points[device, known] != 0:
        point = int(np.int64(points[device, known]))
        end, kind = abs(point), 1 if point > 0 else -1
        put(marks, values, page, known, end, kind, float(np.float64(levels[device, known])))
        known += 1
    if 0 < end < count:
        put(marks, values, page, known, count, int(np.int64(FREE)), beyond)
        known += 1
    return known


@compiled
def remember(
    device: int,
    points: NDArray[np.int16],
    levels: NDArray[np.float32],
    marks: IntArray,
    values: FloatArray,
    page: int,
    known: int,
) -> None:
    """Keep the segments, if there is room; see `recall`."""
    tight = known - (known > 0 and marks[page, KIND, known - 1] == FREE)
    if tight > points.shape[1]:
        tight = 0
    for at in range(tight):
        points[device, at] = marks[page, END, at] * marks[page, KIND, at]
        levels[device, at] = values[page, LEVEL, at]
    if tight < points.shape[1]:
        points[device, tight] = 0

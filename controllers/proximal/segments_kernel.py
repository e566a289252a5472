"""Compiled: the segments between points in time at which a bound of the state is tight.

See `one_state` for the mathematics. A segment has one level; the state at its end is a bound,
except that the last one may end freely. Segments are kept in two arrays, each with two pages, of
which one is in use (references to arrays inside of tuples cost more than the arithmetic):

    marks (2, 3, room):   END    interval after the segment's last one
                          KIND   which bound is tight there: LOWER, UPPER, or FREE
                          TRIAL  levels tried so far; GONE if the end is not to be tight
    values (2, 6, room):  LEVEL
                          LOW    below the level that is sought
                          HIGH   above it
                          STRIDE how far it was gone last where there was no slope to follow
                          EXCESS of the state at the end over the bound
                          SLOPE  of the excess over the level
"""

import numpy as np

from gridloom.controllers.proximal.compiled import compiled
from gridloom.controllers.proximal.population import IntArray
from gridloom.simulators.model import FloatArray

END, KIND, TRIAL = 0, 1, 2
LEVEL, LOW, HIGH, STRIDE, EXCESS, SLOPE = 0, 1, 2, 3, 4, 5
LOWER, UPPER, FREE = -1, 1, 0
_GONE = -1
_NEWTON_STEPS = 8
"""Newton steps before bisection takes turns with them."""


@compiled
def put(
    marks: IntArray, values: FloatArray, page: int, at: int, end: int, kind: int, level: float
) -> None:
    """Set a segment whose level is not yet known, only where to start."""
    marks[page, END, at] = end
    marks[page, KIND, at] = kind
    marks[page, TRIAL, at] = 0
    values[page, LEVEL, at] = level
    values[page, LOW, at] = -np.inf
    values[page, HIGH, at] = np.inf
    values[page, STRIDE, at] = 0.0


@compiled
def improve(
    marks: IntArray,
    values: FloatArray,
    page: int,
    first: int,
    after: int,
    tolerance: float,
    scale: float,
    course: FloatArray,
    effect: int,
) -> tuple[int, int]:
    """Move the levels of segments that miss their bound.

    Safeguarded Newton: the state at the end is piecewise linear and ascends with the level.

    Args:
        marks: with the next two, the segments, with excess and slope set.
        values: see there.
        page: see there.
        first: segment to look at, with the next one.
        after: the last one.
        tolerance: of the excess.
        scale: of answers.
        course: (.., T)
        effect: row of the course, effect of the level on the answer.

    Returns:
        The first segment that was moved, and that after the last one; the same if none was.
    """
    start, stop = after, after
    for at in range(first, after):
        excess = values[page, EXCESS, at]
        if abs(excess) <= tolerance or marks[page, KIND, at] == FREE:
            continue
        level, slope = values[page, LEVEL, at], values[page, SLOPE, at]
        marks[page, TRIAL, at] += 1
        values[page, HIGH if excess > 0.0 else LOW, at] = level
        step = level - excess / slope if slope > 0.0 else level
        late = marks[page, TRIAL, at] > _NEWTON_STEPS and marks[page, TRIAL, at] % 2
        if late or not values[page, LOW, at] < step < values[page, HIGH, at]:
            step = _aside(values, page, at, scale / course[effect, marks[page, END, at] - 1])
        if step != level:  # else no number lies between
            start, stop = min(start, at), at + 1
        values[page, LEVEL, at] = step
    return start, stop


@compiled
def _aside(values: FloatArray, page: int, at: int, scale: float) -> float:
    """Return the middle between both limits of a level, or a long stride from the only one."""
    low, high = float(values[page, LOW, at]), float(values[page, HIGH, at])
    if low > -np.inf and high < np.inf:
        return 0.5 * (low + high)
    stride = max(2.0 * float(values[page, STRIDE, at]), scale)
    values[page, STRIDE, at] = stride
    return low + stride if high == np.inf else high - stride


@compiled
def wrong_signs(
    marks: IntArray,
    values: FloatArray,
    page: int,
    count: int,
    beyond: float,
    tolerance: float,
    course: FloatArray,
    effect: int,
) -> int:
    """Mark the ends at which a bound holds the state back from where it would not go.

    Args:
        marks: with the next two, the segments; GONE is set where the end is no tight point.
        values: see there.
        page: see there.
        count: segments.
        beyond: level after the last end.
        tolerance: of answers.
        course: (.., T)
        effect: row of the course, effect of the level on the answer.
    """
    wrong = 0
    for at in range(count):
        after = values[page, LEVEL, at + 1] if at + 1 < count else beyond
        step = (after - values[page, LEVEL, at]) * course[effect, marks[page, END, at] - 1]
        if marks[page, KIND, at] * step < -tolerance:
            marks[page, TRIAL, at] = _GONE
            wrong += 1
    return wrong


@compiled
def revise(
    marks: IntArray,
    values: FloatArray,
    page: int,
    count: int,
    beyond: float,
    tolerance: float,
    course: FloatArray,
    rows: tuple[int, int, int, int],
) -> tuple[int, int, int]:
    """Split segments where they leave the bounds farthest, join them where an end is gone.

    Args:
        marks: with the next two, the segments; the revised ones are on the other page.
        values: see there.
        page: see there.
        count: segments.
        beyond: level after the last end.
        tolerance: of the state.
        course: (.., T)
        rows: of the course: the state, its lower and upper bounds, and the weight of violations.

    Returns:
        Number of revised segments, the first one that is another, and that after the last one.
    """
    new = 1 - page
    made = start = int(np.int64(0))  # no literal, for which all would be compiled once more
    first, after, joined = -1, 0, False
    for at in range(count):
        end, kind = marks[page, END, at], marks[page, KIND, at]
        gone, level = marks[page, TRIAL, at] == _GONE, values[page, LEVEL, at]
        split, bound = _farthest(course, rows, start, end - abs(kind), tolerance)
        if first < 0 and (split >= 0 or gone):
            first = made
        if split >= 0:
            put(marks, values, new, made, split + 1, bound, level)
            made += 1
        another = split >= 0 or gone or joined
        joined = gone
        if gone and at + 1 == count:
            kind, level, gone = FREE, beyond, False
        if not gone and split + 1 < end:
            put(marks, values, new, made, end, kind, level)
            made += 1
        if another:
            after = made
        start = end
    return made, first, after


@compiled
def _farthest(
    course: FloatArray, rows: tuple[int, int, int, int], start: int, end: int, tolerance: float
) -> tuple[int, int]:
    """Return where the bounds are violated most, -1 if nowhere, and which of them."""
    state, lower, upper, weight = rows
    split, kind, most = -1, FREE, 0.0
    for t in range(start, end):
        below = course[lower, t] - course[state, t]
        above = course[state, t] - course[upper, t]
        violation = max(below, above)
        if violation > tolerance and violation * course[weight, t] > most:
            split, kind = t, LOWER if below > above else UPPER
            most = violation * course[weight, t]
    return split, kind

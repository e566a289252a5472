"""Compiled: what heat pumps of buildings with two temperatures answer, by interior points.

Minimise sum_t curvature v_t^2 / 2 + slope_t v_t over 0 <= v <= 1 with lower <= G v <= upper, where
v is power over rated power and y = G v how much warmer the air is than without heating. A
primal-dual predictor-corrector method (S. Mehrotra: "On the implementation of a primal-dual
interior point method", SIAM Journal on Optimization 2, 1992), whose Newton steps are those of
`regulator_kernel`. It serves quadratic and linear costs alike, and takes about twenty steps.
"""

import numpy as np

from gridloom.controllers.proximal.compiled import compiled
from gridloom.controllers.proximal.regulator_kernel import (
    factorise,
    regulate,
    respond_to,
    trace_back,
)
from gridloom.simulators.model import FloatArray

_MOST_STEPS = 80
_GAP = 1e-16
"""Mean product of slack and multiplier at which a point is optimal, costs scaled to about 1."""
_RESIDUAL = 1e-10
"""Of limits, in K, and of prices over the largest multiplier, at which a point is feasible."""
_BACK_OFF = 0.995
"""Share of the way to the nearest bound that a step may go."""
_STALLED = 1e-9
"""Step length at which rounding has the last word."""
_LIMITS = 4
"""Rows of slacks: v, 1 - v, y - lower, upper - y; as many of multipliers follow."""


@compiled
def _start(
    building: tuple[FloatArray, FloatArray, FloatArray], limits: FloatArray, point: FloatArray
) -> None:
    """Set half the rated power, slacks of at least 1 K, and multipliers of 1."""
    warmth = np.empty(limits.shape[1])
    point[:] = 1.0
    point[:2] = 0.5
    respond_to(*building, point[0], warmth)
    for t in range(limits.shape[1]):
        point[2, t] = max(warmth[t] - limits[0, t], 1.0)
        point[3, t] = max(limits[1, t] - warmth[t], 1.0)


@compiled
def _linearise(
    building: tuple[FloatArray, FloatArray, FloatArray],
    curvature: float,
    point: FloatArray,
    feedback: FloatArray,
) -> None:
    """Set the feedback of the Newton steps at a point."""
    count = point.shape[1]
    inputs, outputs = np.empty(count), np.empty(count)
    for t in range(count):
        inputs[t] = curvature + point[4, t] / point[0, t] + point[5, t] / point[1, t]
        outputs[t] = point[6, t] / point[2, t] + point[7, t] / point[3, t]
    factorise(*building, inputs, outputs, feedback)


@compiled
def _step(
    building: tuple[FloatArray, FloatArray, FloatArray],
    cost: tuple[float, FloatArray],
    point: FloatArray,
    missed: FloatArray,
    products: FloatArray,
    feedback: FloatArray,
    step: FloatArray,
) -> None:
    """Set the Newton step towards given products of slacks and multipliers.

    Args:
        building: transition, rise, effect, see `factorise`.
        cost: curvature and slope.
        point: (8, T), slacks and multipliers.
        missed: (2, T), K, y - lower and upper - y less their slacks.
        products: (4, T)
        feedback: (3, T), see `factorise`.
        step: (8, T)
    """
    curvature, slope = cost
    count = point.shape[1]
    pull, worth, warmth = np.empty(count), np.empty(count), np.empty(count)
    for t in range(count):
        pull[t] = products[0, t] / point[0, t] - products[1, t] / point[1, t]
        pull[t] -= curvature * point[0, t] + slope[t]
        worth[t] = (products[2, t] - point[6, t] * missed[0, t]) / point[2, t]
        worth[t] -= (products[3, t] - point[7, t] * missed[1, t]) / point[3, t]
    regulate(*building, feedback, (pull, worth), (step[0], warmth))
    for t in range(count):
        step[1, t] = -step[0, t]
        step[2, t] = warmth[t] + missed[0, t]
        step[3, t] = missed[1, t] - warmth[t]
    for row in range(_LIMITS):
        for t in range(count):
            change = products[row, t] - point[_LIMITS + row, t] * step[row, t]
            step[_LIMITS + row, t] = change / point[row, t] - point[_LIMITS + row, t]


@compiled
def _longest(point: FloatArray, step: FloatArray) -> float:
    """Return how much of a step can be gone before a slack or multiplier is 0."""
    most = 1.0
    for row in range(2 * _LIMITS):
        for t in range(point.shape[1]):
            if step[row, t] * most < -point[row, t]:
                most = -point[row, t] / step[row, t]
    return most


@compiled
def _gap(point: FloatArray, step: FloatArray, length: float) -> float:
    """Return the mean product of slack and multiplier after part of a step."""
    total = 0.0
    for row in range(_LIMITS):
        for t in range(point.shape[1]):
            slack = point[row, t] + length * step[row, t]
            total += slack * (point[_LIMITS + row, t] + length * step[_LIMITS + row, t])
    mean: float = total / (_LIMITS * point.shape[1])
    return mean


@compiled
def _miss(
    building: tuple[FloatArray, FloatArray, FloatArray],
    cost: tuple[float, FloatArray],
    limits: FloatArray,
    point: FloatArray,
    missed: FloatArray,
) -> float:
    """Set by how much slacks miss the limits; return the most that limits or prices are missed.

    Prices are made up of multipliers and as uncertain as the largest of these.
    """
    curvature, slope = cost
    count = point.shape[1]
    warmth, shadow = np.empty(count), np.empty(count)
    respond_to(*building, point[0], warmth)
    trace_back(*building, point[6] - point[7], shadow)
    most, price, largest = 0.0, 0.0, 1.0
    for t in range(count):
        missed[0, t] = warmth[t] - limits[0, t] - point[2, t]
        missed[1, t] = limits[1, t] - warmth[t] - point[3, t]
        rest = curvature * point[0, t] + slope[t] - shadow[t] - point[4, t] + point[5, t]
        most, price = max(most, abs(missed[0, t]), abs(missed[1, t])), max(price, abs(rest))
        largest = max(largest, point[6, t], point[7, t])
    return max(most, price / largest)


@compiled
def optimise(
    building: tuple[FloatArray, FloatArray, FloatArray],
    cost: tuple[float, FloatArray],
    limits: FloatArray,
    point: FloatArray,
) -> tuple[float, float, int]:
    """Find the cheapest v, the first row of the point.

    Args:
        building: transition (2, 2), rise (2,) in K of air and mass for full power times its effect
            (T,).
        cost: curvature and slope (T,), scaled to about 1.
        limits: (2, T), lower and upper, K.
        point: (8, T), set.

    Returns:
        Mean product of slacks and multipliers; most that limits are missed, or prices over the
        largest multiplier; steps taken.
    """
    count = limits.shape[1]
    step, products = np.zeros((2 * _LIMITS, count)), np.empty((_LIMITS, count))
    missed, feedback = np.empty((2, count)), np.empty((3, count))
    _start(building, limits, point)
    residual, gap = _miss(building, cost, limits, point, missed), _gap(point, step, 0.0)
    for taken in range(_MOST_STEPS):
        if gap <= _GAP and residual <= _RESIDUAL:
            return gap, residual, taken
        _linearise(building, cost[0], point, feedback)
        products[:] = 0.0
        _step(building, cost, point, missed, products, feedback, step)
        length = _longest(point, step)
        target = max((_gap(point, step, length) / gap) ** 3 * gap, 0.5 * _GAP)
        trust = length * length  # in the correction: all of it may go round in circles
        for row in range(_LIMITS):
            for t in range(count):
                products[row, t] = target - trust * step[row, t] * step[_LIMITS + row, t]
        _step(building, cost, point, missed, products, feedback, step)
        length = min(1.0, _BACK_OFF * _longest(point, step))
        if length < _STALLED:
            return gap, residual, taken
        point += length * step
        residual, gap = _miss(building, cost, limits, point, missed), _gap(point, step, 0.0)
    return gap, residual, _MOST_STEPS

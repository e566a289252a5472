"""Compiled: what deferrable loads answer, by water filling."""

import numpy as np

from gridloom.controllers.proximal.compiled import compiled
from gridloom.controllers.proximal.population import BoolArray, IntArray
from gridloom.simulators.model import FloatArray

_TOLERANCE = 1e-14
"""Of an answer, relative to the rated power and the level."""
_TRIALS = 200
_NEWTON_STEPS = 8
"""Newton steps before bisection takes turns with them: piecewise linear, so few are needed."""


@compiled
def ceiling(release: float, deadline: float, t: int) -> float:
    """Return the share of an interval that lies between release and deadline."""
    return max(min(deadline, t + 1.0) - max(release, float(t)), 0.0)


@compiled
def _filled(wish: FloatArray, top: FloatArray, count: int, level: float) -> tuple[float, float]:
    """Return the sum of the powers at a level, and how fast it grows with the level."""
    power, slope = 0.0, 0.0
    for t in range(count):
        high = wish[t] + level
        power += min(max(high, 0.0), top[t])
        slope += 1.0 if (high > 0.0) & (high < top[t]) else 0.0
    return power, slope


@compiled
def _level(wish: FloatArray, top: FloatArray, count: int, needed: float, level: float) -> float:
    """Return the level at which all powers sum up to what is needed: safeguarded Newton.

    Args:
        wish: (count,), kW.
        top: (count,), kW, the ceilings.
        count: intervals.
        needed: kW, summed over the intervals, at most that of the ceilings.
        level: kW, where to start.
    """
    low, high = np.inf, -np.inf
    rated = 0.0
    for t in range(count):
        low = min(low, -wish[t])
        high = max(high, top[t] - wish[t])
        rated = max(rated, top[t])
    level = min(max(level, low), high)
    for trial in range(_TRIALS):
        power, slope = _filled(wish, top, count, level)
        excess = power - needed
        if abs(excess) <= _TOLERANCE * (rated + abs(level)):
            break
        if excess > 0.0:
            high = level
        else:
            low = level
        step = level - excess / slope if slope > 0.0 else np.inf
        if not low < step < high or (trial > _NEWTON_STEPS and trial % 2):
            step = 0.5 * (low + high)
        if step == level:
            break
        level = step
    return level


@compiled
def _empty(row: FloatArray, first: int, after: int) -> None:
    """Set the powers outside the window to zero."""
    row[:first] = 0.0
    row[after:] = 0.0


@compiled
def respond(
    begin: int,
    end: int,
    active: BoolArray,
    leaf: IntArray,
    shift: FloatArray,
    rated: FloatArray,
    needed: FloatArray,
    window: FloatArray,
    known: BoolArray,
    start: tuple[FloatArray, FloatArray],
    profile: FloatArray,
    total: FloatArray,
) -> None:
    """Fill; see `Population.respond`.

    Args:
        begin: first device.
        end: after the last device.
        active: (N,), whether devices answer.
        leaf: (N,), see there.
        shift: (L, T), kW per unit of weight.
        rated: (N,), kW.
        needed: (N,), kW summed over intervals.
        window: (2, N), release and deadline, in intervals.
        known: (N,), whether there is a last answer to start from, is set.
        start: weight, (N,); level of the last answers, (N,), kW, is set.
        profile: (N, T), kW.
        total: (L, T), kW.
    """
    weight, level = start
    wish, top = np.empty(profile.shape[1]), np.empty(profile.shape[1])
    for device in range(begin, end):
        release, deadline = window[0, device], window[1, device]
        first, after = int(release), int(np.ceil(deadline))
        count, net = after - first, leaf[device]
        row, sums = profile[device, first:after], total[net, first:after]
        if active[device] and not known[device]:
            known[device] = True
            _empty(profile[device], first, after)
        if active[device] and count > 0:
            pull, share = shift[net, first:after], weight[device]
            for t in range(count):
                wish[t] = row[t] + share * pull[t]
                top[t] = rated[device]
            top[0] = rated[device] * ceiling(release, deadline, first)
            top[count - 1] = rated[device] * ceiling(release, deadline, after - 1)
            level[device] = _level(wish, top, count, needed[device], level[device])
            for t in range(count):
                row[t] = min(max(wish[t] + level[device], 0.0), top[t])
        for t in range(count):
            sums[t] += row[t]


@compiled
def respond_cheapest(
    begin: int,
    end: int,
    active: BoolArray,
    leaf: IntArray,
    order: IntArray,
    rated: FloatArray,
    needed: FloatArray,
    window: FloatArray,
    known: BoolArray,
    profile: FloatArray,
    total: FloatArray,
) -> None:
    """Use the cheapest intervals first; see `respond`.

    Args:
        begin: first device.
        end: after the last device.
        active: see `respond`, like the following.
        leaf: (N,)
        order: (L, T), intervals from the cheapest to the most expensive.
        rated: (N,)
        needed: (N,)
        window: (2, N)
        known: (N,)
        profile: (N, T)
        total: (L, T)
    """
    for device in range(begin, end):
        release, deadline = window[0, device], window[1, device]
        net = leaf[device]
        if active[device]:
            left = needed[device]
            known[device] = True
            for t in order[net]:
                power = min(rated[device] * ceiling(release, deadline, t), left)
                profile[device, t] = power
                left -= power
        for t in range(int(release), int(np.ceil(deadline))):
            total[net, t] += profile[device, t]

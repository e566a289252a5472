"""Compiled: which temperatures of air and mass a heat pump can bring a building to.

All that can be reached at one time is a convex polygon. Over an interval it is moved by the
building, stretched along the effect of heating, and cut where the air would leave its limits; so
limits that leave nothing of it are found out, and widened before they do.
"""

import numpy as np

from gridloom.controllers.proximal.compiled import compiled
from gridloom.simulators.model import FloatArray

_ROOM_K = 1e-5
"""How far widened limits stay apart from what is barely possible: interior points need room."""
_SAME_K = 1e-12
"""Distance at which two corners are one."""
_CORNERS_AN_INTERVAL = 4
"""Most that are gained: two by stretching, one by each cut."""


@compiled
def _append(corners: FloatArray, count: int, air: float, mass: float) -> int:
    """Append a corner, unless it is the last one again; return how many there are."""
    if count > 0:
        apart = abs(corners[0, count - 1] - air) + abs(corners[1, count - 1] - mass)
        if apart <= _SAME_K:
            return count
    corners[0, count], corners[1, count] = air, mass
    return count + 1


@compiled
def _move(transition: FloatArray, corners: FloatArray, count: int) -> None:
    for i in range(count):
        air, mass = corners[0, i], corners[1, i]
        corners[0, i] = transition[0, 0] * air + transition[0, 1] * mass
        corners[1, i] = transition[1, 0] * air + transition[1, 1] * mass


@compiled
def _stretch(
    corners: FloatArray, count: int, air: float, mass: float, stretched: FloatArray
) -> int:
    """Set the sum of a polygon, counter-clockwise, and the line from 0; return its corners.

    What lies ahead, from the corner farthest to the right to the one farthest to the left, moves.
    """
    right = left = 0
    least = most = air * corners[1, 0] - mass * corners[0, 0]
    for i in range(1, count):
        aside = air * corners[1, i] - mass * corners[0, i]
        if aside < least:
            least, right = aside, i
        if aside > most:
            most, left = aside, i
    found, ahead, behind = 0, (left - right) % count, (right - left) % count
    for i in range(ahead + 1):
        at = (right + i) % count
        found = _append(stretched, found, corners[0, at] + air, corners[1, at] + mass)
    for i in range(behind + 1):
        at = (left + i) % count
        found = _append(stretched, found, corners[0, at], corners[1, at])
    return found


@compiled
def _cut(corners: FloatArray, count: int, sign: float, limit: float, rest: FloatArray) -> int:
    """Set what of a polygon has sign times air >= sign times limit; return its corners."""
    found = 0
    for i in range(count):
        following = i + 1 if i + 1 < count else 0
        here, there = sign * (corners[0, i] - limit), sign * (corners[0, following] - limit)
        if here >= 0.0:
            found = _append(rest, found, corners[0, i], corners[1, i])
        if (here > 0.0 > there) or (here < 0.0 < there):
            share = here / (here - there)
            mass = corners[1, i] + share * (corners[1, following] - corners[1, i])
            found = _append(rest, found, limit, mass)
    return found


@compiled
def widen(transition: FloatArray, rise: FloatArray, effect: FloatArray, limits: FloatArray) -> None:
    """Widen limits that cannot be kept to what can be reached, and a little more.

    Args:
        transition: (2, 2), of temperatures of air and mass over an interval.
        rise: (2,), K of air and mass for full power times its effect.
        effect: (T,)
        limits: (2, T), lowest and highest temperature of the air, above that without heating.
    """
    intervals = limits.shape[1]
    size = _CORNERS_AN_INTERVAL * intervals + 8
    corners, spare = np.zeros((2, size)), np.zeros((2, size))
    count = 1
    for t in range(intervals):
        _move(transition, corners, count)
        count = _stretch(corners, count, effect[t] * rise[0], effect[t] * rise[1], spare)
        coldest, hottest = spare[0, 0], spare[0, 0]
        for i in range(1, count):
            coldest, hottest = min(coldest, spare[0, i]), max(hottest, spare[0, i])
        limits[0, t] = min(limits[0, t], hottest - _ROOM_K)
        limits[1, t] = max(limits[1, t], coldest + _ROOM_K, limits[0, t] + _ROOM_K)
        count = _cut(spare, count, 1.0, limits[0, t], corners)
        count = _cut(corners, count, -1.0, limits[1, t], spare)
        corners, spare = spare, corners


@compiled
def widen_all(
    transition: FloatArray,
    heating: FloatArray,
    effect: FloatArray,
    lower: FloatArray,
    upper: FloatArray,
) -> None:
    """Widen the limits of all buildings; see `widen`.

    Args:
        transition: (N, 2, 2)
        heating: (N, 2), K of air and mass for full power times its effect.
        effect: (T,)
        lower: (N, T), becomes the widened one.
        upper: (N, T), likewise.
    """
    limits = np.empty((2, len(effect)))
    for building in range(len(heating)):
        limits[0], limits[1] = lower[building], upper[building]
        widen(transition[building], heating[building], effect, limits)
        lower[building], upper[building] = limits[0], limits[1]

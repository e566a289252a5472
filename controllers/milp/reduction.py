"""Which buses of a chain of lines a plan must watch: those where the voltage can be extreme.

Along a chain without load P and Q are the same everywhere, and the voltage has dropped by
R P + X Q where impedances of R and X lie behind. For any P and Q, the extremes of that over the
buses are among the corners of the convex hull of their (R, X): the two ends alone where all lines
have the same ratio of R to X.
"""

import numpy as np
from numpy.typing import NDArray

from gridloom.controllers.milp.problem import IntArray
from gridloom.simulators.model import FloatArray

_FLAT = 1e-12
"""Relative to the square of the impedance, area of a triangle that counts as a line."""


def corners(resistance: FloatArray, reactance: FloatArray, first: IntArray) -> NDArray[np.bool_]:
    """Return the lines at whose lower end the voltage can be extreme, within their chain.

    Args:
        resistance: (line,), chain by chain, each from top to bottom.
        reactance: (line,), likewise.
        first: (chain,), where each chain begins.
    """
    watched = np.zeros(len(resistance), dtype=bool)
    for begin, end in zip(first, np.append(first[1:], len(resistance)), strict=True):
        behind = np.zeros((end - begin + 1, 2))
        behind[1:, 0] = np.cumsum(resistance[begin:end])
        behind[1:, 1] = np.cumsum(reactance[begin:end])
        on_hull = [bus for bus in _hull(behind) if bus > 0]
        watched[[begin + bus - 1 for bus in on_hull]] = True
        watched[end - 1] = True
    return watched


def _hull(points: FloatArray) -> set[int]:
    """Return the corners of the convex hull (Andrew's monotone chain, 1979)."""
    flat = _FLAT * float(np.square(points).sum(axis=1).max())
    order = np.lexsort((points[:, 1], points[:, 0])).tolist()
    place = points.tolist()
    found: set[int] = set()
    for walk in (order, order[::-1]):
        turn: list[int] = []
        for point in walk:
            while len(turn) > 1 and _area(place, turn[-2], turn[-1], point) <= flat:
                turn.pop()
            turn.append(point)
        found.update(turn)
    return found


def _area(place: list[list[float]], a: int, b: int, c: int) -> float:
    """Return twice the area of a triangle, positive where it turns left at b."""
    (ax, ay), (bx, by), (cx, cy) = place[a], place[b], place[c]
    return (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)

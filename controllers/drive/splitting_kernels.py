"""The exact split among nets, compiled; see `splitting`."""

from typing import Any

import numpy as np
from numba import njit

_NEWTON = 60
"""Steps; each ends on the right piece or halves the bracket: a dozen in practice."""


@njit(cache=True, nogil=True)
def _respond(  # noqa: PLR0912 -- a function of its own would have to allocate
    first: int, last: int, price: float, most: float,
    parent: Any, end: Any, leaf: Any, slope: Any, centre: Any, low: Any, high: Any,
    drawn: Any, steep: Any,
) -> tuple[float, float]:  # fmt: skip
    """Let the nets [first, last) respond to one price at their top.

    Fills ``drawn[net]``, what each would draw before its own limits, and returns that of the
    first net with its derivative by the price. Beyond a limit a net draws what it draws at a price
    higher by ``most``, if that still is beyond, else the limit; so for what it feeds in.
    """
    for net in range(first, last):
        drawn[net] = steep[net] = 0.0
    for net in range(last - 1, first - 1, -1):
        here = leaf[net]
        if here >= 0:
            drawn[net] = centre[here] - slope[here] * price
            steep[net] = -slope[here]
        if net == first:
            continue
        inside, moves = drawn[net], steep[net]
        if not low[net] <= inside <= high[net]:
            limit = high[net] if inside > high[net] else low[net]
            dearer = price + most if inside > high[net] else price - most
            if here >= 0:
                beyond = centre[here] - slope[here] * dearer
            else:
                beyond, moves = _respond(
                    net, end[net], dearer, most, parent, end, leaf, slope, centre, low, high,
                    np.empty(last), np.empty(last),
                )  # fmt: skip
            if (beyond > limit) == (inside > limit) and beyond != limit:
                inside = beyond
            else:
                inside, moves = limit, 0.0
        drawn[parent[net]] += inside
        steep[parent[net]] += moves
    return drawn[first], steep[first]


@njit(cache=True, nogil=True)
def _price_for(
    net: int, last: int, wanted: float, start: float, floor: float, ceiling: float,
    most: float,
    parent: Any, end: Any, leaf: Any, slope: Any, centre: Any, low: Any, high: Any,
    drawn: Any, steep: Any,
) -> float:  # fmt: skip
    """Return the price in [floor, ceiling] at which a net draws what is wanted, or comes nearest.

    Newton on a function that falls and is piecewise linear: exact once on the right piece.
    """
    price = min(max(start, floor), ceiling)
    for _ in range(_NEWTON):
        draws, falls = _respond(
            net, last, price, most, parent, end, leaf, slope, centre, low, high, drawn, steep
        )  # fmt: skip
        excess = draws - wanted
        if abs(excess) <= 1e-11 * (1.0 + abs(wanted)):
            return price
        if excess > 0.0:
            floor = price
        else:
            ceiling = price
        if ceiling - floor <= 1e-15 * (1.0 + abs(price)):
            return price
        step = price - excess / falls if falls < 0.0 else np.nan
        inside = floor < step < ceiling
        price = step if inside else 0.5 * (floor + ceiling)
    return price


@njit(cache=True, nogil=True)
def _below_limits(
    first: int, last: int, most: float,
    parent: Any, end: Any, leaf: Any, slope: Any, centre: Any, low: Any, high: Any,
    drawn: Any, steep: Any, price: Any,
) -> None:  # fmt: skip
    """Give prices to the nets within [first, last), those whose limits bind their own."""
    for net in range(first, last):
        above = price[parent[net]] if net > first else price[net]
        price[net] = above
        if low[net] <= drawn[net] <= high[net]:
            continue
        wanted = high[net] if drawn[net] > high[net] else low[net]
        floor = above if drawn[net] > high[net] else above - most
        ceiling = above + most if drawn[net] > high[net] else above
        price[net] = _price_for(
            net, end[net], wanted, above, floor, ceiling, most,
            parent, end, leaf, slope, centre, low, high, drawn, steep,
        )  # fmt: skip
        _respond(
            net, end[net], price[net], most,
            parent, end, leaf, slope, centre, low, high, drawn, steep,
        )  # fmt: skip


@njit(cache=True, nogil=True)
def _price_of_root(
    root: int, last: int, buying: float, selling: float, start: float, most: float,
    parent: Any, end: Any, leaf: Any, slope: Any, centre: Any, low: Any, high: Any,
    drawn: Any, steep: Any,
) -> float:  # fmt: skip
    """Return the price at a tie; the nets have responded to it."""
    begin = min(max(start, selling), buying)
    found = _price_for(
        root, last, 0.0, begin, selling, buying, most,
        parent, end, leaf, slope, centre, low, high, drawn, steep,
    )  # fmt: skip
    # At the ends of the bracket Newton may have stopped a hair inside.
    at_buying, _ = _respond(
        root, last, buying, most, parent, end, leaf, slope, centre, low, high, drawn, steep
    )  # fmt: skip
    if at_buying >= 0.0:
        return buying
    at_selling, _ = _respond(
        root, last, selling, most, parent, end, leaf, slope, centre, low, high, drawn, steep
    )  # fmt: skip
    if at_selling <= 0.0:
        return selling
    _respond(root, last, found, most, parent, end, leaf, slope, centre, low, high, drawn, steep)
    return found


@njit(cache=True, nogil=True)
def split(
    centre: Any, slope: Any, buying: Any, selling: Any, most: float,
    parent: Any, end: Any, leaf: Any, low: Any, high: Any, drawn: Any, price: Any,
) -> None:  # fmt: skip
    """Fill what each net draws, before its own limits bind, and its price; see `splitting.split`.

    Args:
        centre: (interval, leaf): what belongs to an interval lies together.
        slope: (leaf,), how much less each leaf draws per price.
        buying: (interval,).
        selling: (interval,).
        most: what exceeding a limit costs.
        parent: (net,).
        end: (net,).
        leaf: (net,), its number, -1 if it is none.
        low: (net,), minus the most that may flow out.
        high: (net,), the most that may flow in.
        drawn: (interval, net), filled.
        price: (interval, net), in: where to begin; filled.
    """
    intervals, nets = drawn.shape
    steep = np.empty(nets)
    for t in range(intervals):
        root = 0
        while root < nets:
            price[t, root] = _price_of_root(
                root, end[root], buying[t], selling[t], price[t, root], most,
                parent, end, leaf, slope, centre[t], low, high, drawn[t], steep,
            )  # fmt: skip
            _below_limits(
                root, end[root], most,
                parent, end, leaf, slope, centre[t], low, high, drawn[t], steep, price[t],
            )  # fmt: skip
            root = end[root]

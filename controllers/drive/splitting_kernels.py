"""The exact split among nets, compiled; see `splitting`."""

from typing import Any

import numpy as np
from numba import njit

_NEWTON = 60
"""Steps; each ends on the right piece or halves the bracket: a dozen in practice."""


@njit(cache=True, nogil=True)
def _respond(
    first: int, last: int, price: float, t: int, most: float,
    parent: Any, leaf: Any, slope: Any, centre: Any, low: Any, high: Any, drawn: Any,
) -> tuple[float, float]:  # fmt: skip
    """Let the nets [first, last) respond to one price at their top.

    Fills ``drawn[net, t]``, what each would draw before its own limits, and returns that of the
    first net with its derivative by the price. A leaf that no price up to ``most`` above brings
    within its limits draws what it draws at that price; what an inner net then draws beyond its
    limits is not counted above it.
    """
    steep = np.zeros(last - first)
    for net in range(first, last):
        drawn[net, t] = 0.0
    for net in range(last - 1, first - 1, -1):
        here = leaf[net]
        if here >= 0:
            drawn[net, t] = centre[here, t] - slope[here] * price
            steep[net - first] = -slope[here]
        if net > first:
            inside = min(max(drawn[net, t], low[net]), high[net])
            moves = inside == drawn[net, t]
            if here >= 0 and not moves:
                least = drawn[net, t] - slope[here] * most
                greatest = drawn[net, t] + slope[here] * most
                moves = least > high[net] or greatest < low[net]
                inside = max(inside, least) if inside == high[net] else min(inside, greatest)
            drawn[parent[net], t] += inside
            if moves:
                steep[parent[net] - first] += steep[net - first]
    return drawn[first, t], steep[0]


@njit(cache=True, nogil=True)
def _price_for(
    net: int, last: int, wanted: float, start: float, floor: float, ceiling: float,
    t: int, most: float,
    parent: Any, leaf: Any, slope: Any, centre: Any, low: Any, high: Any, drawn: Any,
) -> float:  # fmt: skip
    """Return the price in [floor, ceiling] at which a net draws what is wanted, or comes nearest.

    Newton on a function that falls and is piecewise linear: exact once on the right piece.
    """
    price = min(max(start, floor), ceiling)
    for _ in range(_NEWTON):
        draws, steep = _respond(
            net, last, price, t, most, parent, leaf, slope, centre, low, high, drawn
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
        step = price - excess / steep if steep < 0.0 else np.nan
        inside = floor < step < ceiling
        price = step if inside else 0.5 * (floor + ceiling)
    return price


@njit(cache=True, nogil=True)
def _below_limits(
    first: int, last: int, t: int, most: float,
    parent: Any, end: Any, leaf: Any, slope: Any, centre: Any, low: Any, high: Any,
    drawn: Any, price: Any,
) -> None:  # fmt: skip
    """Give prices to the nets within [first, last), those whose limits bind their own."""
    for net in range(first, last):
        above = price[parent[net], t] if net > first else price[net, t]
        price[net, t] = above
        if low[net] <= drawn[net, t] <= high[net]:
            continue
        wanted = high[net] if drawn[net, t] > high[net] else low[net]
        floor = above if drawn[net, t] > high[net] else above - most
        ceiling = above + most if drawn[net, t] > high[net] else above
        price[net, t] = _price_for(
            net, end[net], wanted, above, floor, ceiling, t, most,
            parent, leaf, slope, centre, low, high, drawn,
        )  # fmt: skip
        _respond(
            net, end[net], price[net, t], t, most, parent, leaf, slope, centre, low, high, drawn
        )  # fmt: skip


@njit(cache=True, nogil=True)
def split(
    centre: Any, slope: Any, buying: Any, selling: Any, most: float,
    parent: Any, end: Any, leaf: Any, low: Any, high: Any, drawn: Any, price: Any,
) -> None:  # fmt: skip
    """Fill what each net draws, before its own limits bind, and its price; see `splitting.split`.

    Args:
        centre: (leaf, interval).
        slope: (leaf,), how much less each leaf draws per price.
        buying: (interval,).
        selling: (interval,).
        most: what exceeding a limit costs.
        parent: (net,).
        end: (net,).
        leaf: (net,), its number, -1 if it is none.
        low: (net,), minus the most that may flow out.
        high: (net,), the most that may flow in.
        drawn: (net, interval), filled.
        price: (net, interval), in: where to begin; filled.
    """
    nets, intervals = drawn.shape
    for t in range(intervals):
        root = 0
        while root < nets:
            last = end[root]
            begin = min(max(price[root, t], selling[t]), buying[t])
            found = _price_for(
                root, last, 0.0, begin, selling[t], buying[t], t, most,
                parent, leaf, slope, centre, low, high, drawn,
            )  # fmt: skip
            # At the ends of the bracket Newton may have stopped a hair inside.
            at_buying, _ = _respond(
                root, last, buying[t], t, most, parent, leaf, slope, centre, low, high, drawn
            )  # fmt: skip
            if at_buying >= 0.0:
                found = buying[t]
            else:
                at_selling, _ = _respond(
                    root, last, selling[t], t, most, parent, leaf, slope, centre, low, high, drawn
                )  # fmt: skip
                if at_selling <= 0.0:
                    found = selling[t]
            _respond(root, last, found, t, most, parent, leaf, slope, centre, low, high, drawn)
            price[root, t] = found
            _below_limits(
                root, last, t, most,
                parent, end, leaf, slope, centre, low, high, drawn, price,
            )  # fmt: skip
            root = last

"""The exact split among nets, compiled; see `splitting`."""

from typing import Any

import numpy as np

from gridloom.simulators.compiling import compiled

_compiled = compiled(nogil=True)
_NEWTON = 60
"""Steps; each ends on the right piece or halves the bracket: a dozen in practice."""


@_compiled
def _respond(  # noqa: C901, PLR0912, PLR0915 -- one loop over all
    first: int, last: int, price: float, most: float,
    parent: Any, end: Any, leaf: Any, slope: Any, centre: Any, low: Any, high: Any,
    drawn: Any, steep: Any, waiting: Any, kept: Any,
) -> tuple[float, float]:  # fmt: skip
    """Let the nets [first, last) respond to one price at their top.

    Fills ``drawn[net]``, what each would draw before its own limits, and returns that of the
    first net with its derivative by the price. Beyond a limit a net draws what it draws at a price
    higher by ``most``, if that still is beyond, else the limit; so for what it feeds in.

    Nets that wait for what those within them draw at another price stand on a stack: numba cannot
    load functions that call themselves from its cache, but aborts. ``waiting`` has their top net
    and price, ``kept`` two rows for each but the first.
    """
    depth, top, at, draws, falls = 0, first, price, drawn, steep
    draws[first:last] = 0.0
    falls[first:last] = 0.0
    net = last - 1
    while True:
        here = leaf[net]
        if here >= 0:
            draws[net] = centre[here] - slope[here] * at
            falls[net] = -slope[here]
        beyond, moves = draws[net], falls[net]
        if net == top:  # all within it have responded
            if depth == 0:
                return beyond, moves
            depth -= 1
            top, at = int(waiting[depth, 0]), waiting[depth, 1]
            if depth == 0:
                draws, falls = drawn, steep
            else:
                draws, falls = kept[2 * depth - 2], kept[2 * depth - 1]
        elif not low[net] <= beyond <= high[net]:
            dearer = at + most if beyond > high[net] else at - most
            if here >= 0:
                beyond = centre[here] - slope[here] * dearer
            else:  # what it draws at another price is asked of all within it
                waiting[depth, 0], waiting[depth, 1] = top, at
                draws, falls = kept[2 * depth], kept[2 * depth + 1]
                depth, top, at = depth + 1, net, dearer
                draws[net : end[net]] = 0.0
                falls[net : end[net]] = 0.0
                net = end[net] - 1
                continue
        inside = draws[net]
        if not low[net] <= inside <= high[net]:
            limit = high[net] if inside > high[net] else low[net]
            if (beyond > limit) == (inside > limit) and beyond != limit:
                inside = beyond
            else:
                inside, moves = limit, 0.0
        draws[parent[net]] += inside
        falls[parent[net]] += moves
        net -= 1


@_compiled
def _price_for(
    net: int, last: int, wanted: float, start: float, floor: float, ceiling: float,
    most: float,
    parent: Any, end: Any, leaf: Any, slope: Any, centre: Any, low: Any, high: Any,
    drawn: Any, steep: Any, waiting: Any, kept: Any,
) -> float:  # fmt: skip
    """Return the price in [floor, ceiling] at which a net draws what is wanted, or comes nearest.

    Newton on a function that falls and is piecewise linear: exact once on the right piece.
    """
    price = min(max(start, floor), ceiling)
    for _ in range(_NEWTON):
        draws, falls = _respond(
            net, last, price, most, parent, end, leaf, slope, centre, low, high, drawn, steep,
            waiting, kept,
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


@_compiled
def _below_limits(
    first: int, last: int, most: float,
    parent: Any, end: Any, leaf: Any, slope: Any, centre: Any, low: Any, high: Any,
    drawn: Any, steep: Any, waiting: Any, kept: Any, price: Any,
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
            parent, end, leaf, slope, centre, low, high, drawn, steep, waiting, kept,
        )  # fmt: skip
        _respond(
            net, end[net], price[net], most,
            parent, end, leaf, slope, centre, low, high, drawn, steep, waiting, kept,
        )  # fmt: skip


@_compiled
def _price_of_root(
    root: int, last: int, buying: float, selling: float, start: float, most: float,
    parent: Any, end: Any, leaf: Any, slope: Any, centre: Any, low: Any, high: Any,
    drawn: Any, steep: Any, waiting: Any, kept: Any,
) -> float:  # fmt: skip
    """Return the price at a tie; the nets have responded to it."""
    begin = min(max(start, selling), buying)
    found = _price_for(
        root, last, 0.0, begin, selling, buying, most,
        parent, end, leaf, slope, centre, low, high, drawn, steep, waiting, kept,
    )  # fmt: skip
    # At the ends of the bracket Newton may have stopped a hair inside.
    at_buying, _ = _respond(
        root, last, buying, most,
        parent, end, leaf, slope, centre, low, high, drawn, steep, waiting, kept,
    )  # fmt: skip
    if at_buying >= 0.0:
        return buying
    at_selling, _ = _respond(
        root, last, selling, most,
        parent, end, leaf, slope, centre, low, high, drawn, steep, waiting, kept,
    )  # fmt: skip
    if at_selling <= 0.0:
        return selling
    _respond(
        root, last, found, most,
        parent, end, leaf, slope, centre, low, high, drawn, steep, waiting, kept,
    )  # fmt: skip
    return found


@_compiled
def _height(parent: Any) -> int:
    """Return how many nets at most lie within each other."""
    level = np.ones(len(parent), dtype=np.int64)
    for net in range(len(parent)):
        if parent[net] >= 0:
            level[net] = level[parent[net]] + 1
    return int(level.max()) if len(level) else 0


@_compiled
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
    height = _height(parent)
    waiting, kept = np.empty((height, 2)), np.empty((2 * height, nets))
    for t in range(intervals):
        root = 0
        while root < nets:
            price[t, root] = _price_of_root(
                root, end[root], buying[t], selling[t], price[t, root], most,
                parent, end, leaf, slope, centre[t], low, high, drawn[t], steep, waiting, kept,
            )  # fmt: skip
            _below_limits(
                root, end[root], most,
                parent, end, leaf, slope, centre[t], low, high, drawn[t], steep, waiting, kept,
                price[t],
            )  # fmt: skip
            root = end[root]

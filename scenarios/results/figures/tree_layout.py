"""Where to draw the buses of a network that has no coordinates."""

from collections import deque

import numpy as np

from gridloom.scenarios.results.figures.downsampling import IndexArray
from gridloom.simulators.model import FloatArray


def tree_layout(from_bus: IndexArray, to_bus: IndexArray, buses: int, root: int) -> FloatArray:
    """Return coordinates that spread a network from left to right by hops from a root.

    Every part that is not connected to the root is laid out below it, from its first bus. In a
    meshed network, each bus hangs at the first line that reaches it.

    Args:
        from_bus: (line,), position of one end along the buses.
        to_bus: (line,), position of the other end.
        buses: how many there are.
        root: the bus to begin with.

    Returns:
        (bus, 2): hops from the root, and rows: leaves one below the other, others between theirs.
    """
    neighbours: list[list[int]] = [[] for _ in range(buses)]
    for one, other in zip(from_bus.tolist(), to_bus.tolist(), strict=True):
        neighbours[one].append(other)
        neighbours[other].append(one)
    hops, parent, order = _breadth_first(neighbours, root)
    return np.column_stack([hops, -_rows(parent, order)])


def _breadth_first(
    neighbours: list[list[int]], root: int
) -> tuple[list[int], list[int], list[int]]:
    """Return hops from the root, parent (-1 for a root) and the order of visits."""
    buses = len(neighbours)
    hops, parent, order = [-1] * buses, [-1] * buses, list[int]()
    for begin in (root, *range(buses)):
        if hops[begin] >= 0:
            continue
        hops[begin] = 0
        waiting = deque([begin])
        while waiting:
            bus = waiting.popleft()
            order.append(bus)
            for other in neighbours[bus]:
                if hops[other] < 0:
                    hops[other], parent[other] = hops[bus] + 1, bus
                    waiting.append(other)
    return hops, parent, order


def _rows(parent: list[int], order: list[int]) -> FloatArray:
    """Return a row for each bus: leaves count downwards depth first, others lie amid their own."""
    children: list[list[int]] = [[] for _ in parent]
    for bus in order:
        if parent[bus] >= 0:
            children[parent[bus]].append(bus)
    rows, next_row = np.zeros(len(parent)), 0
    waiting = [bus for bus in reversed(order) if parent[bus] < 0]
    while waiting:  # depth first, so that the leaves of a branch are neighbours
        bus = waiting.pop()
        if not children[bus]:
            rows[bus] = next_row
            next_row += 1
        waiting.extend(reversed(children[bus]))
    for bus in reversed(order):  # children come after their parents in breadth-first order
        if children[bus]:
            rows[bus] = rows[children[bus]].mean()
    return rows

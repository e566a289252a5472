"""The tree along which a radial network is supplied, or why it has none."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gridloom.simulators.grid.connection_points import IndexArray


class NotRadialError(Exception):
    """A network that the radial sweep cannot solve; the message says why."""


@dataclass(frozen=True, kw_only=True)
class Tree:
    """Nodes that have supply, sources first, parents before children, level by level."""

    node: IndexArray
    """(place,), which node comes where."""
    parent: IndexArray
    """(place,), place of the parent; a source is its own."""
    branch: IndexArray
    """(place,), the branch from the parent; -1 at sources."""
    level: IndexArray
    """(level + 1,), where each level begins: level i is level[i] to level[i + 1] - 1."""


def grow(
    ends: IndexArray,
    branches: IndexArray,
    roots: IndexArray,
    nodes: int,
    refuse: Callable[[list[int], bool], str],
) -> Tree:
    """Find the tree, breadth-first.

    Args:
        ends: (2, branch), nodes.
        branches: the branches that join their ends.
        roots: nodes where voltage is held.
        nodes: how many there are.
        refuse: says why branches that close a loop, or else join two sources, are one too many.

    Raises:
        NotRadialError: there is a loop, or a path from one source to another.
    """
    order, parent, through, extra = _breadth_first(ends, branches, roots, nodes)
    if extra:
        raise NotRadialError(refuse(*_cycle(ends, extra[0], parent, through)))
    node = np.array(order, dtype=np.int64)
    place = np.full(nodes, -1, dtype=np.int64)
    place[node] = np.arange(len(node))
    above = np.array(parent, dtype=np.int64)[node]
    below = above >= 0
    above[below] = place[above[below]]
    above[~below] = np.flatnonzero(~below)
    return Tree(
        node=node,
        parent=above,
        branch=np.array(through, dtype=np.int64)[node],
        level=_levels(above, len(roots)),
    )


def without_bridged(ends: IndexArray, links: IndexArray) -> IndexArray:
    """Return the links without those that join what other links join already.

    A closed switch has no impedance, so that it makes no difference which of them carries what.
    """
    group: dict[int, int] = {}

    def first_of(node: int) -> int:
        while (above := group.setdefault(node, node)) != node:
            group[node] = group[above]
            node = above
        return node

    needed = []
    for link in links.tolist():
        one, other = (first_of(int(end)) for end in ends[:, link])
        if one != other:
            group[other] = one
            needed.append(link)
    return np.array(needed, dtype=np.int64)


def _breadth_first(
    ends: IndexArray, branches: IndexArray, roots: IndexArray, nodes: int
) -> tuple[list[int], list[int], list[int], list[int]]:
    """Return nodes in order, parents and branches from there (-1: none), and other branches."""
    begin = ends[:, branches].reshape(-1)
    by_begin = np.argsort(begin, kind="stable")
    first = np.searchsorted(begin[by_begin], np.arange(nodes + 1)).tolist()
    goal = ends[::-1, branches].reshape(-1)[by_begin].tolist()
    both = np.concatenate([branches, branches])[by_begin].tolist()
    parent, through, seen = [-1] * nodes, [-1] * nodes, [False] * nodes
    extra = []
    order = roots.tolist()
    for root in order:
        seen[root] = True
    for here in order:  # grows while it is walked
        for arc in range(first[here], first[here + 1]):
            there, branch = goal[arc], both[arc]
            if branch == through[here] or through[there] == branch:
                continue
            if seen[there]:
                extra.append(branch)
                continue
            seen[there], parent[there], through[there] = True, here, branch
            order.append(there)
    return order, parent, through, extra


def _cycle(
    ends: IndexArray, branch: int, parent: list[int], through: list[int]
) -> tuple[list[int], bool]:
    """Return the branches of the loop that one branch closes, and whether it is one.

    Otherwise they lead from one source to another.
    """

    def to_root(node: int) -> list[int]:
        path = []
        while through[node] >= 0:
            path.append(through[node])
            node = parent[node]
        return path

    def root(node: int) -> int:
        while parent[node] >= 0:
            node = parent[node]
        return node

    one, other = (int(end) for end in ends[:, branch])
    up, down = to_root(one), to_root(other)
    is_loop = root(one) == root(other)
    while is_loop and up and down and up[-1] == down[-1]:
        up.pop()
        down.pop()
    return [*reversed(up), branch, *down], is_loop


def _levels(parent: IndexArray, roots: int) -> IndexArray:
    """Return where the levels begin: each holds the children of the one before."""
    begins = [0, roots]
    while begins[-1] < len(parent):
        begins.append(roots + int(np.searchsorted(parent[roots:], begins[-1])))
    return np.array(begins, dtype=np.int64)

"""The tree of a feeder: the branch by which each bus is supplied."""

from dataclasses import dataclass
from functools import cached_property
from heapq import heappop, heappush

import numpy as np
from numpy.typing import NDArray

from gridloom.simulators.grid.connection_points import IndexArray
from gridloom.simulators.grid.feeder_sums import PathSum
from gridloom.simulators.model import FloatArray


@dataclass(frozen=True, kw_only=True)
class FeederTree:
    """Shortest electrical paths from the sources; with more than one source, a forest.

    A *node* is a bus, or buses that closed switches join; it goes by its first bus.
    """

    parent_branch: IndexArray
    """(bus,), branch that supplies the bus; -1 at sources and without supply."""
    parent_bus: IndexArray
    """(bus,), node at the other end of that branch; -1 likewise."""
    order: IndexArray
    """(node,), supplied nodes depth-first from the sources: parents before children, and the
    nodes below a node right after it."""
    place: IndexArray
    """(bus,), where the node of the bus comes in `order`; -1 without supply."""
    subtree_end: IndexArray
    """(node,), in `order`: those below node i, and i itself, are i to subtree_end[i] - 1."""
    depth: IndexArray
    """(node,), in `order`: branches between it and its source."""
    downstream_sign: FloatArray
    """(branch,), +1 where from -> to points away from the source, -1 where towards it, 0 for
    branches that are not in the tree."""
    is_radial: bool
    """Whether every branch that could carry current is in the tree."""

    @cached_property
    def path_sum(self) -> PathSum:
        """Adds values of nodes, in `order`, from the source to each node."""
        return PathSum.of(self.subtree_end, self.depth)

    @property
    def root(self) -> IndexArray:
        """(node,), in `order`: place of the source that supplies it."""
        number = np.arange(len(self.order))
        roots: IndexArray = np.maximum.accumulate(np.where(self.depth == 0, number, 0))
        return roots

    def at_buses(self, values: FloatArray) -> FloatArray:
        """Return values of nodes at all buses, NaN without supply: (node, ...) to (bus, ...)."""
        spread = np.full((len(self.place), *values.shape[1:]), np.nan)
        supplied = self.place >= 0
        spread[supplied] = values[self.place[supplied]]
        return spread


def grow_tree(
    node: IndexArray,
    ends: tuple[IndexArray, IndexArray],
    in_service: NDArray[np.bool_],
    length: FloatArray,
    roots: IndexArray,
) -> FeederTree:
    """Find the shortest paths from the sources (Dijkstra 1959).

    Of two paths of equal length, the one wins whose last node is nearer to its source, then the
    one with the lower position; of parallel branches, the first.

    Args:
        node: (bus,), representative of each bus.
        ends: (branch,), from and to bus.
        in_service: (branch,), which branches join their ends.
        length: (branch,), what makes a path long, not negative: impedance.
        roots: nodes of the sources.
    """
    tail, head = node[ends[0]], node[ends[1]]
    usable = in_service & (tail != head)
    branches = np.flatnonzero(usable)
    paths = _shortest_paths(len(node), branches, (tail, head), length, roots)
    parent_branch, parent = (np.array(part, dtype=np.int64) for part in paths[1:])
    order, place, end, depth = _depth_first(paths[0], paths[2])
    sign = np.zeros(len(in_service))
    below = order[depth > 0]
    feeding = parent_branch[below]
    sign[feeding] = np.where(head[feeding] == below, 1.0, -1.0)
    reached = place[tail] >= 0  # the other end of a usable branch is then reached as well
    return FeederTree(
        parent_branch=parent_branch[node],
        parent_bus=parent[node],
        order=order,
        place=place[node],
        subtree_end=end,
        depth=depth,
        downstream_sign=sign,
        is_radial=not bool((usable & reached & (sign == 0)).any()),
    )


def _shortest_paths(
    nodes: int,
    branches: IndexArray,
    ends: tuple[IndexArray, IndexArray],
    length: FloatArray,
    roots: IndexArray,
) -> tuple[list[int], list[int], list[int]]:
    """Return the nodes from near to far, and each node's parent branch and parent node."""
    begin = np.concatenate([ends[0][branches], ends[1][branches]])
    by_begin = np.argsort(begin, kind="stable")
    first = np.searchsorted(begin[by_begin], np.arange(nodes + 1)).tolist()
    goal = np.concatenate([ends[1][branches], ends[0][branches]])[by_begin].tolist()
    both = np.concatenate([branches, branches])[by_begin]
    through, far = both.tolist(), length[both].tolist()
    distance, settled = [np.inf] * nodes, [False] * nodes
    parent_branch, parent = [-1] * nodes, [-1] * nodes
    queue: list[tuple[float, int]] = []
    for root in roots.tolist():
        distance[root] = 0.0
        heappush(queue, (0.0, root))
    order = []
    while queue:
        so_far, here = heappop(queue)
        if settled[here]:
            continue
        settled[here] = True
        order.append(here)
        for arc in range(first[here], first[here + 1]):
            there, total = goal[arc], so_far + far[arc]
            if total < distance[there]:
                distance[there] = total
                parent_branch[there], parent[there] = through[arc], here
                heappush(queue, (total, there))
    return order, parent_branch, parent


def _depth_first(
    order: list[int], parent: list[int]
) -> tuple[IndexArray, IndexArray, IndexArray, IndexArray]:
    """Renumber nodes depth-first; return `order`, `place`, `subtree_end` and `depth`."""
    size, depth = [1] * len(parent), [0] * len(parent)
    for node in reversed(order):
        if parent[node] >= 0:
            size[parent[node]] += size[node]
    place, free = [-1] * len(parent), [0] * len(parent)
    next_root = 0
    for node in order:
        above = parent[node]
        if above < 0:
            place[node] = next_root
            next_root += size[node]
        else:
            place[node], depth[node] = free[above], depth[above] + 1
            free[above] += size[node]
        free[node] = place[node] + 1
    nodes, places = np.array(order, dtype=np.int64), np.array(place, dtype=np.int64)
    numbered = np.empty(len(order), dtype=np.int64)
    numbered[places[nodes]] = nodes
    ends = places[numbered] + np.array(size, dtype=np.int64)[numbered]
    return numbered, places, ends, np.array(depth, dtype=np.int64)[numbered]

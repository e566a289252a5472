"""The tree without the places where nothing happens, for iterating on.

Branches without constant power below carry no scaled current, and a chain of branches without
constant power between them carries the same one: they are left out, and added up.
"""

from dataclasses import dataclass

import numpy as np

from gridloom.simulators.grid.connection_points import IndexArray
from gridloom.simulators.grid.engine import ComplexArray
from gridloom.simulators.grid.radial.tree import Tree


@dataclass(frozen=True, kw_only=True)
class ReducedTree:
    """A forest of impedances."""

    number: IndexArray
    """(place,), number in the reduced tree; -1 for what is left out."""
    parent: IndexArray
    """(sequence, kept)."""
    impedance: ComplexArray
    """(sequence, kept), to the parent."""


def reduced(
    tree: Tree, parent: IndexArray, impedance: ComplexArray, loaded: IndexArray
) -> ReducedTree:
    """Leave out what makes no difference.

    Args:
        tree: the tree.
        parent: (sequence, place), where each impedance begins.
        impedance: (sequence, place).
        loaded: places with constant power.
    """
    keep = _kept(tree, loaded)
    above, total = parent.copy(), impedance.copy()
    sequences = np.arange(len(parent))[:, np.newaxis]
    for begin, end in zip(tree.level[1:-1], tree.level[2:], strict=True):
        here = slice(begin, end)
        top = above[:, here]
        passed = ~keep[top]
        total[:, here] += np.where(passed, total[sequences, top], 0.0)
        above[:, here] = np.where(passed, above[sequences, top], top)
    number = np.where(keep, np.cumsum(keep) - 1, -1)
    return ReducedTree(number=number, parent=number[above[:, keep]], impedance=total[:, keep])


def _kept(tree: Tree, loaded: IndexArray) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Return sources, places with constant power and those where current divides: (place,)."""
    here = np.zeros(len(tree.node), dtype=bool)
    here[loaded] = True
    carries, children = here.copy(), np.zeros(len(here), dtype=np.int64)
    for begin, end in list(zip(tree.level[1:-1], tree.level[2:], strict=True))[::-1]:
        np.add.at(children, tree.parent[begin:end], carries[begin:end])
        above = tree.parent[begin:end]
        carries[above] |= children[above] > 0
    keep = here | (children > 1)
    keep[: tree.level[1]] = True
    return keep

"""Sums over subtrees and along paths of a forest whose nodes are numbered depth-first.

Numbered so, each subtree is a contiguous range of numbers; both sums become differences of one
cumulative sum, whatever the depth of the forest.
"""

from dataclasses import dataclass

import numpy as np

from gridloom.simulators.grid.connection_points import IndexArray
from gridloom.simulators.model import FloatArray


@dataclass(frozen=True, kw_only=True)
class SubtreeSum:
    """Adds what is placed at the nodes of each subtree: linear in things and nodes."""

    order: IndexArray
    """Things by the number of their node; those placed nowhere are left out."""
    first: IndexArray
    """(node,), where in `order` the things of its subtree begin."""
    end: IndexArray
    """(node,), and where they end."""

    @classmethod
    def of(cls, place: IndexArray, subtree_end: IndexArray) -> "SubtreeSum":
        """Prepare the sum.

        Args:
            place: (thing,), number of the node where each is; -1: nowhere.
            subtree_end: (node,), one more than the last number in the subtree of the node.
        """
        placed = np.flatnonzero(place >= 0)
        order = placed[np.argsort(place[placed], kind="stable")]
        numbers = place[order]
        return cls(
            order=order,
            first=np.searchsorted(numbers, np.arange(len(subtree_end))),
            end=np.searchsorted(numbers, subtree_end),
        )

    @property
    def count(self) -> IndexArray:
        """(node,), how many things its subtree has."""
        return self.end - self.first

    def __call__(self, values: FloatArray) -> FloatArray:
        """Return the sum over each subtree: (thing, ...) in, (node, ...) out."""
        total = np.zeros((len(self.order) + 1, *values.shape[1:]))
        np.cumsum(values[self.order], axis=0, out=total[1:])
        sums: FloatArray = total[self.end] - total[self.first]
        return sums


@dataclass(frozen=True, kw_only=True)
class PathSum:
    """Adds what is at the nodes from the root to each node, both included."""

    enter: IndexArray
    """(node,), when a walk around the forest comes to the node."""
    leave: IndexArray
    """(node,), when it leaves the node for good."""

    @classmethod
    def of(cls, subtree_end: IndexArray, depth: IndexArray) -> "PathSum":
        """Prepare the sum.

        Args:
            subtree_end: (node,), one more than the last number in the subtree of the node.
            depth: (node,), 0 at roots.
        """
        number = np.arange(len(depth))
        enter = 2 * number - depth  # all before have been entered; all but the ancestors, left
        return cls(enter=enter, leave=enter + 2 * (subtree_end - number) - 1)

    def __call__(self, values: FloatArray) -> FloatArray:
        """Return the sum along each path: (node, ...) in, (node, ...) out."""
        walk = np.empty((2 * len(self.enter), *values.shape[1:]))
        walk[self.enter] = values
        walk[self.leave] = -values
        sums: FloatArray = np.cumsum(walk, axis=0)[self.enter]
        return sums

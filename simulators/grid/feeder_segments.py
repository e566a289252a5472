"""Segments: what of a feeder's tree matters to the connection points behind it."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from gridloom.simulators.grid.connection_points import IndexArray
from gridloom.simulators.grid.feeder_impedances import Impedances
from gridloom.simulators.grid.feeder_sums import SubtreeSum
from gridloom.simulators.grid.feeder_tree import FeederTree
from gridloom.simulators.model import FloatArray


@dataclass(frozen=True, kw_only=True)
class Segments:
    """Branches of the tree with the same, non-empty set of connection points downstream.

    A segment is a chain of branches in series without a connection point or a junction between
    them; whatever supplies no connection point belongs to none. All branches of a segment carry
    the same power but for losses, exactly so where lines have no shunts. Segments are numbered
    depth-first: parents before children, and the segments below one right after it.
    """

    of_branch: IndexArray
    """(branch,), -1 where no connection point is downstream, or not in the tree."""
    of_point: IndexArray
    """(point,), segment right above it; -1 at the source and without supply."""
    parent: IndexArray
    """(segment,), segment right above it; -1 at the source."""
    subtree_end: IndexArray
    """(segment,): those below segment i, and i itself, are i to subtree_end[i] - 1."""
    top_bus: IndexArray
    """(segment,), node at the end towards the source."""
    bottom_bus: IndexArray
    """(segment,), node at the other end."""
    ratio: FloatArray
    """(segment,), voltage per unit at the bottom over that at the top, without load."""
    resistance_pu_per_kw: FloatArray
    """(segment,), voltage drop by active power near 1 pu, seen from the bottom."""
    reactance_pu_per_kvar: FloatArray
    """(segment,), voltage drop by reactive power near 1 pu, seen from the bottom."""
    rated_kva: FloatArray
    """(segment,), smallest along the chain, three-phase; NaN where none is known."""
    rating_branch: IndexArray
    """(segment,), branch that sets it; -1 where none is known."""
    branches: IndexArray
    """The branches of all segments, segment by segment, each from top to bottom."""
    first: IndexArray
    """(segment,), where in `branches` each begins."""

    @classmethod
    def of(
        cls, tree: FeederTree, point_bus: IndexArray, impedances: Impedances, rated_kva: FloatArray
    ) -> "Segments":
        """Find the segments of a tree.

        Args:
            tree: shortest paths from the sources.
            point_bus: (point,), bus of every connection point.
            impedances: of the branches of the tree.
            rated_kva: (branch,), NaN where unknown.
        """
        point_place = tree.place[point_bus]
        count = SubtreeSum.of(point_place, tree.subtree_end).count
        kept = np.flatnonzero((count > 0) & (tree.depth > 0))
        above = tree.place[tree.parent_bus[tree.order[kept]]]
        # Sets of points downstream are nested, so that sets of equal size are equal.
        heads = (tree.depth[above] == 0) | (count[above] != count[kept])
        of_node = np.full(len(tree.order), -1)
        # A node within a chain comes right after its parent among the nodes that are kept.
        of_node[kept] = np.cumsum(heads) - 1
        first = np.flatnonzero(heads)
        bottom = kept[np.append(first[1:], len(kept)) - 1] if len(kept) else kept
        branches = tree.parent_branch[tree.order[kept]]
        of_branch = np.full(len(tree.downstream_sign), -1)
        of_branch[branches] = of_node[kept]
        heads_before = np.searchsorted(kept[first], tree.subtree_end[kept[first]])
        ratio = impedances.ratio
        rating, rating_branch = _smallest(rated_kva, branches, first)
        return cls(
            of_branch=of_branch,
            of_point=np.where(point_place >= 0, of_node[point_place], -1),
            parent=of_node[above[first]],
            subtree_end=heads_before,
            top_bus=tree.order[above[first]],
            bottom_bus=tree.order[bottom],
            ratio=ratio[bottom] / ratio[above[first]],
            resistance_pu_per_kw=ratio[bottom] ** 2
            * np.bincount(of_node[kept], impedances.resistance_pu_per_kw[kept], len(first)),
            reactance_pu_per_kvar=ratio[bottom] ** 2
            * np.bincount(of_node[kept], impedances.reactance_pu_per_kvar[kept], len(first)),
            rated_kva=rating,
            rating_branch=rating_branch,
            branches=branches,
            first=first,
        )

    def __len__(self) -> int:
        return len(self.parent)

    def over_branches(self, values: FloatArray) -> FloatArray:
        """Return the largest value along each segment: (branch, ...) in, (segment, ...) out.

        NaN counts as nothing known: it remains only where every branch of a segment has it.
        """
        if not len(self):
            return np.zeros((0, *values.shape[1:]))
        largest: FloatArray = np.fmax.reduceat(values[self.branches], self.first, axis=0)
        return largest

    def path_maximum(self, values: FloatArray) -> FloatArray:
        """Return the largest value from each segment to the source, itself included.

        By pointer jumping: each pass doubles how far up every segment has looked.

        Args:
            values: (segment, ...).
        """
        largest = values
        for higher in self._jumps:
            largest = np.fmax(largest, largest[higher])
        return largest

    def subtree_sum(self, values: FloatArray) -> FloatArray:
        """Return what flows down each segment if the points draw these values, without losses.

        Args:
            values: (point, ...), such as power in kW over points, times or phases.

        Returns:
            (segment, ...).
        """
        return self._subtree_sum(values)

    @cached_property
    def _subtree_sum(self) -> SubtreeSum:
        return SubtreeSum.of(self.of_point, self.subtree_end)

    @cached_property
    def _jumps(self) -> tuple[IndexArray, ...]:
        """Where 1, 2, 4, ... segments up are; those at the source are above themselves."""
        number = np.arange(len(self))
        higher = np.where(self.parent >= 0, self.parent, number)
        jumps = []
        while (higher != number).any():
            jumps.append(higher)
            if (higher[higher] == higher).all():
                break
            higher = higher[higher]
        return tuple(jumps)


def _smallest(
    rated_kva: FloatArray, branches: IndexArray, first: IndexArray
) -> tuple[FloatArray, IndexArray]:
    """Return the smallest rating of each segment, NaN if none is known, and its first branch."""
    rated = np.where(np.isnan(rated_kva), np.inf, rated_kva)[branches]
    segment = np.repeat(np.arange(len(first)), np.diff(np.append(first, len(branches))))
    sets = np.lexsort((rated, segment))[first]
    known = np.isfinite(rated[sets])
    return np.where(known, rated[sets], np.nan), np.where(known, branches[sets], -1)

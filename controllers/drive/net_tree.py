"""Nets within nets: houses, feeders, communities, and what may flow into each.

Devices belong to the leaves. Whatever a net draws, the net above it supplies; at the root there is
the tie to the energy system, which has a tariff. A limit may be exceeded at `overload_price`, so
that there always is a solution; where the price is high enough, none is that can be helped.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from gridloom.simulators.model import FloatArray, IntArray


@dataclass(frozen=True, kw_only=True)
class NetTree:
    """One or several trees of nets, every net before those within it (depth first)."""

    names: tuple[str, ...]
    parent: IntArray
    """(net,), place of the net around each; -1 for a root."""
    import_limit_kw: FloatArray
    """(net,), most that may flow in; infinite where there is no limit."""
    export_limit_kw: FloatArray
    """(net,), most that may flow out, positive."""

    def __post_init__(self) -> None:
        """Check the order, and that nothing need not flow.

        Raises:
            ValueError: a net does not follow the one around it depth first, or a limit is negative.
        """
        for net in range(1, len(self.names)):
            ancestor = net - 1  # depth first: the next net is within this one, or around it
            while ancestor not in (-1, self.parent[net]):
                ancestor = int(self.parent[ancestor])
            if ancestor != self.parent[net]:
                raise ValueError(f"net '{self.names[net]}' does not follow the net around it")
        if (self.import_limit_kw < 0).any() or (self.export_limit_kw < 0).any():
            raise ValueError("limits are not negative")

    def __len__(self) -> int:
        return len(self.names)

    @cached_property
    def end(self) -> IntArray:
        """(net,), place behind the last net within each."""
        end = np.arange(1, len(self) + 1)
        for net in range(len(self) - 1, 0, -1):
            if self.parent[net] >= 0:
                end[self.parent[net]] = max(end[self.parent[net]], end[net])
        return end

    @cached_property
    def leaves(self) -> IntArray:
        """(leaf,), places of the nets that hold no others: those that devices belong to."""
        return np.flatnonzero(self.end == np.arange(1, len(self) + 1))

    @cached_property
    def roots(self) -> IntArray:
        """(root,), places of the nets that no other is around."""
        return np.flatnonzero(self.parent < 0)

    @cached_property
    def leaf_number(self) -> IntArray:
        """(net,), place among the leaves; -1 for other nets."""
        number = np.full(len(self), -1)
        number[self.leaves] = np.arange(len(self.leaves))
        return number

    @property
    def leaf_names(self) -> tuple[str, ...]:
        """Of the nets that devices belong to."""
        return tuple(self.names[net] for net in self.leaves)

    def narrowed(self, share: float) -> "NetTree":
        """Return the same nets with limits that are smaller by a share."""
        keep = 1.0 - share
        return replace(
            self,
            import_limit_kw=self.import_limit_kw * keep,
            export_limit_kw=self.export_limit_kw * keep,
        )

    def unlimited(self) -> "NetTree":
        """Return the same nets without limits."""
        anything = np.full(len(self), np.inf)
        return replace(self, import_limit_kw=anything, export_limit_kw=anything)

    def flows_kw(self, leaf_kw: FloatArray) -> FloatArray:
        """Return what flows into every net: (net, interval), from (leaf, interval)."""
        running = np.zeros((len(self) + 1, *leaf_kw.shape[1:]))
        running[self.leaves + 1] = leaf_kw
        running = np.cumsum(running, axis=0)
        flows: FloatArray = running[self.end] - running[:-1]
        return flows

    def overload_kw(self, leaf_kw: FloatArray) -> FloatArray:
        """Return by how much the flow into every net exceeds its limits: (net, interval)."""
        flows = self.flows_kw(leaf_kw)
        above = flows - self.import_limit_kw[:, np.newaxis]
        below = -flows - self.export_limit_kw[:, np.newaxis]
        return np.maximum(np.maximum(above, below), 0.0)

    def above_kw(self, leaf_kw: FloatArray, share: float = 1e-3) -> NDArray[np.bool_]:
        """Return where a limit is exceeded by more than a share of it: (net, interval)."""
        limits = np.minimum(self.import_limit_kw, self.export_limit_kw)
        allowed = np.where(np.isfinite(limits), limits * share, 0.0)
        return self.overload_kw(leaf_kw) > allowed[:, np.newaxis]


def one_level(
    names: Sequence[str], limits_kw: FloatArray, *, root: str, root_limit_kw: float = np.inf
) -> NetTree:
    """Return nets side by side under one root.

    Args:
        names: of the nets that devices belong to.
        limits_kw: (net,), what may flow into or out of each.
        root: name of the net around them.
        root_limit_kw: what may flow into or out of all together.
    """
    limits = np.concatenate([[root_limit_kw], limits_kw])
    parent = np.concatenate([[-1], np.zeros(len(names), dtype=np.int64)])
    return NetTree(
        names=(root, *names), parent=parent, import_limit_kw=limits, export_limit_kw=limits
    )


def side_by_side(names: Sequence[str], limits_kw: FloatArray) -> NetTree:
    """Return nets that share nothing: each is a root that has its own tie."""
    return NetTree(
        names=tuple(names),
        parent=np.full(len(names), -1),
        import_limit_kw=limits_kw,
        export_limit_kw=limits_kw,
    )

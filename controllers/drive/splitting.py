"""How nets share what flows: the proximal operator of the whole tree of nets, solved exactly."""

from dataclasses import dataclass

import numpy as np

from gridloom.controllers.drive.net_tree import NetTree
from gridloom.controllers.drive.tariffs import Prices
from gridloom.simulators.model import FloatArray


@dataclass(frozen=True, kw_only=True)
class Split:
    """What the nets would draw at best, and at which prices."""

    leaf_kw: FloatArray
    """(leaf, interval)."""
    price: FloatArray
    """(net, interval), in EUR for each kW through an interval. That of a net whose limit does not
    bind is that of the net around it; the difference is its congestion price."""

    def leaf_price(self, tree: NetTree) -> FloatArray:
        """Return the prices at the nets that devices belong to: (leaf, interval)."""
        price: FloatArray = self.price[tree.leaves]
        return price


def split(
    tree: NetTree,
    prices: Prices,
    centre_kw: FloatArray,
    slope: FloatArray,
    start: FloatArray | None = None,
) -> Split:
    """Return the flows Z of the leaves that are best for the nets, near to what devices draw.

    Minimises, interval by interval, tariff(sum Z) + overload price x excess over limits
    + sum over leaves of (Z - centre)^2 / (2 slope): a leaf responds to a price with
    centre - slope x price. Monotone and piecewise linear at every net, so that Newton's method
    finds the price of each net whose limit binds, from the root down.

    Args:
        tree: the nets.
        prices: at their ties.
        centre_kw: (leaf, interval).
        slope: (leaf,), kW per price; 0 for a leaf that nothing can move.
        start: (net, interval), prices to begin with: those of the last round.
    """
    # Kernels take a while to load, and many scenarios do without.
    from gridloom.controllers.drive import splitting_kernels

    # Intervals do not depend on each other: what belongs to one lies together.
    shape = (centre_kw.shape[1], len(tree))
    drawn_kw = np.zeros(shape)
    price = np.zeros(shape) if start is None else start.T.copy()
    splitting_kernels.split(
        np.ascontiguousarray(centre_kw.T),
        slope,
        prices.buying,
        prices.selling,
        prices.overload,
        tree.parent,
        tree.end,
        tree.leaf_number,
        -tree.export_limit_kw,
        tree.import_limit_kw,
        drawn_kw,
        price,
    )
    return Split(
        leaf_kw=np.ascontiguousarray(drawn_kw.T[tree.leaves]),
        price=np.ascontiguousarray(price.T),
    )

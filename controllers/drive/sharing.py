"""Tree sharing: nets tell their devices prices and how much less each should draw, and no more.

Sharing by ADMM (Boyd et al., "Distributed optimization and statistical learning via the alternating
direction method of multipliers", 2011, section 7.3), with the nets' own problem, limits and tariffs
included, solved exactly in one go: see `splitting`. What nets are told of devices are sums.
"""

from dataclasses import dataclass

import numpy as np

from gridloom.controllers.drive.net_tree import NetTree
from gridloom.controllers.drive.splitting import split
from gridloom.controllers.drive.tariffs import Prices
from gridloom.simulators.model import FloatArray


@dataclass(frozen=True, kw_only=True)
class Signals:
    """What nets tell their devices in a round."""

    price: FloatArray
    """(leaf, interval), EUR for each kW through an interval."""
    target_kw: FloatArray
    """(leaf, interval), change of its profile that is asked of a device of weight 1."""


class TreeSharing:
    """The nets' side of the negotiation.

    `signals` a round, then `take` with what the leaves' devices have answered.
    """

    def __init__(
        self,
        tree: NetTree,
        prices: Prices,
        weight: FloatArray,
        penalty: float,
        start: FloatArray | None = None,
    ) -> None:
        """Begin a negotiation.

        Args:
            tree: the nets.
            prices: at their ties.
            weight: (leaf,), of the devices that take part, in all: their number unless weighted.
            penalty: rho, EUR/kW2; may be changed between rounds.
            start: (net, interval), prices to begin with; default: between buying and selling.
        """
        self._tree, self._prices, self.penalty = tree, prices, penalty
        self._weight = weight
        self._share = np.divide(1.0, weight, out=np.zeros(len(weight)), where=weight > 0)
        between = (prices.buying + prices.selling) / 2.0
        self.price = np.tile(between, (len(tree), 1)) if start is None else start
        """(net, interval), EUR for each kW through an interval."""
        self._excess_kw = np.zeros((len(tree.leaves), len(prices.buying)))
        self.moved_kw = np.full_like(self._excess_kw, np.inf)
        """(leaf, interval), by how much more each drew than a round before."""
        self._drawn_kw = np.zeros_like(self._excess_kw)

    @property
    def excess_kw(self) -> FloatArray:
        """(leaf, interval), what devices draw beyond what the nets would have them draw."""
        return self._excess_kw

    def begin(self, drawn_kw: FloatArray) -> None:
        """Take note of what the leaves draw before the first round: (leaf, interval)."""
        self._drawn_kw = drawn_kw.copy()
        self._share_out(drawn_kw)

    def signals(self) -> Signals:
        """Return what is asked of the devices."""
        return Signals(
            price=self.price[self._tree.leaves],
            target_kw=-self._excess_kw * self._share[:, np.newaxis],
        )

    def take(self, drawn_kw: FloatArray) -> None:
        """Take what the leaves now draw: (leaf, interval)."""
        self.moved_kw = drawn_kw - self._drawn_kw
        self._drawn_kw = drawn_kw.copy()
        self._share_out(drawn_kw)

    def _share_out(self, drawn_kw: FloatArray) -> None:
        slope = self._weight / self.penalty
        centre_kw = drawn_kw + slope[:, np.newaxis] * self.price[self._tree.leaves]
        found = split(self._tree, self._prices, centre_kw, slope, self.price)
        # With prices solved exactly, the update of the multipliers lands on them.
        self.price = found.price
        self._excess_kw = drawn_kw - found.leaf_kw

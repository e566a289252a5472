"""Proximal message passing, to the letter: nets average, and everything else is a device.

Kraning, Chu, Lavaei, Boyd, "Dynamic network energy management via proximal message passing"
(2014), weighted. A line joins each net with the one around it, a tie each root with the energy
system; both are devices with proximal operators of their own. Kept to compare with: `sharing` sends
the same messages and needs fewer rounds, because it solves lines and ties exactly.
"""

import numpy as np

from gridloom.controllers.drive.net_tree import NetTree
from gridloom.controllers.drive.sharing import Signals
from gridloom.controllers.drive.splitting import split
from gridloom.controllers.drive.tariffs import Prices
from gridloom.simulators.model import FloatArray


class MessagePassing:
    """The nets' side of the negotiation, in the manner of `TreeSharing`.

    Over-relaxation is left out: every device would have to remember a second profile.
    """

    def __init__(
        self,
        tree: NetTree,
        prices: Prices,
        weight: FloatArray,
        penalty: float,
        start: FloatArray | None = None,
    ) -> None:
        """Begin a negotiation; see `TreeSharing`."""
        self._tree, self._prices, self.penalty = tree, prices, penalty
        self._leaf_weight = weight
        # A line is worth the devices below it, on both its ends.
        self._line_weight = np.maximum(tree.flows_kw(weight[:, np.newaxis])[:, 0], 1.0)
        self._net_weight = self._line_weight.copy()
        self._net_weight[tree.leaves] += weight
        inner = np.flatnonzero(tree.parent >= 0)
        np.add.at(self._net_weight, tree.parent[inner], self._line_weight[inner])
        between = (prices.buying + prices.selling) / 2.0
        self._price = np.tile(between, (len(tree), 1)) if start is None else start
        shape = self._price.shape
        self._line_kw = np.zeros(shape)
        """(net, interval), what the line or tie above each net supplies."""
        self._imbalance_kw = np.zeros(shape)
        """(net, interval), mean over the weights of what all at a net draw."""
        self._drawn_kw = np.zeros((len(tree.leaves), shape[1]))
        self.moved_kw = np.full_like(self._drawn_kw, np.inf)
        """(leaf, interval), by how much more each drew than a round before."""

    @property
    def price(self) -> FloatArray:
        """(net, interval), prices that limits and tariffs allow, nearest to those of the nets."""
        slope = self._leaf_weight / self.penalty
        centre_kw = self._drawn_kw + slope[:, np.newaxis] * self._price[self._tree.leaves]
        return split(self._tree, self._prices, centre_kw, slope, self._price).price

    @property
    def excess_kw(self) -> FloatArray:
        """(leaf, interval), what devices draw beyond what the line above supplies."""
        excess: FloatArray = self._drawn_kw - self._line_kw[self._tree.leaves]
        return excess

    def begin(self, drawn_kw: FloatArray) -> None:
        """Take note of what the leaves draw before the first round: (leaf, interval)."""
        self._drawn_kw = drawn_kw.copy()
        self._line_kw = self._tree.flows_kw(drawn_kw)

    def signals(self) -> Signals:
        """Return what is asked of the devices."""
        leaves = self._tree.leaves
        return Signals(price=self._price[leaves], target_kw=-self._imbalance_kw[leaves])

    def take(self, drawn_kw: FloatArray) -> None:
        """Take what the leaves now draw: (leaf, interval); lines and ties answer as well."""
        self.moved_kw = drawn_kw - self._drawn_kw
        self._drawn_kw = drawn_kw.copy()
        self._line_kw = self._answer_of_lines()
        total_kw = -self._line_kw
        total_kw[self._tree.leaves] += drawn_kw
        inner = np.flatnonzero(self._tree.parent >= 0)
        np.add.at(total_kw, self._tree.parent[inner], self._line_kw[inner])
        self._imbalance_kw = total_kw / self._net_weight[:, np.newaxis]
        self._price = self._price + self.penalty * self._imbalance_kw

    def _answer_of_lines(self) -> FloatArray:
        """Return what lines and ties supply: (net, interval)."""
        tree, prices = self._tree, self._prices
        weight = self._line_weight[:, np.newaxis]
        # What the lower end wants to supply, and what the upper end wants to draw.
        supply_kw = self._line_kw + weight * (self._imbalance_kw + self._price / self.penalty)
        above = np.maximum(tree.parent, 0)
        draw_kw = self._line_kw - weight * (
            self._imbalance_kw[above] + self._price[above] / self.penalty
        )
        line_kw = (supply_kw + draw_kw) / 2.0
        scale = weight / self.penalty
        bought = supply_kw[tree.roots] - scale[tree.roots] * prices.buying
        sold = supply_kw[tree.roots] - scale[tree.roots] * prices.selling
        line_kw[tree.roots] = np.maximum(bought, 0.0) + np.minimum(sold, 0.0)
        return self._within_limits(line_kw, weight / self.penalty * prices.overload)

    def _within_limits(self, line_kw: FloatArray, give_kw: FloatArray) -> FloatArray:
        """Return flows within the limits, or as far beyond as the overload price makes it worth."""
        highest = self._tree.import_limit_kw[:, np.newaxis]
        lowest = -self._tree.export_limit_kw[:, np.newaxis]
        give_kw = np.where((self._tree.parent < 0)[:, np.newaxis], give_kw, give_kw / 2.0)
        above = np.maximum(np.minimum(line_kw, highest), line_kw - give_kw)
        return np.minimum(np.maximum(above, lowest), line_kw + give_kw)

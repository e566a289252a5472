"""What energy costs at the ties of the roots."""

from dataclasses import dataclass

import numpy as np

from gridloom.controllers.drive.net_tree import NetTree
from gridloom.simulators.model import FloatArray

_TYPICAL_KW = 3.0
"""Of a device."""
_LEAST_EUR = 1e-4


@dataclass(frozen=True, kw_only=True)
class Prices:
    """Of the intervals ahead, in EUR for each kW that flows through an interval."""

    buying: FloatArray
    """(interval,), of what a root draws."""
    selling: FloatArray
    """(interval,), of what it feeds in; at most the other."""
    overload: float
    """Of what exceeds the limit of a net, on top."""

    def __post_init__(self) -> None:
        """Refuse prices at which buying and selling at once pays.

        Raises:
            ValueError: some selling price is above the buying price.
        """
        if (self.selling > self.buying).any():
            raise ValueError("selling prices are not above buying prices")

    @property
    def usual_penalty(self) -> float:
        """The fixed rule for rho, EUR/kW2: the mean price, whatever its sign, over 3 kW."""
        price = np.maximum(np.abs(self.buying), np.abs(self.selling)).mean()
        return float(max(price, _LEAST_EUR)) / _TYPICAL_KW

    def energy_cost_eur(self, tree: NetTree, leaf_kw: FloatArray) -> float:
        """Return what all roots pay for what their nets draw: (leaf, interval)."""
        drawn = tree.flows_kw(leaf_kw)[tree.roots]
        cost = self.buying * np.maximum(drawn, 0.0) + self.selling * np.minimum(drawn, 0.0)
        return float(cost.sum())

    def overload_cost_eur(self, tree: NetTree, leaf_kw: FloatArray) -> float:
        """Return what exceeding the limits costs."""
        return self.overload * float(tree.overload_kw(leaf_kw).sum())

"""How far a negotiated plan is from the optimum: certified from both sides.

Above it is the cost of what the devices draw; whatever flows, the tie supplies. Below it is
the dual bound: at any prices, what devices and nets would cost each by itself, at their best, is
at most the optimum. Devices tell it by answering prices without a target.
"""

from dataclasses import dataclass

import numpy as np

from gridloom.controllers.drive.net_tree import NetTree
from gridloom.controllers.drive.tariffs import Prices
from gridloom.simulators.model import FloatArray

_SHARE_OF_GROSS = 0.1
"""Of the value of all that is drawn and fed in: gaps are not told as shares of a cost below it,
which is the difference of large numbers."""
_EUR_PER_INTERVAL = 0.01
_ROUNDING = 1e-9


@dataclass(frozen=True, kw_only=True)
class Certificate:
    """Bounds of the cost of the intervals ahead."""

    cost_eur: float
    """Of the plan: energy, what contracts grant devices, and overload."""
    bound_eur: float
    """Which no plan falls below; NaN where it is not known."""
    scale_eur: float
    """What gaps are told as shares of."""

    @property
    def gap(self) -> float:
        """Distance from the optimum, at most, as a share of the scale."""
        gap = (self.cost_eur - self.bound_eur) / self.scale_eur
        return 0.0 if -_ROUNDING < gap < 0.0 else gap


def scale_eur(prices: Prices, drawn_kw: FloatArray, fixed_kw: FloatArray, cost_eur: float) -> float:
    """Return what gaps are told as shares of: the cost, unless generation nearly makes up for it.

    Args:
        prices: at the ties.
        drawn_kw: (leaf, interval), by all devices.
        fixed_kw: (leaf, interval), of it by what nobody decides.
        cost_eur: of the plan, overload apart.
    """
    gross_kw = np.abs(fixed_kw) + np.abs(drawn_kw - fixed_kw)
    gross_eur = float((np.abs(prices.buying) * gross_kw).sum())
    smallest_eur = _EUR_PER_INTERVAL * drawn_kw.shape[1]
    return float(max(abs(cost_eur), _SHARE_OF_GROSS * gross_eur, smallest_eur))


def plan_cost_eur(
    tree: NetTree, prices: Prices, drawn_kw: FloatArray, contracts_eur: float
) -> float:
    """Return what a plan costs.

    Args:
        tree: the nets.
        prices: at their ties.
        drawn_kw: (leaf, interval), by all devices, those that nobody decides included.
        contracts_eur: what contracts grant the devices for it.
    """
    energy_eur = prices.energy_cost_eur(tree, drawn_kw)
    return energy_eur + contracts_eur + prices.overload_cost_eur(tree, drawn_kw)


def dual_bound_eur(
    tree: NetTree,
    prices: Prices,
    price: FloatArray,
    answered_kw: FloatArray,
    contracts_eur: float,
) -> float:
    """Return a cost that no plan falls below.

    Args:
        tree: the nets.
        prices: at their ties.
        price: (net, interval), any.
        answered_kw: (leaf, interval), what all devices draw who do what is best for them at these
            prices.
        contracts_eur: what contracts grant them for it.
    """
    devices_eur = contracts_eur + float((price[tree.leaves] * answered_kw).sum())
    above = price[np.maximum(tree.parent, 0)]
    above[tree.roots] = np.clip(price[tree.roots], prices.selling, prices.buying)
    congestion = price - above
    # Each net would have flow in, at its own price less that above, whatever its limits allow.
    limits = np.where(
        congestion > 0, tree.import_limit_kw[:, np.newaxis], tree.export_limit_kw[:, np.newaxis]
    )
    if (np.abs(congestion) > prices.overload * (1.0 + 1e-9)).any():
        return -np.inf  # overload would be cheaper than what this price promises
    binding = congestion != 0.0
    return devices_eur - float((np.abs(congestion[binding]) * limits[binding]).sum())

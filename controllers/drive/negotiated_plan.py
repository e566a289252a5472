"""One negotiation's way to its plan: which round asks for what, and when it is good enough."""

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from gridloom.controllers.drive.certificate import (
    Certificate,
    dual_bound_eur,
    plan_cost_eur,
    scale_eur,
)
from gridloom.controllers.drive.net_tree import NetTree
from gridloom.controllers.drive.sharing import Signals
from gridloom.controllers.drive.tariffs import Prices
from gridloom.simulators.model import FloatArray

_FAR_APART = 10.0
"""Ratio of what is missed to what moves, beyond which the penalty is changed."""
_STEP = 2.0
_LIKELY = 2.0
"""Times the gap: estimates above it have hardly ever hidden a plan that was good enough."""
_AT_LATEST = 5
"""Times as many rounds, a bound is asked for whatever the estimate."""


class Method(Protocol):
    """How nets come to prices and targets."""

    penalty: float
    """rho of the next round, EUR/kW2."""
    moved_kw: FloatArray
    """(leaf, interval), by how much more each leaf drew than a round before."""

    @property
    def price(self) -> FloatArray:
        """(net, interval), EUR for each kW through an interval, as limits and tariffs allow."""

    @property
    def excess_kw(self) -> FloatArray:
        """(leaf, interval), what devices draw beyond what the nets would have them draw."""

    def begin(self, drawn_kw: FloatArray) -> None:
        """Take note of what the leaves draw before the first round: (leaf, interval)."""

    def signals(self) -> Signals:
        """Return what is asked of the devices."""

    def take(self, drawn_kw: FloatArray) -> None:
        """Take what the leaves now draw: (leaf, interval)."""


@dataclass(frozen=True, kw_only=True)
class Rigour:
    """How good a plan shall be."""

    gap: float
    """Certified distance from the optimum."""
    certify_every: int
    """Rounds after which it is looked at, at the latest, unless it is `frugal`."""
    frugal: bool = False
    """Whether it is looked at only where that promises something: to answer without a target costs
    devices with a state several times as much."""

    @property
    def margin(self) -> float:
        """Share by which plans aim below limits: these are then kept on the way as well."""
        return self.gap / 2.0


class NegotiatedPlan:
    """Rounds with targets, and now and then one without, that certifies how good the plan is.

    `ask` for what is to be sent, then `hear` the answers, until it `is_good`.
    """

    def __init__(
        self, tree: NetTree, prices: Prices, method: Method, weight: FloatArray, rigour: Rigour
    ) -> None:
        """Begin.

        Args:
            tree: the nets.
            prices: at their ties.
            method: how nets come to prices and targets.
            weight: (leaf,), of the devices that take part.
            rigour: how good the plan shall be.
        """
        self._tree, self._prices, self._method = tree, prices, method
        self._weight = np.maximum(weight, 1.0)[:, np.newaxis]
        self._gap, self._every = rigour.gap, rigour.certify_every
        self._likely = _LIKELY * rigour.gap if rigour.frugal else np.inf
        self._first_penalty = prices.usual_penalty
        self._since = 0
        self._promising = rigour.gap
        self._asked_for_bound = False
        self.certificate: Certificate | None = None
        """Of the plan as it was when last looked at."""
        self.is_good = False
        """Whether the plan is as near to the optimum as it shall be."""
        self._drawn_kw = np.zeros(method.moved_kw.shape)
        self._fixed_kw = self._drawn_kw
        self._cost_eur = np.nan

    @property
    def price(self) -> FloatArray:
        """(net, interval), see `Method`."""
        return self._method.price

    @property
    def adapted_penalty(self) -> float:
        """Of rounds with targets, EUR/kW2."""
        return self._method.penalty

    def ask_for_bound(self) -> None:
        """Ask for a bound in the next round, whatever it promises."""
        if not self._asked_for_bound:
            self._asked_for_bound, self._bound_price = True, self._method.price

    @property
    def penalty(self) -> float:
        """Of straying from targets in the present round, EUR/kW2; 0 if it has none."""
        return 0.0 if self._asked_for_bound else self._method.penalty

    @property
    def asks_for_bound(self) -> bool:
        """Whether the present round asks for what is best at prices, without targets."""
        return self._asked_for_bound

    @property
    def residual_kw(self) -> float:
        """What devices draw beyond what nets would have: root mean square."""
        return _mean_square_root(self._method.excess_kw)

    @property
    def change_kw(self) -> float:
        """Change of the nets' power in the last round with targets: root mean square."""
        return _mean_square_root(self._method.moved_kw)

    def begin(self, drawn_kw: FloatArray, fixed_kw: FloatArray, contracts_eur: float) -> None:
        """Take note of what the leaves draw before anybody is asked, and what of it is fixed."""
        self._fixed_kw = fixed_kw
        self._method.begin(drawn_kw)
        self._look_at(drawn_kw, contracts_eur)

    def ask(self) -> Signals:
        """Return what is to be sent; without targets if `asks_for_bound`."""
        if self._asked_for_bound:
            price = self._bound_price[self._tree.leaves]
            return Signals(price=price, target_kw=np.zeros(price.shape))
        return self._method.signals()

    def hear(self, drawn_kw: FloatArray, contracts_eur: float, *, all_of: bool) -> None:
        """Take the answers to what was asked last.

        Args:
            drawn_kw: (leaf, interval), what all devices then draw.
            contracts_eur: what contracts grant them for it.
            all_of: whether everybody has answered; otherwise nothing is certain.
        """
        if self._asked_for_bound:
            self._asked_for_bound = False
            self._since = 0
            self._certify(drawn_kw, contracts_eur, all_of=all_of)
            return
        self._method.take(drawn_kw)
        self._look_at(drawn_kw, contracts_eur)
        self._since += 1
        estimate, due = self._estimate(), self._since % self._every == 0
        promises = estimate < (self._likely if due else self._promising)
        if promises or self._since >= _AT_LATEST * self._every:
            self._asked_for_bound = True
            self._bound_price = self._method.price
        elif due:
            self._adapt_penalty()

    def _look_at(self, drawn_kw: FloatArray, contracts_eur: float) -> None:
        self._drawn_kw = drawn_kw
        self._cost_eur = plan_cost_eur(self._tree, self._prices, drawn_kw, contracts_eur)
        overload_eur = self._prices.overload_cost_eur(self._tree, drawn_kw)
        self._scale_eur = scale_eur(
            self._prices, drawn_kw, self._fixed_kw, self._cost_eur - overload_eur
        )
        if self.certificate is not None:  # its bound holds, whatever is planned since
            self.certificate = replace(
                self.certificate, cost_eur=self._cost_eur, scale_eur=self._scale_eur
            )

    def _estimate(self) -> float:
        """Return about how far from the optimum the plan is, from what nets can see."""
        method = self._method
        price = np.abs(method.price[self._tree.leaves])
        missed_eur = float((price * np.abs(method.excess_kw)).sum())
        moving_eur = float((method.penalty * method.moved_kw**2 / self._weight).sum())
        return (missed_eur + moving_eur) / self._scale_eur

    def _certify(self, drawn_kw: FloatArray, contracts_eur: float, *, all_of: bool) -> None:
        bound_eur = np.nan if self.certificate is None else self.certificate.bound_eur
        if all_of:
            bound_eur = dual_bound_eur(
                self._tree, self._prices, self._bound_price, drawn_kw, contracts_eur
            )
            if self.certificate is not None:  # a bound holds whatever comes after it
                bound_eur = float(np.fmax(bound_eur, self.certificate.bound_eur))
        self.certificate = Certificate(
            cost_eur=self._cost_eur, bound_eur=bound_eur, scale_eur=self._scale_eur
        )
        settled = not all_of and self._estimate() < self._gap
        self.is_good = settled or self.certificate.gap <= self._gap
        if not self.is_good:
            self._promising = min(self._promising, self._estimate()) / 2.0
            self._adapt_penalty()

    def _adapt_penalty(self) -> None:
        """Press harder where what is missed hardly changes, and less where all moves but for it.

        Residual balancing (Boyd et al. 2011, section 3.4.1), only now and then, and only where the
        two are far apart: the penalty suits most devices, but not hours in which few can move.
        """
        missed = float((self._method.excess_kw**2 / self._weight).sum())
        moved = float((self._method.moved_kw**2 / self._weight).sum())
        moved *= (self._method.penalty / self._first_penalty) ** 2  # the harder, the less it moves
        if missed > _FAR_APART**2 * moved:
            self._method.penalty *= _STEP
        elif moved > _FAR_APART**2 * missed:
            self._method.penalty /= _STEP


def _mean_square_root(values: FloatArray) -> float:
    return float(np.sqrt(np.mean(np.square(values)))) if values.size else 0.0

"""A whole district negotiated in memory: the same nets and operators, without a simulation.

For studies of the algorithm and for sizes beyond what a scenario holds: a million devices.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np

from gridloom.controllers.drive.central import Share
from gridloom.controllers.drive.certificate import Certificate
from gridloom.controllers.drive.negotiated_plan import Method, NegotiatedPlan, Rigour
from gridloom.controllers.drive.net_tree import NetTree
from gridloom.controllers.drive.sharing import Signals, TreeSharing
from gridloom.controllers.drive.tariffs import Prices
from gridloom.controllers.proximal.population import LeafTotals, ProximalRequest
from gridloom.simulators.model import FloatArray


class Devices(Protocol):
    """Devices that answer together."""

    def answer(self, request: ProximalRequest) -> LeafTotals:
        """Return what the leaves' devices draw in all, and what contracts grant them for it.

        With a penalty the answers become the last profiles; without, they are but told.
        """

    def offered(self, leaves: int, intervals: int) -> LeafTotals:
        """Return the totals of the last profiles, without asking anybody."""

    def weight(self, leaves: int) -> FloatArray:
        """Return the weight of the devices of each leaf in all: (leaf,)."""


@dataclass
class LocalDevices:
    """Devices in this process."""

    shares: Sequence[Share]
    profiles_kw: list[FloatArray] = field(default_factory=list)
    """Of each population: (device, interval), what each offered last."""

    def __post_init__(self) -> None:
        if not self.profiles_kw:
            shapes = ((s.population.count, s.population.intervals) for s in self.shares)
            self.profiles_kw = [np.zeros(shape) for shape in shapes]

    def answer(self, request: ProximalRequest) -> LeafTotals:
        """Return the totals of the answers; see `Devices`."""
        totals = LeafTotals.zeros(*request.price_eur_per_kw.shape)
        for share, last_kw in zip(self.shares, self.profiles_kw, strict=True):
            told_kw = last_kw if request.penalty_eur_per_kw2 else np.zeros_like(last_kw)
            share.population.respond(request, share.leaf, told_kw, totals)
        return totals

    def offered(self, leaves: int, intervals: int) -> LeafTotals:
        """Return the totals of the last profiles; see `Devices`."""
        totals = LeafTotals.zeros(leaves, intervals)
        for share, last_kw in zip(self.shares, self.profiles_kw, strict=True):
            np.add.at(totals.power_kw, share.leaf, last_kw)
            np.add.at(totals.cost_eur, share.leaf, share.population.contract_cost_eur(last_kw))
        return totals

    def weight(self, leaves: int) -> FloatArray:
        """Return the weight of the devices of each leaf in all: (leaf,)."""
        weight = np.zeros(leaves)
        for share in self.shares:
            np.add.at(weight, share.leaf, share.population.weight)
        return weight


@dataclass(frozen=True, kw_only=True)
class District:
    """Nets, prices, and what is drawn besides."""

    tree: NetTree
    prices: Prices
    fixed_kw: FloatArray
    """(leaf, interval), by what nobody decides."""


@dataclass(frozen=True, kw_only=True)
class Negotiated:
    """How a negotiation ended."""

    certificate: Certificate
    rounds: int
    """With those that asked for bounds."""
    drawn_kw: FloatArray
    """(leaf, interval), what is drawn in all."""
    price: FloatArray
    """(net, interval), EUR for each kW through an interval."""


def negotiate(
    district: District,
    devices: Devices,
    rigour: Rigour,
    *,
    max_rounds: int = 1000,
    method: Callable[..., Method] = TreeSharing,
    note: Callable[[int, NegotiatedPlan], None] = lambda _number, _plan: None,
) -> Negotiated:
    """Negotiate until the plan is as near to the optimum as it shall be, or rounds run out.

    Args:
        district: nets, prices, and what is drawn besides.
        devices: who answers.
        rigour: how good the plan shall be.
        max_rounds: after which the next bound ends it anyway.
        method: `TreeSharing` or `MessagePassing`; partial with prices to ``start`` with, such as
            those of the last negotiation: devices begin with their last profiles anyway.
        note: told of each round.
    """
    tree, prices = district.tree, district.prices
    weight = devices.weight(len(tree.leaves))
    way = method(tree.narrowed(rigour.margin), prices, weight, prices.usual_penalty)
    plan = NegotiatedPlan(tree, prices, way, weight, replace(rigour, frugal=True))
    offered = devices.offered(*district.fixed_kw.shape)
    drawn_kw = offered.power_kw + district.fixed_kw
    plan.begin(drawn_kw, district.fixed_kw, float(offered.cost_eur.sum()))
    rounds, for_bound = 0, False
    while not plan.is_good and (rounds < max_rounds or not for_bound):
        for_bound = plan.asks_for_bound
        totals = devices.answer(_request(plan.ask(), plan.penalty))
        answered_kw = totals.power_kw + district.fixed_kw
        plan.hear(answered_kw, float(totals.cost_eur.sum()), all_of=True)
        drawn_kw = drawn_kw if for_bound else answered_kw
        rounds += 1
        note(rounds, plan)
    certificate = plan.certificate
    assert certificate is not None  # noqa: S101 -- a bound was the last that was asked for
    return Negotiated(certificate=certificate, rounds=rounds, drawn_kw=drawn_kw, price=plan.price)


def _request(signals: Signals, penalty: float) -> ProximalRequest:
    return ProximalRequest(
        price_eur_per_kw=np.ascontiguousarray(signals.price),
        target_kw=np.ascontiguousarray(signals.target_kw),
        penalty_eur_per_kw2=penalty,
    )

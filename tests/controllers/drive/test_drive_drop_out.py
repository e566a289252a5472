"""Devices that do not answer every time, and devices that never answer again."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import pytest
from typing_extensions import override

from gridloom.controllers.drive.central import Share, central_optimum
from gridloom.controllers.drive.district import District, LocalDevices, negotiate
from gridloom.controllers.drive.negotiated_plan import Rigour
from gridloom.controllers.proximal.population import BoolArray, LeafTotals, ProximalRequest

Draw: TypeAlias = Callable[..., tuple[District, list[Share]]]
PERCENT = Rigour(gap=0.01, certify_every=10)


@dataclass
class UnreliableDevices(LocalDevices):
    """Devices that keep their last profile when they do not answer."""

    probability: float = field(kw_only=True)
    """Of an answer to a request with targets; all answer what a bound is asked for."""
    silent: list[BoolArray] = field(default_factory=list)
    """Of each population, (device,): those that never answer from some round on."""
    silent_from: int = 0

    @override
    def __post_init__(self) -> None:
        super().__post_init__()
        self._rng = np.random.default_rng(7)
        self._requests = 0
        self.missed = 0

    @override
    def answer(self, request: ProximalRequest) -> LeafTotals:
        totals = LeafTotals.zeros(*request.price_eur_per_kw.shape)
        with_target = request.penalty_eur_per_kw2 > 0.0
        for number, share in enumerate(self.shares):
            answers = np.ones(share.population.count, np.bool_)
            if with_target:
                answers = self._rng.random(len(answers)) < self.probability
            if self.silent and self._requests >= self.silent_from:
                answers &= ~self.silent[number]
            self.missed += int((~answers).sum())
            profile_kw = self.profiles_kw[number]
            told_kw = profile_kw if with_target else profile_kw.copy()
            share.population.respond(request, share.leaf, told_kw, totals, answers=answers)
        self._requests += 1
        return totals


@pytest.mark.parametrize("probability", [0.9, 0.7, 0.5])
def test_who_answers_only_at_times_still_gets_to_the_optimum(
    draw: Draw, probability: float
) -> None:
    district, shares = draw(39, 0, 0.5)
    best = central_optimum(district.tree, district.prices, shares, district.fixed_kw)
    reliable = negotiate(district, LocalDevices(shares), PERCENT)
    devices = UnreliableDevices(shares, probability=probability)
    found = negotiate(district, devices, PERCENT)
    assert devices.missed > 0
    assert best.cost_eur <= found.certificate.cost_eur + 1e-4
    assert found.certificate.cost_eur <= best.cost_eur * (1.0 + PERCENT.gap)
    # Half the answers, at most three times the rounds: each makes up for what it missed.
    assert found.rounds <= 1.5 * reliable.rounds / probability


@pytest.mark.parametrize("number", [0, 12])
def test_who_never_answers_again_is_worked_around(
    draw: Draw, some_of: Callable[[Share, BoolArray], Share], number: int
) -> None:
    """A fifth goes on with what it offered last; the rest is compared with HiGHS."""
    district, shares = draw(39, 1)
    rng = np.random.default_rng(3)
    silent = [rng.random(share.population.count) < 0.2 for share in shares]
    devices = UnreliableDevices(shares, probability=1.0, silent=silent, silent_from=number)
    thorough = Rigour(gap=0.002, certify_every=10)
    found = negotiate(district, devices, thorough)

    fixed_kw, contracts_eur = district.fixed_kw.copy(), 0.0
    for share, profile_kw, gone in zip(shares, devices.profiles_kw, silent, strict=True):
        np.add.at(fixed_kw, share.leaf[gone], profile_kw[gone])
        contracts_eur += float(share.population.contract_cost_eur(profile_kw)[gone].sum())
    rest = [some_of(share, ~gone) for share, gone in zip(shares, silent, strict=True)]
    best = central_optimum(district.tree, district.prices, rest, fixed_kw)
    best_eur = best.cost_eur + contracts_eur
    assert found.certificate.bound_eur <= best_eur + 1e-4
    assert best_eur <= found.certificate.cost_eur + 1e-4
    assert found.certificate.cost_eur - best_eur <= thorough.gap * found.certificate.scale_eur
    whole = central_optimum(district.tree, district.prices, shares, district.fixed_kw)
    assert best_eur > whole.cost_eur + 0.01  # their silence costs


def test_devices_that_are_not_there_do_not_matter(draw: Draw) -> None:
    district, _ = draw(39, 0)
    found = negotiate(district, LocalDevices([]), PERCENT)
    alone = district.fixed_kw.sum(axis=0)
    assert found.certificate.cost_eur == pytest.approx(district.prices.buying @ alone)
    assert found.certificate.bound_eur == pytest.approx(found.certificate.cost_eur)

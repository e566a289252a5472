"""The dual bound holds at any prices: no plan is cheaper, as HiGHS's optimum is not."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridloom.controllers.drive.central import Share, central_optimum
from gridloom.controllers.drive.certificate import dual_bound_eur
from gridloom.controllers.drive.district import District, LocalDevices
from gridloom.controllers.proximal.population import ProximalRequest
from gridloom.simulators.model import FloatArray

Draw: TypeAlias = Callable[..., tuple[District, list[Share]]]


def bound_eur(district: District, devices: LocalDevices, price: FloatArray) -> float:
    """Return the bound that these prices prove: (net, interval)."""
    request = ProximalRequest(
        price_eur_per_kw=price[district.tree.leaves],
        target_kw=np.zeros_like(district.fixed_kw),
        penalty_eur_per_kw2=0.0,
    )
    totals = devices.answer(request)
    drawn_kw = totals.power_kw + district.fixed_kw
    contracts_eur = float(totals.cost_eur.sum())
    return dual_bound_eur(district.tree, district.prices, price, drawn_kw, contracts_eur)


@dataclass(frozen=True, repr=False)  # what hypothesis would print is long
class Limited:
    """Feeders with limits that bind, and the optimum."""

    district: District
    devices: LocalDevices
    best_eur: float


@pytest.fixture(scope="module")
def limited(draw: Draw) -> Limited:
    district, shares = draw(39, 0, 0.4)
    best = central_optimum(district.tree, district.prices, shares, district.fixed_kw)
    return Limited(district, LocalDevices(shares), best.cost_eur)


@given(
    seed=st.integers(0, 2**32 - 1),
    spread=st.sampled_from([0.0, 0.001, 0.01, 0.1, 1.0]),
    height=st.floats(0.0, 1.0),
)
def test_no_prices_prove_more_than_the_optimum(
    limited: Limited, seed: int, spread: float, height: float
) -> None:
    tree, prices = limited.district.tree, limited.district.prices
    root = prices.selling + height * (prices.buying - prices.selling)
    root = np.minimum(root, prices.buying)  # not the last bit beyond
    noise = np.random.default_rng(seed).normal(0.0, spread, (len(tree), len(root)))
    noise[tree.roots] = 0.0
    noise = np.clip(noise, -prices.overload / 2, prices.overload / 2)  # nested nets differ by two
    told_eur = bound_eur(limited.district, limited.devices, root + noise)
    assert np.isfinite(told_eur)
    assert told_eur <= limited.best_eur + 1e-6


def test_prices_that_the_tariff_does_not_know_prove_nothing(limited: Limited) -> None:
    """Whoever paid the community more than the tariff could draw without end."""
    district = limited.district
    price = np.tile(district.prices.buying + 0.01, (len(district.tree), 1))
    assert bound_eur(district, limited.devices, price) == -np.inf


def test_congestion_prices_above_that_of_overload_prove_nothing(limited: Limited) -> None:
    """Whoever paid a feeder more than overload costs could overload it without end."""
    district = limited.district
    price = np.tile(district.prices.buying, (len(district.tree), 1))
    price[1:] += 1.01 * district.prices.overload
    assert bound_eur(district, limited.devices, price) == -np.inf


def test_prices_of_the_tariff_prove_what_devices_save_alone(draw: Draw) -> None:
    """Where nothing is limited and all is bought, the bound at the buying price is the optimum."""
    district, shares = draw(39, 0)
    district.fixed_kw[:] += 1000.0  # so much is drawn that nobody ever feeds in
    devices = LocalDevices(shares)
    best = central_optimum(district.tree, district.prices, shares, district.fixed_kw)
    price = np.tile(district.prices.buying, (len(district.tree), 1))
    assert bound_eur(district, devices, price) == pytest.approx(best.cost_eur, rel=1e-8)

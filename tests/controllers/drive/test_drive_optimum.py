"""Negotiated plans against HiGHS, which solves one linear program of all devices and nets."""

from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

import numpy as np
import pytest

from gridloom.controllers.drive.central import CentralOptimum, Share, central_optimum
from gridloom.controllers.drive.district import District, LocalDevices, Negotiated, negotiate
from gridloom.controllers.drive.message_passing import MessagePassing
from gridloom.controllers.drive.negotiated_plan import Rigour
from gridloom.controllers.proximal.curtailable import Curtailable
from gridloom.simulators.model import FloatArray

Draw: TypeAlias = Callable[..., tuple[District, list[Share]]]
THOROUGH = Rigour(gap=0.001, certify_every=10)
SLACK_EUR = 1e-4
"""By what HiGHS's tolerances may be off."""


def cost_eur(district: District, shares: list[Share], profiles_kw: list[FloatArray]) -> float:
    """Return what profiles cost, feeders being the leaves of a single root."""
    tree, prices = district.tree, district.prices
    drawn_kw, contracts_eur = district.fixed_kw.copy(), 0.0
    for share, profile_kw in zip(shares, profiles_kw, strict=True):
        np.add.at(drawn_kw, share.leaf, profile_kw)
        contracts_eur += share.population.contract_cost_eur(profile_kw).sum()
    whole_kw = drawn_kw.sum(axis=0)
    tariff = np.where(whole_kw > 0.0, prices.buying, prices.selling)
    above_kw = np.maximum(drawn_kw - tree.import_limit_kw[1:, None], 0.0)
    above_kw += np.maximum(-drawn_kw - tree.export_limit_kw[1:, None], 0.0)
    return float(tariff @ whole_kw + prices.overload * above_kw.sum() + contracts_eur)


def assert_encloses(found: Negotiated, best: CentralOptimum, gap: float) -> None:
    """Assert that the optimum lies between the bounds, and that these are near."""
    certificate = found.certificate
    assert certificate.bound_eur <= best.cost_eur + SLACK_EUR
    assert best.cost_eur <= certificate.cost_eur + SLACK_EUR
    assert certificate.cost_eur - best.cost_eur <= gap * certificate.scale_eur + SLACK_EUR
    assert certificate.gap <= gap


def check(district: District, shares: list[Share], rigour: Rigour = THOROUGH) -> Negotiated:
    """Negotiate, and compare with HiGHS."""
    devices = LocalDevices(shares)
    found = negotiate(district, devices, rigour)
    best = central_optimum(district.tree, district.prices, shares, district.fixed_kw)
    assert_encloses(found, best, rigour.gap)
    told_eur = cost_eur(district, shares, devices.profiles_kw)
    assert told_eur == pytest.approx(found.certificate.cost_eur, rel=1e-9)
    # HiGHS's own profiles cost what it says: both speak of the same problem.
    assert cost_eur(district, shares, list(best.profiles_kw)) == pytest.approx(best.cost_eur)
    return found


@pytest.mark.parametrize("cap", [None, 0.4])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_39_houses_come_within_a_thousandth_of_the_optimum(
    draw: Draw, seed: int, cap: float | None
) -> None:
    check(*draw(39, seed, cap))


@pytest.mark.slow
@pytest.mark.parametrize(("houses", "cap"), [(290, None), (120, 0.4)])
def test_larger_districts_come_as_near(draw: Draw, houses: int, cap: float | None) -> None:
    check(*draw(houses, 0, cap))


@pytest.mark.parametrize("cap", [None, 0.5])
def test_literal_message_passing_comes_to_the_same_optimum(draw: Draw, cap: float | None) -> None:
    district, shares = draw(39, 0, cap)
    percent = Rigour(gap=0.01, certify_every=10)
    found = negotiate(district, LocalDevices(shares), percent, method=MessagePassing)
    best = central_optimum(district.tree, district.prices, shares, district.fixed_kw)
    assert_encloses(found, best, percent.gap)


def test_caps_are_kept_where_devices_can_help(draw: Draw) -> None:
    district, shares = draw(39, 0, 0.4)
    found = check(district, shares)
    limits_kw = district.tree.import_limit_kw[1:, None]
    assert (np.abs(found.drawn_kw) <= 1.005 * limits_kw).all()
    congestion = found.price[1:] - found.price[0]
    binds = np.abs(found.drawn_kw) > 0.98 * limits_kw
    assert np.abs(congestion).max() > 0.01  # EUR for a kW through an interval
    assert binds[np.abs(congestion) > 0.001].all()  # a price only where a limit binds


def test_when_rounds_run_out_the_certificate_is_of_the_last_plan(draw: Draw) -> None:
    district, shares = draw(39, 0)
    devices = LocalDevices(shares)
    found = negotiate(district, devices, Rigour(gap=1e-12, certify_every=2), max_rounds=15)
    assert 15 <= found.rounds <= 15 + 5 * 2  # the first bound after them ends it
    told_eur = cost_eur(district, shares, devices.profiles_kw)
    assert told_eur == pytest.approx(found.certificate.cost_eur, rel=1e-9)
    assert found.certificate.bound_eur < told_eur


def test_negative_prices(draw: Draw) -> None:
    district, shares = draw(39, 0)
    prices = district.prices
    buying, selling = prices.buying.copy(), prices.selling.copy()
    buying[40:56], selling[40:56] = -0.01, -0.02  # EUR for a kW through an interval
    selling[56:60] = -0.005
    check(replace(district, prices=replace(prices, buying=buying, selling=selling)), shares)


def test_limits_of_feed_in_make_prices_fall_below_zero(draw: Draw) -> None:
    district, shares = draw(39, 2)
    tree = district.tree
    most_kw = np.concatenate([[np.inf], np.full(len(tree.leaves), 4.0)])
    plants = next(share for share in shares if isinstance(share.population, Curtailable))
    assert isinstance(plants.population, Curtailable)
    twice_kw = 2.0 * plants.population.available_kw
    larger = replace(plants, population=replace(plants.population, available_kw=twice_kw))
    sunny = [larger if share is plants else share for share in shares]
    limited = replace(district, tree=replace(tree, export_limit_kw=most_kw))
    # At the end of the day few can move, and prices settle slowly.
    found = check(limited, sunny, Rigour(gap=0.003, certify_every=10))
    assert found.price.min() < 0.0
    assert found.drawn_kw.min() >= -4.0 * 1.05


def test_what_no_device_can_help_costs_the_overload_price(draw: Draw) -> None:
    # A twentieth of the peak is less than what houses draw besides, which nobody decides.
    district, shares = draw(39, 0, 0.05)
    assert (district.fixed_kw > district.tree.import_limit_kw[1:, None]).any()
    found = check(district, shares)
    assert district.prices.overload_cost_eur(district.tree, found.drawn_kw) > 0.0
    most = district.prices.buying + district.prices.overload
    assert (found.price <= most + 1e-9).all()

"""Devices that take turns: the operator of the sum is that of each in its own intervals."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridloom.controllers.proximal.batteries import Batteries, Stays
from gridloom.controllers.proximal.deferrable import Deferrable
from gridloom.controllers.proximal.lp import linear_piece
from gridloom.controllers.proximal.population import LeafTotals, ProximalRequest
from gridloom.controllers.proximal.successive import Successive, Turns

INTERVALS, HOURS = 12, 0.25
LEAF = np.array([0, 0, 1])
"""Of three places; the second has a battery, then a job, the others have jobs only."""


def jobs() -> Turns:
    release, deadline = np.array([0.0, 5.5, 7.0, 1.0]), np.array([5.0, 11.0, 9.5, 12.0])
    return Turns(
        population=Deferrable(
            rated_power_kw=np.array([2.0, 3.0, 1.0, 2.5]),
            energy_kwh=np.array([1.0, 1.5, 0.4, 2.0]),
            release=release,
            deadline=deadline,
            intervals=INTERVALS,
            interval_h=HOURS,
        ),
        place=np.array([0, 0, 1, 2]),
        begin=np.floor(release).astype(np.int64),
        end=np.ceil(deadline).astype(np.int64),
    )


def battery(wear: float = 0.02) -> Turns:
    begin, end = np.array([1]), np.array([6])
    one = np.ones(1)
    population = Batteries(
        charge_kw=3.0 * one,
        discharge_kw=3.0 * one,
        charge_efficiency=0.9 * one,
        discharge_efficiency=0.9 * one,
        lower_kwh=0.0 * one,
        upper_kwh=4.0 * one,
        initial_kwh=1.0 * one,
        wear_eur_per_kwh=wear * one,
        stays=Stays(
            first=np.array([0, 1]), begin=begin, end=end, required_kwh=2.0 * one, trip_kwh=0.0 * one
        ),
        intervals=INTERVALS,
        interval_h=HOURS,
    )
    return Turns(population=population, place=np.array([1]), begin=begin, end=end)


def successive() -> Successive:
    return Successive(
        turns=(jobs(), battery()), count_of_places=3, intervals=INTERVALS, interval_h=HOURS
    )


def asked(seed: int, penalty: float) -> tuple[ProximalRequest, Any]:
    rng = np.random.default_rng(seed)
    request = ProximalRequest(
        price_eur_per_kw=rng.uniform(-0.01, 0.05, (2, INTERVALS)),
        target_kw=rng.normal(0.0, 1.0, (2, INTERVALS)),
        penalty_eur_per_kw2=penalty,
    )
    return request, rng.normal(0.0, 1.0, (3, INTERVALS))


def alone(turns: Turns, request: ProximalRequest, last_kw: Any) -> Any:
    """Return what the devices answer if each knew only its own place's last profile."""
    own_kw = last_kw[turns.place].copy()
    totals = LeafTotals.zeros(2, INTERVALS)
    turns.population.respond(request, LEAF[turns.place], own_kw, totals)
    return own_kw * turns.connected(), totals.cost_eur


@pytest.mark.parametrize("penalty", [0.0, 0.01])
@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 100_000))
def test_each_answers_in_its_turn_as_if_it_were_alone(seed: int, penalty: float) -> None:
    request, last_kw = asked(seed, penalty)
    expected_kw, cost_eur = np.zeros((3, INTERVALS)), np.zeros(2)
    for turns in (jobs(), battery()):
        own_kw, own_eur = alone(turns, request, last_kw)
        np.add.at(expected_kw, turns.place, own_kw)
        cost_eur += own_eur
    population, profile_kw = successive(), last_kw.copy()
    totals = LeafTotals.zeros(2, INTERVALS)
    population.respond(request, LEAF, profile_kw, totals)
    np.testing.assert_allclose(profile_kw, expected_kw, atol=1e-9)
    np.testing.assert_allclose(totals.power_kw[0], expected_kw[:2].sum(axis=0), atol=1e-9)
    np.testing.assert_allclose(totals.power_kw[1], expected_kw[2], atol=1e-9)
    np.testing.assert_allclose(totals.cost_eur, cost_eur, atol=1e-12)


def test_no_other_feasible_profile_is_better() -> None:
    """Firmly: <answer - other, q + target - price/rho - answer> >= 0 for other feasible ones."""
    request, last_kw = asked(3, 0.01)
    population, answer_kw = successive(), last_kw.copy()
    population.respond(request, LEAF, answer_kw, LeafTotals.zeros(2, INTERVALS))
    wish_kw = last_kw + request.shift_kw[LEAF]
    jobs_only = [0, 2]
    for seed in range(20):
        other, start_kw = asked(100 + seed, 0.01)
        population.respond(other, LEAF, start_kw, LeafTotals.zeros(2, INTERVALS))
        product = ((answer_kw - start_kw) * (wish_kw - answer_kw)).sum(axis=1)
        assert (product[jobs_only] >= -1e-9).all()


def test_who_does_not_answer_keeps_all_of_its_profile() -> None:
    request, last_kw = asked(1, 0.01)
    profile_kw, totals = last_kw.copy(), LeafTotals.zeros(2, INTERVALS)
    answers = np.array([True, False, False])
    successive().respond(request, LEAF, profile_kw, totals, answers=answers)
    np.testing.assert_array_equal(profile_kw[1:], last_kw[1:])
    assert not np.allclose(profile_kw[0], last_kw[0])
    np.testing.assert_allclose(totals.power_kw[0], profile_kw[:2].sum(axis=0), atol=1e-12)
    np.testing.assert_allclose(totals.power_kw[1], last_kw[2], atol=1e-12)


def test_slices_answer_like_the_whole() -> None:
    request, last_kw = asked(2, 0.01)
    whole_kw, whole = last_kw.copy(), LeafTotals.zeros(2, INTERVALS)
    successive().respond(request, LEAF, whole_kw, whole)
    profile_kw, totals, population = last_kw.copy(), LeafTotals.zeros(2, INTERVALS), successive()
    for devices in (slice(0, 2), slice(2, 3)):
        population.respond(request, LEAF, profile_kw, totals, devices=devices)
    np.testing.assert_array_equal(profile_kw, whole_kw)
    np.testing.assert_array_equal(totals.power_kw, whole.power_kw)


def test_contracts_cost_what_each_costs_in_its_turn() -> None:
    """The battery's wear: 0.02 EUR/kWh, 5 of 12 intervals at 1 kW."""
    cost_eur = successive().contract_cost_eur(np.ones((3, INTERVALS)))
    expected_eur = battery().population.contract_cost_eur(
        np.concatenate([[0.0], np.ones(5), np.zeros(6)])[np.newaxis]
    )
    np.testing.assert_allclose(cost_eur, [0.0, expected_eur[0], 0.0])


def test_nobody_there() -> None:
    request, last_kw = asked(4, 0.01)
    population = Successive(turns=(), count_of_places=3, intervals=INTERVALS, interval_h=HOURS)
    population.respond(request, LEAF, last_kw, LeafTotals.zeros(2, INTERVALS))
    np.testing.assert_array_equal(last_kw, 0.0)


def test_two_in_the_same_interval_are_refused() -> None:
    with pytest.raises(ValueError, match="in the same interval"):
        Successive(
            turns=(battery(), battery()), count_of_places=3, intervals=INTERVALS, interval_h=HOURS
        )


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 100_000))
def test_its_linear_program_has_the_same_optimum(seed: int) -> None:
    """HiGHS on all columns at once, and the answer without penalty."""
    from scipy.optimize import Bounds, LinearConstraint, milp
    from scipy.sparse import csc_array

    request, profile_kw = asked(seed, 0.0)
    population, totals = successive(), LeafTotals.zeros(2, INTERVALS)
    population.respond(request, LEAF, profile_kw, totals)
    price = request.price_eur_per_kw[LEAF]
    piece = linear_piece(population)
    columns, rows = len(piece.cost), len(piece.row_lower)
    matrix, power = (
        csc_array((e.value, (e.row, e.column)), shape=(count, columns))
        for e, count in ((piece.entries, rows), (piece.power, 3 * INTERVALS))
    )
    found = milp(
        piece.cost + power.T @ price.ravel(),
        constraints=LinearConstraint(matrix, piece.row_lower, piece.row_upper),
        bounds=Bounds(piece.lower, piece.upper),
    )
    assert found.success, found.message
    cost_eur = float((price * profile_kw).sum()) + totals.cost_eur.sum()
    assert cost_eur == pytest.approx(found.fun, abs=1e-8)

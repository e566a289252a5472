"""Linear programs of populations: the same optimum as that of the operators without penalty."""

from collections.abc import Callable
from typing import Any

import highspy
import numpy as np
import pytest
from scipy.sparse import csc_array
from typing_extensions import override

from gridloom.controllers.proximal.lp import LinearPiece, linear_piece
from gridloom.controllers.proximal.population import LeafTotals, Population, ProximalRequest
from gridloom.simulators.model import FloatArray

Make = Callable[[str, np.random.Generator, int, int], Population]


def least_cost(piece: LinearPiece, price: FloatArray) -> float:
    """Return the least cost at prices, (device, interval), by HiGHS."""
    entries, power = piece.entries, piece.power
    cost = piece.cost.copy()
    np.add.at(cost, power.column, power.value * price.ravel()[power.row])
    shape = len(piece.row_lower), len(cost)
    matrix = csc_array((entries.value, (entries.row, entries.column)), shape=shape)
    lp = highspy.HighsLp()
    lp.num_col_, lp.num_row_ = len(cost), len(piece.row_lower)
    lp.col_cost_, lp.col_lower_, lp.col_upper_ = cost, piece.lower, piece.upper
    lp.row_lower_, lp.row_upper_ = piece.row_lower, piece.row_upper
    lp.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    lp.a_matrix_.start_, lp.a_matrix_.index_ = matrix.indptr, matrix.indices
    lp.a_matrix_.value_ = matrix.data
    solver: Any = highspy.Highs()  # type: ignore[no-untyped-call]
    solver.silent()
    solver.passModel(lp)
    solver.run()
    assert solver.getModelStatus() == highspy.HighsModelStatus.kOptimal
    return float(solver.getInfo().objective_function_value)


def operators_cost(population: Population, price: FloatArray) -> float:
    """Return the same by the operators, each device with its own prices."""
    profile, leaf = np.zeros(price.shape), np.arange(len(price))
    request = ProximalRequest(
        price_eur_per_kw=price, target_kw=np.zeros(price.shape), penalty_eur_per_kw2=0.0
    )
    population.respond(request, leaf, profile, LeafTotals.zeros(*price.shape))
    return float((price * profile).sum() + population.contract_cost_eur(profile).sum())


@pytest.mark.parametrize("intervals", [1, 5, 24])
def test_both_find_the_same_least_cost(kind: str, intervals: int, random_population: Make) -> None:
    """Of 60 devices, each with prices of its own, negative ones among them: to 1e-7 EUR each."""
    rng = np.random.default_rng(7)
    population = random_population(kind, rng, 60, intervals)
    price = rng.normal(0.03, 0.06, (60, intervals))
    by_operators = operators_cost(population, price)
    assert by_operators == pytest.approx(least_cost(linear_piece(population), price), abs=60e-7)


def test_waste_makes_no_difference_where_no_price_is_negative(random_population: Make) -> None:
    rng = np.random.default_rng(9)
    population = random_population("batteries", rng, 60, 24)
    price = rng.uniform(0.0, 0.2, (60, 24))
    whole, smaller = linear_piece(population), linear_piece(population, waste=False)
    assert len(smaller.cost) == pytest.approx(0.75 * len(whole.cost))
    assert 2 * len(smaller.row_lower) == len(whole.row_lower)
    assert least_cost(smaller, price) == pytest.approx(least_cost(whole, price), abs=1e-6)


def test_without_waste_negative_prices_pay_for_what_no_battery_can(random_population: Make) -> None:
    """Charging and discharging fully at the same time, instead of by turns."""
    rng = np.random.default_rng(9)
    population = random_population("batteries", rng, 60, 24)
    price = rng.uniform(-0.2, 0.1, (60, 24))
    whole, smaller = linear_piece(population), linear_piece(population, waste=False)
    assert least_cost(smaller, price) < least_cost(whole, price) - 0.1
    assert operators_cost(population, price) == pytest.approx(least_cost(whole, price), abs=1e-6)


def test_other_kinds_of_devices_are_refused() -> None:
    class Other(Population):
        @override
        def _respond(self, *arguments: object) -> None:
            raise NotImplementedError

    with pytest.raises(TypeError, match="Other has no linear program"):
        linear_piece(Other())

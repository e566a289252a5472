"""Judges of proximal operators, by HiGHS, and random populations of every kind."""

from collections.abc import Callable
from typing import Any

import highspy
import numpy as np
import pytest
from scipy.linalg import expm
from scipy.sparse import csc_array

from gridloom.controllers.proximal.batteries import Batteries, Stays
from gridloom.controllers.proximal.curtailable import Curtailable
from gridloom.controllers.proximal.deferrable import Deferrable
from gridloom.controllers.proximal.heat_pumps import HeatPumps
from gridloom.controllers.proximal.lp import Entries, LinearPiece, linear_piece
from gridloom.controllers.proximal.population import IntArray, Population, ProximalRequest
from gridloom.controllers.proximal.two_mass_heat_pumps import TwoMassHeatPumps
from gridloom.simulators.model import FloatArray


def _powers(population: Population, piece: LinearPiece) -> csc_array:
    shape = population.count * population.intervals, len(piece.cost)
    power = piece.power
    return csc_array((power.value, (power.row, power.column)), shape=shape)


def _solve(
    piece: LinearPiece, cost: FloatArray, hessian: csc_array | None = None
) -> tuple[float, FloatArray]:
    """Return the least cost and the columns; NaN where HiGHS does not come to an end."""
    model = highspy.HighsModel()
    lp = model.lp_
    shape = len(piece.row_lower), len(cost)
    entries = piece.entries
    matrix = csc_array((entries.value, (entries.row, entries.column)), shape=shape)
    lp.num_col_, lp.num_row_ = len(cost), len(piece.row_lower)
    lp.col_cost_, lp.col_lower_, lp.col_upper_ = cost, piece.lower, piece.upper
    lp.row_lower_, lp.row_upper_ = piece.row_lower, piece.row_upper
    lp.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    lp.a_matrix_.start_, lp.a_matrix_.index_ = matrix.indptr, matrix.indices
    lp.a_matrix_.value_ = matrix.data
    if hessian is not None:
        triangle = csc_array(np.tril(hessian.toarray()))
        model.hessian_.dim_ = len(cost)
        model.hessian_.format_ = highspy.HessianFormat.kTriangular
        model.hessian_.start_, model.hessian_.index_ = triangle.indptr, triangle.indices
        model.hessian_.value_ = triangle.data
    solver: Any = highspy.Highs()  # type: ignore[no-untyped-call]
    solver.silent()
    for option in ("primal_feasibility_tolerance", "dual_feasibility_tolerance"):
        solver.setOptionValue(option, 1e-9)
    solver.setOptionValue("qp_iteration_limit", 2000)  # it may go round in circles
    solver.setOptionValue("qp_regularization_value", 1e-11)
    solver.passModel(model)
    solver.run()
    solved = highspy.HighsModelStatus.kOptimal, highspy.HighsModelStatus.kModelEmpty
    if solver.getModelStatus() not in solved:
        return np.nan, np.full(len(cost), np.nan)
    return solver.getInfo().objective_function_value, np.array(solver.getSolution().col_value)


def _wish(
    request: ProximalRequest, leaf: IntArray, last: FloatArray, weight: FloatArray
) -> FloatArray:
    wish: FloatArray = last + weight[:, None] * request.target_kw[leaf]
    return wish


def _missed_kw(piece: LinearPiece, answer: FloatArray) -> float:
    """Return how far an answer is from the nearest feasible one, summed."""
    columns, rows, each = len(piece.cost), len(piece.row_lower), np.arange(len(answer))
    free = np.full(2 * len(answer), np.inf)
    more, less = columns + each, columns + len(answer) + each
    entries, power, ones = piece.entries, piece.power, np.ones(len(answer))
    matched = LinearPiece(
        cost=np.empty(0),
        lower=np.concatenate((piece.lower, 0.0 * ones, 0.0 * ones)),
        upper=np.concatenate((piece.upper, free)),
        row_lower=np.concatenate((piece.row_lower, answer)),
        row_upper=np.concatenate((piece.row_upper, answer)),
        entries=Entries(
            row=np.concatenate((entries.row, power.row + rows, each + rows, each + rows)),
            column=np.concatenate((entries.column, power.column, more, less)),
            value=np.concatenate((entries.value, power.value, ones, -ones)),
        ),
        power=power,
    )
    return _solve(matched, np.concatenate((np.zeros(columns), ones, ones)))[0]


@pytest.fixture(scope="session")
def gap_eur() -> Callable[..., float]:
    """How much an answer can be bettered to first order, summed over devices; 0 in the optimum.

    p is optimal if and only if it minimises f(q) + (price + rho/w (p - v)) q over all feasible q:
    a linear program. NaN if p is not feasible.
    """

    def gap(
        population: Population,
        request: ProximalRequest,
        leaf: IntArray,
        last: FloatArray,
        answer: FloatArray,
    ) -> float:
        piece = linear_piece(population)
        power = _powers(population, piece)
        wish = _wish(request, leaf, last, population.weight)
        pull = request.penalty_eur_per_kw2 / population.weight[:, None] * (answer - wish)
        slope = request.price_eur_per_kw[leaf] + (pull if request.penalty_eur_per_kw2 else 0.0)
        best, _ = _solve(piece, piece.cost + power.T @ slope.ravel())
        own = float(population.contract_cost_eur(answer).sum() + (slope * answer).sum())
        return own - best if _missed_kw(piece, answer.ravel()) < 1e-6 else np.nan

    return gap


@pytest.fixture(scope="session")
def quadratic_optimum() -> Callable[..., tuple[float, FloatArray]]:
    """Least f + price p + rho/2 (p - v)^2 summed over devices, and the profile, by HiGHS."""

    def optimum(
        population: Population, request: ProximalRequest, leaf: IntArray, last: FloatArray
    ) -> tuple[float, FloatArray]:
        piece = linear_piece(population)
        power = _powers(population, piece)
        wish = _wish(request, leaf, last, population.weight)
        rho = request.penalty_eur_per_kw2 / np.repeat(population.weight, population.intervals)
        price = request.price_eur_per_kw[leaf].ravel() - rho * wish.ravel()
        weighted = power.multiply(rho[:, None]).tocsc()
        least, columns = _solve(piece, piece.cost + power.T @ price, power.T @ weighted)
        offset = float((0.5 * rho * wish.ravel() ** 2).sum())
        return least + offset, (power @ columns).reshape(wish.shape)

    return optimum


def _curtailable(rng: np.random.Generator, count: int, intervals: int) -> Population:
    available = rng.uniform(0.0, 5.0, (count, intervals)) * (rng.random((count, intervals)) > 0.3)
    cost = rng.uniform(0.0, 0.2, count)
    return Curtailable(
        available_kw=available.astype(np.float32),
        cost_eur_per_kwh=cost,
        interval_h=0.25,
        weight=rng.uniform(0.2, 3.0, count),
    )


def _deferrable(rng: np.random.Generator, count: int, intervals: int) -> Population:
    times = np.sort(rng.uniform(-2.0, intervals + 2.0, (2, count)), axis=0)
    return Deferrable(
        rated_power_kw=rng.uniform(0.5, 11.0, count),
        energy_kwh=rng.uniform(0.0, 12.0, count),
        release=times[0],
        deadline=times[1],
        intervals=intervals,
        interval_h=0.25,
        weight=rng.uniform(0.2, 3.0, count),
    )


def _batteries(rng: np.random.Generator, count: int, intervals: int) -> Population:
    """Two stays each, some of them empty; some batteries without losses, wear, or one direction."""
    upper, lower = rng.uniform(1.0, 8.0, count), rng.choice([0.0, 0.5], count)
    times = np.sort(rng.integers(0, intervals + 1, (4, count)), axis=0)
    whole = rng.random(count) < 0.3
    times[0, whole], times[1:, whole] = 0, intervals
    return Batteries(
        charge_kw=rng.uniform(0.5, 5.0, count) * (rng.random(count) > 0.05),
        discharge_kw=rng.uniform(0.5, 5.0, count) * (rng.random(count) > 0.2),
        charge_efficiency=np.where(rng.random(count) < 0.2, 1.0, rng.uniform(0.6, 1.0, count)),
        discharge_efficiency=np.where(rng.random(count) < 0.2, 1.0, rng.uniform(0.6, 1.0, count)),
        lower_kwh=lower,
        upper_kwh=upper,
        initial_kwh=np.where(rng.random(count) < 0.3, lower, rng.uniform(lower, upper)),
        wear_eur_per_kwh=rng.choice([0.0, 0.05], count),
        stays=Stays(
            first=2 * np.arange(count + 1),
            begin=times[::2].T.ravel(),
            end=times[1::2].T.ravel(),
            required_kwh=rng.uniform(0.0, 9.0, 2 * count),
            trip_kwh=rng.uniform(0.0, 5.0, 2 * count) * (rng.random(2 * count) > 0.5),
        ),
        intervals=intervals,
        interval_h=0.25,
        weight=rng.uniform(0.2, 3.0, count),
    )


def _heat_pumps(rng: np.random.Generator, count: int, intervals: int) -> Population:
    """Some start so cold or hot that they cannot keep their limits at first."""
    return HeatPumps.from_building(
        rated_power_kw=rng.uniform(1.0, 5.0, count),
        heat_loss_kw_per_k=rng.uniform(0.05, 0.4, count),
        heat_capacity_kwh_per_k=rng.uniform(0.5, 15.0, count),
        gain_share=rng.uniform(0.5, 2.0, count),
        initial_c=rng.uniform(18.0, 24.0, count),
        limits=rng.integers(0, 2, count),
        lower_c=rng.uniform(17.0, 21.0, (2, intervals)),
        upper_c=rng.uniform(21.0, 23.5, (2, intervals)),
        outdoor_c=rng.normal(3.0, 6.0, intervals),
        heat_gain_kw=rng.uniform(0.0, 0.5, intervals),
        cop=rng.uniform(2.0, 4.0, intervals),
        interval_h=0.25,
        weight=rng.uniform(0.2, 3.0, count),
    )


def _two_mass_heat_pumps(rng: np.random.Generator, count: int, intervals: int) -> Population:
    """As `_heat_pumps`, discretised by SciPy; one in ten has limits that are 0.1 K apart."""
    loss, capacity = rng.uniform(0.05, 0.4, count), rng.uniform(1.0, 15.0, count)
    air, coupling = rng.uniform(0.05, 0.4, count) * capacity, rng.uniform(2.0, 20.0, count) * loss
    rates = np.zeros((count, 4, 4))  # of air and mass, with heat and outdoor temperature held
    rates[:, 0, 0], rates[:, 0, 1] = -(loss + coupling) / air, coupling / air
    rates[:, 1, 0], rates[:, 1, 1] = coupling / (capacity - air), -coupling / (capacity - air)
    rates[:, 0, 2], rates[:, 0, 3] = 1.0 / air, loss / air
    over = expm(0.25 * rates)
    transition, outdoor_c = over[:, :2, :2], rng.normal(3.0, 6.0, intervals)
    state_c, floating_c = rng.uniform(18.0, 24.0, (count, 2)), np.empty((count, intervals))
    for t in range(intervals):
        state_c = np.einsum("dij,dj->di", transition, state_c) + over[:, :2, 3] * outdoor_c[t]
        floating_c[:, t] = state_c[:, 0]
    lower_c, upper_c = rng.uniform((17.0, 21.0), (21.0, 23.5), (count, intervals, 2)).T
    narrow = np.where(rng.random(count) < 0.1, lower_c + 0.1, upper_c)
    return TwoMassHeatPumps(
        rated_power_kw=rng.uniform(1.0, 5.0, count) * (rng.random(count) > 0.03),
        transition=transition,
        heating_k_per_kw=over[:, :2, 2],
        lower_k=lower_c.T - floating_c,
        upper_k=narrow.T - floating_c,
        cop=rng.uniform(2.0, 4.0, intervals),
        interval_h=0.25,
        weight=rng.uniform(0.2, 3.0, count),
    )


_KINDS = {
    "curtailable": _curtailable,
    "deferrable": _deferrable,
    "batteries": _batteries,
    "heat_pumps": _heat_pumps,
    "two_mass_heat_pumps": _two_mass_heat_pumps,
}


@pytest.fixture(scope="session")
def random_population() -> Callable[[str, np.random.Generator, int, int], Population]:
    """Return so many random devices of a kind."""
    return lambda kind, rng, count, intervals: _KINDS[kind](rng, count, intervals)


@pytest.fixture(params=list(_KINDS))
def kind(request: pytest.FixtureRequest) -> str:
    """Each kind in turn."""
    name: str = request.param
    return name

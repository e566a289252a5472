"""Heat in buildings: against the matrix exponential, an ODE solver, and the energy balance."""

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy.integrate import solve_ivp
from scipy.linalg import expm

from gridloom.simulators.building import BuildingConfig, Buildings
from gridloom.simulators.errors import ScenarioError
from gridloom.simulators.model import BuildContext, FloatArray

POINTS = ("b1", "b2")
TWO_NODES: dict[str, Any] = {
    "model": "2R2C",
    "heat_loss_kw_per_k": {"b1": 0.1, "b2": 0.3},
    "heat_capacity_kwh_per_k": {"b1": 4, "b2": 20},
    "air_capacity_share": 0.25,
    "coupling_kw_per_k": {"b1": 0.8, "b2": 2},
    "mass_gain_share": 0.4,
}


def buildings_of(seed: int = 1, **keys: Any) -> Buildings:
    context = BuildContext(
        name="hp", start=datetime(2021, 1, 10, tzinfo=UTC), duration_s=3600, seed=seed
    )
    return Buildings(BuildingConfig.model_validate(keys), context, POINTS)


def rates(buildings: Buildings, row: int) -> tuple[FloatArray, FloatArray]:
    """Write dx/dt = a x + b (heat, gain, outdoor) in 1/h from the equations of the docstring."""
    loss, coupling = buildings.heat_loss_kw_per_k[row], buildings.coupling_kw_per_k[row]
    capacity = buildings.heat_capacity_kwh_per_k[row]
    if buildings.nodes == 1:
        return np.array([[-loss]]) / capacity, np.array([[1, 1, loss]]) / capacity
    to_air, to_mass = buildings.gain_shares
    a = np.array([[-loss - coupling, coupling], [coupling, -coupling]]) / capacity[:, None]
    return a, np.array([[1, to_air, loss], [0, to_mass, 0]]) / capacity[:, None]


def after(
    buildings: Buildings, interval_s: int, x: FloatArray, heat: float, gain: float, outdoor: float
) -> FloatArray:
    dynamics = buildings.dynamics(interval_s)
    rows = np.tile(x, (len(POINTS), 1))
    floating = dynamics.floating(rows, np.full(len(POINTS), gain), outdoor)
    return floating + dynamics.k_per_kw_heat * heat


def test_one_node_cools_exponentially() -> None:
    buildings = buildings_of(heat_loss_kw_per_k=0.2, heat_capacity_kwh_per_k=8)
    # By hand: time constant 8/0.2 = 40 h; 20 K above outdoors, 20 exp(-6/40) K six hours later.
    cooled = after(buildings, 6 * 3600, np.array([20.0]), 0, 0, 0)
    np.testing.assert_allclose(cooled, 20 * np.exp(-6 / 40), rtol=1e-13)
    # 4 kW hold 20 K.
    held = after(buildings, 6 * 3600, np.array([15.0]), 3, 1, -5)
    np.testing.assert_allclose(held, 15, rtol=1e-13)


@pytest.mark.parametrize("keys", [{"heat_loss_kw_per_k": {"b1": 0.1, "b2": 0.3}}, TWO_NODES])
@pytest.mark.parametrize("interval_s", [1, 900, 86400])
def test_against_the_matrix_exponential(keys: dict[str, Any], interval_s: int) -> None:
    buildings = buildings_of(**keys)
    dynamics, nodes = buildings.dynamics(interval_s), buildings.nodes
    for row in range(len(POINTS)):
        a, b = rates(buildings, row)
        augmented = np.zeros((nodes + 3, nodes + 3))
        augmented[:nodes, :nodes], augmented[:nodes, nodes:] = a, b
        exact = expm(augmented * interval_s / 3600)[:nodes]
        built = np.column_stack(
            [
                dynamics.transition[row],
                dynamics.k_per_kw_heat[row],
                dynamics.k_per_kw_gain[row],
                dynamics.k_per_k_outdoor[row],
            ]
        )
        np.testing.assert_allclose(built, exact, rtol=1e-10, atol=1e-15)


def test_against_an_ode_solver() -> None:
    buildings = buildings_of(**TWO_NODES)
    start, inputs = np.array([21.0, 18.0]), np.array([5.0, 0.7, -3.0])
    ours = after(buildings, 7200, start, *inputs.tolist())
    for row in range(len(POINTS)):
        a, b = rates(buildings, row)
        solved = solve_ivp(
            lambda _, x, a=a, b=b: a @ x + b @ inputs, (0, 2), start, rtol=1e-11, atol=1e-11
        )
        np.testing.assert_allclose(ours[row], solved.y[:, -1], atol=1e-8)


def lost_kwh(
    buildings: Buildings, row: int, start: FloatArray, inputs: FloatArray, hours: float
) -> float:
    """Integrate H (T_air - T_outdoor) along the exact solution of the equations."""
    a, b = rates(buildings, row)
    nodes, loss = buildings.nodes, buildings.heat_loss_kw_per_k[row]
    augmented = np.zeros((nodes + 4, nodes + 4))
    augmented[:nodes, :nodes], augmented[:nodes, nodes:-1] = a, b
    augmented[-1, 0], augmented[-1, -2] = loss, -loss
    end = expm(augmented * hours) @ np.concatenate([start, inputs, [0.0]])
    return float(end[-1])


@given(
    keys=st.fixed_dictionaries(
        {
            "model": st.sampled_from(["1R1C", "2R2C"]),
            "heat_loss_kw_per_k": st.floats(0.02, 2),
            "heat_capacity_kwh_per_k": st.floats(0.5, 50),
        }
    ),
    start=st.tuples(st.floats(5, 30), st.floats(5, 30)),
    inputs=st.tuples(st.floats(0, 20), st.floats(0, 3), st.floats(-20, 30)),
    minutes=st.integers(1, 2880),
)
def test_what_comes_in_and_is_not_lost_is_stored(
    keys: dict[str, Any],
    start: tuple[float, float],
    inputs: tuple[float, float, float],
    minutes: int,
) -> None:
    buildings = buildings_of(**keys)
    begin = np.array(start[: buildings.nodes])
    end = after(buildings, minutes * 60, begin, *inputs)[0]
    stored_kwh = buildings.heat_capacity_kwh_per_k[0] @ (end - begin)
    heat, gain, _ = inputs
    lost = lost_kwh(buildings, 0, begin, np.array(inputs), minutes / 60)
    assert stored_kwh == pytest.approx((heat + gain) * minutes / 60 - lost, abs=1e-8)


@given(cut_s=st.integers(1, 3599))
def test_two_intervals_are_one(cut_s: int) -> None:
    buildings = buildings_of(**TWO_NODES)
    halfway = after(buildings, cut_s, np.array([21.0, 19.0]), 3, 1, 2)
    for row in range(len(POINTS)):
        twice = after(buildings, 3600 - cut_s, halfway[row], 3, 1, 2)[row]
        once = after(buildings, 3600, np.array([21.0, 19.0]), 3, 1, 2)[row]
        np.testing.assert_allclose(twice, once, atol=1e-11)


def test_both_models_lose_the_same_in_the_end() -> None:
    """Steady, 5 kW over 0.25 kW/K are 20 K, whatever the building's inside looks like."""
    for model in ("1R1C", "2R2C"):
        buildings = buildings_of(model=model, heat_loss_kw_per_k=0.25)
        end = after(buildings, 5_000_000, np.full(buildings.nodes, 10.0), 4, 1, -2)
        if model == "1R1C":
            np.testing.assert_allclose(end, 18, atol=1e-6)
        else:  # half a kilowatt of gains goes into the mass, and out of it at 2.5 kW/K
            np.testing.assert_allclose(end, [[18, 18.2]] * 2, atol=1e-6)


def test_defaults_of_two_nodes() -> None:
    buildings = buildings_of(model="2R2C")
    np.testing.assert_allclose(buildings.heat_capacity_kwh_per_k, [[0.55, 4.95]] * 2)
    np.testing.assert_allclose(buildings.coupling_kw_per_k, 1.5)


def test_buildings_differ_within_the_spread_and_by_seed() -> None:
    one, same, other = (buildings_of(seed=seed, spread=0.2) for seed in (1, 1, 2))
    for attribute in ("heat_loss_kw_per_k", "heat_capacity_kwh_per_k"):
        drawn, mean = getattr(one, attribute), getattr(buildings_of(), attribute)
        assert (np.abs(drawn / mean - 1) <= 0.2).all()
        assert len(np.unique(drawn)) == len(POINTS)
        assert (drawn == getattr(same, attribute)).all()
        assert (drawn != getattr(other, attribute)).all()


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"coupling_kw_per_k": 1}, "coupling_kw_per_k needs model: 2R2C"),
        ({"model": "3R3C"}, "'1R1C' or '2R2C'"),
        ({"heat_loss_kw_per_k": 0}, "greater than 0"),
        ({"spread": 1}, "less than 1"),
        ({"model": "2R2C", "air_capacity_share": 1}, "less than 1"),
    ],
)
def test_keys_that_do_not_fit(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        buildings_of(**keys)


def test_errors_carry_their_key() -> None:
    with pytest.raises(ScenarioError, match="heat_loss_kw_per_k: nothing for b2"):
        buildings_of(heat_loss_kw_per_k={"b1": 0.2})

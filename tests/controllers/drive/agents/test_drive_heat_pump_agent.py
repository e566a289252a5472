"""Agents of heat pumps: cheapest within comfort, from what they measure and what is expected."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

INTERVALS = 16
RATED_KW = 3.0
ONE_MASS = {"spread": 0.2}
TWO_MASSES = {"spread": 0.2, "model": "2R2C"}
GAINS = {"heat_gain": {"internal_kw": {"a": 0.2, "b": 0.5, "c": 1.0}}}
SET_BACK = {"set_back": [{"begin": "01:00", "end": "02:30", "temperature_limits_c": [18.0, 22.0]}]}


def least_cost_eur(agent: Any, prices: Any, start_c: Any, optimum_eur: Any) -> float:
    """Judge by a linear program in powers and all temperatures, with the simulator's equations."""
    pumps, total = agent.controlled, 0.0
    of, met, nodes = pumps.dynamics(900), pumps.expected_conditions(900), pumps.nodes
    lower_c, upper_c = pumps.comfort_limits_c(900)
    size, shift = nodes * INTERVALS, np.eye(INTERVALS, k=-1)
    free = np.full(((nodes - 1) * INTERVALS, 2), [-np.inf, np.inf])
    for n in range(3):
        # Rows and columns by node, then interval.
        follow = np.eye(size) - np.kron(of.transition[n], shift)
        drift = np.outer(of.k_per_kw_gain[n], met.heat_gain_kw[:, n])
        drift += np.outer(of.k_per_k_outdoor[n], met.outdoor_temperature_c)
        drift[:, 0] += of.transition[n] @ np.full(nodes, start_c[n])
        warms = np.kron(of.k_per_kw_heat[n][:, None], np.diag(met.coefficient_of_performance))
        # What heating at rated power throughout does not reach is not asked.
        least_c = np.linalg.solve(follow, drift.ravel())[:INTERVALS]
        most_c = np.linalg.solve(follow, drift.ravel() + RATED_KW * warms.sum(axis=1))[:INTERVALS]
        air = np.stack([np.minimum(lower_c, most_c), np.maximum(upper_c, least_c)], axis=1)
        bounds = np.vstack([np.tile([0.0, RATED_KW], (INTERVALS, 1)), air, free])
        matrix = np.hstack([-warms, follow])
        cost = np.concatenate([prices / 1000.0 * 0.25, np.zeros(size)])
        total += optimum_eur(cost, matrix, drift.ravel(), drift.ravel(), bounds)
    return total


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 100_000), building=st.sampled_from([ONE_MASS, TWO_MASSES]))
def test_its_answer_to_prices_is_the_cheapest(
    drive_agent: Any, steered: Any, optimum_eur: Any, seed: int, building: Any
) -> None:
    """By HiGHS, by building; gains differ, the night is set back, prices may be negative."""
    rng = np.random.default_rng(seed)
    start_c = dict(zip("abc", rng.uniform(20.0, 22.0, 3), strict=True))
    keys = {"building": building, "initial_temperature_c": start_c, **GAINS, **SET_BACK}
    agent = drive_agent("heat_pump", INTERVALS, **keys)
    prices = rng.uniform(-50.0, 200.0, INTERVALS)
    answer_kw = steered(agent).answer(0, prices)
    cost_eur = float((answer_kw * prices).sum()) * 0.25 / 1000.0
    expected_eur = least_cost_eur(agent, prices, list(start_c.values()), optimum_eur)
    assert cost_eur == pytest.approx(expected_eur, abs=1e-6)


@settings(max_examples=24, deadline=None)
@given(seed=st.integers(0, 100_000), building=st.sampled_from([ONE_MASS, TWO_MASSES]))
def test_whatever_is_ordered_it_stays_comfortable(
    drive_agent: Any, steered: Any, seed: int, building: Any
) -> None:
    """With perfect forecasts; and the device need never depart from the setpoint."""
    rng = np.random.default_rng(seed)
    agent = drive_agent("heat_pump", INTERVALS, count=8, building=building, **GAINS)
    run = steered(agent)
    for number in range(INTERVALS):
        target_kw = rng.normal(0.0, 2.0, 8)
        answers = [
            run.answer(number, rng.uniform(-20, 80, 8), target_kw, 0.02),
            run.answer(number, rng.uniform(-20, 80, 8)),
        ]
        share = rng.random()
        order_kw = share * answers[0] + (1.0 - share) * answers[1]
        mean_kw = run.step(number, order_kw)
        np.testing.assert_allclose(mean_kw, order_kw[:, 0], atol=1e-6)
        indoor_c = run.observation["indoor_temperature_c"]
        assert (indoor_c >= 20.0 - 1e-6).all()
        assert (indoor_c <= 22.0 + 1e-6).all()


@pytest.mark.parametrize("building", [ONE_MASS, TWO_MASSES])
def test_an_order_that_nobody_could_follow_is_brought_within_comfort(
    drive_agent: Any, steered: Any, building: Any
) -> None:
    """Nothing all day, then all: the limits are met exactly, and the device obeys."""
    for order_kw, limit_c in ((0.0, 20.0), (9.0, 22.0)):
        agent = drive_agent("heat_pump", INTERVALS, initial_temperature_c=21.0, building=building)
        run = steered(agent)
        for number in range(INTERVALS):
            agent.prepare(number * 900, run.observation)
            ordered_kw = np.full((3, INTERVALS - number), order_kw)
            setpoint_kw = agent.setpoints(number * 900, ordered_kw)["power_setpoint_kw"]
            np.testing.assert_allclose(run.step(number, ordered_kw), setpoint_kw, atol=1e-6)
        end_c = run.observation["indoor_temperature_c"]
        beyond = (end_c - limit_c) * (1.0 if order_kw else -1.0)
        assert (beyond <= 1e-6).all()
        assert (beyond > -1e-6).any()


def test_the_schedule_is_the_thermostats(drive_agent: Any) -> None:
    """Quarters of an hour are the forecast's own intervals."""
    agent = drive_agent("heat_pump", INTERVALS)
    unasked_kw = agent.controlled.forecast(by_element=True).power_kw
    np.testing.assert_allclose(agent.schedule_kw, unasked_kw.T, atol=1e-12)


def test_it_measures_its_building(drive_agent: Any, steered: Any) -> None:
    """A warmer house needs less in the coming day; its neighbours' answers stay the same."""
    agent = drive_agent("heat_pump", INTERVALS, initial_temperature_c=20.5)
    run = steered(agent)
    first_kw = run.answer(0, 50.0)
    run.observation = {**run.observation, "indoor_temperature_c": np.array([21.5, 20.5, 20.5])}
    second_kw = run.answer(0, 50.0)
    assert second_kw[0].sum() < first_kw[0].sum() - 1.0
    np.testing.assert_array_equal(first_kw[1:], second_kw[1:])


def test_it_measures_its_walls(drive_agent: Any, steered: Any) -> None:
    """Air is the same, but warmer walls give heat back."""
    agent = drive_agent("heat_pump", INTERVALS, initial_temperature_c=20.5, building=TWO_MASSES)
    run = steered(agent)
    first_kw = run.answer(0, 50.0)
    run.observation = {**run.observation, "mass_temperature_c": np.array([21.5, 20.5, 20.5])}
    second_kw = run.answer(0, 50.0)
    assert second_kw[0].sum() < first_kw[0].sum() - 1.0
    np.testing.assert_array_equal(first_kw[1:], second_kw[1:])


def test_it_plans_with_the_weather_that_is_expected(drive_agent: Any, steered: Any) -> None:
    """Expected 5 K too warm, it plans less than with perfect knowledge of the same weather."""
    biased = {"forecast": {"temperature_bias_k": 5.0, "temperature_error_std_k": 0.0}}
    sums = []
    for keys in ({}, biased):
        agent = drive_agent(
            "heat_pump",
            INTERVALS,
            initial_temperature_c=20.0,
            heat_gain={"internal_variation": 0.0},
            **keys,
        )
        sums.append(steered(agent).answer(0, 50.0).sum())
    assert sums[1] < sums[0] - 1.0


def test_nothing_is_drawn_after_the_run(drive_agent: Any, steered: Any) -> None:
    agent = drive_agent("heat_pump", 4, count=12)
    answer_kw = steered(agent).answer(0, -50.0)
    assert answer_kw.shape == (3, 12)
    assert (answer_kw[:, :4] > 0.0).any()
    np.testing.assert_array_equal(answer_kw[:, 4:], 0.0)


def test_the_same_answers_again(drive_agent: Any, steered: Any) -> None:
    target_kw = np.linspace(-1.0, 1.0, INTERVALS)
    made = [drive_agent("heat_pump", INTERVALS, forecast={}) for _ in range(2)]
    first, second = (steered(agent).answer(0, 40.0, target_kw, 0.02) for agent in made)
    assert first.tobytes() == second.tobytes()

"""Agents of plants: they curtail where feeding in does not pay, and nowhere else."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridloom.controllers.negotiation.messages import Requests
from gridloom.simulators.errors import ScenarioError

INTERVALS = 8
STEP_S = 300
MORNING = {"start_h": 9, "step_s": STEP_S}


def plants(drive_agent: Any, **given: Any) -> Any:
    return drive_agent("pv", **({"intervals": INTERVALS} | MORNING | given))


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 100_000), cost=st.sampled_from([0.0, 30.0]))
def test_its_answer_to_prices_is_the_cheapest(
    drive_agent: Any, steered: Any, optimum_eur: Any, seed: int, cost: float
) -> None:
    """By HiGHS: price p + cost for each kWh less than available, -available <= p <= 0."""
    rng = np.random.default_rng(seed)
    agent = plants(drive_agent, agent={"curtailment_cost_eur_per_mwh": cost})
    prices = rng.uniform(-60.0, 60.0, INTERVALS)
    run = steered(agent)
    answer_kw = run.answer(0, prices)
    available_kw = -agent.controlled.forecast(by_element=True).power_kw.T
    available_kw[:, 0] = -run.observation["expected_power_kw"]

    def cost_eur(power_kw: Any) -> Any:
        return (prices * power_kw + cost * (available_kw + power_kw)).sum() * 0.25 / 1000.0

    expected_eur = cost_eur(np.zeros((3, INTERVALS)))
    for row in available_kw:
        bounds = np.stack([-row, np.zeros(INTERVALS)], axis=1)
        price = (prices + cost) * 0.25 / 1000.0
        expected_eur += optimum_eur(price, np.eye(INTERVALS), -row, np.zeros(INTERVALS), bounds)
    assert cost_eur(answer_kw) == pytest.approx(expected_eur, abs=1e-9)
    # What its coordinator reckons with differs by what curtailing everything would cost.
    contract_eur = np.abs(answer_kw).sum(axis=1) * 0.25 / 1000.0 @ agent.throughput_cost_eur_per_mwh
    constant_eur = cost * available_kw.sum() * 0.25 / 1000.0
    total_eur = float((prices * answer_kw).sum()) * 0.25 / 1000.0 + contract_eur + constant_eur
    assert total_eur == pytest.approx(expected_eur, abs=1e-9)


def test_a_target_moves_it_from_its_last_profile_by_hand(drive_agent: Any, steered: Any) -> None:
    """p = q + w (target - (price + cost) dt / rho): w (1 - (20 + 20) 0.25 / 20) = w / 2 more."""
    agent = plants(drive_agent, agent={"curtailment_cost_eur_per_mwh": 20.0})
    run = steered(agent)
    answer_kw = run.answer(0, 20.0, np.ones(INTERVALS), 0.02)
    lowest_kw = agent.schedule_kw.copy()
    lowest_kw[:, 0] = run.observation["expected_power_kw"]
    expected_kw = np.clip(agent.schedule_kw + 0.5 * agent.weight[:, np.newaxis], lowest_kw, 0.0)
    np.testing.assert_allclose(answer_kw, expected_kw, atol=1e-12)
    assert (answer_kw > lowest_kw + 0.1).any()


@pytest.mark.parametrize("rating", [{}, {"inverter_power_kw": 4.0}])
def test_who_is_not_to_be_curtailed_feeds_in_what_there_is(
    drive_agent: Any, steered: Any, rating: dict[str, float]
) -> None:
    """Although much less was expected; who is, feeds in no more than planned in any step."""
    low = {"forecast": {"relative_bias": -0.5}, "short_term": {"interval": "15min"}}
    agent, free = plants(drive_agent, **low, **rating), plants(drive_agent, **rating).controlled
    run = steered(agent)
    agent._asked_price[:] = 5.0  # worth next to nothing
    for number in range(INTERVALS):
        answer_kw = run.answer(number, 50.0)
        np.testing.assert_array_equal(answer_kw[:, INTERVALS - number :], 0.0)
        order_kw = answer_kw.copy()
        order_kw[2] *= 0.4
        run.step(number, order_kw)
        for at in range(number * 900 // STEP_S, (number + 1) * 900 // STEP_S):
            sent = run.sent[at]
            unasked_kw = free.step(at * STEP_S, {"power_setpoint_kw": np.full(3, np.nan)})[
                "power_kw"
            ]
            np.testing.assert_array_equal(sent["power_kw"][:2], unasked_kw[:2])
            np.testing.assert_array_equal(sent["curtailed_kw"][:2], 0.0)
            assert sent["power_kw"][2] == max(unasked_kw[2], order_kw[2, 0])


def test_orders_to_draw_power_curtail_everything(drive_agent: Any, steered: Any) -> None:
    agent = plants(drive_agent)
    run = steered(agent)
    run.answer(0, 50.0)
    agent._asked_price[:] = -1.0
    drawn_kw = run.step(0, np.full((3, INTERVALS), 2.0))
    np.testing.assert_array_equal(drawn_kw, 0.0)


@pytest.mark.parametrize(("price", "limited"), [(0.0, True), (9.0, True), (11.0, False)])
def test_it_is_limited_only_where_what_it_feeds_in_is_worth_nothing(
    drive_agent: Any, steered: Any, price: float, *, limited: bool
) -> None:
    """Else an order below what is available means that the sun is stronger than was planned."""
    agent = plants(drive_agent)
    steered(agent).answer(0, 50.0)
    everybody, prices = np.ones(3, dtype=np.bool_), np.full((1, agent.count), price)
    agent._reply(
        everybody,
        Requests(
            round=0,
            start_s=0,
            interval_s=900,
            buying_price_eur_per_mwh=prices,
            selling_price_eur_per_mwh=prices,
        ),
    )
    setpoint_kw = agent.setpoints(0, np.full((3, INTERVALS), -0.1))["power_setpoint_kw"]
    assert ((setpoint_kw == -0.1) == limited).all()


def test_at_night_it_is_not_limited(drive_agent: Any, steered: Any) -> None:
    """Nothing is expected and nothing planned: should the sun shine nevertheless, it is fed in."""
    agent = plants(drive_agent, start_h=0, inverter_power_kw=4.0)
    run = steered(agent)
    setpoint_kw = agent.setpoints(0, run.answer(0, 50.0))["power_setpoint_kw"]
    np.testing.assert_array_equal(setpoint_kw, -4.0)


def test_the_schedule_is_the_day_ahead_forecast_with_its_error(drive_agent: Any) -> None:
    """Forecast in hours, planned in quarters: means are the hours'."""
    agent = plants(drive_agent, forecast={"resolution": "1h", "relative_bias": 0.2})
    exact = plants(drive_agent, forecast={"resolution": "1h"})
    np.testing.assert_allclose(agent.schedule_kw, 1.2 * exact.schedule_kw)
    np.testing.assert_allclose(agent.schedule_kw[:, 0], agent.schedule_kw[:, 3], rtol=1e-12)
    assert (np.abs(agent.schedule_kw[:, 0] - agent.schedule_kw[:, 4]) > 0.01).all()
    hours_kw = exact.controlled.forecast(by_element=True).power_kw
    np.testing.assert_allclose(exact.schedule_kw[:, ::4], hours_kw.T)


def test_only_the_interval_that_begins_is_known_shortly_before(
    drive_agent: Any, steered: Any
) -> None:
    """What is expected shortly before changes the answer for that interval alone."""
    agent = plants(drive_agent)
    run = steered(agent)
    first_kw = run.answer(0, 50.0)
    run.observation = {**run.observation, "expected_power_kw": np.full(3, -1.0)}
    second_kw = run.answer(0, 50.0)
    np.testing.assert_array_equal(second_kw[:, 0], -1.0)
    np.testing.assert_array_equal(first_kw[:, 1:], second_kw[:, 1:])


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"short_term": {"interval": "5min"}}, "expects the next 5min"),
        ({"curtailable": False}, "does not obey"),
    ],
)
def test_refusals(drive_agent: Any, keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ScenarioError, match=message) as caught:
        plants(drive_agent, **keys)
    (problem,) = caught.value.problems
    assert problem.key == ("controls",)


def test_a_forecast_of_the_sum_alone_is_refused(drive_agent: Any, tmp_path: Any) -> None:
    path = tmp_path / "expected.csv"
    lines = [f"{900 * number},{-1.0}" for number in range(INTERVALS + 1)]
    path.write_text("\n".join(["time_s,power_kw", *lines]), encoding="utf-8")
    with pytest.raises(ScenarioError, match="the sum of its plants only"):
        plants(drive_agent, forecast={"file": str(path)})

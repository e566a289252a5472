"""Agents of batteries against arbitrage worked out by hand, and what they owe."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

ROUND_TRIP = 0.9 * 0.9


@pytest.mark.parametrize(
    ("prices", "wear", "expected_kw"),
    [
        # Bought at p and sold at 50 EUR/MWh: pays if p < 0.81 * 50 = 40.5.
        ([40.0, 50.0], 0.0, [5.0, -5.0 * ROUND_TRIP]),
        ([41.0, 50.0], 0.0, [0.0, 0.0]),
        # The other way round what is sold is bought back: 5 / 0.81 kW are more than rated power.
        ([50.0, 40.0], 0.0, [-5.0 * ROUND_TRIP, 5.0]),
        ([50.0, 41.0], 0.0, [0.0, 0.0]),
        # With wear w: pays if p + w < 0.81 (50 - w); for w = 1 if p < 38.69.
        ([38.6, 50.0], 1.0, [5.0, -5.0 * ROUND_TRIP]),
        ([38.8, 50.0], 1.0, [0.0, 0.0]),
    ],
)
def test_it_moves_energy_if_the_spread_exceeds_the_losses(
    agent_of: Any, prices: list[float], wear: float, expected_kw: list[float]
) -> None:
    agent = agent_of("storage", prices, throughput_cost_eur_per_mwh=wear)
    np.testing.assert_allclose(agent.schedule_kw, [expected_kw], atol=1e-9)


def test_the_same_holds_in_real_time(agent_of: Any, request_of: Any, steered: Any) -> None:
    """Bought now at p, sold at 50 in the next interval."""
    agent = agent_of("storage", [45.0] * 8, count=3)
    steered(agent).prepare(0)
    for price, drawn_kw in ((40.0, 5.0), (41.0, 0.0)):
        offered = agent.answer(request_of(agent, [price, 50.0, 45.0]))
        assert offered[0] == pytest.approx([drawn_kw, -ROUND_TRIP * drawn_kw, 0.0], abs=1e-9)


def test_a_spread_is_paid_for_too(agent_of: Any, request_of: Any, steered: Any) -> None:
    agent = agent_of("storage", [45.0] * 8, count=3)
    steered(agent).prepare(0)
    offered = agent.answer(request_of(agent, [30.0, 50.0, 45.0], [30.0, 36.0, 45.0]))
    assert offered[0, 2] == pytest.approx(-5.0 * ROUND_TRIP)  # 36 at once, but 45 later
    offered = agent.answer(request_of(agent, [30.0, 50.0, 45.0], [30.0, 36.0, 36.0]))
    assert offered[0] == pytest.approx([0.0, 0.0, 0.0], abs=1e-9)  # 0.81 * 36 < 30


def test_it_ends_with_what_it_began_with_unless_told_otherwise(agent_of: Any) -> None:
    prices = np.full(4, 50.0)
    assert not agent_of("storage", prices).schedule_kw.any()
    emptied = agent_of("storage", prices, agent_final_state_of_charge=0.0).schedule_kw
    assert emptied.sum() == pytest.approx(-10.0 * 0.9)  # half of 20 kWh
    filled = agent_of("storage", prices, agent_final_state_of_charge=1.0).schedule_kw
    assert filled.sum() == pytest.approx(10.0 / 0.9)


def test_what_cannot_be_reached_is_no_error(agent_of: Any) -> None:
    agent = agent_of("storage", [50.0], agent_final_state_of_charge=1.0)
    assert agent.schedule_kw.tolist() == [[5.0]]


def test_each_battery_is_an_agent(agent_of: Any) -> None:
    agent = agent_of(
        "storage", [40.0, 50.0], points=("a", "b"), rated_power_kw={"a": 5.0, "b": 2.0}
    )
    assert agent.agents.connection_points == ("agent/a", "agent/b")
    assert agent.schedule_kw[:, 0].tolist() == [5.0, 2.0]


def test_a_battery_that_cannot_discharge_only_charges(agent_of: Any) -> None:
    agent = agent_of("storage", [90.0, 10.0, -10.0, 90.0], discharge_power_kw=0.0)
    np.testing.assert_allclose(agent.schedule_kw, [[0.0, 0.0, 5.0, 0.0]], atol=1e-9)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 100_000), share=st.floats(0.0, 1.0))
def test_whatever_is_ordered_of_its_offers_can_be_done(
    agent_of: Any, request_of: Any, steered: Any, seed: int, share: float
) -> None:
    """State of charge within its limits, orders obeyed, and no energy missing in the end."""
    rng = np.random.default_rng(seed)
    agent = agent_of("storage", rng.uniform(20, 90, 10), count=4, state_of_charge_limits=(0.2, 0.9))
    run = steered(agent)
    for number in range(10):
        run.prepare(number)
        later = rng.uniform(20, 90, 4)
        offers = [
            agent.answer(request_of(agent, np.append(price, later[1:])))[:, 0]
            for price in rng.uniform(0, 120, 2)
        ]
        order = share * offers[0] + (1.0 - share) * offers[1]
        assert run.step(number, order) == pytest.approx(order, abs=1e-6)
        assert 0.2 - 1e-9 <= run.observation["state_of_charge"][0] <= 0.9 + 1e-9
    assert run.observation["state_of_charge"][0] >= 0.5 - 1e-6


def test_it_starts_from_the_energy_that_is_stored(
    agent_of: Any, request_of: Any, steered: Any
) -> None:
    """An order that nobody offered has emptied it: it owes 5 kWh, and buys them when cheapest."""
    agent = agent_of("storage", [50.0] * 8, count=3, charge_efficiency=1.0)
    run = steered(agent)
    run.prepare(0)
    run.step(0, [-4.5])  # 5 kWh at 0.9
    run.prepare(1)
    offered = agent.answer(request_of(agent, [50.0, 49.0, 51.0]))
    assert offered[0] == pytest.approx([0.0, 5.0, 0.0], abs=1e-6)

"""Agents of generators against their marginal costs and ramps."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridloom.simulators.generator import cost_eur


def test_it_runs_as_far_as_the_price_exceeds_its_marginal_cost(agent_of: Any) -> None:
    """Two equal blocks of 4 kW above 2 kW, at 40 and 60 EUR/MWh."""
    agent = agent_of("generator", [39.0, 41.0, 59.0, 61.0], power_min_kw=2.0)
    np.testing.assert_allclose(agent.schedule_kw, [[-2.0, -6.0, -6.0, -10.0]], atol=1e-9)


def test_in_real_time_too(agent_of: Any, request_of: Any, steered: Any) -> None:
    agent = agent_of("generator", [50.0] * 6, count=3)
    steered(agent).prepare(0)
    for price, drawn_kw in ((39.0, 0.0), (41.0, -5.0), (59.0, -5.0), (61.0, -10.0)):
        offered = agent.answer(request_of(agent, [price, 50.0, 50.0]))
        assert offered[0] == pytest.approx([drawn_kw, -5.0, -5.0], abs=1e-9)


def test_a_spread_that_spans_its_cost_leaves_it_at_its_schedule(
    agent_of: Any, request_of: Any, steered: Any
) -> None:
    agent = agent_of("generator", [50.0] * 6, count=3)
    steered(agent).prepare(0)
    offered = agent.answer(request_of(agent, [65.0, 50.0, 50.0], [35.0, 50.0, 50.0]))
    assert offered[0] == pytest.approx([-5.0] * 3, abs=1e-9)


def test_it_ramps_up_ahead_of_a_high_price(agent_of: Any) -> None:
    """From 0, by 4 kW an hour: the hours before lose (40 - 30) EUR/MWh, the last gains 60."""
    agent = agent_of(
        "generator", [30.0, 30.0, 100.0], ramp_kw_per_h=4.0, marginal_cost_eur_per_mwh=40.0
    )
    np.testing.assert_allclose(agent.schedule_kw, [[-2.0, -6.0, -10.0]], atol=1e-9)


def test_it_begins_where_the_generator_is(agent_of: Any) -> None:
    agent = agent_of("generator", [30.0] * 3, initial_power_kw=9.0, ramp_kw_per_h=4.0)
    np.testing.assert_allclose(agent.schedule_kw, [[-5.0, -1.0, 0.0]], atol=1e-9)


def test_it_can_return_to_its_schedule_after_its_horizon(
    agent_of: Any, request_of: Any, steered: Any
) -> None:
    """Scheduled at 0 kW throughout; however high the price, 4 kW are what an hour takes back."""
    agent = agent_of("generator", [30.0] * 8, count=3, ramp_kw_per_h=4.0)
    steered(agent).prepare(0)
    offered = agent.answer(request_of(agent, [200.0] * 3))
    assert offered[0] == pytest.approx([-4.0, -8.0, -4.0], abs=1e-9)


def test_at_the_end_of_the_run_there_is_nothing_to_return_to(
    agent_of: Any, request_of: Any, steered: Any
) -> None:
    agent = agent_of("generator", [30.0] * 3, count=3, ramp_kw_per_h=4.0)
    steered(agent).prepare(0)
    offered = agent.answer(request_of(agent, [200.0] * 3))
    assert offered[0] == pytest.approx([-4.0, -8.0, -10.0], abs=1e-9)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 100_000), share=st.floats(0.0, 1.0))
def test_whatever_is_ordered_of_its_offers_can_be_done(
    agent_of: Any, request_of: Any, steered: Any, seed: int, share: float
) -> None:
    rng = np.random.default_rng(seed)
    agent = agent_of(
        "generator", rng.uniform(20, 90, 8), count=4, power_min_kw=1.0, ramp_kw_per_h=2.5
    )
    run, before = steered(agent), -1.0
    for number in range(8):
        run.prepare(number)
        later = rng.uniform(20, 90, 4)
        offers = [
            agent.answer(request_of(agent, np.append(price, later[1:])))
            for price in rng.uniform(0, 120, 2)
        ]
        for offer in offers:
            powers = np.append(before, offer[0, : 8 - number])
            assert np.abs(np.diff(powers)).max() <= 2.5 + 1e-6
            assert -10.0 - 1e-6 <= powers.min() <= powers.max() <= -1.0 + 1e-6
        order = share * offers[0][:, 0] + (1.0 - share) * offers[1][:, 0]
        (before,) = run.step(number, order)
        assert before == pytest.approx(order[0], abs=1e-6)


def test_its_program_costs_what_generation_costs(agent_of: Any) -> None:
    """Without prices only its own cost counts, least power included: see `cost_eur`."""
    agent = agent_of(
        "generator", [61.0, 41.0, 10.0], power_min_kw=2.0, agent_inertia_eur_per_mwh=0.0
    )
    generator = agent.controlled
    numbers = agent.program(0, 0, 3)
    scheduled_kw = agent.schedule_kw[0]
    output_kw = np.array([[4.0, 4.0], [4.0, 0.0], [0.0, 0.0]])
    np.testing.assert_allclose(scheduled_kw, -2.0 - output_kw.sum(axis=1), atol=1e-9)
    nothing = {name: np.zeros(low.shape) for name, (low, _) in numbers.variables.items()}
    expected = cost_eur(
        scheduled_kw[:, np.newaxis],
        power_min_kw=generator.power_min_kw,
        power_max_kw=generator.power_max_kw,
        block_costs_eur_per_mwh=generator.block_costs_eur_per_mwh,
        hours=1.0,
    )
    own = numbers.value(nothing | {"output": output_kw})
    assert own == pytest.approx(1e3 * expected.sum())

"""Agents of flexible demand: the cheapest allowed hours, and energy that is preserved."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridloom.simulators.errors import ScenarioError
from gridloom.simulators.model import FloatArray


def cheapest(baseline_kw: FloatArray, prices: FloatArray, low: float, high: float) -> FloatArray:
    """Return the closed form: all at the lower limit, the rest in the cheapest hours first."""
    power_kw = low * baseline_kw
    left = float((baseline_kw - power_kw).sum())
    for hour in np.argsort(prices):
        more = min(left, (high - low) * baseline_kw[hour])
        power_kw[hour] += more
        left -= more
    return power_kw


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 100_000), low=st.floats(0.1, 0.9), high=st.floats(1.1, 3.0))
def test_it_draws_in_the_cheapest_hours(agent_of: Any, seed: int, low: float, high: float) -> None:
    prices = np.random.default_rng(seed).uniform(20, 90, 6)
    given = {"power_limits": (low, high), "agent_inertia_eur_per_mwh": 0.0}
    agent = agent_of("flexible_load", prices, **given)
    baseline_kw = agent.controlled.forecast(by_element=True).power_kw[:, 0]
    expected = cheapest(baseline_kw, prices, low, high)
    np.testing.assert_allclose(agent.schedule_kw[0], expected, atol=1e-6)


def test_rated_power_caps_what_it_draws(agent_of: Any) -> None:
    agent = agent_of("flexible_load", [50.0, 40.0, 30.0, 20.0])
    rated_kw = float(agent.schedule_kw.max()) * 0.9
    capped = agent_of("flexible_load", [50.0, 40.0, 30.0, 20.0], rated_power_kw=rated_kw)
    assert capped.schedule_kw.max() == pytest.approx(rated_kw)
    assert capped.schedule_kw.sum() == pytest.approx(agent.schedule_kw.sum())


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 100_000), share=st.floats(0.0, 1.0))
def test_the_energy_of_the_run_is_preserved(
    agent_of: Any, request_of: Any, steered: Any, seed: int, share: float
) -> None:
    """Whatever is ordered of its offers; the forecast is exact."""
    rng = np.random.default_rng(seed)
    agent = agent_of("flexible_load", rng.uniform(20, 90, 8), count=4)
    run = steered(agent)
    for number in range(8):
        run.prepare(number)
        later = rng.uniform(20, 90, 4)
        offers = [
            agent.answer(request_of(agent, np.append(price, later[1:])))[:, 0]
            for price in rng.uniform(0, 120, 2)
        ]
        order = share * offers[0] + (1.0 - share) * offers[1]
        assert run.step(number, order) == pytest.approx(order, abs=1e-6)
    assert run.observation["energy_shifted_kwh"] == pytest.approx([0.0], abs=1e-6)


def test_what_it_draws_now_it_leaves_within_its_horizon(
    agent_of: Any, request_of: Any, steered: Any
) -> None:
    agent = agent_of("flexible_load", [50.0] * 8, count=4)
    run = steered(agent)
    run.prepare(0)
    offered = agent.answer(request_of(agent, [10.0, 60.0, 50.0, 70.0]))
    baseline_kw = agent.controlled.forecast(by_element=True).power_kw[:4, 0]
    expected = cheapest(baseline_kw, np.array([10.0, 60.0, 50.0, 70.0]), 0.5, 1.5)
    deviation = offered[0] - agent.schedule_kw[0, :4]
    assert deviation.sum() == pytest.approx(0.0, abs=1e-9)
    # At equal day-ahead prices it had scheduled its baseline, to which the closed form applies.
    np.testing.assert_allclose(agent.schedule_kw[0, :4], baseline_kw, atol=1e-6)
    np.testing.assert_allclose(offered[0], expected, atol=1e-6)


def test_a_forecast_that_does_not_tell_loads_apart_is_refused(
    agent_of: Any, tmp_path: Path
) -> None:
    file = tmp_path / "expected.csv"
    file.write_text("time_s,power_kw\n0,1\n3600,1\n7200,1\n10800,1\n14400,1\n", encoding="utf-8")
    given = {"forecast": {"file": str(file), "resolution": "1h"}}
    single = agent_of("flexible_load", [50.0] * 4, **given)
    assert single.schedule_kw.sum() == pytest.approx(4.0)
    with pytest.raises(ScenarioError, match="does not tell its 2 loads apart") as raised:
        agent_of("flexible_load", [50.0] * 4, points=("a", "b"), **given)
    assert raised.value.problems[0].key == ("controls",)

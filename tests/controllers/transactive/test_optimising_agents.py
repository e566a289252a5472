"""What holds for every agent that schedules its own devices."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridloom.controllers.controller import ControlContext
from gridloom.controllers.optimisation.linear_program import reference
from gridloom.controllers.transactive.deviation import settled
from gridloom.simulators.errors import ScenarioError, SolveError
from gridloom.simulators.model import BuildContext

KINDS = ("storage", "generator", "flexible_load", "ev")
COUNT = 5
INTERVALS = 8
SESSIONS = [
    {"charging_point": "a", "arrival": "0s", "departure": "150min", "arrival_state_of_charge": 0.4},
    {"charging_point": "a", "arrival": "3h", "departure": "7h", "arrival_state_of_charge": 0.2},
    {"charging_point": "b", "arrival": "30min", "departure": "9h", "arrival_state_of_charge": 0.5},
]
GIVEN: dict[str, dict[str, Any]] = {
    "storage": {"throughput_cost_eur_per_mwh": 2.0, "discharge_power_kw": 3.0},
    "generator": {"power_min_kw": 2.0, "ramp_kw_per_h": 4.0},
    "flexible_load": {"rated_power_kw": 1.0},
    "ev": {
        "points": ("a", "b"),
        "sessions": SESSIONS,
        "v2g": True,
        "forecast": {"bookings": True},
        "step_size": "10min",
    },
}


def drawn_agent(agent_of: Any, kind: str, seed: int, **given: Any) -> tuple[Any, Any]:
    """Build an agent at random day-ahead prices; return it with its random numbers."""
    rng = np.random.default_rng(seed)
    prices = rng.uniform(20, 90, INTERVALS)
    return agent_of(kind, prices, count=COUNT, **(GIVEN[kind] | given)), rng


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 100_000))
def test_answers_are_those_of_a_fresh_solve_by_pyomo(
    agent_of: Any, request_of: Any, steered: Any, kind: str, seed: int
) -> None:
    agent, rng = drawn_agent(agent_of, kind, seed)
    run = steered(agent)
    for number in range(INTERVALS):
        run.prepare(number)
        offered = agent.schedule_kw[:, number : number + 1]
        # In the last of these the window reaches beyond the end of the run.
        for spread in {0: (20.0,), 3: (0.0,), 6: (20.0,)}.get(number, ()):
            buying = rng.uniform(0, 110, COUNT)
            request = request_of(agent, buying, buying - spread)
            offered = agent.answer(request)
            numbers = agent.program(0, number, COUNT)
            numbers.costs |= settled(numbers.costs, buying, buying - spread, agent.hours)
            objective, values = reference(agent.formulation(0), numbers)
            best = agent.optimum(0, buying, buying - spread)
            assert best.objective == pytest.approx(objective, rel=1e-9, abs=1e-9)
            assert offered[0, 0] == pytest.approx(values["power"][0], abs=1e-6)
            np.testing.assert_allclose(offered[0, INTERVALS - number :], 0.0, atol=1e-9)
        run.step(number, offered[:, 0])


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 100_000), number=st.integers(0, INTERVALS - 1))
def test_nobody_draws_more_at_a_higher_price(
    agent_of: Any, request_of: Any, steered: Any, kind: str, seed: int, number: int
) -> None:
    """Also with the answers that need no computing, which are the same as computed ones."""
    agent, rng = drawn_agent(agent_of, kind, seed)
    other, _ = drawn_agent(agent_of, kind, seed)
    run = steered(agent)
    for before in range(number):
        run.prepare(before)
        run.step(before, agent.schedule_kw[:, before])
    later = rng.uniform(20, 90, COUNT)
    run.prepare(number)
    other.prepare(number * other.step_size, run.observation)
    tried = []
    for price in rng.uniform(0, 120, 15):
        request = request_of(agent, np.append(price, later[1:]))
        offered = agent.answer(request)
        for known in other._known:
            known.clear()
        np.testing.assert_allclose(offered[:, 0], other.answer(request)[:, 0], atol=1e-6)
        tried.append((price, offered[:, 0].sum()))
    drawn_kw = np.array([power for _, power in sorted(tried)])
    assert (np.diff(drawn_kw) <= 1e-6).all()


@pytest.mark.parametrize("kind", KINDS)
def test_known_answers_save_solves(
    agent_of: Any, request_of: Any, steered: Any, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    agent, rng = drawn_agent(agent_of, kind, 3)
    steered(agent).prepare(0)
    solved: list[Any] = []
    optimum = agent.optimum

    def counted(*given: Any) -> Any:
        solved.append(given)
        return optimum(*given)

    monkeypatch.setattr(agent, "optimum", counted)
    later = rng.uniform(20, 90, COUNT)[1:]
    answers = [agent.answer(request_of(agent, np.append(p, later))) for p in (0.0, 200.0)]
    low_kw = agent.answer(request_of(agent, np.append(-1.0, later)))
    assert len(solved) == 3  # nothing is known outside the prices asked so far
    agent.answer(request_of(agent, np.append(-0.5, later)))
    assert len(solved) == 3
    agent.answer(request_of(agent, np.append(-0.5, later + 1.0)))
    assert len(solved) == 4  # other prices later: nothing is known
    np.testing.assert_allclose(low_kw, answers[0], atol=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_at_the_prices_that_it_scheduled_by_it_keeps_its_schedule(
    agent_of: Any, request_of: Any, steered: Any, kind: str
) -> None:
    """Equal profit is no reason to deviate: the schedule was optimal at these prices."""
    agent, _ = drawn_agent(agent_of, kind, 5)
    run = steered(agent)
    day_ahead = agent.prices.day_ahead
    for number in range(INTERVALS):
        run.prepare(number)
        ahead = day_ahead[number : number + COUNT]
        price = np.pad(ahead, (0, COUNT - len(ahead)))
        offered = agent.answer(request_of(agent, price))
        expected = agent.schedule_kw[:, number : number + COUNT]
        np.testing.assert_allclose(offered[:, : expected.shape[1]], expected, atol=1e-6)
        drawn = run.step(number, offered[:, 0])
        np.testing.assert_allclose(drawn.sum(), agent.schedule_kw[:, number].sum(), atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_without_a_coordinator_devices_follow_the_schedule(
    agent_of: Any, steered: Any, kind: str
) -> None:
    agent = agent_of(kind, [30.0, 70.0, 20.0, 60.0], count=None, **GIVEN[kind])
    run = steered(agent)
    for number in range(4):
        told = agent.decide(number * agent.step_size, run.observation)
        np.testing.assert_array_equal(told["scheduled_power_kw"], agent.schedule_kw[:, number])
        drawn = run.step(number, agent.schedule_kw[:, number])
        assert drawn.sum() == pytest.approx(agent.schedule_kw[:, number].sum(), abs=1e-6)


def test_a_request_that_pays_for_doing_both_is_refused(
    agent_of: Any, request_of: Any, steered: Any
) -> None:
    agent = agent_of("storage", [30.0] * 6)
    steered(agent).prepare(0)
    with pytest.raises(SolveError, match="'agent' found no schedule at simulation time 0 s") as at:
        agent.answer(request_of(agent, [30, 30, 30, 30, 30], [30, 30, 31, 30, 30]))
    assert "selling price of 31 above the buying price of 30 EUR/MWh, 2 intervals" in str(at.value)


def test_a_target_is_refused(agent_of: Any, request_of: Any, steered: Any) -> None:
    agent = agent_of("storage", [30.0] * 6)
    steered(agent).prepare(0)
    request = replace(request_of(agent, [30.0] * 5), target_kw=np.zeros(5), penalty_eur_per_kw2=1.0)
    with pytest.raises(SolveError, match="answers prices only"):
        agent.answer(request)


def test_the_market_must_be_the_only_one(agent_of: Any) -> None:
    agent = agent_of("storage", [30.0] * 6)
    device, market = agent.controlled, agent._models["market"]
    config = agent.Config.model_validate({"type": "x", "step_size": "1h", "controls": "device"})
    for models, message in (
        ({"device": device}, "there is no market whose prices"),
        ({"device": device, "m1": market, "m2": market}, "several markets: m1, m2"),
    ):
        with pytest.raises(ScenarioError, match=message) as raised:
            type(agent)(config, ControlContext(build=_context(), models=models))
        assert raised.value.problems[0].key == ("type",)


@pytest.mark.parametrize(("kind", "other"), [("storage", "generator"), ("generator", "storage")])
def test_devices_of_another_type_are_refused(agent_of: Any, kind: str, other: str) -> None:
    agent, stranger = agent_of(kind, [30.0] * 6), agent_of(other, [30.0] * 6)
    models = {"market": agent._models["market"], "device": stranger.controlled}
    config = agent.Config.model_validate({"type": "x", "step_size": "1h", "controls": "device"})
    # A generator tells no stored energy: the contract says so before the agent does.
    with pytest.raises(ScenarioError) as raised:
        type(agent)(config, ControlContext(build=_context(), models=models))
    assert raised.value.problems[0].key == ("controls",)


def test_inertia_may_not_be_negative(agent_of: Any) -> None:
    with pytest.raises(ValueError, match="inertia_eur_per_mwh"):
        agent_of("storage", [30.0] * 6, agent_inertia_eur_per_mwh=-1.0)


def _context() -> BuildContext:
    start = datetime(2021, 3, 24, tzinfo=UTC)
    return BuildContext(name="agent", start=start, duration_s=6 * 3600, seed=1)

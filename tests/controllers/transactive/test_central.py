"""The centralised reference against the clearing by price, to which it decomposes."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridloom.controllers.optimisation.linear_program import LinearProgram
from gridloom.controllers.transactive.central import AgentProgram, central_optimum
from gridloom.simulators.model import FloatArray

COUNT = 5
CARS: dict[str, Any] = {
    "points": ("a", "b"),
    "v2g": True,
    "forecast": {"bookings": True},
    "sessions": [
        {
            "charging_point": point,
            "arrival": "0s",
            "departure": departure,
            "arrival_state_of_charge": 0.3,
        }
        for point, departure in (("a", "4h"), ("b", "9h"))
    ],
}


def microgrid_of(agent_of: Any, steered: Any, rng: np.random.Generator) -> list[Any]:
    """Build agents of every type, in a random state."""
    prices = rng.uniform(20, 90, 9)
    agents = [
        agent_of("storage", prices, count=COUNT),
        agent_of("generator", prices, count=COUNT, ramp_kw_per_h=6.0),
        agent_of("flexible_load", prices, count=COUNT, profile={"generator": "household"}),
        agent_of("ev", prices, count=COUNT, **CARS),
    ]
    for agent in agents:
        run = steered(agent)
        run.prepare(0)
        run.step(0, agent.schedule_kw[:, 0] * rng.uniform(0.0, 1.0))
        run.prepare(1)
    return agents


def programs_of(agents: Sequence[Any]) -> list[AgentProgram]:
    return [
        AgentProgram(
            name=agent.controlled.name,
            formulate=agent.formulation(0),
            numbers=agent.program(0, 1, COUNT),
        )
        for agent in agents
    ]


def clearing_cost(
    agents: Sequence[Any],
    request_of: Any,
    deviation_kw: float,
    buying: FloatArray,
    selling: FloatArray,
) -> float:
    """Return what a clearing by bisection costs: agents' own costs and trade, EUR.

    Uses nothing of the agents but their answers to prices; costs are those of blended answers.
    """
    scheduled_kw = np.array([agent.schedule_kw[0, 1 : 1 + COUNT] for agent in agents])

    def offers(price: float) -> tuple[FloatArray, float]:
        prices = np.append(price, buying[1:]), np.append(price, selling[1:])
        offered = np.array([agent.answer(request_of(agent, *prices))[0] for agent in agents])
        return offered, float((offered - scheduled_kw)[:, 0].sum()) + deviation_kw

    low, high = float(selling[0]), float(buying[0])
    (at_low, short), (at_high, left) = offers(low), offers(high)
    if short > 0 > left:  # neither buying nor selling is worth it: somewhere between it is zero
        while high - low > 1e-9:
            middle = (low + high) / 2.0
            offered, remains = offers(middle)
            if remains > 0:
                low, at_low, short = middle, offered, remains
            else:
                high, at_high, left = middle, offered, remains
        share = short / (short - left)
        power_kw = (1.0 - share) * at_low + share * at_high
    else:
        power_kw = at_low if short <= 0 else at_high
    deviation = (power_kw - scheduled_kw).sum(axis=0)
    deviation[0] += deviation_kw
    trade = buying @ np.maximum(deviation, 0.0) - selling @ np.maximum(-deviation, 0.0)
    return 1e-3 * float(trade + sum(own_costs(agents, power_kw)))


def own_costs(agents: Sequence[Any], power_kw: FloatArray) -> list[float]:
    """Return the least own cost of each agent, 1e-3 EUR, that draws these powers."""
    found = []
    for program, drawn_kw in zip(programs_of(agents), power_kw, strict=True):
        numbers = program.numbers
        numbers.variables["power"] = (drawn_kw - 1e-9, drawn_kw + 1e-9)
        found.append(LinearProgram(program.formulate, numbers).minimise().objective)
    return found


@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 100_000))
def test_without_a_spread_later_the_clearing_by_price_is_the_optimum(
    agent_of: Any, request_of: Any, steered: Any, seed: int
) -> None:
    """Dual decomposition: at the price that balances, all selfish optima together are the joint."""
    rng = np.random.default_rng(seed)
    agents = microgrid_of(agent_of, steered, rng)
    later = rng.uniform(20, 90, COUNT)
    half = np.where(np.arange(COUNT) == 0, rng.uniform(1, 40), 0.0)
    deviation_kw = np.where(np.arange(COUNT) == 0, rng.uniform(-12, 12), 0.0)
    central = central_optimum(programs_of(agents), deviation_kw, later + half, later - half, 1.0)
    cleared = clearing_cost(agents, request_of, deviation_kw[0], later + half, later - half)
    assert central.objective_eur == pytest.approx(cleared, abs=1e-6)
    assert central.bound_eur == pytest.approx(central.objective_eur, abs=1e-9)
    traded = central.bought_kw - central.sold_kw
    scheduled_kw = np.array([agent.schedule_kw[0, 1 : 1 + COUNT] for agent in agents])
    together = (central.power_kw - scheduled_kw).sum(axis=0) + deviation_kw
    np.testing.assert_allclose(traded, together, atol=1e-6)


@settings(max_examples=4, deadline=None)
@given(seed=st.integers(0, 100_000))
def test_with_a_spread_later_it_is_at_least_as_good(
    agent_of: Any, request_of: Any, steered: Any, seed: int
) -> None:
    """Agents pay the spread of later intervals each on its own, together they would net it."""
    rng = np.random.default_rng(seed)
    agents = microgrid_of(agent_of, steered, rng)
    later = rng.uniform(20, 90, COUNT)
    deviation_kw = np.where(np.arange(COUNT) == 0, rng.uniform(-12, 12), 0.0)
    central = central_optimum(programs_of(agents), deviation_kw, later + 15, later - 15, 1.0)
    cleared = clearing_cost(agents, request_of, deviation_kw[0], later + 15, later - 15)
    # Each constraint holds within the solver's 1e-7 kW, worth some 1e-8 EUR at 90 EUR/MWh.
    assert central.objective_eur <= cleared + 1e-6
    assert not ((central.bought_kw > 1e-6) & (central.sold_kw > 1e-6)).any()


@pytest.mark.parametrize(("kind", "given"), [("storage", {}), ("generator", {}), ("ev", CARS)])
def test_over_the_whole_run_it_begins_with_the_first_state(
    agent_of: Any, kind: str, given: dict[str, Any]
) -> None:
    """At the prices that the schedule was made by, no other schedule is better: nobody deviates."""
    prices = np.random.default_rng(2).uniform(20, 90, 9)
    agent = agent_of(kind, prices, **given)
    numbers = agent.program(0, 0, 9)
    program = AgentProgram(name=kind, formulate=agent.formulation(0), numbers=numbers)
    central = central_optimum([program], np.zeros(9), prices, prices, 1.0)
    np.testing.assert_allclose(central.power_kw, agent.schedule_kw, atol=1e-6)


def test_one_generator_serves_a_shortage_as_far_as_it_is_cheaper(
    agent_of: Any, steered: Any
) -> None:
    """10 kW are missing for an hour; 5 kW cost 40, 5 kW cost 60 EUR/MWh, the market 50."""
    agent = agent_of("generator", [30.0] * 3, count=3, agent_inertia_eur_per_mwh=0.0)
    steered(agent).prepare(0)
    program = AgentProgram(name="g", formulate=agent.formulation(0), numbers=agent.program(0, 0, 3))
    nothing = np.zeros(3)
    missing = np.array([10.0, 0.0, 0.0])
    central = central_optimum([program], missing, nothing + 50.0, nothing + 10.0, 1.0)
    np.testing.assert_allclose(central.power_kw, [[-5.0, 0.0, 0.0]], atol=1e-9)
    np.testing.assert_allclose(central.bought_kw, [5.0, 0.0, 0.0], atol=1e-9)
    assert central.objective_eur == pytest.approx(1e-3 * (5 * 40 + 5 * 50))


def test_prices_at_which_trading_in_circles_pays_are_refused() -> None:
    with pytest.raises(ValueError, match="selling price is above the buying price"):
        central_optimum([], np.zeros(2), np.full(2, 30.0), np.full(2, 31.0), 1.0)


def test_without_flexible_agents_all_is_traded() -> None:
    deviation_kw = np.array([2.0, -3.0])
    central = central_optimum([], deviation_kw, np.full(2, 50.0), np.full(2, 20.0), 0.5)
    assert central.objective_eur == pytest.approx(0.5e-3 * (2 * 50 - 3 * 20))
    assert central.power_kw.shape[0] == 0

"""What a target is a change of, and that a repeated request is answered as before."""

from typing import Any

import numpy as np
import pytest

from gridloom.controllers.negotiation.agent import Agent

A, B = np.array([0.1, 0.2, 0.05])[:, None], np.array([0.9, 0.8, 0.7])[:, None]
SCHEDULED_KW = 2.0
ALL = (1, 1, 1)
NET_OF = [1, 0, 1]
"""Of h1, h2, h3."""


def proximal(base_kw: Any, price: float, target_kw: float, penalty: float) -> Any:
    """Return the minimum of a p^2 / 2 - (b - c) p + rho / 2 (p - base - target)^2."""
    return (B - price / 1000 + penalty * (base_kw + target_kw)) / (A + penalty)


@pytest.fixture
def agent(nets: Any) -> Agent:
    """An agent of each of three heaters, in intervals of a minute, for four of them."""
    found = nets.models(nets.scenario([{"price": [0.0, 0.0]}]))["heating"]
    assert isinstance(found, Agent)
    return found


class Ask:
    """Asks the agents of both nets the same."""

    def __init__(self, agent: Agent) -> None:
        self.agent = agent
        self.time = 0

    def __call__(
        self,
        number: int,
        *,
        price: float,
        target_kw: float = 0.0,
        penalty: float = 0.0,
        reaches: tuple[int, ...] = ALL,
        first_in: int | None = None,
    ) -> Any:
        prices = np.full((2, 3), price)
        inputs = {
            "request_round": np.asarray(float(number if first_in is None else first_in)),
            "request_arrives": np.array(reaches, dtype=float),
            "request_buying_price_eur_per_mwh": prices,
            "request_selling_price_eur_per_mwh": prices,
            "request_target_kw": np.full((2, 3), target_kw),
            "request_penalty_eur_per_kw2": np.full(2, penalty),
            "stored_energy_kwh": np.zeros(3),
        }
        for array in inputs.values():
            array.setflags(write=False)
        return self.agent.round(self.time, number, inputs)["offer_power_kw"]


@pytest.fixture
def ask(agent: Agent) -> Ask:
    return Ask(agent)


def order(agent: Agent, time: int, order_kw: Any) -> None:
    observation = {
        "order_power_kw": np.array(order_kw, dtype=float),
        "stored_energy_kwh": np.zeros(3),
    }
    agent.decide(time, observation)


def test_first_a_target_changes_what_is_scheduled(ask: Ask) -> None:
    offered = ask(0, price=500, target_kw=0.5, penalty=0.3)
    np.testing.assert_allclose(offered, proximal(np.full((3, 3), SCHEDULED_KW), 500, 0.5, 0.3))


def test_nothing_is_drawn_after_the_end(ask: Ask) -> None:
    """The run has four intervals: at 180 s but the present one is left."""
    ask.time = 180
    offered = ask(0, price=500, target_kw=0.5, penalty=0.3)
    np.testing.assert_allclose(offered, proximal(np.array([[2.0, 0.0, 0.0]]), 500, 0.5, 0.3))


def test_later_a_target_changes_what_was_ordered(agent: Agent, ask: Ask) -> None:
    """Of who was ordered anything; h3 was not. Beyond the order, the schedule."""
    ask(0, price=500)
    order(agent, 0, [[5.0, 6.0, 7.0], [-1.0, -2.0, -3.0], [np.nan] * 3])
    ask.time = 60
    offered = ask(0, price=500, target_kw=0.5, penalty=0.3)
    base_kw = np.array([[6.0, 7.0, 2.0], [-2.0, -3.0, 2.0], [2.0, 2.0, 2.0]])
    np.testing.assert_allclose(offered, proximal(base_kw, 500, 0.5, 0.3))


def test_then_a_target_changes_the_last_answer_to_one(ask: Ask) -> None:
    first = ask(0, price=500, target_kw=0.5, penalty=0.3)
    second = ask(1, price=400, target_kw=-0.25, penalty=0.1)
    np.testing.assert_allclose(second, proximal(first, 400, -0.25, 0.1))


def test_a_price_alone_leaves_the_base_as_it_is(ask: Ask) -> None:
    first = ask(0, price=500, target_kw=0.5, penalty=0.3)
    probed = ask(1, price=450)
    np.testing.assert_allclose(probed, np.repeat((B - 0.45) / A, 3, axis=1))
    third = ask(2, price=400, target_kw=-0.25, penalty=0.1)
    np.testing.assert_allclose(third, proximal(first, 400, -0.25, 0.1))


def test_whom_a_request_did_not_reach_keeps_its_base(ask: Ask) -> None:
    first = ask(0, price=500, target_kw=0.5, penalty=0.3, reaches=(1, 0, 1))
    base_kw = np.where([[True], [False], [True]], first, SCHEDULED_KW)
    np.testing.assert_array_equal(first[1], SCHEDULED_KW)  # it has offered nothing else yet
    second = ask(1, price=400, target_kw=0.1, penalty=0.3)
    np.testing.assert_allclose(second, proximal(base_kw, 400, 0.1, 0.3))


def test_a_negotiation_begins_anew(ask: Ask) -> None:
    """Answers without an order are forgotten, and so is the last request."""
    asked: dict[str, Any] = {"price": 500.0, "target_kw": 0.5, "penalty": 0.3}
    first = ask(0, **asked)
    ask(1, price=400, target_kw=-0.25, penalty=0.1)
    ask.time = 60
    again = ask(0, **asked)
    np.testing.assert_array_equal(again, first)


def test_a_repeated_request_is_answered_as_before(ask: Ask) -> None:
    """The coordinator has not heard h1 and h3, and repeats it for them: both once, h3 again."""
    asked: dict[str, Any] = {"price": 500.0, "target_kw": 0.5, "penalty": 0.3}
    first = ask(0, **asked, reaches=(1, 1, 0))
    second = ask(1, **asked, reaches=(1, 0, 1), first_in=0)
    assert second[:2].tobytes() == first[:2].tobytes()
    np.testing.assert_allclose(second, proximal(np.full((3, 3), SCHEDULED_KW), 500, 0.5, 0.3))
    third = ask(2, **asked, reaches=(0, 0, 1), first_in=0)
    assert third.tobytes() == second.tobytes()
    anew = ask(3, price=400, target_kw=-0.25, penalty=0.1)
    np.testing.assert_allclose(anew, proximal(second, 400, -0.25, 0.1))


def test_a_request_asked_again_after_another_is_not_a_repetition(ask: Ask) -> None:
    asked: dict[str, Any] = {"price": 500.0, "target_kw": 0.5, "penalty": 0.3}
    first = ask(0, **asked)
    probed = ask(1, price=500)
    np.testing.assert_allclose(probed, np.repeat((B - 0.5) / A, 3, axis=1))
    again = ask(2, **asked)
    np.testing.assert_allclose(again, proximal(first, 500, 0.5, 0.3))


def test_the_same_asked_anew_is_answered_anew(ask: Ask) -> None:
    """As a proximal method does that needs several steps at one price: each begins at the last."""
    asked: dict[str, Any] = {"price": 500.0, "target_kw": 0.0, "penalty": 0.3}
    offered: Any = np.full((3, 3), SCHEDULED_KW)
    for number in range(3):
        before, offered = offered, ask(number, **asked)
        np.testing.assert_allclose(offered, proximal(before, 500, 0.0, 0.3))


SCRIPT = [
    {"price": [500.0, 300.0], "target": [1.0, -2.0], "penalty": 0.3},
    {"price": [400.0, 400.0]},
    {"price": [450.0, 350.0], "target": [-0.5, 0.25], "penalty": 0.1},
    {"price": [480.0, 320.0], "target": [-0.1, 0.05], "penalty": 0.2},
]


@pytest.mark.parametrize("channel", [{}, {"loss": 0.33}])
def test_many_proximal_steps_at_one_price_end_where_the_price_alone_would(
    nets: Any, channel: dict[str, float]
) -> None:
    """The minimum is (b - c) / a; the error of h3 (a = 0.05, rho = 1/3) falls by 0.87 a step."""
    script = [{"price": [500.0, 300.0], "target": [0.0, 0.0], "penalty": 1 / 3}] * 150
    scenario = nets.scenario(script, duration="1min")
    scenario["controllers"]["lead"] |= {"channel": channel, "patience": 50, "max_rounds": 9999}
    found = nets.run(scenario)
    price = np.array([300.0, 500.0, 300.0]) / 1000
    np.testing.assert_allclose(found["heaters/power_kw"], [(B[:, 0] - price) / A[:, 0]], atol=1e-6)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_lost_messages_change_nothing_as_long_as_they_are_repeated(nets: Any, seed: int) -> None:
    """A third of them is lost, and all that is late: the same powers, to the last bit."""
    perfect = nets.run(nets.scenario(SCRIPT))
    scenario = nets.scenario(SCRIPT, seed=seed)
    scenario["controllers"]["lead"] |= {"channel": {"loss": 0.33}, "patience": 200}
    lossy = nets.run(scenario)
    assert lossy["lead/messages"].sum() > 1.5 * perfect["lead/messages"].sum()
    assert lossy["heaters/power_kw"].tobytes() == perfect["heaters/power_kw"].tobytes()

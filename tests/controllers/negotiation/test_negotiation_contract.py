"""What coordinator and agents can rely on, wherever they are computed."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from gridloom.controllers.negotiation.coordinator import Coordinator
from gridloom.scenarios.composition import compose
from gridloom.scenarios.reader import read_scenario
from gridloom.simulators.errors import ScenarioError
from gridloom.simulators.model import Direction

A, B = {"west": 0.1, "east": 0.05}, {"west": 0.9, "east": 0.7}
LINE_KW = 8.0
REQUEST_BYTES, PROFILE_BYTES = 21 + 8 * 2 * 4, 21 + 8 * 4
"""Two prices and one profile of four intervals."""
ROUNDS = 30
"""Of a bisection from 1000 to 1e-6."""


def drawn(found: dict[str, Any]) -> dict[str, Any]:
    """Return the power of each agent's devices together."""
    return {name: found[f"{name}_heaters/power_kw"].sum(axis=1) for name in A}


@pytest.mark.parametrize("fuse", [False, True])
def test_orders_hold_for_the_interval_that_was_negotiated(street: Any, fuse: bool) -> None:
    """The price of interval k from the powers of interval k - 1 and the wind of k: closed form."""
    found = street.run(street.scenario(fuse=fuse))
    power_kw = drawn(found)
    before = dict.fromkeys(A, 0.0)
    for k in range(10):
        worth = {name: B[name] - 0.01 * before[name] for name in A}
        room_kw = LINE_KW + 1.0 + 0.06 * k  # the wind feeds in 1 kW + 0.06 kW a minute
        price = (sum(worth[n] / A[n] for n in A) - room_kw) / sum(1 / a for a in A.values())
        np.testing.assert_allclose(
            found["line/final_price_eur_per_mwh"][k], 1000 * price, atol=2e-6
        )
        before = {name: (worth[name] - price) / A[name] for name in A}
        for name in A:
            np.testing.assert_allclose(power_kw[name][k], before[name], atol=1e-6)


def test_traffic_by_hand(street: Any) -> None:
    found = street.run(street.scenario())
    assert found["line/negotiation_rounds"].tolist() == [ROUNDS] * 10
    # Agents in the order of their names; who expects the wind is asked once, and ordered nothing.
    flexible = ROUNDS * (REQUEST_BYTES + PROFILE_BYTES) + PROFILE_BYTES
    inflexible = REQUEST_BYTES + PROFILE_BYTES
    assert found["line/messages"].tolist() == [[2 * ROUNDS + 1, 2, 2 * ROUNDS + 1]] * 10
    assert found["line/message_bytes"].tolist() == [[flexible, inflexible, flexible]] * 10


LOSSY = {"loss": 0.2, "drop_out": 0.1, "latency_s": 0.4}


@pytest.mark.parametrize(
    ("fuse", "elsewhere"),
    [
        (True, ()),
        (False, ("line",)),
        (True, ("west", "wind")),
        pytest.param(False, ("line", "west", "east", "expects"), marks=pytest.mark.slow),
        pytest.param(True, ("west_heaters", "line"), marks=pytest.mark.slow),
    ],
)
def test_where_it_is_computed_makes_no_difference(
    street: Any, require_same: Callable[..., None], fuse: bool, elsewhere: tuple[str, ...]
) -> None:
    """Also with a channel that loses and delays."""

    def found(**keys: Any) -> dict[str, Any]:
        scenario = street.scenario(seed=11, **keys)
        scenario["controllers"]["line"]["channel"] = LOSSY
        for name in elsewhere if keys else ():
            kind = "simulators" if name in scenario["simulators"] else "controllers"
            scenario[kind][name]["placement"] = "process"
        traced: dict[str, Any] = street.run(scenario)
        return traced

    reference = found()
    assert len(np.unique(reference["line/messages"])) > 10  # chance has its part in it
    require_same(reference, found(fuse=fuse))


def test_another_seed_is_another_channel(street: Any) -> None:
    def messages(seed: int) -> list[Any]:
        scenario = street.scenario(seed=seed)
        scenario["controllers"]["line"]["channel"] = LOSSY
        counts: list[Any] = street.run(scenario)["line/messages"].tolist()
        return counts

    assert messages(1) == messages(1) != messages(2)


@pytest.mark.parametrize(
    ("fuse", "elsewhere"),
    [
        (True, ()),
        (False, ()),
        pytest.param(False, ("west", "west_heaters"), marks=pytest.mark.slow),
        pytest.param(True, ("line", "west_heaters"), marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize("devices_step", ["20s", "1min", "2min", "5min"])
def test_agents_observe_in_the_first_round_what_they_are_told_in_their_step(
    street: Any, devices_step: str, fuse: bool, elsewhere: tuple[str, ...]
) -> None:
    scenario = street.scenario(fuse=fuse)
    scenario["simulators"]["west_heaters"]["step_size"] = devices_step
    for name in elsewhere:
        kind = "simulators" if name in scenario["simulators"] else "controllers"
        scenario[kind][name]["placement"] = "process"
    found = street.run(scenario)
    in_rounds, in_steps = found["west/seen"], found["west/told"]
    every = {"20s": 3, "1min": 1, "2min": 1, "5min": 1}[devices_step]  # rows a step of the agent
    assert in_rounds.tobytes() == in_steps.tobytes()
    assert len(np.unique(in_rounds[::every])) == {"2min": 5, "5min": 2}.get(devices_step, 10)


def test_the_coordinator_learns_nothing_but_offers(street: Any) -> None:
    document = read_scenario(street.write(street.scenario()))
    composition = compose(document, document.scenario())
    told = {(c.source, c.output.name) for c in composition.couplings if c.destination == "line"}
    assert told == {(name, "offer_power_kw") for name in ("west", "east", "expects")}
    for name in ("west", "east", "expects"):
        ports = composition.models[name].ports
        said = [p.name for p in ports if p.in_rounds and p.direction is Direction.OUTPUT]
        assert said == ["offer_power_kw"]
        heard = {c.source for c in composition.couplings if c.destination == name}
        assert heard == {"line", {"expects": "wind"}.get(name, f"{name}_heaters")}


def test_without_orders_schedules_are_kept(street: Any) -> None:
    scenario = street.scenario()
    scenario["controllers"]["line"]["channel"] = {"loss": 1}
    scenario["controllers"]["west"]["scheduled_kw"] = 3.0
    found = street.run(scenario)
    power_kw = drawn(found)
    assert power_kw["west"].tolist() == [3.0] * 10
    assert power_kw["east"].tolist() == [2.0] * 10
    # A request is repeated ten times; then nobody is left to be asked or ordered anything.
    assert found["line/messages"].tolist() == [[11, 11, 11]] * 10


@pytest.mark.parametrize("placement", ["inprocess", "process"])
def test_a_coordinator_that_does_not_ask_orders_what_was_scheduled(
    street: Any, placement: str
) -> None:
    """The agents are prepared for their steps all the same, as `Heater.setpoints` asserts."""
    scenario = street.scenario()
    scenario["controllers"]["line"]["type"] = f"{street.module}:Silent"
    scenario["controllers"]["west"]["placement"] = placement
    found = street.run(scenario)
    assert found["line/negotiation_rounds"].tolist() == [0] * 10
    assert found["line/messages"].tolist() == [[1, 0, 1]] * 10
    assert drawn(found)["west"].tolist() == [2.0] * 10
    assert found["west/seen"].tobytes() == found["west/told"].tobytes()


@pytest.mark.parametrize("most", [1, 7])
def test_it_ends_after_the_most_rounds(street: Any, most: int) -> None:
    scenario = street.scenario(duration="1min")
    scenario["controllers"]["line"]["max_rounds"] = most
    found = street.run(scenario)
    assert found["line/negotiation_rounds"].tolist() == [most]
    # What was offered last: bisection has come within 1000 / 2^n of the price then.
    price = 500.0 if most == 1 else found["line/final_price_eur_per_mwh"][0]
    assert abs(price - 466.666667) <= 1000 / 2**most
    assert drawn(found)["west"][0] == pytest.approx((0.9 - price / 1000) / 0.1, abs=1e-9)


class Scripted:
    """A channel that hands over what was planned: (round sent, round of arrival)."""

    def __init__(self, agents: int, arrivals: list[tuple[int, int]]) -> None:
        self.arrivals, self.agents, self.sent = arrivals, agents, list[Any]()
        self.messages = self.bytes = np.zeros(agents)

    def open(self) -> None:
        self.sent.clear()

    def requests(self, asked: Any, size_bytes: int) -> Any:
        return asked

    def offers(self, sent: Any, size_bytes: int) -> Any:
        now = len(self.sent)
        self.sent.append(sent)
        for at, arrives in self.arrivals:
            if arrives == now:
                yield at, np.ones(self.agents, dtype=np.bool_), self.sent[at]


@pytest.mark.parametrize(
    ("patience", "proposed_on"),
    [
        # What is known when a request is made anew: first the schedule, then the offer that came.
        (10, [2.0, 20.0]),
        # Nobody is waited for: the schedule is all that is known once more.
        (None, [2.0, 2.0, 20.0, 20.0]),
    ],
)
def test_a_request_is_repeated_until_all_have_answered(
    street: Any,
    monkeypatch: pytest.MonkeyPatch,
    patience: int | None,
    proposed_on: list[float],
) -> None:
    scenario = street.scenario()
    scenario["controllers"]["line"]["patience"] = patience
    document = read_scenario(street.write(scenario))
    line = compose(document, document.scenario()).models["line"]
    assert isinstance(line, Coordinator)
    # The offer of round 1 comes in time, that of round 0 after it and too late; no other comes.
    monkeypatch.setattr(line, "channel", Scripted(3, [(1, 1), (0, 2)]))
    known: list[float] = []
    propose = line.propose

    def noting(number: int, offered_kw: Any) -> Any:
        known.append(float(offered_kw[0, 0]))
        return propose(number, offered_kw)

    monkeypatch.setattr(line, "propose", noting)
    for number, offered_kw in enumerate([0.0, 10.0, 20.0, 30.0]):
        offers = {"offer_power_kw": np.full((3, 4), offered_kw)}
        assert line.round(0, number, offers) is not None
    assert known == proposed_on


def two_lines(street: Any) -> dict[str, Any]:
    """Return a scenario with a coordinator each for west and east."""
    scenario: dict[str, Any] = street.scenario()
    controllers = scenario["controllers"]
    controllers["line_east"] = {**controllers["line"], "line_kw": 5.0}
    controllers["line"]["line_kw"] = 3.0
    controllers["west"]["coordinator"] = controllers["expects"]["coordinator"] = "line"
    controllers["east"]["coordinator"] = "line_east"
    return scenario


@pytest.mark.parametrize("fuse", [False, True])
def test_several_coordinators_each_have_their_agents(street: Any, fuse: bool) -> None:
    found = street.run(two_lines(street) | {"fuse": fuse})
    power_kw = drawn(found)
    np.testing.assert_allclose(power_kw["west"], 3.0 + 1.0 + 0.06 * np.arange(10), atol=1e-6)
    np.testing.assert_allclose(power_kw["east"], 5.0, atol=1e-6)
    assert found["line/messages"].shape == (10, 2)
    assert found["line_east/messages"].shape == (10, 1)


@pytest.mark.parametrize(
    ("changed", "key", "message"),
    [
        ({"east": {"coordinator": None}}, "east.coordinator", "there are several coordinators"),
        ({"east": {"coordinator": "lime"}}, "east.coordinator", "there is no coordinator 'lime'"),
        (
            {"east": {"step_size": "2min"}},
            "east.step_size",
            "it steps every 2min, 'line_east' negotiates every 1min",
        ),
        ({"east": {"coordinator": "line"}}, "line_east", "it has no flexible agents"),
    ],
)
def test_agents_and_coordinators_that_do_not_fit(
    street: Any, changed: dict[str, Any], key: str, message: str
) -> None:
    scenario = two_lines(street)
    for name, keys in changed.items():
        scenario["controllers"][name] |= keys
    with pytest.raises(ScenarioError, match=message) as refused:
        street.run(scenario)
    assert f"controllers.{key}" in str(refused.value)

"""Several nets: who is asked what, who speaks for whom, and what cannot be."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from gridloom.controllers.negotiation.coordinator import Coordinator
from gridloom.controllers.negotiation.inflexible import InflexibleAgent
from gridloom.simulators.errors import ScenarioError

A, B = np.array([0.1, 0.2, 0.05]), np.array([0.9, 0.8, 0.7])
"""Of h1, h2, h3: a kilowatt is worth b - a p, in EUR/kWh."""
PRICE = {"north": 500.0, "south": 300.0}
OWN_PRICE = np.array([0.3, 0.5, 0.3])
"""EUR/kWh, of the nets that h1, h2, h3 lie in."""
PRICES = [{"price": [PRICE["north"], PRICE["south"]]}]
PROXIMAL = [
    {"price": [400.0, 400.0]},
    {"price": [500.0, 300.0], "target": [1.0, -2.0], "penalty": 0.3},
    {"price": [450.0, 350.0], "target": [-0.5, 0.25], "penalty": 0.1},
]


def test_each_agent_hears_its_own_net(nets: Any) -> None:
    """Price c: (b - c) / a."""
    found = nets.run(nets.scenario(PRICES))
    np.testing.assert_allclose(found["heaters/power_kw"], [(B - OWN_PRICE) / A] * 4)


def test_targets_are_those_of_the_own_net(nets: Any) -> None:
    """The schedule is 2 kW; rho of all: (b - c + rho (base + target)) / (a + rho), twice."""
    found = nets.run(nets.scenario(PROXIMAL[1:], duration="1min"))
    first = (B - OWN_PRICE + 0.3 * (2.0 + np.array([-2.0, 1.0, -2.0]))) / (A + 0.3)
    price = np.array([0.35, 0.45, 0.35])
    second = (B - price + 0.1 * (first + np.array([0.25, -0.5, 0.25]))) / (A + 0.1)
    np.testing.assert_allclose(found["heaters/power_kw"], [second])


def test_the_coordinator_knows_who_belongs_where(nets: Any) -> None:
    lead = nets.models(nets.scenario(PRICES))["lead"]
    assert isinstance(lead, Coordinator)
    assert lead.terms.nets.names == ("north", "south")
    assert lead.agents.names == ("heating/h1", "heating/h2", "heating/h3")
    assert lead.nets.tolist() == [1, 0, 1]


LOSSY = {"loss": 0.3, "latency_s": 0.4, "drop_out": 0.1}


@pytest.mark.parametrize(
    ("fuse", "elsewhere"),
    [
        (True, ()),
        (False, ("heating",)),
        pytest.param(False, ("lead",), marks=pytest.mark.slow),
        pytest.param(True, ("heating", "lead", "heaters"), marks=pytest.mark.slow),
    ],
)
def test_where_it_is_computed_makes_no_difference_to_nets(
    nets: Any, require_same: Callable[..., None], fuse: bool, elsewhere: tuple[str, ...]
) -> None:
    def found(*apart: str, **keys: Any) -> dict[str, Any]:
        scenario = nets.scenario(PROXIMAL, seed=5, **keys)
        scenario["controllers"]["lead"]["channel"] = LOSSY
        for name in apart:
            kind = "simulators" if name == "heaters" else "controllers"
            scenario[kind][name]["placement"] = "process"
        traced: dict[str, Any] = nets.run(scenario)
        return traced

    require_same(found(), found(*elsewhere, fuse=fuse))


def with_plants(nets: Any, points: list[str], **keys: Any) -> dict[str, Any]:
    """Return a scenario whose nets also have plants, at v1 (north) and v2, v3 (south)."""
    scenario: dict[str, Any] = nets.scenario(PRICES)
    scenario["simulators"]["sun"] = {"type": nets.kind("Plants"), "points": points, **keys}
    controllers = scenario["controllers"]
    controllers["sunshine"] = {"type": "inflexible_agent", "controls": "sun"}
    controllers["lead"]["nets"] = {
        "none": [],
        "north": ["h2", "v1"],
        "south": ["v3", "h3", "h1", "v2"],
    }
    controllers["lead"]["script"] = [{"price": [0.0, *PRICES[0]["price"]]}]
    return scenario


def test_what_nobody_decides_is_declared_by_net(nets: Any) -> None:
    """v2, v1, v3 feed in 1, 2, 3 kW day-ahead: 2 kW in the north, 4 kW in the south."""
    models = nets.models(with_plants(nets, ["v2", "v1", "v3"]))
    agent, lead = models["sunshine"], models["lead"]
    assert isinstance(agent, InflexibleAgent)
    assert isinstance(lead, Coordinator)
    assert agent.agents.names == ("north", "south")
    assert agent.nets.tolist() == [1, 2]
    assert lead.agents.names[-2:] == ("sunshine/north", "sunshine/south")
    assert lead.nets.tolist() == [2, 1, 2, 1, 2]
    assert agent.schedule_kw.tolist() == [[-2.0] * 4, [-4.0] * 4]


def asked_once(agent: InflexibleAgent, nets: int, expected_kw: Any, time: int) -> Any:
    """Return the offers of an agent that every net asks in round 0."""
    assert agent.terms is not None
    prices = np.zeros((nets, agent.terms.count))
    inputs = {
        "request_round": np.asarray(0.0),
        "request_arrives": np.ones(len(agent.agents)),
        "request_buying_price_eur_per_mwh": prices,
        "request_selling_price_eur_per_mwh": prices,
        "request_target_kw": prices,
        "request_penalty_eur_per_kw2": np.zeros(nets),
        "expected_power_kw": np.asarray(expected_kw),
    }
    return agent.round(time, 0, inputs)["offer_power_kw"].tolist()


def test_what_is_expected_now_is_added_up_by_net(nets: Any) -> None:
    """Now 10 + 40 kW in the south, 20 in the north; then day-ahead, and nothing after the end."""
    agent = nets.models(with_plants(nets, ["v2", "v1", "v3"]))["sunshine"]
    assert asked_once(agent, 3, [-10.0, -20.0, -40.0], time=120) == [
        [-20.0, -2.0, 0.0],
        [-50.0, -4.0, 0.0],
    ]


def test_devices_of_one_net_have_one_agent(nets: Any) -> None:
    agent = nets.models(with_plants(nets, ["v2", "v3"], forecast_apart=False))["sunshine"]
    assert isinstance(agent, InflexibleAgent)
    assert agent.agents.names == ("sun",)
    assert agent.nets.tolist() == [2]
    assert agent.schedule_kw.tolist() == [[-3.0] * 4]
    assert asked_once(agent, 3, [-10.0, -20.0], time=0) == [[-30.0, -3.0, -3.0]]


def test_plants_that_tell_one_number_for_all_are_one_agent(nets: Any) -> None:
    """Without nets, where they are is of no interest, nor whether they say."""
    scenario = nets.scenario([{"price": [300.0]}])
    scenario["simulators"]["farm"] = {"type": nets.kind("Farm")}
    scenario["controllers"]["lead"]["nets"] = {}
    scenario["controllers"]["farming"] = {"type": "inflexible_agent", "controls": "farm"}
    agent = nets.models(scenario)["farming"]
    assert isinstance(agent, InflexibleAgent)
    assert agent.agents.names == ("farm",)
    assert asked_once(agent, 1, -6.5, time=0) == [[-6.5, -6.0, -6.0]]


def test_forecasts_must_be_known_one_by_one_where_nets_are_several(nets: Any) -> None:
    scenario = with_plants(nets, ["v2", "v1", "v3"], forecast_apart=False)
    with pytest.raises(ScenarioError, match="'sun' forecasts the sum of its devices only") as found:
        nets.models(scenario)
    assert "controllers.sunshine.controls" in str(found.value)


def test_who_speaks_for_all_at_once_belongs_to_one_net(nets: Any) -> None:
    scenario = nets.scenario(PRICES)
    scenario["controllers"]["heating"] = {
        "type": f"{nets.street.module}:Heater",
        "controls": "heaters",
    }
    scenario["simulators"]["heaters"]["type"] = f"{nets.street.module}:Heaters"
    with pytest.raises(
        ScenarioError,
        match="'heaters' has devices in several nets of 'lead', and this agent speaks for them all",
    ) as found:
        nets.models(scenario)
    assert "controllers.heating.controls" in str(found.value)
    scenario["controllers"]["lead"]["nets"] = {"north": ["v1"], "south": ["h1", "h2", "h3"]}
    assert nets.models(scenario)["heating"].nets.tolist() == [1]


def test_devices_outside_all_nets_are_refused(nets: Any) -> None:
    scenario = nets.scenario(PRICES)
    scenario["controllers"]["lead"]["nets"] = {"north": ["h2"]}
    with pytest.raises(ScenarioError, match="h1, h3 belong to none of the nets that 'lead'"):
        nets.models(scenario)

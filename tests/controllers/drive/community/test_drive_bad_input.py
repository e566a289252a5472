"""What cannot be negotiated is refused before anything runs: once, with its place in the file."""

import re
from collections.abc import Callable
from typing import Any, TypeAlias

import pytest

from gridloom.simulators.errors import Problem, ScenarioError

Change: TypeAlias = Callable[[dict[str, Any]], object]


def change(kind: str, name: str, **keys: Any) -> Change:
    return lambda scenario: scenario[kind][name].update(keys)


def drive(**keys: Any) -> Change:
    return change("controllers", "drive", **keys)


def no_agents(scenario: dict[str, Any]) -> None:
    for name in list(scenario["controllers"]):
        if name not in {"drive", "load_agent"}:
            del scenario["controllers"][name]
    scenario["simulators"] = {name: scenario["simulators"][name] for name in ("load", "community")}


def secure_households(scenario: dict[str, Any]) -> None:
    """In every house there would be its load, and two devices at most, but for the first."""
    for name in ("pv", "ev", "washer"):
        del scenario["simulators"][name], scenario["controllers"][f"{name}_agent"]
    drive(balances="household", secure_aggregation={})(scenario)


def a_foreign_agent(scenario: dict[str, Any]) -> None:
    """A program answers, but tells nobody what its device could do."""
    scenario["controllers"]["v2g_agent"] = {
        "type": "external_agent",
        "controls": "v2g",
        "step_size": "15min",
        "information": ["sessions_plugged_in"],
        "command": ["program", "{address}"],
        "create": {"model": "Agent"},
        "sends": {"power_setpoint_kw": "P_set"},
    }
    drive(algorithm="central")(scenario)


CASES: dict[str, tuple[Change, str, str, str]] = {
    "not a tariff": (
        drive(controls="load"),
        "controllers.drive.controls",
        "'load' is no tariff that a community could pay",
        "type 'tariff'",
    ),
    "nobody flexible": (
        no_agents,
        "controllers.drive.type",
        "it has no flexible agents to negotiate with",
        "agent",
    ),
    "devices outside": (
        change("simulators", "community", at=["h1", "h2", "h3", "h4", "h5"]),
        "controllers.v2g_agent.controls",
        "h6 belong to none of the nets that 'drive' balances",
        "h1, h2",
    ),
    "no grid": (
        drive(congestion={}),
        "controllers.drive.congestion",
        "there is no grid that has any",
        "type grid",
    ),
    "households with limits": (
        drive(balances="household", congestion={}),
        "controllers.drive.congestion",
        "households share no limits",
        "balances: community",
    ),
    "secure with losses": (
        drive(secure_aggregation={}, channel={"loss": 0.1}),
        "controllers.drive",
        "secure_aggregation needs a perfect channel",
        "",
    ),
    "secure and central": (
        drive(secure_aggregation={}, algorithm="central"),
        "controllers.drive",
        "exclude each other",
        "",
    ),
    "central with losses": (
        drive(algorithm="central", channel={"drop_out": 0.1}),
        "controllers.drive",
        "algorithm: central needs a perfect channel",
        "",
    ),
    "central without a round to solve in": (
        drive(algorithm="central", max_rounds=1),
        "controllers.drive",
        "algorithm: central needs max_rounds of at least 2",
        "",
    ),
    "secure among two": (
        secure_households,
        "controllers.drive.secure_aggregation",
        "nets with fewer than 3 agents: ",
        "at least 3 agents",
    ),
    "an odd number of neighbours": (
        drive(secure_aggregation={"neighbours": 3}),
        "controllers.drive.secure_aggregation.neighbours",
        "multiple of 2",
        "",
    ),
    "part of an interval": (
        drive(horizon="50min"),
        "controllers.drive",
        "horizon 50min is not a multiple of step_size 15min",
        "",
    ),
    "no gap": (drive(gap=0), "controllers.drive.gap", "greater than 0", ""),
    "whole gap": (drive(gap=1), "controllers.drive.gap", "less than 1", ""),
    "no such algorithm": (
        drive(algorithm="centrall"),
        "controllers.drive.algorithm",
        "tree_sharing",
        "",
    ),
    "agents that central does not know": (
        a_foreign_agent,
        "controllers.drive.algorithm",
        "no central optimisation knows the devices of v2g_agent",
        "algorithm: tree_sharing",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_refused(community: Any, case: str) -> None:
    changing, key, message, expected = CASES[case]
    scenario = community.scenario()
    changing(scenario)
    with pytest.raises(ScenarioError) as caught:
        community.composed(scenario)
    problems: list[Problem] = [p for p in caught.value.problems if key in str(p)]
    assert problems, caught.value
    text = str(problems[0])
    assert re.search(rf"community\.yaml:\d+:\d+: {re.escape(key)}: ", text)
    assert message in text
    assert expected in text
    # The line is that of the key, or of the controller whose keys do not fit each other.
    location = problems[0].location
    assert location is not None
    line = (community.folder / "community.yaml").read_text().splitlines()[location.line - 1]
    assert f'"{key.rpartition(".")[2]}"' in line or "drive" in line


@pytest.mark.parametrize("case", [c for c in CASES if c != "devices outside"])
def test_it_is_the_only_complaint(community: Any, case: str) -> None:
    scenario = community.scenario()
    CASES[case][0](scenario)
    with pytest.raises(ScenarioError) as caught:
        community.composed(scenario)
    assert len(caught.value.problems) == 1, caught.value


def test_a_congestion_point_that_is_not_in_the_grid(community: Any) -> None:
    scenario = community.scenario(grid=True, congestion={"points": ["noorth"]})
    with pytest.raises(ScenarioError) as caught:
        community.composed(scenario)
    (problem,) = caught.value.problems
    assert problem.key == ("controllers", "drive", "congestion", "points")
    assert "'noorth' is not in the grid" in problem.message
    assert problem.suggestion == "did you mean 'north'?"
    assert problem.location is not None

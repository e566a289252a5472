"""Plans of the coordinator against HiGHS, which solves the same state of the same devices."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from gridloom.controllers.drive.central import Share, central_optimum
from gridloom.controllers.drive.certificate import plan_cost_eur
from gridloom.controllers.drive.coordinator import Drive
from gridloom.controllers.drive.net_tree import NetTree
from gridloom.simulators.model import FloatArray

SLACK_EUR = 1e-5
"""By what HiGHS's tolerances, and orders of whole watts, may be off."""
GAP = 0.01
TIGHT = {"limits_kw": {"trafo": 18.0, "north": 11.0, "weak": 6.0}}
HOUSES = ("h1", "h2", "h3", "h4", "h5", "h6")


@dataclass(frozen=True, kw_only=True)
class Negotiated:
    """How a negotiation ended, and the optimum of the state that it began with."""

    rounds: int
    cost_eur: float
    """Of the plan, as told."""
    bound_eur: float
    gap: float
    ordered_eur: float
    """What the orders cost, worked out once more."""
    optimum_eur: float
    leaf_kw: FloatArray
    """(leaf, interval), by the orders."""
    tree: NetTree


def judged(drive: Drive, carried_out_kw: FloatArray, told: Mapping[str, Any]) -> Negotiated:
    """Solve the state that a negotiation has just ended with."""
    prices, agents = drive._prices, drive.populations
    count = len(prices.buying)
    ahead_kw = carried_out_kw[:, :count]
    leaf_kw = np.zeros((len(drive.tree.leaves), count))
    np.add.at(leaf_kw, drive.nets, ahead_kw)
    wear = np.concatenate([a.throughput_cost_eur_per_mwh for a in agents.values()]) / 1e3
    contracts_eur = float(wear @ np.abs(ahead_kw).sum(axis=1)) * drive.terms.hours
    fixed_kw = np.zeros_like(leaf_kw)
    shares = []
    for party in drive.parties:
        agent: Any = agents[party.name]
        if party.is_flexible:
            shares.append(Share(population=agent.population, leaf=agent.nets))
        else:
            np.add.at(fixed_kw, drive.nets[party.rows], ahead_kw[party.rows])
    return Negotiated(
        rounds=drive._rounds,
        cost_eur=float(told["plan_cost_eur"]),
        bound_eur=float(told["plan_bound_eur"]),
        gap=float(told["certified_gap"]),
        ordered_eur=plan_cost_eur(drive.tree, prices, leaf_kw, contracts_eur),
        optimum_eur=central_optimum(drive.tree, prices, shares, fixed_kw).cost_eur,
        leaf_kw=leaf_kw,
        tree=drive.tree,
    )


@pytest.fixture
def negotiated(community: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that runs a scenario and judges each of its negotiations."""
    outcome = Drive.outcome

    def run(scenario: dict[str, Any]) -> list[Negotiated]:
        found: list[Negotiated] = []

        def judging(drive: Drive, carried_out_kw: FloatArray) -> Any:
            told = outcome(drive, carried_out_kw)
            found.append(judged(drive, carried_out_kw, told))
            return told

        monkeypatch.setattr(Drive, "outcome", judging)
        community.run(scenario)
        assert len(found) == 16
        return found

    return run


@pytest.mark.parametrize(
    ("grid", "keys"),
    [
        (False, {}),
        (False, {"balances": "household"}),
        (False, {"algorithm": "literal", "max_rounds": 600}),
        (True, {"congestion": TIGHT, "gap": 0.003, "max_rounds": 400}),
        (True, {"congestion": {"points": "all"}}),
    ],
    ids=["community", "household", "literal", "tight", "all-points"],
)
def test_the_optimum_lies_within_the_certified_gap(
    community: Any, negotiated: Any, grid: bool, keys: dict[str, Any]
) -> None:
    gap, most = keys.get("gap", GAP), keys.get("max_rounds", 200)
    found = negotiated(community.scenario(grid=grid, **keys))
    for each in found:
        assert each.bound_eur <= each.optimum_eur + SLACK_EUR
        assert each.optimum_eur <= each.ordered_eur + SLACK_EUR
        assert each.ordered_eur == pytest.approx(each.cost_eur, abs=1e-9)
        assert each.gap <= gap or each.rounds == most
    assert sum(each.gap <= gap for each in found) >= 15  # rounds hardly ever run out
    # Prices move something: the plans of the day are not all the same.
    assert np.std([each.optimum_eur for each in found]) > 0.5


@pytest.mark.parametrize("most", [3, 14])
def test_what_is_told_is_of_the_plan_that_is_ordered(
    community: Any, negotiated: Any, most: int
) -> None:
    """Also where rounds run out after the plan was looked at last, or before it ever was."""
    for each in negotiated(community.scenario(max_rounds=most)):
        assert each.rounds <= most
        assert each.optimum_eur <= each.ordered_eur + SLACK_EUR
        if np.isfinite(each.gap):
            assert each.ordered_eur == pytest.approx(each.cost_eur, abs=1e-9)


def test_planned_flows_keep_the_limits(community: Any, negotiated: Any) -> None:
    """Limits that would be broken without them; by a hundredth at most where they bind."""
    tight = negotiated(community.scenario(grid=True, congestion=TIGHT, max_rounds=400))
    loose = negotiated(community.scenario(grid=True, congestion={"margin": 0.0}))
    limits_kw = tight[0].tree.import_limit_kw[:, np.newaxis]
    assert np.isfinite(limits_kw).sum() == 4  # south's is that of its rating
    for each in tight:
        flows_kw = np.abs(each.tree.flows_kw(each.leaf_kw))
        assert (flows_kw <= limits_kw * 1.01).all()
    highest_kw = max(np.abs(each.tree.flows_kw(each.leaf_kw)[1]).max() for each in loose)
    assert highest_kw > 18.0 * 1.2


def test_households_are_as_good_as_each_by_itself(community: Any, negotiated: Any) -> None:
    """The sum of six negotiations of one house each: both are within the gap of the optimum."""
    together = negotiated(predictable(community, balances="household"))[0]
    alone_eur = optimum_eur = 0.0
    for house in HOUSES:
        scenario = predictable(community, balances="household", algorithm="central")
        keep_at(scenario, house)
        found = negotiated(scenario)[0]
        alone_eur += found.cost_eur
        optimum_eur += found.optimum_eur
    assert alone_eur == pytest.approx(optimum_eur, abs=SLACK_EUR)
    assert together.optimum_eur == pytest.approx(optimum_eur, abs=1e-4)
    assert optimum_eur - 1e-4 <= together.cost_eur <= optimum_eur * (1.0 + 2.0 * GAP)
    shared = negotiated(predictable(community))[0]
    assert shared.cost_eur < together.cost_eur - 0.1  # what one feeds in, another draws


def predictable(community: Any, **keys: Any) -> dict[str, Any]:
    """Return a scenario in which no house depends on which others there are."""
    scenario: dict[str, Any] = community.scenario(**keys)
    simulators = scenario["simulators"]
    simulators["load"] |= {"profile": {"constant_kw": 1.0}, "forecast": {}}
    simulators["pv"] |= {"irradiance": {"constant_w_per_m2": 500}, "forecast": {}}
    for name in ("heat_pump", "v2g", "washer"):
        del simulators[name]
    for name in ("heat_agent", "v2g_agent", "washer_agent"):
        del scenario["controllers"][name]
    simulators["battery"] |= {"at": ["h2", "h5", "h6"]}
    return scenario


def keep_at(scenario: dict[str, Any], house: str) -> None:
    """Leave out all devices that are not at a house, and the agents of what is then nobody's."""
    simulators, controllers = scenario["simulators"], scenario["controllers"]
    for name, keys in list(simulators.items()):
        if house not in keys["at"]:
            del simulators[name]
            for agent in [n for n, a in controllers.items() if a["controls"] == name]:
                del controllers[agent]
            continue
        keys["at"] = [house]
        for table, place in (("sessions", "charging_point"), ("jobs", "connection_point")):
            if table in keys:
                keys[table] = [row for row in keys[table] if row[place] == house]


@pytest.mark.slow
@pytest.mark.parametrize("grid", [False, True])
def test_literal_message_passing_costs_the_same(
    community: Any, negotiated: Any, grid: bool
) -> None:
    """At the begin, where both negotiate about the same; after that their states differ."""
    limits = {"congestion": TIGHT} if grid else {}
    ours, theirs = (
        negotiated(community.scenario(grid=grid, algorithm=name, max_rounds=900, **limits))[0]
        for name in ("tree_sharing", "literal")
    )
    assert ours.optimum_eur == pytest.approx(theirs.optimum_eur, abs=SLACK_EUR)
    assert abs(ours.cost_eur - theirs.cost_eur) <= 2.0 * GAP * abs(ours.optimum_eur)
    assert theirs.rounds >= ours.rounds


def test_central_orders_the_optimum(community: Any, negotiated: Any) -> None:
    scenario = community.scenario(grid=True, algorithm="central", congestion=TIGHT)
    for each in negotiated(scenario):
        assert each.rounds == 1
        assert each.ordered_eur == pytest.approx(each.optimum_eur, abs=SLACK_EUR)
        assert each.cost_eur == each.bound_eur == pytest.approx(each.optimum_eur, abs=SLACK_EUR)

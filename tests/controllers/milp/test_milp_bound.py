"""Lower bounds: below whatever anybody does, and equal to the optimum where that is known."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from gridloom.controllers.milp.bound import PerfectInformationBounds, perfect_information_bounds
from gridloom.controllers.milp.linear_flow import LinearGrid
from gridloom.controllers.milp.network import flow_graph
from gridloom.controllers.milp.options import NetworkOptions
from gridloom.controllers.milp.outer_grid import largest_current_kva, widened
from gridloom.simulators.errors import ScenarioError

KEY = "controllers.charging"
VALUE = 92.5
"""Mean of the street's four prices, EUR/MWh."""


def bounds_of(composition: Any, **keys: Any) -> PerfectInformationBounds:
    models = {n: m for n, m in composition.models.items() if n != "charging"}
    return perfect_information_bounds(models, duration_s=1800, **keys)


def adjusted_eur(finished: Any, bounds: PerfectInformationBounds) -> float:
    missing_kwh = bounds.uncoordinated_energy_kwh - finished.vehicle_energy_kwh()
    cost: float = finished.cost_eur() + VALUE * missing_kwh / 1e3
    return cost


@pytest.mark.slow
def test_nobody_costs_less(
    street: Callable[..., Any], run_street: Callable[..., Any], basic_text: str
) -> None:
    bounds = bounds_of(street())
    assert bounds.energy_value_eur_per_mwh == VALUE
    basic = run_street(text=basic_text)
    assert bounds.uncoordinated_energy_kwh == pytest.approx(basic.vehicle_energy_kwh(), abs=1e-9)
    schemes = [
        basic,
        run_street(),
        run_street(f"{KEY}.foresight=forecast", f"{KEY}.resolve_every=5min"),
        run_street(f"{KEY}.loading_limit=1", f"{KEY}.interval=30s"),
    ]
    for finished in schemes:
        assert finished.outputs["grid"]["line_loading_percent"].max() < 100
        assert adjusted_eur(finished, bounds) > bounds.energy_adjusted_cost_eur - 1e-9
        assert finished.cost_eur() > bounds.imbalance_cost_eur - 1e-9
    balanced = run_street(f"{KEY}.speculation=false")
    for finished in (basic, balanced):
        honest = bounds.energy_adjusted_cost_no_speculation_eur
        assert honest is not None
        assert adjusted_eur(finished, bounds) > honest - 1e-9


def test_it_is_reached_where_intervals_hide_nothing(
    street: Callable[..., Any], run_street: Callable[..., Any]
) -> None:
    """Whole minutes, no grid that binds: the plan's optimum is feasible at every second."""
    whole = "simulators.ev.sessions=" + str(
        [
            {
                "charging_point": f"load {i}",
                "arrival": f"{3 * i}min",
                "departure": f"{20 + 15 * i}min",
                "arrival_state_of_charge": 0.6,
            }
            for i in range(4)
        ]
    )
    bounds = bounds_of(street(whole))
    reached = adjusted_eur(run_street(whole, f"{KEY}.network=none"), bounds)
    assert reached == pytest.approx(bounds.energy_adjusted_cost_eur, abs=1e-6)
    balanced = run_street(whole, f"{KEY}.network=none", f"{KEY}.speculation=false")
    assert adjusted_eur(balanced, bounds) == pytest.approx(
        bounds.energy_adjusted_cost_no_speculation_eur, abs=1e-6
    )


def test_to_speculate_is_worth_something_and_balancing_rules_cost_it(
    street: Callable[..., Any],
) -> None:
    bounds = bounds_of(street())
    assert bounds.energy_adjusted_cost_no_speculation_eur is not None
    assert bounds.energy_adjusted_cost_eur < bounds.energy_adjusted_cost_no_speculation_eur
    assert bounds.imbalance_cost_eur < 0 <= bounds.shortage_cost_eur


def test_one_vehicle_by_hand(street: Callable[..., Any]) -> None:
    """A vehicle that has what it needs, no other load, and 4 kWh bought for each quarter.

    A kWh that it draws stores 0.95 kWh, worth 87.9 EUR/MWh: more than the surplus of the first
    quarter (60), less than that of the second (90).
    """
    sessions = (
        "simulators.ev.sessions=[{charging_point: load 0, arrival: 0s, departure: 2h, "
        "arrival_state_of_charge: 0.75}]"
    )
    case = street(
        sessions,
        "simulators.load.scale=0",
        "simulators.market.position_kw=[16, 16]",
        "simulators.ev.v2g=false",
    )
    bounds = bounds_of(case)
    # First quarter: 2 kWh drawn, 2 left over; second: all 4 left over. Required 0.7: basic idles.
    by_hand = -60 * 2 - 90 * 4 - VALUE * 2 * 0.95
    assert 1e3 * bounds.energy_adjusted_cost_eur == pytest.approx(by_hand, abs=1e-4)
    # Without value, all 8 kWh are left over, and nothing is ever short.
    assert 1e3 * bounds.imbalance_cost_eur == pytest.approx(-(60 + 90) * 4, abs=1e-4)
    assert bounds.shortage_cost_eur == pytest.approx(0.0, abs=1e-9)


def test_shorter_intervals_bound_tighter(street: Callable[..., Any]) -> None:
    """A schedule of short intervals is one of long ones as well, by its means."""
    coarse = bounds_of(street(), interval_s=300)
    fine = bounds_of(street(), interval_s=30)
    assert coarse.energy_adjusted_cost_eur <= fine.energy_adjusted_cost_eur + 1e-9


def test_limits_are_widened_by_voltage_and_losses(street: Callable[..., Any]) -> None:
    """By hand on the last line of the row: nothing is lost beyond it but in itself."""
    grid = LinearGrid(street("simulators.grid.voltage_limits_pu=[0.9, 1.08]").models["grid"])
    feeder = grid.feeder
    graph = flow_graph(feeder, NetworkOptions(loading_limit=1.0))
    assert graph is not None
    wide = widened(graph, feeder, np.full(4, 9.0))
    last, line = graph.names.index("line_1_4"), feeder.line_names.index("line_1_4")
    rated = feeder.branch_rated_kva[line]
    current = 9.0 / 0.9
    lost = current**2 * np.hypot(
        feeder.branch_resistance_pu_per_kw[line], feeder.branch_reactance_pu_per_kvar[line]
    )
    assert wide.limit_kva[last, 0] == pytest.approx(1.08 * rated + lost)
    limited = np.isfinite(graph.limit_kva)
    assert (wide.limit_kva[limited] > 1.08 * graph.limit_kva[limited]).all()
    assert np.isinf(wide.limit_kva[~limited]).all()


def test_currents_are_bounded_by_what_is_above_and_beside(street: Callable[..., Any]) -> None:
    """By hand: four points of 10 kVA in a row, the first line limited to 5 kVA at 400 V."""
    rated_a = 5 / np.sqrt(3) / 0.4
    composed = street(f"simulators.grid.line_ratings_a={{line_1_1: {rated_a}}}")
    feeder = LinearGrid(composed.models["grid"]).feeder
    bound = largest_current_kva(feeder, np.full(4, 10.0))
    at = {
        feeder.branch_names[branch]: bound[place]
        for place, branch in enumerate(feeder.tree.parent_branch[feeder.tree.order])
        if branch >= 0
    }
    # line_1_2 carries what line_1_1 does, less or more what the first point draws, and so on.
    assert at["line_1_1"] == pytest.approx(5)
    assert at["line_1_2"] == pytest.approx(15)
    assert at["line_1_3"] == pytest.approx(20)
    assert at["line_1_4"] == pytest.approx(10)


def test_limits_that_are_not_certain_do_not_count(
    street: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Losses of unbalanced currents have no bound here: the limits are left out."""
    limited = street("simulators.grid.line_ratings_a={line_1_1: 15}")
    certain = bounds_of(limited)
    monkeypatch.setattr(LinearGrid, "unbalanced", property(lambda _: True))
    uncertain = bounds_of(limited)
    assert (certain.counts_ratings, uncertain.counts_ratings) == (True, False)
    assert uncertain.energy_adjusted_cost_eur < certain.energy_adjusted_cost_eur - 1e-6


def test_markets_that_settle_losses_are_refused(street: Callable[..., Any]) -> None:
    with pytest.raises(ScenarioError, match="settles no losses"):
        bounds_of(street("simulators.market.include_losses=true"))


def test_the_schedule_behind_the_bound_is_checked(street: Callable[..., Any]) -> None:
    """It keeps limits where none binds; ratings that bind are exceeded by losses and voltage."""
    easy = bounds_of(street()).schedule
    assert easy is not None
    assert easy.keeps_limits
    assert easy.line_loading_percent is not None
    assert 5 < easy.line_loading_percent.value < 100
    tight = bounds_of(street("simulators.grid.line_ratings_a={line_1_1: 20}")).schedule
    assert tight is not None
    assert tight.line_loading_percent is not None
    assert tight.line_loading_percent.element == "line_1_1"
    assert 100 < tight.line_loading_percent.value < 125
    assert not tight.keeps_limits


def test_without_a_grid_nothing_is_checked(street: Callable[..., Any], street_text: str) -> None:
    begin, end = street_text.index("  grid:"), street_text.index("  load:")
    houses = "at: [load 0, load 1, load 2, load 3]"
    text = street_text[:begin] + street_text[end:]
    for kind in ("load", "ev_fleet", "imbalance_market"):
        text = text.replace(f"type: {kind}\n", f"type: {kind}\n    {houses}\n")
    assert bounds_of(street(text=text)).schedule is None

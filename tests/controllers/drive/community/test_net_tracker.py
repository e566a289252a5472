"""Batteries keep their nets to the plan between two negotiations: in closed form, and in a run."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridloom.controllers.drive.agents.net_tracker import NetTracker
from gridloom.controllers.negotiation.terms import Net, Terms

NORTH, SOUTH = Net(name="north", points=("a", "b")), Net(name="south", points=("c",))
POINTS = ("c", "a", "elsewhere", "b")
"""In another order than the nets, and one that belongs to neither."""
RATED_KW = np.array([4.0, 2.0, 5.0])
"""Of batteries at a, b and c."""


def tracker(share: float = 1.0, rated_kw: Any = RATED_KW, *, parts: bool = True) -> NetTracker:
    terms = Terms(
        coordinator="drive", interval_s=900, count=4, parts=(NORTH, SOUTH) if parts else ()
    )
    nets = terms.nets_at(["a", "b", "c"])
    return NetTracker(terms, nets, POINTS, share=share, rated_power_kw=rated_kw)


def test_a_deviation_is_shared_by_rated_power() -> None:
    """North draws 3 kW too much (1 + 2 + 4 - 1 for 3), south 2 kW too little (-2 + 1 for 1)."""
    others_kw = np.array([1.0, 2.0, 100.0, 4.0])
    drawn_kw = np.array([1.0, -1.0, -2.0])
    corrected_kw = tracker().corrected_kw(drawn_kw, others_kw, np.array([3.0, 1.0]))
    np.testing.assert_allclose(corrected_kw, [1.0 - 2.0, -1.0 - 1.0, -2.0 + 2.0])


def test_a_share_of_it_is_made_up_for() -> None:
    others_kw = np.array([1.0, 2.0, 0.0, 4.0])
    corrected_kw = tracker(0.25).corrected_kw(np.zeros(3), others_kw, np.array([3.0, 1.0]))
    np.testing.assert_allclose(corrected_kw, [-0.5, -0.25, 0.0])


def test_without_an_order_nothing_changes() -> None:
    corrected_kw = tracker().corrected_kw(np.ones(3), np.full(4, 7.0), np.array([np.nan, 8.0]))
    np.testing.assert_allclose(corrected_kw, [1.0, 1.0, 1.0])


def test_all_points_are_of_a_single_net() -> None:
    """4 + 3 kW are drawn for 1: 6 kW too much, over 11 kW of batteries."""
    corrected_kw = tracker(parts=False).corrected_kw(np.ones(3), np.ones(4), np.array([1.0]))
    np.testing.assert_allclose(corrected_kw, 1.0 - 6.0 * RATED_KW / 11.0)


def test_batteries_without_power_are_left_alone() -> None:
    found = tracker(rated_kw=np.array([0.0, 0.0, 5.0]))
    corrected_kw = found.corrected_kw(np.zeros(3), np.ones(4), np.array([0.0, 0.0]))
    np.testing.assert_allclose(corrected_kw, [0.0, 0.0, -1.0])


@given(st.lists(st.floats(-50.0, 50.0), min_size=9, max_size=9), st.floats(0.0, 1.0))
def test_what_remains_is_the_share_that_is_left(values: list[float], share: float) -> None:
    """If the others go on as they did: (1 - share) times the deviation, in every net."""
    drawn_kw, others_kw = np.array(values[:3]), np.array(values[3:7])
    order_kw = np.array(values[7:])
    corrected_kw = tracker(share).corrected_kw(drawn_kw, others_kw, order_kw)

    def net_kw(batteries_kw: Any) -> Any:
        north_kw = batteries_kw[:2].sum() + others_kw[1] + others_kw[3]
        return np.array([north_kw, batteries_kw[2] + others_kw[0]])

    left_kw = (1.0 - share) * (net_kw(drawn_kw) - order_kw)
    np.testing.assert_allclose(net_kw(corrected_kw) - order_kw, left_kw, atol=1e-9)


DEVICES = ("load", "pv", "battery", "ev", "v2g", "heat_pump", "washer")


def deviations_kw(community: Any, tracking: float) -> Any:
    """Return what the community strays from its order in each minute of two hours."""
    scenario = community.scenario(duration="2h", step_size="1min")
    scenario["controllers"]["battery_agent"] |= {"tracking": tracking, "step_size": "1min"}
    found = community.run(scenario)
    drawn_kw = sum((found[f"{name}/power_kw"].sum(axis=1) for name in DEVICES), np.zeros(120))
    order_kw = found["drive/net_order_kw"].sum(axis=-1)
    assert len(order_kw) == 120
    return drawn_kw - order_kw


def test_a_community_that_tracks_strays_less(community: Any) -> None:
    """Root mean square over all minutes but the first of each interval, where nobody tracks."""
    within = np.arange(120) % 15 > 0
    without, with_tracking = (
        np.sqrt(np.mean(deviations_kw(community, tracking)[within] ** 2)) for tracking in (0.0, 1.0)
    )
    assert without > 0.3
    assert with_tracking < 0.7 * without


def test_batteries_that_do_not_track_carry_out_their_orders(community: Any) -> None:
    scenario = community.scenario(duration="1h", step_size="1min")
    scenario["controllers"]["battery_agent"] |= {"tracking": 0.0, "step_size": "1min"}
    found = community.run(scenario)
    by_interval_kw = found["battery/power_kw"].reshape(4, 15, 2)
    assert np.ptp(by_interval_kw, axis=1).max() < 1e-9


@pytest.mark.parametrize("tracking", [-0.1, 1.1])
def test_a_share_is_a_share(community: Any, tracking: float) -> None:
    from gridloom.simulators.errors import ScenarioError

    scenario = community.scenario()
    scenario["controllers"]["battery_agent"]["tracking"] = tracking
    with pytest.raises(ScenarioError, match=r"controllers\.battery_agent\.tracking"):
        community.composed(scenario)

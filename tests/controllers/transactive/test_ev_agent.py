"""The agent of a fleet: departures first, then orders; nothing is known of who is not booked."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

HOURS = 8
COUNT = 4


def session(point: str, arrival: str, departure: str, **given: Any) -> dict[str, Any]:
    """Return a session that needs 8 kWh into a battery of 20: 8 / 0.9 kWh, 2.2 h at 4 kW."""
    return {
        "charging_point": point,
        "arrival": arrival,
        "departure": departure,
        "arrival_state_of_charge": 0.4,
        **given,
    }


NEEDED_KWH = 8.0 / 0.9


def fleet_agent(agent_of: Any, prices: Any, *sessions: Any, booked: bool, **given: Any) -> Any:
    keys = {
        "points": ("a", "b", "c"),
        "sessions": list(sessions),
        "forecast": {"bookings": booked, "resolution": "1h"},
        "step_size": "10min",
        "count": COUNT,
    }
    return agent_of("ev", prices, **(keys | given))


def test_booked_vehicles_charge_in_their_cheapest_hours(agent_of: Any) -> None:
    """From 1 h to 5 h: 4 kW in the two cheapest hours, what is left in the third."""
    agent = fleet_agent(
        agent_of, [5, 60, 20, 50, 30, 5, 5, 5.0], session("a", "1h", "5h"), booked=True
    )
    left_kw = NEEDED_KWH - 8.0
    np.testing.assert_allclose(agent.schedule_kw, [[0, 0, 4, left_kw, 4, 0, 0, 0]], atol=1e-9)


def test_in_an_hour_that_it_is_there_for_in_part_its_mean_is_limited(
    agent_of: Any, steered: Any
) -> None:
    """From 0:30 to 3:20 it has 0.5, 1, 1 and a third of an hour; hours 0 and 3 are cheapest."""
    agent = fleet_agent(
        agent_of, [10, 50, 60, 20, 90, 90, 90, 90.0], session("a", "30min", "200min"), booked=True
    )
    expected = [2.0, 4.0, NEEDED_KWH - 2.0 - 4.0 - 4.0 / 3, 4.0 / 3, 0, 0, 0, 0]
    np.testing.assert_allclose(agent.schedule_kw, [expected], atol=1e-9)
    run = steered(agent)
    for number in range(HOURS):
        run.prepare(number)
        drawn_kw = run.step(number, agent.schedule_kw[:, number])
        assert drawn_kw.sum() == pytest.approx(expected[number], abs=1e-6)


def test_without_bookings_the_schedule_is_what_was_forecast(agent_of: Any) -> None:
    sessions = session("a", "1h", "5h"), session("b", "2h", "9h")
    agent = fleet_agent(agent_of, [30.0] * HOURS, *sessions, booked=False)
    # Each at 4 kW from its arrival, until it has what it needs.
    tail_kw = NEEDED_KWH - 8.0
    expected = [0, 4, 8, 4 + tail_kw, tail_kw, 0, 0, 0]
    np.testing.assert_allclose(agent.schedule_kw, [expected], atol=1e-9)


def test_v2g_sells_dear_and_is_full_in_time(agent_of: Any) -> None:
    """8 kWh are there at 0 h, at 90 EUR/MWh; all 16 have to be by 4 h."""
    sessions = session("a", "0s", "6h")
    agent = fleet_agent(
        agent_of, [90, 10, 10, 10, 10, 10, 10, 10.0], sessions, booked=True, v2g=True
    )
    sold_kwh = 4.0 * 1.0
    assert agent.schedule_kw[0, 0] == pytest.approx(-4.0)
    bought_kwh = (8.0 + sold_kwh / 0.9) / 0.9
    assert agent.schedule_kw[0, 1:].sum() == pytest.approx(bought_kwh)
    still = fleet_agent(agent_of, [90, 10, 10, 10, 10, 10, 10, 10.0], sessions, booked=True)
    assert still.schedule_kw.min() >= 0.0


@pytest.mark.parametrize(("booked", "v2g"), [(True, True), (False, True), (False, False)])
@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 100_000))
def test_everybody_leaves_with_what_was_required(
    agent_of: Any, request_of: Any, steered: Any, booked: bool, v2g: bool, seed: int
) -> None:
    """As far as rated power from arrival on reaches it; and orders for its offers are obeyed."""
    rng = np.random.default_rng(seed)
    stays = [(p, *np.sort(rng.choice(np.arange(0, 48), 2, replace=False))) for p in "abc"]
    sessions = [session(p, f"{10 * a}min", f"{10 * b}min") for p, a, b in stays]
    agent = fleet_agent(
        agent_of, rng.uniform(20, 90, HOURS), *sessions, booked=booked, v2g=v2g, step_size="10min"
    )
    run = steered(agent)
    left_with = {}
    for number in range(HOURS):
        run.prepare(number)
        later = rng.uniform(20, 90, COUNT)
        offers = [
            agent.answer(request_of(agent, np.append(price, later[1:])))[:, 0]
            for price in rng.uniform(0, 120, 2)
        ]
        share = rng.random()
        order_kw = share * offers[0] + (1.0 - share) * offers[1]
        inputs = agent.setpoints(3600 * number, order_kw[:, np.newaxis])
        drawn = []
        for time in range(3600 * number, 3600 * (number + 1), 600):
            run.observation = run.device.step(time, inputs)
            drawn.append(run.observation["power_kw"].sum())
            for row, (point, _, leaves) in enumerate(stays):
                if 600 * leaves == time + 600:
                    left_with[point] = run.observation["state_of_charge"][row]
        assert np.mean(drawn) == pytest.approx(order_kw[0], abs=1e-6)
    for point, arrives, leaves in stays:
        # Unbooked it takes part from the first interval on that begins after its arrival.
        begins = arrives if booked else -(-arrives // 6) * 6
        reachable = 0.4 + 0.9 * 4.0 * max(leaves - begins, 0) / 6 / 20.0
        assert left_with[point] >= min(0.8, reachable) - 1e-6


@settings(max_examples=10, deadline=None)
@given(leaves=st.integers(5, 20), price=st.floats(0, 100))
def test_who_is_not_there_and_not_booked_changes_nothing(
    agent_of: Any, request_of: Any, steered: Any, leaves: int, price: float
) -> None:
    """Another departure of a later vehicle, which leaves the fleet's forecast as it is."""
    told = []
    for departure in ("5h", f"{leaves}h"):
        agent = fleet_agent(
            agent_of,
            [30.0] * HOURS,
            session("a", "0s", "6h"),
            session("b", "2h", departure),
            booked=False,
        )
        steered(agent).prepare(0)
        offered = agent.answer(request_of(agent, [price, 30.0, 40.0, 50.0]))
        told.append((offered, agent.setpoints(0, offered)["power_setpoint_kw"]))
    for first, second in zip(*told, strict=True):
        np.testing.assert_array_equal(first, second)


def test_of_later_intervals_it_expects_what_the_schedule_holds_for_others(
    agent_of: Any, request_of: Any, steered: Any
) -> None:
    """'a' is there and 'b' to come: 'b' will draw 4 kW in hours 2 and 3, whatever the price."""
    sessions = session("a", "0s", "6h"), session("b", "2h", "6h")
    agent = fleet_agent(agent_of, [30.0] * HOURS, *sessions, booked=False)
    tail_kw = NEEDED_KWH - 8.0
    assert agent.schedule_kw[0, :5] == pytest.approx([4, 4, 4 + tail_kw, 4, tail_kw])
    run = steered(agent)
    run.prepare(0)
    # With nothing to gain, 'a' charges as scheduled; with a cheap hour 3, it waits for that.
    same = agent.answer(request_of(agent, [30.0] * COUNT))
    assert same[0] == pytest.approx(agent.schedule_kw[0, :COUNT], abs=1e-9)
    waits = agent.answer(request_of(agent, [30.0, 31.0, 32.0, 10.0]))
    assert waits[0] == pytest.approx([4.0, tail_kw, 4.0, 8.0], abs=1e-9)


def test_what_is_required_comes_before_the_order(agent_of: Any, steered: Any) -> None:
    """'a' needs all of its two hours; 'b' has time: ordered 6, 0, then 20 kW."""
    sessions = (
        session("a", "0s", "2h", required_state_of_charge=0.75),
        session("b", "0s", "9h"),
    )
    agent = fleet_agent(agent_of, [30.0] * HOURS, *sessions, booked=True)
    least_kw = 7.0 / 0.9 - 4.0  # of the 7 kWh, what an hour at 4 kW does not reach
    for ordered, drawn in ((6.0, [4.0, 2.0]), (0.0, [least_kw, 0.0]), (20.0, [4.0, 4.0])):
        run = steered(agent)
        run.prepare(0)
        setpoints = agent.setpoints(0, np.array([[ordered]]))["power_setpoint_kw"]
        assert setpoints == pytest.approx([*drawn, 0.0], abs=1e-6)


def test_who_leaves_first_charges_first(agent_of: Any, steered: Any) -> None:
    """Each needs 3 / 0.9 kWh, and the next hour has room for all that 6 kW leave over."""
    sessions = [
        session(point, "0s", leaves, arrival_state_of_charge=0.65)
        for point, leaves in (("a", "9h"), ("b", "6h"), ("c", "7h"))
    ]
    agent = fleet_agent(agent_of, [30.0] * HOURS, *sessions, booked=False)
    steered(agent).prepare(0)
    setpoints = agent.setpoints(0, np.array([[6.0]]))["power_setpoint_kw"]
    needed_kw = 3.0 / 0.9
    assert setpoints == pytest.approx([0.0, needed_kw, 6.0 - needed_kw], abs=1e-6)


def test_two_vehicles_may_follow_each_other(agent_of: Any, request_of: Any, steered: Any) -> None:
    """At one charging point within what is looked ahead: energy begins anew with the second."""
    sessions = session("a", "0s", "2h"), session("a", "150min", "6h")
    agent = fleet_agent(agent_of, [30.0] * HOURS, *sessions, booked=True)
    run = steered(agent)
    run.prepare(0)
    offered = agent.answer(request_of(agent, [30.0, 20.0, 10.0, 40.0]))
    # The first gets 8 kW h in its two hours; the second half an hour at 10 EUR/MWh.
    assert offered[0, :3] == pytest.approx([4.0, 4.0, 2.0], abs=1e-6)


def test_where_two_share_an_hour_the_second_waits_for_the_next(agent_of: Any) -> None:
    sessions = session("a", "0s", "90min"), session("a", "100min", "6h")
    agent = fleet_agent(agent_of, [50, 50, 20, 20, 20, 20, 20, 20.0], *sessions, booked=True)
    assert agent.schedule_kw[0, :2] == pytest.approx([4.0, 2.0])
    assert agent.schedule_kw.sum() == pytest.approx(6.0 + NEEDED_KWH)


def test_a_minute_feeder_answers_for_a_whole_street(
    agent_of: Any, request_of: Any, steered: Any
) -> None:
    """55 vehicles, 1-min intervals, 15 ahead, as on the IEEE European LV feeder."""
    points = tuple(f"p{number}" for number in range(55))
    sessions = [
        session(point, f"{number % 30}min", "60min", arrival_state_of_charge=0.7)
        for number, point in enumerate(points)
    ]
    agent = agent_of(
        "ev",
        np.linspace(30, 60, 30),
        interval_s=60,
        count=16,
        points=points,
        sessions=sessions,
        step_size="1s",
        forecast={"bookings": False, "resolution": "10min"},
    )
    run, drawn_kw = steered(agent), np.zeros(55)
    for number in range(12):
        run.prepare(number)
        offered = agent.answer(request_of(agent, np.linspace(40, 80, 16)))
        drawn_kw = run.step(number, offered[:, 0])
        assert drawn_kw.sum() == pytest.approx(offered[0, 0], abs=1e-6)
    assert drawn_kw.sum() == pytest.approx(24 * 4.0)  # all who are there: prices are to rise

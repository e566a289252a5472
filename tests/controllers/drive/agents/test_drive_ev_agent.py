"""Agents of charging points: cheapest by departure, nobody known who is not there or booked."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

INTERVALS = 16
STEP_S = 300
CHARGE, DISCHARGE, RATED_KW, CAPACITY_KWH = 0.9, 0.8, 4.0, 20.0
BOOKED = {"forecast": {"bookings": True}}


def session(point: str, arrival: str, departure: str, **given: Any) -> dict[str, Any]:
    return {
        "charging_point": point,
        "arrival": arrival,
        "departure": departure,
        "arrival_state_of_charge": 0.5,
        **given,
    }


def random_sessions(rng: np.random.Generator) -> list[dict[str, Any]]:
    """Two stays at each of three points, at whole minutes, no two in the same interval."""
    sessions = []
    for point in "abc":
        for first, last in ((-30, 105), (120, 255)):
            arrival, departure = np.sort(rng.choice(np.arange(first, last), 2, replace=False))
            sessions.append(
                session(
                    point,
                    f"{arrival}min",
                    f"{departure}min",
                    arrival_state_of_charge=rng.uniform(0.3, 0.9),
                    required_state_of_charge=rng.uniform(0.4, 0.9),
                )
            )
    return sessions


def whole_steps_s(table: Any, row: int) -> tuple[float, float]:
    begin_s = max(np.ceil(table.arrival_s[row] / STEP_S) * STEP_S, 0.0)
    return begin_s, max(np.floor(table.departure_s[row] / STEP_S) * STEP_S, begin_s)


def owed_kwh(table: Any, row: int, *, least: float) -> float:
    """Return what is to be stored by the end of the stay or the run, if that comes first."""
    begin_s, end_s = whole_steps_s(table, row)
    later_h = max(end_s - max(INTERVALS * 900, begin_s), 0.0) / 3600.0
    required = table.required_state_of_charge[row] * CAPACITY_KWH
    owed = required - CHARGE * RATED_KW * later_h
    return float(max(owed, least) if later_h else required)


def charging_eur(table: Any, row: int, prices: Any, optimum_eur: Any) -> float:
    """Judge a vehicle that only charges: its hours in each interval, to the second."""
    edges_s = np.arange(INTERVALS + 1) * 900.0
    hours = np.diff(np.clip(edges_s, *whole_steps_s(table, row))) / 3600.0
    stored = table.arrival_state_of_charge[row] * CAPACITY_KWH
    missing = max(owed_kwh(table, row, least=stored) - stored, 0.0)
    drawn = min(missing / CHARGE, RATED_KW * hours.sum())
    bounds = np.stack([np.zeros(INTERVALS), RATED_KW * hours], axis=1)
    return float(optimum_eur(prices / 1000.0, np.ones((1, INTERVALS)), drawn, drawn, bounds))


def battery_eur(table: Any, row: int, prices: Any, optimum_eur: Any) -> float:
    """Judge one that feeds back in its whole intervals: shares of charging and discharging."""
    begin_s, end_s = whole_steps_s(table, row)
    begin, end = int(np.ceil(begin_s / 900)), int(min(end_s // 900, INTERVALS))
    stored = table.arrival_state_of_charge[row] * CAPACITY_KWH
    owed = owed_kwh(table, row, least=stored)
    count, up, down = end - begin, CHARGE * RATED_KW * 0.25, RATED_KW * 0.25 / DISCHARGE
    if count <= 0 or stored + up * count < owed:
        return charging_eur(table, row, prices, optimum_eur)
    until = np.tril(np.ones((count, count)))
    stored_kwh = np.hstack([up * until, -down * until])
    either = np.hstack([np.eye(count), np.eye(count)])
    least = np.full(count, -stored)
    least[-1] = owed - stored
    price = prices[begin:end] / 1000.0 * RATED_KW * 0.25
    return float(
        optimum_eur(
            np.concatenate([price, -price]),
            np.vstack([stored_kwh, either]),
            np.concatenate([least, np.full(count, -np.inf)]),
            np.concatenate([np.full(count, CAPACITY_KWH - stored), np.ones(count)]),
            np.tile([0.0, 1.0], (2 * count, 1)),
        )
    )


@pytest.mark.parametrize("v2g", [False, True])
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 100_000))
def test_its_answer_to_prices_is_the_cheapest(
    drive_agent: Any, steered: Any, optimum_eur: Any, v2g: bool, seed: int
) -> None:
    """By HiGHS, stay by stay; prices may be negative."""
    rng = np.random.default_rng(seed)
    agent = drive_agent(
        "ev", INTERVALS, sessions=random_sessions(rng), step_s=STEP_S, v2g=v2g, **BOOKED
    )
    prices = rng.uniform(-50.0, 200.0, INTERVALS)
    judge, table = battery_eur if v2g else charging_eur, agent.controlled.sessions
    expected_eur = sum(judge(table, row, prices, optimum_eur) for row in range(len(table)))
    answer_kw = steered(agent).answer(0, prices)
    cost_eur = float((answer_kw * prices).sum()) * 0.25 / 1000.0
    assert cost_eur == pytest.approx(expected_eur, abs=1e-6)


@pytest.mark.parametrize(("booked", "v2g"), [(b, v) for b in (True, False) for v in (True, False)])
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 100_000))
def test_everybody_leaves_with_what_was_required(
    drive_agent: Any, steered: Any, booked: bool, v2g: bool, seed: int
) -> None:
    """As far as rated power reaches it; unbooked, from the first interval after the arrival on."""
    rng = np.random.default_rng(seed)
    agent = drive_agent(
        "ev",
        INTERVALS + 2,
        sessions=random_sessions(rng),
        step_s=STEP_S,
        v2g=v2g,
        forecast={"bookings": booked},
    )
    run, table = steered(agent), agent.controlled.sessions
    for number in range(INTERVALS + 2):
        target_kw = rng.normal(0.0, 3.0, agent.count)
        answers = [
            run.answer(number, rng.uniform(-20, 80, agent.count), target_kw, 0.02),
            run.answer(number, rng.uniform(-20, 80, agent.count)),
        ]
        share = rng.random()
        order_kw = share * answers[0] + (1.0 - share) * answers[1]
        mean_kw = run.step(number, order_kw)
        np.testing.assert_allclose(mean_kw, order_kw[:, 0], atol=1e-7)
    for row in range(len(table)):
        begin_s, end_s = whole_steps_s(table, row)
        if end_s <= begin_s:
            continue
        left_with = run.sent[int(end_s) // STEP_S - 1]["state_of_charge"][table.charging_point[row]]
        planned_s = begin_s if booked else min(np.ceil(begin_s / 900) * 900, end_s)
        gain = CHARGE * RATED_KW * (end_s - planned_s) / 3600.0 / CAPACITY_KWH
        reachable = table.arrival_state_of_charge[row] + gain
        assert left_with >= min(table.required_state_of_charge[row], reachable) - 1e-6


@settings(max_examples=15, deadline=None)
@given(leaves=st.integers(70, 200), price=st.floats(-50, 100), v2g=st.booleans())
def test_of_vehicles_that_are_neither_there_nor_booked_nothing_is_known(
    drive_agent: Any, steered: Any, leaves: int, price: float, v2g: bool
) -> None:
    told = []
    for later in ([], [session("b", "1min", f"{leaves}min"), session("a", "65min", "3h")]):
        sessions = [session("a", "0s", "1h"), *later]
        agent = drive_agent("ev", INTERVALS, sessions=sessions, step_s=STEP_S, v2g=v2g)
        run = steered(agent)
        told.append(run.answer(0, np.linspace(price, 50.0, INTERVALS)))
        told.append(agent.setpoints(0, told[-1])["power_setpoint_kw"])
    np.testing.assert_array_equal(told[0], told[2])
    np.testing.assert_array_equal(told[1], told[3])


def test_who_comes_unannounced_waits_for_the_next_interval(drive_agent: Any, steered: Any) -> None:
    """Agents that step every 5 min leave setpoints as they are at the interval's begin."""
    sessions = [session("a", "5min", "30min"), session("b", "0s", "20min")]
    agent = drive_agent(
        "ev", INTERVALS, sessions=sessions, step_s=STEP_S, agent={"step_size": "5min"}
    )
    run = steered(agent)
    run.answer(0, 50.0)
    order = np.zeros((3, INTERVALS))
    order[:] = agent.base_kw
    set_kw = []
    for time in range(0, 1800, STEP_S):
        observed = {**run.observation, "order_power_kw": order}
        set_kw.append(agent.decide(time, observed)["power_setpoint_kw"][:2])
        run.observation = run.device.step(time, {"power_setpoint_kw": np.append(set_kw[-1], 0.0)})
    # Needs 6 kWh / 0.9 in 20 and 25 min: rated power as long as they can.
    np.testing.assert_allclose(set_kw, [[0, 4]] * 3 + [[4, 4]] * 3, atol=1e-9)


@pytest.mark.parametrize("booked", [True, False])
def test_the_schedule_is_uncoordinated_charging(drive_agent: Any, booked: bool) -> None:
    """The sum is the fleet's forecast, which another formula computes."""
    sessions = random_sessions(np.random.default_rng(5))
    agent = drive_agent(
        "ev",
        INTERVALS,
        sessions=sessions,
        step_s=STEP_S,
        forecast={"bookings": booked, "resolution": "15min"},
    )
    expected_kw = agent.controlled.forecast().power_kw
    np.testing.assert_allclose(agent.schedule_kw.sum(axis=0), expected_kw, atol=1e-9)
    if not booked:
        np.testing.assert_allclose(agent.schedule_kw, np.tile(expected_kw / 3, (3, 1)))


def test_at_the_end_of_the_run(drive_agent: Any, steered: Any) -> None:
    """By hand, at a price that makes feeding in pay: both stay 1 h longer than the run's 4 h.

    a needs 16 kWh and can get 3.6 kWh of it later: 12.4 kWh are owed. b needs 11, of which 7.4 are
    owed: it must keep the 10 that it came with.
    """
    sessions = [
        session("a", "0s", "5h", required_state_of_charge=0.8),
        session("b", "0s", "5h", required_state_of_charge=0.55),
    ]
    agent = drive_agent("ev", INTERVALS, sessions=sessions, v2g=True, count=20)
    run = steered(agent)
    falling = np.linspace(300.0, 200.0, 20)
    for number in range(INTERVALS):
        answer_kw = run.answer(number, falling)
        np.testing.assert_array_equal(answer_kw[:, INTERVALS - number :], 0.0)
        run.step(number, answer_kw)
    np.testing.assert_allclose(run.observation["stored_energy_kwh"][:2], [12.4, 10.0], atol=1e-6)


def test_the_same_answers_again(drive_agent: Any, steered: Any) -> None:
    sessions = random_sessions(np.random.default_rng(11))
    made = [drive_agent("ev", INTERVALS, sessions=sessions, v2g=True, **BOOKED) for _ in range(2)]
    target_kw = np.linspace(-1.0, 1.0, INTERVALS)
    first, second = (steered(agent).answer(0, 40.0, target_kw, 0.02) for agent in made)
    assert first.tobytes() == second.tobytes()


def test_a_repeated_negotiation_starts_from_what_was_ordered(
    drive_agent: Any, steered: Any
) -> None:
    """With a high penalty and no target nobody leaves a feasible profile."""
    sessions = [session("a", "0s", "4h"), session("c", "20min", "130min")]
    agent = drive_agent("ev", INTERVALS, sessions=sessions, v2g=True, step_s=STEP_S, **BOOKED)
    run = steered(agent)
    first_kw = run.answer(0, np.linspace(80.0, 20.0, INTERVALS), np.zeros(INTERVALS), 0.01)
    run.step(0, agent.standing_kw(0, first_kw))
    again_kw = run.answer(1, 0.0, np.zeros(INTERVALS), 10.0)
    np.testing.assert_allclose(again_kw[:, :-1], first_kw[:, 1:], atol=1e-7)

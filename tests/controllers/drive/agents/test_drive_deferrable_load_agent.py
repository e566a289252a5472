"""Agents of appliances: cheapest in time, done by the deadline, nobody known who is not booked."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridloom.simulators.ev_schedule import uncoordinated_schedule

INTERVALS = 12
STEP_S = 300
BOOKED = {"forecast": {"bookings": True}}


def job(point: str, release: str, deadline: str, energy: float, rated: float) -> dict[str, Any]:
    return {
        "connection_point": point,
        "release": release,
        "deadline": deadline,
        "energy_kwh": energy,
        "rated_power_kw": rated,
    }


def random_jobs(rng: np.random.Generator) -> list[dict[str, Any]]:
    """Two jobs for each of three appliances, at whole minutes, at least an interval apart."""
    jobs = []
    for point in "abc":
        for first, last in ((0, 80), (95, 195)):
            release, deadline = np.sort(rng.choice(np.arange(first, last), 2, replace=False))
            rated = rng.uniform(1.0, 3.0)
            energy = rated * (deadline - release) / 60.0 * rng.uniform(0.1, 1.0)
            jobs.append(job(point, f"{release}min", f"{deadline}min", energy, rated))
    return jobs


def least_cost_eur(agent: Any, prices: Any, optimum_eur: Any) -> float:
    """Judge by a linear program: 0 <= p <= rated, times the share of an interval that is there."""
    table = agent.controlled.jobs
    edges_s = np.arange(INTERVALS + 1) * 900.0
    total = 0.0
    for row in range(len(table)):
        begin_s = np.ceil(table.release_s[row] / STEP_S) * STEP_S
        end_s = np.floor(table.deadline_s[row] / STEP_S) * STEP_S
        hours = np.diff(np.clip(edges_s, begin_s, max(begin_s, end_s))) / 3600.0
        end_h = max(end_s - edges_s[-1], 0.0) / 3600.0
        rated = table.rated_power_kw[row]
        owed = min(max(table.energy_kwh[row] - rated * end_h, 0.0), rated * hours.sum())
        bounds = np.stack([np.zeros(INTERVALS), rated * hours], axis=1)
        total += optimum_eur(prices / 1000.0, np.ones((1, INTERVALS)), owed, owed, bounds)
    return total


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 100_000))
def test_its_answer_to_prices_is_the_cheapest(
    drive_agent: Any, steered: Any, optimum_eur: Any, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    agent = drive_agent(
        "deferrable_load", INTERVALS, jobs=random_jobs(rng), step_s=STEP_S, **BOOKED
    )
    prices = rng.uniform(-50.0, 200.0, INTERVALS)
    answer_kw = steered(agent).answer(0, prices)
    cost_eur = float((answer_kw * prices).sum()) * 0.25 / 1000.0
    assert cost_eur == pytest.approx(least_cost_eur(agent, prices, optimum_eur), abs=1e-9)


@pytest.mark.parametrize("booked", [True, False])
@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 100_000))
def test_jobs_are_done_whatever_is_ordered(
    drive_agent: Any, steered: Any, booked: bool, seed: int
) -> None:
    """All that can be: and if all are known, the device need never depart from the setpoint."""
    rng = np.random.default_rng(seed)
    agent = drive_agent(
        "deferrable_load",
        INTERVALS + 2,
        jobs=random_jobs(rng),
        step_s=STEP_S,
        forecast={"bookings": booked},
    )
    run, table = steered(agent), agent.controlled.jobs
    drawn_kwh = np.zeros(3)
    for number in range(INTERVALS + 2):
        target_kw = rng.normal(0.0, 2.0, agent.count)
        answers = [
            run.answer(number, rng.uniform(-20, 80, agent.count), target_kw, 0.02),
            run.answer(number, rng.uniform(-20, 80, agent.count)),
        ]
        share = rng.random()
        order_kw = share * answers[0] + (1.0 - share) * answers[1]
        mean_kw = run.step(number, order_kw)
        drawn_kwh += mean_kw * 0.25
        if booked:
            np.testing.assert_allclose(mean_kw, order_kw[:, 0], atol=1e-9)
    possible_kwh = table.energy_kwh - table.impossible_kwh(STEP_S)
    expected_kwh = np.bincount(table.appliance, possible_kwh, minlength=3)
    np.testing.assert_allclose(drawn_kwh, expected_kwh, atol=1e-8)


@pytest.mark.parametrize("booked", [True, False])
def test_the_schedule_is_running_at_once(drive_agent: Any, booked: bool) -> None:
    """The sum is the forecast's, which another formula computes."""
    jobs = random_jobs(np.random.default_rng(5))
    agent = drive_agent(
        "deferrable_load", INTERVALS, jobs=jobs, step_s=STEP_S, forecast={"bookings": booked}
    )
    expected_kw = uncoordinated_schedule(
        agent.controlled.jobs.as_sessions(),
        charge_efficiency=1.0,
        step_s=STEP_S,
        interval_s=900,
        duration_s=INTERVALS * 900,
    )
    np.testing.assert_allclose(agent.schedule_kw.sum(axis=0), expected_kw, atol=1e-9)
    if not booked:
        np.testing.assert_allclose(agent.schedule_kw, np.tile(expected_kw / 3, (3, 1)))


def test_scheduled_jobs_by_hand(drive_agent: Any) -> None:
    """b: 1.2 kWh at 2 kW from 0:20 on: 10 min of the second interval, then 26 min more."""
    jobs = [job("b", "20min", "100min", 1.2, 2.0), job("b", "110min", "5h", 1.0, 1.0)]
    agent = drive_agent("deferrable_load", INTERVALS, jobs=jobs, step_s=STEP_S, **BOOKED)
    expected = [0, 4 / 3, 2, 2 * 11 / 15, 0, 0, 0, 10 / 15, 1, 1, 1, 5 / 15]
    np.testing.assert_allclose(agent.schedule_kw[1], expected, atol=1e-12)


def test_without_a_coordinator_booked_jobs_run_as_scheduled(drive_agent: Any, steered: Any) -> None:
    agent = drive_agent(
        "deferrable_load",
        INTERVALS,
        jobs=random_jobs(np.random.default_rng(7)),
        step_s=STEP_S,
        count=0,
        **BOOKED,
    )
    run = steered(agent)
    for number in range(INTERVALS):
        inputs = agent.step(number * 900, run.observation)
        drawn = []
        for time in range(number * 900, (number + 1) * 900, STEP_S):
            run.observation = run.device.step(time, inputs)
            drawn.append(run.observation["power_kw"])
        np.testing.assert_allclose(np.mean(drawn, axis=0), agent.schedule_kw[:, number], atol=1e-9)


@settings(max_examples=10, deadline=None)
@given(energy=st.floats(0.1, 5.0), price=st.floats(-50, 100))
def test_of_jobs_that_are_neither_released_nor_booked_nothing_is_known(
    drive_agent: Any, steered: Any, energy: float, price: float
) -> None:
    told = []
    for later in ([], [job("a", "65min", "2h", energy, 2.0), job("b", "16min", "3h", energy, 2.0)]):
        jobs = [job("a", "0s", "1h", 1.0, 2.0), *later]
        agent = drive_agent("deferrable_load", INTERVALS, jobs=jobs, step_s=STEP_S)
        run = steered(agent)
        prices = np.linspace(price, 50.0, INTERVALS)
        told.append(run.answer(0, prices))
        told.append(agent.setpoints(0, told[-1])["power_setpoint_kw"])
    np.testing.assert_array_equal(told[0], told[2])
    np.testing.assert_array_equal(told[1], told[3])


def test_a_job_that_shares_an_interval_with_the_one_before_waits(
    drive_agent: Any, steered: Any
) -> None:
    """From 0:20 to 0:30 the interval is still the first job's, which ends at 0:20."""
    jobs = [job("a", "0s", "20min", 0.6, 3.0), job("a", "20min", "1h", 0.5, 3.0)]
    agent = drive_agent("deferrable_load", INTERVALS, jobs=jobs, step_s=STEP_S, **BOOKED)
    answer_kw = steered(agent).answer(0, [50, 0, 10, 20, *[0.0] * 8])
    # First the cheap 5 min at 3 kW: 0.25 kWh, the rest before; then 0.5 kWh in the third interval.
    np.testing.assert_allclose(answer_kw[0, :4], [1.4, 1.0, 2.0, 0.0], atol=1e-12)


def test_at_the_end_of_the_run_only_what_cannot_wait_is_done(
    drive_agent: Any, steered: Any
) -> None:
    """The job needs 1.5 h at 2 kW; 1 h is left when the run is over. Then nothing is drawn."""
    jobs = [job("a", "0s", "4h", 3.0, 2.0), job("b", "0s", "4h", 2.0, 2.0)]
    agent = drive_agent("deferrable_load", INTERVALS, jobs=jobs, count=8)
    run = steered(agent)
    for number in range(INTERVALS):
        answer_kw = run.answer(number, 50.0)
        assert answer_kw.shape == (3, 8)
        np.testing.assert_array_equal(answer_kw[:, INTERVALS - number :], 0.0)
        run.step(number, answer_kw)
    np.testing.assert_allclose(run.observation["energy_required_kwh"], [2.0, 2.0, 0.0], atol=1e-9)


def test_the_same_answers_again(drive_agent: Any, steered: Any) -> None:
    jobs = random_jobs(np.random.default_rng(11))
    made = [drive_agent("deferrable_load", INTERVALS, jobs=jobs, **BOOKED) for _ in range(2)]
    target_kw = np.linspace(-1.0, 1.0, INTERVALS)
    first, second = (steered(agent).answer(0, 40.0, target_kw, 0.02) for agent in made)
    assert first.tobytes() == second.tobytes()

"""Generated jobs: stated distributions, determinism, days, clock changes, and what is refused."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from gridloom.simulators.deferrable_generator import DailyJobs
from gridloom.simulators.deferrable_jobs import JobTable
from gridloom.simulators.model import BuildContext

HOUSES = tuple(f"house_{i}" for i in range(500))
DAY_S = 86400


def draw(points: tuple[str, ...] = HOUSES, *, keys: Any = None, **changes: Any) -> JobTable:
    defaults: dict[str, Any] = {
        "name": "dishwashers",
        "start": datetime(2021, 6, 21, tzinfo=UTC),
        "duration_s": 2 * DAY_S,
        "seed": 7,
    }
    config = DailyJobs.model_validate({"generator": "daily_jobs", **(keys or {})})
    return config.draw(points, BuildContext(**{**defaults, **changes}))


def rows_of(table: JobTable) -> set[tuple[float, ...]]:
    return set(zip(*(values.tolist() for values in vars(table).values()), strict=True))


def test_the_statistics_are_those_stated() -> None:
    table = draw(duration_s=20 * DAY_S)
    whole = table.take(np.flatnonzero(table.release_s >= 0))
    # 20 days of 500 appliances with probability 0.6: 6000, standard deviation 49.
    assert len(whole) == pytest.approx(6000, abs=200)
    time_of_day = whole.release_s % DAY_S
    # Mean 19:30 with a standard error of 46 s; cutting at three deviations takes 1.3 % of the std.
    assert time_of_day.mean() == pytest.approx(19.5 * 3600, abs=200)
    assert time_of_day.std() == pytest.approx(3600, rel=0.05)
    assert np.abs(time_of_day - 19.5 * 3600).max() <= 3 * 3600
    allowed_s = whole.deadline_s - whole.release_s
    assert allowed_s.min() >= 6 * 3600
    assert allowed_s.max() <= 11 * 3600
    assert allowed_s.mean() == pytest.approx(8.5 * 3600, rel=0.01)
    assert whole.energy_kwh.min() >= 0.8
    assert whole.energy_kwh.max() <= 1.3
    assert whole.energy_kwh.mean() == pytest.approx(1.05, rel=0.01)
    assert set(whole.rated_power_kw) == {2.0}


@pytest.mark.parametrize(("probability", "jobs"), [(0, 0), (1, 1000)])
def test_certain_and_impossible_jobs(probability: float, jobs: int) -> None:
    table = draw(keys={"probability": probability})
    assert np.count_nonzero(table.release_s >= 0) == jobs


@given(
    seed=st.integers(0, 2**32),
    hour=st.integers(0, 23),
    allowed_h=st.integers(2, 4),
)
@settings(max_examples=30)
def test_jobs_of_an_appliance_never_overlap(seed: int, hour: int, allowed_h: int) -> None:
    keys = {
        "release": ["18:00", "06:00"],
        "release_std": "1h",
        "time_allowed": ["1h", f"{allowed_h}h"],
        "probability": 1,
    }
    # The clocks go forward in the night of the second day.
    start = datetime(2021, 3, 27, hour, tzinfo=ZoneInfo("Europe/Berlin"))
    table = draw(HOUSES[:20], keys=keys, seed=seed, start=start, duration_s=3 * DAY_S)
    order = np.lexsort((table.release_s, table.appliance))
    same = np.diff(table.appliance[order]) == 0
    assert (table.release_s[order][1:] >= table.deadline_s[order][:-1])[same].all()
    assert (np.diff(table.release_s) >= 0).all()
    assert (table.energy_kwh > 0).all()


def test_releases_follow_the_clocks_of_the_place() -> None:
    start = datetime(2021, 3, 27, 12, tzinfo=ZoneInfo("Europe/Berlin"))
    table = draw(keys={"release_std": "1s", "probability": 1}, start=start)
    # By hand: 19:30 is 7.5 h after the start, and one hour less than a day later the day after.
    days = np.unique(np.round(table.release_s[table.release_s > 0] / 60).astype(int))
    assert days.tolist() == [450, 450 + 23 * 60]


def test_what_was_released_before_the_start_has_run_since() -> None:
    start = datetime(2021, 6, 21, 19, 45, tzinfo=UTC)
    keys = {"release_std": "1min", "probability": 1, "energy_kwh": [0.8, 0.8]}
    table = draw(keys=keys, start=start)
    before = np.flatnonzero(table.release_s < 0)
    # 0.8 kWh take 24 min at 2 kW, and release is 12 to 18 min before the start: some is left.
    assert len(before) == 500
    np.testing.assert_allclose(
        table.energy_kwh[before], 0.8 - 2 * -table.release_s[before] / 3600, atol=1e-12
    )
    later = draw(keys=keys, start=start.replace(hour=20))
    assert (later.release_s > 0).all(), "all others are done"


def test_draws_repeat_and_depend_on_seed_and_own_name_only() -> None:
    one = rows_of(draw())
    assert one == rows_of(draw())
    assert one != rows_of(draw(seed=8))
    assert one != rows_of(draw(name="boilers"))


def test_a_longer_run_begins_with_the_same_days() -> None:
    day, week = draw(duration_s=DAY_S), draw(duration_s=7 * DAY_S)
    assert rows_of(day) <= rows_of(week)


def test_a_higher_probability_keeps_the_jobs_of_a_lower() -> None:
    assert rows_of(draw(keys={"probability": 0.3})) < rows_of(draw(keys={"probability": 0.8}))


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"release": ["06:00", "18:00"]}, "releases need 18 h between them, round the clock"),
        ({"time_allowed": ["6h", "18h"]}, "releases need 25 h between them"),
        ({"energy_kwh": [10, 14]}, "the largest energy_kwh takes 7 h at rated power, more than"),
        ({"energy_kwh": [2, 1]}, "the lower bound 2 is above the upper bound 1"),
        ({"time_allowed": ["9h", "8h"]}, "the lower bound 32400 is above"),
        ({"release": []}, "at least 1 item"),
        ({"release": ["25:00"]}, "valid time format"),
        ({"probability": 1.5}, "less than or equal to 1"),
    ],
)
def test_keys_that_do_not_fit(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        draw(keys=keys)

"""Generators of charging sessions: exact counts, stated statistics, determinism, clock changes."""

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from ruamel.yaml import YAML

import gridloom.scenarios.library
from gridloom.simulators.errors import ScenarioError
from gridloom.simulators.ev_generators import HomeCharging, PeriodTable
from gridloom.simulators.ev_sessions import FleetVehicle, SessionTable
from gridloom.simulators.model import BuildContext

VEHICLE = FleetVehicle(
    required_state_of_charge=0.8,
    state_of_charge_max=1,
    energy_capacity_kwh=40,
    rated_power_kw=8,
    charge_efficiency=1,
)
HOUSES = tuple(f"house_{i}" for i in range(400))
DAY_S = 86400


def context_of(**changes: Any) -> BuildContext:
    defaults: dict[str, Any] = {
        "name": "ev",
        "start": datetime(2021, 3, 24, 16, tzinfo=timezone(timedelta(hours=1))),
        "duration_s": 3600,
        "seed": 2021,
        "connection_points": HOUSES,
        "groups": {"west": HOUSES[:3], "east": HOUSES[3:6]},
    }
    return BuildContext(**{**defaults, **changes})


def tables_are_equal(one: SessionTable, other: SessionTable) -> bool:
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in vars(one))


def never_overlaps(table: SessionTable) -> bool:
    order = np.lexsort((table.arrival_s, table.charging_point))
    same = np.diff(table.charging_point[order]) == 0
    late = table.arrival_s[order][1:] >= table.departure_s[order][:-1]
    return bool(late[same].all() and (table.departure_s > table.arrival_s).all())


def period_table(**keys: Any) -> PeriodTable:
    return PeriodTable.model_validate(
        {
            "generator": "period_table",
            "period": "15min",
            "arrivals": {"west": [2, 0], "east": [0, 1]},
            "departures": {"west": [1, 1], "east": [0, 0]},
            **keys,
        }
    )


@pytest.fixture(scope="module")
def ademis() -> dict[str, Any]:
    folder = Path(next(iter(gridloom.scenarios.library.__path__)))
    scenario: dict[str, Any] = YAML(typ="safe").load(folder / "ademis-2021.yaml")
    return scenario


class TestAdemis:
    """The shipped scenario draws what the paper's table counts."""

    # Zafar et al., ISGT Europe 2021: vehicles arriving and departing per period and zone.
    ARRIVALS: Mapping[str, list[int]] = {"A": [8, 2, 0, 2], "B": [4, 2, 0, 1], "C": [2, 3, 3, 1]}
    DEPARTURES: Mapping[str, list[int]] = {"A": [4, 3, 1, 0], "B": [3, 0, 2, 0], "C": [2, 1, 0, 1]}

    def draw(self, ademis: Mapping[str, Any], seed: int) -> tuple[SessionTable, list[str]]:
        groups = {name: tuple(members) for name, members in ademis["groups"].items()}
        points = tuple(point for members in groups.values() for point in members)
        generator = PeriodTable.model_validate(ademis["simulators"]["ev"]["sessions"])
        context = context_of(connection_points=points, groups=groups, seed=seed)
        zones = [zone for zone, members in groups.items() for _ in members]
        return generator.draw(points, VEHICLE, context), zones

    @pytest.mark.parametrize("seed", range(20))
    def test_the_paper_s_counts_are_exact(self, ademis: Mapping[str, Any], seed: int) -> None:
        table, zones = self.draw(ademis, seed)
        zone = np.array(zones)[table.charging_point]
        comes = ~((table.arrival_s == 0) & (table.arrival_state_of_charge >= 0.7))
        assert len(table) == 55
        assert (~comes).sum() == 27, "connected throughout"
        assert (table.departure_s[~comes] > 3600).all()
        for name in "ABC":
            arrives = table.arrival_s[comes & (zone == name)] // 900
            assert np.bincount(arrives.astype(int), minlength=4).tolist() == self.ARRIVALS[name]
            leaves = table.departure_s[(zone == name) & (table.departure_s < 3600)] // 900
            assert np.bincount(leaves.astype(int), minlength=4).tolist() == self.DEPARTURES[name]

    def test_each_place_has_one_vehicle(self, ademis: Mapping[str, Any]) -> None:
        table, _ = self.draw(ademis, 1)
        assert sorted(table.charging_point) == list(range(55))

    def test_zones_a_and_b_come_together_and_the_brief_leave_at_12_minutes(
        self, ademis: Mapping[str, Any]
    ) -> None:
        table, zones = self.draw(ademis, 1)
        zone = np.array(zones)[table.charging_point]
        early = (table.arrival_s < 900) & (table.arrival_state_of_charge < 0.7)
        assert (table.arrival_s[early & np.isin(zone, ["A", "B"])] < 10).all()
        brief = early & (table.departure_s < 900)
        stay = (table.departure_s - table.arrival_s)[brief]
        assert brief.sum() == 4 + 3 + 2
        assert (stay >= 720).all()
        assert (stay <= 730).all()


def test_draws_repeat_and_depend_on_seed_and_own_name_only() -> None:
    one = period_table().draw(HOUSES, VEHICLE, context_of())
    assert tables_are_equal(one, period_table().draw(HOUSES, VEHICLE, context_of()))
    assert not tables_are_equal(one, period_table().draw(HOUSES, VEHICLE, context_of(seed=1)))
    assert not tables_are_equal(one, period_table().draw(HOUSES, VEHICLE, context_of(name="e")))


def test_the_order_in_which_groups_are_written_does_not_matter() -> None:
    swapped = period_table(
        arrivals={"east": [0, 1], "west": [2, 0]}, departures={"east": [0, 0], "west": [1, 1]}
    )
    one = period_table().draw(HOUSES, VEHICLE, context_of())
    assert tables_are_equal(one, swapped.draw(HOUSES, VEHICLE, context_of()))


def test_the_table_is_ordered_by_arrival() -> None:
    table = period_table().draw(HOUSES, VEHICLE, context_of())
    assert (np.diff(table.arrival_s) >= 0).all()


def test_first_come_first_gone() -> None:
    generator = period_table(
        arrivals={"west": [1, 1, 1], "east": [0, 0, 0]},
        departures={"west": [0, 1, 1], "east": [0, 0, 0]},
    )
    points = HOUSES[:3]
    for seed in range(20):
        table = generator.draw(points, VEHICLE, context_of(seed=seed))
        arrivals = table.arrival_s // 900
        assert arrivals.tolist() == [0, 1, 2]
        assert (table.departure_s // 900).tolist()[:2] == [1, 2]


def test_a_place_in_two_groups_is_used_once() -> None:
    groups = {"west": HOUSES[:3], "east": HOUSES[:3]}
    table = period_table().draw(HOUSES[:3], VEHICLE, context_of(groups=groups))
    assert sorted(table.charging_point) == [0, 1, 2]


def test_too_few_charging_points_are_an_error_that_counts() -> None:
    generator = period_table(
        arrivals={"west": [4, 0], "east": [0, 0]}, departures={"west": [0, 0], "east": [0, 0]}
    )
    with pytest.raises(ScenarioError) as caught:
        generator.draw(HOUSES, VEHICLE, context_of())
    (problem,) = caught.value.problems
    assert problem.key == ("sessions", "arrivals", "west")
    assert problem.message == (
        "4 vehicles arrive in group 'west', which has 3 free charging points in this fleet"
    )


def test_an_unknown_group_gets_the_nearest_name() -> None:
    generator = period_table(arrivals={"wst": [0, 0]}, departures={"wst": [0, 0]})
    with pytest.raises(ScenarioError, match="did you mean 'west'"):
        generator.draw(HOUSES, VEHICLE, context_of())


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"arrivals": {"west": [1, 0]}}, "need the same groups"),
        ({"departures": {"west": [0], "east": [0, 0]}}, "same number of periods"),
        ({"arrivals": {}, "departures": {}}, "same number of periods"),
        ({"departures": {"west": [1, 2], "east": [0, 0]}}, "'west' more vehicles .* by period 2"),
        ({"arrive_at_start": ["north"]}, "group 'north' has no arrivals"),
        ({"same_period_stay": "15min"}, "same_period_stay does not fit into a period"),
        ({"arrival_state_of_charge": [0.6, 0.4]}, "lower bound 0.6 is above the upper bound 0.4"),
        ({"later_departure": ["2h", "1h"]}, "lower bound 7200 is above the upper bound 3600"),
        ({"arrivals": {"west": [-1, 3], "east": [0, 1]}}, "greater than or equal to 0"),
    ],
)
def test_contradictions_of_a_period_table_are_refused(keys: Any, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        period_table(**keys)


def test_a_long_stay_is_fine_where_nobody_comes_and_leaves_within_a_period() -> None:
    period_table(same_period_stay="1h", departures={"west": [0, 1], "east": [0, 0]})


def home_charging(**keys: Any) -> HomeCharging:
    return HomeCharging.model_validate({"generator": "home_charging", **keys})


def berlin(*moment: int) -> datetime:
    return datetime(*moment, tzinfo=ZoneInfo("Europe/Berlin"))  # type: ignore[arg-type,misc]


class TestHomeCharging:
    def test_arrival_departure_and_state_follow_the_stated_distributions(self) -> None:
        # 400 vehicles, 28 nights; standard errors of the means: 4500 / sqrt(n) = 43 s, 25 s.
        context = context_of(start=berlin(2021, 6, 1, 12), duration_s=28 * DAY_S)
        table = home_charging().draw(HOUSES, VEHICLE, context)
        whole = (table.arrival_s > 0) & (table.departure_s < 28 * DAY_S)
        arrival = (table.arrival_s[whole] + 12 * 3600) % DAY_S
        departure = (table.departure_s[whole] + 12 * 3600) % DAY_S
        state = table.arrival_state_of_charge[whole]
        assert whole.sum() == pytest.approx(400 * 27, abs=400)
        assert arrival.mean() == pytest.approx(18 * 3600, abs=200)
        assert departure.mean() == pytest.approx(7.5 * 3600, abs=120)
        # Cutting at three standard deviations takes 1.3 % off the standard deviation.
        assert arrival.std() == pytest.approx(4500, rel=0.03)
        assert departure.std() == pytest.approx(2700, rel=0.03)
        assert np.abs(arrival - 18 * 3600).max() <= 3 * 4500
        assert state.min() >= 0.3
        assert state.max() <= 0.6
        assert state.mean() == pytest.approx(0.45, abs=0.005)
        assert never_overlaps(table)

    def test_only_nights_that_the_run_touches_are_drawn(self) -> None:
        table = home_charging().draw(HOUSES, VEHICLE, context_of(duration_s=DAY_S))
        assert (table.departure_s > 0).all()
        assert (table.arrival_s < DAY_S).all()

    def test_a_longer_run_begins_with_the_same_nights(self) -> None:
        short = home_charging().draw(HOUSES, VEHICLE, context_of(duration_s=DAY_S))
        long = home_charging().draw(HOUSES, VEHICLE, context_of(duration_s=5 * DAY_S))
        rows = np.flatnonzero(long.arrival_s < DAY_S)
        assert tables_are_equal(short, long.take(rows))

    def test_before_the_start_vehicles_have_charged_already(self) -> None:
        context = context_of(start=berlin(2021, 6, 2, 0), duration_s=3600)
        table = home_charging().draw(HOUSES, VEHICLE, context)
        since_h = -table.arrival_s / 3600
        # By hand: 8 kW into 40 kWh is 0.2 an hour: from 0.6 at most, 0.8 is reached after 2.5 h.
        full = since_h >= 2.5
        assert full.sum() > 300
        np.testing.assert_allclose(table.arrival_state_of_charge[full], 0.8)
        lately = (since_h > 0) & ~full
        state = table.arrival_state_of_charge[lately]
        assert (state >= np.minimum(0.3 + 0.2 * since_h[lately], 0.8) - 1e-12).all()
        assert (table.arrival_state_of_charge <= 0.8).all()

    @pytest.mark.parametrize(
        ("start", "hours"),
        [
            (berlin(2021, 3, 27, 12), 12.5),  # clocks go forward in this night
            (berlin(2021, 10, 30, 12), 14.5),  # and back in this
            (berlin(2021, 6, 1, 12), 13.5),
        ],
    )
    def test_local_times_hold_when_the_clocks_change(self, start: datetime, hours: float) -> None:
        # From 18:00 to 7:30 it is 13.5 h by the clock.
        generator = home_charging(arrival_std="1s", departure_std="1s")
        table = generator.draw(HOUSES[:1], VEHICLE, context_of(start=start, duration_s=DAY_S))
        arrived = np.flatnonzero(table.arrival_s > 0)[0]
        stay = table.departure_s[arrived] - table.arrival_s[arrived]
        assert table.arrival_s[arrived] == pytest.approx(6 * 3600, abs=3)
        assert stay == pytest.approx(hours * 3600, abs=6)

    def test_days_after_the_change_follow_the_new_clock(self) -> None:
        generator = home_charging(arrival_std="1s", departure_std="1s")
        context = context_of(start=berlin(2021, 3, 27, 12), duration_s=3 * DAY_S)
        table = generator.draw(HOUSES[:1], VEHICLE, context)
        arrivals = table.arrival_s[table.arrival_s > 0]
        # 18:00 on 27 March is 6 h after the start, on the 28th 29 h, because one hour is skipped.
        np.testing.assert_allclose(arrivals, [6 * 3600, 29 * 3600, 53 * 3600], atol=3)

    def test_a_departure_later_than_the_arrival_is_on_the_same_day(self) -> None:
        generator = home_charging(
            arrival="08:00", departure="17:00", arrival_std="10min", departure_std="10min"
        )
        context = context_of(start=berlin(2021, 6, 1, 0), duration_s=2 * DAY_S)
        table = generator.draw(HOUSES, VEHICLE, context)
        stay = table.departure_s - table.arrival_s
        assert stay.mean() == pytest.approx(9 * 3600, abs=60)

    @settings(max_examples=60, deadline=None)
    @given(
        arrival=st.times(),
        departure=st.times(),
        spread=st.tuples(st.integers(1, 5000), st.integers(1, 5000)),
        day=st.sampled_from([(2021, 3, 26), (2021, 10, 29), (2021, 7, 1)]),
        seed=st.integers(0, 10),
    )
    def test_no_legal_configuration_overlaps(
        self,
        arrival: Any,
        departure: Any,
        spread: tuple[int, int],
        day: tuple[int, int, int],
        seed: int,
    ) -> None:
        try:
            generator = home_charging(
                arrival=arrival.isoformat(),
                departure=departure.isoformat(),
                arrival_std=f"{spread[0]}s",
                departure_std=f"{spread[1]}s",
            )
        except ValidationError as error:
            assert "h between them" in str(error)  # noqa: PT017 -- the alternative is to work
            return
        context = context_of(start=berlin(*day, 12), duration_s=4 * DAY_S, seed=seed)
        assert never_overlaps(generator.draw(HOUSES[:50], VEHICLE, context))

    @pytest.mark.parametrize("value", [18, 18.5, 1080])
    def test_a_bare_number_is_no_time_of_day(self, value: float) -> None:
        with pytest.raises(ValidationError, match="time of day such as '18:30'"):
            home_charging(arrival=value)

    def test_a_time_of_day_takes_no_zone(self) -> None:
        with pytest.raises(ValidationError, match="no time zone"):
            home_charging(arrival="18:00+01:00")

    def test_too_wide_a_spread_is_refused_with_what_it_needs(self) -> None:
        # By hand: 3 x (3 h + 0.75 h) + 1 h = 12.25 h, from 7:30 to 18:00 it is 10.5 h.
        with pytest.raises(ValidationError, match=r"need 12\.25 h between them"):
            home_charging(arrival_std="3h")

"""A year by the clocks of its place: summer time begins and ends, and 2024 has a leap day."""

from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from gridloom.simulators.ev_generators import HomeCharging
from gridloom.simulators.ev_sessions import FleetVehicle
from gridloom.simulators.model import BuildContext
from gridloom.simulators.profiles.household import HouseholdProfile, Households
from gridloom.simulators.profiles.sun import ClearSky, Site
from gridloom.simulators.tariff import Tariff, TariffConfig

BERLIN = ZoneInfo("Europe/Berlin")
DAY_S = 86400
START = datetime(2024, 1, 1, tzinfo=BERLIN)
CHANGES = [datetime(2024, 3, 31, tzinfo=BERLIN), datetime(2024, 10, 27, tzinfo=BERLIN)]
YEAR_S = 366 * DAY_S


def context_of(**changes: Any) -> BuildContext:
    given = {"name": "m", "start": START, "duration_s": YEAR_S, "seed": 3}
    return BuildContext(**{**given, **changes})


def elapsed_s(moment: datetime) -> int:
    return int((moment.astimezone(UTC) - START.astimezone(UTC)) / timedelta(seconds=1))


def local_of(seconds: float) -> datetime:
    return (START.astimezone(UTC) + timedelta(seconds=float(seconds))).astimezone(BERLIN)


@pytest.mark.parametrize("change", CHANGES, ids=["summer time begins", "summer time ends"])
def test_households_keep_their_hours_when_the_clocks_change(change: datetime) -> None:
    """Demand is lowest at about 4:30 by the clock: an hour off moves the whole day by one hour.

    Means over ten days of 200 houses before the change and after it, hour by local hour, are
    compared as they are and moved by an hour: as they are they agree best.
    """
    profile = HouseholdProfile(generator="household")
    series = Households(profile, context_of(), 200)
    before, after = (
        np.mean([_by_hour(series, change + timedelta(days=first + k)) for k in range(10)], axis=0)
        for first in (-10, 1)
    )
    away = {shift: float(np.abs(np.roll(after, shift) - before).mean()) for shift in (-1, 0, 1)}
    assert away[0] < 0.5 * min(away[-1], away[1])


def _by_hour(series: Households, midnight: datetime) -> Any:
    """Return the mean of each local hour of a day of 24 h: (hour,), kW a house."""
    start = elapsed_s(midnight)
    return series.means(start, start + DAY_S, 3600).mean(axis=1)


def test_a_year_of_households_has_a_leap_day_and_repeats_no_day() -> None:
    series = Households(HouseholdProfile(generator="household"), context_of(), 5)
    noon = {day: elapsed_s(datetime(2024, *day, 12, tzinfo=BERLIN)) for day in [(2, 28), (2, 29)]}
    assert noon[2, 29] - noon[2, 28] == DAY_S
    values = [series.means(at, at + 3600, 60) for at in noon.values()]
    assert not np.array_equal(values[0], values[1])


def test_vehicles_come_and_go_by_the_clock_all_year() -> None:
    sessions = HomeCharging(generator="home_charging", arrival=time(18), departure=time(7, 30))
    vehicle = FleetVehicle(
        required_state_of_charge=0.8,
        state_of_charge_max=1,
        energy_capacity_kwh=40,
        rated_power_kw=8,
        charge_efficiency=1,
    )
    table = sessions.draw([f"p{i}" for i in range(60)], vehicle, context_of())

    for moments_s, hour in ((table.arrival_s, 18.0), (table.departure_s, 7.5)):
        local = [local_of(moment) for moment in moments_s]
        hours = np.array([at.hour + at.minute / 60 + at.second / 3600 for at in local])
        is_summer = np.array([at.dst() != timedelta() for at in local])
        # 60 vehicles, 200 days, 75 min: a standard error of less than a minute
        assert hours[is_summer].mean() == pytest.approx(hour, abs=0.06)
        assert hours[~is_summer].mean() == pytest.approx(hour, abs=0.06)


def test_a_tariff_changes_its_price_by_the_clock_all_year() -> None:
    given = {"at": ["H1"], "import_price_eur_per_mwh": {"06:00": 300, "22:00": 200}}
    config = TariffConfig.model_validate({"type": "tariff", **given})
    price = Tariff(config, context_of()).import_price_eur_per_mwh

    local = [local_of(900 * period) for period in range(len(price))]
    expected = [300.0 if 6 <= at.hour < 22 else 200.0 for at in local]
    np.testing.assert_allclose(price, expected)
    # By day 16 h; at night 8 h, less the hour of March and more that of October
    assert np.count_nonzero(price == 300) == 366 * 16 * 4
    assert np.count_nonzero(price == 200) == 366 * 8 * 4


def test_the_sun_does_not_know_of_summer_time() -> None:
    """Noon by the sun moves by an hour on the clock, and by seconds a day in truth."""
    sky = ClearSky(Site(latitude_deg=52.5, longitude_deg=13.4), START)
    highest_s = []
    for day in (CHANGES[0] - timedelta(days=1), CHANGES[0] + timedelta(days=1)):
        begin = elapsed_s(day)
        highest_s.append(begin + 60 * int(sky.means(begin, begin + DAY_S, 60)[:, 0].argmax()))
    assert highest_s[1] - highest_s[0] == pytest.approx(2 * DAY_S, abs=120)
    clocks = [local_of(at) for at in highest_s]
    assert clocks[1].hour - clocks[0].hour == 1

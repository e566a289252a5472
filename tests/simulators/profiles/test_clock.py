"""Wall-clock time, also when summer time begins and ends."""

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from typing_extensions import override

from gridloom.simulators.model import FloatArray
from gridloom.simulators.profiles.clock import DailySeries, LocalClock, date_of, is_weekend

BERLIN = ZoneInfo("Europe/Berlin")


class HourOfDay(DailySeries):
    """Each local hour's number, and the day's in the second column."""

    @override
    def day(self, day: int) -> FloatArray:
        return np.column_stack([np.arange(24.0), np.full(24, float(day))])


def hours(start: datetime) -> HourOfDay:
    return HourOfDay(LocalClock(start), 3600, "test")


@pytest.mark.parametrize(
    "start",
    [
        datetime(2021, 3, 27, 22, tzinfo=BERLIN),
        datetime(2021, 10, 30, 22, tzinfo=BERLIN),
        datetime(2021, 6, 21, 16, 0, 30, tzinfo=timezone(timedelta(hours=5, minutes=45))),
        datetime(2021, 4, 3, 20, tzinfo=ZoneInfo("Australia/Lord_Howe")),
    ],
    ids=["summer time begins", "summer time ends", "Nepal", "half an hour of summer time"],
)
def test_agrees_with_the_standard_library(start: datetime) -> None:
    times = np.arange(0, 86400, 450)
    days, seconds = LocalClock(start).wall(times)
    for time, day, second in zip(times, days, seconds, strict=True):
        # datetime adds on the wall clock: real time passes in UTC.
        utc = start.astimezone(UTC) + timedelta(seconds=int(time))
        local = utc.astimezone(start.tzinfo)
        assert date_of(int(day)) == local.date().isoformat()
        assert second == local.hour * 3600 + local.minute * 60 + local.second


def test_the_hour_skipped_in_spring_is_skipped() -> None:
    series = hours(datetime(2021, 3, 28, 0, tzinfo=BERLIN))
    assert series.means(0, 5 * 3600, 3600)[:, 0].tolist() == [0, 1, 3, 4, 5]


def test_the_hour_repeated_in_autumn_is_repeated() -> None:
    series = hours(datetime(2021, 10, 31, 0, tzinfo=BERLIN))
    assert series.means(0, 5 * 3600, 3600)[:, 0].tolist() == [0, 1, 2, 2, 3]


def test_a_block_may_cross_midnight() -> None:
    series = hours(datetime(2021, 6, 21, 22, tzinfo=BERLIN))
    block = series.means(0, 4 * 3600, 3600)
    assert block[:, 0].tolist() == [22, 23, 0, 1]
    assert np.diff(block[:, 1]).tolist() == [0, 1, 0]


def test_a_year_keeps_two_days_in_memory() -> None:
    series = hours(datetime(2021, 1, 1, tzinfo=UTC))
    means = series.means(0, 365 * 86400, 86400)
    assert means[:, 1].tolist() == list(range(18628, 18993))
    assert len(series._days) <= 2


def test_a_start_within_an_interval() -> None:
    series = hours(datetime(2021, 6, 21, 10, 30, tzinfo=UTC))
    # By hand: half of the window lies in hour 10, half in hour 11.
    assert series.means(0, 3600, 3600)[0, 0] == 10.5
    assert series.value_at(1799)[0] == 10
    assert series.value_at(1800)[0] == 11


def test_dates_and_weekends() -> None:
    days = range(18795, 18802)
    assert [date_of(day) for day in (18795, 18801)] == ["2021-06-17", "2021-06-23"]
    # 17 June 2021 was a Thursday.
    assert [is_weekend(day) for day in days] == [False, False, True, True, False, False, False]

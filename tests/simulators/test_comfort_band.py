"""Comfort limits by time of day, across midnight and where clocks change."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from pydantic import ValidationError

from gridloom.simulators.comfort_band import ComfortBand, SetBack
from gridloom.simulators.profiles.clock import LocalClock

HOUR_S = 3600


def lower_c(start: str, hours: list[float], *set_backs: dict[str, Any]) -> list[float]:
    clock = LocalClock(datetime.fromisoformat(start).replace(tzinfo=ZoneInfo("Europe/Berlin")))
    read = [SetBack.model_validate(each) for each in set_backs]
    times_s = np.array(hours) * HOUR_S
    low, high = ComfortBand((20, 22), read, clock).at(times_s.astype(np.int64))
    assert (low < high).all()
    listed: list[float] = low.tolist()
    return listed


def night(begin: str = "22:00", end: str = "06:00", low: float = 17) -> dict[str, Any]:
    return {"begin": begin, "end": end, "temperature_limits_c": [low, 21]}


def test_a_night_from_its_beginning_until_before_its_end() -> None:
    hours = [0, 5.75, 6, 12, 21.75, 22, 29.75, 30]
    assert lower_c("2021-01-10T00:00", hours, night()) == [17, 17, 20, 20, 20, 17, 17, 20]


def test_an_absence_within_the_day_and_the_last_one_counts() -> None:
    away = night("09:00", "17:00", 15)
    assert lower_c("2021-01-10T08:00", [0, 1, 8.9, 9], away) == [20, 15, 15, 20]
    assert lower_c("2021-01-10T08:00", [1, 2], away, night("10:00", "11:00", 19)) == [15, 19]


def test_by_the_wall_clock() -> None:
    # On 28 March 2021 clocks went from 2:00 to 3:00: 6:00 is five hours after midnight.
    assert lower_c("2021-03-28T00:00", [4.75, 5], night()) == [17, 20]


@pytest.mark.parametrize(
    ("set_back", "message"),
    [
        (night("22:00", "22:00"), "the same time of day"),
        (night(low=21), "21 is not below 21"),
        ({**night(), "begin": 22}, "a time of day such as"),
    ],
)
def test_what_is_no_set_back(set_back: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        SetBack.model_validate(set_back)

"""Instants at places whose clocks change."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridloom.scenarios.instants import ZoneError, read_instant, write_instant
from gridloom.scenarios.results.wording import LocalTime

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    "text", ["2024-01-01T00:00:00+01:00[Europe/Berlin]", "2024-07-01T12:00:00+02:00"]
)
def test_what_is_read_is_written_the_same(text: str) -> None:
    assert write_instant(read_instant(text)) == text


@given(
    st.datetimes(datetime.fromisoformat("1990-01-01"), datetime.fromisoformat("2037-01-01")),
    st.sampled_from(["Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "UTC"]),
)
def test_whatever_can_be_read_is_the_same_once_written(local: datetime, zone: str) -> None:
    """Also in the hour that comes twice; only what the clocks skip cannot be read."""
    try:
        instant = read_instant(f"{local.isoformat()}[{zone}]")
    except ZoneError:
        after = local + timedelta(hours=2)  # no clock skips more
        assert (
            after.replace(tzinfo=ZoneInfo(zone)).utcoffset()
            != (local - timedelta(hours=2)).replace(tzinfo=ZoneInfo(zone)).utcoffset()
        )
    else:
        assert instant.replace(tzinfo=None) == local
        again = read_instant(write_instant(instant))
        assert (again, again.utcoffset()) == (instant, instant.utcoffset())


def test_an_offset_follows_from_its_zone() -> None:
    instant = read_instant("2024-07-01T00:00:00[Europe/Berlin]")
    assert instant.tzinfo == BERLIN
    assert instant.utcoffset() == timedelta(hours=2)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("2024-07-01T00:00:00+01:00[Europe/Berlin]", r"Europe/Berlin is at \+02:00 from UTC"),
        ("2024-07-01T00:00:00+02:00[Europe/Berlim]", "no time zone 'Europe/Berlim'"),
        ("2024-03-31T02:30:00[Europe/Berlin]", "the clocks of Europe/Berlin skip this time"),
    ],
)
def test_a_zone_that_cannot_be_is_refused(text: str, message: str) -> None:
    with pytest.raises(ZoneError, match=message):
        read_instant(text)


def test_local_time_agrees_with_the_standard_library_all_year() -> None:
    clock = LocalTime(datetime(2024, 1, 1, tzinfo=BERLIN))
    epoch_s = int(clock.start.timestamp()) + np.arange(0, 366 * 86400, 1800)
    local = clock.local(epoch_s.astype("datetime64[s]"))
    for at, shown in zip(epoch_s.tolist(), local.tolist(), strict=True):
        assert shown == datetime.fromtimestamp(at, UTC).astimezone(BERLIN).replace(tzinfo=None)
    assert clock.zone == "Europe/Berlin"
    assert clock.clock(np.datetime64("2024-07-01T10:00:00")) == "2024-07-01 12:00:00"

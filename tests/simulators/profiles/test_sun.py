"""Position of the sun and irradiance under a clear sky."""

from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridloom.simulators.profiles.sun import (
    ClearSky,
    Site,
    clear_sky_irradiance,
    cos_zenith,
    is_night,
)

BERLIN = Site(latitude_deg=52.5, longitude_deg=13.4)


def elevation_deg(moment: datetime, site: Site) -> float:
    cosine = cos_zenith(np.array([int(moment.timestamp())]), site)
    return float(np.degrees(np.arcsin(cosine[0])))


def test_published_example() -> None:
    # Reda and Andreas, "Solar position algorithm for solar radiation applications",
    # NREL/TP-560-34302, Table A5.1: elevation without refraction 39.872046 degrees.
    moment = datetime(2003, 10, 17, 12, 30, 30, tzinfo=timezone(timedelta(hours=-7)))
    site = Site(latitude_deg=39.742476, longitude_deg=-105.1786)
    assert elevation_deg(moment, site) == pytest.approx(39.872046, abs=0.01)


@pytest.mark.parametrize(
    ("moment", "declination_deg"),
    [
        # Solstices and equinoxes of 2021 (US Naval Observatory); obliquity 23.436 degrees.
        (datetime(2021, 6, 21, 3, 32, tzinfo=UTC), 23.436),
        (datetime(2021, 12, 21, 15, 59, tzinfo=UTC), -23.436),
        (datetime(2021, 3, 20, 9, 37, tzinfo=UTC), 0.0),
        (datetime(2021, 9, 22, 19, 21, tzinfo=UTC), 0.0),
    ],
)
def test_declination_at_the_turns_of_the_year(moment: datetime, declination_deg: float) -> None:
    # At the pole the sun's elevation is its declination.
    pole = Site(latitude_deg=90, longitude_deg=0)
    assert elevation_deg(moment, pole) == pytest.approx(declination_deg, abs=0.01)


@pytest.mark.parametrize(
    "site", [BERLIN, Site(latitude_deg=-33.9, longitude_deg=151.2)], ids=["Berlin", "Sydney"]
)
def test_agrees_with_pvlib(site: Site) -> None:
    pvlib = pytest.importorskip("pvlib")
    pandas = pytest.importorskip("pandas")
    epoch = np.arange(1_577_836_800, 1_735_689_600, 40_000)  # 2020 to 2024, day and night
    times = pandas.to_datetime(epoch, unit="s", utc=True)
    theirs = pvlib.solarposition.get_solarposition(times, site.latitude_deg, site.longitude_deg)
    ours = np.degrees(np.arcsin(cos_zenith(epoch, site)))
    assert np.abs(ours - theirs["elevation"].to_numpy()).max() < 0.02


def test_clear_sky_of_haurwitz() -> None:
    # By hand: 1098 cos(z) exp(-0.059 / cos(z)) at 60 degrees is 549 exp(-0.118).
    expected = [549 * np.exp(-0.118), 0.0, 0.0]
    np.testing.assert_allclose(clear_sky_irradiance(np.array([0.5, 0.0, -0.2])), expected)


def test_clear_sky_agrees_with_pvlib() -> None:
    pvlib = pytest.importorskip("pvlib")
    pandas = pytest.importorskip("pandas")
    zenith = np.linspace(0, 120, 50)
    theirs = pvlib.clearsky.haurwitz(pandas.Series(zenith))["ghi"].to_numpy()
    ours = clear_sky_irradiance(np.cos(np.radians(zenith)))
    np.testing.assert_allclose(ours, theirs, atol=1e-9)


def test_series_follows_the_scenarios_start() -> None:
    # The same moments, told by two clocks.
    west = ClearSky(BERLIN, datetime(2021, 6, 21, 10, tzinfo=UTC))
    east = ClearSky(BERLIN, datetime(2021, 6, 21, 14, tzinfo=timezone(timedelta(hours=2))), 0.5)
    np.testing.assert_allclose(west.means(7200, 10800, 60) / 2, east.means(0, 3600, 60))
    # Noon is highest: solar noon in Berlin on that day is 11:08 UTC.
    minutes = west.means(0, 7200, 60)[:, 0]
    assert 66 <= minutes.argmax() <= 70


def test_the_sun_is_down_at_night() -> None:
    night = ClearSky(BERLIN, datetime(2021, 6, 21, 22, tzinfo=UTC))
    assert not night.means(0, 3 * 3600, 60).any()


@given(
    latitude_deg=st.floats(-90, 90),
    longitude_deg=st.floats(-180, 180),
    first_s=st.integers(1_600_000_000, 1_632_000_000),
    length_s=st.integers(0, 20_000),
)
def test_what_is_called_night_has_no_sun_at_any_second(
    latitude_deg: float, longitude_deg: float, first_s: int, length_s: int
) -> None:
    site = Site(latitude_deg=latitude_deg, longitude_deg=longitude_deg)
    highest = cos_zenith(np.arange(first_s, first_s + length_s + 1), site).max()

    night = is_night(first_s, first_s + length_s, site)

    assert not night or highest < 0
    assert night or highest > -0.05  # 3 degrees below the horizon: it is called so nearly always

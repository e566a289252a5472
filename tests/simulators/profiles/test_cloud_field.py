"""The drifting field of clouds: law in time and space, random access."""

from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np
import pytest

from gridloom.simulators.model import BuildContext, FloatArray
from gridloom.simulators.profiles.clear_sky_index import decay_per_m, mixture
from gridloom.simulators.profiles.cloud_field import CloudField

Context = Callable[..., BuildContext]
DAY_S = 86400


def field(
    context: BuildContext,
    positions_m: list[tuple[float, float]],
    resolution_s: int = 60,
    speed: float = 2.0,
    mean: float = 0.9,
) -> CloudField:
    return CloudField(
        context,
        np.array(positions_m, dtype=np.float64),
        mean_index=mean,
        cloud_speed_m_per_s=speed,
        resolution_s=resolution_s,
        longitude_deg=0.0,
    )


@pytest.fixture(scope="module")
def chain() -> FloatArray:
    """Normal numbers of two lines 300 m apart on 300 days: (day, minute, line)."""
    context = BuildContext(name="pv", start=datetime.now(UTC), duration_s=DAY_S, seed=7)
    clouds = field(context, [(0, 0), (0, 300)])
    hours = np.stack([clouds._bridge(hour) for hour in range(300 * 24)])
    return hours.reshape(300, 24 * 60, 2)


def test_normal_numbers_have_unit_variance_within_and_between_hours(chain: FloatArray) -> None:
    by_minute = (chain**2).reshape(-1, 60, 2).mean(axis=(0, 2))
    # 14 400 draws a minute: standard error 0.012.
    np.testing.assert_allclose(by_minute, 1.0, atol=0.04)


@pytest.mark.parametrize(("minute", "lag"), [(0, 1), (30, 10), (50, 20), (59, 1), (0, 60)])
def test_correlation_in_time_also_across_hours(chain: FloatArray, minute: int, lag: int) -> None:
    until = 23 * 60
    earlier, later = chain[:, minute:until:60], chain[:, minute + lag : until + lag : 60]
    pairs = min(earlier.shape[1], later.shape[1])
    # exp(-k v t): k = 0.0043 0.9 0.1 /m at 2 m/s, lag in minutes.
    expected = np.exp(-decay_per_m(0.9) * 2 * 60 * lag)
    measured = (earlier[:, :pairs] * later[:, :pairs]).mean()
    assert measured == pytest.approx(expected, abs=0.04)


def test_correlation_across_the_drift(chain: FloatArray) -> None:
    expected = np.exp(-decay_per_m(0.9) * 300)
    assert (chain[..., 0] * chain[..., 1]).mean() == pytest.approx(expected, abs=0.03)


def test_what_one_site_sees_the_next_sees_later(make_context: Context) -> None:
    # 600 m along the drift at 10 m/s: a minute later, exactly.
    clouds = field(make_context(), [(0, 0), (600, 0)], resolution_s=1, speed=10.0, mean=0.6)
    index = clouds.values(np.arange(7000, 11000))
    np.testing.assert_array_equal(index[60:, 1], index[:-60, 0])
    assert (index[:, 1] != index[:, 0]).mean() > 0.99


def test_the_mean_and_spread_over_many_days(make_context: Context) -> None:
    clouds = field(make_context(), [(0, 0)], speed=10.0, mean=0.6)
    index = clouds.values(np.arange(0, 60 * DAY_S, 60))
    # 60 days of 1440 minutes with a memory of 1.6 minutes: standard error below 0.002.
    assert index.mean() == pytest.approx(0.6, abs=0.01)
    assert index.std() == pytest.approx(mixture(0.6).std, abs=0.01)


def test_an_hour_is_the_same_whatever_start_and_order(make_context: Context) -> None:
    sites = [(0.0, 0.0), (50.0, 40.0), (90.0, 80.0)]
    day = field(make_context("2021-06-21T00:00:00+00:00"), sites, speed=10.0)
    whole = day.means(0, DAY_S, 60)
    late = field(make_context("2021-06-21T16:20:00+00:00", duration_s=3600), sites, speed=10.0)
    np.testing.assert_array_equal(late.means(0, 3600, 60), whole[980:1040])
    # Backwards, and told by another clock.
    other = field(make_context("2021-06-21T02:00:00+02:00"), sites, speed=10.0)
    for first in (50_400, 3600, 0):
        block = other.means(first, first + 3600, 60)
        np.testing.assert_array_equal(block, whole[first // 60 : first // 60 + 60])


def test_sites_at_the_same_place_see_the_same(make_context: Context) -> None:
    index = field(make_context(), [(5, 7), (5, 7)]).values(np.arange(0, 3600, 60))
    np.testing.assert_array_equal(index[:, 0], index[:, 1])


def test_seed_and_name_matter(make_context: Context) -> None:
    times = np.arange(0, 3600, 60)
    index = field(make_context(), [(0, 0)]).values(times)
    assert (field(make_context(), [(0, 0)]).values(times) == index).all()
    assert (field(make_context(seed=8), [(0, 0)]).values(times) != index).any()
    assert (field(make_context(name="other"), [(0, 0)]).values(times) != index).any()


def test_the_longest_decay_in_an_hour_is_finite(make_context: Context) -> None:
    index = field(make_context(), [(0, 0), (0, 1)], speed=100.0, mean=0.5)
    assert np.isfinite(index.values(np.arange(0, 7200, 60))).all()

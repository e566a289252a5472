"""Means over seeds, their intervals, and differences of pairs."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from gridloom.scenarios.campaigns.results.pareto import non_dominated
from gridloom.scenarios.campaigns.results.statistics import means_over_seeds, paired_differences
from gridloom.scenarios.campaigns.results.writing import with_interval
from gridloom.simulators.model import FloatArray

NAN = float("nan")


def in_one_cell(values: list[float], seeds: list[int] | None = None) -> tuple[float, float, int]:
    codes = np.array(seeds or range(len(values)))
    means = means_over_seeds(np.array(values), np.zeros(len(values), dtype=int), codes, 1)
    return float(means.mean[0]), float(means.half_width[0]), int(means.count[0])


def test_interval_of_three_seeds() -> None:
    """Of 1, 2, 3: s = 1, t(0.975, 2) = 4.3027 (published tables), 4.3027 / sqrt(3) = 2.4841."""
    mean, half_width, count = in_one_cell([1.0, 2.0, 3.0])
    assert (mean, count) == (2.0, 3)
    assert half_width == pytest.approx(2.4841, abs=5e-5)


def test_no_interval_from_a_single_seed() -> None:
    mean, half_width, count = in_one_cell([5.0])
    assert (mean, count) == (5.0, 1)
    assert np.isnan(half_width)


def test_unknown_values_do_not_count() -> None:
    assert in_one_cell([1.0, NAN, 3.0])[::2] == (2.0, 2)
    assert in_one_cell([NAN, NAN])[2] == 0
    assert np.isnan(in_one_cell([NAN, NAN])[0])


@given(values=arrays(float, st.integers(2, 40), elements=st.floats(-1e3, 1e3)))
def test_interval_is_that_of_scipy(values: FloatArray) -> None:
    stats = pytest.importorskip("scipy.stats")
    mean, half_width, _ = in_one_cell(values.tolist())
    low, high = stats.t.interval(
        0.95, len(values) - 1, loc=values.mean(), scale=max(stats.sem(values), 1e-300)
    )
    assert mean == pytest.approx(values.mean(), abs=1e-9)
    assert 2 * half_width == pytest.approx(high - low, rel=1e-7, abs=1e-9)


def test_interval_agrees_with_a_bootstrap() -> None:
    """Percentiles of resampled means of 60 normal values; they leave out t's 2 %."""
    values = np.random.default_rng(5).normal(10.0, 2.0, 60)
    drawn = np.random.default_rng(6).choice(values, (4000, 60)).mean(axis=1)
    low, high = np.quantile(drawn, [0.025, 0.975])
    mean, half_width, _ = in_one_cell(values.tolist())
    assert mean - half_width == pytest.approx(low, abs=0.1)
    assert mean + half_width == pytest.approx(high, abs=0.1)


def test_runs_of_a_seed_are_one_observation() -> None:
    """Two cases with seeds 0 and 1: the seeds' means are 2 and 6, not four observations."""
    mean, half_width, count = in_one_cell([1.0, 5.0, 3.0, 7.0], seeds=[0, 1, 0, 1])
    assert (mean, count) == (4.0, 2)
    assert half_width == pytest.approx(12.7062 * np.sqrt(8.0) / np.sqrt(2), rel=1e-5)


def test_a_seed_with_a_missing_case_does_not_count() -> None:
    """Else the mean over seed 1 would be that of the dear case alone."""
    mean, _, count = in_one_cell([1.0, NAN, 3.0, 700.0], seeds=[0, 1, 0, 1])
    assert (mean, count) == (2.0, 1)


def test_differences_of_pairs_are_free_of_what_seeds_do() -> None:
    """Scheme 1 costs 2 less than scheme 0 with every seed, whatever the seed costs."""
    of_seed = np.array([100.0, -50.0, 7.0])
    values = np.concatenate([of_seed, of_seed - 2.0])
    means = paired_differences(
        values, np.repeat([0, 1], 3), np.zeros(6, dtype=int), np.tile([0, 1, 2], 2), 2
    )
    np.testing.assert_allclose(means.mean, [0.0, -2.0], atol=1e-12)
    np.testing.assert_allclose(means.half_width, [0.0, 0.0], atol=1e-12)
    assert means.count.tolist() == [3, 3]


@given(values=arrays(float, (2, 6), elements=st.integers(-100, 100).map(float)))
def test_differences_are_those_of_scipys_paired_test(values: FloatArray) -> None:
    stats = pytest.importorskip("scipy.stats")
    difference = values[1] - values[0]
    assume(np.ptp(difference) > 0)  # scipy warns of equal ones
    means = paired_differences(
        values.ravel(), np.repeat([0, 1], 6), np.zeros(12, dtype=int), np.tile(np.arange(6), 2), 2
    )
    interval = stats.ttest_rel(values[1], values[0]).confidence_interval(0.95)
    assert means.mean[1] - means.half_width[1] == pytest.approx(interval.low, abs=1e-7)
    assert means.mean[1] + means.half_width[1] == pytest.approx(interval.high, abs=1e-7)


def test_pairs_of_which_one_is_missing_do_not_count() -> None:
    values = np.array([1.0, NAN, 3.0, 2.0, 9.0, 4.0])
    means = paired_differences(
        values, np.repeat([0, 1], 3), np.zeros(6, dtype=int), np.tile([0, 1, 2], 2), 2
    )
    assert (means.mean[1], means.count[1]) == (1.0, 2)


def test_pairs_are_of_the_same_case() -> None:
    """Seed 0 of two cases: scheme 1 costs 1 more in case 0 and 3 more in case 1."""
    means = paired_differences(
        np.array([10.0, 1000.0, 11.0, 1003.0]),
        np.array([0, 0, 1, 1]),
        np.array([0, 1, 0, 1]),
        np.zeros(4, dtype=int),
        2,
    )
    assert (means.mean[1], means.count[1]) == (2.0, 1)


# Few values, so that ties are frequent.
_FEW = st.sampled_from([0.0, 1.0, 2.0, 3.0, NAN, float("inf")])


@given(points=st.lists(st.tuples(_FEW | st.floats(0, 3), _FEW | st.floats(0, 3)), max_size=25))
def test_the_front_is_what_brute_force_finds(points: list[tuple[float, float]]) -> None:
    def dominates(one: tuple[float, float], other: tuple[float, float]) -> bool:
        return one[0] <= other[0] and one[1] <= other[1] and one != other

    known = [point for point in points if not np.isnan(point).any()]
    expected = [
        not np.isnan(point).any() and not any(dominates(other, point) for other in known)
        for point in points
    ]
    x, y = np.array(points, dtype=float).reshape(-1, 2).T
    assert non_dominated(x, y).tolist() == expected


@pytest.mark.parametrize(
    ("mean", "half_width", "text"),
    [
        (12.3456, 0.123, "12.35 ± 0.12"),
        (12345.6, 789.0, "12346 ± 789"),
        (-0.001234, 0.0000456, "\N{MINUS SIGN}0.001234 ± 0.000046"),
        (12.0, NAN, "12"),
        (0.25, 0.0, "0.25 ± 0"),
        (NAN, NAN, "\N{EN DASH}"),
        (6.8e-5, 3e-7, "(6.800 ± 0.030)·10⁻⁵"),
        (-1.2e-7, 3e-8, "(\N{MINUS SIGN}1.20 ± 0.30)·10⁻⁷"),
        (6.8e-5, 4e-10, "(6.800000 ± 0.000040)·10⁻⁵"),
        (6.8e-5, NAN, "6.8·10⁻⁵"),
        (1e-6, 2e-4, "0.00000 ± 0.00020"),
        (12.34, 1e-7, "12.34000000 ± 0.00000010"),
    ],
)
def test_intervals_as_written(mean: float, half_width: float, text: str) -> None:
    """Two digits of the interval, and the mean to the same place (GUM, 7.2.6)."""
    assert with_interval(mean, half_width) == text


def test_what_is_nothing_beside_the_values_of_an_indicator_is_0() -> None:
    """Differences of values about 1000 that cancel but for 2e-13 of them."""
    assert with_interval(2e-10, 5e-10, largest=1000.0) == "0 ± 0"
    assert with_interval(2e-10, 5e-10, largest=1e-9) == "(2.0 ± 5.0)·10⁻¹⁰"

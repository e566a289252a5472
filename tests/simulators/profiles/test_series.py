"""Hold semantics and exact averages of series."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridloom.simulators.profiles.series import ConstantSeries, ElapsedSeries, SharedSeries


def rows_of(values: np.ndarray, first_s: int = 0, interval_s: int = 60) -> ElapsedSeries:
    return ElapsedSeries(
        lambda start, stop: values[start:stop],
        first_s=first_s,
        interval_s=interval_s,
        description="test",
    )


def test_a_value_holds_until_the_next() -> None:
    series = rows_of(np.array([[1.0, 10.0], [2.0, 20.0], [3.0, 30.0]]))
    held = [series.value_at(time)[0] for time in (0, 59, 60, 119, 120, 179)]
    assert held == [1, 1, 2, 2, 3, 3]
    assert series.value_at(60).tolist() == [2, 20]


def test_rows_may_begin_before_the_scenario() -> None:
    series = rows_of(np.array([[1.0], [2.0]]), first_s=-90)
    # By hand: the rows hold over [-90, -30) and [-30, 30).
    assert series.value_at(0)[0] == 2
    assert series.value_at(-31)[0] == 1


def test_averages_over_steps_that_cut_through_intervals() -> None:
    series = rows_of(np.array([[1.0], [2.0], [6.0]]))
    # By hand: [0, 90) is 60 s of 1 and 30 s of 2; [90, 180) is 30 s of 2 and 60 s of 6.
    np.testing.assert_allclose(series.means(0, 180, 90)[:, 0], [120 / 90, 420 / 90])


def test_short_steps_repeat_values_without_rounding() -> None:
    values = np.array([[0.1], [0.7]])
    assert rows_of(values).means(0, 120, 20)[:, 0].tolist() == [0.1, 0.1, 0.1, 0.7, 0.7, 0.7]


@given(
    values=st.lists(st.floats(-100, 100), min_size=12, max_size=12),
    interval_s=st.sampled_from([7, 60, 90]),
    step_s=st.sampled_from([1, 5, 60, 84]),
    first_s=st.integers(-60, 0),
)
def test_averages_keep_the_energy(
    values: list[float], interval_s: int, step_s: int, first_s: int
) -> None:
    series = rows_of(np.array(values)[:, None], first_s=first_s, interval_s=interval_s)
    stop = (12 * interval_s + first_s) // step_s * step_s
    if stop <= 0:
        return
    energy = series.means(0, stop, step_s).sum() * step_s
    every_second = sum(series.value_at(time)[0] for time in range(stop))
    assert energy == pytest.approx(every_second, abs=1e-7)


def test_long_windows_are_averaged_in_pieces_alike() -> None:
    ramp = np.arange(100_000.0)[:, None]
    means = rows_of(ramp, interval_s=1).means(0, 100_000, 10)
    # The mean of ten consecutive integers from 10 k is 10 k + 4.5.
    np.testing.assert_array_equal(means[:, 0], np.arange(10_000) * 10 + 4.5)


def test_constant_and_shared_series_have_a_column_an_element() -> None:
    constant = ConstantSeries(np.array([0.4, 0.5]), "constant")
    assert constant.means(0, 7200, 3600).tolist() == [[0.4, 0.5], [0.4, 0.5]]
    shared = SharedSeries(rows_of(np.array([[3.0], [4.0]])), 3)
    assert shared.values(np.array([0, 60])).tolist() == [[3, 3, 3], [4, 4, 4]]
    assert shared.means(0, 120, 120).tolist() == [[3.5, 3.5, 3.5]]
    assert shared.value_at(60).tolist() == [4, 4, 4]

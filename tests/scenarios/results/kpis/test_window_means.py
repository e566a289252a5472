"""Means over windows of time, against the plain mean of the rows in each."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridloom.scenarios.results.kpis.window_means import window_means


@given(
    rows=st.integers(1, 60),
    step_s=st.sampled_from([1, 2, 5, 10]),
    splits=st.lists(st.integers(0, 60), max_size=4),
)
def test_blocks_do_not_show(rows: int, step_s: int, splits: list[int]) -> None:
    series = np.random.default_rng(rows).normal(size=(rows, 2))
    series[::7, 0] = np.nan
    blocks = np.split(series, sorted(split for split in splits if split <= rows))
    per_window = 20 // step_s
    full = max(1, rows // per_window)
    means = window_means(blocks, step_s, 20)
    assert means.shape == (full, 2)
    for window, mean in enumerate(means):
        inside = series[window * per_window : (window + 1) * per_window]
        for column, value in zip(inside.T, mean, strict=True):
            known = column[np.isfinite(column)]
            np.testing.assert_allclose(value, known.mean() if known.size else np.nan)


def test_long_steps_are_windows_themselves() -> None:
    means = window_means([np.array([[1.0], [3.0]])], step_s=900, window_s=600)
    assert means.tolist() == [[1.0], [3.0]]


def test_window_without_any_value_is_nan() -> None:
    means = window_means([np.array([[np.nan], [np.nan], [2.0], [4.0]])], step_s=1, window_s=2)
    assert np.isnan(means[0, 0])
    assert means[1, 0] == pytest.approx(3.0)

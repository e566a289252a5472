"""Series in a bounded number of points."""

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from gridloom.scenarios.live.summary import Summary

_VALUES = st.floats(min_value=-1e6, max_value=1e6) | st.just(np.nan)


@given(
    rows=arrays(np.float64, st.tuples(st.integers(1, 90), st.just(2)), elements=_VALUES),
    cuts=st.lists(st.integers(0, 90), max_size=5),
)
def test_the_points_are_lowest_and_highest_however_the_rows_come(
    rows: np.ndarray, cuts: list[int]
) -> None:
    summary = Summary(2, most_points=8)
    edges = sorted({0, len(rows), *(min(cut, len(rows)) for cut in cuts)})
    for first, last in pairwise(edges):
        summary.add(rows[first:last])

    # The definition, piece by piece; the least power of two that leaves at most 8 pieces
    width = next(2**n for n in range(10) if len(rows) <= 8 * 2**n)
    assert (summary.width, summary.rows) == (width, len(rows))
    for piece in range(summary.points):
        part = rows[piece * width : (piece + 1) * width]
        for column in range(2):
            known = part[~np.isnan(part[:, column]), column]
            low, high = summary.low[piece, column], summary.high[piece, column]
            if known.size:
                assert (low, high) == (known.min(), known.max())
            else:
                assert np.isnan(low)
                assert np.isnan(high)


def test_what_is_new_and_the_open_point_are_told() -> None:
    summary = Summary(1, most_points=8)
    summary.add(np.arange(11.0)[:, np.newaxis])  # pieces of 2 rows, the last one half full
    told = summary.since(width=2, points=4)
    assert told == {
        "width": 2,
        "first": 4,
        "full": 5,
        "rows": 11,
        "low": [[8.0, 10.0]],
        "high": [[9.0, 10.0]],
    }


def test_all_is_told_where_points_have_become_wider() -> None:
    summary = Summary(1, most_points=4)
    summary.add(np.arange(5.0)[:, np.newaxis])
    told = summary.since(width=1, points=4)
    assert (told["first"], told["low"], told["high"]) == (0, [[0, 2, 4]], [[1, 3, 4]])


def test_nan_is_null_and_equal_extremes_are_told_once() -> None:
    summary = Summary(2)
    summary.add(np.array([[1.0, np.nan], [np.inf, 2.0]]))
    told = summary.since(0, 0)
    assert told["low"] == [[1.0, None], [None, 2.0]]
    assert "high" not in told


def test_a_week_of_seconds_fits_in_few_points() -> None:
    summary = Summary(1)
    for _ in range(7):
        summary.add(np.ones((86_400, 1)))
    assert summary.points <= 1500
    assert summary.rows == 604_800

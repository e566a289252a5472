"""Runs too long to hold in memory, or to see each step of: block by block, day by day."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from matplotlib.axes import Axes

from gridloom.scenarios.results import recording
from gridloom.scenarios.results.figures import report_figures
from gridloom.scenarios.results.figures.downsampling import (
    column_starts,
    keep_extremes,
    keep_extremes_of_each,
    known_means,
    whole_pieces,
)
from gridloom.scenarios.results.figures.style import figure_style, new_axes, piece_starts, step_line
from gridloom.scenarios.results.kpis import compute_kpis, side_by_side

RecordBuilder = Callable[..., xr.DataTree]
HOURS = 365 * 24
HOUSES = ["H1", "H2"]

tables = hnp.arrays(
    np.float64,
    st.tuples(st.integers(1, 200), st.integers(1, 3)),
    elements=st.floats(-1e6, 1e6) | st.just(np.nan),
)


def in_blocks(table: Any, cuts: list[int]) -> Iterator[Any]:
    return iter(np.split(table, sorted(cut % (len(table) + 1) for cut in cuts)))


@given(tables, st.lists(st.integers(0, 200), max_size=6), st.integers(1, 20))
def test_pieces_stay_whole_however_the_blocks_are_cut(table: Any, cuts: Any, columns: int) -> None:
    starts = column_starts(len(table), columns)
    bounds = [*starts, len(table)]

    found = list(whole_pieces(in_blocks(table, cuts), starts, len(table)))

    np.testing.assert_array_equal(np.concatenate([rows for _, _, rows in found]), table)
    for first, begins, rows in found:
        np.testing.assert_array_equal(begins + bounds[first], starts[first : first + len(begins)])
        assert bounds[first] + len(rows) == bounds[first + len(begins)]


@given(tables, st.lists(st.integers(0, 200), max_size=6), st.integers(1, 20))
def test_each_of_many_lines_is_the_one_drawn_alone(table: Any, cuts: Any, columns: int) -> None:
    each = keep_extremes_of_each(in_blocks(table, cuts), len(table), columns)

    for (points, values), line in zip(each, table.T, strict=True):
        np.testing.assert_array_equal(points, keep_extremes(line, columns))
        np.testing.assert_array_equal(values, line[points])


def test_means_of_pieces_leave_out_what_is_unknown() -> None:
    means = known_means(np.array([1.0, np.nan, 3.0, np.nan, np.nan, 7.0]), np.array([0, 3, 5]))

    np.testing.assert_array_equal(means, [2.0, np.nan, 7.0])


def test_pieces_of_a_long_run_are_days() -> None:
    from_noon = 100.5 + np.arange(61 * 24 + 1) / 24

    starts = piece_starts(from_noon)

    assert starts.tolist() == [0, *range(12, 61 * 24, 24)]


def test_pieces_of_a_shorter_run_are_equally_long() -> None:
    assert np.unique(np.diff(piece_starts(np.arange(60 * 96 + 1) / 96))).tolist() == [7]


def drawn_line(values: Any) -> tuple[Any, Axes]:
    with figure_style():
        _, axes = new_axes()
        x = np.arange(len(values) + 1) / 24
        step_line(axes, x, values, colour="k", label="power")
    return np.asarray(axes.lines[0].get_ydata()), axes


def test_a_year_is_drawn_as_daily_means_between_daily_extremes() -> None:
    # Every day 23 h of 1 kW and one of 25 kW: 48 kWh, 2 kW on average
    drawn, axes = drawn_line(np.tile([25.0, *[1.0] * 23], 365))

    assert len(drawn) == 366
    np.testing.assert_allclose(drawn, 2.0)
    (band,) = axes.collections
    vertices = np.asarray(band.get_paths()[0].vertices)[:, 1]
    assert (vertices.min(), vertices.max()) == (1.0, 25.0)


def test_a_price_that_is_the_same_all_day_has_no_band() -> None:
    drawn, axes = drawn_line(np.repeat(np.arange(365.0), 24))

    assert drawn.tolist() == [*range(365), 364]
    assert not axes.collections


def _group(variables: dict[str, Any]) -> xr.Dataset:
    start = np.datetime64("2021-01-01T00:00:00", "ns")
    time = start + np.arange(HOURS) * np.timedelta64(1, "h")
    attributes = {"role": "simulator", "step_size_s": 3600}
    return xr.Dataset({**variables, "time": ("time", time)}, attrs=attributes)


@pytest.fixture(scope="module")
def year(build_record: RecordBuilder) -> xr.DataTree:
    """Steps of 1 h: H1 draws 1 kW, H2 feeds in 2 kW from 12 to 13 h; short by 0.5 kWh an hour."""
    noon = np.arange(HOURS) % 24 == 12
    power = np.stack([np.ones(HOURS), np.where(noon, -2.0, 0.0)], axis=1)
    charge = np.stack([np.where(noon, 0.4, 0.6), np.full(HOURS, np.nan)], axis=1)
    starts_s = np.arange(HOURS) * 3600
    record = build_record("charging", scenario='{"start": "2021-01-01T00:00:00+00:00"}')
    record["house"] = xr.DataTree(_group({"power_kw": (("time", "house"), power), "house": HOUSES}))
    record["battery"] = xr.DataTree(
        _group(
            {
                "power_kw": (("time", "unit"), np.zeros((HOURS, 2))),
                "state_of_charge": (("time", "unit"), charge),
                "unit": HOUSES,
            }
        )
    )
    record["market"] = xr.DataTree(
        _group(
            {
                "imbalance_kwh": ("time", np.full(HOURS, 0.5)),
                "position_kw": ("time", np.zeros(HOURS)),
                "period_start_s": ("settlement_period", starts_s),
                "period_stop_s": ("settlement_period", starts_s + 3600),
                "imbalance_price_shortage_eur_per_mwh": ("settlement_period", np.full(HOURS, 100)),
                "imbalance_price_surplus_eur_per_mwh": ("settlement_period", np.full(HOURS, 80)),
            }
        )
    )
    return record


def test_the_figures_of_a_year_are_small_and_say_what_they_show(year: xr.DataTree) -> None:
    """8,760 bars of the imbalance alone took 4 MB, and as many seconds."""
    figures = {figure.key: figure for figure in report_figures(year)}

    assert figures.keys() == {"power", "imbalance-market", "state-of-charge-battery"}
    assert sum(len(figure.svg) for figure in figures.values()) < 500_000
    assert "means over a day" in figures["power"].caption
    assert "all periods of a day" in figures["imbalance-market"].caption
    assert "all steps of a day together" in figures["state-of-charge-battery"].caption
    assert "4380 kWh shortage" in figures["imbalance-market"].title  # 0.5 kWh, 8,760 times
    assert "40\N{EN DASH}60 %" in figures["state-of-charge-battery"].title


def test_the_indicators_of_a_year_are_told_by_month(year: xr.DataTree) -> None:
    kpis = {(kpi.name, kpi.of): kpi.value for kpi in compute_kpis(year)}

    months = [of for name, of in kpis if name == "shortage_kwh" and of]
    assert months == [f"2021-{month:02d}" for month in range(1, 13)]
    assert kpis["shortage_kwh", "2021-02"] == pytest.approx(0.5 * 28 * 24)
    assert kpis["imbalance_cost_eur", "2021-12"] == pytest.approx(0.05 * 31 * 24)
    assert kpis["shortage_kwh", ""] == pytest.approx(4380.0)
    assert kpis["consumed_kwh", "house"] == pytest.approx(8760.0)
    assert kpis["injected_kwh", "house"] == pytest.approx(730.0)
    assert kpis["self_consumption_percent", ""] == pytest.approx(50.0)  # 1 of 2 kW at noon


@pytest.mark.parametrize("values_at_once", [100, 3000])
def test_nothing_depends_on_how_much_is_read_at_once(
    build_record: RecordBuilder, monkeypatch: pytest.MonkeyPatch, values_at_once: int
) -> None:
    record = build_record(phases=("a", "b", "c"))
    figures, kpis = report_figures(record), compute_kpis(record)

    monkeypatch.setattr(recording, "_BLOCK_VALUES", values_at_once)
    monkeypatch.setattr(side_by_side, "_VALUES_AT_ONCE", values_at_once)

    assert report_figures(record) == figures
    for now, before in zip(compute_kpis(record), kpis, strict=True):
        assert (now.name, now.of) == (before.name, before.of)
        assert now.value == pytest.approx(before.value, rel=1e-12, abs=1e-12, nan_ok=True)

"""The figures: their messages, what is drawn, and what is left out.

Expected numbers follow by hand from the example record, see `conftest`.
"""
# ruff: noqa: RUF001 -- the report writes minus signs and dashes

import subprocess
import sys
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree as ET

import matplotlib as mpl
import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from matplotlib.figure import Figure

from gridloom.scenarios.results.figures import report_figures
from gridloom.scenarios.results.figures.downsampling import (
    column_extremes,
    column_means,
    column_starts,
    keep_extremes,
)
from gridloom.scenarios.results.figures.style import ReportFigure, figure_style, new_axes, step_line
from gridloom.scenarios.results.figures.tree_layout import tree_layout
from gridloom.scenarios.results.kpis import compute_kpis

RecordBuilder = Callable[..., xr.DataTree]

series = hnp.arrays(
    np.float64,
    st.integers(1, 400),
    elements=st.floats(-1e6, 1e6) | st.just(np.nan),
)


def by_key(record: xr.DataTree) -> dict[str, ReportFigure]:
    return {figure.key: figure for figure in report_figures(record)}


@pytest.fixture(scope="module")
def figures(build_record: RecordBuilder) -> dict[str, ReportFigure]:
    return by_key(build_record())


@pytest.fixture
def words_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the slow part: the figures are built, but not rendered."""
    monkeypatch.setattr(Figure, "savefig", lambda *args, **options: None)


def changed(record: xr.DataTree, group: str, **variables: Any) -> xr.DataTree:
    """Replace variables of a group, keeping their dimensions."""
    rows = record.children[group].to_dataset(inherit=False)
    record[group] = xr.DataTree(
        rows.assign({name: (rows[name].dims, value) for name, value in variables.items()})
    )
    return record


@given(series, st.integers(1, 30))
def test_downsampling_keeps_extremes_ends_and_gaps(values: Any, columns: int) -> None:
    kept = keep_extremes(values, columns)

    assert np.all(np.diff(kept) > 0)
    assert len(kept) <= 5 * columns
    assert kept[0] == 0
    assert kept[-1] == len(values) - 1
    drawn = values[kept]
    assert np.isnan(drawn).any() == np.isnan(values).any()
    if np.isfinite(values).any():
        assert np.nanmax(drawn) == np.nanmax(values)
        assert np.nanmin(drawn) == np.nanmin(values)


@given(series, st.integers(1, 30))
def test_downsampling_keeps_the_extremes_of_every_piece(values: Any, columns: int) -> None:
    starts = column_starts(len(values), columns)
    kept = keep_extremes(values, columns)

    assert len(starts) <= columns
    for begin, end in zip(starts, [*starts[1:], len(values)], strict=True):
        piece = values[begin:end]
        drawn = values[kept[(kept >= begin) & (kept < end)]]
        assert np.fmax.reduce(drawn) == pytest.approx(np.fmax.reduce(piece), nan_ok=True, abs=0)
        assert np.fmin.reduce(drawn) == pytest.approx(np.fmin.reduce(piece), nan_ok=True, abs=0)
    highest = column_extremes(values, starts, np.fmax)
    assert np.fmax.reduce(highest) == pytest.approx(np.fmax.reduce(values), nan_ok=True, abs=0)


@given(hnp.arrays(np.float64, st.integers(1, 300), elements=st.floats(-1e3, 1e3)))
def test_means_of_pieces_keep_the_energy(power_kw: Any) -> None:
    starts = column_starts(len(power_kw), 20)
    lengths = np.diff([*starts, len(power_kw)])

    drawn_kws = float((column_means(power_kw, starts) * lengths).sum())

    assert drawn_kws == pytest.approx(float(power_kw.sum()), abs=1e-6)


def test_a_single_spike_in_a_day_of_seconds_is_drawn() -> None:
    current_a = np.full(86400, 20.0)
    current_a[54321] = 99.0
    with figure_style():
        _, axes = new_axes()
        step_line(axes, np.arange(86401.0) / 86400.0, current_a, colour="k", label="current")

    drawn = np.asarray(axes.lines[0].get_ydata())

    assert drawn.max() == 99.0
    assert len(drawn) < 5000


@given(st.integers(1, 40).flatmap(lambda n: st.tuples(*(st.integers(0, i) for i in range(n)))))
def test_tree_layout_places_every_bus_apart_at_its_hops(parents: tuple[int, ...]) -> None:
    """Bus i + 1 hangs at a bus before it: every rooted tree is of this form."""
    one, other = np.array(parents), np.arange(1, len(parents) + 1)

    place = tree_layout(one, other, len(parents) + 1, root=0)

    assert len(np.unique(place, axis=0)) == len(place)
    np.testing.assert_array_equal(place[other, 0], place[one, 0] + 1)


def test_tree_layout_takes_loops_and_separate_parts() -> None:
    # 0-1-2-0 is a loop, 3-4 lies apart
    place = tree_layout(np.array([0, 1, 2, 3]), np.array([1, 2, 0, 4]), 5, root=0)

    assert place[:, 0].tolist() == [0, 1, 1, 0, 1]
    assert len(np.unique(place, axis=0)) == 5


@pytest.mark.parametrize("phases", [("balanced",), ("a", "b", "c")])
@pytest.mark.usefixtures("words_only")
def test_titles_state_the_message_with_its_number(
    build_record: RecordBuilder, phases: tuple[str, ...]
) -> None:
    titles = {key: figure.title for key, figure in by_key(build_record(phases=phases)).items()}

    assert titles == {
        "line-current": "L12 exceeds its 65 A rating for 90 s",
        "power": "Net import peaks at 30 kW at 16:02:30 (load 4 kW, pv −2 kW, ev 15 kW)",
        "imbalance-market": "The imbalance of 2 kWh shortage and 1 kWh surplus costs 0.12 EUR",
        "state-of-charge-ev": (
            "1 of 2 departures misses the required state of charge, by up to 5 percentage points"
        ),
        "voltage": ("Bus voltages leave 0.90–1.10 pu for 30 s: they range over 0.890–1.050 pu"),
        "map": "L12 is loaded to 123 %, every other line to at most 20 %",
    }


def test_titles_agree_with_the_indicators(build_record: RecordBuilder) -> None:
    record = build_record("grid", "market", "ev")
    kpis = {(kpi.name, kpi.of): kpi.value for kpi in compute_kpis(record)}

    assert kpis["line_overload_duration_s", "L12"] == 90
    assert kpis["imbalance_cost_eur", ""] == pytest.approx(0.12)
    assert kpis["sessions_below_requirement", ""] == 1
    assert kpis["sessions_departed", ""] == 2


@pytest.mark.usefixtures("words_only")
def test_a_run_without_trouble_says_so(build_record: RecordBuilder) -> None:
    record = build_record()
    changed(record, "grid", line_current_a=np.full((1200, 4, 1), 32.5))
    changed(record, "grid", bus_voltage_pu=np.full((1200, 6, 1), 1.02))
    changed(record, "ev", session_required_state_of_charge=[0.7, 0.6, 0.7])

    titles = {key: figure.title for key, figure in by_key(record).items()}

    assert titles["line-current"] == (
        "L12, the most loaded line, stays within its 65 A rating: at most 32.5 A (50 %)"
    )
    assert titles["voltage"].startswith("All bus voltages stay within 0.90–1.10 pu")
    assert titles["state-of-charge-ev"] == "All 2 departures reach the required state of charge"


@pytest.mark.usefixtures("words_only")
def test_the_most_loaded_line_is_chosen_by_loading_not_by_current(
    build_record: RecordBuilder,
) -> None:
    current = np.full((1200, 4, 1), 20.0)
    current[:, 1, 0] = 95.0  # of 100 A
    current[:, 0, 0] = 64.0  # of 65 A, 98.5 %
    record = changed(build_record("grid"), "grid", line_current_a=current)

    figures = by_key(record)

    assert figures["line-current"].title.startswith("L12, the most loaded line")
    assert figures["map"].title == "L12 is loaded to 98.5 %, every other line to at most 95 %"


@pytest.mark.usefixtures("words_only")
def test_other_overloaded_lines_are_named(build_record: RecordBuilder) -> None:
    current = np.full((1200, 4, 1), 20.0)
    current[10, 0, 0] = 130.0  # 200 %
    current[20, 2, 0] = 150.0  # 150 %
    record = changed(build_record("grid"), "grid", line_current_a=current)

    caption = by_key(record)["line-current"].caption

    assert "Above their rating at some time as well: L24 (150 %)." in caption


@pytest.mark.usefixtures("words_only")
def test_income_from_surplus_is_called_so(build_record: RecordBuilder) -> None:
    # 1 kWh surplus in either period: 1 kWh at 90 and 1 kWh at 80 EUR/MWh
    running = np.tile(np.linspace(0, -1.0, 601)[1:], 2)
    record = changed(build_record("market"), "market", imbalance_kwh=running)

    title = by_key(record)["imbalance-market"].title

    assert title == "The imbalance of 0 kWh shortage and 2 kWh surplus earns 0.17 EUR"


def test_a_plan_that_comes_true_has_no_imbalance(build_record: RecordBuilder) -> None:
    running = np.tile(np.linspace(1.0, 1e-14, 600), 2)
    record = changed(build_record("market"), "market", imbalance_kwh=running)

    figure = by_key(record)["imbalance-market"]

    assert figure.title == "No settlement period ends with an imbalance"
    assert "Number at a bar" not in figure.caption


@pytest.mark.usefixtures("words_only")
def test_a_period_that_the_run_cuts_short_is_settled_on_what_it_has(
    build_record: RecordBuilder,
) -> None:
    record = build_record("market")
    rows = record.children["market"].to_dataset(inherit=False).isel(time=slice(900))
    record["market"] = xr.DataTree(rows)

    title = by_key(record)["imbalance-market"].title

    # 2 kWh at 100 EUR/MWh, -0.5 kWh at 80 EUR/MWh
    assert title == "The imbalance of 2 kWh shortage and 0.5 kWh surplus costs 0.16 EUR"


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        (("load", "pv", "ev"), ["power", "state-of-charge-ev"]),
        (("grid",), ["line-current", "voltage", "map"]),
        (("market", "load"), ["power", "imbalance-market"]),
        (("charging",), []),
    ],
)
@pytest.mark.usefixtures("words_only")
def test_what_the_record_does_not_have_is_left_out(
    build_record: RecordBuilder, parts: tuple[str, ...], expected: list[str]
) -> None:
    assert [figure.key for figure in report_figures(build_record(*parts))] == expected


@pytest.mark.usefixtures("words_only")
def test_without_a_grid_the_net_is_that_of_the_classes(build_record: RecordBuilder) -> None:
    power = by_key(build_record("load", "pv"))["power"]

    assert power.title == "Net import peaks at 2 kW at 16:00:00 (load 4 kW, pv −2 kW)"
    assert "net of all classes" in power.caption
    assert "losses" not in power.caption


@pytest.mark.usefixtures("words_only")
def test_storage_without_sessions_has_no_departures(build_record: RecordBuilder) -> None:
    record = build_record("ev")
    rows = record.children["ev"].to_dataset(inherit=False)
    sessions = [name for name in rows.data_vars if str(name).startswith("session_")]
    record["ev"] = xr.DataTree(rows.drop_vars(sessions))

    title = by_key(record)["state-of-charge-ev"].title

    assert title == "State of charge of 'ev' moves within 50–72 %"


def test_steps_without_a_solution_leave_gaps(build_record: RecordBuilder) -> None:
    record = build_record("grid", "load")
    rows = record.children["grid"].to_dataset(inherit=False)
    for name in ("line_current_a", "bus_voltage_pu", "slack_power_kw"):
        values = rows[name].to_numpy().copy()
        values[120:130] = np.nan
        changed(record, "grid", **{name: values})

    figures = by_key(record)

    assert figures["line-current"].title == "L12 exceeds its 65 A rating for 80 s"
    assert "Gaps: 10 steps without a value" in figures["line-current"].caption
    assert list(figures) == ["line-current", "power", "voltage", "map"]


@pytest.mark.usefixtures("words_only")
def test_a_grid_that_was_never_solved_draws_nothing_of_it(build_record: RecordBuilder) -> None:
    record = changed(
        build_record("grid"),
        "grid",
        line_current_a=np.full((1200, 4, 1), np.nan),
        bus_voltage_pu=np.full((1200, 6, 1), np.nan),
    )

    assert report_figures(record) == []


@pytest.mark.usefixtures("words_only")
def test_unknown_ratings_are_said_to_be_unknown(build_record: RecordBuilder) -> None:
    record = changed(build_record("grid"), "grid", line_rated_current_a=np.full(4, np.nan))

    figures = by_key(record)

    assert figures["line-current"].title == "L12 carries most, up to 80 A; its rating is unknown"
    assert figures["map"].title == "The highest current flows in L12; line ratings are unknown"


def test_a_network_without_coordinates_gets_a_layout_and_says_so(
    build_record: RecordBuilder, figures: dict[str, ReportFigure]
) -> None:
    laid_out = by_key(build_record("grid", coordinates=False))["map"]
    located = figures["map"]

    assert "no coordinates: computed layout" in laid_out.caption
    assert "coordinates of the network" in located.caption
    assert laid_out.svg != located.svg


def test_every_figure_is_a_complete_svg_that_needs_nothing_else(
    figures: dict[str, ReportFigure],
) -> None:
    for figure in figures.values():
        tree = ET.fromstring(figure.svg)  # noqa: S314 -- our own bytes
        links = [
            value
            for element in tree.iter()
            for name, value in element.attrib.items()
            if name.endswith("href")
        ]
        assert tree.tag.endswith("}svg")
        assert links
        assert all(link.startswith(("#", "data:image/png;base64,")) for link in links)
        assert not [element for element in tree.iter() if element.tag.endswith("}metadata")]
        assert figure.alternative
        assert figure.caption.endswith(".")


def test_the_same_record_gives_the_same_bytes(
    build_record: RecordBuilder, figures: dict[str, ReportFigure]
) -> None:
    assert by_key(build_record()) == figures


def test_drawing_leaves_the_users_matplotlib_alone(build_record: RecordBuilder) -> None:
    before = dict(mpl.rcParams)

    report_figures(build_record("load"))

    assert dict(mpl.rcParams) == before
    code = (
        "import sys, gridloom.scenarios.results.figures; print('matplotlib.pyplot' in sys.modules)"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "False"


def test_names_with_dollar_signs_are_drawn_as_they_are(build_record: RecordBuilder) -> None:
    record = build_record("grid")
    rows = record.children["grid"].to_dataset(inherit=False)
    record["grid"] = xr.DataTree(rows.assign_coords(line=["$\\frac{$", "b", "c", "d"]))

    drawn = by_key(record)

    assert drawn["line-current"].title == "$\\frac{$ exceeds its 65 A rating for 90 s"

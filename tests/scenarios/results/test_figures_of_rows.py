"""What figures say of one run whose rows cover several steps, against the record of every step.

Expected numbers follow by hand from the example record, see `conftest`.
"""
# ruff: noqa: RUF001 -- the report writes minus signs and dashes

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import xarray as xr
from matplotlib.figure import Figure

from gridloom.scenarios.results.figures import report_figures
from gridloom.scenarios.results.figures.style import ReportFigure, figure_style, new_axes, step_line
from gridloom.scenarios.results.kpis import compute_kpis
from gridloom.scenarios.results.wording import number

RecordBuilder = Callable[..., xr.DataTree]
PARTS = ("grid", "load", "pv", "ev")
OF_5_MIN = "(of 5-min means)"

pytestmark = pytest.mark.usefixtures("words_only")


@pytest.fixture
def words_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the slow part: the figures are built, but not rendered."""
    monkeypatch.setattr(Figure, "savefig", lambda *args, **options: None)


def by_key(record: xr.DataTree) -> dict[str, ReportFigure]:
    return {figure.key: figure for figure in report_figures(record)}


def kpis_of(record: xr.DataTree) -> dict[str, float]:
    return {kpi.name: kpi.value for kpi in compute_kpis(record) if not kpi.of}


def test_titles_quote_the_peaks_of_the_steps(build_record: RecordBuilder, coarsen: Any) -> None:
    steps = build_record(*PARTS)
    titles = {key: figure.title for key, figure in by_key(coarsen(steps, 300)).items()}

    assert titles == {
        "line-current": (
            "L12 exceeds its 65 A rating: up to 80 A (123 %); its 5-min means never do"
        ),
        "power": (
            "Net import peaks at 30 kW within 5 min from 16:00:00 "
            "(means then: load 4 kW, pv −2 kW, ev 15 kW)"
        ),
        "state-of-charge-ev": by_key(steps)["state-of-charge-ev"].title,
        "voltage": (
            "Bus voltages leave 0.90–1.10 pu: they range over 0.890–1.050 pu; 5-min means never do"
        ),
        "map": by_key(steps)["map"].title,
    }


def test_means_beyond_a_limit_are_told_as_such(build_record: RecordBuilder, coarsen: Any) -> None:
    """L12 carries 70 A from 100 s to 190 s; B3 is at 0.89 pu from 300 s to 330 s."""
    titles = {length_s: by_key(coarsen(build_record("grid"), length_s)) for length_s in (30, 60)}

    assert titles[60]["line-current"].title.endswith("; its 60-s means do for 60 s")
    assert titles[30]["voltage"].title.endswith("; 30-s means do for 30 s")


@pytest.mark.parametrize("length_s", [60, 300])
def test_figures_and_indicators_of_a_page_agree(
    build_record: RecordBuilder, coarsen: Any, length_s: int
) -> None:
    steps = build_record("grid", phases=("a", "b", "c"))
    rows = coarsen(steps, length_s)
    figures, expected, found = by_key(rows), kpis_of(steps), kpis_of(rows)

    percent = number(expected["line_loading_max_percent"])
    assert found["line_loading_max_percent"] == expected["line_loading_max_percent"]
    current = figures["line-current"]
    assert f"({percent} %)" in current.title
    assert f"highest 80 A ({percent} %) within" in current.caption
    assert "Shaded: above the rating at some step, any phase." in current.caption
    assert percent in figures["map"].title
    lowest, highest = (f"{expected[f'voltage_{end}_pu']:.3f}" for end in ("min", "max"))
    assert f"{lowest}–1.050 pu" in figures["voltage"].title
    assert highest == "1.000"  # of connection points; the highest bus has none
    assert f"Lowest {lowest} pu at bus B3" in figures["voltage"].caption


def test_without_statistics_titles_say_of_what_they_are(
    build_record: RecordBuilder, coarsen: Any
) -> None:
    record = coarsen(build_record(*PARTS), 300, statistics=())
    figures = by_key(record)

    # 90 s of 300 s at 70 A but one of 80 A, else 40 A
    mean_a = (210 * 40 + 89 * 70 + 80) / 300
    assert figures["line-current"].title == (
        "L12, the most loaded line, stays within its 65 A rating: at most "
        f"{number(mean_a)} A ({number(100 * mean_a / 65)} %) {OF_5_MIN}"
    )
    assert figures["line-current"].caption.endswith("peaks within them are not recorded.")
    assert figures["voltage"].title.endswith(OF_5_MIN)
    assert figures["map"].title.endswith(OF_5_MIN)
    # 30 kW for one of 300 s, else 8 kW
    peak_kw = number(8 + 22 / 300)
    assert figures["power"].title.startswith(f"Net import peaks at {peak_kw} kW, of 5-min means,")
    for name in ("line_loading_max_percent", "voltage_min_pu", "import_peak_kw"):
        (label,) = (kpi.label for kpi in compute_kpis(record) if kpi.name == name and not kpi.of)
        assert label.endswith(OF_5_MIN)


def test_without_a_grid_the_net_is_of_means(build_record: RecordBuilder, coarsen: Any) -> None:
    power = by_key(coarsen(build_record("load", "pv"), 300))["power"]

    assert power.title == (
        "Net import peaks at 2 kW, of 5-min means, at 16:00:00 (load 4 kW, pv −2 kW)"
    )


def test_states_are_said_to_be_of_the_ends_of_rows(
    build_record: RecordBuilder, build_district: RecordBuilder, coarsen: Any
) -> None:
    record = build_record("ev")
    sessions = [str(name) for name in record["ev"].data_vars if str(name).startswith("session_")]
    charge = by_key(coarsen(record, 300, dropped=sessions))["state-of-charge-ev"]
    district = build_district("uncontrolled").filter(lambda node: node.name in ("/", "heat_pump"))
    district.attrs = build_district("uncontrolled").attrs
    indoors = by_key(coarsen(district, 1800))["indoor-temperature-heat_pump"]

    assert charge.title.endswith("% (of values every 5 min)")
    # The second building is at 19.6 °C when the third quarter ends, and no row does
    assert indoors.title == (
        "All 2 heated buildings stay within their limits: 20–20.4 °C (of values every 30 min)"
    )
    assert "1 of 2 heated buildings" in by_key(district)["indoor-temperature-heat_pump"].title


def test_gaps_of_rows_are_counted_as_rows(build_record: RecordBuilder, coarsen: Any) -> None:
    record = build_record("grid")
    steps = record.children["grid"].to_dataset(inherit=False)
    steps["line_current_a"][100:480] = np.nan  # of rows of 60 s, six whole ones
    record["grid"] = xr.DataTree(steps)
    caption = by_key(coarsen(record, 60))["line-current"].caption

    assert "Gaps: 6 rows without a value (not solved or no supply)." in caption


@pytest.mark.parametrize("rows", [40, 5000])
def test_a_line_of_means_has_a_band_up_to_the_peaks(rows: int) -> None:
    mean_a, peak_a = np.full(rows, 20.0), np.full(rows, 30.0)
    peak_a[rows // 2] = 99.0
    with figure_style():
        _, axes = new_axes()
        x = np.arange(rows + 1.0) / 900.0
        step_line(axes, x, mean_a, colour="k", label="current", extremes=(mean_a, peak_a))

    (band,) = axes.collections
    heights = np.concatenate([np.asarray(path.vertices)[:, 1] for path in band.get_paths()])
    assert heights.max() == 99.0
    assert heights.min() == 20.0
    assert np.asarray(axes.lines[0].get_ydata()).max() == 20.0

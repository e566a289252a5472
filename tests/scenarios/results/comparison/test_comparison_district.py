"""Schemes for a district side by side; its record: `build_district`, 2 EUR at the tariff."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
import xarray as xr
from matplotlib.figure import Figure

from gridloom.scenarios.results.comparison import Comparison
from gridloom.scenarios.results.comparison.figures import comparison_figures
from gridloom.scenarios.results.comparison.figures.transformer_loading import duration_curve
from gridloom.scenarios.results.figures.style import ReportFigure
from gridloom.scenarios.results.kpis.district import district_power
from gridloom.scenarios.results.recording import Recording, parts_of

RecordBuilder = Callable[..., xr.DataTree]
Compare = Callable[..., Comparison]


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """Build figures without rendering them, which is slow; collect them in their order."""
    figures: list[Figure] = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, *args, **options: figures.append(figure))
    return figures


def with_transformer(record: xr.DataTree, loading_percent: list[float]) -> xr.DataTree:
    """Add a grid with a transformer of 20 kVA to a record."""
    rows = record.children["ev"].to_dataset(inherit=False)
    record["grid"] = xr.DataTree(
        xr.Dataset(
            {
                "line_current_a": (("time", "line", "phase"), np.ones((4, 1, 1))),
                "line": ["L"],
                "phase": ["balanced"],
                "transformer": ["T"],
                "transformer_loading_percent": (
                    ("time", "transformer"),
                    np.transpose([loading_percent]),
                ),
                "transformer_rated_power_kva": ("transformer", [20.0]),
                "time": rows["time"],
            },
            attrs={"role": "simulator", "model_type": "grid", "step_size_s": 900},
        )
    )
    return record


@pytest.fixture
def comparison(build_district: RecordBuilder, compare: Compare) -> Comparison:
    return compare(
        with_transformer(build_district("uncontrolled", cost=2.0), [50, 120, 90, np.nan]),
        with_transformer(build_district("congestion", cost=1.5), [60, 95, 80, 10]),
        with_transformer(
            build_district("central", cost=1.25, algorithm="central"), [60, 90, 80, 10]
        ),
    )


def by_key(comparison: Comparison) -> Mapping[str, ReportFigure]:
    return {figure.key: figure for figure in comparison_figures(comparison)}


def values(comparison: Comparison, name: str, of: str = "") -> tuple[float, ...]:
    return next(m.values for m in comparison.measures if (m.name, m.of) == (name, of))


def test_rows_of_the_table(comparison: Comparison) -> None:
    nan = np.nan
    expected = {
        "tariff_cost_eur": (4.0, 3.0, 2.5),
        "net_overload_duration_min": (nan, 15.0, 15.0),
        "flexibility_bought_eur": (nan, 0.167, 0.167),
        "planning_error_rms_kw": (nan, 1.0, 1.0),
        "too_cold_kelvin_hours": (0.1, 0.1, 0.1),  # 0.4 K for a quarter of an hour
        "district_import_peak_15min_kw": (19.0, 19.0, 19.0),  # H4's 7 kW are drawn as well
        "certified_gap_max_percent": (nan, 1.0, 1.0),
        "negotiation_rounds_mean": (nan, 5.75, 5.75),
        "transformer_loading_max_percent": (120.0, 95.0, 90.0),
    }
    for name, numbers in expected.items():
        assert values(comparison, name) == pytest.approx(numbers, nan_ok=True), name


def test_cost_at_the_tariff_is_told_in_words(comparison: Comparison) -> None:
    assert (
        "At the tariff, energy costs 4 EUR with uncontrolled, 2.5 EUR with central (38 % less) and "
        "3 EUR with congestion (25 % less)." in comparison.sentences
    )


@pytest.mark.usefixtures("drawn")
def test_titles_state_the_message_with_its_number(comparison: Comparison) -> None:
    figures = by_key(comparison)
    assert list(figures)[:3] == ["tariff-cost", "community-power", "transformer-loading"]
    assert figures["tariff-cost"].title == (
        "Energy costs least with central: 2.5 EUR, 4 EUR with uncontrolled"
    )
    assert figures["community-power"].title == (
        "The community draws up to 19 kW in all runs, of 20 kVA rated (of 15-min means)"
    )
    assert figures["transformer-loading"].title == (
        "The transformer is overloaded with uncontrolled: at most 120 % with uncontrolled, "
        "90 % with central"
    )
    assert "uncontrolled: at most 120 %, above 100 % for 15 min." in (
        figures["transformer-loading"].caption
    )


def test_bars_are_costs_and_the_line_is_the_optimum(
    comparison: Comparison, drawn: list[Figure]
) -> None:
    place = list(by_key(comparison)).index("tariff-cost")
    axes: Any = drawn[place].axes[0]
    assert [bar.get_width() for bar in axes.patches] == [4.0, 3.0, 2.5]
    marked = [each for each in axes.lines if each.get_label() == "central optimum"]
    assert [each.get_xdata().tolist() for each in marked] == [[2.5, 2.5]]


@pytest.mark.usefixtures("drawn")
def test_without_a_central_run_no_optimum_is_marked(
    build_district: RecordBuilder, compare: Compare
) -> None:
    comparison = compare(build_district("uncontrolled"), build_district("congestion"))
    assert "central" not in by_key(comparison)["tariff-cost"].caption


def test_several_tariffs_are_told_apart(
    build_district: RecordBuilder, compare: Compare, drawn: list[Figure]
) -> None:
    records = [build_district("uncontrolled", cost=2.0), build_district("congestion", cost=1.5)]
    for record in records:
        bills = record.children["tariff"].to_dataset(inherit=False)
        record["bills"] = xr.DataTree(bills.assign(cost_eur=bills["cost_eur"] * 3.0))
    comparison = compare(*records)
    figures = by_key(comparison)
    assert figures["tariff-cost"].title == (
        "Energy costs least with congestion: 3 EUR at tariff 'tariff', 4 EUR with uncontrolled"
    )
    axes: Any = drawn[list(figures).index("tariff-cost")].axes[0]
    assert [bar.get_width() for bar in axes.patches] == [4.0, 3.0, 12.0, 9.0]
    first, second, *_ = comparison.sentences
    assert first.startswith("At the tariff 'tariff' energy costs 4 EUR with uncontrolled, 3 EUR")
    assert second.startswith("At the tariff 'bills' energy costs 12 EUR with uncontrolled, 9 EUR")


def test_the_optimum_is_that_of_the_tariff_it_was_sought_for(
    build_district: RecordBuilder, compare: Compare, drawn: list[Figure]
) -> None:
    records = [build_district("uncontrolled"), build_district("central", algorithm="central")]
    for record in records:
        record["bills"] = xr.DataTree(record.children["tariff"].to_dataset(inherit=False))
    place = list(by_key(compare(*records))).index("tariff-cost")
    axes: Any = drawn[place].axes[0]
    marked = [each.get_label() for each in axes.lines if "optimum" in str(each.get_label())]
    assert marked == ["central optimum, tariff"]


def test_power_of_the_community_by_hand(build_district: RecordBuilder) -> None:
    """Loads draw 11 kW on average, vehicles 0, 8, 4 and -5 kW."""
    power = district_power(parts_of(build_district()).devices)
    assert power.mean_kw == pytest.approx([11, 19, 15, 6])
    assert (np.diff(power.edges) == np.timedelta64(900, "s")).all()


def test_duration_curve_falls_and_leaves_out_what_is_not_solved(
    build_district: RecordBuilder,
) -> None:
    record = with_transformer(build_district(), [50, 120, np.nan, 90])
    grid = Recording(
        name="grid", rows=record.children["grid"].to_dataset(inherit=False), step_s=900
    )
    assert duration_curve(grid).tolist() == [120, 90, 50]


@pytest.mark.usefixtures("drawn")
def test_cases_without_a_tariff_keep_their_figures(scheme: Any, compare: Compare) -> None:
    comparison = compare(scheme("basic"), scheme("other", "amas"))
    assert not {"tariff-cost", "community-power", "transformer-loading"} & by_key(comparison).keys()


def test_thermostats_coordinate_nothing(build_district: RecordBuilder, compare: Compare) -> None:
    records = [build_district(variant) for variant in ("congestion", "uncontrolled")]
    for record, kinds in zip(records, (["basic", "drive"], ["basic", "thermostat"]), strict=True):
        for name, kind in zip(("one", "two"), kinds, strict=True):
            record[name] = xr.DataTree(xr.Dataset(attrs={"role": "controller", "model_type": kind}))
    comparison = compare(*records)
    assert comparison.reference.label == "uncontrolled"
    assert comparison.reference_reason == "'uncontrolled', whose devices nobody coordinates"


def test_computing_times_of_many_controllers_are_added_up(
    build_district: RecordBuilder, compare: Compare
) -> None:
    records = [build_district("uncontrolled"), build_district("congestion")]
    rows = records[1].children["drive"].to_dataset(inherit=False)[["negotiation_rounds"]]
    rows.attrs["model_type"] = "drive_ev_agent"
    records[1]["agent"] = xr.DataTree(rows)
    records[1].attrs |= {"wall_time_drive_s": 2.0, "wall_time_agent_s": 0.5}
    comparison = compare(*records)
    times = values(comparison, "decisions_wall_time_s")
    assert times == pytest.approx((np.nan, 2.5), nan_ok=True)
    assert "decision_wall_time_ms" not in {measure.name for measure in comparison.measures}


def test_what_the_solver_takes_is_told(build_district: RecordBuilder, compare: Compare) -> None:
    records = [build_district("uncontrolled"), build_district("central", algorithm="central")]
    step = {"steps": 4, "step_s": 2.0, "transfer_s": 0.0, "longest_s": 1.0}
    times = {
        "total_s": 3.0,
        "start_s": 0.5,
        "end_s": 0.0,
        "mosaik_s": 0.5,
        "recording": step | {"step_s": 0.0},
        "models": {"drive": step | {"parts_s": {"solver": 1.75}}},
    }
    records[1].attrs["wall_times"] = json.dumps(times)
    found = values(compare(*records), "solver_wall_time_s")
    assert found == pytest.approx((np.nan, 1.75), nan_ok=True)

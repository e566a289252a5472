"""Figures of a district that plans its devices: what they say follows from `build_district`."""
# ruff: noqa: RUF001 -- the report writes minus signs and dashes

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import xarray as xr
from matplotlib.figure import Figure

from gridloom.scenarios.results.figures import report_figures
from gridloom.scenarios.results.figures.style import ReportFigure
from gridloom.scenarios.results.kpis import compute_kpis

RecordBuilder = Callable[..., xr.DataTree]


def by_key(record: xr.DataTree) -> dict[str, ReportFigure]:
    return {figure.key: figure for figure in report_figures(record)}


def changed(record: xr.DataTree, group: str, **variables: Any) -> xr.DataTree:
    """Replace variables of a group, keeping their dimensions."""
    rows = record.children[group].to_dataset(inherit=False)
    new = {name: (rows[name].dims, np.asarray(value)) for name, value in variables.items()}
    record[group] = xr.DataTree(rows.assign(new))
    return record


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """Build figures without rendering them, which is slow; collect them in their order."""
    figures: list[Figure] = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, *args, **options: figures.append(figure))
    return figures


def line(figure: Figure, panel: int, label: str) -> Any:
    """Return the heights of a line by its label."""
    found = next(each for each in figure.axes[panel].lines if each.get_label() == label)
    return np.asarray(found.get_ydata(), dtype=float)


@pytest.mark.usefixtures("drawn")
def test_titles_state_the_message_with_its_number(build_district: RecordBuilder) -> None:
    titles = {key: figure.title for key, figure in by_key(build_district()).items()}
    assert titles == {
        "power": (
            "Net import peaks at 19.5 kW at 16:22:30 (load 11.5 kW, ev 8 kW, heat_pump 0 kW)"
        ),
        "net-power": (
            "A was to carry 7 kW before its limit of 4 kW was looked at; at most 5 kW flow, "
            "beyond it for 15 min"
        ),
        "net-prices": "The limit of A is worth up to 100 EUR/MWh",
        "convergence": (
            "12 rounds at first, 3 later (median); plans are within 1 % of the optimum"
        ),
        "indoor-temperature-heat_pump": (
            "1 of 2 heated buildings leave the comfort limits, by up to 0.4 K: 19.6–21 °C"
        ),
    }


def test_nets_are_drawn_against_their_limits(
    build_district: RecordBuilder, drawn: list[Figure]
) -> None:
    figures = by_key(build_district())
    figure = drawn[list(figures).index("net-power")]
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles == ["A (limit 4 kW)", "trafo (limit 10 kW)"]
    assert line(figure, 1, "plan").tolist() == [4, 10, 8, -1, -1]
    assert line(figure, 1, "prognosis").tolist() == [3, 15, 12, -12, -12]
    assert line(figure, 1, "limit").tolist() == [10, 10]


def test_limits_of_export_are_drawn_where_it_comes_near(
    build_district: RecordBuilder, drawn: list[Figure]
) -> None:
    def limits_of_trafo(record: xr.DataTree) -> list[float]:
        drawn.clear()
        place = list(by_key(record)).index("net-power")
        heights = (np.asarray(each.get_ydata()) for each in drawn[place].axes[1].lines)
        return [float(y[0]) for y in heights if len(y) == 2 and abs(y[0]) == 10]

    record = build_district()
    assert limits_of_trafo(record) == [10.0]
    planned_kw = record["drive"]["planned_power_kw"].to_numpy().copy()
    planned_kw[3, 1] = -6.0
    assert limits_of_trafo(changed(record, "drive", planned_power_kw=planned_kw)) == [10.0, -10.0]


def test_prices_between_those_of_the_tariff(
    build_district: RecordBuilder, drawn: list[Figure]
) -> None:
    figures = by_key(build_district())
    figure = drawn[list(figures).index("net-prices")]
    assert line(figure, 0, "tariff, import").tolist() == [300, 250, 250, 300, 300]
    assert line(figure, 0, "tariff, export").tolist() == [80] * 5
    assert line(figure, 0, "community").tolist() == [80, 200, 250, 80, 80]
    assert line(figure, 1, "trafo").tolist() == [0, 40, 20, -8, -8]
    assert line(figure, 1, "A").tolist() == [0, 100, 0, 0, 0]


def test_without_congestion_there_is_but_the_net_price(
    build_district: RecordBuilder, drawn: list[Figure]
) -> None:
    record = changed(build_district(), "drive", congestion_price_eur_per_mwh=np.zeros((4, 4)))
    figures = by_key(record)
    assert (
        figures["net-prices"].title == "No limit has a price; that of energy is 80 to 250 EUR/MWh"
    )
    assert len(drawn[list(figures).index("net-prices")].axes) == 1
    assert "ongestion" not in figures["net-prices"].caption


@pytest.mark.usefixtures("drawn")
def test_households_by_themselves_have_a_band_of_prices(build_district: RecordBuilder) -> None:
    record = changed(build_district(), "drive", parent=[-1, -1, -1, -1])
    assert "band: lowest to highest" in by_key(record)["net-prices"].caption


def test_first_and_typical_negotiation_round_by_round(
    build_district: RecordBuilder, drawn: list[Figure]
) -> None:
    """The later ones take 3, 5 and 3 rounds: the typical one is that of 3 that came last."""
    figures = by_key(build_district())
    figure = drawn[list(figures).index("convergence")]
    assert line(figure, 0, "residual").tolist() == [2.0, 1.0, 0.5, 0.1]
    assert line(figure, 0, "change").tolist() == [1.0, 0.8, 0.4, 0.2]
    assert line(figure, 1, "residual").tolist() == [2.0]
    first, later = figure.axes[2].lines, figure.axes[3].lines
    assert [each.get_ydata()[0] for each in first] == pytest.approx([30.0, 1.0])  # type: ignore[index]
    assert [each.get_xdata()[0] for each in first] == pytest.approx([5.0, 12.0])  # type: ignore[index]
    assert [each.get_ydata()[0] for each in later] == pytest.approx([0.2, 0.4])  # type: ignore[index]
    assert figure.axes[1].get_title(loc="right") == "negotiation at 16:45:00"
    assert "6 rounds are recorded" in figures["convergence"].caption


@pytest.mark.usefixtures("drawn")
def test_negotiations_without_rounds_or_certificates(build_district: RecordBuilder) -> None:
    nothing = np.full((4, 6), np.nan)
    record = changed(build_district(), "drive", certified_gap=np.full(4, np.nan))
    assert by_key(record)["convergence"].title.endswith("; no negotiation has a certificate")
    record = changed(
        record,
        "drive",
        round_residual_kw=nothing,
        round_change_kw=nothing,
        round_gap=nothing,
    )
    assert "convergence" not in by_key(record)


@pytest.mark.usefixtures("drawn")
def test_without_limits_there_is_no_net_to_look_at(build_district: RecordBuilder) -> None:
    record = changed(build_district(), "drive", limit_kw=np.full(4, np.inf))
    assert "net-power" not in by_key(record)


@pytest.mark.usefixtures("drawn")
def test_powers_that_are_not_recorded_are_not_made_up(build_district: RecordBuilder) -> None:
    record = build_district()
    del record["ev"]
    assert by_key(record)["net-power"].title == (
        "A was to carry 7 kW before its limit of 4 kW was looked at; at most 4 kW are planned"
    )


def test_indoor_temperatures_with_limits_and_weather(
    build_district: RecordBuilder, drawn: list[Figure]
) -> None:
    figures = by_key(build_district())
    figure = drawn[list(figures).index("indoor-temperature-heat_pump")]
    assert line(figure, 0, "median") == pytest.approx([20.75, 20.3, 19.95, 20.1, 20.1])
    assert line(figure, 0, "comfort limits").tolist() == [20] * 5
    assert line(figure, 1, "outdoors").tolist() == [5, 4, 3, 2, 2]


@pytest.mark.usefixtures("drawn")
def test_buildings_within_their_limits(build_district: RecordBuilder) -> None:
    record = changed(build_district(), "heat_pump", temperature_limit_low_c=np.full(4, 19.0))
    assert by_key(record)["indoor-temperature-heat_pump"].title == (
        "All 2 heated buildings stay within their limits: 19.6–21 °C"
    )


def test_with_a_tariff_power_is_that_of_settlement_periods(
    build_district: RecordBuilder, drawn: list[Figure]
) -> None:
    """What loads draw changes every 450 s; 11 kW in every period of 15 min.

    The title tells the peak of the steps all the same, 11.5 kW and 8 kW of the vehicles.
    """
    record = build_district("uncontrolled")
    label = "net of all classes"
    of_periods = by_key(record)["power"]
    assert line(drawn[0], 0, label) == pytest.approx([11, 19, 15, 6, 6])
    assert "means over 15 min" in of_periods.caption
    assert of_periods.caption.endswith(
        "All are means of settlement periods of 15 min, in which peaks do not show."
    )
    drawn.clear()
    del record["tariff"]
    of_steps = by_key(record)["power"]
    assert of_steps.title == of_periods.title
    assert "means over 7.5 min" in of_steps.caption
    assert "peaks do not show" not in of_steps.caption
    assert line(drawn[0], 0, label)[:2] == pytest.approx([10.5, 11.5])


def test_a_step_without_a_solution_leaves_no_gap_in_its_period(
    build_district: RecordBuilder, drawn: list[Figure]
) -> None:
    record = build_district("uncontrolled")
    time = record["load"]["time"]
    supplied_kw = np.array([1.0, 2, np.nan, 4, np.nan, np.nan, 7, 8])
    record["grid"] = xr.DataTree(
        xr.Dataset(
            {
                "line_current_a": (("time", "line", "phase"), np.full((8, 1, 1), np.nan)),
                "slack_power_kw": ("time", supplied_kw),
                "time": time,
            },
            attrs={"role": "simulator", "model_type": "grid", "step_size_s": 450},
        )
    )
    title = by_key(record)["power"].title
    (peak_kw,) = (kpi.value for kpi in compute_kpis(record) if kpi.name == "import_peak_kw")
    assert peak_kw == 8.0
    assert title.startswith("Net import peaks at 8 kW at 16:52:30 (load 11.5 kW, ")
    label = "net exchange with the upstream grid (positive: import)"
    assert line(drawn[0], 0, label) == pytest.approx([1.5, 4, np.nan, 7.5, 7.5], nan_ok=True)


def test_equal_records_give_equal_bytes(build_district: RecordBuilder) -> None:
    first, second = by_key(build_district()), by_key(build_district())
    assert {key: figure.svg for key, figure in first.items()} == {
        key: figure.svg for key, figure in second.items()
    }
    assert all(figure.caption.endswith(".") for figure in first.values())


@pytest.mark.usefixtures("drawn")
def test_records_without_nets_have_none_of_it(build_district: RecordBuilder) -> None:
    keys = by_key(build_district("uncontrolled")).keys()
    assert not {"net-power", "net-prices", "convergence"} & keys

"""Figures and cash flows of a run with an MCU: what they say follows from `build_negotiated`."""
# ruff: noqa: RUF001 -- the report writes minus signs and dashes

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from matplotlib.figure import Figure

from gridloom.scenarios.results.cash_flows import CashFlow, cash_flows
from gridloom.scenarios.results.figures import report_figures
from gridloom.scenarios.results.figures.style import ReportFigure
from gridloom.scenarios.results.kpis import compute_kpis
from gridloom.scenarios.results.kpis.negotiation import negotiation_of
from gridloom.scenarios.results.report import write_report

RecordBuilder = Callable[..., xr.DataTree]


@pytest.fixture
def words_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the slow part: the figures are built, but not rendered."""
    monkeypatch.setattr(Figure, "savefig", lambda *args, **options: None)


def by_key(record: xr.DataTree) -> dict[str, ReportFigure]:
    return {figure.key: figure for figure in report_figures(record)}


def flows(record: xr.DataTree) -> dict[str, CashFlow]:
    negotiation = negotiation_of(record)
    assert negotiation is not None
    return {flow.payer: flow for flow in cash_flows(negotiation).lines}


def cents(text: str) -> int:
    return int(text.replace("−", "-").replace(".", ""))


def test_titles_tell_the_message(build_negotiated: RecordBuilder) -> None:
    figures = by_key(build_negotiated())
    # Wind strays by 100 + 50 + 100 kWh, generators and storage by 60 + 50 + 30 and 40 + 30 kWh
    assert (
        figures["schedules"].title
        == "Forecasts miss by 250 kWh; flexible agents move 210 kWh away from their schedules"
    )
    assert figures["local-price"].title == (
        "Nothing is left to the market in 2 of 3 intervals with an expected imbalance, "
        "after 2.8 rounds each"
    )
    assert (
        figures["bonuses"].title
        == "Flexible agents receive 4.4 EUR of bonuses, most of all dg (2.8 EUR)"
    )
    assert list(figures)[1:4] == ["schedules", "local-price", "bonuses"]


def test_equal_records_give_equal_bytes(build_negotiated: RecordBuilder) -> None:
    first, second = by_key(build_negotiated()), by_key(build_negotiated())
    assert {key: figure.svg for key, figure in first.items()} == {
        key: figure.svg for key, figure in second.items()
    }


def test_bars_of_the_bonuses_are_the_hours_sums(
    build_negotiated: RecordBuilder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Heights by hour: 1.0 up and 1.0 down, 1.0 and 1.0, 2.4 and 4.0, nothing."""
    drawn: list[Figure] = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, *args, **options: drawn.append(figure))
    figures = report_figures(build_negotiated())
    place = [figure.key for figure in figures].index("bonuses")
    axes = drawn[place].axes[0]
    up, down = np.zeros(4), np.zeros(4)
    for bar in axes.patches:
        height = bar.get_height()  # type: ignore[attr-defined]
        hour = round(bar.get_x() + bar.get_width() / 2) - 1  # type: ignore[attr-defined]
        up[hour] += max(height, 0.0)
        down[hour] += max(-height, 0.0)
    assert up == pytest.approx([1.0, 1.0, 2.4, 0.0])
    assert down == pytest.approx([1.0, 1.0, 4.0, 0.0])


@pytest.mark.usefixtures("words_only")
def test_figures_without_bonuses_or_imbalance(build_negotiated: RecordBuilder) -> None:
    record = build_negotiated()
    calm = record["mcu"].to_dataset()
    record["mcu"] = xr.DataTree(
        calm.assign({name: calm[name] * 0.0 for name in ("bonus_eur_per_mwh",)}).assign(
            expected_surplus_kw=calm["expected_surplus_kw"] * 0.0
        )
    )
    figures = by_key(record)
    assert "bonuses" not in figures
    assert figures["local-price"].title == "No imbalance was expected"


@pytest.mark.usefixtures("words_only")
def test_agents_that_add_to_the_imbalance_pay(build_negotiated: RecordBuilder) -> None:
    record = build_negotiated()
    for name in ("dg", "ess"):  # mirrored at their schedules: what they received they pay
        scheduled_kw = record[f"{name}_agent"]["scheduled_power_kw"].to_numpy()
        record[name]["power_kw"] = record[name]["power_kw"] * -1.0 + 2.0 * scheduled_kw
    assert by_key(record)["bonuses"].title == (
        "Flexible agents pay 4.4 EUR: they add more to the imbalance than they take away"
    )


@pytest.mark.usefixtures("words_only")
def test_records_without_an_mcu_have_none_of_it(build_record: RecordBuilder) -> None:
    assert not {"schedules", "local-price", "bonuses"} & by_key(build_record()).keys()


def test_cash_flows_are_those_of_the_ledger(build_negotiated: RecordBuilder) -> None:
    table = flows(build_negotiated())
    wind, market, mcu = table["wind"], table["market"], table["mcu"]
    assert (wind.day_ahead, wind.real_time, wind.total) == ("−200.00", "−7.50", "−207.50")
    assert (wind.role, wind.bonus) == ("declares only", "−6.00")
    assert (market.day_ahead, market.real_time, market.total) == ("280.00", "1.20", "281.20")
    assert (mcu.total, mcu.bonus) == ("0.00", "")
    assert table["dg"].role == "flexible"


def test_every_row_and_column_of_the_table_adds_up(build_negotiated: RecordBuilder) -> None:
    """Powers that make no whole cents: what is printed adds up all the same."""
    record = build_negotiated(unrepresented_kw=1.2345)
    record["dg"]["power_kw"] = record["dg"]["power_kw"] * 1.00777
    table = flows(record)
    columns = [(cents(f.day_ahead), cents(f.real_time), cents(f.total)) for f in table.values()]
    assert all(day_ahead + real_time == total for day_ahead, real_time, total in columns)
    sums = columns.pop()
    assert sums == (0, 0, 0)
    assert tuple(map(sum, zip(*columns, strict=True))) == sums


def test_the_report_holds_the_table_and_nothing_from_outside(
    build_negotiated: RecordBuilder, tmp_path: Path
) -> None:
    record = build_negotiated(unrepresented_kw=10.0)
    write_report(record, compute_kpis(record), tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert 'id="cash-flows"' in text
    assert "No agent speaks for load: what these consume is mcu’s to pay." in text
    assert re.search(r"<th scope=\"row\">mcu</th><td>coordinator</td>\s*<td[^>]*>1\.60</td>", text)
    assert not re.search(r"https?:|<script|<link|@import", text)


def test_the_report_without_an_mcu_has_no_table(
    build_record: RecordBuilder, tmp_path: Path
) -> None:
    record = build_record("load")
    write_report(record, compute_kpis(record), tmp_path / "report.html")
    assert "cash-flows-title" not in (tmp_path / "report.html").read_text(encoding="utf-8")

"""Rules of an MCU side by side; costs by hand from `build_negotiated`.

Without an imbalance a run costs -280 + 109.7 + 2.35 = -167.95 EUR. A factor of 1 sells 40 kWh at
30 EUR/MWh (-1.20 EUR), of 2 sells 80 kWh (-2.40), of -1 buys 40 kWh at 70 EUR/MWh (+2.80).
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import xarray as xr

from gridloom.scenarios.results.comparison import (
    Comparison,
    find_published,
    read_published,
    write_comparison_page,
)
from gridloom.scenarios.results.comparison.published import PublishedValue

RecordBuilder = Callable[..., xr.DataTree]
IMBALANCES = {"bisection": 0.0, "schedule": -1.0, "central": 1.0, "perfect": 2.0}


@pytest.fixture(scope="module")
def rules(build_negotiated: RecordBuilder) -> list[xr.DataTree]:
    return [build_negotiated(rule, rule=rule, imbalance=k) for rule, k in IMBALANCES.items()]


@pytest.fixture(scope="module")
def comparison(rules: list[xr.DataTree], compare: Callable[..., Comparison]) -> Comparison:
    return compare(*rules)


def values(comparison: Comparison, name: str, of: str = "") -> tuple[float, ...]:
    return next(m.values for m in comparison.measures if (m.name, m.of) == (name, of))


def test_operating_costs_stand_first(comparison: Comparison) -> None:
    assert comparison.measures[0].name == "operating_cost_eur"
    costs = values(comparison, "operating_cost_eur")
    assert costs == pytest.approx([-167.95, -165.15, -169.15, -170.35])


def test_share_of_the_central_saving(comparison: Comparison) -> None:
    # Of 4.00 EUR between schedule and central: 2.80, 0, 4.00 and 5.20 EUR
    shares = values(comparison, "efficiency_percent")
    assert shares == pytest.approx([70.0, 0.0, 100.0, 130.0])


def test_schedules_that_are_kept_are_the_reference(comparison: Comparison) -> None:
    assert comparison.reference.label == "schedule"
    assert comparison.reference_reason == "'schedule', in which all keep their day-ahead schedules"


def test_sentences_name_rules_and_what_the_coordinator_keeps(
    build_negotiated: RecordBuilder, rules: list[xr.DataTree], compare: Callable[..., Comparison]
) -> None:
    # With 40 kWh bought at 70 EUR/MWh instead of sold at 30, the coordinator is 4.00 EUR short
    captured, balance, *_ = compare(*rules, build_negotiated("ascent", rule="ascent")).sentences
    assert captured.endswith("the rules capture: ascent 100 % and bisection 70 %.")
    assert balance == (
        "The coordinator breaks even with ascent, adds 1.2 EUR with bisection, "
        "adds 4 EUR with schedule."
    )


def test_what_negotiations_took_is_told(comparison: Comparison) -> None:
    assert values(comparison, "negotiation_rounds_mean") == (2.75,) * 4
    assert values(comparison, "remaining_imbalance_percent") == pytest.approx((16.0,) * 4)
    assert values(comparison, "bonus_paid_eur") == pytest.approx((4.4,) * 4)
    assert values(comparison, "gain_eur", "wind") == pytest.approx((5.0,) * 4)


@pytest.mark.parametrize("missing", ["schedule", "central"])
def test_no_share_without_both_ends(
    rules: list[xr.DataTree], compare: Callable[..., Comparison], missing: str
) -> None:
    there = [record for record in rules if record.attrs["variant"] != missing]
    comparison = compare(*there)
    assert "efficiency_percent" not in {measure.name for measure in comparison.measures}
    assert "operating_cost_eur" in {measure.name for measure in comparison.measures}
    assert not any("capture" in sentence for sentence in comparison.sentences)


def test_the_energy_adjusted_cost_is_no_measure_of_it(
    build_negotiated: RecordBuilder, build_record: RecordBuilder, compare: Callable[..., Comparison]
) -> None:
    """J prices the imbalance alone, and these runs generate as well."""
    records = [build_negotiated(rule, rule=rule) for rule in ("bisection", "schedule")]
    for record in records:
        record["ev"] = build_record("ev")["ev"]
    comparison = compare(*records)
    assert comparison.reference.total("vehicle_energy_kwh") == pytest.approx(59.1)
    assert comparison.costs is None


def test_the_page_holds_marks_of_the_paper_and_ours(
    rules: list[xr.DataTree], compare: Callable[..., Comparison], tmp_path: Path
) -> None:
    marks = [
        PublishedValue(
            scheme="bisection",
            kpi="rescheduled_power_kw",
            of=("dg hour 2",),
            value=-70.0,
            unit="kW",
            note="other wind",
            source="a paper",
        ),
        PublishedValue(
            scheme="bisection", kpi="rescheduled_up_hour", of=("dg",), value=9.0, unit="1"
        ),
    ]
    comparison = compare(*rules, published=marks)
    assert [beside.ours for beside in comparison.beside] == [
        (("bisection", pytest.approx(-50.0)),),
        (("bisection", 1.0),),
    ]
    write_comparison_page(comparison, tmp_path / "comparison.html")
    text = (tmp_path / "comparison.html").read_text(encoding="utf-8")
    assert 'id="operating-cost"' in text
    assert "bisection captures 70 % of the 4 EUR that a central optimum saves" in text
    assert "measured less scheduled day-ahead (dg hour 2)" in text


def test_the_papers_marks_are_shipped_with_the_case() -> None:
    """The numbers that the paper's text gives, and that ours are not expected to match."""
    path = find_published("mcu-2020", [])
    assert path is not None
    marks: dict[Any, float] = {(m.kpi, m.of): m.value for m in read_published(path)}
    by_hour = {of[0]: v for (kpi, of), v in marks.items() if kpi == "rescheduled_power_kw"}
    assert by_hour == {
        "flexible hour 9": 6950.0,
        "flexible hour 15": -6950.0,
        "ev hour 4": 350.0,
        "ev hour 8": 850.0,
        "ev hour 9": 5500.0,
        "ev hour 6": -5500.0,
        "ev hour 7": -1200.0,
    }
    assert "reconstruction" in read_published(path)[0].note

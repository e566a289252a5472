"""Costs side by side: energy-adjusted cost, bounds and Table I, worked out by hand."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gridloom.scenarios.results.comparison import (
    CertifiedBounds,
    EnergyReference,
    write_comparison_csv,
)
from gridloom.simulators.errors import RecordError

SAVING = {"imbalance": 0.5, "charge": -0.02, "current": 0.8}
"""Half the imbalance, 3 vehicles x 30 kWh x 0.02 = 1.8 kWh less, no overload."""
J_SAVING = 0.06 + 0.0975 * 1.8
BOUNDS = CertifiedBounds(
    energy_adjusted_cost_eur=-0.38, energy_adjusted_cost_no_speculation_eur=0.02
)


@pytest.fixture
def records(scheme: Any) -> list[Any]:
    return [scheme("basic"), scheme("saving", "amas", **SAVING)]


def _values(comparison: Any, name: str) -> tuple[float, ...]:
    (values,) = (measure.values for measure in comparison.measures if measure.name == name)
    return tuple(values)


def test_energy_missing_in_vehicles_is_paid_for(records: Any, compare: Any) -> None:
    found = compare(*records)
    assert found.costs.reference.price_eur_per_mwh == 97.5
    assert found.costs.reference.vehicle_energy_kwh == pytest.approx(59.1)
    assert found.costs.costs_eur == pytest.approx((0.12, J_SAVING))
    assert _values(found, "energy_adjusted_cost_eur") == pytest.approx((0.12, J_SAVING))


def test_the_value_of_energy_can_be_given(records: Any, compare: Any) -> None:
    found = compare(*records, energy_price_eur_per_mwh=50.0)
    assert found.costs.costs_eur == pytest.approx((0.12, 0.06 + 0.05 * 1.8))


def test_the_reference_is_basic_wherever_it_stands(records: Any, compare: Any) -> None:
    found = compare(*reversed(records))
    assert found.reference.label == "basic"
    assert found.costs.costs_eur == pytest.approx((J_SAVING, 0.12))


def test_without_basic_the_first_is_the_reference_and_said_to_be(scheme: Any, compare: Any) -> None:
    found = compare(scheme("one", "amas"), scheme("two", "milp"))
    assert found.reference.label == "one"
    assert "the first" in found.reference_reason


def test_gap_closed_is_the_way_from_the_reference_to_the_bound(records: Any, compare: Any) -> None:
    """From 0.12 EUR to the bound of 0.02 (or -0.38) EUR are 0.10 (or 0.50) EUR."""
    found = compare(*records, bounds=BOUNDS)
    saved = 0.12 - J_SAVING
    assert _values(found, "gap_closed_no_speculation_percent") == pytest.approx(
        (0.0, 100 * saved / 0.10)
    )
    assert _values(found, "gap_closed_percent") == pytest.approx((0.0, 100 * saved / 0.50))
    assert _values(found, "gap_to_bound_eur") == pytest.approx((0.50, J_SAVING + 0.38))


def test_bounds_can_be_computed_once_the_reference_is_known(records: Any, compare: Any) -> None:
    asked: list[EnergyReference] = []

    def prove(reference: EnergyReference) -> CertifiedBounds:
        asked.append(reference)
        return BOUNDS

    assert compare(*records, bounds=prove).costs.bounds is BOUNDS
    (reference,) = asked
    assert reference.label == "basic"
    assert reference.price_eur_per_mwh == 97.5


def test_without_bounds_the_rows_stay_and_are_empty(records: Any, compare: Any) -> None:
    found = compare(*records)
    assert np.isnan(_values(found, "gap_closed_percent")).all()
    assert compare(*records, bounds=lambda _: None).costs.bounds is None


def test_a_reference_as_good_as_the_bound_leaves_no_gap_to_close(
    records: Any, compare: Any
) -> None:
    bounds = CertifiedBounds(energy_adjusted_cost_eur=0.12)
    assert np.isnan(_values(compare(*records, bounds=bounds), "gap_closed_percent")).all()


def test_table_1_gives_costs_and_ratios(records: Any, compare: Any) -> None:
    shortage, imbalance = compare(*records).settlements
    assert (shortage.kpi, imbalance.kpi) == ("shortage_cost_eur", "imbalance_cost_eur")
    assert [row.label for row in imbalance.rows] == ["period 1", "period 2", "total"]
    first, second, total = imbalance.rows
    assert first.costs_eur == pytest.approx((0.20, 0.10))
    assert first.ratios_percent == pytest.approx((100.0, 50.0))
    assert second.costs_eur == pytest.approx((-0.08, -0.04))
    assert np.isnan(second.ratios_percent).all()  # the reference earns
    assert total.costs_eur == pytest.approx((0.12, 0.06))
    assert shortage.rows[1].costs_eur == (0.0, 0.0)
    assert imbalance.cells()[0] == ("period 1", [("0.200", "100 %"), ("0.100", "50 %")])


def test_storage_throughput_and_shortfall_at_departure(records: Any, compare: Any) -> None:
    """H2 leaves with 0.65 and then 0.63 of the required 0.7; both fleets move the same energy."""
    found = compare(*records)
    assert _values(found, "battery_throughput_ratio_percent") == (100.0, 100.0)
    assert _values(found, "state_of_charge_shortfall_max_percentage_points") == pytest.approx(
        (5.0, 7.0)
    )


def test_what_no_run_has_is_left_out(scheme: Any, compare: Any) -> None:
    found = compare(
        scheme("basic", "basic", "load", "charging"), scheme("amas", "amas", "load", "charging")
    )
    assert found.costs is None
    assert found.settlements == ()
    assert found.measures == ()


def test_what_one_run_lacks_is_empty(scheme: Any, compare: Any) -> None:
    found = compare(scheme("basic"), scheme("amas", "amas", "market", "load", "ev"))
    loading = _values(found, "line_loading_max_percent")
    assert loading[0] == pytest.approx(100 * 80 / 65)
    assert np.isnan(loading[1])


def test_the_table_is_tidy_and_exact(records: Any, compare: Any, tmp_path: Path) -> None:
    path = tmp_path / "comparison.csv"
    write_comparison_csv(compare(*records, bounds=BOUNDS), path)
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["scheme", "kpi", "of", "value", "unit"]
    keys = [(row["scheme"], row["kpi"], row["of"]) for row in rows]
    assert len(set(keys)) == len(keys)
    values = {key: float(row["value"]) for key, row in zip(keys, rows, strict=True)}
    assert values["saving", "energy_adjusted_cost_eur", ""] == pytest.approx(J_SAVING, rel=1e-15)
    assert values["saving", "imbalance_cost_eur", "period 1"] == pytest.approx(0.10)
    assert values["certified bound", "energy_adjusted_cost_eur", ""] == -0.38
    assert values["certified bound, no speculation", "energy_adjusted_cost_eur", ""] == 0.02


def test_a_table_that_cannot_be_written(records: Any, compare: Any, tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="cannot write"):
        write_comparison_csv(compare(*records), tmp_path / "none" / "comparison.csv")

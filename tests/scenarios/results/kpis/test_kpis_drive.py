"""Indicators of nets and their negotiations, worked out by hand; the record: `build_district`."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from gridloom.scenarios.results.kpis import compute_kpis
from gridloom.scenarios.results.kpis.drive import flexibility, overload_kw
from gridloom.scenarios.results.kpis.nets import PlannedNets, planned_nets_of

RecordBuilder = Callable[..., xr.DataTree]


def kpis_of(record: xr.DataTree) -> dict[tuple[str, str], float]:
    return {(kpi.name, kpi.of): kpi.value for kpi in compute_kpis(record)}


def changed(record: xr.DataTree, group: str, **variables: Any) -> xr.DataTree:
    """Replace variables of a group, keeping their dimensions."""
    rows = record.children[group].to_dataset(inherit=False)
    new = {name: (rows[name].dims, np.asarray(value)) for name, value in variables.items()}
    record[group] = xr.DataTree(rows.assign(new))
    return record


def nets_of(record: xr.DataTree) -> PlannedNets:
    nets = planned_nets_of(record)
    assert nets is not None
    return nets


def test_what_flows_into_each_net_is_what_its_devices_draw(build_district: RecordBuilder) -> None:
    nets = nets_of(build_district())
    assert nets.tree.names == ("community", "trafo", "A", "trafo, other")
    trafo_kw, feeder_kw = np.array([4.0, 12, 8, -1]), np.array([2.0, 5, 3, 2])
    expected_kw = np.stack([trafo_kw, trafo_kw, feeder_kw, trafo_kw - feeder_kw])
    np.testing.assert_allclose(nets.measured_kw, expected_kw, atol=1e-12)
    assert nets.controls == "tariff"
    assert nets.price_eur_per_mwh[0].tolist() == [80, 200, 250, 80]


def test_limits_and_what_flowed(build_district: RecordBuilder) -> None:
    kpis = kpis_of(build_district())
    # A: 5 of 4 kW, trafo: 12 of 10 kW, both in the second quarter of an hour only
    assert kpis["net_loading_max_percent", ""] == pytest.approx(125)
    assert kpis["net_loading_max_percent", "trafo"] == pytest.approx(120)
    assert kpis["net_power_max_kw", "A"] == pytest.approx(5)
    assert kpis["net_overload_kwh", "A"] == pytest.approx(0.25)
    assert kpis["net_overload_kwh", ""] == pytest.approx(0.25 + 0.5)
    assert kpis["net_overload_duration_min", "trafo"] == pytest.approx(15)
    assert kpis["net_overload_duration_min", ""] == pytest.approx(15)
    assert kpis["planned_overload_max_kw", ""] == pytest.approx(0.3)


def test_flexibility_that_the_operator_bought(build_district: RecordBuilder) -> None:
    # trafo: 15 -> 10, 12 -> 8 and, at export, -12 -> -1 kW: 20 kW, 5 kWh; A: 7 -> 4 kW, 0.75 kWh
    kpis = kpis_of(build_district())
    assert kpis["flexibility_bought_kwh", "trafo"] == pytest.approx(5.0)
    assert kpis["flexibility_bought_kwh", "A"] == pytest.approx(0.75)
    assert kpis["flexibility_bought_kwh", ""] == pytest.approx(5.75)
    # 1.25 kWh at 40, 1 kWh at 20, 2.75 kWh at 8 EUR/MWh; 0.75 kWh at 100 EUR/MWh
    assert kpis["flexibility_bought_eur", "trafo"] == pytest.approx(0.05 + 0.02 + 0.022)
    assert kpis["flexibility_bought_eur", ""] == pytest.approx(0.092 + 0.075)


def test_a_price_against_the_flow_pays_nothing(build_district: RecordBuilder) -> None:
    record = build_district()
    price = record["drive"]["congestion_price_eur_per_mwh"].to_numpy().copy()
    price[3, 1] = 8.0  # as if the export of the last interval were import
    kpis = kpis_of(changed(record, "drive", congestion_price_eur_per_mwh=price))
    assert kpis["flexibility_bought_eur", "trafo"] == pytest.approx(0.05 + 0.02)
    assert kpis["flexibility_bought_kwh", "trafo"] == pytest.approx(5.0)


def test_without_a_prognosis_nobody_knows_what_was_bought(build_district: RecordBuilder) -> None:
    nothing = np.full((4, 4), np.nan)
    kpis = kpis_of(changed(build_district(), "drive", prognosis_power_kw=nothing))
    assert not [name for name, _ in kpis if name.startswith("flexibility_")]
    assert kpis["net_loading_max_percent", ""] == pytest.approx(125)


def test_planning_error_is_the_root_mean_square(build_district: RecordBuilder) -> None:
    # A is 1 kW beyond its plan once in four intervals, all together are 2 kW beyond theirs
    kpis = kpis_of(build_district())
    assert kpis["planning_error_rms_kw", "A"] == pytest.approx(0.5)
    assert kpis["planning_error_rms_kw", ""] == pytest.approx(1.0)


def test_an_interval_that_the_run_cuts_short_counts_with_its_length(
    build_district: RecordBuilder,
) -> None:
    record = build_district()
    rows = record.children["load"].to_dataset(inherit=False).isel(time=slice(7))
    record["load"] = xr.DataTree(rows)
    nets, kpis = nets_of(record), kpis_of(record)
    assert nets.hours.tolist() == [0.25, 0.25, 0.25, 0.125]
    # In its first half H1 draws 0 instead of 1 kW on average, H3 2.5 instead of 2 kW
    assert nets.measured_kw[:, 3] == pytest.approx([-1.5, -1.5, 1.0, -2.5])
    assert kpis["planning_error_rms_kw", ""] == pytest.approx(
        np.sqrt((2.0**2 * 0.25 + 0.5**2 * 0.125) / 0.875)
    )


def test_how_negotiations_ended(build_district: RecordBuilder) -> None:
    kpis = kpis_of(build_district())
    assert kpis["negotiation_rounds_mean", ""] == pytest.approx(23 / 4)
    assert kpis["negotiation_rounds_max", ""] == 12
    assert kpis["certified_gap_max_percent", ""] == pytest.approx(1.0)
    assert kpis["certified_gap_median_percent", ""] == pytest.approx(0.4)
    assert kpis["negotiations_without_certificate", ""] == 1


def test_no_certificate_at_all(build_district: RecordBuilder) -> None:
    kpis = kpis_of(changed(build_district(), "drive", certified_gap=np.full(4, np.nan)))
    assert np.isnan(kpis["certified_gap_max_percent", ""])
    assert np.isnan(kpis["certified_gap_median_percent", ""])
    assert kpis["negotiations_without_certificate", ""] == 4


def test_without_limits_only_the_plan_is_judged(build_district: RecordBuilder) -> None:
    kpis = kpis_of(changed(build_district(), "drive", limit_kw=np.full(4, np.inf)))
    assert kpis["planning_error_rms_kw", ""] == pytest.approx(1.0)
    assert not [name for name, _ in kpis if name.startswith(("net_", "flexibility_", "planned_"))]


def test_nets_far_from_their_limits_are_not_listed(build_district: RecordBuilder) -> None:
    kpis = kpis_of(changed(build_district(), "drive", limit_kw=[np.inf, 10.0, 9.0, np.inf]))
    assert ("net_loading_max_percent", "trafo") in kpis
    assert ("net_loading_max_percent", "A") not in kpis  # 7 kW were expected, 78 %
    assert kpis["net_loading_max_percent", ""] == pytest.approx(120)


def test_devices_that_are_not_recorded_leave_flows_unknown(build_district: RecordBuilder) -> None:
    record = build_district()
    del record["ev"]
    nets, kpis = nets_of(record), kpis_of(record)
    assert not nets.is_measured
    assert ("net_loading_max_percent", "") not in kpis
    assert ("planning_error_rms_kw", "") not in kpis
    assert kpis["flexibility_bought_kwh", ""] == pytest.approx(5.75)


def test_records_without_nets_have_none_of_it(build_district: RecordBuilder) -> None:
    record = build_district("uncontrolled")
    assert planned_nets_of(record) is None
    assert ("negotiation_rounds_max", "") not in kpis_of(record)


POWERS = hnp.arrays(np.float64, (4, 4), elements=st.floats(-50, 50))


@given(prognosis_kw=POWERS, planned_kw=POWERS, price=POWERS)
def test_only_nets_beyond_their_limits_are_relieved_and_paid(
    build_district: RecordBuilder, prognosis_kw: Any, planned_kw: Any, price: Any
) -> None:
    nets = replace(
        nets_of(build_district()),
        prognosis_kw=prognosis_kw,
        planned_kw=planned_kw,
        congestion_price_eur_per_mwh=price,
    )
    bought = flexibility(nets)
    assert (bought.energy_kwh >= 0).all()
    assert (bought.cost_eur >= 0).all()
    within = np.abs(prognosis_kw) <= nets.limit_kw[:, np.newaxis]
    assert not bought.energy_kwh[within].any()
    mirrored = replace(
        nets,
        prognosis_kw=-prognosis_kw,
        planned_kw=-planned_kw,
        congestion_price_eur_per_mwh=-price,
    )
    np.testing.assert_allclose(flexibility(mirrored).cost_eur, bought.cost_eur)


def test_rounding_is_no_overload(build_district: RecordBuilder) -> None:
    nets = nets_of(build_district())
    limit_kw = np.array([np.inf, 12.0 - 1e-9, 5.0 - 1e-3, np.inf])
    tree = replace(nets.tree, import_limit_kw=limit_kw, export_limit_kw=limit_kw)
    assert np.argwhere(overload_kw(replace(nets, tree=tree)) > 0).tolist() == [[2, 1]]


def test_a_record_on_disk_tells_the_same(build_district: RecordBuilder, tmp_path: Path) -> None:
    record = build_district()
    record.to_netcdf(tmp_path / "record.h5", engine="h5netcdf")
    with xr.open_datatree(tmp_path / "record.h5", engine="h5netcdf") as opened:
        np.testing.assert_array_equal(nets_of(opened).measured_kw, nets_of(record).measured_kw)

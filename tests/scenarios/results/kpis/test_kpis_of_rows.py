"""Indicators of one run, from a row each step and from rows that cover several steps.

What the record of every step says is what is expected. The others agree, or say that they do not.
"""

from typing import Any, TypeAlias

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from gridloom.scenarios.results.kpis import Kpi, compute_kpis
from gridloom.scenarios.results.kpis.energy import energy_kpis
from gridloom.scenarios.results.kpis.operating_cost import wear_cost_eur
from gridloom.scenarios.results.kpis.storage import storage_kpis
from gridloom.scenarios.results.recording import Recording
from gridloom.simulators.model import FloatArray
from gridloom.simulators.signals import (
    BUS_VOLTAGE,
    LINE_CURRENT,
    LOSSES,
    POWER,
    SLACK_POWER,
    STATE_OF_CHARGE,
    UNSOLVED,
)

NAN = np.nan
OF_15_MIN = "(of 15-min means)"
ENERGIES = {"consumed_kwh", "injected_kwh"}
AT_ONCE = {
    "self_consumption_percent",
    "self_sufficiency_percent",
    "district_imported_kwh",
    "district_exported_kwh",
}
Kpis: TypeAlias = dict[tuple[str, str], Kpi]


def _kpis(record: xr.DataTree) -> Kpis:
    return {(kpi.name, kpi.of): kpi for kpi in compute_kpis(record)}


def _remarked(kpis: Kpis) -> set[str]:
    return {name for (name, _), kpi in kpis.items() if kpi.label.endswith(OF_15_MIN)}


def _net_metered(rows: Any) -> Any:
    """A house that draws 3 kW for 30 s and feeds in 1 kW for the next, for 7.5 h."""
    power_kw = np.tile([[3.0], [-1.0]], (450, 1))
    return rows(signals={POWER: power_kw}, kinds={POWER: ("house", ["H1"])}, step_s=30)


def test_energies_of_what_draws_and_feeds_in_within_a_row(
    record: Any, rows: Any, coarsen: Any
) -> None:
    steps = record(house=_net_metered(rows))
    fine, coarse = _kpis(steps), _kpis(coarsen(steps, 900))
    # Half of 7.5 h each
    assert fine["consumed_kwh", "house"].value == pytest.approx(11.25)
    assert fine["injected_kwh", "house"].value == pytest.approx(3.75)
    assert coarse.keys() == fine.keys()
    for name in ENERGIES:
        assert coarse[name, "house"].value == pytest.approx(fine[name, "house"].value)
        assert coarse[name, "house"].label == fine[name, "house"].label
    assert _remarked(coarse) == AT_ONCE
    assert not _remarked(fine)


def test_no_energy_is_called_exact_that_the_record_does_not_prove(
    record: Any, rows: Any, coarsen: Any
) -> None:
    steps = record(house=_net_metered(rows))
    coarse = _kpis(coarsen(steps, 900, dropped=["power_kw_netted"]))
    assert coarse["consumed_kwh", "house"].value == pytest.approx(7.5)  # 1 kW on average
    assert "consumed_kwh" in _remarked(coarse)


def _recordings(
    coarsen: Any, power_kw: FloatArray, length_s: int, **static: Any
) -> tuple[Recording, Recording]:
    """Return a row each step of 30 s, and a row each ``length_s``."""
    time = np.datetime64("2021-03-24", "ns") + np.arange(len(power_kw)) * np.timedelta64(30, "s")
    battery = ("time", "battery")
    group = xr.Dataset(
        {
            "power_kw": (battery, power_kw),
            "state_of_charge": (battery, np.full(power_kw.shape, 0.5)),
            "battery": [f"B{number}" for number in range(power_kw.shape[1])],
            "time": ("time", time),
            **static,
        },
        attrs={"step_size_s": 30},
    )
    steps: xr.DataTree = xr.DataTree.from_dict({"/": xr.Dataset(), "battery": group})
    fine, coarse = (
        Recording.of("battery", record.children["battery"])
        for record in (steps, coarsen(steps, length_s))
    )
    return fine, coarse


@given(
    power_kw=arrays(
        np.float64,
        st.tuples(st.just(60), st.integers(1, 3)),
        elements=st.floats(-10, 10) | st.just(0.0),
    ),
    length_s=st.sampled_from([60, 300, 900]),
)
@settings(max_examples=30, deadline=None)
def test_energies_throughput_and_wear_do_not_depend_on_the_rows(
    coarsen: Any, power_kw: FloatArray, length_s: int
) -> None:
    prices = np.arange(1.0, power_kw.shape[1] + 1)
    fine, coarse = _recordings(
        coarsen,
        power_kw,
        length_s,
        energy_capacity_kwh=("battery", np.full(power_kw.shape[1], 10.0)),
        throughput_cost_eur_per_mwh=("battery", prices),
    )
    expected = {k.name: k for k in energy_kpis([fine]) + storage_kpis(fine)}
    found = {k.name: k for k in energy_kpis([coarse]) + storage_kpis(coarse)}
    assert found.keys() == expected.keys()
    for name in found.keys() - AT_ONCE:
        if not name.startswith("district"):
            assert found[name].value == pytest.approx(expected[name].value, abs=1e-9), name
            assert found[name].label == expected[name].label
    assert wear_cost_eur(coarse) == pytest.approx(wear_cost_eur(fine), abs=1e-9)
    # By hand: |P| over 30 s each
    assert wear_cost_eur(fine) == pytest.approx((np.abs(power_kw) @ prices).sum() / 120 / 1000)


def _grid(rows: Any, losses_kw: FloatArray) -> Any:
    steps = len(losses_kw)
    exchange_kw = np.where(np.arange(steps) == steps // 2, 30.0, 5.0)
    exchange_kw[3] = -20.0
    return rows(
        signals={
            LINE_CURRENT: np.full((steps, 1, 1), 10.0),
            BUS_VOLTAGE: np.ones((steps, 1, 1)),
            LOSSES: losses_kw,
            UNSOLVED: np.isnan(losses_kw).astype(float),
            SLACK_POWER: exchange_kw,
        },
        kinds={LINE_CURRENT: ("line", ["L1"]), BUS_VOLTAGE: ("bus", ["B1"])},
        step_s=60,
    )


def test_losses_count_solved_steps_only(record: Any, rows: Any, coarsen: Any) -> None:
    # 1 kW in 40 of 60 min, and 5 kW in the last of them
    losses_kw = np.ones(60)
    losses_kw[:20], losses_kw[59] = NAN, 5.0
    steps = record(grid=_grid(rows, losses_kw))
    fine, coarse = _kpis(steps), _kpis(coarsen(steps, 1800))
    assert fine["losses_kwh", ""].value == pytest.approx(44 / 60)
    assert coarse["losses_kwh", ""].value == pytest.approx(44 / 60)
    assert coarse["losses_kwh", ""].label == fine["losses_kwh", ""].label
    assert coarse["unsolved_steps", ""].value == fine["unsolved_steps", ""].value == 20


def test_losses_say_so_where_nobody_knows_what_was_solved(
    record: Any, rows: Any, coarsen: Any
) -> None:
    steps = record(grid=_grid(rows, np.ones(60)))
    assert "losses_kwh" not in _remarked(_kpis(coarsen(steps, 900)))
    assert "losses_kwh" in _remarked(_kpis(coarsen(steps, 900, dropped=["unsolved"])))


def test_each_peak_of_the_exchange_is_exact_where_its_own_statistic_is_recorded(
    record: Any, rows: Any, coarsen: Any
) -> None:
    steps = record(grid=_grid(rows, np.ones(60)))
    coarse = _kpis(coarsen(steps, 900, dropped=["slack_power_kw_min"]))
    assert coarse["import_peak_kw", ""].value == 30.0
    assert "import_peak_kw" not in _remarked(coarse)
    assert "export_peak_kw" in _remarked(coarse)


def test_nothing_goes_both_ways_unseen_in_a_battery(coarsen: Any) -> None:
    """What it charges it discharges again, as the means do not show: 2 kW for 30 s each."""
    power_kw = np.tile([[2.0], [-2.0]], (30, 1))
    fine, coarse = _recordings(coarsen, power_kw, 900)
    assert STATE_OF_CHARGE.name in coarse
    throughput_kwh = {kpi.name: kpi.value for kpi in storage_kpis(coarse)}
    assert throughput_kwh["battery_throughput_kwh"] == pytest.approx(1.0)  # 2 kW over half an hour
    assert throughput_kwh["battery_discharged_kwh"] == pytest.approx(0.5)
    assert throughput_kwh == {kpi.name: pytest.approx(kpi.value) for kpi in storage_kpis(fine)}

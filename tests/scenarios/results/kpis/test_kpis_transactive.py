"""Indicators of negotiations at local prices, worked out by hand: see `build_negotiated`."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import xarray as xr

from gridloom.scenarios.results.kpis import compute_kpis
from gridloom.scenarios.results.kpis.interval_means import means_between
from gridloom.scenarios.results.kpis.negotiation import Negotiation, negotiation_of

RecordBuilder = Callable[..., xr.DataTree]


@pytest.fixture(scope="module")
def kpis(build_negotiated: RecordBuilder) -> dict[tuple[str, str], float]:
    return {(kpi.name, kpi.of): kpi.value for kpi in compute_kpis(build_negotiated())}


def negotiation(record: xr.DataTree) -> Negotiation:
    found = negotiation_of(record)
    assert found is not None
    return found


def test_operating_cost_is_market_generation_and_wear(kpis: dict[tuple[str, str], float]) -> None:
    # Position -1400 kW at 50 + 60 + 50 + 40 EUR/MWh; 40 kWh sold at 30 EUR/MWh
    assert kpis["day_ahead_cost_eur", ""] == pytest.approx(-280.0)
    assert kpis["imbalance_cost_eur", ""] == pytest.approx(-1.2)
    # 200 kW at 50, the rest at 80 EUR/MWh: 9 + 10.8 + 9.5 + 10 and 14.8 + 21.2 + 16.4 + 18 EUR
    assert kpis["generation_cost_eur", ""] == pytest.approx(109.7)
    # 140 + 100 + 130 + 100 kWh at 5 EUR/MWh
    assert kpis["storage_wear_cost_eur", ""] == pytest.approx(2.35)
    assert kpis["operating_cost_eur", ""] == pytest.approx(-280.0 - 1.2 + 109.7 + 2.35)


def test_each_party_pays_schedule_and_deviations(kpis: dict[tuple[str, str], float]) -> None:
    # Wind: -1000 kW day-ahead; -100 kWh at 70, 50 kWh at 50, -100 kWh at 30 EUR/MWh
    assert kpis["net_payment_eur", "wind"] == pytest.approx(-200.0 - 7.0 + 2.5 - 3.0)
    # Generators: -500 kW; 60 at 70, -50 at 50, 30 at 30
    assert kpis["net_payment_eur", "dg"] == pytest.approx(-100.0 + 4.2 - 2.5 + 0.9)
    # Storage: 100 kW; 40 at 70, 30 at 30
    assert kpis["net_payment_eur", "ess"] == pytest.approx(20.0 + 2.8 + 0.9)
    assert kpis["net_payment_eur", "market"] == pytest.approx(280.0 + 1.2)
    assert kpis["net_payment_eur", "mcu"] == pytest.approx(0.0, abs=1e-9)
    assert kpis["mcu_balance_eur", ""] == pytest.approx(0.0, abs=1e-9)
    assert kpis["mcu_balance_max_eur", ""] == pytest.approx(0.0, abs=1e-9)


def test_bonuses_are_received_by_who_helps(kpis: dict[tuple[str, str], float]) -> None:
    # Hour 1: 10 EUR/MWh, hour 2: 20 in a shortage, hour 3: 40
    assert kpis["bonus_received_eur", "dg"] == pytest.approx(0.6 + 1.0 + 1.2)
    assert kpis["bonus_received_eur", "ess"] == pytest.approx(0.4 + 1.2)
    assert kpis["bonus_received_eur", "wind"] == pytest.approx(-1.0 - 1.0 - 4.0)
    assert kpis["bonus_paid_eur", ""] == pytest.approx(2.8 + 1.6)


def test_wind_gains_against_the_market(kpis: dict[tuple[str, str], float]) -> None:
    # Alone: -100 kWh at 40, 50 at 90, -100 at 30 EUR/MWh = -2.5 EUR; here -7.5 EUR
    assert kpis["gain_eur", "wind"] == pytest.approx(5.0)
    assert ("gain_eur", "dg") not in kpis


def test_what_the_negotiations_left(kpis: dict[tuple[str, str], float]) -> None:
    assert kpis["remaining_imbalance_percent", ""] == pytest.approx(100.0 * 40 / 250)
    assert kpis["locally_traded_kwh", ""] == pytest.approx(100 + 50 + 60)
    assert kpis["negotiation_rounds_mean", ""] == pytest.approx(11 / 4)
    assert kpis["negotiation_rounds_max", ""] == 5.0


def test_rescheduled_power_by_hour(kpis: dict[tuple[str, str], float]) -> None:
    hours = [kpis["rescheduled_power_kw", f"dg hour {hour}"] for hour in (1, 2, 3, 4)]
    assert hours == pytest.approx([60.0, -50.0, 30.0, 0.0])
    assert kpis["rescheduled_up_max_kw", "dg"] == pytest.approx(60.0)
    assert kpis["rescheduled_up_hour", "dg"] == 1.0
    assert kpis["rescheduled_down_max_kw", "dg"] == pytest.approx(50.0)
    assert kpis["rescheduled_down_hour", "dg"] == 2.0
    assert kpis["rescheduled_down_max_kw", "ess"] == 0.0
    assert np.isnan(kpis["rescheduled_down_hour", "ess"])
    assert ("rescheduled_power_kw", "wind hour 1") not in kpis


def test_what_nobody_speaks_for_is_the_coordinators(build_negotiated: RecordBuilder) -> None:
    record = build_negotiated(unrepresented_kw=10.0)
    kpis = {(kpi.name, kpi.of): kpi.value for kpi in compute_kpis(record)}
    assert negotiation(record).unrepresented == ("load",)
    # 8 kW bought day-ahead; 2 kWh each hour at 80, 90, 30 (less is sold) and 60 EUR/MWh
    day_ahead_eur, real_time_eur = 8 * 0.2, 0.16 + 0.18 + 0.06 + 0.12
    assert kpis["mcu_balance_eur", ""] == pytest.approx(-day_ahead_eur - real_time_eur)
    # Hour 2: 8 kW at 60 and 2 kWh at 90 EUR/MWh
    assert kpis["mcu_balance_max_eur", ""] == pytest.approx(0.48 + 0.18)


def test_devices_of_one_agent_are_added_up(build_negotiated: RecordBuilder) -> None:
    wind, generators, storage = negotiation(build_negotiated()).parties
    assert wind.deviation_kw.tolist() == [[-100.0], [50.0], [-100.0], [0.0]]
    assert generators.deviation_kw.tolist() == [[20.0, 40.0], [-10.0, -40.0], [10.0, 20.0], [0, 0]]
    assert [party.is_flexible for party in (wind, generators, storage)] == [False, True, True]


def test_an_unfinished_run_is_settled_on_what_all_have(build_negotiated: RecordBuilder) -> None:
    record = build_negotiated()
    for name, rows in (("wind", 3), ("mcu", 3)):  # wind: an hour and a half
        record[name] = xr.DataTree(record[name].to_dataset().isel(time=slice(rows)))
    found = negotiation(record)
    assert found.edges_s.tolist() == [0.0, 3600.0, 5400.0]
    assert found.hours.tolist() == [1.0, 0.5]
    assert found.trades.edges_s.tolist() == [0.0, 3600.0, 5400.0]


@pytest.mark.parametrize("missing", ["mcu", "market", "dg", "wind_agent dg_agent ess_agent"])
def test_nothing_is_told_where_something_is_missing(
    build_negotiated: RecordBuilder, missing: str
) -> None:
    record = build_negotiated()
    for name in missing.split():
        del record[name]
    assert negotiation_of(record) is None
    names = {kpi.name for kpi in compute_kpis(record)}
    assert not {"bonus_paid_eur", "rescheduled_power_kw"} & names
    # Whoever coordinates, or nobody: devices and the market cost what they cost.
    assert ("operating_cost_eur" in names) == (missing != "market")


def test_agents_of_another_coordinator_are_not_settled(build_negotiated: RecordBuilder) -> None:
    record = build_negotiated()
    named = '"controls": "ess", "coordinator": "other"'
    record.attrs["scenario"] = record.attrs["scenario"].replace('"controls": "ess"', named)
    found = negotiation(record)
    assert [party.name for party in found.parties] == ["wind", "dg"]
    assert found.unrepresented == ("ess",)


def test_without_a_published_price_the_mean_of_both_stands_for_it(
    build_negotiated: RecordBuilder,
) -> None:
    record = build_negotiated()
    market: Any = record["market"].to_dataset()
    record["market"] = xr.DataTree(market.drop_vars("day_ahead_price_eur_per_mwh"))
    prices = negotiation(record).trades.day_ahead_eur_per_mwh
    assert prices.tolist() == [60.0, 60.0, 50.0, 40.0]


def test_means_between_edges_count_each_step_with_its_share() -> None:
    # Steps of 10 s; edges at 0, 15 and 40 s: (10 * 1 + 5 * 2) / 15 and (5 * 2 + 10 * 6 + 0) / 25
    means = means_between(np.array([1.0, 2.0, 6.0, np.nan]), 10, np.array([0.0, 15.0, 40.0]))
    assert means == pytest.approx([20 / 15, 70 / 25])

"""The imbalance market: sums, positions and averages against hand calculations."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from gridloom.simulators.errors import ScenarioError, SimulatorError
from gridloom.simulators.market import (
    ImbalanceMarket,
    ImbalanceMarketConfig,
    TakesPosition,
    average_over_periods,
)
from gridloom.simulators.model import BuildContext, Forecast

HOUSES = ("h1", "h2")


def context_of(**changes: Any) -> BuildContext:
    defaults: dict[str, Any] = {
        "name": "market",
        "start": datetime(2021, 3, 24, 15, tzinfo=UTC),
        "duration_s": 1800,
        "seed": 1,
        "connection_points": HOUSES,
    }
    return BuildContext(**{**defaults, **changes})


def market_of(context: BuildContext | None = None, **keys: Any) -> ImbalanceMarket:
    config = {
        "type": "imbalance_market",
        "prices": {"shortage_eur_per_mwh": [90, 100], "surplus_eur_per_mwh": [80]},
        **keys,
    }
    return ImbalanceMarket(ImbalanceMarketConfig.model_validate(config), context or context_of())


def forecast(interval_s: int, *power_kw: float) -> Forecast:
    return Forecast(interval_s=interval_s, power_kw=np.array(power_kw))


def imbalances(market: ImbalanceMarket, powers: Sequence[Sequence[float]]) -> list[float]:
    steps = [
        market.step(i * market.step_size, {"power_kw": np.array(power)})
        for i, power in enumerate(powers)
    ]
    return [float(step["imbalance_kwh"]) for step in steps]


def test_the_imbalance_runs_within_a_period_and_starts_anew_with_the_next() -> None:
    market = market_of(position_kw=[4, -2], step_size="5min")
    found = imbalances(market, [(3, 3), (0, 4), (1, -3), (0, 0), (-4, 1), (-1, -1)])
    # By hand, 5 min = 1/12 h. Period 1, position 4: (6-4), (4-4), (-2-4) kW; period 2, position
    # -2: (0+2), (-3+2), (-2+2). Consuming more than planned is a positive imbalance.
    np.testing.assert_allclose(np.array(found) * 12, [2, 2, -4, 2, 1, 1], atol=1e-12)


def test_the_position_holds_for_its_period() -> None:
    market = market_of(position_kw=[4, -2], step_size="5min")
    power = {"power_kw": np.zeros(2)}
    positions = [float(market.step(t, power)["position_kw"]) for t in range(0, 1800, 300)]
    assert positions == [4, 4, 4, -2, -2, -2]
    assert market.initial_outputs() == {
        "position_kw": 4,
        "imbalance_kwh": 0,
        "buying_price_eur_per_mwh": 90,
        "selling_price_eur_per_mwh": 80,
    }
    assert not market.needs_position


def test_one_position_holds_for_all_periods() -> None:
    market = market_of(position_kw=[3], step_size="15min")
    assert [float(market.step(t, {"power_kw": np.zeros(2)})["position_kw"]) for t in (0, 900)] == [
        3,
        3,
    ]


def test_losses_count_if_the_portfolio_includes_them() -> None:
    market = market_of(position_kw=[0], step_size="15min", include_losses=True)
    inputs = {"power_kw": np.array([1.0, 2.0]), "losses_kw": np.array(0.5)}
    # By hand: 3.5 kW for a quarter of an hour.
    assert market.step(0, inputs)["imbalance_kwh"] == pytest.approx(0.875, abs=1e-15)
    assert [port.name for port in market.ports][:2] == ["power_kw", "losses_kw"]


def test_losses_are_left_out_by_default() -> None:
    recorded = {port.name: port.recorded for port in market_of(position_kw=[0]).ports}
    assert recorded == {
        "power_kw": True,
        "position_kw": True,
        "imbalance_kwh": True,
        "buying_price_eur_per_mwh": False,
        "selling_price_eur_per_mwh": False,
    }


def test_unknown_losses_cannot_be_settled() -> None:
    market = market_of(position_kw=[0], include_losses=True)
    inputs = {"power_kw": np.zeros(2), "losses_kw": np.array(np.nan)}
    with pytest.raises(SimulatorError, match="'market' failed at simulation time 7 s: the losses"):
        market.step(7, inputs)


class TestPosition:
    def test_it_is_the_sum_of_the_forecasts_averaged_over_the_periods(self) -> None:
        market = market_of(step_size="15min")
        assert isinstance(market, TakesPosition)
        needed = market.needs_position
        assert market.portfolio == HOUSES
        market.take_position({"load": forecast(600, 3, 6, 9), "pv": forecast(1800, -4)})
        assert (needed, market.needs_position) == (True, False)
        # By hand, eq. (25): 10-min means over 15 min: (3 + 6/2)/1.5 = 4 and (6/2 + 9)/1.5 = 8.
        positions = [market.step(t, {"power_kw": np.zeros(2)})["position_kw"] for t in (0, 900)]
        np.testing.assert_allclose(positions, [0, 4], atol=1e-12)

    def test_a_forecast_that_ends_too_early_is_its_model_s_fault(self) -> None:
        with pytest.raises(SimulatorError, match="'pv' failed: its forecast covers 20min of a"):
            market_of().take_position({"load": forecast(600, 1, 1, 1), "pv": forecast(600, 1, 1)})

    def test_without_a_position_no_step_is_possible(self) -> None:
        with pytest.raises(RuntimeError, match="no position was taken"):
            market_of().step(0, {"power_kw": np.zeros(2)})


class TestAverage:
    def test_a_last_period_cut_short_is_averaged_over_what_it_has(self) -> None:
        # By hand: 25 min of 10-min means 3, 6, 9: the second period has 5 min of 6, 5 min of 9.
        averages = average_over_periods(forecast(600, 3, 6, 9), 900, 1500)
        np.testing.assert_allclose(averages, [4, 7.5], rtol=1e-14)

    def test_a_flat_hour_is_the_same_in_every_period(self) -> None:
        np.testing.assert_allclose(average_over_periods(forecast(3600, -5), 900, 3600), [-5] * 4)

    @given(
        power=st.lists(st.floats(-1e3, 1e3), min_size=6, max_size=6),
        period=st.sampled_from([300, 700, 900, 3600]),
    )
    def test_energy_is_kept(self, power: list[float], period: int) -> None:
        averages = average_over_periods(forecast(600, *power), period, 3600)
        lengths = np.diff(np.append(np.arange(0, 3600, period), 3600))
        assert averages @ lengths == pytest.approx(sum(power) * 600, abs=1e-6)


def test_the_portfolio_may_be_a_part_of_the_grid() -> None:
    market = market_of(at=["h2"], position_kw=[0], step_size="15min")
    assert market.portfolio == ("h2",)
    assert market.step(0, {"power_kw": np.array([4.0])})["imbalance_kwh"] == 1


def test_periods_and_prices_are_recorded() -> None:
    market = market_of(context_of(duration_s=1500), position_kw=[0])
    table = {variable.name: variable.values.tolist() for variable in market.static()}
    assert table == {
        "period_start_s": [0, 900],
        "period_stop_s": [900, 1500],
        "imbalance_price_shortage_eur_per_mwh": [90, 100],
        "imbalance_price_surplus_eur_per_mwh": [80, 80],
    }
    assert {variable.dimensions for variable in market.static()} == {("settlement_period",)}


def test_all_lists_that_are_too_short_are_counted() -> None:
    prices = {"shortage_eur_per_mwh": [1, 2], "surplus_eur_per_mwh": [1, 2]}
    with pytest.raises(ScenarioError) as caught:
        market_of(context_of(duration_s=2701), prices=prices, position_kw=[1, 2, 3])
    assert {problem.key: problem.message for problem in caught.value.problems} == {
        ("prices", "shortage_eur_per_mwh"): "2 values for 4 settlement periods",
        ("prices", "surplus_eur_per_mwh"): "2 values for 4 settlement periods",
        ("position_kw",): "3 values for 4 settlement periods",
    }
    assert caught.value.problems[0].expected == "one value for all periods, or 4"


def test_more_values_than_periods_are_fine() -> None:
    market = market_of(context_of(duration_s=900), position_kw=[1, 2, 3])
    assert market.step(0, {"power_kw": np.zeros(2)})["position_kw"] == 1


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"step_size": "7s"}, "settlement_period 15min is not a multiple of step_size 7s"),
        (
            {"prices": {"shortage_eur_per_mwh": [1, 2], "surplus_eur_per_mwh": [1, 2, 3]}},
            "2 of shortage and 3 of surplus",
        ),
        ({"prices": {"shortage_eur_per_mwh": [], "surplus_eur_per_mwh": [1]}}, "at least 1 item"),
        ({"position_kw": [float("nan")]}, "finite number"),
    ],
)
def test_contradictions_are_refused(keys: Any, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        market_of(**keys)

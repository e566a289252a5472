"""The energy market: day-ahead and real-time prices, their spread, what is known beforehand."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from gridloom.simulators.energy_market import EnergyMarket, EnergyMarketConfig
from gridloom.simulators.errors import ScenarioError
from gridloom.simulators.market import ImbalanceMarket, ImbalanceMarketConfig, TakesPosition
from gridloom.simulators.model import BuildContext
from gridloom.simulators.prices import means_over

GIVEN = {"shortage_eur_per_mwh": [90, 100, 80, 70], "surplus_eur_per_mwh": [60, 40, 50, 70]}


def context_of(**changes: Any) -> BuildContext:
    defaults: dict[str, Any] = {
        "name": "market",
        "start": datetime(2021, 3, 24, tzinfo=UTC),
        "duration_s": 3600,
        "seed": 1,
        "connection_points": ("h1", "h2"),
    }
    return BuildContext(**{**defaults, **changes})


def market_of(context: BuildContext | None = None, **keys: Any) -> EnergyMarket:
    config = {
        "type": "energy_market",
        "step_size": "5min",
        "position_kw": [0],
        "day_ahead_eur_per_mwh": [60, 70, 65, 80],
        **({} if "prices" in keys else {"real_time": {}}),
        **keys,
    }
    return EnergyMarket(EnergyMarketConfig.model_validate(config), context or context_of())


def imbalance_market() -> ImbalanceMarket:
    config = {"type": "imbalance_market", "prices": GIVEN, "position_kw": [0]}
    return ImbalanceMarket(ImbalanceMarketConfig.model_validate(config), context_of())


def told(market: ImbalanceMarket) -> list[tuple[float, float]]:
    """Buying and selling price of each step, as told before it."""
    outputs = [market.initial_outputs()]
    inputs = {"power_kw": np.zeros(2)}
    outputs += [market.step(t, inputs) for t in range(0, 3600, market.step_size)]
    names = ("buying_price_eur_per_mwh", "selling_price_eur_per_mwh")
    return [(float(each[names[0]]), float(each[names[1]])) for each in outputs[:-1]]


def constants(market: ImbalanceMarket) -> dict[str, list[float]]:
    return {variable.name: variable.values.tolist() for variable in market.static()}


def test_given_prices_are_told_before_each_step() -> None:
    market = market_of(prices=GIVEN)
    by_period = [(90, 60), (100, 40), (80, 50), (70, 70)]
    assert told(market) == [price for price in by_period for _ in range(3)]


def test_an_imbalance_market_tells_its_prices_and_records_none_of_them() -> None:
    market = imbalance_market()
    assert told(market)[899:901] == [(90, 60), (100, 40)]
    prices = [port for port in market.ports if port.name.endswith("_price_eur_per_mwh")]
    assert [port.recorded for port in prices] == [False, False]
    assert [port.recorded for port in market_of().ports[-2:]] == [True, True]
    assert "day_ahead_price_eur_per_mwh" not in constants(market)


def test_real_time_prices_are_half_the_spread_around_a_middle_price() -> None:
    market = market_of(real_time={"relative_error_std": 0, "spread_eur_per_mwh": 20})
    # By hand: without error the middle is the day-ahead price.
    assert told(market)[::3] == [(70, 50), (80, 60), (75, 55), (90, 70)]
    published = constants(market)
    assert published["day_ahead_price_eur_per_mwh"] == [60, 70, 65, 80]
    assert published["imbalance_price_shortage_eur_per_mwh"] == [70, 80, 75, 90]
    assert published["imbalance_price_surplus_eur_per_mwh"] == [50, 60, 55, 70]


@given(
    day_ahead=st.lists(st.floats(-500, 3000), min_size=4, max_size=4),
    std=st.floats(0, 2),
    spread=st.floats(0, 100),
    seed=st.integers(0, 2**32),
)
def test_selling_never_earns_more_than_buying_costs(
    day_ahead: list[float], std: float, spread: float, seed: int
) -> None:
    real_time = {"relative_error_std": std, "spread_eur_per_mwh": spread}
    market = market_of(context_of(seed=seed), day_ahead_eur_per_mwh=day_ahead, real_time=real_time)
    prices = np.array(told(market))
    np.testing.assert_allclose(prices[:, 0] - prices[:, 1], spread, atol=1e-9)
    assert (prices[:, 1] <= prices[:, 0]).all()


def test_errors_of_real_time_prices_are_as_stated() -> None:
    long = context_of(duration_s=20_000 * 900)
    market = market_of(
        long,
        day_ahead_eur_per_mwh=[50],
        real_time={"relative_error_std": 0.2, "error_correlation_time": "1h"},
    )
    published = constants(market)
    buying = np.array(published["imbalance_price_shortage_eur_per_mwh"])
    error = (buying - 15) / 50 - 1
    # 20 000 numbers, some 2 500 independent ones: standard errors 0.004 and 0.003; the
    # correlation of neighbours is exp(-1/4).
    assert error.mean() == pytest.approx(0, abs=0.016)
    assert error.std() == pytest.approx(0.2, abs=0.012)
    assert np.corrcoef(error[:-1], error[1:])[0, 1] == pytest.approx(np.exp(-0.25), abs=0.03)


def test_the_seed_decides_and_the_duration_does_not() -> None:
    day = told(market_of(context_of(duration_s=86400), day_ahead_eur_per_mwh=[60]))
    assert told(market_of(day_ahead_eur_per_mwh=[60])) == day
    assert told(market_of(context_of(seed=2), day_ahead_eur_per_mwh=[60])) != day


class TestForecast:
    def test_errors_of_real_time_prices_are_not_known_day_ahead(self) -> None:
        forecast = market_of().price_forecast(900)
        np.testing.assert_allclose(forecast.day_ahead, [60, 70, 65, 80])
        np.testing.assert_allclose(forecast.buying, [75, 85, 80, 95])
        np.testing.assert_allclose(forecast.selling, [45, 55, 50, 65])

    def test_given_prices_are_known_day_ahead(self) -> None:
        forecast = market_of(prices=GIVEN).price_forecast(1800)
        # By hand: means of two quarters of an hour each.
        np.testing.assert_allclose(forecast.buying, [95, 75])
        np.testing.assert_allclose(forecast.selling, [50, 60])
        np.testing.assert_allclose(forecast.day_ahead, [65, 72.5])

    def test_an_imbalance_market_pays_the_middle_day_ahead(self) -> None:
        market = imbalance_market()
        np.testing.assert_allclose(market.day_ahead_eur_per_mwh, [75, 70, 65, 70])
        np.testing.assert_allclose(market.price_forecast(900).day_ahead, [75, 70, 65, 70])
        np.testing.assert_allclose(market.price_forecast(900).buying, [90, 100, 80, 70])

    def test_intervals_need_not_divide_the_periods(self) -> None:
        forecast = market_of().price_forecast(1200)
        # By hand, 20-min means of 15-min prices: (3 x 60 + 70)/4, (70 + 65)/2, (65 + 3 x 80)/4.
        np.testing.assert_allclose(forecast.day_ahead, [62.5, 67.5, 76.25])

    @given(
        values=st.lists(st.floats(-1e3, 1e3), min_size=4, max_size=4),
        interval=st.sampled_from([300, 700, 900, 2500, 3600, 7200]),
    )
    def test_the_integral_is_kept(self, values: list[float], interval: int) -> None:
        means = means_over(np.array(values), 900, interval, 3600)
        lengths = np.diff(np.append(np.arange(0, 3600, interval), 3600))
        assert means @ lengths == pytest.approx(sum(values) * 900, abs=1e-6)


def test_its_position_is_taken_from_forecasts_as_in_any_market() -> None:
    market = market_of(position_kw=None)
    assert isinstance(market, TakesPosition)
    assert market.needs_position


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"prices": GIVEN, "real_time": {}}, "exactly one of the keys prices, real_time"),
        ({"prices": None}, "exactly one of the keys prices, real_time"),
        (
            {"prices": {"shortage_eur_per_mwh": [60, 60], "surplus_eur_per_mwh": [60, 61]}},
            "prices: in settlement period 1, counted from 0, a surplus earns more",
        ),
        ({"real_time": {"spread_eur_per_mwh": -1}}, "greater than or equal to 0"),
        ({"day_ahead_eur_per_mwh": []}, "at least 1 item"),
    ],
)
def test_keys_that_do_not_fit(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        market_of(**keys)


def test_lists_that_are_too_short_are_counted() -> None:
    prices = {"shortage_eur_per_mwh": [9, 9], "surplus_eur_per_mwh": [1]}
    with pytest.raises(ScenarioError) as caught:
        market_of(prices=prices, day_ahead_eur_per_mwh=[1, 2, 3])
    assert {problem.key: problem.message for problem in caught.value.problems} == {
        ("day_ahead_eur_per_mwh",): "3 values for 4 settlement periods",
        ("prices", "shortage_eur_per_mwh"): "2 values for 4 settlement periods",
    }


def test_it_runs_on_a_grid(record_of: Callable[..., dict[str, xr.Dataset]]) -> None:
    market = {
        "type": "energy_market",
        "day_ahead_eur_per_mwh": [60, 70, 65, 80],
        "real_time": {"spread_eur_per_mwh": 10},
        "position_kw": [3],
    }
    load = {"type": "load", "profile": {"constant_kw": 2}}
    recorded = record_of({"market": market, "load": load})["market"]
    buying = recorded["buying_price_eur_per_mwh"].to_numpy()
    settled = recorded["imbalance_price_shortage_eur_per_mwh"].to_numpy()
    np.testing.assert_array_equal(buying[:-1], np.repeat(settled, 3)[1:])
    # By hand: 4 kW drawn and 3 kW bought for a quarter of an hour.
    np.testing.assert_allclose(recorded["imbalance_kwh"][2], 0.25)

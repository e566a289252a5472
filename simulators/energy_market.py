"""A market with day-ahead prices, and real-time prices at which deviations are bought and sold."""

from collections.abc import Mapping
from typing import ClassVar, Self

import numpy as np
from pydantic import model_validator
from typing_extensions import override

from gridloom.simulators.errors import Key
from gridloom.simulators.market import ImbalanceMarket, MarketConfig
from gridloom.simulators.model import BuildContext, StaticVariable
from gridloom.simulators.prices import (
    ImbalancePrices,
    PeriodPrices,
    PerPeriod,
    PriceForecast,
    by_period,
    per_period,
)
from gridloom.simulators.profiles.autoregression import correlated
from gridloom.simulators.quantities import Config, Duration, ModelConfig, NonNegative


class RealTimePrices(Config):
    """Real-time prices drawn around the day-ahead prices: synthetic.

    The middle price of a settlement period is the day-ahead price times one plus a Gaussian error;
    buying costs half the spread more, selling earns half the spread less.
    """

    relative_error_std: NonNegative = 0.15
    """Standard deviation of the error, relative to the day-ahead price."""
    error_correlation_time: Duration | None = None
    """Time after which the correlation of the errors has fallen to 1/e; the errors of the periods
    are independent unless given."""
    spread_eur_per_mwh: NonNegative = 30.0
    """Buying price less selling price."""


class EnergyMarketConfig(MarketConfig):
    """Buys a portfolio's position day-ahead and settles deviations at real-time prices."""

    day_ahead_eur_per_mwh: PerPeriod
    """Price of the position: one a settlement period, or one for all."""
    real_time: RealTimePrices | None = None
    """Real-time prices drawn around the day-ahead prices; this or `prices`."""
    prices: ImbalancePrices | None = None
    """Real-time prices themselves, known day-ahead: of a shortage, which is bought, and of a
    surplus, which is sold; this or `real_time`."""

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.prices is None) == (self.real_time is None):
            raise ValueError("expected exactly one of the keys prices, real_time")
        return self

    @model_validator(mode="after")
    def _selling_is_never_dearer(self) -> Self:
        if self.prices is None:
            return self
        buying = np.array(self.prices.shortage_eur_per_mwh)
        selling = np.array(self.prices.surplus_eur_per_mwh)
        wrong = np.flatnonzero(selling > buying)
        if len(wrong):
            raise ValueError(
                f"prices: in settlement period {wrong[0]}, counted from 0, a surplus earns more "
                "than a shortage costs"
            )
        return self

    @override
    def lists(self) -> Mapping[Key, list[float]]:
        given = {} if self.prices is None else self.prices.lists()
        return {("day_ahead_eur_per_mwh",): self.day_ahead_eur_per_mwh, **given}

    @override
    def prices_of(self, periods: int, context: BuildContext) -> PeriodPrices:
        day_ahead = per_period(self.day_ahead_eur_per_mwh, periods)
        if self.prices is not None:
            return self.prices.published(periods, day_ahead)
        drawn = self.real_time or RealTimePrices()
        noise = context.rng("real_time").standard_normal(periods)
        errors = correlated(noise, self.settlement_period, drawn.error_correlation_time)
        middle = day_ahead * (1.0 + drawn.relative_error_std * errors)
        half = drawn.spread_eur_per_mwh / 2
        return PeriodPrices(
            buying=middle + half,
            selling=middle - half,
            forecast=PriceForecast(
                day_ahead=day_ahead, buying=day_ahead + half, selling=day_ahead - half
            ),
        )


class EnergyMarket(ImbalanceMarket):
    """An imbalance market whose settlement prices are those of a real-time market.

    `price_forecast` is what may be known of its prices day-ahead. The price of each settlement
    period becomes known when the step before it ends; the constants in the record tell all of them.
    """

    Config: ClassVar[type[ModelConfig]] = EnergyMarketConfig
    records_prices: ClassVar[bool] = True

    @override
    def static(self) -> tuple[StaticVariable, ...]:
        day_ahead = by_period(
            "day_ahead_price_eur_per_mwh",
            self.day_ahead_eur_per_mwh,
            "EUR/MWh",
            "price of the position",
        )
        return (*super().static(), day_ahead)

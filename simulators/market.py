"""The balance responsible party and the imbalance market that settles its deviations.

Source: Zafar et al., ISGT Europe 2021, equations by its numbers. The paper counts generation as
positive; here everything is in load convention, so that a shortage (the portfolio consumes more
than planned) is a positive imbalance.
"""

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar, Protocol, Self, runtime_checkable

import numpy as np
from pydantic import model_validator
from typing_extensions import override

from gridloom.simulators.errors import Key, SimulatorError
from gridloom.simulators.model import (
    BuildContext,
    Direction,
    ElementSet,
    FloatArray,
    Forecast,
    Inputs,
    Model,
    Outputs,
    Port,
    StaticVariable,
)
from gridloom.simulators.prices import (
    ImbalancePrices,
    PeriodPrices,
    PerPeriod,
    PriceForecast,
    by_period,
    means_over,
    per_period,
    refuse_too_few,
)
from gridloom.simulators.profiles.placement import points_at
from gridloom.simulators.quantities import (
    SECONDS_PER_HOUR,
    Duration,
    ModelConfig,
    format_duration,
)
from gridloom.simulators.signals import (
    BUYING_PRICE,
    IMBALANCE,
    LOSSES,
    POSITION,
    POWER,
    SELLING_PRICE,
)


class MarketConfig(ModelConfig):
    """Keys of all markets that settle a portfolio against its day-ahead position."""

    at: str | list[str] = "all"
    """Connection points of the portfolio: 'all', a group, or names."""
    settlement_period: Duration = 900
    """Imbalance settlement period; the first begins with the scenario."""
    position_kw: PerPeriod | None = None
    """Power bought day-ahead for each settlement period, net consumption positive. Default: what
    the models of the scenario forecast (eq. 25)."""
    include_losses: bool = False
    """Whether grid losses belong to the portfolio's allocated volume."""

    @model_validator(mode="after")
    def _whole_steps(self) -> Self:
        if self.settlement_period % self.step_size:
            raise ValueError(
                f"settlement_period {format_duration(self.settlement_period)} is not a multiple "
                f"of step_size {format_duration(self.step_size)}"
            )
        return self

    @abstractmethod
    def lists(self) -> Mapping[Key, list[float]]:
        """Return all lists of one value a settlement period, by their keys."""

    @abstractmethod
    def prices_of(self, periods: int, context: BuildContext) -> PeriodPrices:
        """Return the prices of so many settlement periods."""


class ImbalanceMarketConfig(MarketConfig):
    """Settles a balance responsible party's portfolio at given prices."""

    prices: ImbalancePrices
    """What imbalances cost and earn."""

    @override
    def lists(self) -> Mapping[Key, list[float]]:
        return self.prices.lists()

    @override
    def prices_of(self, periods: int, context: BuildContext) -> PeriodPrices:
        return self.prices.published(periods)


@runtime_checkable
class TakesPosition(Protocol):
    """A model whose balance responsible party buys energy day-ahead."""

    @property
    def needs_position(self) -> bool:
        """Whether the position is still to be taken from the models' forecasts."""

    @property
    def portfolio(self) -> tuple[str, ...]:
        """Connection points it is responsible for."""

    def take_position(self, forecasts: Mapping[str, Forecast]) -> None:
        """Buy what the models of the portfolio, by name, expect to consume."""


class ImbalanceMarket(Model):
    """Adds up the portfolio's power within each settlement period and compares it with the plan.

    ``imbalance_kwh`` runs within a period and starts anew with the next. The settlement itself,
    eqs. (21)-(24), is a function of the record: see `gridloom.scenarios.results.kpis`. What a
    deviation costs or earns in the next step is told one step ahead.
    """

    Config: ClassVar[type[ModelConfig]] = ImbalanceMarketConfig
    records_prices: ClassVar[bool] = False
    """Whether the prices of each step are recorded, besides those of the periods."""

    def __init__(self, config: MarketConfig, context: BuildContext) -> None:
        super().__init__(context, config.step_size)
        self._config = config
        self._include_losses = config.include_losses
        self._periods = -(-context.duration_s // config.settlement_period)
        self._duration_s = context.duration_s
        points = points_at(context, config.at)
        self.elements = ElementSet(
            kind="portfolio", owner=self.name, names=points, connection_points=points
        )
        refuse_too_few(
            {**config.lists(), ("position_kw",): config.position_kw or [0.0]}, self._periods
        )
        self._prices = config.prices_of(self._periods, context)
        self._position_kw: FloatArray | None = None
        if config.position_kw is not None:
            self._position_kw = per_period(config.position_kw, self._periods)
        self._imbalance_kwh = 0.0

    @property
    def needs_position(self) -> bool:
        """Whether the position is still to be taken from the models' forecasts."""
        return self._position_kw is None

    @property
    def portfolio(self) -> tuple[str, ...]:
        """Connection points it is responsible for."""
        return self.elements.names

    @property
    def position_by_period_kw(self) -> FloatArray:
        """(settlement period,), power bought day-ahead, net consumption positive.

        Raises:
            RuntimeError: no position was taken yet.
        """
        if self._position_kw is None:
            raise RuntimeError(f"{self.name}: no position was taken before the first step")
        return self._position_kw

    @property
    def day_ahead_eur_per_mwh(self) -> FloatArray:
        """(settlement period,), the mean of shortage and surplus price where none is published."""
        return self._prices.forecast.day_ahead

    def price_forecast(self, interval_s: int) -> PriceForecast:
        """Return the prices that are known day-ahead, averaged over the run's intervals.

        Args:
            interval_s: length of the intervals, of which the last may be cut short by the run's
                end; settlement periods that straddle two count for each with their share.
        """
        return self._prices.forecast.averaged(
            self._config.settlement_period, interval_s, self._duration_s
        )

    @property
    def settlement_period_s(self) -> int:
        """Length of the imbalance settlement periods."""
        return self._config.settlement_period

    @property
    def known_prices(self) -> tuple[FloatArray, FloatArray]:
        """Prices of shortage and surplus as they are known day-ahead: (settlement period,) each."""
        return self._prices.forecast.buying, self._prices.forecast.selling

    def take_position(self, forecasts: Mapping[str, Forecast]) -> None:
        """Buy day-ahead what the models expect to consume (eq. 25).

        Args:
            forecasts: by model; each is averaged over the settlement periods and added up.

        Raises:
            SimulatorError: a model's forecast ends before the scenario does.
        """
        period_s = self._config.settlement_period
        total = np.zeros(self._periods)
        for name in sorted(forecasts):
            covered_s = len(forecasts[name].power_kw) * forecasts[name].interval_s
            if covered_s < self._duration_s:
                raise SimulatorError(
                    name,
                    None,
                    f"its forecast covers {format_duration(covered_s)} of a scenario of "
                    f"{format_duration(self._duration_s)}",
                )
            total += average_over_periods(forecasts[name], period_s, self._duration_s)
        self._position_kw = total

    @property
    @override
    def ports(self) -> tuple[Port, ...]:
        return (
            Port(signal=POWER, direction=Direction.INPUT, elements=self.elements),
            *([Port(signal=LOSSES, direction=Direction.INPUT)] if self._include_losses else []),
            Port(signal=POSITION, direction=Direction.OUTPUT),
            Port(signal=IMBALANCE, direction=Direction.OUTPUT),
            *(
                Port(signal=price, direction=Direction.OUTPUT, recorded=self.records_prices)
                for price in (BUYING_PRICE, SELLING_PRICE)
            ),
        )

    @override
    def initial_outputs(self) -> Outputs:
        told = {IMBALANCE.name: np.zeros(()), POSITION.name: np.asarray(self._position(0))}
        return told | self._told_prices(0)

    @override
    def step(self, time: int, inputs: Inputs) -> Outputs:
        if time % self._config.settlement_period == 0:
            self._imbalance_kwh = 0.0
        allocated_kw = float(inputs[POWER.name].sum())
        if self._include_losses:
            allocated_kw += self._losses_kw(time, inputs)
        position_kw = self._position(time)
        self._imbalance_kwh += (allocated_kw - position_kw) * self.step_size / SECONDS_PER_HOUR
        return {
            POSITION.name: np.asarray(position_kw),
            IMBALANCE.name: np.asarray(self._imbalance_kwh),
            **self._told_prices(time + self.step_size),
        }

    def _told_prices(self, time: int) -> Outputs:
        """Return the prices of the step at ``time``, after the run's end those of the last."""
        period = min(time // self._config.settlement_period, self._periods - 1)
        return {
            BUYING_PRICE.name: np.asarray(self._prices.buying[period]),
            SELLING_PRICE.name: np.asarray(self._prices.selling[period]),
        }

    def _losses_kw(self, time: int, inputs: Inputs) -> float:
        losses_kw = float(inputs[LOSSES.name])
        if np.isnan(losses_kw):
            raise SimulatorError(
                self.name, time, "the losses are unknown: the grid found no solution"
            )
        return losses_kw

    def _position(self, time: int) -> float:
        return float(self.position_by_period_kw[time // self._config.settlement_period])

    @override
    def static(self) -> tuple[StaticVariable, ...]:
        period_s = self._config.settlement_period
        start_s = np.arange(self._periods) * period_s
        stop_s = np.minimum(start_s + period_s, self._duration_s)
        return (
            by_period("period_start_s", start_s, "s", "first second of the settlement period"),
            by_period("period_stop_s", stop_s, "s", "end of the settlement period, or of the run"),
            by_period(
                "imbalance_price_shortage_eur_per_mwh",
                self._prices.buying,
                "EUR/MWh",
                "paid for consumption beyond the position",
            ),
            by_period(
                "imbalance_price_surplus_eur_per_mwh",
                self._prices.selling,
                "EUR/MWh",
                "received for consumption short of the position",
            ),
        )


def average_over_periods(forecast: Forecast, period_s: int, duration_s: int) -> FloatArray:
    """Return a forecast's mean power in each settlement period, in kW.

    Eq. 25 averages 10-min means over 15-min periods; see `means_over`.

    Args:
        forecast: must reach the end of the run.
        period_s: length of a settlement period.
        duration_s: end of the run.

    Returns:
        (settlement period,), load convention.
    """
    return means_over(forecast.power_kw, forecast.interval_s, period_s, duration_s)

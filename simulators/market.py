"""The balance responsible party and the imbalance market that settles its deviations.

Source: Zafar et al., ISGT Europe 2021, equations by its numbers. The paper counts generation as
positive; here everything is in load convention, so that a shortage (the portfolio consumes more
than planned) is a positive imbalance.
"""

from collections.abc import Mapping
from typing import Annotated, Protocol, Self, TypeAlias, runtime_checkable

import numpy as np
from pydantic import Field, model_validator
from typing_extensions import override

from gridloom.simulators.errors import Problem, ScenarioError, SimulatorError, dotted
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
from gridloom.simulators.profiles.placement import points_at
from gridloom.simulators.quantities import (
    SECONDS_PER_HOUR,
    Config,
    Duration,
    Finite,
    ModelConfig,
    format_duration,
)
from gridloom.simulators.signals import IMBALANCE, LOSSES, POSITION, POWER

Prices: TypeAlias = list[Finite]


class ImbalancePrices(Config):
    """Prices of the imbalance settlement, one a period; a single one holds for all."""

    shortage_eur_per_mwh: Annotated[Prices, Field(min_length=1)]
    """Paid for energy the portfolio consumes beyond its position (C- of the paper)."""
    surplus_eur_per_mwh: Annotated[Prices, Field(min_length=1)]
    """Received for energy left over (C+ of the paper)."""


class ImbalanceMarketConfig(ModelConfig):
    """Settles a balance responsible party's portfolio against its day-ahead position."""

    at: str | list[str] = "all"
    """Connection points of the portfolio: 'all', a group, or names."""
    settlement_period: Duration = 900
    """Imbalance settlement period; the first begins with the scenario."""
    prices: ImbalancePrices
    """What imbalances cost and earn."""
    position_kw: Annotated[list[Finite], Field(min_length=1)] | None = None
    """Power bought day-ahead for each settlement period, net consumption positive. Default: what
    the models of the scenario forecast (eq. 25)."""
    include_losses: bool = False
    """Whether grid losses belong to the portfolio's allocated volume."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        shortage = len(self.prices.shortage_eur_per_mwh)
        surplus = len(self.prices.surplus_eur_per_mwh)
        if shortage != surplus and 1 not in {shortage, surplus}:
            raise ValueError(
                f"prices: {shortage} of shortage and {surplus} of surplus are not one a period"
            )
        if self.settlement_period % self.step_size:
            raise ValueError(
                f"settlement_period {format_duration(self.settlement_period)} is not a multiple "
                f"of step_size {format_duration(self.step_size)}"
            )
        return self


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
    eqs. (21)-(24), is a function of the record: see `gridloom.scenarios.results.kpis`.
    """

    Config = ImbalanceMarketConfig

    def __init__(self, config: ImbalanceMarketConfig, context: BuildContext) -> None:
        super().__init__(context, config.step_size)
        self._config = config
        self._include_losses = config.include_losses
        self._periods = -(-context.duration_s // config.settlement_period)
        self._duration_s = context.duration_s
        points = points_at(context, config.at)
        self.elements = ElementSet(
            kind="portfolio", owner=self.name, names=points, connection_points=points
        )
        self._refuse_too_few()
        self._shortage = self._per_period(config.prices.shortage_eur_per_mwh)
        self._surplus = self._per_period(config.prices.surplus_eur_per_mwh)
        self._position_kw: FloatArray | None = None
        if config.position_kw is not None:
            self._position_kw = self._per_period(config.position_kw)
        self._imbalance_kwh = 0.0

    def _refuse_too_few(self) -> None:
        """Refuse lists that are shorter than the scenario has settlement periods."""
        prices = self._config.prices
        lengths = {
            ("prices", "shortage_eur_per_mwh"): len(prices.shortage_eur_per_mwh),
            ("prices", "surplus_eur_per_mwh"): len(prices.surplus_eur_per_mwh),
            ("position_kw",): len(self._config.position_kw or [0.0]),
        }
        problems = [
            Problem(
                message=f"{length} values for {self._periods} settlement periods",
                key=key,
                expected=f"one value for all periods, or {self._periods}",
                suggestion=f"lengthen '{dotted(key)}' or shorten the scenario's duration",
            )
            for key, length in lengths.items()
            if 1 < length < self._periods
        ]
        if problems:
            raise ScenarioError(*problems)

    def _per_period(self, values: list[float]) -> FloatArray:
        """Return one value a settlement period."""
        if len(values) == 1:
            return np.full(self._periods, values[0])
        return np.array(values[: self._periods], dtype=np.float64)

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
        )

    @override
    def initial_outputs(self) -> Outputs:
        return {IMBALANCE.name: np.zeros(()), POSITION.name: np.asarray(self._position(0))}

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
        columns = (
            ("period_start_s", start_s, "s", "first second of the settlement period"),
            ("period_stop_s", stop_s, "s", "end of the settlement period, or of the run"),
            (
                "imbalance_price_shortage_eur_per_mwh",
                self._shortage,
                "EUR/MWh",
                "paid for consumption beyond the position",
            ),
            (
                "imbalance_price_surplus_eur_per_mwh",
                self._surplus,
                "EUR/MWh",
                "received for consumption short of the position",
            ),
        )
        return tuple(
            StaticVariable(
                name=name,
                values=values,
                dimensions=("settlement_period",),
                unit=unit,
                long_name=long_name,
            )
            for name, values, unit, long_name in columns
        )


def average_over_periods(forecast: Forecast, period_s: int, duration_s: int) -> FloatArray:
    """Return a forecast's mean power in each settlement period, in kW.

    Intervals that straddle two periods count for each with their share (eq. 25 averages 10-min
    means over 15-min periods). A last period that the run cuts short is averaged over what it has.

    Args:
        forecast: must reach the end of the run.
        period_s: length of a settlement period.
        duration_s: end of the run.

    Returns:
        (settlement period,), load convention.
    """
    edges_s = np.arange(len(forecast.power_kw) + 1) * float(forecast.interval_s)
    energy_kws = np.concatenate([[0.0], np.cumsum(forecast.power_kw) * forecast.interval_s])
    bounds_s = np.append(np.arange(0, duration_s, period_s), duration_s)
    until_bounds = np.interp(bounds_s, edges_s, energy_kws)
    power_kw: FloatArray = np.diff(until_bounds) / np.diff(bounds_s)
    return power_kw

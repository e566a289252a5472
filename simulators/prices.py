"""Prices of energy by settlement period: given, known day-ahead, and settled."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from gridloom.simulators.errors import Key, Problem, ScenarioError, dotted
from gridloom.simulators.model import FloatArray, StaticVariable
from gridloom.simulators.quantities import Config, Finite

PerPeriod: TypeAlias = Annotated[list[Finite], Field(min_length=1)]
"""One value a settlement period; a single one holds for all."""


@dataclass(frozen=True, kw_only=True)
class PriceForecast:
    """Prices in EUR/MWh that are known day-ahead: (interval,) each."""

    day_ahead: FloatArray
    """Paid for the position itself."""
    buying: FloatArray
    """Paid for consumption beyond the position."""
    selling: FloatArray
    """Received for consumption short of the position."""

    def averaged(self, from_s: int, interval_s: int, duration_s: int) -> "PriceForecast":
        """Return the means over other intervals, see `means_over`."""
        return PriceForecast(
            day_ahead=means_over(self.day_ahead, from_s, interval_s, duration_s),
            buying=means_over(self.buying, from_s, interval_s, duration_s),
            selling=means_over(self.selling, from_s, interval_s, duration_s),
        )


@dataclass(frozen=True, kw_only=True)
class PeriodPrices:
    """Prices in EUR/MWh of each settlement period: (period,)."""

    buying: FloatArray
    """Paid for consumption beyond the position, when it is settled."""
    selling: FloatArray
    """Received for consumption short of the position, when it is settled."""
    forecast: PriceForecast
    """What of it is known day-ahead."""


class ImbalancePrices(Config):
    """Prices of the imbalance settlement, one a period; a single one holds for all."""

    shortage_eur_per_mwh: PerPeriod
    """Paid for energy the portfolio consumes beyond its position (C- of the paper)."""
    surplus_eur_per_mwh: PerPeriod
    """Received for energy left over (C+ of the paper)."""

    @model_validator(mode="after")
    def _of_the_same_periods(self) -> Self:
        shortage, surplus = len(self.shortage_eur_per_mwh), len(self.surplus_eur_per_mwh)
        if shortage != surplus and 1 not in {shortage, surplus}:
            raise ValueError(
                f"{shortage} of shortage and {surplus} of surplus are not one a period"
            )
        return self

    def lists(self) -> Mapping[Key, list[float]]:
        """Return both lists by their keys in a market."""
        return {
            ("prices", "shortage_eur_per_mwh"): self.shortage_eur_per_mwh,
            ("prices", "surplus_eur_per_mwh"): self.surplus_eur_per_mwh,
        }

    def published(self, periods: int, day_ahead: FloatArray | None = None) -> PeriodPrices:
        """Return the prices of so many periods, all of them known day-ahead.

        Args:
            periods: how many.
            day_ahead: (period,), price of the position; the mean of both unless given.
        """
        buying = per_period(self.shortage_eur_per_mwh, periods)
        selling = per_period(self.surplus_eur_per_mwh, periods)
        middle = (buying + selling) / 2 if day_ahead is None else day_ahead
        forecast = PriceForecast(day_ahead=middle, buying=buying, selling=selling)
        return PeriodPrices(buying=buying, selling=selling, forecast=forecast)


def per_period(values: list[float], periods: int) -> FloatArray:
    """Return one value a settlement period: (period,)."""
    if len(values) == 1:
        return np.full(periods, values[0])
    return np.array(values[:periods], dtype=np.float64)


def by_period(name: str, values: NDArray[np.generic], unit: str, long_name: str) -> StaticVariable:
    """Return a constant of a market with one value a settlement period."""
    return StaticVariable(
        name=name,
        values=values,
        dimensions=("settlement_period",),
        unit=unit,
        long_name=long_name,
    )


def refuse_too_few(lists: Mapping[Key, list[float]], periods: int) -> None:
    """Refuse lists that are shorter than the scenario has settlement periods.

    Raises:
        ScenarioError: some are; all of them are named.
    """
    problems = [
        Problem(
            message=f"{len(values)} values for {periods} settlement periods",
            key=key,
            expected=f"one value for all periods, or {periods}",
            suggestion=f"lengthen '{dotted(key)}' or shorten the scenario's duration",
        )
        for key, values in lists.items()
        if 1 < len(values) < periods
    ]
    if problems:
        raise ScenarioError(*problems)


def means_over(values: FloatArray, from_s: int, interval_s: int, duration_s: int) -> FloatArray:
    """Return the means over intervals of values that hold over intervals of another length.

    Values that straddle two intervals count for each with their share. A last interval that the
    run cuts short is averaged over what it has.

    Args:
        values: (value,), reaching the end of the run.
        from_s: how long each value holds; the first begins with the scenario.
        interval_s: length of the intervals.
        duration_s: end of the run.

    Returns:
        (interval,)
    """
    edges_s = np.arange(len(values) + 1) * float(from_s)
    integral = np.concatenate([[0.0], np.cumsum(values) * from_s])
    bounds_s = np.append(np.arange(0, duration_s, interval_s), duration_s)
    means: FloatArray = np.diff(np.interp(bounds_s, edges_s, integral)) / np.diff(bounds_s)
    return means

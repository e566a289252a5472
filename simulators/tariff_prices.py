"""The forms in which a tariff's prices are given, and their values in each settlement period."""

from collections.abc import Mapping
from datetime import time
from math import gcd
from typing import Annotated, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic import Discriminator, Field, Tag

from gridloom.simulators.errors import ScenarioError
from gridloom.simulators.ev_generators import LocalTime
from gridloom.simulators.model import BuildContext, FloatArray
from gridloom.simulators.prices import PerPeriod, means_over, per_period, refuse_too_few
from gridloom.simulators.profiles.clock import DAY_S, LocalClock
from gridloom.simulators.profiles.series import Series
from gridloom.simulators.profiles.wide_csv import RepeatedDay, read_series
from gridloom.simulators.quantities import Config, Finite, InputFile


class PriceFile(Config):
    """Prices from a column of a CSV file, times as in a profile's file."""

    file: InputFile
    """The first column is the time: `minute` of the local day, `time_s`, or `time` (ISO)."""
    column: str = "price_eur_per_mwh"
    """The column that has the price in EUR/MWh; each value holds until the next row's time."""


TimesOfDay: TypeAlias = Annotated[dict[LocalTime, Finite], Field(min_length=1)]
"""Local time of day to the price from then on; the last one holds beyond midnight."""


def _form_of(value: Any) -> str:
    """Return the tag of the form in which a price is given."""
    if isinstance(value, list | tuple):
        return "list"
    if isinstance(value, PriceFile) or (isinstance(value, Mapping) and "file" in value):
        return "file"
    return "times" if isinstance(value, Mapping) else "number"


Price: TypeAlias = Annotated[
    Annotated[Finite, Tag("number")]
    | Annotated[PerPeriod, Tag("list")]
    | Annotated[PriceFile, Tag("file")]
    | Annotated[TimesOfDay, Tag("times")],
    Discriminator(_form_of),
]
"""In EUR/MWh: a number, one a settlement period, by time of day, or a CSV file."""


def prices_by_period(price: Price, key: str, period_s: int, context: BuildContext) -> FloatArray:
    """Return a price in each settlement period: (period,), EUR/MWh.

    Prices that change within a period count with their share of it.

    Args:
        price: in any form.
        key: where it is given.
        period_s: length of the settlement periods, of which the run's end may cut the last short.
        context: of the tariff.

    Raises:
        ScenarioError: a list is too short, or a file is missing, malformed or too short.
    """
    periods = -(-context.duration_s // period_s)
    if isinstance(price, list):
        refuse_too_few({(key,): price}, periods)
        return per_period(price, periods)
    if not isinstance(price, Mapping | PriceFile):
        return np.full(periods, price)
    try:
        series = (
            _from_file(price, context)
            if isinstance(price, PriceFile)
            else _by_time_of_day(price, context)
        )
    except ScenarioError as error:
        raise error.below((key,)) from None
    cell_s = gcd(period_s, context.duration_s)
    held = series.means(0, context.duration_s, cell_s)[:, 0]
    return means_over(held, cell_s, period_s, context.duration_s)


def means_between(price: FloatArray, period_s: int, bounds_s: NDArray[np.int64]) -> FloatArray:
    """Return the means of a price between bounds: (interval,); the last price goes on holding.

    Args:
        price: (period,), the first period begins with the scenario.
        period_s: length of a period.
        bounds_s: (interval + 1,), ascending seconds since the start.
    """
    end_s = max(len(price) * period_s, int(bounds_s[-1])) + period_s
    edges_s = np.append(np.arange(len(price)) * period_s, end_s)
    integral = np.append(0.0, np.cumsum(price * np.diff(edges_s)))
    means: FloatArray = np.diff(np.interp(bounds_s, edges_s, integral)) / np.diff(bounds_s)
    return means


def _from_file(price: PriceFile, context: BuildContext) -> Series:
    path = context.file(price.file, "file")
    return read_series(path, [price.column], 1.0, context, context.duration_s)


def _by_time_of_day(prices: Mapping[time, float], context: BuildContext) -> Series:
    from_s = {m.hour * 3600 + m.minute * 60 + m.second: prices[m] for m in sorted(prices)}
    length_s = gcd(DAY_S, *from_s)
    row = np.searchsorted(list(from_s), np.arange(0, DAY_S, length_s), side="right") - 1
    values = np.array(list(from_s.values()))[row]  # before the first one holds the last: row -1
    return RepeatedDay(
        values[:, np.newaxis], LocalClock(context.start), length_s, "prices by time of day"
    )

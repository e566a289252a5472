"""The prices that agents schedule by: those that the scenario's market publishes in advance."""

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from gridloom.simulators.errors import Problem, ScenarioError, listing
from gridloom.simulators.model import Model
from gridloom.simulators.prices import PriceForecast


@runtime_checkable
class ForecastsPrices(Protocol):
    """A market that tells day-ahead what prices it expects."""

    def price_forecast(self, interval_s: int) -> PriceForecast:
        """Return the prices of the run's intervals of this length."""


def expected_prices(models: Mapping[str, Model], interval_s: int) -> PriceForecast:
    """Return what the scenario's only market expects.

    Raises:
        ScenarioError: there is none, or there are several.
    """
    markets = {name: m for name, m in sorted(models.items()) if isinstance(m, ForecastsPrices)}
    if len(markets) == 1:
        (market,) = markets.values()
        return market.price_forecast(interval_s)
    several = f"there are several markets: {listing(list(markets))}"
    raise ScenarioError(
        Problem(
            message=several if markets else "there is no market whose prices it could schedule by",
            key=("type",),
            expected="one simulator that publishes prices",
            suggestion="" if markets else "add a simulator of type energy_market",
        )
    )

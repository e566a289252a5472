"""What a balance responsible party traded on the market, in each settlement period."""

from dataclasses import dataclass

import numpy as np

from gridloom.scenarios.results.kpis.interval_means import means_between
from gridloom.scenarios.results.kpis.market import period_imbalance_kwh
from gridloom.scenarios.results.recording import Recording
from gridloom.simulators.model import FloatArray
from gridloom.simulators.quantities import SECONDS_PER_HOUR
from gridloom.simulators.signals import POSITION

DAY_AHEAD_PRICE = "day_ahead_price_eur_per_mwh"
_BUYING_PRICE = "imbalance_price_shortage_eur_per_mwh"
_SELLING_PRICE = "imbalance_price_surplus_eur_per_mwh"
_KWH_PER_MWH = 1000.0
_NEEDED = ("period_start_s", "period_stop_s", _BUYING_PRICE, _SELLING_PRICE, POSITION.name)


@dataclass(frozen=True, kw_only=True)
class MarketTrades:
    """Energy and prices; arrays (settlement period,)."""

    edges_s: FloatArray
    """(settlement period + 1,), since the start; the last one is cut short where the run ends."""
    position_kwh: FloatArray
    """Bought day-ahead."""
    imbalance_kwh: FloatArray
    """Consumed beyond the position: bought in real time, or sold where negative."""
    day_ahead_eur_per_mwh: FloatArray
    buying_eur_per_mwh: FloatArray
    """Paid for consuming more than bought."""
    selling_eur_per_mwh: FloatArray
    """Received for consuming less than bought."""

    def mean_price(self, price_eur_per_mwh: FloatArray, edges_s: FloatArray) -> FloatArray:
        """Return the mean of a price by settlement period over other intervals.

        Args:
            price_eur_per_mwh: (settlement period,).
            edges_s: (interval + 1,).

        Returns:
            (interval,).
        """
        integral = np.concatenate([[0.0], np.cumsum(price_eur_per_mwh * np.diff(self.edges_s))])
        until = np.interp(edges_s, self.edges_s, integral)
        mean: FloatArray = np.diff(until) / np.diff(edges_s)
        return mean


def market_trades(market: Recording, end_s: float) -> MarketTrades | None:
    """Return what a market recorded until ``end_s``; None without settlement periods or position.

    Where no day-ahead price was published, the mean of the prices of shortage and surplus stands
    for it.
    """
    if any(name not in market for name in _NEEDED):
        return None
    imbalance_kwh, periods = period_imbalance_kwh(market)
    if not periods:
        return None
    buying, selling = market.values(_BUYING_PRICE), market.values(_SELLING_PRICE)
    published = DAY_AHEAD_PRICE in market
    day_ahead = market.values(DAY_AHEAD_PRICE) if published else (buying + selling) / 2.0
    starts_s = market.values("period_start_s")[periods]
    edges_s = np.append(starts_s, min(float(market.values("period_stop_s")[periods[-1]]), end_s))
    position_kw = means_between(market.values(POSITION.name), market.step_s, edges_s)
    return MarketTrades(
        edges_s=edges_s,
        position_kwh=position_kw * np.diff(edges_s) / SECONDS_PER_HOUR,
        imbalance_kwh=imbalance_kwh,
        day_ahead_eur_per_mwh=day_ahead[periods],
        buying_eur_per_mwh=buying[periods],
        selling_eur_per_mwh=selling[periods],
    )


def settled_eur(
    energy_kwh: FloatArray, buying_eur_per_mwh: FloatArray, selling_eur_per_mwh: FloatArray
) -> FloatArray:
    """Return what deviations cost: bought where positive, sold where negative."""
    bought_eur = buying_eur_per_mwh * np.maximum(energy_kwh, 0.0)
    sold_eur = selling_eur_per_mwh * np.maximum(-energy_kwh, 0.0)
    cost: FloatArray = (bought_eur - sold_eur) / _KWH_PER_MWH
    return cost

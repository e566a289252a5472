"""Who pays whom: the cash flows of a run with a coordinator, in which every payment has a payer.

Settlement, in load convention (Fattaheian-Dehkordi et al., CIRED 2020, read such that all
deviations of an interval settle at one local price):

- day-ahead, each party pays its schedule to the coordinator at the day-ahead price, and the
  coordinator pays its position to the market at the same price;
- in real time, each party pays its deviation E from the schedule to the coordinator:
  `buying max(E, 0) - selling max(-E, 0)` at the local prices of the interval. The coordinator pays
  the portfolio's imbalance to the market in the same way, at the market's prices.

Devices that no agent speaks for, and losses in the portfolio, are the coordinator's.
"""

from dataclasses import dataclass
from math import lcm

import numpy as np
from numpy.typing import NDArray

from gridloom.scenarios.results.kpis.market_trades import settled_eur
from gridloom.scenarios.results.kpis.negotiation import Negotiation, Party
from gridloom.simulators.model import FloatArray

_KWH_PER_MWH = 1000.0
_CENTS_PER_EUR = 100.0
_DECIMALS_EUR = 9
"""Differences of equal sums leave some 1e-13 EUR."""


@dataclass(frozen=True, kw_only=True)
class Ledger:
    """Payments by window, the shortest time that is whole intervals and settlement periods."""

    payers: tuple[str, ...]
    """The parties, then the coordinator, then the market."""
    edges_s: FloatArray
    """(window + 1,)."""
    day_ahead_eur: FloatArray
    """(window, payer), positive is paid, negative received; each row sums to zero."""
    real_time_eur: FloatArray
    """Likewise, for deviations."""

    @property
    def paid_eur(self) -> FloatArray:
        """(window, payer), both together."""
        return self.day_ahead_eur + self.real_time_eur

    @property
    def coordinator_balance_eur(self) -> FloatArray:
        """(window,), what the coordinator receives less what it pays."""
        balance_eur: FloatArray = np.round(-self.paid_eur[:, -2], _DECIMALS_EUR) + 0.0
        return balance_eur


def ledger_of(negotiation: Negotiation) -> Ledger:
    """Settle all parties of a negotiation with its coordinator, and that one with the market."""
    trades = negotiation.trades
    intervals_s, periods_s = negotiation.edges_s, trades.edges_s
    edges_s = _windows(intervals_s, periods_s)
    prices = trades.mean_price(trades.day_ahead_eur_per_mwh, intervals_s)
    scheduled_kwh = np.column_stack(
        [p.scheduled_kw.sum(axis=1) * negotiation.hours for p in negotiation.parties]
    )
    local = (negotiation.local_buying_eur_per_mwh, negotiation.local_selling_eur_per_mwh)
    deviations_eur = np.column_stack(
        [deviation_cost_eur(negotiation, party, *local) for party in negotiation.parties]
    )
    bought_eur = trades.position_kwh * trades.day_ahead_eur_per_mwh / _KWH_PER_MWH
    imbalance_eur = settled_eur(
        trades.imbalance_kwh, trades.buying_eur_per_mwh, trades.selling_eur_per_mwh
    )
    scheduled_eur = scheduled_kwh * prices[:, np.newaxis] / _KWH_PER_MWH
    return Ledger(
        payers=(
            *(p.name for p in negotiation.parties),
            negotiation.coordinator,
            negotiation.market,
        ),
        edges_s=edges_s,
        day_ahead_eur=_with_both_ends(
            _sums(scheduled_eur, intervals_s, edges_s), _sums(bought_eur, periods_s, edges_s)
        ),
        real_time_eur=_with_both_ends(
            _sums(deviations_eur, intervals_s, edges_s), _sums(imbalance_eur, periods_s, edges_s)
        ),
    )


def deviation_cost_eur(
    negotiation: Negotiation,
    party: Party,
    buying_eur_per_mwh: FloatArray,
    selling_eur_per_mwh: FloatArray,
) -> FloatArray:
    """Return what a party's deviations cost at given prices: (interval,).

    Args:
        negotiation: which the party takes part in.
        party: each of its agents settles by itself.
        buying_eur_per_mwh: (interval,).
        selling_eur_per_mwh: (interval,).
    """
    by_agent = settled_eur(
        negotiation.deviation_kwh(party),
        buying_eur_per_mwh[:, np.newaxis],
        selling_eur_per_mwh[:, np.newaxis],
    )
    cost: FloatArray = by_agent.sum(axis=1)
    return cost


def bonuses_eur(negotiation: Negotiation) -> FloatArray:
    """Return what the bonus brings each party: (interval, party).

    The bonus b shifts the local price down in a surplus and up in a shortage, so that a deviation E
    gains s b E, with s = 1 in a surplus and -1 in a shortage: flexible agents that consume what is
    left over receive, those that leave it over pay. What remains of the imbalance earns the
    market's other price instead; that part of what they pay goes to nobody's bonus.
    """
    worth = negotiation.sign * negotiation.bonus_eur_per_mwh / _KWH_PER_MWH
    deviations_kwh = [negotiation.deviation_kwh(party).sum(axis=1) for party in negotiation.parties]
    return np.column_stack([worth * deviation_kwh for deviation_kwh in deviations_kwh])


def gain_eur(negotiation: Negotiation, party: Party) -> FloatArray:
    """Return what a party saves against settling its deviations on the market: (interval,).

    Alone, each of its agents would. Never negative while the local price lies between the
    market's selling and buying price.
    """
    trades = negotiation.trades
    alone, here = (
        deviation_cost_eur(negotiation, party, buying, selling)
        for buying, selling in (
            (
                trades.mean_price(trades.buying_eur_per_mwh, negotiation.edges_s),
                trades.mean_price(trades.selling_eur_per_mwh, negotiation.edges_s),
            ),
            (negotiation.local_buying_eur_per_mwh, negotiation.local_selling_eur_per_mwh),
        )
    )
    gain: FloatArray = np.round(alone - here, _DECIMALS_EUR) + 0.0
    return gain


def in_cents(amounts_eur: FloatArray) -> NDArray[np.int64]:
    """Round amounts to whole cents such that they still add up to their rounded sum.

    All are rounded down, then the cents that are missing go to the largest remainders (Hamilton's
    method); the first of equal ones comes first.
    """
    cents = np.round(amounts_eur * _CENTS_PER_EUR, 6)  # a whole cent is not to lose one to floats
    down = np.floor(cents)
    missing = round(float(cents.sum() - down.sum()))
    order = np.argsort(-(cents - down), kind="stable")
    rounded = down.astype(np.int64)
    rounded[order[:missing]] += 1
    return rounded


def _windows(intervals_s: FloatArray, periods_s: FloatArray) -> FloatArray:
    """Return the edges of the shortest windows that are whole intervals and whole periods."""
    length_s = lcm(round(float(intervals_s[1])), round(float(periods_s[1])))
    end_s = max(float(intervals_s[-1]), float(periods_s[-1]))
    count = -(-end_s // length_s)
    edges_s: FloatArray = np.minimum(np.arange(count + 1.0) * length_s, end_s)
    return edges_s


def _sums(values: FloatArray, edges_s: FloatArray, windows_s: FloatArray) -> FloatArray:
    """Add up values by interval or period to sums by window, along the first axis."""
    first = np.searchsorted(edges_s[:-1], windows_s[:-1])
    return np.asarray(np.add.reduceat(values, first, axis=0))


def _with_both_ends(parties_eur: FloatArray, traded_eur: FloatArray) -> FloatArray:
    """Append what the coordinator and the market pay: (window, payer)."""
    coordinator_eur = traded_eur - parties_eur.sum(axis=1)
    paid: FloatArray = np.column_stack([parties_eur, coordinator_eur, -traded_eur])
    return paid

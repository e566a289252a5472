"""The ledger: every payment has a payer, and a coordinator that blends answers keeps nothing."""

from dataclasses import replace
from typing import TypeAlias

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridloom.controllers.transactive.rules import (
    Answer,
    Ascent,
    Bisection,
    Market,
    Rule,
    blend,
)
from gridloom.scenarios.results.kpis.ledger import bonuses_eur, gain_eur, in_cents, ledger_of
from gridloom.scenarios.results.kpis.market_trades import MarketTrades
from gridloom.scenarios.results.kpis.negotiation import Negotiation, Party
from gridloom.simulators.model import FloatArray

RULES = (Bisection(1e-6, 0.05), Ascent(1e-6, 1.0))
Numbers: TypeAlias = dict[str, FloatArray]

seeds = st.integers(0, 2**32 - 1)


class Agents:
    """Who consumes more below a price of his own, and less above it: closed-form answers."""

    def __init__(self, rng: np.random.Generator, count: int) -> None:
        self.price = rng.uniform(-50.0, 200.0, count)
        self.up_kw, self.down_kw = rng.uniform(0.0, 500.0, (2, count))

    def answer(self, rule: Rule, market: Market, bonus: float) -> Answer:
        price, _ = rule.local_prices(market, bonus)
        offered_kw = np.where(price < self.price, self.up_kw, -self.down_kw)[:, np.newaxis]
        return Answer(bonus=bonus, offered_kw=offered_kw, increase_kw=float(offered_kw.sum()))


def cleared(rule: Rule, market: Market, agents: Agents) -> tuple[float, FloatArray]:
    """Return bonus and deviations, (agent,), that a rule ends with."""
    search = rule.search(market)
    bonus = next(search)
    while True:
        try:
            bonus = search.send(agents.answer(rule, market, bonus))
        except StopIteration as found:
            low, high = found.value
            return high.bonus, blend(low, high, market)[:, 0]


def negotiated(
    rng: np.random.Generator, rule: Rule, hours: float = 1.0, count: int = 6
) -> Negotiation:
    """Clear intervals of random prices and surpluses: forecasts are perfect, nothing is lost."""
    selling = rng.uniform(-20.0, 100.0, count)
    buying = selling + rng.uniform(0.0, 80.0, count)
    surplus_kw = rng.normal(0.0, 400.0, count)
    agents = Agents(rng, 3)
    bonus, local, deviation_kw = np.zeros(count), np.zeros(count), np.zeros((count, 3))
    for now in range(count):
        market = Market(
            buying_eur_per_mwh=float(buying[now]),
            selling_eur_per_mwh=float(selling[now]),
            surplus_kw=float(surplus_kw[now]),
        )
        bonus[now], deviation_kw[now] = cleared(rule, market, agents)
        local[now], _ = rule.local_prices(market, float(bonus[now]))
    scheduled_kw = rng.uniform(-500.0, 500.0, (count, 4))
    edges_s = np.arange(count + 1.0) * 3600.0 * hours
    remaining_kw = surplus_kw - deviation_kw.sum(axis=1)
    return Negotiation(
        coordinator="mcu",
        market="market",
        start=np.datetime64("2020-06-15T00:00:00"),
        edges_s=edges_s,
        parties=(
            Party(
                name="wind",
                is_flexible=False,
                scheduled_kw=scheduled_kw[:, :1],
                measured_kw=scheduled_kw[:, :1] - surplus_kw[:, np.newaxis],
            ),
            Party(
                name="flexible",
                is_flexible=True,
                scheduled_kw=scheduled_kw[:, 1:],
                measured_kw=scheduled_kw[:, 1:] + deviation_kw,
            ),
        ),
        bonus_eur_per_mwh=bonus,
        local_buying_eur_per_mwh=local,
        local_selling_eur_per_mwh=local,
        expected_surplus_kw=surplus_kw,
        remaining_surplus_kw=remaining_kw,
        rounds=np.ones(count),
        trades=MarketTrades(
            edges_s=edges_s,
            position_kwh=scheduled_kw.sum(axis=1) * hours,
            imbalance_kwh=-remaining_kw * hours,
            day_ahead_eur_per_mwh=rng.uniform(0.0, 100.0, count),
            buying_eur_per_mwh=buying,
            selling_eur_per_mwh=selling,
        ),
    )


@settings(max_examples=60, deadline=None)
@given(seeds, st.sampled_from(RULES), st.sampled_from([0.25, 1.0]))
def test_the_coordinator_keeps_nothing_in_any_interval(seed: int, rule: Rule, hours: float) -> None:
    ledger = ledger_of(negotiated(np.random.default_rng(seed), rule, hours))
    assert ledger.payers == ("wind", "flexible", "mcu", "market")
    # Deviations are known to 1e-9 kW, imbalances are balanced to 1e-6 kW: far below a cent.
    assert np.abs(ledger.coordinator_balance_eur).max() < 1e-5


@settings(max_examples=60, deadline=None)
@given(seeds, st.sampled_from(RULES))
def test_who_is_not_flexible_is_never_worse_off(seed: int, rule: Rule) -> None:
    negotiation = negotiated(np.random.default_rng(seed), rule)
    assert gain_eur(negotiation, negotiation.parties[0]).min() >= -1e-9


@settings(max_examples=40, deadline=None)
@given(seeds, st.integers(1, 5), st.integers(1, 5))
def test_payments_cancel_whatever_the_numbers(seed: int, periods: int, intervals: int) -> None:
    """Nobody is balanced here, and settlement periods are not the intervals."""
    rng = np.random.default_rng(seed)
    negotiation = negotiated(rng, RULES[0], count=periods * intervals)
    end_s = negotiation.edges_s[-1]
    count = 2 * periods
    trades = MarketTrades(
        edges_s=np.linspace(0.0, end_s, count + 1).round(),
        position_kwh=rng.normal(0, 500, count),
        imbalance_kwh=rng.normal(0, 500, count),
        day_ahead_eur_per_mwh=rng.uniform(0, 100, count),
        buying_eur_per_mwh=rng.uniform(50, 100, count),
        selling_eur_per_mwh=rng.uniform(0, 50, count),
    )
    ledger = ledger_of(replace(negotiation, trades=trades))
    for paid_eur in (ledger.day_ahead_eur, ledger.real_time_eur):
        assert paid_eur.sum(axis=1) == pytest.approx(np.zeros(len(paid_eur)), abs=1e-9)
        assert in_cents(paid_eur.sum(axis=0)).sum() == 0
    traded_eur = trades.imbalance_kwh * np.where(
        trades.imbalance_kwh > 0, trades.buying_eur_per_mwh, trades.selling_eur_per_mwh
    )
    assert ledger.real_time_eur[:, -1].sum() == pytest.approx(-traded_eur.sum() / 1000)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=12))
def test_whole_cents_add_up(amounts: list[float]) -> None:
    """Each is off by less than a cent, and their sum by no more than half a cent."""
    amounts_eur = np.array(amounts)
    cents = in_cents(amounts_eur)
    assert np.abs(cents - 100.0 * amounts_eur).max() < 1.0 + 1e-5
    assert abs(cents.sum() - 100.0 * amounts_eur.sum()) <= 0.5 + 1e-3


def test_the_largest_remainder_gets_the_missing_cent() -> None:
    # 33.33..., 33.33..., 33.34 cents: floors leave one cent, which the last remainder gets
    assert in_cents(np.array([1 / 3, 1 / 3, 0.3334])).tolist() == [33, 33, 34]
    assert in_cents(np.array([-1 / 3, -1 / 3, 2 / 3])).tolist() == [-33, -34, 67]
    assert in_cents(np.array([0.07, 0.29, -0.36])).tolist() == [7, 29, -36]


def test_intervals_within_a_settlement_period_are_netted() -> None:
    """Two intervals of half an hour in one period: 10 kWh too much, then 10 kWh too little."""
    half_hours = negotiated(np.random.default_rng(1), RULES[0], hours=0.5, count=2)
    zero = np.zeros((2, 1))
    party = Party(
        name="wind", is_flexible=False, scheduled_kw=zero, measured_kw=np.array([[20.0], [-20.0]])
    )
    negotiation = replace(
        half_hours,
        parties=(party,),
        local_buying_eur_per_mwh=np.array([80.0, 90.0]),
        local_selling_eur_per_mwh=np.array([30.0, 40.0]),
        trades=MarketTrades(
            edges_s=np.array([0.0, 3600.0]),
            position_kwh=np.zeros(1),
            imbalance_kwh=np.zeros(1),
            day_ahead_eur_per_mwh=np.array([50.0]),
            buying_eur_per_mwh=np.array([90.0]),
            selling_eur_per_mwh=np.array([30.0]),
        ),
    )
    ledger = ledger_of(negotiation)
    assert ledger.edges_s.tolist() == [0.0, 3600.0]
    # It pays 10 kWh at 80 and receives 10 kWh at 40 EUR/MWh; the market sees nothing of it.
    assert ledger.real_time_eur == pytest.approx(np.array([[0.4, -0.4, 0.0]]))


def test_an_agent_settles_by_itself() -> None:
    """Of two agents one consumes 10 kWh more, the other less: 0.8 - 0.3 EUR, and not nothing."""
    one = negotiated(np.random.default_rng(1), RULES[0], count=1)
    negotiation = replace(
        one,
        parties=(
            Party(
                name="two",
                is_flexible=True,
                scheduled_kw=np.zeros((1, 2)),
                measured_kw=np.array([[10.0, -10.0]]),
            ),
        ),
        local_buying_eur_per_mwh=np.array([80.0]),
        local_selling_eur_per_mwh=np.array([30.0]),
    )
    assert ledger_of(negotiation).real_time_eur[0, 0] == pytest.approx(0.5)


@settings(max_examples=40, deadline=None)
@given(seeds, st.sampled_from(RULES))
def test_bonuses_received_are_paid_but_for_what_goes_to_the_market(seed: int, rule: Rule) -> None:
    """Sum over parties = -s b R: closed form, from sum E = -R."""
    negotiation = negotiated(np.random.default_rng(seed), rule)
    rest_eur = (
        -negotiation.sign * negotiation.bonus_eur_per_mwh * negotiation.remaining_surplus_kw / 1000
    )
    assert bonuses_eur(negotiation).sum(axis=1) == pytest.approx(rest_eur, abs=1e-8)

"""The rules that find the bonus, against the clearing of a merit order in closed form.

Agents answer by steps: each moves its whole quantity once the local price passes its own value.
The market clears where the sum of these steps crosses the surplus, or at one of its two prices.
"""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gridloom.controllers.transactive.rules import (
    Answer,
    Ascent,
    Bisection,
    Literal,
    Market,
    Rule,
    blend,
)

STEP = 0.05
TOLERANCE_KW = 1e-6


class Agents:
    """Consume `quantity` more than scheduled while the price is below `value`."""

    def __init__(self, quantity_kw: list[float], value: list[float], base_kw: float = 0.0) -> None:
        self.quantity_kw, self.value = np.array(quantity_kw), np.array(value)
        self.base_kw = base_kw
        """Consumed less than scheduled at any price: makes room for shortages."""
        self.asked: list[float] = []

    def increase_kw(self, price: float) -> float:
        return float(self.quantity_kw[price < self.value].sum()) - self.base_kw

    def answer(self, rule: Rule, market: Market, bonus: float) -> Answer:
        self.asked.append(bonus)
        buying, selling = rule.local_prices(market, bonus)
        price = (buying + selling) / 2.0
        taken = np.where(price < self.value, self.quantity_kw, 0.0) - self.base_kw / len(self.value)
        return Answer(bonus=bonus, offered_kw=taken[:, np.newaxis], increase_kw=float(taken.sum()))


def negotiated(rule: Rule, market: Market, agents: Agents) -> tuple[float, float]:
    """Return the bonus and the increase of consumption that are agreed on."""
    search = rule.search(market)
    bonus = next(search)
    while True:
        try:
            bonus = search.send(agents.answer(rule, market, bonus))
        except StopIteration as found:
            low, high = found.value
            return high.bonus, float(blend(low, high, market).sum())


prices = st.floats(20.0, 100.0).map(lambda price: round(price, 2))
quantities = st.floats(0.1, 50.0)
populations = st.lists(st.tuples(quantities, prices), min_size=1, max_size=8)


@given(
    populations,
    st.floats(-100.0, 100.0),
    st.floats(30.0, 60.0),
    st.floats(0.5, 40.0),
    st.booleans(),
)
def test_bisection_clears_the_merit_order(
    population: list[tuple[float, float]],
    surplus_kw: float,
    selling: float,
    spread: float,
    base: bool,
) -> None:
    quantity, value = map(list, zip(*population, strict=True))
    agents = Agents(quantity, value, base_kw=sum(quantity) if base else 0.0)
    market = Market(
        buying_eur_per_mwh=selling + spread, selling_eur_per_mwh=selling, surplus_kw=surplus_kw
    )
    bonus, increase_kw = negotiated(Bisection(TOLERANCE_KW, STEP), market, agents)
    most_kw = agents.increase_kw(market.selling_eur_per_mwh)
    least_kw = agents.increase_kw(market.buying_eur_per_mwh)
    price = market.local_price(bonus)
    assert 0.0 <= bonus <= market.cap_eur_per_mwh
    if least_kw < surplus_kw < most_kw:  # the market is not needed
        assert increase_kw == pytest.approx(surplus_kw, abs=1e-5)
        assert agents.increase_kw(price - STEP) >= surplus_kw - 1e-5
        assert agents.increase_kw(price + STEP) <= surplus_kw + 1e-5
    elif surplus_kw >= most_kw:  # the rest is sold, even if all move
        assert increase_kw == pytest.approx(most_kw)
        assert surplus_kw <= most_kw + 1e-5 or price == pytest.approx(market.selling_eur_per_mwh)
    else:
        assert increase_kw == pytest.approx(least_kw)
        assert surplus_kw >= least_kw - 1e-5 or price == pytest.approx(market.buying_eur_per_mwh)
    bound = 2 + math.ceil(math.log2(max(market.cap_eur_per_mwh / STEP, 1.0)) + 1)
    assert len(agents.asked) <= bound


@given(populations, st.floats(0.0, 100.0), st.floats(0.5, 40.0), st.sampled_from([0.3, 1.0, 5.0]))
def test_ascent_ends_where_bisection_does_but_for_its_step(
    population: list[tuple[float, float]], surplus_kw: float, spread: float, step: float
) -> None:
    quantity, value = map(list, zip(*population, strict=True))
    market = Market(buying_eur_per_mwh=40 + spread, selling_eur_per_mwh=40.0, surplus_kw=surplus_kw)
    fine, fine_kw = negotiated(Bisection(TOLERANCE_KW, 1e-6), market, Agents(quantity, value))
    agents = Agents(quantity, value)
    bonus, increase_kw = negotiated(Ascent(TOLERANCE_KW, step), market, agents)
    assert increase_kw == pytest.approx(fine_kw, abs=1e-3)
    # Where agents just fill the surplus, a whole range of prices clears it.
    if agents.increase_kw(market.local_price(bonus)) != pytest.approx(surplus_kw, abs=1e-6):
        assert fine - 1e-5 <= bonus <= fine + step + 1e-5
    assert np.allclose(np.diff(agents.asked)[:-1], step)  # as in the flowchart; the last is capped


def test_a_shortage_raises_the_price_from_selling() -> None:
    """Two agents that consume 10 kW below 50 and 60 EUR/MWh, scheduled to; 15 kW are missing."""
    agents = Agents([10.0, 10.0], [50.0, 60.0], base_kw=20.0)
    market = Market(buying_eur_per_mwh=70.0, selling_eur_per_mwh=40.0, surplus_kw=-15.0)
    bonus, increase_kw = negotiated(Ascent(TOLERANCE_KW, 1.0), market, agents)
    assert agents.asked == [float(b) for b in range(21)]  # until the second gives way at 60
    assert bonus == 20.0
    assert increase_kw == pytest.approx(-15.0)
    assert market.local_price(bonus) == 60.0


def test_the_letter_of_the_paper_starts_from_the_middle() -> None:
    """The first bonus takes the price to 54 EUR/MWh, 1 below the mean: far too many have moved."""
    agents = Agents([10.0, 10.0], [54.5, 54.8])
    market = Market(buying_eur_per_mwh=70.0, selling_eur_per_mwh=40.0, surplus_kw=5.0)
    rule = Literal(TOLERANCE_KW, 1.0)
    assert rule.local_prices(market, 0.0) == (70.0, 40.0)
    assert negotiated(rule, market, agents) == (1.0, 20.0)  # 15 kW too much, bought at 70
    assert negotiated(Bisection(TOLERANCE_KW, STEP), market, agents)[1] == pytest.approx(5.0)


@given(st.floats(-50, 50), st.floats(-50, 50), st.floats(-50, 50))
def test_a_blend_leaves_no_imbalance_between_two_answers(
    low_kw: float, high_kw: float, surplus_kw: float
) -> None:
    assume(abs(low_kw - high_kw) > 1e-3)
    assume(min(low_kw, high_kw) <= surplus_kw <= max(low_kw, high_kw))
    low, high = (
        Answer(bonus=b, offered_kw=np.array([[kw]]), increase_kw=kw)
        for b, kw in ((1.0, low_kw), (2.0, high_kw))
    )
    market = Market(buying_eur_per_mwh=70, selling_eur_per_mwh=40, surplus_kw=surplus_kw)
    assert blend(low, high, market)[0, 0] == pytest.approx(surplus_kw, abs=1e-9)

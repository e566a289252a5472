"""How the MCU raises the bonus: rules that turn what agents offered into the next price, or an end.

Source: Fattaheian-Dehkordi et al., CIRED 2020. In a surplus all deviations settle at the local
price buying - bonus, in a shortage at selling + bonus; the bonus ends at buying - selling, where
agents trade as with the market. What is left of the imbalance falls as the bonus rises: agents'
costs are convex.
"""

from abc import ABC, abstractmethod
from collections.abc import Generator
from dataclasses import dataclass
from typing import TypeAlias

from typing_extensions import override

from gridloom.simulators.model import FloatArray


@dataclass(frozen=True, kw_only=True)
class Market:
    """Prices of the interval that is negotiated, and what is left over without flexibility."""

    buying_eur_per_mwh: float
    selling_eur_per_mwh: float
    surplus_kw: float
    """What inflexible agents leave over against their schedules; negative: a shortage."""

    @property
    def cap_eur_per_mwh(self) -> float:
        """The highest bonus that pays for itself."""
        return self.buying_eur_per_mwh - self.selling_eur_per_mwh

    @property
    def sign(self) -> int:
        """1 in a surplus, -1 in a shortage."""
        return -1 if self.surplus_kw < 0 else 1

    def local_price(self, bonus: float) -> float:
        """Return the price at which all deviations settle."""
        if self.sign > 0:
            return self.buying_eur_per_mwh - bonus
        return self.selling_eur_per_mwh + bonus


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What agents offer at a bonus."""

    bonus: float
    offered_kw: FloatArray
    """(agent, interval)."""
    increase_kw: float
    """By how much flexible agents then consume more than scheduled in the interval."""

    def remaining(self, market: Market) -> float:
        """Return what is left of the imbalance, kW; negative where agents do too much."""
        return market.sign * (market.surplus_kw - self.increase_kw)


Search: TypeAlias = Generator[float, Answer, tuple[Answer, Answer]]
"""Yields bonuses, is sent the answers to them, and returns the two answers that are to be blended;
twice the same where there is nothing to blend."""


class Rule(ABC):
    """A way to find the bonus."""

    def __init__(self, tolerance_kw: float) -> None:
        self.tolerance_kw = tolerance_kw
        """What counts as no imbalance."""

    @abstractmethod
    def search(self, market: Market) -> Search:
        """Look for the bonus that leaves no imbalance, or the highest one."""

    def local_prices(self, market: Market, bonus: float) -> tuple[float, float]:
        """Return the buying and the selling price at which deviations settle."""
        price = market.local_price(bonus)
        return price, price

    def balances(self, answer: Answer, market: Market) -> bool:
        """Whether nothing is left of the imbalance."""
        return answer.remaining(market) <= self.tolerance_kw


class Bisection(Rule):
    """Halves the range of the bonus until it is known within `step`."""

    def __init__(self, tolerance_kw: float, step_eur_per_mwh: float) -> None:
        super().__init__(tolerance_kw)
        self._step = step_eur_per_mwh

    @override
    def search(self, market: Market) -> Search:
        low = yield 0.0
        if self.balances(low, market):
            return low, low
        high = yield market.cap_eur_per_mwh
        if not self.balances(high, market):
            return high, high
        while high.bonus - low.bonus > self._step:
            middle = yield (low.bonus + high.bonus) / 2.0
            if abs(middle.remaining(market)) <= self.tolerance_kw:
                return middle, middle
            low, high = (low, middle) if self.balances(middle, market) else (middle, high)
        return low, high


class Ascent(Rule):
    """Raises the bonus step by step, as in the paper's flowchart (Figure 2)."""

    def __init__(self, tolerance_kw: float, step_eur_per_mwh: float) -> None:
        super().__init__(tolerance_kw)
        self._step = step_eur_per_mwh

    @override
    def search(self, market: Market) -> Search:
        low = high = yield 0.0
        while not self.balances(high, market) and high.bonus < market.cap_eur_per_mwh:
            low = high
            high = yield min(low.bonus + self._step, market.cap_eur_per_mwh)
        if self.balances(high, market):
            return low, high
        return high, high


class Literal(Ascent):
    """The paper's letter: bonuses on one market price, the mean of buying and selling.

    Without a bonus agents trade with the market. With one, all deviations settle at the middle
    price less the bonus in a surplus, plus it in a shortage, and what agents then do is ordered as
    it is. Kept to show the difference: they are moved by a price at which nobody trades.
    """

    @override
    def local_prices(self, market: Market, bonus: float) -> tuple[float, float]:
        if bonus == 0.0:
            return market.buying_eur_per_mwh, market.selling_eur_per_mwh
        middle = (market.buying_eur_per_mwh + market.selling_eur_per_mwh) / 2.0
        price = middle - market.sign * bonus
        return price, price

    @override
    def search(self, market: Market) -> Search:
        _, high = yield from super().search(market)
        return high, high


def blend(low: Answer, high: Answer, market: Market) -> FloatArray:
    """Return the mean of two answers that leaves no imbalance: (agent, interval).

    Answers of linear programs are steps; between two of them any mean is feasible, by convexity.
    """
    if low is high or low.increase_kw == high.increase_kw:
        return high.offered_kw
    share = (market.surplus_kw - low.increase_kw) / (high.increase_kw - low.increase_kw)
    share = min(max(share, 0.0), 1.0)
    blended: FloatArray = (1.0 - share) * low.offered_kw + share * high.offered_kw
    return blended

"""The microgrid control unit: bonuses move agents until the imbalance is gone or too dear to avoid.

Source: Fattaheian-Dehkordi et al., "Transactive-based control algorithm for real-time energy
imbalance minimisation in microgrids", CIRED 2020.
"""

from enum import StrEnum
from typing import ClassVar

import numpy as np
from typing_extensions import override

from gridloom.controllers.controller import ControlContext, Observation, Setpoints
from gridloom.controllers.negotiation.coordinator import Coordinator, CoordinatorConfig
from gridloom.controllers.negotiation.messages import FlexibilityRequest
from gridloom.controllers.transactive.rules import (
    Answer,
    Ascent,
    Bisection,
    Literal,
    Market,
    Rule,
    Search,
    blend,
)
from gridloom.controllers.transactive.signals import (
    BONUS,
    EXPECTED_SURPLUS,
    LOCAL_BUYING_PRICE,
    LOCAL_SELLING_PRICE,
    REMAINING_SURPLUS,
)
from gridloom.simulators.errors import Problem, ScenarioError
from gridloom.simulators.market import ImbalanceMarket
from gridloom.simulators.model import FloatArray
from gridloom.simulators.quantities import NonNegative, Positive
from gridloom.simulators.signals import BUYING_PRICE, SELLING_PRICE, Information, Signal


class RuleName(StrEnum):
    """How the price of an interval comes about."""

    BISECTION = "bisection"
    """Halve the range of the bonus."""
    ASCENT = "ascent"
    """Raise the bonus step by step (the paper's flowchart)."""
    LITERAL = "literal"
    """Ascent from one price for both directions (the paper's letter), for comparison."""
    SELFISH = "selfish"
    """No bonus: each agent trades its own deviations with the market, for comparison."""
    SCHEDULE = "schedule"
    """No flexibility: all keep their day-ahead schedules, for comparison."""


class McuConfig(CoordinatorConfig):
    """The microgrid control unit; it `controls` the market on which it trades what is left."""

    rule: RuleName = RuleName.BISECTION
    """How the bonus is found."""
    bonus_step_eur_per_mwh: Positive | None = None
    """By which the bonus is raised, or within which it is found; default: 0.05 for `bisection`,
    else 1."""
    tolerance_kw: NonNegative = 1e-6
    """What counts as no imbalance."""

    def search_rule(self) -> Rule | None:
        """Return the rule that looks for a bonus; None where there is none."""
        step = self.bonus_step_eur_per_mwh
        match self.rule:
            case RuleName.BISECTION:
                return Bisection(self.tolerance_kw, 0.05 if step is None else step)
            case RuleName.ASCENT:
                return Ascent(self.tolerance_kw, 1.0 if step is None else step)
            case RuleName.LITERAL:
                return Literal(self.tolerance_kw, 1.0 if step is None else step)
        return None


class Mcu(Coordinator):
    """Asks agents what they would do at a price, and moves the price by a bonus.

    Round 0 asks at the market's own prices: from then on it knows what inflexible agents leave
    over, and what selfish ones would do. It learns nothing of any agent but its power.
    """

    Config = McuConfig
    information: ClassVar[frozenset[Information]] = frozenset(
        {Information.MEASUREMENTS, Information.FORECAST}
    )
    observes: ClassVar[tuple[Signal, ...]] = (BUYING_PRICE, SELLING_PRICE)
    decides: ClassVar[tuple[Signal, ...]] = ()
    tells: ClassVar[tuple[Signal, ...]] = (
        BONUS,
        LOCAL_BUYING_PRICE,
        LOCAL_SELLING_PRICE,
        EXPECTED_SURPLUS,
        REMAINING_SURPLUS,
    )

    def __init__(self, config: McuConfig, context: ControlContext) -> None:
        super().__init__(config, context)
        market = self.controlled
        if not isinstance(market, ImbalanceMarket):
            raise ScenarioError(
                Problem(
                    message=f"'{market.name}' is no market to trade on",
                    key=("controls",),
                    expected="a simulator of type energy_market or imbalance_market",
                )
            )
        self._rule = config.search_rule()
        self._name = config.rule
        forecast = market.price_forecast(self.terms.interval_s)
        self._buying, self._selling = forecast.buying, forecast.selling
        self._market = Market(buying_eur_per_mwh=0.0, selling_eur_per_mwh=0.0, surplus_kw=0.0)
        self._start_s = 0
        self._scheduled_kw = np.zeros((0, 0))
        self._search: Search | None = None
        self._bonus = 0.0
        self._increase_kw = 0.0
        self._agreed: tuple[Answer, Answer] | None = None

    @override
    def begin(self, time: int, observation: Observation, scheduled_kw: FloatArray) -> None:
        self._start_s = time
        self._scheduled_kw = scheduled_kw
        self._market = Market(
            buying_eur_per_mwh=float(observation[BUYING_PRICE.name]),
            selling_eur_per_mwh=float(observation[SELLING_PRICE.name]),
            surplus_kw=0.0,
        )
        self._search, self._agreed, self._bonus = None, None, 0.0

    @override
    def propose(self, number: int, offered_kw: FloatArray) -> FlexibilityRequest | None:
        market = self._market
        if number == 0:
            return self._request(number, market.buying_eur_per_mwh, market.selling_eur_per_mwh)
        if self._rule is None:
            return None
        try:
            if self._search is None:
                self._market = self._with_surplus(offered_kw)
                self._search = self._rule.search(self._market)
                self._bonus = next(self._search)
            else:
                self._bonus = self._search.send(self._answer(offered_kw))
        except StopIteration as found:
            self._agreed = found.value
            return None
        price = self._rule.local_price(self._market, self._bonus)
        return self._request(number, price, price)

    @override
    def order(self, offered_kw: FloatArray) -> FloatArray:
        if self._rule is None:
            self._market = self._with_surplus(offered_kw)
            keeps = self._name is RuleName.SCHEDULE
            order_kw = np.where(
                self._flexible[:, np.newaxis] & keeps, self._scheduled_kw, offered_kw
            )
        elif self._agreed is None:  # out of rounds: what was heard last
            order_kw = offered_kw
        else:
            low, high = self._agreed
            self._bonus = high.bonus
            order_kw = blend(low, high, self._market)
        self._increase_kw = self._increase(order_kw)
        return order_kw

    @override
    def outcome(self) -> Setpoints:
        market = self._market
        buying, selling = market.buying_eur_per_mwh, market.selling_eur_per_mwh
        if self._rule is not None:
            buying = selling = self._rule.local_price(market, self._bonus)
        told = {
            BONUS: self._bonus,
            LOCAL_BUYING_PRICE: buying,
            LOCAL_SELLING_PRICE: selling,
            EXPECTED_SURPLUS: market.surplus_kw,
            REMAINING_SURPLUS: market.surplus_kw - self._increase_kw,
        }
        return {signal.name: np.asarray(value) for signal, value in told.items()}

    def _request(self, number: int, buying: float, selling: float) -> FlexibilityRequest:
        """Return a request: prices of this interval, and forecasts of the later ones."""
        return FlexibilityRequest(
            round=number,
            start_s=self._start_s,
            interval_s=self.terms.interval_s,
            buying_price_eur_per_mwh=self._ahead(self._buying, buying),
            selling_price_eur_per_mwh=self._ahead(self._selling, selling),
        )

    def _ahead(self, forecast: FloatArray, now: float) -> FloatArray:
        """Return the price now and those expected later, the last one beyond the end of the run."""
        begin = self._start_s // self.terms.interval_s
        later = forecast[begin + 1 : begin + self.terms.count]
        return np.concatenate(
            [[now], later, np.full(self.terms.count - 1 - len(later), forecast[-1])]
        )

    def _with_surplus(self, offered_kw: FloatArray) -> Market:
        deviation_kw = offered_kw[:, 0] - self._scheduled_kw[:, 0]
        return Market(
            buying_eur_per_mwh=self._market.buying_eur_per_mwh,
            selling_eur_per_mwh=self._market.selling_eur_per_mwh,
            surplus_kw=float(-deviation_kw[~self._flexible].sum()),
        )

    def _answer(self, offered_kw: FloatArray) -> Answer:
        return Answer(
            bonus=self._bonus, offered_kw=offered_kw, increase_kw=self._increase(offered_kw)
        )

    def _increase(self, offered_kw: FloatArray) -> float:
        """Return by how much flexible agents consume more than scheduled."""
        deviation_kw = offered_kw[:, 0] - self._scheduled_kw[:, 0]
        return float(deviation_kw[self._flexible].sum())

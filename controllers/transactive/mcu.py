"""The microgrid control unit: bonuses move agents until the imbalance is gone or too dear to avoid.

Source: Fattaheian-Dehkordi et al., "Transactive-based control algorithm for real-time energy
imbalance minimisation in microgrids", CIRED 2020.
"""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from typing_extensions import override

from gridloom.controllers.controller import ControlContext, Observation, Setpoints
from gridloom.controllers.negotiation.agent import Agent
from gridloom.controllers.negotiation.coordinator import Coordinator, Party
from gridloom.controllers.negotiation.messages import FlexibilityRequest
from gridloom.controllers.negotiation.terms import Terms
from gridloom.controllers.transactive.mcu_config import McuConfig, Outlook, RuleName
from gridloom.controllers.transactive.references import (
    Omniscient,
    real_prices,
)
from gridloom.controllers.transactive.rules import (
    Answer,
    Market,
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
from gridloom.simulators.quantities import format_duration
from gridloom.simulators.signals import BUYING_PRICE, SELLING_PRICE, Information, Signal


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
        market = context.controlled(config.controls)
        if not isinstance(market, ImbalanceMarket):
            raise ScenarioError(
                Problem(
                    message=f"'{market.name}' is no market to trade on",
                    key=("controls",),
                    expected="a simulator of type energy_market or imbalance_market",
                )
            )
        super().__init__(config, context)
        _require_fit(market, self.terms)
        self._rule = config.search_rule()
        self._choice = config.rule
        self._omniscient: Omniscient | None = None
        if config.rule in (RuleName.CENTRAL, RuleName.PERFECT):  # the others know no agent
            self._omniscient = Omniscient(self.name, _agents(context, self.parties), self.terms)
            if config.rule is RuleName.PERFECT:
                self._omniscient.require_foresight()
        self._perfect_kw = np.zeros((0, 0))
        """(flexible agent, interval of the run), once `perfect` has planned it."""
        self._outlook = config.later()
        self._forecast = market.price_forecast(self.terms.interval_s)
        self._market = Market(buying_eur_per_mwh=0.0, selling_eur_per_mwh=0.0, surplus_kw=0.0)
        self._start_s = 0
        self._scheduled_kw = np.zeros((0, 0))
        self._search: Search | None = None
        self._bonus = 0.0
        self._agreed: tuple[Answer, Answer] | None = None
        self._too_little: Answer | None = None
        self._too_much: Answer | None = None
        """The answers on either side that leave least, should rounds run out."""

    @property
    @override
    def granted(self) -> frozenset[Information]:
        if self._choice is RuleName.PERFECT:
            return self.information | {Information.PERFECT}
        if self._choice is RuleName.CENTRAL:
            return frozenset(Information) - {Information.PERFECT}
        return self.information

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
        self._too_little, self._too_much = None, None

    @override
    def restart(self) -> None:
        self._search, self._too_little, self._too_much = None, None, None

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
        buying, selling = self._rule.local_prices(self._market, self._bonus)
        return self._request(number, buying, selling)

    @override
    def order(self, offered_kw: FloatArray) -> FloatArray:
        if self._search is None:  # nobody has looked at what is left over
            self._market = self._with_surplus(offered_kw)
        if self._rule is None:
            order_kw = self._unnegotiated(offered_kw)
        else:
            if self._agreed is None and self._too_little and self._too_much:  # out of rounds
                self._agreed = self._too_little, self._too_much
            order_kw = np.where(self._flexible[:, np.newaxis], self.unasked_kw, offered_kw)
            if self._agreed is not None:
                low, high = self._agreed
                self._bonus = high.bonus
                order_kw = blend(low, high, self._market)
        return order_kw

    @override
    def outcome(self, carried_out_kw: FloatArray) -> Setpoints:
        market = self._market
        buying, selling = market.buying_eur_per_mwh, market.selling_eur_per_mwh
        if self._rule is not None and self._agreed is not None:
            buying, selling = self._rule.local_prices(market, self._bonus)
        else:  # nothing is agreed: everybody trades with the market
            self._bonus = 0.0
        left_kw = market.surplus_kw - self._increase(carried_out_kw)
        told = {
            BONUS: self._bonus,
            LOCAL_BUYING_PRICE: buying,
            LOCAL_SELLING_PRICE: selling,
            EXPECTED_SURPLUS: market.surplus_kw,
            REMAINING_SURPLUS: left_kw,
        }
        return {signal.name: np.asarray(value) for signal, value in told.items()}

    def _unnegotiated(self, offered_kw: FloatArray) -> FloatArray:
        """Return what the rules for comparison order: (agent, interval)."""
        order_kw = offered_kw.copy()
        if self._choice is RuleName.SCHEDULE:
            order_kw[self._flexible] = self._scheduled_kw[self._flexible]
        elif self._choice is RuleName.CENTRAL:
            order_kw[self._flexible] = self._central_kw()
        elif self._choice is RuleName.PERFECT:
            order_kw[self._flexible] = self._perfect_from_now_kw()
        return order_kw

    def _central_kw(self) -> FloatArray:
        """Return the optimum of all flexible agents with what is known now."""
        assert self._omniscient is not None  # noqa: S101 -- made with the rule
        market = self._market
        deviation_kw = np.zeros(self.terms.count)
        deviation_kw[0] = -market.surplus_kw
        return self._omniscient.optimum_kw(
            self._start_s // self.terms.interval_s,
            deviation_kw,
            *self._prices(market.buying_eur_per_mwh, market.selling_eur_per_mwh),
        )

    def _perfect_from_now_kw(self) -> FloatArray:
        """Return the optimum of the whole run, from this interval on."""
        assert self._omniscient is not None  # noqa: S101 -- made with the rule
        interval_s = self.terms.interval_s
        if not self._perfect_kw.size:
            futures = self.futures(interval_s)
            deviation_kw = self._omniscient.real_deviation_kw(futures)
            prices = real_prices(self.controlled, interval_s, len(deviation_kw))
            self._perfect_kw = self._omniscient.optimum_kw(0, deviation_kw, *prices)
        begin = self._start_s // interval_s
        ahead_kw = self._perfect_kw[:, begin : begin + self.terms.count]
        return np.pad(ahead_kw, ((0, 0), (0, self.terms.count - ahead_kw.shape[1])))

    def _request(self, number: int, buying: float, selling: float) -> FlexibilityRequest:
        """Return a request: prices of this interval, and forecasts of the later ones."""
        buying_price, selling_price = self._prices(buying, selling)
        return FlexibilityRequest(
            round=number,
            start_s=self._start_s,
            interval_s=self.terms.interval_s,
            buying_price_eur_per_mwh=buying_price,
            selling_price_eur_per_mwh=selling_price,
        )

    def _prices(self, buying: float, selling: float) -> tuple[FloatArray, FloatArray]:
        """Return buying and selling prices ahead: those of now, and the outlook on later ones."""
        market, forecast = self._market, self._forecast
        if self._outlook is Outlook.PRESENT:
            middle = (market.buying_eur_per_mwh + market.selling_eur_per_mwh) / 2.0
            later = np.full(self.terms.count - 1, middle)
            return np.append(buying, later), np.append(selling, later)
        if self._outlook is Outlook.MARKET:
            return self._ahead(buying, forecast.buying), self._ahead(selling, forecast.selling)
        return self._ahead(buying, forecast.day_ahead), self._ahead(selling, forecast.day_ahead)

    def _ahead(self, now: float, forecast: FloatArray) -> FloatArray:
        """Return the price now and those expected later, the last one beyond the end of the run."""
        begin = self._start_s // self.terms.interval_s
        later = forecast[begin + 1 : begin + self.terms.count]
        beyond = np.full(self.terms.count - 1 - len(later), forecast[-1])
        return np.concatenate([[now], later, beyond])

    def _with_surplus(self, offered_kw: FloatArray) -> Market:
        deviation_kw = offered_kw[:, 0] - self._scheduled_kw[:, 0]
        return Market(
            buying_eur_per_mwh=self._market.buying_eur_per_mwh,
            selling_eur_per_mwh=self._market.selling_eur_per_mwh,
            surplus_kw=float(-deviation_kw[~self._flexible].sum()),
        )

    def _answer(self, offered_kw: FloatArray) -> Answer:
        answer = Answer(
            bonus=self._bonus, offered_kw=offered_kw, increase_kw=self._increase(offered_kw)
        )
        left_kw = answer.remaining(self._market)
        if left_kw > 0.0:
            best = self._too_little
            if best is None or left_kw < best.remaining(self._market):
                self._too_little = answer
        else:
            best = self._too_much
            if best is None or left_kw > best.remaining(self._market):
                self._too_much = answer
        return answer

    def _increase(self, offered_kw: FloatArray) -> float:
        """Return by how much flexible agents consume more than scheduled."""
        deviation_kw = offered_kw[:, 0] - self._scheduled_kw[:, 0]
        return float(deviation_kw[self._flexible].sum())


def _agents(context: ControlContext, parties: Sequence[Party]) -> list[Agent]:
    found = (context.agents[party.name] for party in parties)
    return [agent for agent in found if isinstance(agent, Agent)]


def _require_fit(market: ImbalanceMarket, terms: Terms) -> None:
    """Refuse a market on which local prices would make no sense.

    Raises:
        ScenarioError: its prices change within an interval, or a surplus earns more than a shortage
            costs.
    """
    period_s = market.settlement_period_s
    problems = []
    if period_s % terms.interval_s:
        problems.append(
            Problem(
                message=f"it negotiates every {format_duration(terms.interval_s)}, '{market.name}' "
                f"settles every {format_duration(period_s)}",
                key=("step_size",),
                expected="a step_size that divides the market's settlement_period",
            )
        )
    forecast = market.price_forecast(terms.interval_s)
    wrong = np.flatnonzero(forecast.selling > forecast.buying)
    if len(wrong):
        problems.append(
            Problem(
                message=f"'{market.name}' pays more for a surplus than a shortage costs, in "
                f"interval {wrong[0]}, counted from 0: buying and selling at once would pay",
                key=("controls",),
                expected="selling prices that are at most the buying prices",
            )
        )
    if problems:
        raise ScenarioError(*problems)

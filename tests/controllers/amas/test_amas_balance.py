"""The balance responsible party's agent: what it aims at, and what it reads of a market."""

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import pytest
from typing_extensions import override

from gridloom.controllers.amas.balance import BalanceAgent
from gridloom.controllers.amas.config import AmasConfig
from gridloom.controllers.amas.settlement import Settlement
from gridloom.simulators.errors import ScenarioError
from gridloom.simulators.market import ImbalanceMarket
from gridloom.simulators.model import StaticVariable

ConfigOf: TypeAlias = Callable[..., AmasConfig]
MarketOf: TypeAlias = Callable[..., ImbalanceMarket]

SETTLEMENT = Settlement(
    portfolio=frozenset({"h1", "h2", "h3"}),
    start_s=np.array([0.0, 900.0, 1800.0]),
    stop_s=np.array([900.0, 1800.0, 2700.0]),
    shortage_eur_per_mwh=np.array([80.0, 110.0, 105.0]),
    surplus_eur_per_mwh=np.array([70.0, 102.0, 85.0]),
)
"""Of a value of 100 EUR/MWh: shortage pays in the first period, surplus in the second, neither in
the third."""


@pytest.fixture
def agent_of(config_of: ConfigOf) -> Callable[..., BalanceAgent]:
    def make(*, rated_kw: float = 385.0, step_s: int = 1, **keys: Any) -> BalanceAgent:
        keys = {"balance_power_kw": 100.0, "energy_value_eur_per_mwh": 100.0, **keys}
        return BalanceAgent(SETTLEMENT, config_of(**keys), rated_kw=rated_kw, step_s=step_s)

    return make


AgentOf: TypeAlias = Callable[..., BalanceAgent]


def later(agent: BalanceAgent, time: int, imbalance_kwh: float, natural_kwh: float = 0.0) -> float:
    """Return its criticality within the period, after it has seen the period begin."""
    assert agent.criticality(time // 900 * 900, 123.0, 123.0) == 0.0
    return agent.criticality(time, imbalance_kwh, natural_kwh)


class TestCommitment:
    def test_what_is_left_of_the_period_has_to_do(self, agent_of: AgentOf) -> None:
        # (31)-(32) by hand: 5 kWh, 600 s left: 30 kW of 100.
        assert later(agent_of(), 300, 5.0) == pytest.approx(0.3)
        assert later(agent_of(), 1200, -5.0) == pytest.approx(-0.3)

    def test_the_last_minute_counts_as_a_minute(self, agent_of: AgentOf) -> None:
        # By hand: 5 s are left, 0.5 kWh in 60 s are 30 kW.
        assert later(agent_of(), 895, 0.5) == pytest.approx(0.3)
        assert later(agent_of(shortest_remainder="120s"), 895, 0.5) == pytest.approx(0.15)

    def test_power_scales_with_the_fleet_by_default(self, agent_of: AgentOf) -> None:
        # 100 kW for the paper's 55 vehicles of 7 kW = 385 kW.
        agent = agent_of(balance_power_kw=None)
        assert later(agent, 300, 5.0) == pytest.approx(0.3)
        agent = agent_of(balance_power_kw=None, rated_kw=3850.0)
        assert later(agent, 300, 5.0) == pytest.approx(0.03)

    @pytest.mark.parametrize("step_s", [1, 60])
    def test_the_trend_is_the_power_of_the_last_step(self, agent_of: AgentOf, step_s: int) -> None:
        agent = agent_of(balance_trend=0.5, step_s=step_s)
        agent.criticality(0, 0.0, 0.0)
        agent.criticality(300 - step_s, 5.0 - 20.0 * step_s / 3600, 0.0)
        # By hand: 5 kWh in 600 s are 30 kW, and half of the 20 kW by which it grew.
        assert agent.criticality(300, 5.0, 0.0) == pytest.approx(0.4)

    def test_the_last_period_is_forgotten_also_by_steps_that_do_not_meet_its_end(
        self, agent_of: AgentOf
    ) -> None:
        agent = agent_of(step_s=7)
        assert later(agent, 896, 9.0) == 1.0
        assert agent.criticality(903, 9.0, 9.0) == 0.0  # nearly nothing is allocated yet
        assert agent.criticality(1200, -5.0, 9.0) == pytest.approx(-0.3)


class TestWorthwhile:
    """Leaves the deviation that forecast errors bring where the price pays for it."""

    @pytest.mark.parametrize(
        ("time", "natural_kwh", "aim_kwh"),
        [
            (300, 4.0, 4.0),  # a shortage costs 80 and leaves energy worth 100
            (300, -4.0, 0.0),  # a surplus earns 70, the energy was worth 100
            (1200, 4.0, 0.0),  # a shortage costs 110
            (1200, -4.0, -4.0),  # a surplus earns 102
            (2100, 4.0, 0.0),
            (2100, -4.0, 0.0),
        ],
    )
    def test_by_period_and_direction(
        self, agent_of: AgentOf, time: int, natural_kwh: float, aim_kwh: float
    ) -> None:
        found = later(agent_of(brp="worthwhile"), time, 5.0, natural_kwh)
        assert found == pytest.approx((5.0 - aim_kwh) * 3600 / 600 / 100)

    def test_the_value_is_the_mean_price_by_default(self, agent_of: AgentOf) -> None:
        # By hand: (80 + 110 + 105 + 70 + 102 + 85) / 6 = 92: now a surplus at 102 pays, as before,
        # and a shortage at 80 does.
        assert pytest.approx(92.0) == SETTLEMENT.mean_price_eur_per_mwh
        agent = agent_of(brp="worthwhile", energy_value_eur_per_mwh=None)
        assert later(agent, 300, 5.0, 5.0) == pytest.approx(0.0)


class TestPriceAware:
    def test_it_buys_or_sells_a_share_of_rated_power_where_the_price_pays(
        self, agent_of: AgentOf
    ) -> None:
        agent = agent_of(brp="price_aware", speculation=0.3, rated_kw=40.0)
        # By hand: 0.3 * 40 kW = 12 kW for 300 s are 1 kWh, times 6 / h over 100 kW.
        assert later(agent, 300, 0.0) == pytest.approx(-0.06)  # wants a shortage: calls for more
        assert later(agent, 1200, 0.0) == pytest.approx(0.06)
        assert later(agent, 2100, 0.0) == 0.0
        assert later(agent, 300, 1.0) == pytest.approx(0.0)


class TestSettlement:
    def test_it_reads_what_the_market_publishes(self, market_of: MarketOf) -> None:
        market = market_of(
            "h2",
            "h1",
            settlement_period="25min",
            prices={
                "shortage_eur_per_mwh": [100.0, 110.0, 120.0],
                "surplus_eur_per_mwh": [90.0],
            },
        )
        settlement = Settlement.of(market)
        assert settlement.portfolio == {"h1", "h2"}
        assert settlement.start_s.tolist() == [0, 1500, 3000]
        assert settlement.stop_s.tolist() == [1500, 3000, 3600]  # the scenario's end
        assert settlement.shortage_eur_per_mwh.tolist() == [100, 110, 120]
        assert settlement.surplus_eur_per_mwh.tolist() == [90, 90, 90]
        assert [settlement.period_at(time) for time in (0, 1499, 1500, 3599)] == [0, 0, 1, 2]
        assert settlement.mean_price_eur_per_mwh == pytest.approx(100.0)  # (330 + 270) / 6

    def test_a_market_that_publishes_too_little_is_named(self, market_of: MarketOf) -> None:
        class Discreet(ImbalanceMarket):
            @override
            def static(self) -> tuple[StaticVariable, ...]:
                return super().static()[:3]

        market = market_of("h1")
        market.__class__ = Discreet
        with pytest.raises(
            ScenarioError,
            match="'market' settles imbalances but does not tell "
            "imbalance_price_surplus_eur_per_mwh",
        ):
            Settlement.of(market)

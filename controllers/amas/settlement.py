"""What an imbalance market publishes before delivery."""

from dataclasses import dataclass

import numpy as np

from gridloom.simulators.errors import Problem, ScenarioError, listing
from gridloom.simulators.market import ImbalanceMarket
from gridloom.simulators.model import FloatArray, Model
from gridloom.simulators.signals import POWER

_PUBLISHED = (
    "period_start_s",
    "period_stop_s",
    "imbalance_price_shortage_eur_per_mwh",
    "imbalance_price_surplus_eur_per_mwh",
)


@dataclass(frozen=True, kw_only=True)
class Settlement:
    """Settlement periods, prices, and who belongs to the portfolio."""

    portfolio: frozenset[str]
    """Connection points that the balance responsible party answers for."""

    start_s: FloatArray
    """(period,)"""
    stop_s: FloatArray
    """(period,)"""
    shortage_eur_per_mwh: FloatArray
    """(period,), C- of the paper."""
    surplus_eur_per_mwh: FloatArray
    """(period,), C+ of the paper."""

    @classmethod
    def of(cls, market: Model) -> "Settlement":
        """Read what a market tells of itself.

        Raises:
            ScenarioError: it does not tell its periods, prices or portfolio.
        """
        told = {
            constant.name: np.asarray(constant.values, dtype=np.float64)
            for constant in market.static()
            if constant.dimensions == ("settlement_period",)
        }
        missing = [name for name in _PUBLISHED if name not in told]
        elements = next((port.elements for port in market.ports if port.signal == POWER), None)
        if missing or elements is None:
            raise ScenarioError(
                Problem(
                    message=f"'{market.name}' settles imbalances but does not tell "
                    f"{listing(missing or ['which connection points it settles'])}",
                    key=("brp",),
                    expected="a simulator of type imbalance_market, or one that tells the same",
                )
            )
        shortage, surplus = (told[name] for name in _PUBLISHED[2:])
        if isinstance(market, ImbalanceMarket):  # its constants may tell what came true
            shortage, surplus = market.known_prices
        return cls(
            portfolio=frozenset(elements.names),
            start_s=told["period_start_s"],
            stop_s=told["period_stop_s"],
            shortage_eur_per_mwh=shortage,
            surplus_eur_per_mwh=surplus,
        )

    def period_at(self, time: int) -> int:
        """Return the settlement period in which a step beginning at ``time`` lies."""
        return int(np.searchsorted(self.start_s, time, side="right")) - 1

    @property
    def mean_price_eur_per_mwh(self) -> float:
        """Mean of all prices."""
        return float(np.mean([self.shortage_eur_per_mwh, self.surplus_eur_per_mwh]))

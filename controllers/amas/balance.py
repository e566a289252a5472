"""The balance responsible party's agent: it watches one number, the imbalance of its portfolio.

Equations (31)-(32) of Zafar et al., ISGT Europe 2021, in load convention: a shortage, the portfolio
having consumed more than planned, is positive.
"""

from gridloom.controllers.amas.config import AmasConfig, Balance
from gridloom.controllers.amas.criticality import balance_criticality
from gridloom.controllers.amas.settlement import Settlement
from gridloom.simulators.quantities import SECONDS_PER_HOUR

_SHARE_OF_RATED = 100.0 / (55 * 7.0)
"""K_BRP over the charging points' rated power in the paper: 100 kW for 55 of 7 kW."""


class BalanceAgent:
    """Turns the running imbalance into a criticality that every vehicle of the portfolio hears."""

    def __init__(
        self, settlement: Settlement, config: AmasConfig, *, rated_kw: float, step_s: int
    ) -> None:
        """Give the agent its aim.

        Args:
            settlement: periods and prices.
            config: what it aims at, and how it weighs a deviation.
            rated_kw: of the portfolio's charging points; K_BRP and speculation are scaled to it.
            step_s: time between two measurements.
        """
        self._settlement = settlement
        self._aim = config.brp
        self.meters = len(settlement.portfolio)
        """How many connection points it is told the power of."""
        self._trend_weight = config.balance_trend
        self._shortest_s = config.shortest_remainder
        self._step_h = step_s / SECONDS_PER_HOUR
        scale, value = config.balance_power_kw, config.energy_value_eur_per_mwh
        self._balance_power_kw = _SHARE_OF_RATED * rated_kw if scale is None else scale
        self._value = settlement.mean_price_eur_per_mwh if value is None else value
        self._speculation_kw = config.speculation * rated_kw
        self._period = -1
        self._last_deviation_kwh = 0.0

    def criticality(self, time: int, imbalance_kwh: float, natural_kwh: float) -> float:
        """Return its criticality for the step that begins at ``time``; positive: shortage.

        Args:
            time: seconds since the start of the scenario.
            imbalance_kwh: at the end of the last step, since its settlement period began.
            natural_kwh: what it would be without coordination (`worthwhile` alone).
        """
        period = self._settlement.period_at(time)
        if period != self._period:  # nothing of the new period has been allocated yet
            self._period, self._last_deviation_kwh = period, 0.0
            return 0.0
        elapsed_h = (time - self._settlement.start_s[period]) / SECONDS_PER_HOUR
        deviation_kwh = imbalance_kwh - self._aimed_kwh(period, elapsed_h, natural_kwh)
        trend_kw = (deviation_kwh - self._last_deviation_kwh) / self._step_h
        self._last_deviation_kwh = deviation_kwh
        remaining_s = max(self._settlement.stop_s[period] - time, self._shortest_s)
        return balance_criticality(
            deviation_kwh, remaining_s, self._trend_weight * trend_kw, self._balance_power_kw
        )

    def _aimed_kwh(self, period: int, elapsed_h: float, natural_kwh: float) -> float:
        """Return the imbalance it would like to have by now."""
        shortage_pays = self._settlement.shortage_eur_per_mwh[period] < self._value
        surplus_pays = self._settlement.surplus_eur_per_mwh[period] > self._value
        if self._aim is Balance.WORTHWHILE:
            pays = shortage_pays if natural_kwh > 0.0 else surplus_pays
            return natural_kwh if pays else 0.0
        if self._aim is Balance.PRICE_AWARE:
            direction = int(shortage_pays) - int(surplus_pays)
            return direction * self._speculation_kw * elapsed_h
        return 0.0

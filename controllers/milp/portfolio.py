"""What a planner knows of the market: periods, prices, positions, and whose balance it keeps."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gridloom.controllers.milp.problem import Settlement
from gridloom.controllers.milp.window import Window
from gridloom.simulators.errors import Problem, ScenarioError
from gridloom.simulators.market import ImbalanceMarket
from gridloom.simulators.model import FloatArray, Model
from gridloom.simulators.quantities import SECONDS_PER_HOUR, format_duration


@dataclass(frozen=True, kw_only=True)
class Portfolio:
    """The market's terms for a balance responsible party; known day-ahead."""

    points: frozenset[str]
    """Connection points it answers for."""
    period_s: int
    """Length of a settlement period."""
    duration_s: int
    """End of the run, which may cut the last period short."""
    position_kw: FloatArray
    """(period,), bought day-ahead."""
    shortage_eur_per_mwh: FloatArray
    """(period,), C- of the paper."""
    surplus_eur_per_mwh: FloatArray
    """(period,), C+ of the paper."""

    @classmethod
    def of(cls, market: Model | None, *, perfect: bool) -> "Portfolio":
        """Read the terms of a market.

        Args:
            market: which one.
            perfect: take the prices that come true, not those that are known day-ahead.

        Raises:
            ScenarioError: there is none.
        """
        if not isinstance(market, ImbalanceMarket):
            raise ScenarioError(
                Problem(
                    message="there is no market whose imbalance could be planned",
                    key=("type",),
                    expected="a simulator of type imbalance_market",
                )
            )
        told = {each.name: np.asarray(each.values, dtype=np.float64) for each in market.static()}
        start_s, stop_s = told["period_start_s"], told["period_stop_s"]
        last = int(stop_s[-1])
        shortage, surplus = market.known_prices
        if perfect:
            shortage = told["imbalance_price_shortage_eur_per_mwh"]
            surplus = told["imbalance_price_surplus_eur_per_mwh"]
        return cls(
            points=frozenset(market.portfolio),
            period_s=int(start_s[1]) if len(start_s) > 1 else last,
            duration_s=last,
            position_kw=market.position_by_period_kw,
            shortage_eur_per_mwh=shortage,
            surplus_eur_per_mwh=surplus,
        )

    @property
    def mean_price_eur_per_mwh(self) -> float:
        """Mean of all prices."""
        return float(np.mean([self.shortage_eur_per_mwh, self.surplus_eur_per_mwh]))

    @property
    def position_kwh(self) -> FloatArray:
        """(period,), energy bought."""
        start_s = np.arange(len(self.position_kw)) * self.period_s
        stop_s = np.minimum(start_s + self.period_s, self.duration_s)
        bought: FloatArray = self.position_kw * (stop_s - start_s) / SECONDS_PER_HOUR
        return bought

    def require_intervals(self, interval_s: int) -> None:
        """Refuse intervals that do not divide the settlement periods.

        Raises:
            ScenarioError: they do not.
        """
        if self.period_s % interval_s or self.duration_s % interval_s:
            raise ScenarioError(
                Problem(
                    message=f"intervals of {format_duration(interval_s)} do not divide settlement "
                    f"periods of {format_duration(self.period_s)}",
                    key=("interval",),
                    expected="a length that divides the settlement period and the run",
                )
            )

    def member(self, points: tuple[str, ...]) -> NDArray[np.bool_]:
        """Return which of these connection points it answers for: (point,)."""
        return np.array([point in self.points for point in points], dtype=bool)

    def allocated_kwh(self, now_s: int, imbalance_kwh: float) -> float:
        """Return what the portfolio has drawn since the current period began.

        Args:
            now_s: seconds since the run's start.
            imbalance_kwh: as the market told it last.
        """
        elapsed_s = now_s % self.period_s
        if elapsed_s == 0:
            return 0.0
        position_kw = float(self.position_kw[now_s // self.period_s])
        return imbalance_kwh + position_kw * elapsed_s / SECONDS_PER_HOUR

    def settlement(
        self,
        window: Window,
        in_portfolio: NDArray[np.bool_],
        allocated_kwh: float,
        uncoordinated_kwh: FloatArray | None,
    ) -> Settlement:
        """Return how the imbalance of a plan is settled.

        Args:
            window: the plan's time.
            in_portfolio: (connection_point,).
            allocated_kwh: drawn since the current period began.
            uncoordinated_kwh: (period,), imbalance of the run's periods that uncoordinated
                charging would leave: the plan may then but reduce it. None: no limits.
        """
        periods = window.periods(self.period_s)
        numbers = np.arange(periods[0], periods[-1] + 1)
        inside = numbers < len(self.position_kw)
        at = np.minimum(numbers, len(self.position_kw) - 1)
        now = window.now_s // self.period_s
        position_kwh = np.where(inside, self.position_kwh[at], 0.0)
        # What is over is settled: it is none of the plan's business any more.
        settled_kwh = np.where(numbers < now, position_kwh, 0.0)
        settled_kwh[numbers == now] = allocated_kwh
        low, high = np.full(len(numbers), -np.inf), np.full(len(numbers), np.inf)
        if uncoordinated_kwh is not None:
            natural_kwh = np.where(inside & (numbers >= now), uncoordinated_kwh[at], 0.0)
            low, high = np.minimum(natural_kwh, 0.0), np.maximum(natural_kwh, 0.0)
        return Settlement(
            period=periods - periods[0],
            in_portfolio=in_portfolio,
            position_kwh=position_kwh,
            settled_kwh=settled_kwh,
            shortage_eur_per_mwh=np.where(inside, self.shortage_eur_per_mwh[at], 0.0),
            surplus_eur_per_mwh=np.where(inside, self.surplus_eur_per_mwh[at], 0.0),
            imbalance_min_kwh=low,
            imbalance_max_kwh=high,
        )

"""The imbalance that would be there without any coordination: what forecast errors bring."""

import numpy as np
from numpy.typing import NDArray

from gridloom.controllers.amas.settlement import Settlement
from gridloom.controllers.controller import Observation
from gridloom.simulators.model import FloatArray
from gridloom.simulators.quantities import SECONDS_PER_HOUR
from gridloom.simulators.signals import DEPARTURE, ENERGY_REQUIRED, IMBALANCE, RATED_CHARGING


class UncoordinatedCharging:
    """What the vehicles that are plugged in would draw if each charged at once, as `Basic` lets it.

    A vehicle's agent tells what it needs when it is plugged in, and nothing afterwards.
    """

    def __init__(self, charging_points: int, step_s: int) -> None:
        self._step_h = step_s / SECONDS_PER_HOUR
        self._missing_kwh = np.zeros(charging_points)
        self._departure_s = np.full(charging_points, np.nan)

    def power_kw(
        self, departure_s: FloatArray, required_kwh: FloatArray, rated_kw: FloatArray
    ) -> FloatArray:
        """Return what each would draw in the step that begins now.

        Args:
            departure_s: (charging point,), declared; NaN where no vehicle is.
            required_kwh: (charging point,), to be drawn until departure; read on arrival only.
            rated_kw: (charging point,), 0 where no vehicle is.
        """
        present = ~np.isnan(departure_s)
        # Who is there, and was not or wanted to leave at another time, has just come.
        comes = present & (departure_s != self._departure_s)
        self._departure_s = departure_s.copy()
        missing_kwh = np.where(comes, required_kwh, np.where(present, self._missing_kwh, 0.0))
        power_kw: FloatArray = np.minimum(rated_kw, missing_kwh / self._step_h)
        self._missing_kwh = missing_kwh - power_kw * self._step_h
        return power_kw


class NaturalImbalance:
    """Tells the running imbalance as if nobody had coordinated the vehicles of the portfolio.

    The balance responsible party knows all of it: it is told its imbalance and what its vehicles
    draw, and they tell what they need when they are plugged in.
    """

    def __init__(
        self, settlement: Settlement, in_portfolio: NDArray[np.bool_], step_s: int
    ) -> None:
        """Begin with nothing.

        Args:
            settlement: when periods begin.
            in_portfolio: (charging point,), which of them belong to the party.
            step_s: time between two measurements.
        """
        self._settlement = settlement
        self._in_portfolio = in_portfolio
        self._uncoordinated = UncoordinatedCharging(len(in_portfolio), step_s)
        self._step_h = step_s / SECONDS_PER_HOUR
        self._period = 0
        self._uncoordinated_kw = np.zeros(len(in_portfolio))
        """What the vehicles would have drawn in the last step."""
        self._kept_back_kwh = 0.0
        """What they would have drawn more since the settlement period began."""

    def at(self, time: int, observation: Observation, drawn_kw: FloatArray) -> float:
        """Return the natural imbalance at ``time`` since the settlement period began.

        At the beginning of a period it is that of the period that has just ended.

        Args:
            time: seconds since the start of the scenario.
            observation: the running imbalance, and what the vehicles need.
            drawn_kw: (charging point,), by the vehicles in the last step.
        """
        kept_back_kw = (self._uncoordinated_kw - drawn_kw)[self._in_portfolio].sum()
        self._kept_back_kwh += float(kept_back_kw) * self._step_h
        natural_kwh = float(observation[IMBALANCE.name]) + self._kept_back_kwh
        period = self._settlement.period_at(time)
        if period != self._period:
            self._period, self._kept_back_kwh = period, 0.0
        self._uncoordinated_kw = self._uncoordinated.power_kw(
            observation[DEPARTURE.name],
            observation[ENERGY_REQUIRED.name],
            observation[RATED_CHARGING.name],
        )
        return natural_kwh

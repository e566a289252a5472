"""The imbalance that would be there without any coordination: what forecast errors bring."""

import numpy as np
from numpy.typing import NDArray

from gridloom.controllers.amas.settlement import Settlement
from gridloom.controllers.controller import Observation
from gridloom.simulators.model import FloatArray
from gridloom.simulators.quantities import SECONDS_PER_HOUR
from gridloom.simulators.signals import (
    DEPARTURE,
    ENERGY_REQUIRED,
    POSITION,
    POWER,
    RATED_CHARGING,
)


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
    """Adds up within each settlement period by what an uncoordinated portfolio would deviate.

    The balance responsible party knows all of it: it bought the position, it meters its portfolio,
    and its vehicles tell what they need when they are plugged in.
    """

    def __init__(
        self, settlement: Settlement, points: tuple[str, ...], charging_points: int, step_s: int
    ) -> None:
        """Begin with nothing.

        Args:
            settlement: when periods begin, and who belongs to the portfolio.
            points: where the power of all devices but the vehicles is metered.
            charging_points: how many there are.
            step_s: time between two measurements.
        """
        self._settlement = settlement
        self._in_portfolio: NDArray[np.bool_] = np.array(
            [point in settlement.portfolio for point in points], dtype=np.bool_
        )
        self._uncoordinated = UncoordinatedCharging(charging_points, step_s)
        self._step_h = step_s / SECONDS_PER_HOUR
        self._energy_kwh = 0.0
        self._vehicles_kw = 0.0
        """What the vehicles would have drawn in the last step."""

    def at(self, time: int, observation: Observation) -> float:
        """Return the natural imbalance at ``time`` since the settlement period began.

        At the beginning of a period it is that of the period that has just ended.
        """
        if time:
            metered_kw = float(observation[POWER.name][self._in_portfolio].sum())
            natural_kw = metered_kw + self._vehicles_kw - float(observation[POSITION.name])
            self._energy_kwh += natural_kw * self._step_h
        energy_kwh = self._energy_kwh
        if self._settlement.begins_at(time):
            self._energy_kwh = 0.0
        vehicles_kw = self._uncoordinated.power_kw(
            observation[DEPARTURE.name],
            observation[ENERGY_REQUIRED.name],
            observation[RATED_CHARGING.name],
        )
        self._vehicles_kw = float(vehicles_kw.sum())
        return energy_kwh

"""How critical an agent is, from 0 (content) to 1, and how agents weigh each other.

Equations (29)-(35) of Zafar et al., ISGT Europe 2021, vectorised over agents.
"""

import numpy as np

from gridloom.controllers.amas.config import Damping
from gridloom.simulators.model import FloatArray
from gridloom.simulators.quantities import SECONDS_PER_HOUR


def loading_criticality(loading: FloatArray, critical_from: float) -> FloatArray:
    """Return 0 up to ``critical_from`` of the limit, 1 at the limit, linear between (eq. 29).

    Args:
        loading: quantity over its limit: 1 at the limit; NaN counts as content.
        critical_from: share of the limit, below 1.
    """
    above = (loading - critical_from) / (1.0 - critical_from)
    clipped: FloatArray = np.fmin(np.fmax(above, 0.0), 1.0)
    return clipped


def anticipated_criticality(
    criticality: FloatArray, rise_a: FloatArray, gain_per_a: float
) -> FloatArray:
    """Return the larger of a line's criticality and that which its rise announces (eq. 30).

    The paper's (30) is read as the criticality one step ahead if the current goes on rising; a
    line that is content announces nothing.

    Args:
        criticality: by eq. (29).
        rise_a: change of the current's magnitude since the last step; NaN counts as none.
        gain_per_a: K_l.
    """
    announced = criticality + gain_per_a * np.fmax(rise_a, 0.0)
    return np.where(criticality > 0.0, np.minimum(announced, 1.0), 0.0)


def voltage_loading(
    voltage_pu: FloatArray, limits_pu: tuple[float, float]
) -> tuple[FloatArray, FloatArray]:
    """Return how far below and above the middle of the admissible band, over half its width."""
    low, high = limits_pu
    above = (2.0 * voltage_pu - (low + high)) / (high - low)
    return -above, above


def balance_criticality(
    deviation_kwh: float, remaining_s: float, trend_kw: float, balance_power_kw: float
) -> float:
    """Return the balance responsible party's criticality with the sign of its deviation.

    The power that would undo the deviation in what is left of the settlement period, over K_BRP
    (eqs. 31-32).

    Args:
        deviation_kwh: energy since the period began beyond what is aimed at; positive: shortage.
        remaining_s: until the end of the settlement period.
        trend_kw: power by which the deviation grows at present, as far as it counts.
        balance_power_kw: K_BRP.
    """
    undone_kw = deviation_kwh * SECONDS_PER_HOUR / remaining_s
    return float(np.clip((undone_kw + trend_kw) / balance_power_kw, -1.0, 1.0))


def vehicle_criticality(
    missing_kwh: FloatArray, rated_kw: FloatArray, remaining_s: FloatArray
) -> FloatArray:
    """Return the share of rated power that a vehicle needs on average until it leaves (eq. 33).

    Args:
        missing_kwh: (vehicle,), to be drawn until departure; negative: none.
        rated_kw: (vehicle,), 0 where no vehicle is.
        remaining_s: (vehicle,), until departure; NaN where no vehicle is.
    """
    possible_kwh = rated_kw * remaining_s / SECONDS_PER_HOUR
    needs = (missing_kwh > 0.0) & (rated_kw > 0.0)
    share = np.ones_like(missing_kwh)
    np.divide(missing_kwh, possible_kwh, out=share, where=needs & (possible_kwh > missing_kwh))
    return np.where(needs, share, 0.0)


def damping(criticality: FloatArray, shape: Damping) -> FloatArray:
    """Return h, the share of a request that is left against an antagonist (eq. 35).

    Falls from 1 at 0 to `alpha` at T_min linearly, on to `beta` at T_max exponentially, and to 0
    at 1 linearly; continuous.

    Args:
        criticality: of the antagonist, 0 to 1.
        shape: alpha, beta and the thresholds.
    """
    low, high = shape.threshold_low, shape.threshold_high
    slope = np.log(shape.beta / shape.alpha) / (high - low)
    between = np.exp(slope * criticality + (np.log(shape.alpha) - slope * low))
    below = 1.0 - (1.0 - shape.alpha) * criticality / low
    above = shape.beta * (1.0 - criticality) / (1.0 - high)
    h: FloatArray = np.where(criticality < low, below, np.where(criticality < high, between, above))
    return h

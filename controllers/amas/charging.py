"""The vehicles' agents: how much each changes its power after what it hears (eq. 34)."""

from dataclasses import dataclass

import numpy as np

from gridloom.controllers.amas.config import AmasConfig, Rule
from gridloom.controllers.amas.criticality import damping
from gridloom.simulators.model import FloatArray


@dataclass(frozen=True, kw_only=True)
class Heard:
    """What each vehicle's agent knows, from 0 to 1."""

    own: FloatArray
    """(vehicle,), how urgently it must charge (eq. 33)."""
    balance: float
    """Of its balance responsible party; positive: shortage, which less consumption would mend."""
    lower: FloatArray
    """(vehicle,), of the grid where less consumption would help."""
    higher: FloatArray
    """(vehicle,), of the grid where more consumption would help."""
    share: FloatArray
    """(vehicle,), of its rated power, by which it may change at most in one step."""


def change_kw(
    heard: Heard, power_kw: FloatArray, rated_kw: FloatArray, config: AmasConfig, step_s: int
) -> FloatArray:
    """Return by how much each vehicle changes its power: (vehicle,).

    Args:
        heard: criticalities.
        power_kw: (vehicle,), what it asked for last, load convention.
        rated_kw: (vehicle,), 0 where no vehicle is.
        config: the rule and its gains.
        step_s: time until it can change its power again.
    """
    if config.rule is Rule.LITERAL:
        change = _literal(heard, rated_kw, config)
    else:
        change = _role_aware(heard, rated_kw, config, step_s)
    idle = _worst(heard) < config.idle_below
    kept = (1.0 - config.idle_decay_per_s) ** step_s
    return np.where(idle, (kept - 1.0) * power_kw, change)


def _worst(heard: Heard) -> FloatArray:
    worst: FloatArray = np.maximum.reduce([heard.own, heard.lower, heard.higher])
    return np.maximum(worst, abs(heard.balance))


def _literal(heard: Heard, rated_kw: FloatArray, config: AmasConfig) -> FloatArray:
    """Return (34) as printed: the more critical side wins, damped by the other.

    It jumps where both are equal, and gives up where the other is most critical, since h(1) = 0.
    """
    raising = np.maximum(np.maximum(heard.own, heard.higher), max(-heard.balance, 0.0))
    lowering = np.maximum(heard.lower, max(heard.balance, 0.0))
    up = raising * damping(lowering, config.damping)
    down = lowering * damping(raising, config.damping)
    return rated_kw * np.where(raising >= lowering, up, -down)


def _role_aware(heard: Heard, rated_kw: FloatArray, config: AmasConfig, step_s: int) -> FloatArray:
    """Return the continuous reading: who asks is damped by who stands against it, relief never is.

    What the vehicle and its balance responsible party ask for is one request; the party's is
    damped by the vehicle's own need. The request is damped by the line or bus that it would burden,
    and that line's relief added undamped:

        dP = g Pmax (h(lower) request+ - lower - h(higher) request- + higher)
    """
    shortage, surplus = max(heard.balance, 0.0), max(-heard.balance, 0.0)
    # What a line is short of belongs first to those who must charge.
    yielded = surplus * (1.0 - heard.lower) ** 2
    request = np.maximum(heard.own, yielded) - damping(heard.own, config.damping) * shortage
    asked = damping(heard.lower, config.damping) * np.maximum(request, 0.0)
    asked -= damping(heard.higher, config.damping) * np.maximum(-request, 0.0)
    gain_kw = np.minimum(config.gain_per_s * step_s, heard.share) * rated_kw
    ramp_kw = np.minimum(config.ramp_kw_per_s * step_s, heard.share * rated_kw)
    relief = heard.higher - heard.lower
    change: FloatArray = np.clip(gain_kw * asked, -ramp_kw, ramp_kw) + gain_kw * relief
    return change

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
    balance: FloatArray
    """(vehicle,), -1 to 1, of its balance responsible party; positive: shortage, which less
    consumption would mend."""
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
    leak = np.where(heard.own > 0.0, 0.0, config.leak_per_s)
    given_up = 1.0 - (1.0 - np.where(idle, config.idle_decay_per_s, leak)) ** step_s
    ramp_kw = _ramp_kw(heard, rated_kw, config, step_s)
    return np.where(idle, 0.0, change) + np.clip(-given_up * power_kw, -ramp_kw, ramp_kw)


def fading_kw(
    rated_kw: FloatArray, remaining_s: FloatArray, fade_out_s: float, step_s: int
) -> FloatArray:
    """Return the most that each vehicle allows itself shortly before it leaves: (vehicle,).

    Falls to 0 in the last step; a vehicle that left at full power would throw its line from one
    second to the next.

    Args:
        rated_kw: (vehicle,), 0 where no vehicle is.
        remaining_s: (vehicle,), until departure; NaN where no vehicle is.
        fade_out_s: time over which power fades.
        step_s: time until it can change its power again.
    """
    left = np.nan_to_num((remaining_s - step_s) / fade_out_s)
    return rated_kw * np.clip(left, 0.0, 1.0)


def _ramp_kw(heard: Heard, rated_kw: FloatArray, config: AmasConfig, step_s: int) -> FloatArray:
    """Return the most by which each vehicle may change its power unless to relieve the grid."""
    return np.minimum(config.ramp_kw_per_s * step_s, heard.share * rated_kw)


def _worst(heard: Heard) -> FloatArray:
    worst: FloatArray = np.maximum.reduce(
        [heard.own, heard.lower, heard.higher, np.abs(heard.balance)]
    )
    return worst


def _literal(heard: Heard, rated_kw: FloatArray, config: AmasConfig) -> FloatArray:
    """Return (34) as printed: the more critical side wins, damped by the other.

    It jumps where both are equal, and gives up where the other is most critical, since h(1) = 0.
    """
    raising = np.maximum.reduce([heard.own, heard.higher, -heard.balance])
    lowering = np.maximum(heard.lower, heard.balance)
    up = raising * damping(lowering, config.damping)
    down = lowering * damping(raising, config.damping)
    return rated_kw * np.where(raising >= lowering, up, -down)


def _role_aware(heard: Heard, rated_kw: FloatArray, config: AmasConfig, step_s: int) -> FloatArray:
    """Return the continuous reading: who asks is damped by who stands against it, relief never is.

    What the vehicle and its balance responsible party ask for is one request; the party's is
    damped by the vehicle's own need. The request is damped by the line or bus that it would burden,
    and that line's relief added undamped:

        dP = g Pmax (h(antagonist) request + higher - lower)

    where the antagonist is `lower` if more is requested, and `higher` if less is.
    """
    shortage, surplus = np.maximum(heard.balance, 0.0), np.maximum(-heard.balance, 0.0)
    # What a line is short of belongs first to those who must charge.
    yielded = surplus * (1.0 - heard.lower) ** 2
    request = np.maximum(heard.own, yielded) - damping(heard.own, config.damping) * shortage
    antagonist = np.where(request > 0.0, heard.lower, heard.higher)
    asked = damping(antagonist, config.damping) * request
    gain_kw = np.minimum(config.gain_per_s * step_s, heard.share) * rated_kw
    ramp_kw = _ramp_kw(heard, rated_kw, config, step_s)
    relief = heard.higher - heard.lower
    change = np.clip(gain_kw * asked, -ramp_kw, ramp_kw) + gain_kw * relief
    return np.clip(change, -gain_kw, gain_kw)

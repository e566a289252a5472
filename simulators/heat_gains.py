"""Heat that people, appliances and the sun give to buildings."""

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Self

import numpy as np
from pydantic import model_validator
from typing_extensions import override

from gridloom.simulators.model import BuildContext, FloatArray
from gridloom.simulators.plants import opened
from gridloom.simulators.profiles.clock import DailySeries, LocalClock, date_of
from gridloom.simulators.profiles.irradiance import IrradianceConfig, open_irradiance
from gridloom.simulators.profiles.placement import PerElementOrZero, per_element
from gridloom.simulators.profiles.series import Series
from gridloom.simulators.quantities import Config, NonNegative

_KW_PER_W = 1e-3
_HOUR_S = 3600
_HOURS = 24
_LIVING_W_PER_M2 = {7: 8.0, 17: 20.0, 23: 2.0}
_OTHER_W_PER_M2 = {7: 1.0, 17: 1.0, 23: 6.0}
"""From that hour on: ISO 13790:2008, Table G.8, Monday to Friday."""


class HeatGainConfig(Config):
    """Keys of the heat that buildings get besides heating.

    Over the day, people and appliances follow ISO 13790:2008, Table G.8: living room and kitchen
    are half of the floor, on all days as from Monday to Friday.
    """

    internal_kw: PerElementOrZero = 0.5
    """Of people and appliances, mean of the day."""
    internal_variation: NonNegative = 0.3
    """Synthetic variation from hour to hour and building to building: standard deviation over
    mean."""
    solar_aperture_m2: PerElementOrZero = 0.0
    """Area through which the irradiance would enter whole: of the windows, times what they and
    their shades let through."""
    irradiance: IrradianceConfig | None = None
    """On the windows' plane; needed with `solar_aperture_m2`."""

    @model_validator(mode="after")
    def _aperture_and_sun(self) -> Self:
        # Not `model_fields_set`: written down whole, as for another process, all keys are given.
        if (self.solar_aperture_m2 != 0.0) != (self.irradiance is not None):
            raise ValueError("solar_aperture_m2 and irradiance need each other")
        return self


@dataclass(frozen=True, kw_only=True)
class HeatGains:
    """The heat gains of a population of buildings, from people and appliances and from the sun."""

    internal: "InternalGains"
    irradiance: Series | None
    """W/m2, one column a building."""
    aperture_m2: FloatArray
    """(building,)"""

    def means(self, start_s: int, stop_s: int, step_s: int) -> FloatArray:
        """Return the means in kW over [start, start + step), ..., until stop: (step, building)."""
        internal_kw = self.internal.means(start_s, stop_s, step_s)
        if self.irradiance is None:
            return internal_kw
        irradiance = self.irradiance.means(start_s, stop_s, step_s)
        return internal_kw + irradiance * (self.aperture_m2 * _KW_PER_W)


def open_heat_gains(
    config: HeatGainConfig, context: BuildContext, points: tuple[str, ...], until_s: int
) -> HeatGains:
    """Open the gains of the buildings at ``points``.

    Raises:
        ScenarioError: something is wrong with them.
    """
    mean_kw = per_element(config.internal_kw, points, "internal_kw", "building")
    irradiance: Series | None = None
    given = config.irradiance
    if given is not None:
        irradiance = opened("irradiance", lambda: open_irradiance(given, context, points, until_s))
    return HeatGains(
        internal=InternalGains(mean_kw, config.internal_variation, context),
        irradiance=irradiance,
        aperture_m2=per_element(config.solar_aperture_m2, points, "solar_aperture_m2", "building"),
    )


class InternalGains(DailySeries):
    """Gains of people and appliances in kW, hour by hour.

    The same seed, model name and local day give the same values, whatever the scenario's start.
    """

    def __init__(self, mean_kw: FloatArray, variation: float, context: BuildContext) -> None:
        super().__init__(LocalClock(context.start), _HOUR_S, "synthetic: ISO 13790, Table G.8")
        self._mean_kw = mean_kw
        self._variance = float(np.log1p(variation**2))
        self._context = context

    def without_variation(self) -> "InternalGains":
        """Return what is expected of them."""
        return InternalGains(self._mean_kw, 0.0, self._context)

    @override
    def day(self, day: int) -> FloatArray:
        """Return the gains of one local day, counted from 1970-01-01: (hour, building)."""
        expected_kw = np.outer(share_of_mean(), self._mean_kw)
        rng = self._context.rng(f"heat_gain/{date_of(day)}")
        # Factors of mean 1, whose logarithms are normal.
        deviation = math.sqrt(self._variance)
        return expected_kw * rng.lognormal(-self._variance / 2, deviation, expected_kw.shape)


def share_of_mean() -> FloatArray:
    """Return the gains of people and appliances over their mean: (hour of the day,)."""
    flow = np.zeros(_HOURS)
    for rooms in (_LIVING_W_PER_M2, _OTHER_W_PER_M2):
        begins = [*rooms, min(rooms) + _HOURS]
        for begin, end in pairwise(begins):
            flow[np.arange(begin, end) % _HOURS] += rooms[begin]
    shares: FloatArray = flow / flow.mean()
    return shares

"""Buildings with heat pumps: what is possible and what a thermostat wants, step by step."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gridloom.simulators.building import AIR, ThermalDynamics
from gridloom.simulators.model import FloatArray

_SWITCHING_TOLERANCE_K = 1e-9
"""Holding a temperature exactly reaches it up to rounding."""


@dataclass(frozen=True, kw_only=True)
class StepConditions:
    """What one step meets."""

    outdoor_temperature_c: float
    coefficient_of_performance: float
    heat_gain_kw: FloatArray
    """(building,)"""
    limits_c: tuple[float, float]
    """Lowest and highest comfortable indoor temperature."""


class HeatedBuildings:
    """Temperatures of buildings, and their heat pumps' thermostats.

    Life cycle: built, `meet` what a step will meet, `heat` through it, `meet`, `heat`, ...

    Power is held between what keeps the air at the lower limit and what brings it to the upper
    limit by the end of the step, as far as the heat pump can: whoever plans within the limits is
    obeyed. The thermostat switches on at the lower limit and off at a fixed difference above it.
    """

    def __init__(
        self,
        dynamics: ThermalDynamics,
        rated_power_kw: FloatArray,
        hysteresis_k: float,
        temperature_c: FloatArray,
        *,
        on: NDArray[np.bool_],
    ) -> None:
        """Begin with ``temperature_c`` (building, node) and some of the thermostats ``on``."""
        self.temperature_c = temperature_c
        """(building, node), at the beginning of the step."""
        self.power_limits_kw = (np.zeros(len(on)), rated_power_kw)
        """Lowest and highest electrical power possible in the step: (building,) each."""
        self.wanted_kw = np.zeros(len(on))
        """(building,), mean electrical power that the thermostats want in the step."""
        self._dynamics = dynamics
        self._rated_kw = rated_power_kw
        self._hysteresis_k = hysteresis_k
        self._on = on
        self._floating_c = temperature_c

    def meet(self, conditions: StepConditions) -> None:
        """Learn what the step that begins now meets."""
        self._floating_c = self._dynamics.floating(
            self.temperature_c, conditions.heat_gain_kw, conditions.outdoor_temperature_c
        )
        low_c, high_c = conditions.limits_c
        k_per_kw = self._dynamics.k_per_kw_heat[:, AIR] * conditions.coefficient_of_performance

        def holding_kw(air_c: float) -> FloatArray:
            """Return the power that leads to this temperature, as far as there is one."""
            needed_kw = (air_c - self._floating_c[:, AIR]) / k_per_kw
            return np.clip(needed_kw, 0.0, self._rated_kw)

        off_c = min(low_c + self._hysteresis_k, high_c)
        self._switch(low_c, off_c)
        self.power_limits_kw = (holding_kw(low_c), holding_kw(high_c))
        self.wanted_kw = np.where(self._on, holding_kw(off_c), self.power_limits_kw[0])

    def _switch(self, on_c: float, off_c: float) -> None:
        air_c = self.temperature_c[:, AIR]
        starts = air_c <= on_c + _SWITCHING_TOLERANCE_K
        stops = air_c >= off_c - _SWITCHING_TOLERANCE_K
        self._on = (self._on | starts) & ~stops

    def heat(self, heat_kw: FloatArray) -> None:
        """Go to the end of the step, with this mean heat: (building,)."""
        warmer_k = self._dynamics.k_per_kw_heat * heat_kw[:, np.newaxis]
        self.temperature_c = self._floating_c + warmer_k

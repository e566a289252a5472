"""A house with a heat pump, as an FMU: the source from which PythonFMU builds it (FMI 2.0).

One room temperature T follows C dT/dt = COP P - G (T - T_outdoor); over a step, in which heating
and outdoor temperature are constant, it follows its exponential solution exactly. A thermostat
switches the compressor at the beginning of a step. The coefficient of performance is a fraction of
Carnot's between outdoor and supply temperature.

An FMU to hand on: pythonfmu build -f heat_pump.py
"""

import math
from typing import Any

from pythonfmu import Boolean, Fmi2Causality, Fmi2Slave, Fmi2Variability, Real

_PARAMETERS = (
    "rated_power",
    "heat_capacity",
    "heat_loss",
    "set_temperature",
    "band",
    "supply_temperature",
    "carnot_fraction",
    "start_temperature",
)


class HeatPump(Fmi2Slave):  # type: ignore[misc]  # PythonFMU has no types
    """House and heat pump; SI units: W, J/K, W/K, K."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.rated_power = 2000.0
        self.heat_capacity = 7.2e6
        self.heat_loss = 150.0
        self.set_temperature = 294.15
        self.band = 1.0
        self.supply_temperature = 308.15
        self.carnot_fraction = 0.45
        self.start_temperature = 294.15
        self.outdoor_temperature = 275.15
        self.power = 0.0
        self.room_temperature = self.start_temperature
        self.heating = False
        for name in _PARAMETERS:
            self.register_variable(
                Real(name, causality=Fmi2Causality.parameter, variability=Fmi2Variability.fixed)
            )
        self.register_variable(Real("outdoor_temperature", causality=Fmi2Causality.input))
        self.register_variable(Real("power", causality=Fmi2Causality.output))
        self.register_variable(Real("room_temperature", causality=Fmi2Causality.output))
        self.register_variable(
            Boolean("heating", causality=Fmi2Causality.output, variability=Fmi2Variability.discrete)
        )

    def exit_initialization_mode(self) -> None:
        """Begin at the start temperature."""
        self.room_temperature = self.start_temperature
        self._switch()

    def do_step(self, current_time: float, step_size: float) -> bool:  # noqa: ARG002
        """Advance the room temperature by one step."""
        self._switch()
        lift = self.supply_temperature - self.outdoor_temperature
        performance = self.carnot_fraction * self.supply_temperature / lift
        equilibrium = self.outdoor_temperature + performance * self.power / self.heat_loss
        decay = math.exp(-self.heat_loss * step_size / self.heat_capacity)
        self.room_temperature = equilibrium + (self.room_temperature - equilibrium) * decay
        return True

    def _switch(self) -> None:
        if self.room_temperature < self.set_temperature - self.band / 2:
            self.heating = True
        elif self.room_temperature > self.set_temperature + self.band / 2:
            self.heating = False
        self.power = self.rated_power if self.heating else 0.0

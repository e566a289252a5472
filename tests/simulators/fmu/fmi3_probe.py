"""An FMU by FMI 3.0, for PythonFMU3: two rooms, whose values are arrays, and ways to stop."""

from typing import Any

import numpy as np
from pythonfmu3 import (
    Boolean,
    Dimension,
    Float64,
    Fmi3Causality,
    Fmi3Slave,
    Fmi3Status,
    Fmi3StepResult,
    Fmi3Variability,
    Int32,
    String,
    Unit,
)


class Rooms(Fmi3Slave):  # type: ignore[misc]  # PythonFMU3 has no types
    """Heat without losses: the temperature rises by power times time over capacity."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.register_units([Unit("W", kg=1, m=2, s=-3), Unit("K", K=1)])
        self.heat = np.zeros(2)
        self.temperature = np.full(2, 280.0)
        self.one_heat = 0.0
        self.one_temperature = 280.0
        self.capacity = 1000.0
        self.level = 0
        self.levels = 0
        self.active = False
        self.was_active = False
        self.label = ""
        self.end_at = -1.0
        self.error_at = -1.0
        pair = [Dimension(start="2")]
        given, told = Fmi3Causality.input, Fmi3Causality.output
        parameter = Fmi3Causality.parameter
        discrete, fixed = Fmi3Variability.discrete, Fmi3Variability.fixed
        self.register_variable(
            Float64("heat", causality=given, dimensions=pair, unit="W", setter=self._set_heat)
        )
        self.register_variable(Float64("temperature", causality=told, dimensions=pair, unit="K"))
        self.register_variable(Float64("one_heat", causality=given, unit="W"))
        self.register_variable(Float64("one_temperature", causality=told, unit="K"))
        self.register_variable(Int32("level", causality=given, variability=discrete))
        self.register_variable(Int32("levels", causality=told, variability=discrete))
        self.register_variable(Boolean("active", causality=given, variability=discrete))
        self.register_variable(Boolean("was_active", causality=told, variability=discrete))
        self.register_variable(String("label", causality=parameter, variability=fixed))
        for name in ("capacity", "end_at", "error_at"):
            self.register_variable(Float64(name, causality=parameter, variability=fixed))

    def _set_heat(self, values: list[float]) -> None:
        self.heat = np.array(values)

    def do_step(self, current_time: float, step_size: float) -> Any:
        self.temperature = self.temperature + self.heat * step_size / self.capacity
        self.one_temperature += self.one_heat * step_size / self.capacity
        self.levels += self.level
        self.was_active = self.active
        if current_time == self.error_at:
            self.log(f"{self.label} is on fire", Fmi3Status.error)
            return Fmi3StepResult(status=Fmi3Status.error)
        return Fmi3StepResult(terminateSimulation=current_time == self.end_at)

"""Uncoordinated charging: every vehicle charges at rated power until its required state."""

from typing import ClassVar

import numpy as np
from typing_extensions import override

from gridloom.controllers.controller import (
    ControlContext,
    Controller,
    ControllerConfig,
    Observation,
    Setpoints,
)
from gridloom.simulators.quantities import SECONDS_PER_HOUR
from gridloom.simulators.signals import (
    ENERGY_REQUIRED,
    POWER_MAX,
    POWER_SETPOINT,
    Information,
    Signal,
)


class BasicConfig(ControllerConfig):
    """Charges at rated power from arrival until the required state of charge."""


class Basic(Controller):
    """The baseline every scheme is compared with (the paper's 'basic' charging)."""

    Config = BasicConfig
    information: ClassVar[frozenset[Information]] = frozenset({Information.SESSIONS_PLUGGED_IN})
    observes: ClassVar[tuple[Signal, ...]] = (POWER_MAX, ENERGY_REQUIRED)
    decides: ClassVar[tuple[Signal, ...]] = (POWER_SETPOINT,)

    def __init__(self, config: BasicConfig, context: ControlContext) -> None:
        super().__init__(config, context)
        # A setpoint holds until both have stepped again.
        self._held_s = max(self.step_size, self.controlled.step_size)

    @override
    def decide(self, time: int, observation: Observation) -> Setpoints:
        # The last step before the goal is reached takes only what is missing.
        missing_kw = observation[ENERGY_REQUIRED.name] * (SECONDS_PER_HOUR / self._held_s)
        return {POWER_SETPOINT.name: np.minimum(observation[POWER_MAX.name], missing_kw)}

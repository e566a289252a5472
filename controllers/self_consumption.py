"""Uncoordinated batteries: each makes up for what its own house draws and feeds in."""

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
from gridloom.simulators.errors import Problem, ScenarioError
from gridloom.simulators.signals import (
    POWER,
    POWER_MAX,
    POWER_MIN,
    POWER_SETPOINT,
    Information,
    Signal,
)
from gridloom.simulators.storage import Storage


class SelfConsumptionConfig(ControllerConfig):
    """Lets batteries keep the exchange of their own houses at zero; has no keys of its own."""


class SelfConsumption(Controller):
    """The baseline of storage: what home batteries do as they are sold.

    Each draws what all other devices at its connection point fed in in the last step, and feeds in
    what they drew, as far as it can.
    """

    Config = SelfConsumptionConfig
    information: ClassVar[frozenset[Information]] = frozenset(
        {Information.MEASUREMENTS, Information.SESSIONS_PLUGGED_IN}
    )
    observes: ClassVar[tuple[Signal, ...]] = (POWER_MIN, POWER_MAX)
    surroundings: ClassVar[tuple[Signal, ...]] = (POWER,)
    decides: ClassVar[tuple[Signal, ...]] = (POWER_SETPOINT,)

    def __init__(self, config: SelfConsumptionConfig, context: ControlContext) -> None:
        super().__init__(config, context)
        if not isinstance(self.controlled, Storage):
            raise ScenarioError(
                Problem(
                    message=f"'{self.controlled.name}' has no batteries of houses",
                    key=("controls",),
                    expected="a simulator of type storage",
                )
            )
        measured = next((p.elements for p in self.ports if p.signal == POWER), None)
        steered = next(p.elements for p in self.ports if p.signal == POWER_SETPOINT)
        if measured is None or steered is None:
            raise ScenarioError(
                Problem(
                    message=f"there is nothing beside '{self.controlled.name}' to make up for",
                    key=("controls",),
                    expected="other simulators that send power, such as load and pv",
                )
            )
        place = {point: number for number, point in enumerate(measured.names)}
        self._at = np.array([place[point] for point in steered.connection_points or ()])

    @override
    def decide(self, time: int, observation: Observation) -> Setpoints:
        wanted_kw = -observation[POWER.name][self._at]
        limits_kw = observation[POWER_MIN.name], observation[POWER_MAX.name]
        return {POWER_SETPOINT.name: np.clip(wanted_kw, *limits_kw)}

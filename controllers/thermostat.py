"""Uncoordinated heating: every heat pump follows its own thermostat."""

from typing import ClassVar

from typing_extensions import override

from gridloom.controllers.controller import Controller, ControllerConfig, Observation, Setpoints
from gridloom.simulators.signals import BASELINE_POWER, POWER_SETPOINT, Information, Signal


class ThermostatConfig(ControllerConfig):
    """Lets heat pumps follow their thermostats; has no keys of its own."""


class Thermostat(Controller):
    """The baseline of heating schemes: asks every device for what it would draw unasked."""

    Config = ThermostatConfig
    information: ClassVar[frozenset[Information]] = frozenset({Information.FORECAST})
    observes: ClassVar[tuple[Signal, ...]] = (BASELINE_POWER,)
    decides: ClassVar[tuple[Signal, ...]] = (POWER_SETPOINT,)

    @override
    def decide(self, time: int, observation: Observation) -> Setpoints:
        return {POWER_SETPOINT.name: observation[BASELINE_POWER.name]}

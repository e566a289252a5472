"""Inflexible demand of customers, played back from a profile."""

import math
from typing import Annotated, ClassVar, Literal

from pydantic import Field
from typing_extensions import override

from gridloom.simulators.errors import ScenarioError
from gridloom.simulators.exogenous import Exogenous, ExogenousConfig, PopulationConfig
from gridloom.simulators.model import BuildContext, Outputs, StaticVariable
from gridloom.simulators.profiles.placement import points_at, source_of
from gridloom.simulators.profiles.profile import ProfileConfig, open_profile
from gridloom.simulators.quantities import Finite
from gridloom.simulators.signals import POWER, REACTIVE_POWER, Signal


class DemandConfig(PopulationConfig):
    """Keys of demand, whether it is flexible or not."""

    profile: ProfileConfig
    """Active power over time."""
    scale: Finite = 1.0
    """Multiplies active and reactive power."""
    power_factor: Annotated[float, Field(gt=0, le=1)] = 0.95
    """Active over apparent power; ignored where the profile has reactive power."""
    reactive: Literal["lagging", "leading"] = "lagging"
    """Lagging draws reactive power from the grid, leading feeds it in."""


class LoadConfig(DemandConfig, ExogenousConfig):
    """Keys of a population of loads."""


class Load(Exogenous):
    """Inflexible loads, one at each connection point.

    Reactive power is `q = p tan(arccos(power_factor))` unless the profile has its own.
    """

    Config = LoadConfig
    kind: ClassVar[str] = "load"

    def __init__(self, config: LoadConfig, context: BuildContext) -> None:
        points = points_at(context, config.at)
        super().__init__(config, context, points)
        try:
            self._profile = open_profile(config.profile, context, points, self.until_s)
        except ScenarioError as error:
            raise error.below(("profile",)) from None
        self._scale = config.scale
        tangent = math.tan(math.acos(config.power_factor))
        self._kvar_per_kw = tangent if config.reactive == "lagging" else -tangent

    @property
    @override
    def sends(self) -> tuple[Signal, ...]:
        return (POWER, REACTIVE_POWER)

    @override
    def compute(self, start: int, stop: int) -> Outputs:
        power = self._profile.power.means(start, stop, self.step_size) * self._scale
        source = self._profile.reactive_power
        if source is None:
            reactive = power * self._kvar_per_kw
        else:
            reactive = source.means(start, stop, self.step_size) * self._scale
        return {POWER.name: power, REACTIVE_POWER.name: reactive}

    @override
    def static(self) -> tuple[StaticVariable, ...]:
        return (source_of(self._profile.power),)

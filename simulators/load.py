"""Inflexible demand of customers, played back from a profile."""

import math
from typing import Annotated, Literal

from pydantic import Field
from typing_extensions import override

from gridloom.simulators.errors import ScenarioError
from gridloom.simulators.model import (
    BuildContext,
    Direction,
    ElementSet,
    FloatArray,
    Forecast,
    Inputs,
    Model,
    Outputs,
    Port,
    StaticVariable,
)
from gridloom.simulators.profiles.forecast import ForecastConfig, interval_s, make_forecast
from gridloom.simulators.profiles.placement import points_at, source_of
from gridloom.simulators.profiles.playback import Playback
from gridloom.simulators.profiles.profile import ProfileConfig, open_profile
from gridloom.simulators.quantities import Finite, ModelConfig
from gridloom.simulators.signals import POWER, REACTIVE_POWER


class LoadConfig(ModelConfig):
    """Keys of a population of loads."""

    at: str | list[str] = "all"
    """Connection points: all, a group, a name or a list of these."""
    profile: ProfileConfig
    """Active power over time."""
    scale: Finite = 1.0
    """Multiplies active and reactive power."""
    power_factor: Annotated[float, Field(gt=0, le=1)] = 0.95
    """Active over apparent power; ignored where the profile has reactive power."""
    reactive: Literal["lagging", "leading"] = "lagging"
    """Lagging draws reactive power from the grid, leading feeds it in."""
    forecast: ForecastConfig = ForecastConfig()
    """What was expected before delivery."""


class Load(Model):
    """Inflexible loads, one at each connection point.

    Every step sends the average of the profile over the step, so that energy is kept whatever the
    step size. Reactive power is `q = p tan(arccos(power_factor))` unless the profile has its own.
    """

    Config = LoadConfig

    def __init__(self, config: LoadConfig, context: BuildContext) -> None:
        super().__init__(context, config.step_size)
        interval_s(config.forecast, config.step_size)  # fails early where it does not fit
        points = points_at(context, config.at)
        self._elements = ElementSet(
            kind="load", owner=context.name, names=points, connection_points=points
        )
        self._config = config
        self._context = context
        self._until_s = -(-context.duration_s // config.step_size) * config.step_size
        try:
            self._profile = open_profile(config.profile, context, points, self._until_s)
        except ScenarioError as error:
            raise error.below(("profile",)) from None
        tangent = math.tan(math.acos(config.power_factor))
        self._kvar_per_kw = tangent if config.reactive == "lagging" else -tangent
        self._playback = Playback(self._compute, config.step_size, self._until_s)

    @property
    @override
    def ports(self) -> tuple[Port, ...]:
        return tuple(
            Port(signal=signal, direction=Direction.OUTPUT, elements=self._elements)
            for signal in (POWER, REACTIVE_POWER)
        )

    @override
    def step(self, time: int, inputs: Inputs) -> Outputs:
        return self._playback.at(time)

    @override
    def static(self) -> tuple[StaticVariable, ...]:
        return (source_of(self._profile.power),)

    @override
    def forecast(self) -> Forecast:
        """Return the total power expected before delivery.

        Averages of what comes true over the forecast's intervals, times one plus bias and error:
        see `ForecastConfig`.
        """
        return make_forecast(
            self._config.forecast, self._context, self._totals, self.step_size, self._until_s
        )

    def _totals(self, start: int, stop: int) -> FloatArray:
        totals: FloatArray = self._power(start, stop).sum(axis=1)
        return totals

    def _power(self, start: int, stop: int) -> FloatArray:
        return self._profile.power.means(start, stop, self.step_size) * self._config.scale

    def _compute(self, start: int, stop: int) -> Outputs:
        power = self._power(start, stop)
        source = self._profile.reactive_power
        if source is None:
            reactive = power * self._kvar_per_kw
        else:
            reactive = source.means(start, stop, self.step_size) * self._config.scale
        return {POWER.name: power, REACTIVE_POWER.name: reactive}

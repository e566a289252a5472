"""What generates without being asked: plants that follow the weather or a profile."""

import math
from abc import abstractmethod
from collections.abc import Callable
from typing import Annotated, ClassVar, Literal, Self, TypeVar

import numpy as np
from pydantic import Field, model_validator
from typing_extensions import override

from gridloom.simulators.curtailment import curtailed, curtailment_ports
from gridloom.simulators.errors import ScenarioError
from gridloom.simulators.exogenous import Exogenous, ExogenousConfig
from gridloom.simulators.model import (
    BuildContext,
    FloatArray,
    Inputs,
    Outputs,
    Port,
    StaticVariable,
)
from gridloom.simulators.profiles.placement import points_at, source_of
from gridloom.simulators.profiles.profile import Profile, ProfileConfig, open_profile
from gridloom.simulators.profiles.series import Series
from gridloom.simulators.profiles.simbench_profiles import SimbenchProfile, generating_points
from gridloom.simulators.quantities import ModelConfig
from gridloom.simulators.signals import (
    POWER,
    POWER_MIN,
    POWER_SETPOINT,
    REACTIVE_POWER,
    Signal,
)

_Opened = TypeVar("_Opened")


class GeneratingConfig(ModelConfig):
    """Keys of whatever generates."""

    power_factor: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Active over apparent power; ignored where a profile has reactive power."""
    reactive: Literal["absorbing", "injecting"] = "absorbing"
    """Direction of reactive power seen from the plant, for power factors below one."""

    @property
    def kvar_per_kw(self) -> float:
        """Reactive power in load convention over the power that is fed in."""
        tangent = math.tan(math.acos(self.power_factor))
        return tangent if self.reactive == "absorbing" else -tangent


class PlantConfig(ExogenousConfig, GeneratingConfig):
    """Keys of plants that follow the weather, or a profile."""

    weather: ClassVar[str]
    """Key of the weather that they follow."""
    belong_to_weather: ClassVar[frozenset[str]]
    """Keys that mean something only together with it."""

    profile: ProfileConfig | None = None
    """Generation itself, positive, instead of what it follows from."""
    curtailable: bool = False
    """Whether a controller may have them feed in less than they could."""

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (getattr(self, self.weather) is None) == (self.profile is None):
            raise ValueError(f"expected exactly one of the keys {self.weather}, profile")
        # Not `model_fields_set`: written down whole, as for another process, all keys are given.
        fields = type(self).model_fields
        surplus = {n for n in self.belong_to_weather if getattr(self, n) != fields[n].default}
        if self.profile is not None and surplus:
            raise ValueError(f"{min(surplus)} belongs to {self.weather}: a profile is power")
        return self


class Plants(Exogenous):
    """Plants, one at each connection point; generation is negative.

    If they are curtailable, a setpoint is the most that each feeds in, in load convention as well:
    asked for -2 kW, a plant sends the larger of -2 kW and minus what is available. Without a
    controller nothing is curtailed. What is available in the coming step nobody knows; they tell
    what they expect, and as lowest power their rating, or where they have none what was available
    last.
    """

    weather: ClassVar[Signal]
    """What is told of the weather that they follow."""
    most_kw: FloatArray | float = np.inf
    """Most that each feeds in: (plant,)."""

    def __init__(self, config: PlantConfig, context: BuildContext) -> None:
        super().__init__(config, context, _points(config, context))
        self._profile = self._opened(config, context)
        self._kvar_per_kw = config.kvar_per_kw
        self._is_curtailable = config.curtailable

    def _opened(self, config: PlantConfig, context: BuildContext) -> Profile | None:
        given, names = config.profile, self.elements.names
        if given is None:
            return None
        return opened(
            "profile", lambda: open_profile(given, context, names, self.until_s, generation=True)
        )

    @abstractmethod
    def generation(self, start: int, stop: int) -> tuple[FloatArray, FloatArray]:
        """Return the means of generation, positive, and of the weather: (step, plant) each."""

    @property
    @abstractmethod
    def weather_source(self) -> Series:
        """Where the weather comes from."""

    @abstractmethod
    def ratings(self) -> tuple[StaticVariable, ...]:
        """Return the constants that generation follows from."""

    @property
    def rating_kw(self) -> FloatArray:
        """Most that each can ever feed in: (plant,), positive; infinite where that is not known."""
        return np.broadcast_to(np.float64(self.most_kw), (len(self.elements),))

    @property
    @override
    def ports(self) -> tuple[Port, ...]:
        more = curtailment_ports(self.elements) if self._is_curtailable else ()
        return (*super().ports, *more)

    @override
    def initial_outputs(self) -> Outputs:
        known = super().initial_outputs()
        if self._is_curtailable:
            known[POWER_MIN.name] = self._lowest_kw(self._first_expected())
        return known

    @override
    def step(self, time: int, inputs: Inputs) -> Outputs:
        outputs = super().step(time, inputs)
        if self._is_curtailable:
            lowest_kw = self._lowest_kw(outputs[POWER.name])
            outputs |= curtailed(outputs, inputs[POWER_SETPOINT.name])
            outputs[POWER_MIN.name] = lowest_kw
        return outputs

    @override
    def future(self, interval_s: int) -> Outputs | None:
        return None if self._is_curtailable else super().future(interval_s)

    def _lowest_kw(self, available_kw: FloatArray) -> FloatArray:
        """Return the lowest power that each may be asked for: (plant,), load convention."""
        rating_kw = self.rating_kw
        return np.where(np.isfinite(rating_kw), -rating_kw, available_kw)

    @property
    @override
    def sends(self) -> tuple[Signal, ...]:
        powers = (POWER, REACTIVE_POWER)
        return powers if self._profile is not None else (*powers, self.weather)

    @override
    def static(self) -> tuple[StaticVariable, ...]:
        if self._profile is not None:
            return (source_of(self._profile.power),)
        return (*self.ratings(), source_of(self.weather_source))

    @override
    def compute(self, start: int, stop: int) -> Outputs:
        if self._profile is not None:
            generation = self._profile.power.means(start, stop, self.step_size)
            return self._sent(generation, self._profile.reactive_power, start, stop)
        generation, weather = self.generation(start, stop)
        return {**self._sent(generation, None, start, stop), self.weather.name: weather}

    def _sent(
        self, generation: FloatArray, injected: Series | None, start: int, stop: int
    ) -> Outputs:
        """Turn generation (step, plant) into power at the connection point."""
        power = 0.0 - np.minimum(generation, self.most_kw)  # a plain minus leaves -0.0 at night
        if injected is None:
            reactive = np.abs(power) * self._kvar_per_kw
        else:
            reactive = 0.0 - injected.means(start, stop, self.step_size)
        return {POWER.name: power, REACTIVE_POWER.name: reactive}


def opened(key: str, opens: Callable[[], _Opened]) -> _Opened:
    """Return what ``opens`` returns.

    Raises:
        ScenarioError: something is wrong with it, at or below ``key``.
    """
    try:
        return opens()
    except ScenarioError as error:
        raise error.below((key,)) from None


def _points(config: PlantConfig, context: BuildContext) -> tuple[str, ...]:
    """Return the plants' connection points; with SimBench, 'all' are those that generate."""
    points, profile = points_at(context, config.at), config.profile
    if config.at != "all" or not isinstance(profile, SimbenchProfile):
        return points
    generating = opened("profile", lambda: generating_points(profile))
    return tuple(point for point in points if point in generating)

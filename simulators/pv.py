"""Photovoltaic plants at customers' connection points."""

import math
from typing import Annotated, ClassVar, Literal, Self, TypeAlias

import numpy as np
from pydantic import Field, model_validator
from typing_extensions import override

from gridloom.simulators.errors import Problem, ScenarioError, listing, nearest
from gridloom.simulators.exogenous import Exogenous, ExogenousConfig
from gridloom.simulators.model import BuildContext, FloatArray, Outputs, StaticVariable
from gridloom.simulators.profiles.irradiance import IrradianceConfig, open_irradiance
from gridloom.simulators.profiles.placement import points_at, source_of
from gridloom.simulators.profiles.profile import Profile, ProfileConfig, open_profile
from gridloom.simulators.profiles.series import Series
from gridloom.simulators.profiles.simbench_profiles import SimbenchProfile, generating_points
from gridloom.simulators.quantities import Positive
from gridloom.simulators.signals import IRRADIANCE, POWER, REACTIVE_POWER, Signal

_KW_PER_W = 1e-3

PerPlant: TypeAlias = Positive | dict[str, Positive]
"""One number for all plants, or one each by connection point."""
Efficiency: TypeAlias = Annotated[float, Field(gt=0, le=1)]


class PvConfig(ExogenousConfig):
    """Keys of a population of photovoltaic plants."""

    irradiance: IrradianceConfig | None = None
    """Irradiance on the modules; this or `profile`."""
    profile: ProfileConfig | None = None
    """Generation itself, positive; this or `irradiance`."""
    area_m2: PerPlant = 10.0
    """Area of the modules."""
    efficiency: Efficiency | dict[str, Efficiency] = 0.17
    """AC power over irradiance times area."""
    inverter_power_kw: PerPlant | None = None
    """Most that the inverter feeds in; no limit unless given."""
    power_factor: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Active over apparent power; ignored where the profile has reactive power."""
    reactive: Literal["absorbing", "injecting"] = "absorbing"
    """Direction of reactive power seen from the plant, for power factors below one."""

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.irradiance is None) == (self.profile is None):
            raise ValueError("expected exactly one of the keys irradiance, profile")
        surplus = self.model_fields_set & {"area_m2", "efficiency"}
        if self.profile is not None and surplus:
            raise ValueError(f"{min(surplus)} belongs to irradiance: a profile is power")
        return self


class Pv(Exogenous):
    """Photovoltaic plants, one at each connection point.

    Generation is area times efficiency times irradiance (Zafar et al., ISGT Europe 2021, eq. 36),
    averaged over each step, at most the inverter's power. Sign: generation is negative.
    """

    Config = PvConfig
    kind: ClassVar[str] = "pv_plant"

    def __init__(self, config: PvConfig, context: BuildContext) -> None:
        points = _points(config, context)
        super().__init__(config, context, points)
        self._source = _open(config, context, points, self.until_s)
        self._area_m2 = _per_plant(config.area_m2, points, "area_m2")
        self._efficiency = _per_plant(config.efficiency, points, "efficiency")
        self._limit_kw = _per_plant(config.inverter_power_kw, points, "inverter_power_kw")
        tangent = math.tan(math.acos(config.power_factor))
        self._kvar_per_kw = tangent if config.reactive == "absorbing" else -tangent

    @property
    @override
    def sends(self) -> tuple[Signal, ...]:
        powers = (POWER, REACTIVE_POWER)
        return powers if isinstance(self._source, Profile) else (*powers, IRRADIANCE)

    @override
    def static(self) -> tuple[StaticVariable, ...]:
        if isinstance(self._source, Profile):
            return (source_of(self._source.power),)
        area = StaticVariable(
            name="area_m2",
            values=self._area_m2,
            dimensions=(self.kind,),
            unit="m2",
            long_name="area of the modules",
        )
        efficiency = StaticVariable(
            name="efficiency",
            values=self._efficiency,
            dimensions=(self.kind,),
            unit="1",
            long_name="AC power over irradiance times area",
        )
        return (area, efficiency, source_of(self._source))

    @override
    def compute(self, start: int, stop: int) -> Outputs:
        if isinstance(self._source, Profile):
            generation = self._source.power.means(start, stop, self.step_size)
            return self._sent(generation, self._source.reactive_power, start, stop)
        irradiance = self._source.means(start, stop, self.step_size)
        generation = irradiance * (self._area_m2 * self._efficiency * _KW_PER_W)
        return {**self._sent(generation, None, start, stop), IRRADIANCE.name: irradiance}

    def _sent(
        self, generation: FloatArray, injected: Series | None, start: int, stop: int
    ) -> Outputs:
        """Turn generation (step, plant) into power at the connection point."""
        power = 0.0 - np.minimum(generation, self._limit_kw)  # a plain minus leaves -0.0 at night
        if injected is None:
            reactive = np.abs(power) * self._kvar_per_kw
        else:
            reactive = 0.0 - injected.means(start, stop, self.step_size)
        return {POWER.name: power, REACTIVE_POWER.name: reactive}


def _points(config: PvConfig, context: BuildContext) -> tuple[str, ...]:
    """Return the plants' connection points; with SimBench, 'all' are those that generate."""
    points = points_at(context, config.at)
    if config.at != "all" or not isinstance(config.profile, SimbenchProfile):
        return points
    try:
        generating = generating_points(config.profile)
    except ScenarioError as error:
        raise error.below(("profile",)) from None
    return tuple(point for point in points if point in generating)


def _open(
    config: PvConfig, context: BuildContext, points: tuple[str, ...], until_s: int
) -> Profile | Series:
    """Open the profile or the irradiance, whichever the scenario gives."""
    if config.profile is not None:
        try:
            return open_profile(config.profile, context, points, until_s, generation=True)
        except ScenarioError as error:
            raise error.below(("profile",)) from None
    assert config.irradiance is not None  # noqa: S101 -- PvConfig asks for one of the two
    try:
        return open_irradiance(config.irradiance, context, points, until_s)
    except ScenarioError as error:
        raise error.below(("irradiance",)) from None


def _per_plant(given: PerPlant | None, points: tuple[str, ...], key: str) -> FloatArray:
    """Return one number a plant, infinite where nothing is given: (plant,)."""
    if not isinstance(given, dict):
        return np.full(len(points), np.inf if given is None else given)
    known = set(points)
    unknown = [name for name in given if name not in known]
    missing = [name for name in points if name not in given]
    if unknown or missing:
        problem = (
            f"no plant at {listing(unknown)}" if unknown else f"nothing for {listing(missing)}"
        )
        raise ScenarioError(
            Problem(
                message=problem,
                key=(key,),
                expected="one number, or one for every plant",
                suggestion=nearest((unknown or missing)[0], points if unknown else given),
            )
        )
    return np.array([given[name] for name in points])

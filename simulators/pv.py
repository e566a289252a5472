"""Photovoltaic plants at customers' connection points."""

from typing import Annotated, ClassVar, TypeAlias

from pydantic import Field
from typing_extensions import override

from gridloom.simulators.model import BuildContext, FloatArray, StaticVariable
from gridloom.simulators.plants import PlantConfig, Plants, opened
from gridloom.simulators.profiles.irradiance import IrradianceConfig, open_irradiance
from gridloom.simulators.profiles.placement import PerElement, per_element
from gridloom.simulators.profiles.series import Series
from gridloom.simulators.signals import IRRADIANCE, Signal

_KW_PER_W = 1e-3

Efficiency: TypeAlias = Annotated[float, Field(gt=0, le=1)]


class PvConfig(PlantConfig):
    """Keys of a population of photovoltaic plants."""

    weather: ClassVar[str] = "irradiance"
    belong_to_weather: ClassVar[frozenset[str]] = frozenset({"area_m2", "efficiency"})

    irradiance: IrradianceConfig | None = None
    """Irradiance on the modules; this or `profile`."""
    area_m2: PerElement = 10.0
    """Area of the modules."""
    efficiency: Efficiency | dict[str, Efficiency] = 0.17
    """AC power over irradiance times area."""
    inverter_power_kw: PerElement | None = None
    """Most that the inverter feeds in; no limit unless given."""


class Pv(Plants):
    """Photovoltaic plants, one at each connection point.

    Generation is area times efficiency times irradiance (Zafar et al., ISGT Europe 2021, eq. 36),
    averaged over each step, at most the inverter's power. Sign: generation is negative.
    """

    Config = PvConfig
    kind: ClassVar[str] = "pv_plant"
    weather: ClassVar[Signal] = IRRADIANCE

    def __init__(self, config: PvConfig, context: BuildContext) -> None:
        super().__init__(config, context)
        points, given = self.elements.names, config.irradiance
        self._irradiance: Series | None = None
        if given is not None:
            self._irradiance = opened(
                config.weather, lambda: open_irradiance(given, context, points, self.until_s)
            )
        self._area_m2 = per_element(config.area_m2, points, "area_m2", "plant")
        self._efficiency = per_element(config.efficiency, points, "efficiency", "plant")
        if config.inverter_power_kw is not None:
            self.most_kw = per_element(
                config.inverter_power_kw, points, "inverter_power_kw", "plant"
            )

    @property
    @override
    def weather_source(self) -> Series:
        assert self._irradiance is not None  # noqa: S101 -- PvConfig asks for it or a profile
        return self._irradiance

    @override
    def generation(self, start: int, stop: int) -> tuple[FloatArray, FloatArray]:
        irradiance = self.weather_source.means(start, stop, self.step_size)
        return irradiance * (self._area_m2 * self._efficiency * _KW_PER_W), irradiance

    @override
    def ratings(self) -> tuple[StaticVariable, ...]:
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
        return (area, efficiency)

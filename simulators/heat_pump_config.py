"""What a scenario can say of heat pumps and the buildings they heat."""

from typing import Self

from pydantic import Field, model_validator

from gridloom.simulators.building import BuildingConfig
from gridloom.simulators.coefficient_of_performance import CopConfig, RegressionCop
from gridloom.simulators.comfort_band import SetBack, TemperatureLimits, refuse_empty_band
from gridloom.simulators.heat_gains import HeatGainConfig
from gridloom.simulators.profiles.outdoor_temperature import (
    OutdoorTemperatureConfig,
    SyntheticOutdoorTemperature,
)
from gridloom.simulators.profiles.placement import PerElement
from gridloom.simulators.quantities import Finite, ModelConfig, Positive
from gridloom.simulators.thermal_conditions import ThermalForecastConfig, WeatherForecast


class HeatPumpConfig(ModelConfig):
    """Keys of a population of heat pumps with their buildings."""

    at: str | list[str] = "all"
    """Connection points that have a heat pump: all, a group, a name or a list of these."""
    rated_power_kw: PerElement
    """Electrical, of each heat pump; it modulates between 0 and this."""
    coefficient_of_performance: CopConfig = RegressionCop(flow_temperature_c=45.0)
    """Heat delivered over electricity drawn: a number, by the flow temperature, or a table."""
    building: BuildingConfig = BuildingConfig()
    """How the buildings store and lose heat."""
    heat_gain: HeatGainConfig = HeatGainConfig()
    """Heat from people, appliances and the sun."""
    outdoor_temperature: OutdoorTemperatureConfig = SyntheticOutdoorTemperature(
        generator="diurnal_ar1"
    )
    """The same for all buildings; synthetic unless given."""
    temperature_limits_c: TemperatureLimits = (20.0, 22.0)
    """Lowest and highest comfortable indoor temperature."""
    set_back: list[SetBack] = Field(default_factory=list)
    """Other limits for parts of the day; where several hold, the last."""
    hysteresis_k: Positive = 1.0
    """The thermostat switches on at the lower limit, and off when it is this much warmer or at the
    upper limit."""
    initial_temperature_c: Finite | dict[str, Finite] | None = None
    """Of the buildings; unless given, drawn evenly between where the thermostat switches on and
    off."""
    tan_phi: Finite = 0.0
    """Reactive over active power."""
    forecast: WeatherForecast = ThermalForecastConfig()
    """What is expected of weather and gains day-ahead: `perfect`, or what comes with an error."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        refuse_empty_band(self.temperature_limits_c)
        return self

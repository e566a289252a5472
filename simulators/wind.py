"""Wind turbines."""

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import model_validator
from typing_extensions import override

from gridloom.simulators.model import BuildContext, FloatArray, StaticVariable
from gridloom.simulators.plants import PlantConfig, Plants, opened
from gridloom.simulators.profiles.placement import PerElement, per_element
from gridloom.simulators.profiles.series import HeldSeries, Series
from gridloom.simulators.profiles.wind_speed import WindSpeedConfig, open_wind_speed
from gridloom.simulators.quantities import NonNegative, Positive
from gridloom.simulators.signals import WIND_SPEED, Signal


class WindConfig(PlantConfig):
    """Keys of a population of wind turbines."""

    weather: ClassVar[str] = "wind_speed"
    belong_to_weather: ClassVar[frozenset[str]] = frozenset(
        {"rated_power_kw", "cut_in_m_per_s", "rated_m_per_s", "cut_out_m_per_s"}
    )

    wind_speed: WindSpeedConfig | None = None
    """Wind speed at hub height, the same for all turbines; this or `profile`."""
    rated_power_kw: PerElement | None = None
    """Of each turbine; needed with `wind_speed`."""
    cut_in_m_per_s: NonNegative = 3.0
    """Lowest wind speed at which it generates."""
    rated_m_per_s: Positive = 12.0
    """Lowest wind speed at which it generates its rated power."""
    cut_out_m_per_s: Positive = 25.0
    """Highest wind speed at which it generates."""

    @model_validator(mode="after")
    def _power_curve(self) -> Self:
        if self.wind_speed is not None and self.rated_power_kw is None:
            raise ValueError("wind_speed needs rated_power_kw")
        if not self.cut_in_m_per_s < self.rated_m_per_s < self.cut_out_m_per_s:
            raise ValueError("cut_in_m_per_s, rated_m_per_s and cut_out_m_per_s do not increase")
        return self


@dataclass(frozen=True, kw_only=True)
class PowerCurve:
    """Generation over rated power as a function of wind speed.

    Cubic between cut-in and rated speed: R. Chedid, H. Akiki and S. Rahman, "A decision support
    technique for the design of hybrid solar-wind power systems", IEEE Trans. Energy Conversion
    13(1), 1998, pp. 76-83.
    """

    cut_in_m_per_s: float
    rated_m_per_s: float
    cut_out_m_per_s: float

    def __call__(self, speed_m_per_s: FloatArray) -> FloatArray:
        """Return generation over rated power, between 0 and 1, shaped like the wind speed."""
        lowest, rated = self.cut_in_m_per_s**3, self.rated_m_per_s**3
        rising = np.clip((speed_m_per_s**3 - lowest) / (rated - lowest), 0.0, 1.0)
        return np.where(speed_m_per_s <= self.cut_out_m_per_s, rising, 0.0)


class Wind(Plants):
    """Wind turbines, one at each connection point, all in the same wind.

    Generation follows the wind speed without delay by the cubic power curve; what a step sends is
    the mean of generation, not the generation of the mean wind speed. Sign: generation is negative.
    """

    Config = WindConfig
    kind: ClassVar[str] = "wind_turbine"
    weather: ClassVar[Signal] = WIND_SPEED

    def __init__(self, config: WindConfig, context: BuildContext) -> None:
        super().__init__(config, context)
        points, given = self.elements.names, config.wind_speed
        self._rated_kw = per_element(
            config.rated_power_kw or 0.0, points, "rated_power_kw", "turbine"
        )
        self._curve = PowerCurve(
            cut_in_m_per_s=config.cut_in_m_per_s,
            rated_m_per_s=config.rated_m_per_s,
            cut_out_m_per_s=config.cut_out_m_per_s,
        )
        self._speed: HeldSeries | None = None
        if given is not None:
            self._speed = opened(
                config.weather, lambda: open_wind_speed(given, context, self.until_s)
            )

    @property
    @override
    def weather_source(self) -> Series:
        return self._wind_speed

    @property
    def _wind_speed(self) -> HeldSeries:
        assert self._speed is not None  # noqa: S101 -- WindConfig asks for it or a profile
        return self._speed

    @property
    @override
    def rating_kw(self) -> FloatArray:
        return super().rating_kw if self._speed is None else self._rated_kw

    @override
    def generation(self, start: int, stop: int) -> tuple[FloatArray, FloatArray]:
        per_unit = _PerUnit(self._wind_speed, self._curve).means(start, stop, self.step_size)
        speed = self._wind_speed.means(start, stop, self.step_size)
        return per_unit * self._rated_kw, np.repeat(speed, len(self.elements), axis=1)

    @override
    def ratings(self) -> tuple[StaticVariable, ...]:
        rated = StaticVariable(
            name="rated_power_kw",
            values=self._rated_kw,
            dimensions=(self.kind,),
            unit="kW",
            long_name="rated power of each turbine",
        )
        return (rated,)


class _PerUnit(HeldSeries):
    """Generation over rated power in the wind that a series tells."""

    def __init__(self, speed: HeldSeries, curve: PowerCurve) -> None:
        super().__init__(speed.resolution_s, speed.phase_s, speed.description)
        self._speed = speed
        self._curve = curve

    @override
    def values(self, times_s: NDArray[np.int64]) -> FloatArray:
        return self._curve(self._speed.values(times_s))

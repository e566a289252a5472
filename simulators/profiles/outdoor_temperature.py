"""Every kind of outdoor temperature a scenario may name, told apart by its keys."""

from collections.abc import Mapping
from typing import Annotated, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic import Discriminator, Tag
from typing_extensions import override

from gridloom.simulators.model import BuildContext, FloatArray
from gridloom.simulators.profiles.autoregression import correlated
from gridloom.simulators.profiles.clock import DAY_S, LocalClock
from gridloom.simulators.profiles.series import ConstantSeries, HeldSeries
from gridloom.simulators.profiles.wide_csv import read_series
from gridloom.simulators.quantities import Config, Duration, Finite, InputFile, NonNegative

_WARMEST_S = 15 * 3600
"""Time of day."""
_COLDEST_DAY = 20
"""Of the year, in January."""
_DAYS_A_YEAR = 365.2425


class SyntheticOutdoorTemperature(Config):
    """Synthetic outdoor temperature: a daily and a yearly cosine, and weather around them.

    Warmest at 15:00 and coldest on 20 January; the weather is a Gaussian AR(1) process that begins
    with the scenario.
    """

    generator: Literal["diurnal_ar1"]
    """Selects the generator."""
    mean_c: Finite = 5.0
    """Mean of the day, with a yearly amplitude mean of the year."""
    daily_amplitude_k: NonNegative = 3.0
    """Half of what lies between the warmest and the coldest hour."""
    yearly_amplitude_k: NonNegative = 0.0
    """Half of what lies between the warmest and the coldest time of the year."""
    weather_std_k: NonNegative = 2.0
    """Standard deviation of the weather around these."""
    correlation_time: Duration = 2 * DAY_S
    """Time after which the weather's correlation has fallen to 1/e."""
    resolution: Duration = 900
    """Interval of the values, from the scenario's start on."""


class FileOutdoorTemperature(Config):
    """Outdoor temperature from a CSV file."""

    file: InputFile
    """The file; its first column is the time as in a power profile's."""
    column: str = "outdoor_temperature_c"
    """Column with the temperature in °C."""


class ConstantOutdoorTemperature(Config):
    """The same outdoor temperature at all times."""

    constant_c: Finite
    """In °C."""


_KINDS: dict[type, str] = {
    SyntheticOutdoorTemperature: "synthetic",
    FileOutdoorTemperature: "csv",
    ConstantOutdoorTemperature: "constant",
}
_KIND_OF_KEY = {"generator": "synthetic", "file": "csv", "constant_c": "constant"}


def _kind(given: object) -> str | None:
    """Tell which kind of outdoor temperature is meant, or None where none or several are."""
    if not isinstance(given, Mapping):
        return _KINDS.get(type(given))
    present = _KIND_OF_KEY.keys() & given.keys()
    return _KIND_OF_KEY[present.pop()] if len(present) == 1 else None


OutdoorTemperatureConfig: TypeAlias = Annotated[
    Annotated[SyntheticOutdoorTemperature, Tag("synthetic")]
    | Annotated[FileOutdoorTemperature, Tag("csv")]
    | Annotated[ConstantOutdoorTemperature, Tag("constant")],
    Discriminator(
        _kind,
        custom_error_type="outdoor_temperature_kind",
        custom_error_message=f"expected exactly one of the keys {', '.join(_KIND_OF_KEY)}",
    ),
]
"""Outdoor temperature over time; which kind is meant shows from the key that is present."""


def open_outdoor_temperature(
    config: OutdoorTemperatureConfig, context: BuildContext, until_s: int
) -> HeldSeries:
    """Open the outdoor temperature in °C: one column.

    Raises:
        ScenarioError: something is wrong with the source.
    """
    match config:
        case SyntheticOutdoorTemperature():
            return _Synthetic(config, context, until_s)
        case FileOutdoorTemperature():
            path = context.file(config.file, "file")
            return read_series(path, [config.column], 1.0, context, until_s)
        case ConstantOutdoorTemperature():
            return ConstantSeries(np.array([config.constant_c]), "constant")


class _Synthetic(HeldSeries):
    """Cosines at the middle of each interval, and the weather drawn for all of the run."""

    def __init__(
        self, config: SyntheticOutdoorTemperature, context: BuildContext, until_s: int
    ) -> None:
        source = "synthetic: daily and yearly cosine and a Gaussian AR(1) process"
        super().__init__(config.resolution, 0, source)
        self._config = config
        self._clock = LocalClock(context.start)
        noise = context.rng("outdoor_temperature").standard_normal(-(-until_s // config.resolution))
        weather = correlated(noise, config.resolution, config.correlation_time)
        self._weather_k = config.weather_std_k * weather

    @override
    def values(self, times_s: NDArray[np.int64]) -> FloatArray:
        interval = times_s // self.resolution_s
        middle_s = interval * self.resolution_s + self.resolution_s // 2
        days, seconds = self._clock.wall(middle_s)
        of_day = (seconds - _WARMEST_S) / DAY_S
        since_new_year = days - days.astype("datetime64[D]").astype("datetime64[Y]").astype(
            "datetime64[D]"
        ).astype(np.int64)
        of_year = (since_new_year + seconds / DAY_S - _COLDEST_DAY) / _DAYS_A_YEAR
        temperature_c: FloatArray = (
            self._config.mean_c
            + self._config.daily_amplitude_k * np.cos(2 * np.pi * of_day)
            - self._config.yearly_amplitude_k * np.cos(2 * np.pi * of_year)
            + self._weather_k[interval]
        )
        return temperature_c[:, np.newaxis]

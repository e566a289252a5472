"""Every kind of irradiance a scenario may name, told apart by its keys."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic import Discriminator, Field, Tag, model_validator
from typing_extensions import override

from gridloom.simulators.errors import Problem, ScenarioError, nearest
from gridloom.simulators.model import BuildContext, FloatArray
from gridloom.simulators.profiles.cloud_field import CloudField
from gridloom.simulators.profiles.series import ConstantSeries, HeldSeries, Series, SharedSeries
from gridloom.simulators.profiles.sun import ClearSky, Site
from gridloom.simulators.profiles.weather import WeatherIrradiance, open_weather
from gridloom.simulators.profiles.wide_csv import read_series
from gridloom.simulators.quantities import (
    Config,
    Duration,
    Finite,
    InputFile,
    NonNegative,
    Positive,
)


class CloudyIrradiance(Site):
    """Synthetic irradiance on the horizontal plane: clear sky times a clear-sky index.

    The index has Widén and Munkhammar's distribution and correlation in time and space (see
    `clear_sky_index` and `cloud_field`), with the same mean at all hours.
    """

    generator: Literal["widen_munkhammar"]
    """Selects the generator."""
    mean_clear_sky_index: Annotated[float, Field(ge=0.05, le=1)] = 0.6
    """Mean of actual over clear-sky irradiance: 0.2 overcast, 0.6 broken clouds, 0.95 clear."""
    cloud_speed_m_per_s: Annotated[float, Field(gt=0, le=100)] = 10.0
    """Speed of the clouds."""
    cloud_direction_deg: Finite = 0.0
    """Where the clouds drift to: 0 east, 90 north."""
    spacing_m: Positive = 30.0
    """Distance of neighbouring sites on a square grid, for sites without a position."""
    positions_m: dict[str, tuple[Finite, Finite]] = Field(default_factory=dict)
    """Where the sites are, metres east and north of any common point: all of them, or none."""
    resolution: Duration = Field(default=1, validate_default=False)
    """Interval of the values; divides one hour."""

    @model_validator(mode="after")
    def _divides_an_hour(self) -> Self:
        if 3600 % self.resolution:
            raise ValueError("the resolution must divide one hour")
        return self


class ClearSkyIrradiance(Config):
    """Irradiance on the horizontal plane under a clear sky (Haurwitz), the same at all sites."""

    clear_sky: Site
    """Where."""
    scale: NonNegative = 1.0
    """Multiplies it, as for a uniform cover of clouds."""


class FileIrradiance(Config):
    """Irradiance from a CSV file, the same at all sites."""

    file: InputFile
    """The file; its first column is the time as in a power profile's."""
    column: str = "ghi"
    """Column with the irradiance in W/m2."""


class ConstantIrradiance(Config):
    """The same irradiance at all sites and times."""

    constant_w_per_m2: NonNegative
    """In W/m2."""


_KINDS: dict[type, str] = {
    CloudyIrradiance: "cloudy",
    ClearSkyIrradiance: "cloudless",
    FileIrradiance: "csv",
    ConstantIrradiance: "constant",
    WeatherIrradiance: "weather_file",
}
_KIND_OF_KEY = {
    "generator": "cloudy",
    "clear_sky": "cloudless",
    "file": "csv",
    "constant_w_per_m2": "constant",
    "weather": "weather_file",
}


def _kind(given: object) -> str | None:
    """Tell which kind of irradiance is meant, or None where none or several are."""
    if not isinstance(given, Mapping):
        return _KINDS.get(type(given))
    present = _KIND_OF_KEY.keys() & given.keys()
    return _KIND_OF_KEY[present.pop()] if len(present) == 1 else None


IrradianceConfig: TypeAlias = Annotated[
    Annotated[CloudyIrradiance, Tag("cloudy")]
    | Annotated[ClearSkyIrradiance, Tag("cloudless")]
    | Annotated[FileIrradiance, Tag("csv")]
    | Annotated[ConstantIrradiance, Tag("constant")]
    | Annotated[WeatherIrradiance, Tag("weather_file")],
    Discriminator(
        _kind,
        custom_error_type="irradiance_kind",
        custom_error_message=f"expected exactly one of the keys {', '.join(_KIND_OF_KEY)}",
    ),
]
"""Irradiance over time; which kind is meant shows from the key that is present."""


def open_irradiance(
    config: IrradianceConfig, context: BuildContext, elements: Sequence[str], until_s: int
) -> Series:
    """Open the irradiance on the modules of ``elements`` in W/m2.

    Raises:
        ScenarioError: something is wrong with the source.
    """
    match config:
        case CloudyIrradiance():
            return CloudySky(config, context, elements)
        case ClearSkyIrradiance():
            sky = ClearSky(config.clear_sky, context.start, config.scale)
            return SharedSeries(sky, len(elements))
        case FileIrradiance():
            path = context.file(config.file, "file")
            column = read_series(path, [config.column], 1.0, context, until_s)
            return SharedSeries(column, len(elements))
        case ConstantIrradiance():
            constant = np.full(len(elements), config.constant_w_per_m2)
            return ConstantSeries(constant, "constant")
        case WeatherIrradiance():
            return SharedSeries(open_weather(config, context, until_s), len(elements))


class CloudySky(HeldSeries):
    """Clear-sky irradiance times the clear-sky index of each site, in W/m2."""

    def __init__(
        self, config: CloudyIrradiance, context: BuildContext, elements: Sequence[str]
    ) -> None:
        self._index = CloudField(
            context,
            _along_and_across(config, elements),
            mean_index=config.mean_clear_sky_index,
            cloud_speed_m_per_s=config.cloud_speed_m_per_s,
            resolution_s=config.resolution,
            longitude_deg=config.longitude_deg,
        )
        source = "synthetic: clear sky (Haurwitz) times clear-sky index (Widén and Munkhammar)"
        super().__init__(config.resolution, self._index.phase_s, source)
        self._clear = ClearSky(config, context.start)
        self._elements = len(elements)

    @override
    def values(self, times_s: NDArray[np.int64]) -> FloatArray:
        # The sun is taken at the middle of each interval.
        since = (times_s - self.phase_s) % self.resolution_s
        middle_s = times_s - since + self.resolution_s // 2
        if self._clear.is_dark(int(middle_s[0]), int(middle_s[-1])):
            return np.zeros((len(times_s), self._elements))
        clear = self._clear.values(middle_s)
        if not clear.any():
            return np.zeros((len(times_s), self._elements))  # at night no clouds are needed
        return clear * self._index.values(times_s)


def _along_and_across(config: CloudyIrradiance, elements: Sequence[str]) -> FloatArray:
    """Return the distance of each site along and across the drift of the clouds: (site, 2)."""
    if config.positions_m:
        unknown = [name for name in config.positions_m if name not in elements]
        missing = [name for name in elements if name not in config.positions_m]
        if unknown or missing:
            name = (unknown or missing)[0]
            raise ScenarioError(
                Problem(
                    message=f"'{name}' is no site" if unknown else f"'{name}' has no position",
                    key=("positions_m",),
                    expected="a position for every site, or none at all",
                    suggestion=nearest(name, elements if unknown else config.positions_m),
                )
            )
        east_north = np.array([config.positions_m[name] for name in elements], dtype=np.float64)
    else:
        columns = int(np.ceil(np.sqrt(len(elements))))
        row, column = np.divmod(np.arange(len(elements)), columns)
        east_north = np.column_stack([column, row]) * config.spacing_m
    angle = np.radians(config.cloud_direction_deg)
    drift = np.array([np.cos(angle), np.sin(angle)])
    across = np.array([-np.sin(angle), np.cos(angle)])
    return np.column_stack([east_north @ drift, east_north @ across])

"""Irradiance on tilted modules from a weather file, through pvlib (extra `pvlib`)."""

from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from typing_extensions import override

from gridloom.simulators.errors import Problem, ScenarioError
from gridloom.simulators.model import BuildContext, FloatArray
from gridloom.simulators.profiles.clock import DAY_S, LocalClock
from gridloom.simulators.profiles.series import HeldSeries, Series
from gridloom.simulators.profiles.sun import Site
from gridloom.simulators.profiles.table import read_header, wrong
from gridloom.simulators.profiles.wide_csv import read_series
from gridloom.simulators.quantities import Config, Finite, Fraction, InputFile

_HOUR_S = 3600
_HOURS_A_YEAR = 8760
_COMPONENTS = ("ghi", "dni", "dhi")


class WeatherIrradiance(Config):
    """Irradiance on the modules' plane from weather data, the same at all sites.

    EPW files are a typical year, looked up by month, day and hour of standard time. CSV files have
    a column of time as power profiles have, `ghi` in W/m2 and, if known, `dni` and `dhi`; without
    these, ghi is split by the Erbs model. Transposition: isotropic sky.
    """

    weather: InputFile
    """An EnergyPlus file (.epw) or a CSV file."""
    site: Site | None = None
    """Where; EPW files know it."""
    tilt_deg: Annotated[float, Field(ge=0, le=90)] = 30.0
    """Slope of the modules: 0 is horizontal."""
    azimuth_deg: Finite = 180.0
    """Where they face: 90 east, 180 south."""
    albedo: Fraction = 0.2
    """Reflectivity of the ground."""


def open_weather(config: WeatherIrradiance, context: BuildContext, until_s: int) -> Series:
    """Open the irradiance on the modules' plane in W/m2, one column.

    Raises:
        ScenarioError: pvlib is not installed, or the file is missing or malformed.
    """
    path = context.file(config.weather, "weather")
    if path.suffix.lower() == ".epw":
        return _TypicalYear(config, context, path)
    if config.site is None:
        raise ScenarioError(
            Problem(
                message="a CSV file does not tell where the weather was measured",
                key=("site",),
                expected="site: {latitude_deg: ..., longitude_deg: ...}",
            )
        )
    given = [name for name in _COMPONENTS if name in read_header(path)]
    columns = list(_COMPONENTS) if len(given) == len(_COMPONENTS) else ["ghi"]
    measured = read_series(path, columns, 1.0, context, until_s)
    return _Transposed(config, config.site, context, measured)


class _Transposed(HeldSeries):
    """Irradiance of a horizontal plane turned onto the modules."""

    def __init__(
        self, config: WeatherIrradiance, site: Site, context: BuildContext, measured: Series
    ) -> None:
        # The sun moves on while a measurement holds: once a minute is often enough.
        super().__init__(60, 0, f"weather: {config.weather}")
        self._config = config
        self._site = site
        self._epoch_s = LocalClock(context.start).epoch_s
        self._measured = measured

    @override
    def values(self, times_s: NDArray[np.int64]) -> FloatArray:
        minute = times_s // 60 * 60
        horizontal = self._measured.values(times_s)
        return _on_plane(self._config, self._site, minute + self._epoch_s + 30, horizontal)


class _TypicalYear(HeldSeries):
    """The year of an EPW file, hourly means."""

    def __init__(self, config: WeatherIrradiance, context: BuildContext, path: Path) -> None:
        super().__init__(900, -LocalClock(context.start).epoch_s % 900, f"weather: {path.name}")
        table, site, zone_s = _read_epw(path)
        self._standard_s = LocalClock(context.start).epoch_s + zone_s
        # Row i is the hour that begins i hours into a common year such as 2021.
        first = np.datetime64("2021-01-01", "s").astype(np.int64) - zone_s
        middle = first + np.arange(_HOURS_A_YEAR) * _HOUR_S + _HOUR_S // 2
        self._plane = _on_plane(config, config.site or site, middle, table)

    @override
    def values(self, times_s: NDArray[np.int64]) -> FloatArray:
        standard = times_s + self._standard_s
        day = (standard // DAY_S).astype("datetime64[D]")
        month = day.astype("datetime64[M]")
        common_month = np.datetime64("2021-01", "M") + month.astype(np.int64) % 12
        # 29 February has the weather of 1 March.
        common_day = common_month.astype("datetime64[D]") + (day - month.astype("datetime64[D]"))
        of_year = (common_day - np.datetime64("2021-01-01", "D")).astype(np.int64)
        held: FloatArray = self._plane[of_year * 24 + standard % DAY_S // _HOUR_S]
        return held


def _pvlib() -> Any:
    try:
        import pvlib
    except ImportError:
        raise ScenarioError(
            Problem(
                message="weather files need the package pvlib",
                key=("weather",),
                suggestion="install it with the extra: pip install 'gridloom[pvlib]'",
            )
        ) from None
    return pvlib


def _read_epw(path: Path) -> tuple[FloatArray, Site, int]:
    """Return ghi, dni and dhi of 8760 hours, the place, and standard time's offset in seconds."""
    try:
        table, header = _pvlib().iotools.read_epw(str(path))
    except (ValueError, IndexError, KeyError, UnicodeDecodeError) as error:
        raise wrong(path, f"is not an EPW file: {error}") from None
    components: FloatArray = table[list(_COMPONENTS)].to_numpy(dtype=np.float64)
    if components.shape[0] != _HOURS_A_YEAR or not np.isfinite(components).all():
        raise wrong(path, f"has {len(components)} hours", expected="8760 hours of finite values")
    site = Site(latitude_deg=header["latitude"], longitude_deg=header["longitude"])
    return components, site, round(header["TZ"] * _HOUR_S)


def _on_plane(
    config: WeatherIrradiance, site: Site, epoch_s: NDArray[np.int64], horizontal: FloatArray
) -> FloatArray:
    """Transpose ghi alone or ghi, dni and dhi (time, component) to the modules: (time, 1)."""
    import pandas as pd

    pvlib = _pvlib()
    times = pd.to_datetime(epoch_s, unit="s", utc=True)
    sun = pvlib.solarposition.get_solarposition(times, site.latitude_deg, site.longitude_deg)
    ghi = horizontal[:, 0]
    if horizontal.shape[1] == 1:
        split = pvlib.irradiance.erbs(ghi, sun["zenith"].to_numpy(), times)
        dni, dhi = np.asarray(split["dni"]), np.asarray(split["dhi"])
    else:
        dni, dhi = horizontal[:, 1], horizontal[:, 2]
    plane = pvlib.irradiance.get_total_irradiance(
        config.tilt_deg,
        config.azimuth_deg,
        sun["apparent_zenith"].to_numpy(),
        sun["azimuth"].to_numpy(),
        dni,
        ghi,
        dhi,
        albedo=config.albedo,
    )
    total: FloatArray = np.nan_to_num(np.asarray(plane["poa_global"]), nan=0.0)
    return np.maximum(total, 0.0)[:, None]

"""Where the sun stands, and the irradiance under a clear sky.

Sun: the closed form of the NOAA Solar Calculator, after J. Meeus, "Astronomical Algorithms"
(2nd ed., 1998, ch. 25), geometric, without refraction. Clear sky: B. Haurwitz, "Insolation in
relation to cloudiness and cloud density", J. Meteorology 2, 1945, in the form of M. Reno,
C. Hansen and J. Stein, "Global horizontal irradiance clear sky models", SAND2012-2389, 2012, eq. 8.
"""

from datetime import datetime
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from typing_extensions import override

from gridloom.simulators.model import FloatArray
from gridloom.simulators.profiles.clock import DAY_S, LocalClock
from gridloom.simulators.profiles.series import HeldSeries
from gridloom.simulators.quantities import Config

_J2000_S = 946728000
"""2000-01-01 12:00 UTC, seconds since 1970-01-01 00:00 UTC."""
_CENTURY_S = 36525 * DAY_S
_SEEN_EVERY_S = 600
_RISE_PER_S = 7.5e-5
"""The cosine of the zenith angle changes by less: the Earth turns by 7.29e-5 a second."""


class Site(Config):
    """A place on Earth."""

    latitude_deg: Annotated[float, Field(ge=-90, le=90)]
    """Positive north of the equator."""
    longitude_deg: Annotated[float, Field(ge=-180, le=180)]
    """Positive east of Greenwich."""


def cos_zenith(epoch_s: NDArray[np.int64], site: Site) -> FloatArray:
    """Return the cosine of the sun's zenith angle, negative when it is below the horizon.

    Args:
        epoch_s: Seconds since 1970-01-01 00:00 UTC, any shape.
        site: Where.
    """
    century = (epoch_s - _J2000_S) / _CENTURY_S
    mean_longitude = np.radians(280.46646 + century * (36000.76983 + century * 0.0003032))
    anomaly = np.radians(357.52911 + century * (35999.05029 - century * 0.0001537))
    sin_anomaly, sin_twice = np.sin(anomaly), np.sin(2 * anomaly)
    centre = (
        sin_anomaly * (1.914602 - century * (0.004817 + century * 0.000014))
        + sin_twice * (0.019993 - century * 0.000101)
        + np.sin(3 * anomaly) * 0.000289
    )
    node = np.radians(125.04 - 1934.136 * century)
    longitude = mean_longitude + np.radians(centre - 0.00569 - 0.00478 * np.sin(node))
    obliquity = np.radians(
        23.439291 - century * (0.0130042 + century * 1.64e-7) + 0.00256 * np.cos(node)
    )
    sin_declination = np.sin(obliquity) * np.sin(longitude)
    transit = _equation_of_time(century, mean_longitude, (sin_anomaly, sin_twice), obliquity)
    hour_angle = 2 * np.pi * ((epoch_s % DAY_S) / DAY_S - 0.5) + transit
    hour_angle += np.radians(site.longitude_deg)
    latitude = np.radians(site.latitude_deg)
    cosine: FloatArray = np.sin(latitude) * sin_declination + np.cos(latitude) * np.sqrt(
        1 - sin_declination**2
    ) * np.cos(hour_angle)
    return cosine


def is_night(first_s: int, last_s: int, site: Site) -> bool:
    """Tell whether the sun is below the horizon all along; False where that is not plain to see.

    Args:
        first_s: Seconds since 1970-01-01 00:00 UTC.
        last_s: Likewise, not before the first.
        site: Where.
    """
    seen_s = np.append(np.arange(first_s, last_s, _SEEN_EVERY_S), last_s)
    highest = float(cos_zenith(seen_s, site).max())
    return highest < -_RISE_PER_S * _SEEN_EVERY_S / 2


def _equation_of_time(
    century: FloatArray,
    mean_longitude: FloatArray,
    sines: tuple[FloatArray, FloatArray],
    obliquity: FloatArray,
) -> FloatArray:
    """Return apparent minus mean solar time as an angle in radians.

    Args:
        century: Julian centuries since J2000.
        mean_longitude: Of the sun, in radians.
        sines: Of its mean anomaly, and of twice that.
        obliquity: Of the ecliptic, in radians.
    """
    sin_anomaly, sin_twice = sines
    eccentricity = 0.016708634 - century * (0.000042037 + century * 0.0000001267)
    y = np.tan(obliquity / 2) ** 2
    angle: FloatArray = (
        y * np.sin(2 * mean_longitude)
        - 2 * eccentricity * sin_anomaly
        + 4 * eccentricity * y * sin_anomaly * np.cos(2 * mean_longitude)
        - y**2 / 2 * np.sin(4 * mean_longitude)
        - 1.25 * eccentricity**2 * sin_twice
    )
    return angle


def clear_sky_irradiance(cosine: FloatArray) -> FloatArray:
    """Return Haurwitz's global horizontal irradiance under a clear sky in W/m2.

    >>> round(float(clear_sky_irradiance(np.array([1.0]))[0]), 1)
    1035.1
    """
    above = np.maximum(cosine, 1e-3)
    return np.where(cosine > 0, 1098.0 * above * np.exp(-0.059 / above), 0.0)


class ClearSky(HeldSeries):
    """Clear-sky global horizontal irradiance in W/m2, every second; one column."""

    def __init__(self, site: Site, start: datetime, scale: float = 1.0) -> None:
        super().__init__(1, 0, "clear sky (Haurwitz)")
        self._site = site
        self._scale = scale
        self._epoch_s = LocalClock(start).epoch_s

    def is_dark(self, first_s: int, last_s: int) -> bool:
        """Tell whether all values between two times are zero, if that is plain to see."""
        return is_night(first_s + self._epoch_s, last_s + self._epoch_s, self._site)

    @override
    def values(self, times_s: NDArray[np.int64]) -> FloatArray:
        cosine = cos_zenith(times_s + self._epoch_s, self._site)
        return clear_sky_irradiance(cosine)[:, None] * self._scale

"""Every kind of wind speed a scenario may name, told apart by its keys."""

import math
from collections.abc import Mapping
from typing import Annotated, Literal, TypeAlias

import numpy as np
from pydantic import Discriminator, Tag

from gridloom.simulators.model import BuildContext, FloatArray
from gridloom.simulators.profiles.autoregression import correlated
from gridloom.simulators.profiles.series import ConstantSeries, ElapsedSeries, HeldSeries
from gridloom.simulators.profiles.wide_csv import read_series
from gridloom.simulators.quantities import Config, Duration, InputFile, NonNegative, Positive


class WeibullWind(Config):
    """Synthetic wind speed at hub height: Weibull distributed, correlated in time.

    A Gaussian AR(1) process turned into the Weibull distribution rank by rank (after Brown, Katz
    and Murphy, "Time series models to simulate and forecast wind speed and wind power", J. Climate
    Appl. Meteor. 23, 1984, pp. 1184-1195). It begins with the scenario; it has no daily or yearly
    course.
    """

    generator: Literal["weibull_ar1"]
    """Selects the generator."""
    mean_m_per_s: Positive = 7.0
    """Mean wind speed."""
    shape: Positive = 2.0
    """Shape of the Weibull distribution; 2 is the Rayleigh distribution."""
    correlation_time: Duration = 6 * 3600
    """Time after which the correlation of the Gaussian process has fallen to 1/e."""
    resolution: Duration = 600
    """Interval of the values, from the scenario's start on."""


class FileWind(Config):
    """Wind speed from a CSV file."""

    file: InputFile
    """The file; its first column is the time as in a power profile's."""
    column: str = "wind_speed"
    """Column with the wind speed at hub height in m/s."""


class ConstantWind(Config):
    """The same wind speed at all times."""

    constant_m_per_s: NonNegative
    """In m/s."""


_KINDS: dict[type, str] = {WeibullWind: "weibull", FileWind: "csv", ConstantWind: "constant"}
_KIND_OF_KEY = {"generator": "weibull", "file": "csv", "constant_m_per_s": "constant"}


def _kind(given: object) -> str | None:
    """Tell which kind of wind speed is meant, or None where none or several are."""
    if not isinstance(given, Mapping):
        return _KINDS.get(type(given))
    present = _KIND_OF_KEY.keys() & given.keys()
    return _KIND_OF_KEY[present.pop()] if len(present) == 1 else None


WindSpeedConfig: TypeAlias = Annotated[
    Annotated[WeibullWind, Tag("weibull")]
    | Annotated[FileWind, Tag("csv")]
    | Annotated[ConstantWind, Tag("constant")],
    Discriminator(
        _kind,
        custom_error_type="wind_speed_kind",
        custom_error_message=f"expected exactly one of the keys {', '.join(_KIND_OF_KEY)}",
    ),
]
"""Wind speed over time; which kind is meant shows from the key that is present."""


def open_wind_speed(config: WindSpeedConfig, context: BuildContext, until_s: int) -> HeldSeries:
    """Open the wind speed at hub height in m/s: one column, the same wherever the turbines are.

    Raises:
        ScenarioError: something is wrong with the source.
    """
    match config:
        case WeibullWind():
            speeds = _weibull(config, context, -(-until_s // config.resolution))
            return ElapsedSeries(
                lambda start, stop: speeds[start:stop],
                first_s=0,
                interval_s=config.resolution,
                description="synthetic: Weibull wind speeds of a Gaussian AR(1) process",
            )
        case FileWind():
            path = context.file(config.file, "file")
            return read_series(path, [config.column], 1.0, context, until_s)
        case ConstantWind():
            return ConstantSeries(np.array([config.constant_m_per_s]), "constant")


def _weibull(config: WeibullWind, context: BuildContext, intervals: int) -> FloatArray:
    """Draw the wind speeds: (interval, 1)."""
    from scipy.special import log_ndtr

    noise = context.rng("wind").standard_normal(intervals)
    normal = correlated(noise, config.resolution, config.correlation_time)
    scale = config.mean_m_per_s / math.gamma(1 + 1 / config.shape)
    # The quantile of a probability p is scale (-ln(1 - p))^(1/shape), and 1 - p is Phi(-z).
    speeds: FloatArray = scale * (-log_ndtr(-normal)) ** (1 / config.shape)
    return speeds[:, np.newaxis]

"""What the weather and the people do to heated buildings: as it will be, and as it is expected."""

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from gridloom.simulators.coefficient_of_performance import CopConfig, PerformanceSeries
from gridloom.simulators.heat_gains import HeatGains
from gridloom.simulators.model import BuildContext, FloatArray
from gridloom.simulators.profiles.autoregression import correlated
from gridloom.simulators.profiles.series import HeldSeries, Series
from gridloom.simulators.quantities import Config, Duration, Finite, NonNegative

_ERROR_INTERVAL_S = 900


class ThermalForecastConfig(Config):
    """What is expected day-ahead: what comes true, with a stated error.

    It is derived from the truth. The gains of people and appliances are expected as their means.
    """

    temperature_bias_k: Finite = 0.0
    """Systematic error of the outdoor temperature: 1 expects it 1 K warmer than it gets."""
    temperature_error_std_k: NonNegative = 1.5
    """Standard deviation of a Gaussian error of the outdoor temperature."""
    irradiance_error_std: NonNegative = 0.2
    """Standard deviation of a Gaussian error of the irradiance, relative to it."""
    error_correlation_time: Duration = 12 * 3600
    """Time after which the correlation of these errors has fallen to 1/e."""


WeatherForecast: TypeAlias = Literal["perfect"] | ThermalForecastConfig
"""`perfect`, or with an error."""


@dataclass(frozen=True, kw_only=True)
class ThermalConditions:
    """Means over intervals."""

    outdoor_temperature_c: FloatArray
    """(interval,)"""
    coefficient_of_performance: FloatArray
    """(interval,), heat over electricity."""
    heat_gain_kw: FloatArray
    """(interval, building), of people, appliances and the sun."""


class ThermalSurroundings:
    """Weather and people around heated buildings: gives their means over any time."""

    def __init__(
        self, outdoor_temperature: HeldSeries, performance: CopConfig, gains: HeatGains
    ) -> None:
        """Combine the outdoor temperature (°C, one column), what follows from it, and the gains."""
        self.description = outdoor_temperature.description
        """Where the outdoor temperature comes from."""
        self._outdoor_temperature = outdoor_temperature
        self._performance = performance
        self._cop = PerformanceSeries(performance, outdoor_temperature)
        self._gains = gains

    def expected(self, errors: "WeatherErrors") -> "ThermalSurroundings":
        """Return these surroundings as they are expected day-ahead."""
        sun = self._gains.irradiance
        gains = HeatGains(
            internal=self._gains.internal.without_variation(),
            irradiance=None if sun is None else _Brighter(sun, errors.brighter),
            aperture_m2=self._gains.aperture_m2,
        )
        warmer = _Warmer(self._outdoor_temperature, errors.warmer_k)
        return ThermalSurroundings(warmer, self._performance, gains)

    def means(self, start_s: int, stop_s: int, interval_s: int) -> ThermalConditions:
        """Return the means over [start, start + interval), ...; stop may cut the last one short."""
        whole_s = start_s + (stop_s - start_s) // interval_s * interval_s
        pieces = ((start_s, whole_s, interval_s), (whole_s, stop_s, stop_s - whole_s))
        kept = [piece for piece in pieces if piece[0] < piece[1]]

        def of(series: Series | HeatGains) -> FloatArray:
            return np.concatenate([series.means(*piece) for piece in kept])

        return ThermalConditions(
            outdoor_temperature_c=of(self._outdoor_temperature)[:, 0],
            coefficient_of_performance=of(self._cop)[:, 0],
            heat_gain_kw=of(self._gains),
        )


class WeatherErrors:
    """What is expected of the weather beside what comes true, every quarter of an hour."""

    def __init__(self, config: ThermalForecastConfig, context: BuildContext, until_s: int) -> None:
        """Draw the errors of a run; the first are the same however long it is."""
        intervals = -(-until_s // _ERROR_INTERVAL_S)

        def drawn(of: str) -> FloatArray:
            noise = context.rng(f"forecast/{of}").standard_normal(intervals)
            return correlated(noise, _ERROR_INTERVAL_S, config.error_correlation_time)

        self.warmer_k: FloatArray = (
            config.temperature_bias_k
            + config.temperature_error_std_k * drawn("outdoor_temperature")
        )
        """(interval,), expected less actual outdoor temperature."""
        self.brighter: FloatArray = np.maximum(
            1.0 + config.irradiance_error_std * drawn("irradiance"), 0.0
        )
        """(interval,), expected over actual irradiance."""


class _Warmer(HeldSeries):
    """A temperature with an error."""

    def __init__(self, actual: HeldSeries, warmer_k: FloatArray) -> None:
        grid_s = math.gcd(actual.resolution_s, actual.phase_s, _ERROR_INTERVAL_S)
        super().__init__(grid_s, 0, actual.description)
        self._actual = actual
        self._warmer_k = warmer_k

    @override
    def values(self, times_s: NDArray[np.int64]) -> FloatArray:
        error_k = self._warmer_k[times_s // _ERROR_INTERVAL_S]
        return self._actual.values(times_s) + error_k[:, np.newaxis]


class _Brighter:
    """An irradiance with a relative error."""

    def __init__(self, actual: Series, brighter: FloatArray) -> None:
        self.description = actual.description
        self._actual = actual
        self._brighter = brighter

    def _factor(self, times_s: NDArray[np.int64]) -> FloatArray:
        return self._brighter[times_s // _ERROR_INTERVAL_S][:, np.newaxis]

    def values(self, times_s: NDArray[np.int64]) -> FloatArray:
        return self._actual.values(times_s) * self._factor(times_s)

    def value_at(self, time_s: int) -> FloatArray:
        held: FloatArray = self.values(np.array([time_s]))[0]
        return held

    def means(self, start_s: int, stop_s: int, step_s: int) -> FloatArray:
        # The factor is constant over these cells, of which every step is a whole number.
        cell_s = math.gcd(start_s, step_s, _ERROR_INTERVAL_S)
        factor = self._factor(np.arange(start_s, stop_s, cell_s))
        cells = self._actual.means(start_s, stop_s, cell_s) * factor
        means: FloatArray = cells.reshape(-1, step_s // cell_s, cells.shape[1]).mean(axis=1)
        return means

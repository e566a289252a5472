"""How much heat a heat pump delivers for the electricity it draws, by outdoor temperature."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Annotated, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic import Discriminator, Field, Tag, model_validator
from typing_extensions import override

from gridloom.simulators.model import FloatArray
from gridloom.simulators.profiles.series import HeldSeries
from gridloom.simulators.quantities import Config, Finite, Positive

_REGRESSION = (6.81, -0.121, 0.000630)
_TEMPERATURE_LIFTS_K = (15.0, 60.0)


class RegressionCop(Config):
    """Air-source heat pumps on the market, by the temperature they lift heat to.

    6.81 - 0.121 d + 0.000630 d^2 with d = flow less outdoor temperature, in K; beyond the 15 to
    60 K of its data, that of the nearer end. I. Staffell, D. Brett, N. Brandon and A. Hawkes, "A
    review of domestic heat pumps", Energy Environ. Sci. 5, 2012, pp. 9291-9306, doi
    10.1039/C2EE22653G.
    """

    flow_temperature_c: Finite
    """Of the water that heats the rooms: 35 for a floor, 45 to 55 for radiators."""


class TableCop(Config):
    """Coefficients of performance at some outdoor temperatures.

    Between them linear, beyond them that of the nearer end.
    """

    outdoor_temperature_c: Annotated[list[Finite], Field(min_length=1)]
    """Increasing."""
    coefficient_of_performance: Annotated[list[Positive], Field(min_length=1)]
    """One at each of these temperatures."""

    @model_validator(mode="after")
    def _one_each(self) -> Self:
        temperatures, values = self.outdoor_temperature_c, self.coefficient_of_performance
        if len(temperatures) != len(values):
            raise ValueError(
                f"{len(temperatures)} outdoor temperatures and {len(values)} coefficients of "
                "performance are not one each"
            )
        if any(following <= before for before, following in pairwise(temperatures)):
            raise ValueError("the outdoor temperatures do not increase")
        return self


def _kind(given: object) -> str | None:
    """Tell which kind is meant, or None where none or several are."""
    if not isinstance(given, Mapping):
        return _KINDS.get(type(given))
    present = _KIND_OF_KEY.keys() & given.keys()
    return _KIND_OF_KEY[present.pop()] if len(present) == 1 else None


_KINDS: dict[type, str] = {
    int: "constant",
    float: "constant",
    RegressionCop: "regression",
    TableCop: "table",
}
_KIND_OF_KEY = {"flow_temperature_c": "regression", "outdoor_temperature_c": "table"}

CopConfig: TypeAlias = Annotated[
    Annotated[Positive, Tag("constant")]
    | Annotated[RegressionCop, Tag("regression")]
    | Annotated[TableCop, Tag("table")],
    Discriminator(
        _kind,
        custom_error_type="coefficient_of_performance_kind",
        custom_error_message="expected a number, or exactly one of the keys "
        f"{', '.join(_KIND_OF_KEY)}",
    ),
]
"""Coefficient of performance: a constant, a regression, or a table."""


def coefficient_of_performance(config: CopConfig, outdoor_temperature_c: FloatArray) -> FloatArray:
    """Return heat delivered over electricity drawn, shaped like the outdoor temperature."""
    match config:
        case RegressionCop():
            lift_k = np.clip(
                config.flow_temperature_c - outdoor_temperature_c, *_TEMPERATURE_LIFTS_K
            )
            constant, linear, square = _REGRESSION
            regressed: FloatArray = constant + lift_k * (linear + lift_k * square)
            return regressed
        case TableCop():
            return np.interp(
                outdoor_temperature_c,
                config.outdoor_temperature_c,
                config.coefficient_of_performance,
            )
        case _:
            return np.full_like(outdoor_temperature_c, config)


class PerformanceSeries(HeldSeries):
    """Coefficient of performance in the outdoor temperature that a series tells."""

    def __init__(self, config: CopConfig, outdoor_temperature: HeldSeries) -> None:
        super().__init__(
            outdoor_temperature.resolution_s,
            outdoor_temperature.phase_s,
            outdoor_temperature.description,
        )
        self._config = config
        self._outdoor_temperature = outdoor_temperature

    @override
    def values(self, times_s: NDArray[np.int64]) -> FloatArray:
        return coefficient_of_performance(self._config, self._outdoor_temperature.values(times_s))

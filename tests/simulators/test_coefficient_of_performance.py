"""Coefficient of performance: the regression's published numbers, tables, and averages."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError
from typing_extensions import override

from gridloom.simulators.coefficient_of_performance import (
    CopConfig,
    PerformanceSeries,
    coefficient_of_performance,
)
from gridloom.simulators.model import FloatArray
from gridloom.simulators.profiles.series import HeldSeries

CONFIG: TypeAdapter[CopConfig] = TypeAdapter(CopConfig)


def at(given: Any, *outdoor_c: float) -> list[float]:
    found = coefficient_of_performance(CONFIG.validate_python(given), np.array(outdoor_c))
    assert found.shape == (len(outdoor_c),)
    listed: list[float] = found.tolist()
    return listed


def test_the_regression_by_hand() -> None:
    # Staffell et al. 2012: 6.81 - 0.121 d + 0.000630 d^2; d = 35 and 48 K, then held at 60 and 15.
    found = at({"flow_temperature_c": 45}, 10, -3, -20, 31)
    expected = [6.81 - 4.235 + 0.77175, 6.81 - 5.808 + 1.45152, 1.818, 5.13675]
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_a_constant_and_a_table() -> None:
    assert at(3, -10, 20) == [3, 3]
    table = {"outdoor_temperature_c": [-10, 0, 20], "coefficient_of_performance": [2, 3, 4]}
    assert at(table, -15, -5, 0, 5, 30) == [2, 2.5, 3, 3.25, 4]


def test_the_mean_of_the_performance_not_that_of_the_mean_temperature() -> None:
    class TwoHalves(HeldSeries):
        @override
        def values(self, times_s: NDArray[np.int64]) -> FloatArray:
            return np.where(times_s % 3600 < 1800, -10.0, 10.0)[:, np.newaxis]

    series = PerformanceSeries(
        CONFIG.validate_python({"flow_temperature_c": 40}), TwoHalves(1800, 0, "two halves")
    )
    # By hand: (6.81 - 0.121 * 50 + 0.00063 * 2500 + 6.81 - 0.121 * 30 + 0.00063 * 900) / 2
    np.testing.assert_allclose(series.means(0, 3600, 3600), [[(2.335 + 3.747) / 2]], rtol=1e-12)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (0, "greater than 0"),
        ({"flow": 35}, "expected a number, or exactly one of the keys flow_temperature_c"),
        (
            {"outdoor_temperature_c": [0, 10], "coefficient_of_performance": [3]},
            "2 outdoor temperatures and 1 coefficients of performance are not one each",
        ),
        (
            {"outdoor_temperature_c": [0, 0], "coefficient_of_performance": [3, 4]},
            "do not increase",
        ),
    ],
)
def test_what_is_none(given: Any, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        CONFIG.validate_python(given)

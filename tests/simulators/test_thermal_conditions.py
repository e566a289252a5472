"""What heated buildings meet: means of any length, and day-ahead expectations with their error."""

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from gridloom.simulators.heat_pump import HeatPump
from gridloom.simulators.heat_pump_config import HeatPumpConfig
from gridloom.simulators.model import BuildContext

DAY_S = 86400
WEATHER: dict[str, Any] = {
    "outdoor_temperature": {"generator": "diurnal_ar1"},
    "heat_gain": {
        "internal_variation": 0.5,
        "solar_aperture_m2": 4,
        "irradiance": {"constant_w_per_m2": 250},
    },
}


def heat_pumps(days: float = 1, step_size: str = "15min", **keys: Any) -> HeatPump:
    config = {"type": "heat_pump", "rated_power_kw": 3, "step_size": step_size, **WEATHER, **keys}
    context = BuildContext(
        name="hp",
        start=datetime(2021, 1, 10, tzinfo=UTC),
        duration_s=round(days * DAY_S),
        seed=1,
        connection_points=("b1", "b2"),
    )
    return HeatPump(HeatPumpConfig.model_validate(config), context)


def test_means_over_longer_intervals_are_means_of_the_shorter() -> None:
    model = heat_pumps(step_size="1min")
    for conditions in (model.actual_conditions, model.expected_conditions):
        fine, coarse = conditions(300), conditions(3600)
        for name in ("outdoor_temperature_c", "coefficient_of_performance", "heat_gain_kw"):
            short, long = getattr(fine, name), getattr(coarse, name)
            averaged = short.reshape(24, 12, *short.shape[1:]).mean(axis=1)
            np.testing.assert_allclose(long, averaged, rtol=1e-12)


def test_the_end_of_the_run_cuts_the_last_interval_short() -> None:
    model = heat_pumps(days=1.03125)  # a day and three quarters of an hour
    quarters, hours = model.actual_conditions(900), model.actual_conditions(3600)
    assert hours.heat_gain_kw.shape == (25, 2)
    np.testing.assert_allclose(
        hours.outdoor_temperature_c[-1], quarters.outdoor_temperature_c[-3:].mean()
    )
    assert len(model.comfort_limits_c(3600)[0]) == 25


def test_perfect_means_what_comes_true() -> None:
    model = heat_pumps(forecast="perfect")
    expected, actual = model.expected_conditions(900), model.actual_conditions(900)
    np.testing.assert_array_equal(expected.outdoor_temperature_c, actual.outdoor_temperature_c)
    np.testing.assert_array_equal(expected.heat_gain_kw, actual.heat_gain_kw)


def test_the_error_of_the_temperature_is_as_stated() -> None:
    errors = {"temperature_bias_k": 1, "temperature_error_std_k": 2}
    model = heat_pumps(600, "1h", forecast={**errors, "error_correlation_time": "6h"})
    expected, actual = model.expected_conditions(3600), model.actual_conditions(3600)
    error_k = expected.outdoor_temperature_c - actual.outdoor_temperature_c
    # 600 days are 1200 independent draws: standard errors 0.06 K of the mean, 0.04 K of the other.
    assert error_k.mean() == pytest.approx(1, abs=0.18)
    assert error_k.std() == pytest.approx(2, abs=0.15)
    lagged = np.corrcoef(error_k[6:], error_k[:-6])[0, 1]
    assert lagged == pytest.approx(np.exp(-1), abs=0.08)


def test_the_expected_performance_follows_from_the_expected_temperature() -> None:
    exact = {"temperature_error_std_k": 0, "temperature_bias_k": -10}
    model = heat_pumps(
        forecast=exact,
        outdoor_temperature={"constant_c": 5},
        coefficient_of_performance={"flow_temperature_c": 45},
    )
    # Staffell et al.: 50 K instead of 40 K.
    np.testing.assert_allclose(
        model.expected_conditions(900).coefficient_of_performance, 6.81 - 6.05 + 1.575
    )
    np.testing.assert_allclose(
        model.actual_conditions(900).coefficient_of_performance, 6.81 - 4.84 + 1.008
    )


def test_people_are_expected_as_usual_and_the_sun_with_its_error() -> None:
    shy = {"irradiance_error_std": 0.3, "error_correlation_time": "1h"}
    model = heat_pumps(100, "1h", forecast=shy)
    expected = model.expected_conditions(DAY_S).heat_gain_kw
    # By hand: 0.5 kW and 4 m2 of 250 W/m2; the error is common to both buildings.
    np.testing.assert_allclose(expected.mean(), 1.5, atol=0.06)
    np.testing.assert_allclose(expected[:, 0], expected[:, 1])
    hours = model.expected_conditions(3600).heat_gain_kw.reshape(100, 24, 2)[:, 12]
    assert hours.std() == pytest.approx(0.3, abs=0.08)  # of 1 kW of sun
    assert hours.min() >= 0.5 * 9 / (9 + 64 / 24) - 1e-12  # never less than no sun


def test_expectations_are_the_same_for_a_longer_run() -> None:
    short, long = heat_pumps(1).expected_conditions(900), heat_pumps(3).expected_conditions(900)
    np.testing.assert_array_equal(short.outdoor_temperature_c, long.outdoor_temperature_c[:96])
    np.testing.assert_array_equal(short.heat_gain_kw, long.heat_gain_kw[:96])

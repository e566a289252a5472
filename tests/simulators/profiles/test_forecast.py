"""Forecasts computed a stretch of intervals at a time."""

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridloom.simulators.model import BuildContext
from gridloom.simulators.profiles.forecast import ForecastConfig, make_forecast, means_of_steps


@given(
    step_size=st.sampled_from([1, 7, 60, 900, 3600]),
    steps_an_interval=st.integers(1, 40),
    steps=st.integers(1, 300),
)
def test_every_interval_is_the_mean_of_its_steps(
    make_context_of: Any, step_size: int, steps_an_interval: int, steps: int
) -> None:
    power_kw = np.random.default_rng(steps).normal(size=steps)
    length_s = steps_an_interval * step_size
    expected = [
        power_kw[first : first + steps_an_interval].mean()
        for first in range(0, steps, steps_an_interval)
    ]

    forecast = make_forecast(
        ForecastConfig.model_validate({"resolution": f"{length_s}s"}),
        make_context_of(steps * step_size),
        lambda start, stop: power_kw[start // step_size : stop // step_size],
        step_size,
        steps * step_size,
    )

    np.testing.assert_array_equal(forecast.power_kw, expected)  # to the last digit


def test_the_last_interval_may_be_cut_short() -> None:
    each = means_of_steps(np.array([[1.0, 10.0], [3.0, 30.0], [5.0, 50.0]]), 2)

    assert each.tolist() == [[2.0, 20.0], [5.0, 50.0]]


@pytest.fixture(scope="session")
def make_context_of() -> Any:
    def make(duration_s: int) -> BuildContext:
        start = datetime(2021, 6, 21, tzinfo=UTC)
        return BuildContext(name="load", start=start, duration_s=duration_s, seed=7)

    return make

"""Outdoor temperature: course and distribution of the synthetic one, files, errors."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from gridloom.simulators.errors import ScenarioError
from gridloom.simulators.model import BuildContext, FloatArray
from gridloom.simulators.profiles.outdoor_temperature import (
    OutdoorTemperatureConfig,
    open_outdoor_temperature,
)
from gridloom.simulators.profiles.series import HeldSeries

CONFIG: TypeAdapter[OutdoorTemperatureConfig] = TypeAdapter(OutdoorTemperatureConfig)
SYNTHETIC: dict[str, Any] = {"generator": "diurnal_ar1"}
DAY_S = 86400


def opened(context: BuildContext, days: int = 1, **keys: Any) -> HeldSeries:
    return open_outdoor_temperature(CONFIG.validate_python(keys), context, days * DAY_S)


def hourly(context: BuildContext, days: int, **keys: Any) -> FloatArray:
    series = opened(context, days, **{**SYNTHETIC, "resolution": "1h", **keys})
    return series.means(0, days * DAY_S, 3600)[:, 0]


def test_the_daily_course(make_context: Callable[..., BuildContext]) -> None:
    context = make_context("2021-01-10T00:00:00+01:00")
    hours = hourly(context, 2, weather_std_k=0, mean_c=4, daily_amplitude_k=3)
    # By hand: the hours around 15:00 begin at 14:00 and 15:00, their middles half an hour off.
    assert hours[14] == pytest.approx(4 + 3 * np.cos(np.pi / 24))
    assert hours[14] == pytest.approx(hours[15]) == pytest.approx(hours.max())
    assert hours[:24].mean() == pytest.approx(4)
    np.testing.assert_allclose(hours[:24], hours[24:])


def test_the_yearly_course(make_context: Callable[..., BuildContext]) -> None:
    context = make_context("2021-01-01T00:00:00+00:00")
    hours = hourly(context, 365, weather_std_k=0, daily_amplitude_k=0, yearly_amplitude_k=8)
    days = hours.reshape(-1, 24).mean(axis=1)
    assert days.argmin() in {19, 20}  # coldest where 20 and 21 January meet
    assert days.min() == pytest.approx(5 - 8, abs=0.01)
    assert days.max() == pytest.approx(5 + 8, abs=0.01)
    assert days.argmax() == pytest.approx(20 + 365 / 2, abs=1)


def test_the_weather_has_its_deviation_and_memory(
    make_context: Callable[..., BuildContext],
) -> None:
    keys = {"daily_amplitude_k": 0, "weather_std_k": 3, "correlation_time": "10h"}
    hours = hourly(make_context(), 2000, **keys) - 5
    # 2000 days are 2400 independent draws: 3 % of the deviation is two standard errors.
    assert hours.std() == pytest.approx(3, rel=0.05)
    assert np.mean(hours[10:] * hours[:-10]) / hours.var() == pytest.approx(np.exp(-1), abs=0.05)


def test_it_is_the_same_for_the_same_seed_and_a_longer_run(
    make_context: Callable[..., BuildContext],
) -> None:
    one = hourly(make_context(), 1)
    assert (hourly(make_context(), 3)[:24] == one).all()
    assert (hourly(make_context(seed=8), 1) != one).all()
    assert opened(make_context(), **SYNTHETIC).description.startswith("synthetic")


def test_a_constant_and_a_file(make_context: Callable[..., BuildContext], tmp_path: Path) -> None:
    assert opened(make_context(), constant_c=-4).means(0, 3600, 1800).tolist() == [[-4], [-4]]
    rows = "time_s,outdoor_temperature_c,other\n0,-3,1\n43200,5,2\n"
    (tmp_path / "weather.csv").write_text(rows, encoding="utf-8")
    series = opened(make_context(), file="weather.csv")
    assert series.means(0, DAY_S, DAY_S).tolist() == [[1]]
    assert opened(make_context(), file="weather.csv", column="other").value_at(0).tolist() == [1]


@pytest.mark.parametrize("keys", [{}, {"constant_c": 3, "file": "a.csv"}, {"constant": 3}])
def test_one_kind_is_named(keys: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="exactly one of the keys generator, file"):
        CONFIG.validate_python(keys)


def test_a_file_that_lacks_the_column(
    make_context: Callable[..., BuildContext], tmp_path: Path
) -> None:
    (tmp_path / "weather.csv").write_text("time_s,temperature\n0,1\n43200,1\n", encoding="utf-8")
    with pytest.raises(ScenarioError, match="no column for outdoor_temperature_c"):
        opened(make_context(), file="weather.csv")

"""Wind turbines: power curve, distribution and memory of the wind, signs, errors."""

import math
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from gridloom.simulators.errors import ScenarioError
from gridloom.simulators.model import BuildContext, FloatArray
from gridloom.simulators.wind import PowerCurve, Wind, WindConfig

SITES = ("w1", "w2")
CURVE = PowerCurve(cut_in_m_per_s=3, rated_m_per_s=12, cut_out_m_per_s=25)
BREEZE = {"constant_m_per_s": 6}
WEIBULL = {"generator": "weibull_ar1"}


def context_of(folder: Path | None = None, **changes: Any) -> BuildContext:
    defaults: dict[str, Any] = {
        "name": "wind",
        "start": datetime(2021, 6, 21, 16, tzinfo=UTC),
        "duration_s": 3600,
        "seed": 1,
        "connection_points": SITES,
        "folders": () if folder is None else (folder,),
    }
    return BuildContext(**{**defaults, **changes})


def wind_of(context: BuildContext, **keys: Any) -> Wind:
    return Wind(WindConfig.model_validate({"type": "wind", **keys}), context)


def run(wind: Wind, until_s: int, port: str = "power_kw") -> FloatArray:
    return np.stack([wind.step(time, {})[port] for time in range(0, until_s, wind.step_size)])


def speeds(days: int, seed: int = 1, **keys: Any) -> FloatArray:
    """Hourly wind speeds."""
    wind = wind_of(
        context_of(duration_s=days * 86400, seed=seed),
        wind_speed={**WEIBULL, "resolution": "1h", **keys},
        rated_power_kw=100,
        step_size="1h",
    )
    return wind.compute(0, days * 86400)["wind_speed_m_per_s"][:, 0]


def test_the_power_curve_by_hand() -> None:
    speed = np.array([0, 3, 6, 9, 12, 20, 25, 25.1])
    # By hand: (v^3 - 27) / (1728 - 27) between 3 and 12 m/s: 189/1701 at 6, 702/1701 at 9.
    expected = [0, 0, 189 / 1701, 702 / 1701, 1, 1, 1, 0]
    np.testing.assert_allclose(CURVE(speed), expected, rtol=1e-12)


@given(st.floats(0, 24.9), st.floats(0, 0.1))
def test_more_wind_is_more_power_up_to_cut_out(speed: float, more: float) -> None:
    low, high = CURVE(np.array([speed, speed + more]))
    assert 0 <= low <= high <= 1


def test_generation_is_negative_and_one_number_a_turbine() -> None:
    outputs = wind_of(
        context_of(), wind_speed=BREEZE, rated_power_kw={"w1": 1701, "w2": 17.01}
    ).step(0, {})
    np.testing.assert_allclose(outputs["power_kw"], [-189, -1.89])  # the curve by hand, at 6 m/s
    assert outputs["reactive_power_kvar"].tolist() == [0, 0]
    assert outputs["wind_speed_m_per_s"].tolist() == [6, 6]


@pytest.mark.parametrize(("direction", "sign"), [("absorbing", 1), ("injecting", -1)])
def test_reactive_power(direction: str, sign: int) -> None:
    wind = wind_of(
        context_of(), wind_speed=BREEZE, rated_power_kw=1701, power_factor=0.8, reactive=direction
    )
    # By hand: 189 kW at power factor 0.8 is 0.75 times as many kvar.
    np.testing.assert_allclose(wind.step(0, {})["reactive_power_kvar"], sign * 141.75)


def test_a_step_sends_the_mean_of_power_not_the_power_of_the_mean(tmp_path: Path) -> None:
    (tmp_path / "wind.csv").write_text("time_s,wind_speed\n0,0\n1800,12\n")
    wind = wind_of(
        context_of(tmp_path), wind_speed={"file": "wind.csv"}, rated_power_kw=100, step_size="1h"
    )
    outputs = wind.step(0, {})
    # By hand: half an hour of nothing, half an hour at rated power.
    np.testing.assert_allclose(outputs["power_kw"], -50)
    np.testing.assert_allclose(outputs["wind_speed_m_per_s"], 6)


def test_energy_is_the_same_whatever_the_step() -> None:
    keys: dict[str, Any] = {"wind_speed": WEIBULL, "rated_power_kw": 100}
    minutes = run(wind_of(context_of(), **keys, step_size="1min"), 3600)
    hour = run(wind_of(context_of(), **keys, step_size="1h"), 3600)
    np.testing.assert_allclose(minutes.mean(axis=0), hour[0])
    assert np.ptp(minutes) > 0


@pytest.mark.parametrize(("mean", "shape"), [(7.0, 2.0), (9.5, 1.6)])
def test_wind_speeds_are_weibull_distributed(mean: float, shape: float) -> None:
    drawn = speeds(4000, mean_m_per_s=mean, shape=shape)
    from scipy.stats import kstest, weibull_min

    scale = mean / math.gamma(1 + 1 / shape)
    # 96 000 hours with a correlation time of 6 h are some 8 000 independent ones (their number
    # divided by 1 + 2 a / (1 - a), a = exp(-1/6)): 1.63 / sqrt(8 000) is the 1 % point.
    assert kstest(drawn, weibull_min(shape, scale=scale).cdf).statistic < 0.018
    assert drawn.mean() == pytest.approx(mean, rel=0.02)


def test_the_wind_remembers_as_long_as_it_says() -> None:
    from scipy.stats import norm, weibull_min

    drawn = speeds(4000, correlation_time="6h")
    scale = 7.0 / math.gamma(1.5)
    normal = norm.ppf(weibull_min(2.0, scale=scale).cdf(drawn))
    for lag_h in (1, 3, 6):
        found = np.corrcoef(normal[:-lag_h], normal[lag_h:])[0, 1]
        assert found == pytest.approx(math.exp(-lag_h / 6), abs=0.03)


def test_the_wind_is_the_same_for_longer_runs_and_other_steps() -> None:
    long = speeds(10)
    np.testing.assert_array_equal(speeds(2), long[:48])
    assert (speeds(2, seed=2) != long[:48]).any()


def test_a_profile_is_generation() -> None:
    wind = wind_of(context_of(), profile={"constant_kw": 4})
    assert wind.step(0, {})["power_kw"].tolist() == [-4, -4]
    names = [port.name for port in wind.ports]
    assert names == ["power_kw", "reactive_power_kvar", "expected_power_kw"]


def test_ratings_and_source_are_recorded() -> None:
    wind = wind_of(context_of(), wind_speed=WEIBULL, rated_power_kw={"w1": 5, "w2": 6})
    rated, source = wind.static()
    assert (rated.name, rated.values.tolist()) == ("rated_power_kw", [5, 6])
    assert str(source.values).startswith("synthetic")
    assert str(wind_of(context_of(), profile={"constant_kw": 4}).static()[0].values) == "constant"


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({}, "expected exactly one of the keys wind_speed, profile"),
        ({"wind_speed": BREEZE}, "wind_speed needs rated_power_kw"),
        ({"profile": {"constant_kw": 1}, "rated_power_kw": 3}, "rated_power_kw belongs to wind_sp"),
        ({"wind_speed": {**BREEZE, **WEIBULL}}, "expected exactly one of the keys generator, file"),
        ({"wind_speed": BREEZE, "rated_power_kw": 3, "cut_in_m_per_s": 12}, "do not increase"),
    ],
)
def test_keys_that_do_not_fit(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        wind_of(context_of(), **keys)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"wind_speed": BREEZE, "rated_power_kw": {"w1": 3}}, "rated_power_kw: nothing for w2"),
        (
            {"wind_speed": {"file": "no.csv"}, "rated_power_kw": 3},
            "wind_speed.file: file 'no.csv' does not exist",
        ),
    ],
)
def test_errors_carry_their_key(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        wind_of(context_of(), **keys)
    assert str(caught.value).startswith(message)


def test_it_runs_on_a_grid(record_of: Callable[..., dict[str, xr.Dataset]]) -> None:
    device = {
        "type": "wind",
        "wind_speed": WEIBULL,
        "rated_power_kw": 10,
    }
    recorded = record_of({"wind": device})["wind"]
    speed = recorded["wind_speed_m_per_s"].to_numpy()
    assert speed.shape == (12, 2)
    np.testing.assert_allclose(recorded["power_kw"], -10 * CURVE(speed), atol=1e-12)
    assert "expected_power_kw" not in recorded

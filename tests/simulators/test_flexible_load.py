"""Flexible demand: limits around the baseline, energy that was shifted, what is told ahead."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pydantic import ValidationError

from gridloom.simulators.flexible_load import FlexibleLoad, FlexibleLoadConfig
from gridloom.simulators.load import Load, LoadConfig
from gridloom.simulators.model import BuildContext, FloatArray, Outputs

POINTS = ("h1", "h2")
DEMAND: dict[str, Any] = {"profile": {"generator": "household"}, "step_size": "15min"}


def context_of(folder: Path | None = None) -> BuildContext:
    return BuildContext(
        name="flexible",
        start=datetime(2021, 6, 21, 16, tzinfo=UTC),
        duration_s=7200,
        seed=1,
        connection_points=POINTS,
        folders=() if folder is None else (folder,),
    )


def flexible_of(folder: Path | None = None, **keys: Any) -> FlexibleLoad:
    config = {"type": "flexible_load", **DEMAND, **keys}
    return FlexibleLoad(FlexibleLoadConfig.model_validate(config), context_of(folder))


def baseline_of(**keys: Any) -> list[Outputs]:
    """What a load of the same name and keys draws."""
    load = Load(LoadConfig.model_validate({"type": "load", **DEMAND, **keys}), context_of())
    return [load.step(time, {}) for time in range(0, 7200, 900)]


def run(flexible: FlexibleLoad, setpoints_kw: FloatArray) -> list[Outputs]:
    return [
        flexible.step(row * flexible.step_size, {"power_setpoint_kw": asked})
        for row, asked in enumerate(setpoints_kw)
    ]


@given(arrays(float, (8, 2), elements=st.floats(-5, 5)))
def test_limits_hold_and_what_is_shifted_is_actual_less_baseline(asked_kw: FloatArray) -> None:
    baseline_kw = np.stack([step["power_kw"] for step in baseline_of()])
    steps = run(flexible_of(power_limits=[0.2, 1.4]), asked_kw)
    power_kw = np.stack([step["power_kw"] for step in steps])
    np.testing.assert_allclose(power_kw, np.clip(asked_kw, 0.2 * baseline_kw, 1.4 * baseline_kw))
    shifted_kwh = np.stack([step["energy_shifted_kwh"] for step in steps])
    expected_kwh = np.cumsum(power_kw - baseline_kw, axis=0) / 4
    np.testing.assert_allclose(shifted_kwh, expected_kwh, atol=1e-9)


def test_asked_for_its_baseline_it_is_the_load_it_would_be() -> None:
    flexible = flexible_of(power_factor=0.9, scale=1.5)
    told = flexible.initial_outputs()["baseline_power_kw"]
    for time, baseline in zip(
        range(0, 7200, 900), baseline_of(power_factor=0.9, scale=1.5), strict=True
    ):
        outputs = flexible.step(time, {"power_setpoint_kw": told})
        np.testing.assert_array_equal(outputs["power_kw"], baseline["power_kw"])
        np.testing.assert_allclose(outputs["reactive_power_kvar"], baseline["reactive_power_kvar"])
        assert not outputs["energy_shifted_kwh"].any()
        told = outputs["baseline_power_kw"]


def test_limits_are_told_of_the_next_step(tmp_path: Path) -> None:
    rows = "time_s,h1,h2\n0,4,1\n900,8,2\n1800,2,0\n"
    (tmp_path / "houses.csv").write_text(
        rows + "".join(f"{t},1,1\n" for t in range(2700, 7200, 900))
    )
    flexible = flexible_of(tmp_path, profile={"file": "houses.csv"}, rated_power_kw=10)
    first = flexible.initial_outputs()
    # By hand: half and one and a half of what is drawn unasked, 10 kW at most.
    assert first["power_min_kw"].tolist() == [2, 0.5]
    assert first["power_max_kw"].tolist() == [6, 1.5]
    assert first["energy_shifted_kwh"].tolist() == [0, 0]
    after = flexible.step(0, {"power_setpoint_kw": np.array([5.0, 1.0])})
    assert after["power_min_kw"].tolist() == [4, 1]
    assert after["power_max_kw"].tolist() == [10, 3]
    assert after["baseline_power_kw"].tolist() == [8, 2]
    assert after["energy_shifted_kwh"].tolist() == [0.25, 0]


def test_reactive_power_keeps_its_ratio() -> None:
    flexible = flexible_of(profile={"constant_kw": 2}, power_factor=0.8)
    outputs = flexible.step(0, {"power_setpoint_kw": np.array([3.0, 1.0])})
    # By hand: 0.75 kvar a kW.
    np.testing.assert_allclose(outputs["reactive_power_kvar"], [2.25, 0.75])


def test_without_demand_nothing_can_be_shifted() -> None:
    outputs = flexible_of(profile={"constant_kw": 0}).step(
        0, {"power_setpoint_kw": np.array([3.0, -1.0])}
    )
    assert not any(outputs[name].any() for name in outputs)


def test_a_profile_that_feeds_in_has_its_limits_the_other_way_round() -> None:
    told = flexible_of(profile={"constant_kw": -2}).initial_outputs()
    assert (told["power_min_kw"].tolist(), told["power_max_kw"].tolist()) == ([-3, -3], [-1, -1])


def test_the_forecast_is_that_of_its_baseline() -> None:
    keys: dict[str, Any] = {"forecast": {"relative_error_std": 0.2}}
    load = Load(LoadConfig.model_validate({"type": "load", **DEMAND, **keys}), context_of())
    flexible = flexible_of(**keys)
    np.testing.assert_array_equal(flexible.forecast().power_kw, load.forecast().power_kw)
    by_element = flexible.forecast(by_element=True).power_kw
    np.testing.assert_array_equal(by_element, load.forecast(by_element=True).power_kw)
    assert flexible.future(900) is None


def test_only_what_happened_is_recorded() -> None:
    recorded = [port.name for port in flexible_of().ports if port.recorded][1:]
    assert recorded == ["power_kw", "reactive_power_kvar", "energy_shifted_kwh"]


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"power_limits": [0.5, 0.9]}, "greater than or equal to 1"),
        ({"power_limits": [1.1, 1.5]}, "less than or equal to 1"),
        ({"short_term": {"interval": "1h"}}, "Extra inputs are not permitted"),
    ],
)
def test_keys_that_do_not_fit(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        flexible_of(**keys)


def test_it_runs_on_a_grid(record_of: Callable[..., dict[str, xr.Dataset]]) -> None:
    device = {
        "type": "flexible_load",
        "profile": {"constant_kw": 2},
    }
    recorded = record_of({"flexible": device}, {"flexible": 2.5})["flexible"]
    np.testing.assert_allclose(recorded["power_kw"], 2.5)
    # By hand: 0.5 kW beyond the baseline for an hour.
    np.testing.assert_allclose(recorded["energy_shifted_kwh"][-1], 0.5)
    assert "baseline_power_kw" not in recorded

"""Loads: outputs, reactive power, forecasts, errors."""

import math
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from gridloom.simulators.errors import ScenarioError
from gridloom.simulators.load import Load, LoadConfig
from gridloom.simulators.model import BuildContext, Direction, FloatArray

HOUSES = ("h1", "h2", "h3")
START = datetime(2021, 6, 21, 16, tzinfo=ZoneInfo("Europe/Berlin"))


def context_of(folder: Path | None = None, **changes: Any) -> BuildContext:
    defaults: dict[str, Any] = {
        "name": "load",
        "start": START,
        "duration_s": 3600,
        "seed": 1,
        "connection_points": HOUSES,
        "folders": () if folder is None else (folder,),
        "groups": {"west": ("h3", "h1")},
    }
    return BuildContext(**{**defaults, **changes})


def load_of(context: BuildContext, **keys: Any) -> Load:
    given = {"type": "load", "profile": {"generator": "household"}, **keys}
    return Load(LoadConfig.model_validate(given), context)


def powers(load: Load, until_s: int) -> FloatArray:
    times = range(0, until_s, load.step_size)
    return np.stack([load.step(time, {})["power_kw"] for time in times])


def test_ports_speak_of_the_connection_points_in_order() -> None:
    load = load_of(context_of(), at="west")
    assert [port.name for port in load.ports] == [
        "power_kw",
        "reactive_power_kvar",
        "expected_power_kw",
    ]
    for port in load.ports:
        assert port.direction is Direction.OUTPUT
        assert port.elements is not None
        assert port.elements.kind == "load"
        assert port.elements.names == port.elements.connection_points == ("h3", "h1")


def test_reactive_power_follows_from_the_power_factor() -> None:
    load = load_of(context_of(), profile={"constant_kw": 2.0}, power_factor=0.8)
    outputs = load.step(0, {})
    assert outputs["power_kw"].tolist() == [2, 2, 2]
    # By hand: at power factor 0.8, q / p = 0.6 / 0.8.
    np.testing.assert_allclose(outputs["reactive_power_kvar"], 1.5)
    leading = load_of(
        context_of(), profile={"constant_kw": 2.0}, power_factor=0.8, reactive="leading"
    )
    np.testing.assert_allclose(leading.step(0, {})["reactive_power_kvar"], -1.5)


def test_default_power_factor_is_that_of_the_ieee_feeder() -> None:
    outputs = load_of(context_of(), profile={"constant_kw": 1.0}).step(0, {})
    # grid study of the feeder: q = 0.32868 p at power factor 0.95.
    np.testing.assert_allclose(outputs["reactive_power_kvar"], 0.32868, atol=1e-5)


def test_scale_multiplies_both_powers() -> None:
    load = load_of(context_of(), profile={"constant_kw": 1.0}, scale=-2.5)
    outputs = load.step(0, {})
    assert outputs["power_kw"].tolist() == [-2.5] * 3
    np.testing.assert_allclose(outputs["reactive_power_kvar"], -2.5 * math.tan(math.acos(0.95)))


def test_a_minute_holds_for_sixty_steps_of_a_second() -> None:
    seconds = powers(load_of(context_of()), 3600).reshape(60, 60, 3)
    minutes = powers(load_of(context_of(), step_size="1min"), 3600)
    assert (seconds == minutes[:, None]).all()


@settings(max_examples=12, deadline=None)
@given(step=st.sampled_from(["1s", "7s", "1min", "90s", "15min", "1h"]))
def test_energy_is_the_same_whatever_the_step(step: str) -> None:
    load = load_of(context_of(duration_s=6300), step_size=step)
    steps = 6300 // load.step_size
    energy = powers(load, steps * load.step_size).sum(axis=0) * load.step_size
    reference = powers(load_of(context_of(duration_s=6300)), steps * load.step_size).sum(axis=0)
    np.testing.assert_allclose(energy, reference)


def test_the_forecast_is_the_mean_of_what_comes() -> None:
    load = load_of(context_of(), forecast={"resolution": "10min"})
    forecast = load.forecast()
    total = powers(load, 3600).sum(axis=1)
    assert forecast.interval_s == 600
    np.testing.assert_allclose(forecast.power_kw, total.reshape(6, 600).mean(axis=1))


def test_the_last_interval_of_a_forecast_may_be_cut_short() -> None:
    load = load_of(context_of(duration_s=1500), forecast={"resolution": "15min"})
    total = powers(load, 1500).sum(axis=1)
    np.testing.assert_allclose(load.forecast().power_kw, [total[:900].mean(), total[900:].mean()])


@pytest.mark.parametrize(("step", "interval"), [("1s", 900), ("7s", 903), ("1h", 3600)])
def test_the_usual_interval_of_a_forecast(step: str, interval: int) -> None:
    forecast = load_of(context_of(), step_size=step).forecast()
    assert forecast.interval_s == interval
    assert len(forecast.power_kw) == -(-3600 // interval)


def test_bias_and_error_of_the_forecast() -> None:
    keys = {"profile": {"constant_kw": 1.0}}
    hours = context_of(duration_s=4000 * 3600)
    biased = load_of(
        hours, **keys, step_size="1h", forecast={"resolution": "1h", "relative_bias": 0.15}
    )
    np.testing.assert_allclose(biased.forecast().power_kw, 3 * 1.15)
    noisy = load_of(hours, **keys, step_size="1h", forecast={"relative_error_std": 0.2})
    relative = noisy.forecast().power_kw / 3 - 1
    # 4000 draws: standard error of the mean 0.003, of the spread 0.002.
    assert relative.mean() == pytest.approx(0.0, abs=0.012)
    assert relative.std() == pytest.approx(0.2, abs=0.01)
    np.testing.assert_array_equal(noisy.forecast().power_kw, noisy.forecast().power_kw)


def test_a_longer_run_has_the_same_forecast_errors() -> None:
    forecast = {"resolution": "15min", "relative_error_std": 0.3}
    short = load_of(context_of(), forecast=forecast).forecast()
    long = load_of(context_of(duration_s=7200), forecast=forecast).forecast()
    np.testing.assert_array_equal(long.power_kw[:4], short.power_kw)


def test_a_forecast_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "plan.csv").write_text("time_s,power_kw\n0,5\n1800,9\n")
    forecast = {"file": "plan.csv", "resolution": "30min"}
    load = load_of(context_of(tmp_path), forecast=forecast)
    assert load.forecast().power_kw.tolist() == [5, 9]


def test_the_same_whatever_start_and_duration() -> None:
    whole = load_of(context_of(duration_s=7200))
    later = load_of(context_of(start=START + timedelta(minutes=30), duration_s=600))
    np.testing.assert_array_equal(powers(later, 600), powers(whole, 2400)[1800:])


def test_outputs_are_read_only_and_stay_as_they_were() -> None:
    load = load_of(context_of(duration_s=3 * 3600))
    first = load.step(0, {})["power_kw"]
    before = first.copy()
    with pytest.raises(ValueError, match="read-only"):
        first[0] = 1.0
    powers(load, 3 * 3600)
    np.testing.assert_array_equal(first, before)


def test_a_wide_file_by_name_of_connection_point(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("time_s,h3,h1,h2\n0,3,1,2\n1800,6,4,5\n")
    load = load_of(context_of(tmp_path), profile={"file": "p.csv"})
    assert load.step(0, {})["power_kw"].tolist() == [1, 2, 3]
    assert load.step(1800, {})["power_kw"].tolist() == [4, 5, 6]
    (source,) = load.static()
    assert str(source.values) == "file: p.csv"


def test_the_generator_is_labelled_synthetic() -> None:
    (source,) = load_of(context_of()).static()
    assert str(source.values).startswith("synthetic")


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"at": "h4"}, "at: 'h4' is not a connection point"),
        ({"profile": {"file": "no.csv"}}, "profile.file: file 'no.csv' does not exist"),
        (
            {"step_size": "7s", "forecast": {"resolution": "15min"}},
            "forecast.resolution: 15min is not a multiple of the step size",
        ),
    ],
)
def test_errors_carry_their_key(tmp_path: Path, keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        load_of(context_of(tmp_path), **keys)
    assert str(caught.value).startswith(message)


def test_all_means_nothing_without_a_grid() -> None:
    with pytest.raises(ScenarioError, match=r"^at: without a grid"):
        load_of(context_of(connection_points=None))
    named = load_of(context_of(connection_points=None), at=["x", "y"])
    assert named.step(0, {})["power_kw"].shape == (2,)


def test_a_name_given_twice_without_a_grid() -> None:
    with pytest.raises(ScenarioError, match=r"^at: named twice: x"):
        load_of(context_of(connection_points=None), at=["x", "x"])


@pytest.mark.parametrize("power_factor", [0.0, -0.9, 1.1, math.nan])
def test_power_factors_out_of_range(power_factor: float) -> None:
    with pytest.raises(ValidationError):
        load_of(context_of(), power_factor=power_factor)


def test_a_forecast_from_a_file_has_no_error_of_its_own() -> None:
    with pytest.raises(ValidationError, match="has its own error"):
        load_of(context_of(), forecast={"file": "plan.csv", "relative_bias": 0.1})


def test_the_ieee_peak(reference_data: Path) -> None:
    houses = tuple(f"LOAD{i}" for i in range(1, 56))
    context = context_of(
        reference_data,
        connection_points=houses,
        start=datetime(2021, 6, 21, 9, tzinfo=ZoneInfo("Europe/Berlin")),
    )
    load = load_of(context, profile={"file": "load_profiles_1min_kw.csv"})
    total = powers(load, 3600).sum(axis=1)
    # Published on-peak case of the feeder: 57.358 kW, which is row 565, 09:25 of local time.
    assert total.max() == pytest.approx(57.358, abs=1e-9)
    assert total.argmax() == 25 * 60

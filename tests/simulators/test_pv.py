"""Photovoltaic plants: eq. 36, signs, limits, forecasts, errors."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from pydantic import ValidationError

from gridloom.simulators.errors import ScenarioError
from gridloom.simulators.model import BuildContext, FloatArray
from gridloom.simulators.pv import Pv, PvConfig

HOUSES = ("h1", "h2", "h3")
START = datetime(2021, 6, 21, 16, tzinfo=ZoneInfo("Europe/Berlin"))
CLOUDY = {"generator": "widen_munkhammar", "latitude_deg": 52.5, "longitude_deg": 13.4}
BRIGHT = {"constant_w_per_m2": 800}


def context_of(folder: Path | None = None, **changes: Any) -> BuildContext:
    defaults: dict[str, Any] = {
        "name": "pv",
        "start": START,
        "duration_s": 3600,
        "seed": 1,
        "connection_points": HOUSES,
        "folders": () if folder is None else (folder,),
    }
    return BuildContext(**{**defaults, **changes})


def pv_of(context: BuildContext, **keys: Any) -> Pv:
    return Pv(PvConfig.model_validate({"type": "pv", **keys}), context)


def run(pv: Pv, until_s: int, port: str = "power_kw") -> FloatArray:
    return np.stack([pv.step(time, {})[port] for time in range(0, until_s, pv.step_size)])


def test_equation_36_by_hand() -> None:
    outputs = pv_of(context_of(), irradiance=BRIGHT, area_m2=10, efficiency=0.17).step(0, {})
    # 10 m2 x 0.17 x 800 W/m2 = 1360 W, fed into the grid: negative.
    np.testing.assert_allclose(outputs["power_kw"], -1.36)
    np.testing.assert_allclose(outputs["reactive_power_kvar"], 0.0)
    assert outputs["irradiance_w_per_m2"].tolist() == [800] * 3


def test_one_number_for_each_plant() -> None:
    area = {"h1": 10, "h2": 20, "h3": 5}
    pv = pv_of(context_of(), irradiance=BRIGHT, area_m2=area, efficiency=0.2)
    np.testing.assert_allclose(pv.step(0, {})["power_kw"], [-1.6, -3.2, -0.8])
    assert pv.static()[0].values.tolist() == [10, 20, 5]


def test_the_inverter_limits_generation() -> None:
    pv = pv_of(context_of(), irradiance=BRIGHT, inverter_power_kw={"h1": 1, "h2": 2, "h3": 1.2})
    np.testing.assert_allclose(pv.step(0, {})["power_kw"], [-1, -1.36, -1.2])


@pytest.mark.parametrize(("direction", "sign"), [("absorbing", 1), ("injecting", -1)])
def test_reactive_power(direction: str, sign: int) -> None:
    pv = pv_of(context_of(), irradiance=BRIGHT, power_factor=0.8, reactive=direction)
    # By hand: 1.36 kW at power factor 0.8 is 1.02 kvar.
    np.testing.assert_allclose(pv.step(0, {})["reactive_power_kvar"], sign * 1.02)


def test_a_profile_is_generation(tmp_path: Path) -> None:
    (tmp_path / "pv.csv").write_text("time_s,h1,h2,h3\n0,1,2,3\n1800,0,0,0\n")
    pv = pv_of(context_of(tmp_path), profile={"file": "pv.csv"})
    assert pv.step(0, {})["power_kw"].tolist() == [-1, -2, -3]
    assert [port.name for port in pv.ports] == [
        "power_kw",
        "reactive_power_kvar",
        "expected_power_kw",
    ]
    dark = pv.step(1800, {})["power_kw"]
    assert not np.signbit(dark).any()


def test_ports_of_plants_in_the_sun() -> None:
    pv = pv_of(context_of(), irradiance=BRIGHT, at=["h2"])
    names = [port.name for port in pv.ports]
    assert names == [
        "power_kw",
        "reactive_power_kvar",
        "irradiance_w_per_m2",
        "expected_power_kw",
    ]
    for port in pv.ports:
        assert port.elements is not None
        assert port.elements.kind == "pv_plant"
        assert port.elements.names == port.elements.connection_points == ("h2",)


def test_a_step_is_the_mean_of_its_seconds() -> None:
    seconds = run(pv_of(context_of(), irradiance=CLOUDY), 3600)
    minutes = run(pv_of(context_of(), irradiance=CLOUDY, step_size="1min"), 3600)
    np.testing.assert_allclose(minutes, seconds.reshape(60, 60, 3).mean(axis=1))
    assert np.ptp(seconds, axis=0).min() > 0


def test_the_papers_forecast_is_the_hourly_mean_and_15_percent() -> None:
    forecast = {"resolution": "1h", "relative_bias": 0.15}
    pv = pv_of(context_of(), irradiance=CLOUDY, forecast=forecast)
    expected = pv.forecast()
    total = run(pv, 3600).sum(axis=1)
    np.testing.assert_allclose(expected.power_kw, [1.15 * total.mean()])
    assert expected.power_kw[0] < 0


def test_the_forecast_knows_the_inverters_limit() -> None:
    pv = pv_of(context_of(), irradiance=CLOUDY, inverter_power_kw=0.5)
    total = run(pv, 3600).sum(axis=1)
    np.testing.assert_allclose(pv.forecast().power_kw, total.reshape(4, 900).mean(axis=1))


def test_the_same_whatever_start_and_duration() -> None:
    whole = run(pv_of(context_of(duration_s=7200), irradiance=CLOUDY), 5400)
    later_start = START + timedelta(minutes=50)
    later = run(pv_of(context_of(start=later_start, duration_s=1200), irradiance=CLOUDY), 1200)
    np.testing.assert_array_equal(later, whole[3000:4200])


def test_seed_and_name_decide() -> None:
    one = run(pv_of(context_of(), irradiance=CLOUDY), 60)
    assert (run(pv_of(context_of(), irradiance=CLOUDY), 60) == one).all()
    assert (run(pv_of(context_of(seed=2), irradiance=CLOUDY), 60) != one).any()
    assert (run(pv_of(context_of(name="roofs"), irradiance=CLOUDY), 60) != one).any()


def test_the_generator_is_labelled_synthetic() -> None:
    source = pv_of(context_of(), irradiance=CLOUDY).static()[-1]
    assert str(source.values).startswith("synthetic")


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({}, "expected exactly one of the keys irradiance, profile"),
        ({"irradiance": BRIGHT, "profile": {"constant_kw": 1}}, "expected exactly one of the keys"),
        ({"profile": {"constant_kw": 1}, "area_m2": 3}, "area_m2 belongs to irradiance"),
        ({"irradiance": {**BRIGHT, **CLOUDY}}, "expected exactly one of the keys generator, clear"),
        ({"irradiance": BRIGHT, "area_m2": -1}, "greater than 0"),
    ],
)
def test_keys_that_do_not_fit(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        pv_of(context_of(), **keys)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"irradiance": BRIGHT, "at": "h9"}, "at: 'h9' is not a connection point"),
        ({"irradiance": BRIGHT, "area_m2": {"h1": 3}}, "area_m2: nothing for h2, h3"),
        (
            {"irradiance": BRIGHT, "at": "h1", "efficiency": {"h1": 0.2, "x": 0.2}},
            "efficiency: no plant at x",
        ),
        ({"irradiance": {"file": "no.csv"}}, "irradiance.file: file 'no.csv' does not exist"),
        ({"profile": {"file": "no.csv"}}, "profile.file: file 'no.csv' does not exist"),
        (
            {"irradiance": BRIGHT, "forecast": {"resolution": "90s"}, "step_size": "1min"},
            "forecast.resolution: 90s is not a multiple of the step size",
        ),
    ],
)
def test_errors_carry_their_key(tmp_path: Path, keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        pv_of(context_of(tmp_path), **keys)
    assert str(caught.value).startswith(message)


@pytest.mark.slow
def test_simbench_plants_are_where_the_grid_generates() -> None:
    simbench = pytest.importorskip("simbench")
    code = "1-LV-rural1--0-sw"
    points = tuple(str(name) for name in simbench.get_simbench_net(code).load["name"])
    noon = datetime(2021, 6, 21, 12, tzinfo=ZoneInfo("Europe/Berlin"))
    context = context_of(connection_points=points, start=noon)
    pv = pv_of(context, profile={"simbench": code}, step_size="15min")
    names = pv.ports[0].elements.names if pv.ports[0].elements else ()
    assert 0 < len(names) < len(points)
    assert (pv.step(0, {})["power_kw"] < 0).all()

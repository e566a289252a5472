"""mosaik-csv and mosaik-pv, unmodified from PyPI: time series, and PV plants in their sun."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gridloom.simulators.errors import SimulatorError

Run = Callable[..., dict[str, dict[str, Any]]]

WEATHER = """\
Weather
Date,DNI,T_amb # in degrees
2021-06-21 11:45:00,500,19.5
2021-06-21 12:00:00,600,20.0
2021-06-21 12:15:00,700,21.25
2021-06-21 12:30:00,850,22.0
"""
LOADS = """\
Date,a Wh,b Wh
2021-06-21 12:00:00,500,1500
2021-06-21 12:15:00,600,1600
2021-06-21 12:30:00,700,1700
"""
HEAD = """
name: case
start: 2021-06-21T12:00:00+02:00
duration: 1h
step_size: 5min
simulators:
"""
STATION = """
  weather:
    type: external
    python: mosaik_csv:CSV
    files: [weather.csv]
    parameters: {sim_start: "{start}", datafile: weather.csv}
    create: {model: Weather}
    sends:
      dni_w_per_m2: DNI
      outdoor_temperature_k: {name: T_amb, unit: degC}
    defines:
      dni_w_per_m2: {unit: W m-2}
      outdoor_temperature_k: {unit: K}
"""
HOUSES = """
  load:
    type: external
    python: mosaik_csv:CSV
    files: [loads.csv]
    parameters: {sim_start: "{start}", datafile: loads.csv}
    create: {model: Data}
    at: [b, a]
    kind: house
    sends:
      power_kw: {name: "{element} Wh", unit: W}
"""
PLANTS = """
  pv:
    type: external
    python: mosaik_components.pv.pvsimulator:PVSimulator
    parameters: {start_date: "{start}", step_size: "{step_size_s}", gen_neg: true}
    create:
      model: PV
      parameters: {latitude: 48, area: 30, efficiency: 0.2, el_tilt: 0, az_tilt: 0}
    at: [a, b, c]
    kind: plant
    receives:
      dni_w_per_m2: "DNI[W/m2]"
    sends:
      power_kw: "P[MW]"
    defines:
      dni_w_per_m2: {unit: W m-2}
"""
FEED = """
couplings:
  - {from: weather.dni_w_per_m2, to: pv.dni_w_per_m2}
"""
DNI = np.repeat([600, 700, 850, 850], 3)
"""What weather.csv says for each step of 5 min; the last row holds."""


@pytest.fixture(autouse=True)
def series(tmp_path: Path) -> None:
    pytest.importorskip("mosaik_csv")
    (tmp_path / "weather.csv").write_text(WEATHER)
    (tmp_path / "loads.csv").write_text(LOADS)


def cosine_of_incidence(minute: int, tilt_deg: float = 0) -> float:
    """Of the sun on a plane towards the south, at noon + minute, as mosaik-pv has it (da Rosa).

    Closed form for a horizontal plane, sin(elevation); for a tilted one at noon,
    sin(elevation + tilt).
    """
    latitude = math.radians(48)
    # Its declination counts the day of the month for that of the year: right in January only.
    declination = math.radians(23.45 * math.sin(2 * math.pi * (21 - 81) / 365))
    hour_angle = math.radians(15 * minute / 60)
    sine = math.cos(latitude) * math.cos(declination) * math.cos(hour_angle)
    elevation = math.asin(sine + math.sin(latitude) * math.sin(declination))
    assert tilt_deg == 0 or minute == 0
    return math.sin(elevation + math.radians(tilt_deg))


def test_a_file_of_weather_is_one_value_a_quantity(run: Run) -> None:
    weather = run(HEAD + STATION)["weather"]
    assert weather["dni_w_per_m2"].tolist() == DNI.tolist()
    expected = 273.15 + np.repeat([20, 21.25, 22, 22], 3)
    np.testing.assert_allclose(weather["outdoor_temperature_k"], expected, rtol=1e-15)


def test_a_file_of_loads_has_a_column_for_each_house(run: Run) -> None:
    # The columns are found by name: the houses are listed in another order than the columns.
    power = run(HEAD + HOUSES)["load"]["power_kw"]
    expected = np.repeat([[1.5, 0.5], [1.6, 0.6], [1.7, 0.7], [1.7, 0.7]], 3, axis=0)
    np.testing.assert_allclose(power, expected, rtol=1e-15)


def test_prices_of_an_event_based_file_hold_until_the_next_event(run: Run, tmp_path: Path) -> None:
    # As mosaik does, it is stepped only when it said so: each step takes the file's next row.
    (tmp_path / "prices.csv").write_text(
        "Date,eur_per_mwh,other\n2021-06-21 12:00:00,80.5,0\n2021-06-21 12:20:00,-3.25,0\n"
    )
    power = run(
        HEAD
        + """
  prices:
    type: external
    python: mosaik_csv:CSV
    files: [prices.csv]
    parameters: {sim_start: "{start}", datafile: prices.csv, type: event-based}
    create: {model: Data}
    sends: {price_eur_per_mwh: eur_per_mwh}
    defines: {price_eur_per_mwh: {unit: EUR MWh-1, long_name: price of energy}}
"""
    )["prices"]["price_eur_per_mwh"]
    assert power.tolist() == [80.5] * 4 + [-3.25] * 8


def test_rows_that_are_closer_than_the_steps_are_refused(run: Run) -> None:
    text = (HEAD + HOUSES).replace("step_size: 5min", "step_size: 30min")
    with pytest.raises(SimulatorError) as caught:
        run(text)
    assert caught.value.cause == (
        "it wants its next step at 900 s, its model steps every 30min: give it a step_size that "
        "divides 15min"
    )


def test_a_misspelt_column_is_said_before_anything_runs(
    problems: Callable[..., Any],
) -> None:
    (problem,) = problems((HEAD + HOUSES).replace("{element} Wh", "{element} kWh"))
    assert problem.key == ("simulators", "load", "sends", "power_kw")
    assert problem.message == "the simulator has no attribute 'b kWh', 'a kWh' of 'Data'"
    assert problem.suggestion == "did you mean 'b Wh'?"


def test_plants_produce_what_the_formula_says(run: Run) -> None:
    # area * efficiency * DNI * cos(incidence) in MW, negative by gen_neg: a load of so many kW.
    pytest.importorskip("mosaik_components.pv")
    power = run(HEAD + STATION + PLANTS + FEED)["pv"]["power_kw"]
    assert power.shape == (12, 3)
    cosine = np.array([cosine_of_incidence(5 * step) for step in range(12)])
    expected = -30 * 0.2 * DNI * cosine / 1000
    np.testing.assert_allclose(power, np.repeat(expected[:, None], 3, axis=1), rtol=1e-12)
    assert -5 < power.min() < power.max() < -1  # 30 m2 of modules: kilowatts


def test_a_tilted_plant_at_noon(run: Run) -> None:
    pytest.importorskip("mosaik_components.pv")
    power = run((HEAD + STATION + PLANTS + FEED).replace("el_tilt: 0", "el_tilt: 35"))
    expected = -30 * 0.2 * 600 * cosine_of_incidence(0, 35) / 1000
    np.testing.assert_allclose(power["pv"]["power_kw"][0], expected, rtol=1e-12)


def test_generation_counted_positive_is_the_same_plant(run: Run) -> None:
    pytest.importorskip("mosaik_components.pv")
    text = HEAD + STATION + PLANTS + FEED
    positive = text.replace("gen_neg: true", "gen_neg: false").replace(
        'power_kw: "P[MW]"', 'power_kw: {name: "P[MW]", positive: generation}'
    )
    negative, again = run(text)["pv"]["power_kw"], run(positive)["pv"]["power_kw"]
    assert negative.tobytes() == again.tobytes()


@pytest.mark.slow
def test_all_of_it_in_processes_of_their_own_is_bit_equal(run: Run) -> None:
    pytest.importorskip("mosaik_components.pv")
    text = HEAD + STATION + HOUSES + PLANTS + FEED
    here = run(text)
    there = run(text.replace("    create:", "    placement: process\n    create:"))
    for model, signals in here.items():
        for signal, values in signals.items():
            assert values.tobytes() == there[model][signal].tobytes(), (model, signal)

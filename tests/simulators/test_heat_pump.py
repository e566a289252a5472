"""Heat pumps: heat and temperature by hand, comfort guarded, planners obeyed, thermostat."""

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
from scipy.integrate import solve_ivp

from gridloom.simulators.errors import ScenarioError
from gridloom.simulators.heat_pump import HeatPump
from gridloom.simulators.heat_pump_config import HeatPumpConfig
from gridloom.simulators.model import BuildContext, Direction, FloatArray, Outputs

POINTS = ("b1", "b2")
STEADY: dict[str, Any] = {
    "coefficient_of_performance": 3,
    "outdoor_temperature": {"constant_c": 0},
    "heat_gain": {"internal_kw": 0},
    "building": {"heat_loss_kw_per_k": 0.15, "heat_capacity_kwh_per_k": 5},
}
WINTER_DAY: dict[str, Any] = {
    "outdoor_temperature": {"generator": "diurnal_ar1", "mean_c": 2},
    "building": {"spread": 0.3},
    "heat_gain": {"solar_aperture_m2": 2, "irradiance": {"constant_w_per_m2": 100}},
    "set_back": [{"begin": "22:00", "end": "06:00", "temperature_limits_c": [17, 22]}],
}


def context_of(points: tuple[str, ...] = POINTS, **changes: Any) -> BuildContext:
    defaults: dict[str, Any] = {
        "name": "hp",
        "start": datetime(2021, 1, 10, tzinfo=UTC),
        "duration_s": 86400,
        "seed": 1,
        "connection_points": points,
    }
    return BuildContext(**{**defaults, **changes})


def heat_pumps(context: BuildContext | None = None, **keys: Any) -> HeatPump:
    config = {"type": "heat_pump", "step_size": "15min", "rated_power_kw": 3, **keys}
    return HeatPump(HeatPumpConfig.model_validate(config), context or context_of())


def run(model: HeatPump, asked: Callable[[int, Outputs], FloatArray], steps: int) -> list[Outputs]:
    told, outputs = model.initial_outputs(), []
    for row in range(steps):
        told = model.step(row * model.step_size, {"power_setpoint_kw": asked(row, told)})
        outputs.append(told)
    return outputs


def unasked(_: int, told: Outputs) -> FloatArray:
    return told["baseline_power_kw"]


def column(outputs: list[Outputs], name: str) -> FloatArray:
    return np.stack([step[name] for step in outputs])


def test_a_step_by_hand() -> None:
    model = heat_pumps(**STEADY, initial_temperature_c={"b1": 21, "b2": 20.5}, tan_phi=0.1)
    step = model.step(0, {"power_setpoint_kw": np.array([1.0, 2.0])})
    # Towards heat / 0.15 kW/K = 20 and 40 °C with a time constant of 5 / 0.15 h.
    kept = np.exp(-0.25 * 0.15 / 5)
    np.testing.assert_allclose(
        step["indoor_temperature_c"], [20 + kept, 40 - 19.5 * kept], rtol=1e-13
    )
    assert step["power_kw"].tolist() == [1, 2]
    assert step["heat_kw"].tolist() == [3, 6]
    assert step["reactive_power_kvar"].tolist() == [0.1, 0.2]
    assert step["coefficient_of_performance"] == 3
    assert step["outdoor_temperature_c"] == 0
    assert step["temperature_limit_low_c"] == 20
    assert step["temperature_limit_high_c"] == 22
    assert step["mass_temperature_c"].tolist() == step["indoor_temperature_c"].tolist()


def test_comfort_goes_before_setpoints() -> None:
    model = heat_pumps(**STEADY, initial_temperature_c={"b1": 20, "b2": 22}, rated_power_kw=9)
    told = model.initial_outputs()
    # By hand: 0.15 kW/K times 20 K through a coefficient of 3 is 1 kW, times 22 K 1.1 kW.
    np.testing.assert_allclose(told["power_min_kw"], [1, 0], rtol=1e-12)
    assert told["power_max_kw"][1] == pytest.approx(1.1, rel=1e-12)
    idle = model.step(0, {"power_setpoint_kw": np.array([0.0, 99.0])})
    np.testing.assert_allclose(idle["power_kw"], [1, 1.1], rtol=1e-12)
    np.testing.assert_allclose(idle["indoor_temperature_c"], [20, 22], rtol=1e-13)


def test_a_weak_heat_pump_does_what_it_can() -> None:
    model = heat_pumps(**STEADY, initial_temperature_c=15, rated_power_kw=0.7)
    (step,) = run(model, lambda *_: np.zeros(2), 1)
    assert step["power_kw"].tolist() == [0.7, 0.7]
    assert step["power_min_kw"].tolist() == step["power_max_kw"].tolist() == [0.7, 0.7]


def test_a_summer_day_needs_no_heat() -> None:
    warm = {**STEADY, "outdoor_temperature": {"constant_c": 30}}
    (step,) = run(heat_pumps(**warm, initial_temperature_c=23), lambda *_: np.full(2, 3.0), 1)
    assert step["power_kw"].tolist() == [0, 0]
    assert (step["indoor_temperature_c"] > 23).all()


@pytest.mark.parametrize("model", ["1R1C", "2R2C"])
def test_temperatures_do_not_depend_on_the_step_size(model: str) -> None:
    keys = {**STEADY, "building": {"model": model}, "temperature_limits_c": [10, 30]}
    blocks_kw = np.array([[1.5, 0.8], [0.5, 1.2], [1.0, 1.0], [2.0, 0.0]])
    by_step = {}
    for step_size, repeats in (("15min", 1), ("1min", 15), ("10s", 90)):
        asked_kw = np.repeat(blocks_kw, repeats, axis=0)
        pumps = heat_pumps(**keys, step_size=step_size, initial_temperature_c=20.5)
        steps = run(pumps, lambda row, _, asked_kw=asked_kw: asked_kw[row], len(asked_kw))  # type: ignore[misc]
        assert (column(steps, "power_kw") == asked_kw).all()
        by_step[step_size] = column(steps, "indoor_temperature_c")[repeats - 1 :: repeats]
    np.testing.assert_allclose(by_step["1min"], by_step["15min"], atol=1e-11)
    np.testing.assert_allclose(by_step["10s"], by_step["15min"], atol=1e-11)


def test_two_nodes_against_an_ode_solver() -> None:
    building = {"model": "2R2C", "heat_loss_kw_per_k": 0.2, "heat_capacity_kwh_per_k": 10}
    gain = {"internal_kw": 0.6, "internal_variation": 0}
    keys = {**STEADY, "building": building, "heat_gain": gain}
    model = heat_pumps(**keys, initial_temperature_c=21, temperature_limits_c=[10, 30])
    steps = run(model, lambda *_: np.full(2, 1.2), 20)  # until 5:00, gains as at night
    night_kw = 0.6 * 8 / (9 + 64 / 24)

    def slope(_: float, x: FloatArray) -> list[float]:
        air = (0.2 * -x[0] + 2 * (x[1] - x[0]) + 3.6 + night_kw / 2) / 1
        return [air, (2 * (x[0] - x[1]) + night_kw / 2) / 9]

    solved = solve_ivp(slope, (0, 5), [21, 21], rtol=1e-11, atol=1e-11).y[:, -1]
    np.testing.assert_allclose(steps[-1]["indoor_temperature_c"], solved[0], atol=1e-8)
    np.testing.assert_allclose(steps[-1]["mass_temperature_c"], solved[1], atol=1e-8)


@given(asked_kw=arrays(float, (96, 2), elements=st.floats(-5, 5)))
def test_comfort_holds_whatever_is_asked_for(asked_kw: FloatArray) -> None:
    model = heat_pumps(**{**WINTER_DAY, "set_back": []})
    told = model.initial_outputs()
    for row, asked in enumerate(asked_kw):
        step = model.step(row * 900, {"power_setpoint_kw": asked})
        assert (step["indoor_temperature_c"] >= 20 - 1e-9).all()
        assert (step["indoor_temperature_c"] <= 22 + 1e-9).all()
        within = np.clip(asked, told["power_min_kw"], told["power_max_kw"])
        assert (step["power_kw"] == within).all()
        assert (step["power_kw"] >= 0).all()
        assert (step["power_kw"] <= 3).all()
        told = step


@given(
    wishes_c=arrays(float, (96, 2), elements=st.floats(20, 22)),
    model=st.sampled_from(["1R1C", "2R2C"]),
)
def test_who_plans_within_the_limits_is_obeyed(wishes_c: FloatArray, model: str) -> None:
    """A plan made from what the model declares comes true to the last digits."""
    building = {"model": model, "spread": 0.3}
    pumps = heat_pumps(**{**WINTER_DAY, "building": building, "set_back": []})
    dynamics, weather = pumps.dynamics(900), pumps.actual_conditions(900)
    low_c, high_c = pumps.comfort_limits_c(900)
    plan_kw, plan_c, x = np.empty((96, 2)), np.empty((96, 2)), pumps.initial_temperature_c
    for row in range(96):
        cop = weather.coefficient_of_performance[row]
        floating = dynamics.floating(
            x, weather.heat_gain_kw[row], weather.outdoor_temperature_c[row]
        )
        wished = np.clip(wishes_c[row], low_c[row], high_c[row])
        power_kw = (wished - floating[:, 0]) / (dynamics.k_per_kw_heat[:, 0] * cop)
        plan_kw[row] = np.clip(power_kw, 0, pumps.rated_power_kw)
        x = floating + dynamics.k_per_kw_heat * (plan_kw[row] * cop)[:, np.newaxis]
        plan_c[row] = x[:, 0]
    steps = run(pumps, lambda row, _: plan_kw[row], 96)
    np.testing.assert_allclose(column(steps, "power_kw"), plan_kw, atol=1e-9)
    np.testing.assert_allclose(column(steps, "indoor_temperature_c"), plan_c, atol=1e-10)


def test_the_thermostat_switches_between_its_two_temperatures() -> None:
    model = heat_pumps(**STEADY, initial_temperature_c=20, step_size="1min", hysteresis_k=0.5)
    steps = run(model, unasked, 1440)
    indoor_c, power_kw = (column(steps, n)[:, 0] for n in ("indoor_temperature_c", "power_kw"))
    assert indoor_c.min() == pytest.approx(20, abs=1e-9)
    assert indoor_c.max() == pytest.approx(20.5, abs=1e-9)
    partial = (power_kw > 0) & (power_kw < 3)
    switched = np.count_nonzero(np.diff((power_kw > 0).astype(int)))
    assert partial.sum() <= switched + 1  # full power but where it switches
    # By hand: on for 5 ln(40 / 39.5) / 0.15 h, off for 5 ln(20.5 / 20) / 0.15 h.
    period_h = 5 / 0.15 * (np.log(40 / 39.5) + np.log(20.5 / 20))
    assert switched / 2 == pytest.approx(24 / period_h, abs=1.5)


def test_the_thermostat_stops_at_the_upper_limit() -> None:
    model = heat_pumps(**STEADY, temperature_limits_c=[20, 20.4], hysteresis_k=2)
    indoor_c = column(run(model, unasked, 96), "indoor_temperature_c")
    assert indoor_c.max() == pytest.approx(20.4, abs=1e-9)
    assert indoor_c.min() >= 20 - 1e-9


def test_a_night_is_cooler_and_the_morning_cold() -> None:
    keys = {**STEADY, "set_back": WINTER_DAY["set_back"]}
    model = heat_pumps(**keys, initial_temperature_c=17)
    steps = run(model, unasked, 96)
    indoor_c = column(steps, "indoor_temperature_c")[:, 0]
    low_c = column(steps, "temperature_limit_low_c")
    assert low_c.tolist() == [17] * 24 + [20] * 64 + [17] * 8
    assert indoor_c[:24].max() == pytest.approx(18, abs=1e-9)
    assert steps[24]["power_kw"].tolist() == [3, 3]  # at 6:00 with all it has
    assert indoor_c[24] < 20
    low, high = model.comfort_limits_c(3600)
    assert low.tolist() == [17] * 6 + [20] * 16 + [17] * 2
    assert high.tolist() == [22] * 24


def test_a_population_starts_as_if_it_had_always_run() -> None:
    points = tuple(f"b{number}" for number in range(400))
    model = heat_pumps(context_of(points), **STEADY)
    assert (model.initial_temperature_c >= 20).all()
    assert (model.initial_temperature_c <= 21).all()
    first, *_, last = column(run(model, unasked, 8), "power_kw").mean(axis=1)
    # 0.15 kW/K times 20.5 K through a coefficient of 3; the first quarter as any other.
    assert first == pytest.approx(0.15 * 20.5 / 3, rel=0.15)
    assert last == pytest.approx(0.15 * 20.5 / 3, rel=0.15)


@pytest.mark.parametrize("model", ["1R1C", "2R2C"])
def test_the_perfect_forecast_of_thermostats_comes_true(model: str) -> None:
    building = {"model": model, "spread": 0.3}
    pumps = heat_pumps(**{**WINTER_DAY, "building": building}, forecast="perfect", tan_phi=0.2)
    power_kw = column(run(pumps, unasked, 96), "power_kw")
    expected = pumps.forecast(by_element=True)
    assert expected.interval_s == 900
    np.testing.assert_allclose(expected.power_kw, power_kw, atol=1e-8)
    np.testing.assert_allclose(pumps.forecast().power_kw, power_kw.sum(axis=1), atol=1e-8)
    assert expected.reactive_power_kvar is not None
    np.testing.assert_allclose(expected.reactive_power_kvar, 0.2 * power_kw, atol=1e-8)


def test_the_record_tells_what_was_met() -> None:
    model = heat_pumps(**WINTER_DAY)
    steps, met = run(model, unasked, 96), model.actual_conditions(900)
    np.testing.assert_allclose(column(steps, "outdoor_temperature_c"), met.outdoor_temperature_c)
    np.testing.assert_allclose(column(steps, "heat_gain_kw"), met.heat_gain_kw)
    np.testing.assert_allclose(
        column(steps, "heat_kw"),
        column(steps, "power_kw") * met.coefficient_of_performance[:, np.newaxis],
    )
    assert met.heat_gain_kw.min() > 0.2  # 2 m2 in 100 W/m2


def test_runs_are_the_same_for_the_same_seed() -> None:
    one, same, other = (
        column(run(heat_pumps(context_of(seed=seed), **WINTER_DAY), unasked, 8), "power_kw")
        for seed in (1, 1, 2)
    )
    assert (one == same).all()
    assert (one != other).any()


def test_ports_and_constants() -> None:
    model = heat_pumps(**{**STEADY, "building": {"heat_loss_kw_per_k": {"b1": 0.1, "b2": 0.2}}})
    recorded = {p.name for p in model.ports if p.recorded and p.direction is Direction.OUTPUT}
    assert recorded == {
        "power_kw",
        "reactive_power_kvar",
        "indoor_temperature_c",
        "heat_kw",
        "heat_gain_kw",
        "outdoor_temperature_c",
        "coefficient_of_performance",
        "temperature_limit_low_c",
        "temperature_limit_high_c",
    }
    table = {variable.name: variable.values.tolist() for variable in model.static()}
    assert table["heat_loss_kw_per_k"] == [0.1, 0.2]
    assert table["heat_capacity_kwh_per_k"] == [5.5, 5.5]
    assert table["outdoor_temperature_source"] == "constant"
    assert table.keys().isdisjoint(port.name for port in model.ports)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"temperature_limits_c": [22, 20]}, "22 is not below 20"),
        ({"rated_power_kw": 0}, "greater than 0"),
        ({"hysteresis_k": 0}, "greater than 0"),
        ({"forecast": "good"}, "perfect"),
        ({"coefficient_of_performance": {"flow": 3}}, "expected a number, or exactly one"),
        ({"outdoor_temperature": 3}, "expected exactly one of the keys"),
    ],
)
def test_keys_that_do_not_fit(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        heat_pumps(**keys)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"rated_power_kw": {"b1": 3}}, "rated_power_kw: nothing for b2"),
        ({"initial_temperature_c": {"b1": 3}}, "initial_temperature_c: nothing for b2"),
        (
            {"building": {"heat_capacity_kwh_per_k": {"b1": 3}}},
            "building.heat_capacity_kwh_per_k: nothing for b2",
        ),
        ({"heat_gain": {"internal_kw": {"b3": 1}}}, "heat_gain.internal_kw: no building at b3"),
        ({"outdoor_temperature": {"file": "a.csv"}}, "outdoor_temperature.file: file 'a.csv'"),
    ],
)
def test_errors_carry_their_key(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ScenarioError, match=message):
        heat_pumps(**keys)


def test_a_file_that_ends_before_the_run(tmp_path: Path) -> None:
    rows = "time_s,outdoor_temperature_c\n0,1\n3600,2\n"
    (tmp_path / "weather.csv").write_text(rows, encoding="utf-8")
    with pytest.raises(ScenarioError, match="shorter than the run"):
        heat_pumps(context_of(folders=(tmp_path,)), outdoor_temperature={"file": "weather.csv"})


def test_intervals_are_whole_steps() -> None:
    model = heat_pumps(**STEADY)
    for asked in (model.expected_conditions, model.actual_conditions, model.comfort_limits_c):
        with pytest.raises(ScenarioError, match="not a multiple of the step size"):
            asked(1000)


def test_it_runs_on_a_grid(record_of: Callable[..., dict[str, xr.Dataset]]) -> None:
    device = {
        "type": "gridloom.simulators.heat_pump:HeatPump",
        "rated_power_kw": 3,
        **STEADY,
        "initial_temperature_c": 20.5,
    }
    recorded = record_of({"hp": device}, {"hp": 1.5})["hp"]
    np.testing.assert_allclose(recorded["power_kw"], 1.5)
    # By hand: an hour towards 30 °C with a time constant of 5 / 0.15 h.
    warmed = 30 - 9.5 * np.exp(-0.15 / 5)
    np.testing.assert_allclose(recorded["indoor_temperature_c"][-1], warmed, atol=1e-6)
    assert recorded["outdoor_temperature_c"].dims == ("time",)

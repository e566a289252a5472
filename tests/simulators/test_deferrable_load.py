"""Deferrable loads: jobs are done in time whoever steers, and what is told of them."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pydantic import ValidationError

from gridloom.controllers.basic import Basic, BasicConfig
from gridloom.controllers.controller import ControlContext
from gridloom.simulators.deferrable_load import DeferrableLoad, DeferrableLoadConfig
from gridloom.simulators.model import BuildContext, FloatArray, Outputs

STEP_S = 900
STEPS = 8
POINTS = ("h1", "h2")
TYPE = "gridloom.simulators.deferrable_load:DeferrableLoad"


def context_of(**changes: Any) -> BuildContext:
    defaults: dict[str, Any] = {
        "name": "dishwashers",
        "start": datetime(2021, 6, 21, 16, tzinfo=UTC),
        "duration_s": STEPS * STEP_S,
        "seed": 1,
        "connection_points": POINTS,
    }
    return BuildContext(**{**defaults, **changes})


def job(point: str, release: str, deadline: str, energy_kwh: float = 1, kw: float = 2) -> Any:
    return {
        "connection_point": point,
        "release": release,
        "deadline": deadline,
        "energy_kwh": energy_kwh,
        "rated_power_kw": kw,
    }


def load_of(*jobs: Any, **keys: Any) -> DeferrableLoad:
    config = {"type": "deferrable_load", "step_size": "15min", "jobs": list(jobs), **keys}
    return DeferrableLoad(DeferrableLoadConfig.model_validate(config), context_of())


def run(load: DeferrableLoad, asked_kw: FloatArray) -> list[Outputs]:
    return [load.step(i * STEP_S, {"power_setpoint_kw": row}) for i, row in enumerate(asked_kw)]


def powers(load: DeferrableLoad, asked_kw: float) -> FloatArray:
    outputs = run(load, np.full((STEPS, len(POINTS)), asked_kw))
    return np.stack([step["power_kw"] for step in outputs])


def run_with_basic(load: DeferrableLoad) -> FloatArray:
    config = BasicConfig.model_validate(
        {"type": "basic", "controls": load.name, "step_size": "15min"}
    )
    basic = Basic(config, ControlContext(build=context_of(), models={load.name: load}))
    told, sent = load.initial_outputs(), []
    for i in range(STEPS):
        told = load.step(i * STEP_S, basic.decide(i * STEP_S, told))
        sent.append(told["power_kw"])
    return np.stack(sent)


def test_basic_runs_every_job_at_once() -> None:
    load = load_of(job("h1", "15min", "2h", 1.25), job("h2", "0s", "1h"), tan_phi=0.5)
    # By hand: 2 kW draw 0.5 kWh a quarter of an hour; the last step takes what is left.
    expected = [[0, 2], [2, 2], [2, 0], [1, 0], [0, 0], [0, 0], [0, 0], [0, 0]]
    np.testing.assert_allclose(run_with_basic(load), expected, atol=1e-12)


def test_who_is_never_asked_begins_at_the_last_moment() -> None:
    load = load_of(job("h1", "15min", "105min", 1.25), job("h2", "0s", "2h"))
    # By hand: of 6 steps of 0.5 kWh the first 3.5 can be idle; of 8 steps the first 6.
    expected = [[0, 0], [0, 0], [0, 0], [0, 0], [1, 0], [2, 0], [2, 2], [0, 2]]
    np.testing.assert_allclose(powers(load, 0.0), expected, atol=1e-12)


def test_it_does_not_feed_in() -> None:
    load = load_of(job("h1", "0s", "2h"))
    assert powers(load, -5.0).min() == 0.0


def test_reactive_power_is_tan_phi_times_active_power() -> None:
    (first, *_) = run(load_of(job("h1", "0s", "2h"), tan_phi=0.3), np.array([[1.5, 1.5]]))
    np.testing.assert_allclose(first["reactive_power_kvar"], [0.45, 0.0])


@given(
    asked_kw=arrays(float, (STEPS, 2), elements=st.floats(-1, 4)),
    lengths=st.lists(st.integers(1, 4), min_size=1, max_size=4),
    loading=st.floats(0.01, 1.0),
)
def test_every_job_that_can_be_done_is_done_in_time(
    asked_kw: FloatArray, lengths: Sequence[int], loading: float
) -> None:
    stops = np.cumsum(lengths)
    jobs = [
        job(
            "h1",
            f"{15 * (stop - length)}min",
            f"{15 * stop}min",
            energy_kwh=2 * loading * length / 4,
        )
        for stop, length in zip(stops.tolist(), lengths, strict=True)
    ]
    load = load_of(*jobs)
    asked_kw = np.tile(asked_kw, (2, 1))  # 16 steps, as long as the longest sequence
    steps = run(load, asked_kw)
    power_kw = np.stack([step["power_kw"] for step in steps])
    assert power_kw.min() >= 0.0
    assert power_kw.max() <= 2.0 + 1e-12
    assert not power_kw[:, 1].any()
    assert not power_kw[stops[-1] :].any()
    for row, (stop, length) in enumerate(zip(stops.tolist(), lengths, strict=True)):
        drawn_kwh = power_kw[stop - length : stop, 0].sum() / 4
        assert drawn_kwh == pytest.approx(jobs[row]["energy_kwh"], abs=1e-8)


@given(asked_kw=arrays(float, (STEPS, 2), elements=st.floats(-1, 4)))
def test_setpoints_within_the_limits_told_are_obeyed(asked_kw: FloatArray) -> None:
    load = load_of(job("h1", "15min", "80min", 1.3), job("h2", "0s", "2h", 2.5))
    told = load.initial_outputs()
    for i, row in enumerate(asked_kw):
        limits = told["power_min_kw"], told["power_max_kw"]
        told = load.step(i * STEP_S, {"power_setpoint_kw": row})
        np.testing.assert_array_equal(told["power_kw"], np.clip(row, *limits))


def test_a_job_without_enough_time_runs_throughout_and_the_rest_is_lost() -> None:
    load = load_of(job("h1", "0s", "30min", 3.0), job("h1", "1h", "2h"))
    assert load.remarks() == (
        "1 of 2 jobs have too little time for their energy, even at rated power: h1",
    )
    # By hand: 2 of 3 kWh are out of reach, and the second job is as large as ever.
    expected = [2, 2, 0, 0, 0, 0, 2, 2]
    np.testing.assert_allclose(powers(load, 0.0)[:, 0], expected, atol=1e-12)


def test_a_job_takes_part_in_whole_steps() -> None:
    # Between 1 min and 59 min lie the steps that begin at 15 and 30 min: 1 kWh at 2 kW.
    load = load_of(job("h1", "1min", "59min"))
    np.testing.assert_allclose(powers(load, 9.0)[:, 0], [0, 2, 2, 0, 0, 0, 0, 0])
    assert load.remarks() == ()
    brief = load_of(job("h1", "1min", "29min"))
    assert len(brief.remarks()) == 1
    assert not powers(brief, 9.0).any()


def test_of_a_job_released_before_the_start_the_rest_is_to_be_drawn() -> None:
    load = load_of(job("h1", "-2h", "30min", 0.75))
    np.testing.assert_allclose(powers(load, 0.0)[:, 0], [1, 2, 0, 0, 0, 0, 0, 0], atol=1e-12)


def test_it_is_told_like_a_vehicle() -> None:
    load = load_of(job("h1", "0s", "1h", 1.0), job("h1", "90min", "2h", 0.5))
    first = load.initial_outputs()
    after = load.step(0, {"power_setpoint_kw": np.array([1.0, 1.0])})
    # By hand: 1 kWh until 1 h; 1 kW for a quarter of an hour leaves 0.75 kWh for 1.5 kWh of time.
    expected = {
        "energy_required_kwh": (1.0, 0.75),
        "power_min_kw": (0.0, 0.0),
        "power_max_kw": (2.0, 2.0),
        "departure_s": (3600.0, 3600.0),
        "stored_energy_kwh": (0.0, 0.25),
        "energy_capacity_kwh": (1.0, 1.0),
        "rated_charging_kw": (2.0, 2.0),
        "rated_discharging_kw": (0.0, 0.0),
        "required_state_of_charge": (1.0, 1.0),
    }
    assert {name: (first[name][0], after[name][0]) for name in first} == expected
    nan = {
        "departure_s",
        "stored_energy_kwh",
        "energy_capacity_kwh",
        "required_state_of_charge",
    }
    assert {name for name in first if np.isnan(first[name][1])} == nan
    assert {name for name in first if first[name][1] == 0.0} == first.keys() - nan


def test_the_next_job_is_told_before_its_first_step() -> None:
    load = load_of(job("h1", "0s", "1h"), job("h1", "1h", "2h", 0.5, kw=1))
    steps = run(load, np.full((4, 2), 9.0))
    told = {name: float(values[0]) for name, values in steps[-1].items()}
    assert told["departure_s"] == 7200
    assert told["energy_required_kwh"] == 0.5
    assert told["power_max_kw"] == 1.0
    assert told["power_kw"] == 0.0


def test_the_forecast_is_running_at_once() -> None:
    load = load_of(
        job("h1", "15min", "2h", 1.25),
        job("h2", "0s", "1h"),
        forecast={"resolution": "30min", "relative_bias": 0.1},
    )
    forecast = load.forecast()
    at_once_kw = run_with_basic(load).sum(axis=1).reshape(-1, 2).mean(axis=1)
    assert forecast.interval_s == 1800
    np.testing.assert_allclose(forecast.power_kw, 1.1 * at_once_kw, atol=1e-12)


def test_jobs_are_known_beforehand_only_where_they_are_booked() -> None:
    jobs = [job("h2", "30min", "1h", 0.4, kw=1.5), job("h1", "15min", "2h")]
    assert load_of(*jobs).booked is None
    booked = load_of(*jobs, forecast={"bookings": True}).booked
    assert booked is not None
    columns = {name: values.tolist() for name, values in vars(booked).items()}
    assert columns == {
        "appliance": [0, 1],
        "release_s": [900, 1800],
        "deadline_s": [7200, 3600],
        "energy_kwh": [1.0, 0.4],
        "rated_power_kw": [2.0, 1.5],
    }


def test_constants_tell_jobs_and_rated_powers() -> None:
    load = load_of(job("h1", "0s", "30min", kw=2), job("h1", "1h", "2h", kw=3))
    table = {constant.name: constant.values.tolist() for constant in load.static()}
    assert table["rated_power_kw"] == [3.0, 0.0]
    assert table["job_appliance"] == [0, 0]
    assert table["job_energy_kwh"] == [1.0, 1.0]


def test_only_what_happened_is_recorded() -> None:
    recorded = [port.name for port in load_of().ports if port.recorded][1:]
    assert recorded == ["power_kw", "reactive_power_kvar", "energy_required_kwh"]


def test_without_jobs_nothing_happens() -> None:
    assert not powers(load_of(), 5.0).any()
    assert not load_of().forecast().power_kw.any()


@pytest.mark.parametrize("jobs", [{"folder": "x"}, 3, "jobs.csv"])
def test_jobs_in_no_known_form(jobs: Any) -> None:
    with pytest.raises(ValidationError, match=r"expected a list of jobs, 'file: jobs\.csv', or"):
        load_of(jobs=jobs)


DEVICE = {
    "type": TYPE,
    "jobs": [
        job("load1", "0s", "1h", 1.0),
        job("load2", "10min", "40min", 0.5),
    ],
}


@pytest.mark.parametrize("controller", ["basic", "amas"])
def test_it_is_steered_like_vehicles_on_a_grid(
    record_of: Callable[..., dict[str, xr.Dataset]], controller: str
) -> None:
    recorded = record_of(
        {"dishwashers": DEVICE},
        controllers={"agent": {"type": controller, "controls": "dishwashers"}},
    )["dishwashers"]
    power_kw = recorded["power_kw"].to_numpy()
    np.testing.assert_allclose(power_kw.sum(axis=0) / 12, [1.0, 0.5], atol=1e-8)
    assert not power_kw[:2, 1].any()
    assert not power_kw[8:, 1].any()
    if controller == "basic":
        np.testing.assert_allclose(power_kw[:6, 0], 2.0)
    assert "departure_s" not in recorded


def test_its_generator_runs_on_a_grid(record_of: Callable[..., dict[str, xr.Dataset]]) -> None:
    jobs = {
        "generator": "daily_jobs",
        "release": ["12:05"],
        "release_std": "1min",
        "time_allowed": ["30min", "50min"],
        "energy_kwh": [0.3, 0.6],
        "probability": 1,
    }
    recorded = record_of({"washing": {"type": TYPE, "jobs": jobs}}, {"washing": 0.0})["washing"]
    energy_kwh = recorded["job_energy_kwh"].to_numpy()
    assert len(energy_kwh) == 2  # one each, over by 12:58 at the latest
    drawn_kwh = recorded["power_kw"].sum("time").to_numpy() / 12
    np.testing.assert_allclose(
        drawn_kwh[recorded["job_appliance"].to_numpy()], energy_kwh, atol=1e-8
    )

"""Stationary batteries: energy kept to 1e-9 kWh, bounds, wear, what controllers are told."""

from collections.abc import Callable
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pydantic import ValidationError

from gridloom.controllers.amas.controller import Amas
from gridloom.controllers.basic import Basic
from gridloom.simulators.errors import ScenarioError
from gridloom.simulators.model import BuildContext, Direction, FloatArray, Outputs
from gridloom.simulators.storage import Storage, StorageConfig

POINTS = ("b1", "b2")
SETPOINTS = arrays(float, (16, 2), elements=st.floats(-50, 50))


def storage_of(**keys: Any) -> Storage:
    context = BuildContext(
        name="ess",
        start=datetime(2021, 6, 21, tzinfo=UTC),
        duration_s=7200,
        seed=1,
        connection_points=POINTS,
    )
    config = {
        "type": "storage",
        "step_size": "15min",
        "energy_capacity_kwh": 10,
        "rated_power_kw": 4,
        **keys,
    }
    return Storage(StorageConfig.model_validate(config), context)


def run(storage: Storage, setpoints_kw: FloatArray) -> list[Outputs]:
    return [
        storage.step(row * storage.step_size, {"power_setpoint_kw": asked})
        for row, asked in enumerate(setpoints_kw)
    ]


def test_a_step_by_hand() -> None:
    storage = storage_of(charge_efficiency=0.8, discharge_efficiency=0.5, tan_phi=0.1)
    outputs = storage.step(0, {"power_setpoint_kw": np.array([2.0, -1.0])})
    assert outputs["power_kw"].tolist() == [2, -1]
    # A quarter of an hour: 0.5 kWh drawn store 0.4, 0.25 kWh fed in take 0.5; capacity 10 kWh.
    np.testing.assert_allclose(outputs["state_of_charge"], [0.54, 0.45])
    np.testing.assert_allclose(outputs["stored_energy_kwh"], [5.4, 4.5])
    np.testing.assert_allclose(outputs["reactive_power_kvar"], [0.2, -0.1])


def test_a_full_and_an_empty_battery_stop() -> None:
    storage = storage_of(
        state_of_charge_limits=[0.4, 0.6], charge_efficiency=0.5, discharge_efficiency=0.5
    )
    first, second = run(storage, np.array([[9.0, -9.0], [9.0, -9.0]]))
    # By hand: 1 kWh of room takes 2 kWh from the grid, half of it in a step at 4 kW; 1 kWh of
    # stock gives 0.5 kWh, in one step at 2 kW.
    np.testing.assert_allclose(first["power_kw"], [4, -2])
    np.testing.assert_allclose(second["power_kw"], [4, 0], atol=1e-12)
    np.testing.assert_allclose(second["state_of_charge"], [0.6, 0.4])
    np.testing.assert_allclose(second["power_max_kw"], [0, 4], atol=1e-12)
    # The full one has 2 kWh above its limit: 1 kWh for the grid, in one step at 4 kW.
    np.testing.assert_allclose(second["power_min_kw"], [-4, 0], atol=1e-12)


@given(asked_kw=SETPOINTS, charge=st.floats(0.5, 1), discharge=st.floats(0.5, 1))
def test_energy_is_conserved_and_bounds_hold_whatever_is_asked_for(
    asked_kw: FloatArray, charge: float, discharge: float
) -> None:
    storage = storage_of(
        charge_efficiency=charge,
        discharge_efficiency=discharge,
        state_of_charge_limits=[0.1, 0.9],
        discharge_power_kw={"b1": 3, "b2": 0},
    )
    steps = run(storage, asked_kw)
    power_kw = np.stack([step["power_kw"] for step in steps])
    states = np.stack([step["state_of_charge"] for step in steps])
    stored_kwh = (np.clip(power_kw, 0, None) * charge + np.clip(power_kw, None, 0) / discharge) / 4
    np.testing.assert_allclose((states[-1] - 0.5) * 10, stored_kwh.sum(axis=0), atol=1e-9)
    assert (states >= 0.1 - 1e-12).all()
    assert (states <= 0.9 + 1e-12).all()
    assert (power_kw <= 4).all()
    assert (power_kw >= [-3, 0]).all()
    for before, step in pairwise(steps):
        assert (step["power_kw"] >= before["power_min_kw"]).all()
        assert (step["power_kw"] <= before["power_max_kw"]).all()


def test_wear_by_hand() -> None:
    ageing = {"cycle_life": 100, "end_of_life_state_of_health": 0.8}
    outputs = storage_of(ageing=ageing).step(0, {"power_setpoint_kw": np.array([4.0, -2.0])})
    # 1 and 0.5 kWh of 100 cycles of 2 x 10 kWh that wear 0.2.
    np.testing.assert_allclose(outputs["state_of_health"], [1 - 1e-4, 1 - 0.5e-4], rtol=1e-12)


@pytest.mark.parametrize("controller", [Basic, Amas])
def test_it_tells_all_that_controllers_of_vehicles_ask_for(controller: type[Any]) -> None:
    told = {port.signal for port in storage_of().ports if port.direction is Direction.OUTPUT}
    assert set(controller.observes) <= told


def test_to_a_controller_it_stays_and_needs_nothing() -> None:
    told = storage_of(discharge_power_kw=3).initial_outputs()
    assert told["departure_s"].tolist() == [7200, 7200]
    assert told["energy_required_kwh"].tolist() == [0, 0]
    assert told["required_state_of_charge"].tolist() == [0, 0]
    assert told["energy_capacity_kwh"].tolist() == [10, 10]
    assert told["rated_charging_kw"].tolist() == [4, 4]
    assert told["rated_discharging_kw"].tolist() == [3, 3]


def test_it_is_expected_to_be_idle() -> None:
    assert storage_of().forecast(by_element=True).power_kw.shape == (8, 2)
    assert storage_of().forecast().power_kw.tolist() == [0] * 8


def test_one_number_for_each_battery() -> None:
    storage = storage_of(
        energy_capacity_kwh={"b1": 10, "b2": 20},
        initial_state_of_charge=0.3,
        throughput_cost_eur_per_mwh=15,
    )
    assert storage.energy_capacity_kwh.tolist() == [10, 20]
    assert storage.discharge_power_kw.tolist() == storage.rated_power_kw.tolist() == [4, 4]
    table = {variable.name: variable.values.tolist() for variable in storage.static()}
    assert table == {
        "rated_power_kw": [4, 4],
        "rated_discharge_power_kw": [4, 4],
        "rated_energy_capacity_kwh": [10, 20],
        "throughput_cost_eur_per_mwh": [15, 15],
    }
    # A name can be recorded once: constants are called otherwise than what is told every step.
    assert table.keys().isdisjoint(port.name for port in storage.ports)
    np.testing.assert_allclose(storage.initial_outputs()["stored_energy_kwh"], [3, 6])


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"state_of_charge_limits": [0.8, 0.8]}, "0.8 is not below 0.8"),
        ({"state_of_charge_limits": [0.6, 1]}, "initial_state_of_charge 0.5 is outside"),
        ({"charge_efficiency": 0}, "greater than 0"),
    ],
)
def test_keys_that_do_not_fit(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        storage_of(**keys)


def test_errors_carry_their_key() -> None:
    with pytest.raises(ScenarioError, match="energy_capacity_kwh: nothing for b2"):
        storage_of(energy_capacity_kwh={"b1": 3})


def test_it_runs_on_a_grid(record_of: Callable[..., dict[str, xr.Dataset]]) -> None:
    device = {
        "type": "storage",
        "energy_capacity_kwh": 10,
        "rated_power_kw": 4,
        "charge_efficiency": 0.9,
    }
    everything = {"signals": "all"}
    recorded = record_of({"ess": device}, {"ess": 3}, record=everything)["ess"]
    # By hand: 3 kWh in the hour, of which 2.7 are stored.
    np.testing.assert_allclose(recorded["power_kw"], 3)
    np.testing.assert_allclose(recorded["state_of_charge"][-1], 0.5 + 0.27)

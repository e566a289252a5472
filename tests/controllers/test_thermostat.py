"""Uncoordinated heating: what each thermostat wants, and nothing else."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from gridloom.controllers.controller import ControlContext
from gridloom.controllers.thermostat import Thermostat, ThermostatConfig
from gridloom.simulators.errors import ScenarioError
from gridloom.simulators.flexible_load import FlexibleLoad, FlexibleLoadConfig
from gridloom.simulators.heat_pump import HeatPump
from gridloom.simulators.heat_pump_config import HeatPumpConfig
from gridloom.simulators.model import BuildContext, Model
from gridloom.simulators.signals import Information
from gridloom.simulators.storage import Storage, StorageConfig


def context_of(name: str) -> BuildContext:
    return BuildContext(
        name=name,
        start=datetime(2021, 1, 10, tzinfo=UTC),
        duration_s=86400,
        seed=1,
        connection_points=("b1", "b2"),
    )


def heat_pumps(**keys: Any) -> HeatPump:
    config = {"type": "heat_pump", "step_size": "5min", "rated_power_kw": 3, **keys}
    return HeatPump(HeatPumpConfig.model_validate(config), context_of("device"))


def flexible_load() -> FlexibleLoad:
    config = {"type": "flexible_load", "step_size": "5min", "profile": {"constant_kw": 2}}
    return FlexibleLoad(FlexibleLoadConfig.model_validate(config), context_of("device"))


def thermostat_of(model: Model) -> Thermostat:
    config = ThermostatConfig(type="thermostat", controls="device", step_size="5min")
    return Thermostat(config, ControlContext(build=context_of("it"), models={"device": model}))


@pytest.mark.parametrize("make", [heat_pumps, flexible_load])
def test_devices_do_what_they_would_do_unasked(make: Callable[[], Model]) -> None:
    model = make()
    controller, told = thermostat_of(model), model.initial_outputs()
    for time in range(0, 86400, 300):
        wanted_kw = told["baseline_power_kw"]
        told = model.step(time, controller.decide(time, told))
        assert (told["power_kw"] == wanted_kw).all()


def test_buildings_stay_between_on_and_off() -> None:
    model = heat_pumps(temperature_limits_c=[19, 23], hysteresis_k=0.8)
    controller, told = thermostat_of(model), model.initial_outputs()
    indoor_c = []
    for time in range(0, 86400, 300):
        told = model.step(time, controller.decide(time, told))
        indoor_c.append(told["indoor_temperature_c"])
    np.testing.assert_allclose(np.min(indoor_c, axis=0), 19, atol=1e-9)
    np.testing.assert_allclose(np.max(indoor_c, axis=0), 19.8, atol=1e-9)


def test_it_knows_only_what_the_devices_would_draw() -> None:
    assert Thermostat.information == {Information.FORECAST}
    assert [signal.name for signal in Thermostat.observes] == ["baseline_power_kw"]


def test_a_battery_has_no_thermostat() -> None:
    config = {"type": "storage", "energy_capacity_kwh": 10, "rated_power_kw": 4}
    storage = Storage(StorageConfig.model_validate(config), context_of("device"))
    with pytest.raises(ScenarioError, match="does not tell 'baseline_power_kw'"):
        thermostat_of(storage)

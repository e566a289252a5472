"""Batteries that look after their own houses, beside the real storage."""

from datetime import UTC, datetime

import numpy as np
import pytest

from gridloom.controllers.controller import ControlContext
from gridloom.controllers.self_consumption import SelfConsumption
from gridloom.simulators.errors import ScenarioError
from gridloom.simulators.load import Load
from gridloom.simulators.model import BuildContext
from gridloom.simulators.storage import Storage

HOUSES = ("a", "b", "c")


def context(name: str) -> BuildContext:
    return BuildContext(
        name=name,
        start=datetime(2021, 6, 1, tzinfo=UTC),
        duration_s=3600,
        seed=1,
        connection_points=HOUSES,
    )


def batteries() -> Storage:
    config = {"at": ["c", "a"], "energy_capacity_kwh": 10, "rated_power_kw": 3}
    given = Storage.Config.model_validate({"type": "storage", "step_size": "1min", **config})
    return Storage(given, context("battery"))


def controller(*others: str) -> SelfConsumption:
    models = {"battery": batteries()}
    config = {"type": "load", "step_size": "1min", "profile": {"constant_kw": 1}}
    loads = {n: Load(Load.Config.model_validate(config), context(n)) for n in others}
    asked = {"type": "self_consumption", "step_size": "1min", "controls": "battery"}
    return SelfConsumption(
        SelfConsumption.Config.model_validate(asked),
        ControlContext(build=context("control"), models={**models, **loads}),
    )


def test_each_battery_makes_up_for_its_own_house_within_its_limits() -> None:
    # House a feeds in 2 kW, b is of no concern, c draws 5 kW of which a 3 kW battery gives 3.
    measured = np.zeros(3)
    control = controller("load")
    names = next(p.elements.names for p in control.ports if p.name == "power_kw" and p.elements)
    for house, power_kw in {"a": -2.0, "b": 9.0, "c": 5.0}.items():
        measured[names.index(house)] = power_kw
    observed = {
        "power_kw": measured,
        "power_min_kw": np.array([-3.0, -3.0]),
        "power_max_kw": np.array([3.0, 3.0]),
    }
    setpoints = control.decide(60, observed)["power_setpoint_kw"]
    assert dict(zip(("c", "a"), setpoints, strict=True)) == {"c": -3.0, "a": 2.0}


def test_without_anything_beside_them_there_is_nothing_to_do() -> None:
    with pytest.raises(ScenarioError, match="nothing beside 'battery'"):
        controller()

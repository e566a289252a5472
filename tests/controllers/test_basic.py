"""Uncoordinated charging: rated power until the required state, and not a kWh more."""

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from gridloom.controllers.basic import Basic, BasicConfig
from gridloom.controllers.controller import ControlContext
from gridloom.simulators.ev_config import EvFleetConfig
from gridloom.simulators.ev_fleet import EvFleet
from gridloom.simulators.model import BuildContext, Outputs
from gridloom.simulators.signals import Information


def context_of(name: str) -> BuildContext:
    return BuildContext(
        name=name,
        start=datetime(2021, 3, 24, 15, tzinfo=UTC),
        duration_s=7200,
        seed=1,
        connection_points=("h1", "h2"),
    )


def fleet_of(step_s: int = 1, **keys: Any) -> EvFleet:
    stay = {"arrival": "0s", "departure": "2h"}
    sessions = [
        {"charging_point": "h1", "arrival_state_of_charge": 0.5, **stay},
        {"charging_point": "h2", "arrival_state_of_charge": 0.9, **stay},
    ]
    config = {
        "type": "ev_fleet",
        "step_size": f"{step_s}s",
        "sessions": sessions,
        "energy_capacity_kwh": 10,
        "rated_power_kw": 7,
        "charge_efficiency": 0.9,
        **keys,
    }
    return EvFleet(EvFleetConfig.model_validate(config), context_of("ev"))


def basic_of(fleet: EvFleet, step_s: int = 1) -> Basic:
    config = BasicConfig(type="basic", controls="ev", step_size=f"{step_s}s")
    return Basic(config, ControlContext(build=context_of("basic"), models={"ev": fleet}))


def closed_loop(fleet: EvFleet, controller: Basic, until_s: int) -> list[Outputs]:
    """Step both as the composer does: the controller sees the end of the fleet's last step."""
    told, outputs = fleet.initial_outputs(), []
    setpoints: Outputs = {}
    for time in range(until_s):
        if time % controller.step_size == 0:
            setpoints = controller.decide(time, told)
        if time % fleet.step_size == 0:
            outputs.append(fleet.step(time, setpoints))
        if (time + 1) % fleet.step_size == 0:
            told = outputs[-1]
    return outputs


def test_it_charges_at_rated_power_and_takes_what_is_missing_at_last() -> None:
    fleet = fleet_of()
    outputs = closed_loop(fleet, basic_of(fleet), 3600)
    power = np.array([step["power_kw"][0] for step in outputs])
    # By hand: 3 kWh stored are 10/3 kWh drawn: 1714 s at 7 kW, and 2/7 of another.
    assert (power[:1714] == 7).all()
    assert power[1714] == pytest.approx(10 / 3 * 3600 - 1714 * 7, rel=1e-6)
    assert np.abs(power[1715:]).max() < 1e-9
    assert outputs[-1]["state_of_charge"][0] == pytest.approx(0.8, abs=1e-12)


def test_it_leaves_alone_who_has_enough() -> None:
    fleet = fleet_of()
    outputs = closed_loop(fleet, basic_of(fleet), 60)
    assert not any(step["power_kw"][1] for step in outputs)


@pytest.mark.parametrize(("fleet_step", "own_step"), [(1, 60), (60, 1), (60, 60), (5, 20)])
def test_it_never_overshoots_whatever_the_steps(fleet_step: int, own_step: int) -> None:
    fleet = fleet_of(fleet_step)
    outputs = closed_loop(fleet, basic_of(fleet, own_step), 3600)
    states = [step["state_of_charge"][0] for step in outputs]
    assert max(states) <= 0.8 + 1e-12
    assert states[-1] == pytest.approx(0.8, abs=1e-9)


def test_it_never_feeds_back() -> None:
    fleet = fleet_of(v2g=True)
    outputs = closed_loop(fleet, basic_of(fleet), 60)
    assert all((step["power_kw"] >= 0).all() for step in outputs)


def test_it_knows_the_plugged_in_vehicles_alone() -> None:
    assert Basic.information == {Information.SESSIONS_PLUGGED_IN}
    assert Basic.Config is BasicConfig


def test_it_must_be_told_what_it_controls() -> None:
    with pytest.raises(ValidationError, match="controls"):
        BasicConfig.model_validate({"type": "basic"})

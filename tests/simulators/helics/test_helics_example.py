"""The shipped example federate, beside gridloom's own fleet: two implementations, one physics."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from gridloom.scenarios.reader import read_scenario
from gridloom.simulators.ev_config import EvFleetConfig
from gridloom.simulators.ev_fleet import EvFleet
from gridloom.simulators.helics.config import HelicsConfig
from gridloom.simulators.helics.simulator import HelicsFederation
from gridloom.simulators.model import BuildContext, Model, Outputs

POINTS = tuple(f"load {i}" for i in range(5))


def run(model: Model, duration_s: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Return all that a fleet sends under random setpoints, its initial values first."""
    history: list[Outputs] = [dict(model.initial_outputs())]
    for time in range(0, duration_s, model.step_size):
        wish_kw = rng.uniform(-2.0, 14.0, len(POINTS))
        history.append(dict(model.step(time, {"power_setpoint_kw": wish_kw})))
    return {name: np.stack([each[name] for each in history[1:]]) for name in history[-1]} | {
        f"initial {name}": values for name, values in history[0].items()
    }


@pytest.fixture
def fleets() -> tuple[HelicsFederation, EvFleet]:
    """The fleet of the shipped scenario, and gridloom's own with the same sessions."""
    pytest.importorskip("helics")
    document = read_scenario("helics-ev")
    scenario = document.scenario()
    context = BuildContext(
        name="ev",
        start=scenario.start,
        duration_s=scenario.duration_s,
        seed=1,
        folders=tuple(document.folders),
        connection_points=POINTS,
    )
    config = scenario.simulators["ev"]
    assert isinstance(config, HelicsConfig)
    sessions = {"file": "helics-ev.sessions.csv"}
    own = EvFleetConfig.model_validate(
        {"type": "ev_fleet", "step_size": "1min", "sessions": sessions}
    )
    return HelicsFederation(config, context), EvFleet(own, context)


def test_both_fleets_do_the_same(fleets: tuple[HelicsFederation, EvFleet]) -> None:
    """Every signal of the federate, at every step, to rounding: gridloom's fleet is the judge."""
    federation, fleet = fleets
    try:
        theirs = run(federation, 10800, np.random.default_rng(1))
    finally:
        federation.close()
    own = run(fleet, 10800, np.random.default_rng(1))
    assert {"power_kw", "plugged_in", "state_of_charge", "power_max_kw"} < set(theirs)
    assert "initial power_max_kw" in theirs
    assert theirs["plugged_in"].sum() > 400
    for name, values in theirs.items():
        if name != "initial power_kw":  # nothing flows before time 0; gridloom's fleet says nothing
            np.testing.assert_allclose(values, own[name], rtol=0, atol=1e-9, err_msg=name)


def test_the_scenario_runs(tmp_path: Path) -> None:
    """Steered by `basic`, every vehicle reaches its required state of charge and stops there."""
    pytest.importorskip("helics")
    import gridloom

    (done,) = gridloom.run("helics-ev", out=tmp_path)
    ev = gridloom.open_record(done.folder.record)["ev"]
    at_end = ev["state_of_charge"].isel(time=-1).to_numpy()
    # load 0 has left and load 3's first one too; 0.78 -> 0.8 at load 2; load 1 has 8990 s at 11 kW,
    # enough for 25 kWh / 0.95; load 4 comes at 7200 s: 0.2 + 1 h * 11 kW * 0.95 / 50 kWh.
    # load 3's second vehicle has 10800 - 9120 s at 3.7 kW.
    expected = [np.nan, 0.8, 0.8, 0.41 + 1680 / 3600 * 3.7 * 0.95 / 40, 0.2 + 11 * 0.95 / 50]
    np.testing.assert_allclose(at_end, expected, atol=1e-9)


def test_the_example_needs_nothing_of_gridloom() -> None:
    """A user's federate is written with plain HELICS: the file runs where gridloom is not."""
    from gridloom.simulators.helics import example

    script = f"""
import builtins, runpy, sys
real = builtins.__import__
def refuse(name, *rest):
    assert name.split(".")[0] not in ("gridloom", "numpy"), name
    return real(name, *rest)
builtins.__import__ = refuse
sys.argv = ["example", "--help"]
runpy.run_path({example.__file__!r}, run_name="__main__")
"""
    done = subprocess.run(
        [sys.executable, "-I", "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "--sessions" in done.stdout


def test_the_example_and_finer_steps(
    federation: Callable[..., HelicsFederation], tmp_path: Path
) -> None:
    """gridloom steps every 5 min, the fleet every min: the vehicle stores what it draws."""
    (tmp_path / "one.csv").write_text(
        "charging_point,arrival,departure,arrival_state_of_charge,required_state_of_charge,"
        "energy_capacity_kwh,rated_power_kw\na,0s,9000s,0.2,0.8,50,11\n"
    )
    model = federation(
        "{python} -m gridloom.simulators.helics.example --broker {broker} --sessions one.csv "
        "--step 60 --until {duration_s}",
        points=("a",),
        duration_s=3600,
        step_size="5min",
        sends={"state_of_charge": "ev/state_of_charge"},
        receives={"power_setpoint_kw": {"name": "ev/{element}/P_set", "unit": "W"}},
    )
    stored = 0.2
    for time in range(0, 3600, 300):
        power_kw = 2.0 + time / 600
        state = model.step(time, {"power_setpoint_kw": np.array([power_kw])})["state_of_charge"]
        stored += power_kw * 0.95 * (300 / 3600) / 50
        np.testing.assert_allclose(state, [stored], atol=1e-12)

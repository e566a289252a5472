"""A controller in a foreign program does what the same rule does in gridloom."""

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import gridloom
from gridloom.simulators.errors import ScenarioError

# Uncoordinated charging as a stand-alone mosaik simulator: what `type: basic` computes, in lists.
PROGRAM = """
import mosaik_api_v3

META = {
    "type": "time-based",
    "models": {
        "Charger": {
            "public": True, "params": ["hold_s"], "attrs": ["p_max[W]", "missing[kWh]", "p_set[W]"]
        }
    },
}

class Scheme(mosaik_api_v3.Simulator):
    def __init__(self):
        super().__init__(META)

    def create(self, num, model, hold_s):
        self.hold_h = hold_s / 3600
        return [{"eid": "all", "type": model}]

    def step(self, time, inputs, max_advance):
        told = {name: next(iter(values.values())) for name, values in inputs["all"].items()}
        self.setpoints = [
            min(most, 1000 * missing / self.hold_h)
            for most, missing in zip(told["p_max[W]"], told["missing[kWh]"])
        ]
        return time + 60

    def get_data(self, outputs):
        return {"all": {"p_set[W]": self.setpoints}}
"""
SCENARIO = """
name: outside
start: 2021-06-21T17:00:00+02:00
duration: 2h
step_size: 1min
simulators:
  ev:
    type: ev_fleet
    at: [a, b]
    sessions:
      - {charging_point: a, arrival: 10min, departure: 90min, arrival_state_of_charge: 0.4}
      - {charging_point: b, arrival: 0s, departure: 115min, arrival_state_of_charge: 0.5}
    energy_capacity_kwh: 20
    rated_power_kw: 11
variants:
  inside:
    controllers:
      charging: {type: basic, controls: ev}
  outside:
    controllers:
      charging:
        type: external
        controls: ev
        python: scheme:Scheme
        information: [sessions_plugged_in]
        create: {model: Charger, parameters: {hold_s: 60}}
        receives:
          power_max_kw: "p_max[W]"
          energy_required_kwh: "missing[kWh]"
        sends:
          power_setpoint_kw: "p_set[W]"
"""


@pytest.fixture
def scenario(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "scheme.py").write_text(PROGRAM)
    path = tmp_path / "outside.yaml"
    path.write_text(SCENARIO)
    yield path
    sys.modules.pop("scheme", None)


@pytest.mark.parametrize("placement", ["inprocess", "process"])
def test_it_charges_as_the_same_rule_inside(scenario: Path, tmp_path: Path, placement: str) -> None:
    overrides = [f"variants.outside.controllers.charging.placement={placement}"]
    runs = gridloom.run(scenario, out=tmp_path / "out", overrides=overrides)
    inside, outside = (gridloom.open_record(run.folder.record) for run in runs)
    ours, theirs = (r["ev"]["power_kw"].to_numpy() for r in (inside, outside))
    assert ours.max() > 10  # a vehicle charges, so that equality says something
    # Watts and back cost the last bits, nothing else.
    np.testing.assert_allclose(theirs, ours, rtol=1e-12, atol=1e-12)
    # The record says who decided, and what it was allowed to know.
    assert "scheme:Scheme" in outside["charging"].attrs["remarks"]
    assert outside["charging"].attrs["information_set"] == "sessions_plugged_in"


@pytest.mark.parametrize(
    ("changed", "key", "message"),
    [
        (
            ("information: [sessions_plugged_in]", "information: [measurements]"),
            "controllers.charging.receives.power_max_kw",
            "belongs to 'sessions_plugged_in', which it may not know",
        ),
        (
            ("power_setpoint_kw: ", "power_kw: "),
            "controllers.charging.controls",
            "simulator 'ev' does not obey 'power_kw'",
        ),
        (
            ("energy_required_kwh: ", "losses_kw: "),
            "controllers.charging.receives.losses_kw",
            "unit of energy",
        ),
    ],
)
def test_wrong_couplings_are_refused(
    scenario: Path, tmp_path: Path, changed: tuple[str, str], key: str, message: str
) -> None:
    scenario.write_text(SCENARIO.replace(*changed))
    with pytest.raises(ScenarioError, match=message) as refused:
        gridloom.run(scenario, out=tmp_path / "out", variant="outside")
    assert key in str(refused.value)

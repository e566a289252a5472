"""Simulators from the package index, checked as they are: what is known of them is found.

Expected are readings of their published sources, named beside each.
"""

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from gridloom.simulators.conformance import CheckOptions, Outcome, Report, check
from gridloom.simulators.external.config import ExternalConfig

pytestmark = pytest.mark.slow

SERIES = """Date,P[kW],Q[kvar]
2016-01-01 12:00:00,1,0.1
2016-01-01 12:15:00,2,0.2
2016-01-01 12:30:00,3.5,0.3
2016-01-01 12:45:00,4,0.4
"""
PROFILES = """# meta
{"start_date": "2014-01-01 00:00:00", "resolution": 15, "unit": "W", "num_profiles": 2}
# id_list
{"street": ["node_1", "node_2", "node_3"]}
# attrs
num_hh,1,2
num_residents,2,5
# profiles
2014-01-01 00:00:00,100,200
2014-01-01 00:15:00,110,190
2014-01-01 00:30:00,120,180
2014-01-01 00:45:00,130,170
"""


def failed(report: Report) -> list[str]:
    return [f.check for f in report.findings if f.outcome is Outcome.FAILED]


def pasted(report: Report) -> ExternalConfig:
    (config,) = YAML(typ="safe").load(report.snippet)["simulators"].values()
    return ExternalConfig.model_validate(config)


def test_mosaik_csv(tmp_path: Path) -> None:
    """It plays back a table: no inputs, and the run ends with the table."""
    pytest.importorskip("mosaik_csv")
    path = tmp_path / "series.csv"
    path.write_text(SERIES)
    parameters = {"sim_start": "2016-01-01 12:00:00", "datafile": str(path)}
    report = check("mosaik_csv:CSV", CheckOptions(role="load", parameters=parameters))
    assert failed(report) == []
    assert "4 steps" in report["step.answers"].reason
    assert report["input.effect"].outcome is Outcome.NOT_APPLICABLE
    assert pasted(report).step_size == 900
    assert set(pasted(report).sends) == {"power_kw", "reactive_power_kvar"}


def test_mosaik_pv() -> None:
    """`step` fills what `get_data` reads only for entities with inputs; `create` takes any name of
    a model; power is positive and zero without irradiance (`PVpanel.power`)."""
    pytest.importorskip("mosaik_components.pv")
    options = CheckOptions(
        role="pv",
        parameters={"start_date": "2016-06-01 12:00:00", "step_size": 900},
        create={"latitude": 53.1, "area": 30, "efficiency": 0.2, "el_tilt": 32, "az_tilt": 0},
        steps=6,
    )
    report = check("mosaik_components.pv.pvsimulator:PVSimulator", options)
    assert failed(report) == ["create.unknown_model", "step.unconnected"]
    assert "KeyError: 'PV_0'" in report["step.unconnected"].reason
    assert "DNI[W/m2], scale_factor" in report["input.effect"].reason
    assert report["role.values"].outcome is Outcome.PASSED
    config = pasted(report)
    assert config.sends["power_kw"].positive == "generation"
    assert config.receives["irradiance_w_per_m2"].name == "DNI[W/m2]"


def test_mosaik_householdsim(tmp_path: Path) -> None:
    """One set of houses in an instance, as children; `create` takes any name of a model; where the
    profiles end, `HouseModel.get` raises, as the step that it asked for itself is taken."""
    pytest.importorskip("householdsim")
    path = tmp_path / "profiles.data"
    path.write_text(PROFILES)
    create = {
        "sim_start": "2014-01-01 00:00:00",
        "profile_file": str(path),
        "grid_name": "street",
    }
    target = "householdsim.mosaik:HouseholdSim"
    within = check(target, CheckOptions(role="load", create=create, steps=4))
    assert failed(within) == ["create.unknown_model"]
    assert "one at a time" in within["create.number"].reason
    assert "'node_1'" in within["data.types"].reason
    assert pasted(within).elements["House"].names == ["House_0", "House_1", "House_2"]
    beyond = check(target, CheckOptions(create=create, steps=6))
    assert "out of range" in beyond["step.answers"].reason

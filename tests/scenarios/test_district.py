"""The shipped scenario that grows: its sizes, and a small one of it run."""

from pathlib import Path

import numpy as np
import pytest

import gridloom
from gridloom.scenarios.composition import compose
from gridloom.scenarios.reader import read_scenario
from gridloom.simulators.grid.config import GridConfig

SMALL = ["simulators.grid.network.copies=3", "start=2021-03-24T19:00:00+01:00", "duration=15min"]


@pytest.mark.parametrize(
    ("variant", "houses"), [("basic-55", 55), ("amas-1000", 1045), ("basic-10000", 10_010)]
)
def test_variants_are_named_after_their_houses(variant: str, houses: int) -> None:
    grid = read_scenario("district").scenario(variant).simulators["grid"]
    assert isinstance(grid, GridConfig)
    assert 55 * grid.network.copies == houses
    assert read_scenario("district").scenario(variant).fuse


def test_every_house_has_a_load_a_plant_and_a_vehicle() -> None:
    document = read_scenario("district", SMALL)
    models = compose(document, document.scenario("amas-1000")).models
    points = models["grid"].connection_points
    assert points is not None
    assert (points[0], points[-1], len(points)) == ("1/LOAD1", "3/LOAD55", 165)
    for name in ("load", "pv", "ev"):
        (elements,) = {port.elements for port in models[name].ports if port.elements}
        assert elements.connection_points == points


@pytest.mark.parametrize("scheme", ["basic", "amas"])
def test_a_small_district_runs_and_records_what_matters(scheme: str, tmp_path: Path) -> None:
    (run,) = gridloom.run("district", out=tmp_path, overrides=SMALL, variant=f"{scheme}-1000")
    known = {kpi.name for kpi in run.kpis}
    assert {"line_loading_max_percent", "losses_kwh", "missing_energy_kwh"} <= known
    with gridloom.open_record(run.folder.record) as record:
        assert "power_kw" not in record["load"]
        supplied_kw = record["grid"]["slack_power_kw"].to_numpy()
        losses_kw = record["grid"]["losses_kw"].to_numpy()
        vehicles_kw = record["ev"]["power_kw"].sum("charging_point").to_numpy()
    assert (losses_kw > 0).all()
    # In the dark, what is left is demand: 55 houses peak at 57 kW in the feeder's own data.
    houses_kw = supplied_kw - losses_kw - vehicles_kw
    assert np.all((houses_kw > 3 * 15) & (houses_kw < 3 * 80))

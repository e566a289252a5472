"""A schedule is judged as a run of the same injections is reported."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gridloom
from gridloom.controllers.milp.exogenous import sites
from gridloom.scenarios.composition import compose
from gridloom.scenarios.reader import read_scenario
from gridloom.scenarios.results.kpis import compute_kpis
from gridloom.simulators.grid.schedule import check_schedule
from gridloom.simulators.grid.simulator import Grid

SIGNALS = ("power_kw", "reactive_power_kvar")
STREET = """
name: street
start: 2021-06-21T17:00:00+02:00
duration: 10min
step_size: 20s
simulators:
  grid:
    type: grid
    network: {name: %s}
    %s
    voltage_limits_pu: [0.97, 1.1]
  load: {type: load, profile: {generator: household}, scale: %s}
"""


@pytest.mark.parametrize(
    ("network", "keys", "scale"),
    [
        ("simple_four_bus_system", "line_ratings_a: {line1: 20, line2: 12}", 12),
        pytest.param(
            "ieee_european_lv", "phases: unbalanced\n    line_ratings_a: {LINE117: 30}", 1.0
        ),
    ],
)
def test_a_check_equals_the_kpis_of_a_run(
    tmp_path: Path, network: str, keys: str, scale: float
) -> None:
    path = tmp_path / "street.yaml"
    path.write_text(STREET % (network, keys, scale))
    [run] = gridloom.run(path, out=tmp_path / "out")
    record = gridloom.open_record(run.folder.record)
    kpis: dict[Any, float] = {(k.name, k.of): k.value for k in compute_kpis(record)}
    document = read_scenario(path)
    composition = compose(document, document.scenario())
    grid = composition.models["grid"]
    assert isinstance(grid, Grid)
    load = composition.models["load"]
    at = [grid.connection_points.index(point) for point in sites(load)]
    drawn = {name: np.zeros((len(grid.connection_points), 30)) for name in SIGNALS}
    for name, values in drawn.items():
        np.add.at(values, at, (load.future(20) or {})[name].T)
    verdict = check_schedule(grid, drawn[SIGNALS[0]], drawn[SIGNALS[1]], 20).verdict
    assert kpis["line_overload_duration_s", ""] > 0
    assert verdict.overload_s == kpis["line_overload_duration_s", ""]
    assert verdict.losses_kwh == pytest.approx(kpis["losses_kwh", ""], rel=1e-9)
    assert verdict.overload_kvah == pytest.approx(kpis["line_overload_kvah", ""], rel=1e-9)
    for extreme, name in (
        (verdict.line_loading_percent, "line_loading_max_percent"),
        (verdict.voltage_low_pu, "voltage_min_pu"),
        (verdict.voltage_high_pu, "voltage_max_pu"),
    ):
        assert extreme is not None
        assert extreme.value == pytest.approx(kpis[name, ""], rel=1e-12)
        assert extreme.value == pytest.approx(kpis[name, extreme.element], rel=1e-12)
    loading = verdict.transformer_loading_percent
    assert loading is not None
    assert loading.value == pytest.approx(kpis["transformer_loading_max_percent", ""], rel=1e-12)
    outside = kpis["connection_points_outside_limits", ""] > 0
    low = verdict.voltage_low_pu
    assert low is not None
    assert (low.value < 0.97) is outside

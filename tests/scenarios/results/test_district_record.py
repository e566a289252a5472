"""A small district, run: what its record tells of nets agrees with the meter beside it."""

from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import numpy as np
import pytest
import xarray as xr

import gridloom
from gridloom.scenarios.results.kpis.nets import planned_nets_of

LIMIT_KW = 3.0
SCENARIO = f"""
name: small
start: 2020-06-21T12:00:00+02:00
duration: 1h
step_size: 5min
simulators:
  grid: {{type: grid, network: {{name: simple_four_bus_system}}, phases: balanced}}
  load:
    type: load
    profile: {{constant_kw: 1}}
    forecast: {{resolution: 15min, relative_error_std: 0}}
    short_term: {{interval: 15min}}
  battery: {{type: storage, energy_capacity_kwh: 10, rated_power_kw: 5}}
  tariff:
    type: tariff
    settles: community
    import_price_eur_per_mwh: {{"12:00": 300, "12:30": 200}}
controllers:
  load_agent: {{type: inflexible_agent, controls: load, step_size: 15min}}
  battery_agent: {{type: drive_storage_agent, controls: battery}}
  drive:
    type: drive
    controls: tariff
    step_size: 15min
    congestion: {{limits_kw: {{line1: {LIMIT_KW}}}}}
"""


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Iterator[xr.DataTree]:
    folder = tmp_path_factory.mktemp("small")
    scenario = folder / "small.yaml"
    scenario.write_text(dedent(SCENARIO), encoding="utf-8")
    (run,) = gridloom.run(str(scenario), out=Path(folder))
    with gridloom.open_record(run.folder.record) as opened:
        yield opened


def test_members_of_nets_are_recorded(record: xr.DataTree) -> None:
    drive = record["drive"]
    assert drive["connection_point"].to_numpy().tolist() == ["load1", "load2"]
    nets = drive["nested_net"].to_numpy()[drive["net_of_connection_point"].to_numpy()]
    assert nets.tolist() == ["line1", "line1"]
    assert drive.attrs["remarks"] == "limits, and connection points below: line1 3 kW (2)"


def test_measured_nets_agree_with_the_meter(record: xr.DataTree) -> None:
    nets = planned_nets_of(record)
    assert nets is not None
    assert nets.is_measured
    tariff = record["tariff"].isel(time=-1)
    net_kwh = float(tariff["imported_kwh"] - tariff["exported_kwh"])
    assert nets.measured_kw[0] @ nets.hours == pytest.approx(net_kwh, abs=1e-6)
    np.testing.assert_allclose(nets.measured_kw[1], nets.measured_kw[0])


def test_plans_keep_the_limit_that_the_prognosis_does_not(record: xr.DataTree) -> None:
    """Energy is cheaper in the second half hour: the batteries then owe what they gave before."""
    nets = planned_nets_of(record)
    assert nets is not None
    assert nets.prognosis_kw[1].max() > LIMIT_KW + 0.5
    assert nets.planned_kw[1].max() < LIMIT_KW * 1.02

"""Runs devices in a small scenario with a grid, as users do."""

import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pytest
import xarray as xr
from ruamel.yaml import YAML

import gridloom
from gridloom.scenarios.reader import read_scenario
from gridloom.scenarios.runner import run_variant

RecordOf: TypeAlias = Callable[..., dict[str, xr.Dataset]]

STEADY = '''
"""Asks every device for one power at all times."""

import numpy as np

from gridloom.controllers.controller import Controller, ControllerConfig
from gridloom.simulators.signals import POWER_MAX, POWER_SETPOINT, Information


class SteadyConfig(ControllerConfig):
    power_kw: float


class Steady(Controller):
    Config = SteadyConfig
    information = frozenset({Information.SESSIONS_PLUGGED_IN})
    observes = (POWER_MAX,)
    decides = (POWER_SETPOINT,)

    def __init__(self, config, context):
        super().__init__(config, context)
        self._power_kw = config.power_kw

    def decide(self, time, observation):
        return {POWER_SETPOINT.name: np.full(len(observation[POWER_MAX.name]), self._power_kw)}
'''


@pytest.fixture
def record_of(tmp_path: Path) -> Iterator[RecordOf]:
    """Run one hour of devices on a grid with the connection points load1 and load2.

    Call it with the devices, and by `asked_kw` with the power that one of them is asked for; it
    returns what was recorded by model, after checking the energy balance of the grid.
    """

    def run(
        devices: Mapping[str, Any], asked_kw: Mapping[str, float] | None = None, **keys: Any
    ) -> dict[str, xr.Dataset]:
        grid = {
            "type": "grid",
            "network": {"name": "simple_four_bus_system"},
            "phases": "balanced",
        }
        scenario = {
            "name": "street",
            "start": "2021-06-21T12:00:00+02:00",
            "duration": "1h",
            "step_size": "5min",
            "simulators": {"grid": grid, **devices},
            "controllers": {
                f"ask_{name}": {"type": "steady:Steady", "controls": name, "power_kw": power_kw}
                for name, power_kw in (asked_kw or {}).items()
            },
            **keys,
        }
        (tmp_path / "steady.py").write_text(STEADY, encoding="utf-8")
        path = tmp_path / "street.yaml"
        with path.open("w", encoding="utf-8") as file:
            YAML(typ="safe").dump(scenario, file)
        finished = run_variant(read_scenario(path), None, tmp_path / "outputs", report=False)
        with gridloom.open_record(finished.folder.record) as record:
            tables = {name: node.to_dataset().load() for name, node in record.children.items()}
        _check_balance(tables)
        return tables

    yield run
    sys.modules.pop("steady", None)


def _check_balance(tables: Mapping[str, xr.Dataset]) -> None:
    """The slack supplies what devices draw and lines lose, within 1e-6 kW at every step."""
    drawn_kw = sum(
        table["power_kw"].to_numpy().sum(axis=1) for table in tables.values() if "power_kw" in table
    )
    supplied_kw = tables["grid"]["slack_power_kw"] - tables["grid"]["losses_kw"]
    np.testing.assert_allclose(supplied_kw, drawn_kw, atol=1e-6)

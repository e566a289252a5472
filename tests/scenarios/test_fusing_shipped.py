"""Every shipped scenario, its models stepped together and apart: the same record."""

import gc
import warnings
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from gridloom.controllers.telemetry import SOLVE_TIME
from gridloom.scenarios.composition import compose
from gridloom.scenarios.reader import read_scenario
from gridloom.scenarios.reading.sources import shipped_scenarios
from gridloom.scenarios.recorded_run import record_run
from gridloom.scenarios.run_folder import RunFolder
from gridloom.scenarios.tracing import Tracing

NEEDS = {
    "fmu-heat-pump": ("fmpy", "pythonfmu"),
    "helics-ev": ("helics",),
    "mosaik-components": ("mosaik_components.pv", "mosaik_csv", "householdsim"),
    "opendss": ("dss",),
    "simbench-rural": ("simbench",),
}
"""Packages without which a scenario cannot run."""
DURATION = {
    "ademis-2021": "60s",
    "ademis-2021-schemes": "60s",
    "ademis-2021-unbalanced": "60s",
    "district": "5min",
    "mcu-2020": "3h",
}
QUICK = {
    "ademis-2021": ("basic", "amas", "milp"),
    "ademis-2021-schemes": ("milp-mpc",),
    "fmu-heat-pump": (None,),
    "mosaik-components": (None,),
    "quickstart": (None,),
}
"""Variants that take about a second; with the others, a scenario takes up to a minute."""


def _sets(path: Path) -> dict[str, Any]:
    """Return every dataset's values and type by name; wall times are no results."""
    found: dict[str, Any] = {}

    def collect(name: str, item: object) -> None:
        if isinstance(item, h5py.Dataset) and not name.endswith(SOLVE_TIME.name):
            values = np.asarray(item[()])
            same = values.tolist() if item.dtype == object else values.tobytes()
            found[name] = (item.shape, item.dtype.str, same)

    with h5py.File(path) as file:
        file.visititems(collect)
    return found


def _record(name: str, variant: str | None, folder: Path, *, fuse: bool) -> dict[str, Any]:
    duration = DURATION.get(name, "20min")
    overrides = [f"duration={duration}", f"fuse={str(fuse).lower()}"]
    document = read_scenario(name, overrides)
    run_folder = RunFolder(folder)
    with run_folder.claimed(), warnings.catch_warnings():
        # mosaik_csv leaves its file to the garbage collector.
        warnings.filterwarnings("ignore", r"unclosed file .*\.csv", ResourceWarning)
        record_run(compose(document, document.scenario(variant)), run_folder, Tracing())
        gc.collect()
    return _sets(run_folder.partial_record)


def _compare(name: str, variant: str | None, folder: Path) -> None:
    for module in NEEDS.get(name, ()):
        pytest.importorskip(module)
    separate = _record(name, variant, folder / "separate", fuse=False)
    fused = _record(name, variant, folder / "fused", fuse=True)
    assert len(separate) > 10
    assert fused.keys() == separate.keys()
    assert [key for key, values in separate.items() if fused[key] != values] == []


@pytest.mark.parametrize(
    ("name", "variant"), [(name, variant) for name in QUICK for variant in QUICK[name]]
)
def test_record_is_the_same(name: str, variant: str | None, tmp_path: Path) -> None:
    _compare(name, variant, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(shipped_scenarios()))
def test_records_of_all_other_variants_are_the_same(name: str, tmp_path: Path) -> None:
    for module in NEEDS.get(name, ()):
        pytest.importorskip(module)
    for variant in read_scenario(name).variants or (None,):
        if variant not in QUICK.get(name, ()):
            _compare(name, variant, tmp_path / str(variant))

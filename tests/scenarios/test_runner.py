"""Whole runs of a small scenario: what is written, shown again, and left behind by a failure."""

import logging
import os
import subprocess
import sys
from pathlib import Path
from shutil import copytree
from typing import Any

import h5py
import numpy as np
import pytest

import gridloom
from gridloom.scenarios.identity import run_digest
from gridloom.scenarios.reader import read_scenario
from gridloom.scenarios.results.record import RunStatus, record_status
from gridloom.scenarios.run_folder import RunFolder
from gridloom.scenarios.runner import Run, run_folder
from gridloom.simulators.errors import DivergenceError, ScenarioError

STREET = """
name: street
title: Two houses on a short street
start: 2021-06-21T17:00:00+02:00
duration: 10min
step_size: 10s
seed: 3
simulators:
  grid: {type: grid, network: {name: simple_four_bus_system}, phases: balanced}
  load: {type: load, profile: {generator: household}}
  pv:
    type: pv
    irradiance: {generator: widen_munkhammar, latitude_deg: 48, longitude_deg: 11}
  ev:
    type: ev_fleet
    v2g: true
    sessions:
      - {charging_point: load1, arrival: 1min, departure: 8min, arrival_state_of_charge: 0.79}
      - {charging_point: load2, arrival: 0s, departure: 2h, arrival_state_of_charge: 0.2}
  market:
    type: imbalance_market
    settlement_period: 5min
    prices: {shortage_eur_per_mwh: [100], surplus_eur_per_mwh: [50]}
controllers:
  charging: {type: basic, controls: ev}
"""

# Overrides merge into what is there, so that the generator has to go.
FROM_FILE = ["simulators.load.profile.generator=null", "simulators.load.profile.file=houses.csv"]


SHORT = ["duration=1min"]
"""Where nothing depends on what happens."""
# What a run does in a process of its own: a scenario, the folder for its outputs.
SCRIPT = """
import sys
from pathlib import Path
from gridloom.scenarios.reader import read_scenario
from gridloom.scenarios.runner import run_variant
run_variant(read_scenario(Path(sys.argv[1])), None, Path(sys.argv[2]), report=False)
"""

pytestmark = pytest.mark.usefixtures("no_figures")


@pytest.fixture
def street(tmp_path: Path) -> Path:
    path = tmp_path / "street.yaml"
    path.write_text(STREET)
    return path


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The street's run, with all that a run leaves: only to be read."""
    source = tmp_path_factory.mktemp("finished") / "street.yaml"
    source.write_text(STREET)
    return _run(source)


@pytest.fixture
def earlier(finished: Run, street: Path) -> RunFolder:
    """The same run, complete in the outputs of this test."""
    outputs = street.parent / "outputs"
    copytree(finished.folder.path.parent, outputs)
    return RunFolder(outputs / finished.folder.path.name)


def _run(source: Path, **options: Any) -> Run:
    (finished,) = gridloom.run(source, out=source.parent / "outputs", **options)
    return finished


def _folder(source: Path, overrides: list[str]) -> Path:
    """Where a run is, or would be."""
    document = read_scenario(source, overrides)
    return run_folder(document, document.scenario(), source.parent / "outputs").path


def _datasets(path: Path) -> dict[str, bytes]:
    """Every dataset's bytes by name; whatever tells when it was computed is an attribute."""
    found: dict[str, bytes] = {}

    def collect(name: str, item: object) -> None:
        if isinstance(item, h5py.Dataset):
            values = item[()]
            found[name] = repr(values).encode() if item.dtype == object else values.tobytes()

    with h5py.File(path) as file:
        file.visititems(collect)
    return found


def test_a_run_leaves_record_kpis_report_and_log(finished: Run) -> None:
    assert finished.computed
    names = {path.name for path in finished.folder.path.iterdir()}
    assert names == {"record.h5", "kpis.csv", "report.html", "run.log"}
    assert record_status(finished.folder.record)[0] is RunStatus.COMPLETE
    assert {kpi.name for kpi in finished.kpis} >= {"imbalance_cost_eur"}
    assert "<figure" in finished.folder.report.read_text(encoding="utf-8")


def test_the_slack_supplies_loads_vehicles_and_losses_less_generation(finished: Run) -> None:
    """Energy balance at every step, within 1e-6 kW (the bar of the project)."""
    with gridloom.open_record(finished.folder.record) as record:
        grid = record["grid"]
        drawn_kw = sum(record[m]["power_kw"].to_numpy().sum(axis=1) for m in ("load", "pv", "ev"))
        balance_kw = grid["slack_power_kw"].to_numpy() - grid["losses_kw"].to_numpy() - drawn_kw
        assert len(balance_kw) == 60
        np.testing.assert_allclose(balance_kw, 0.0, atol=1e-6)


def test_vehicles_store_what_they_draw(finished: Run) -> None:
    """Energy conservation to 1e-9 kWh over the run, through mosaik and the record."""
    with gridloom.open_record(finished.folder.record) as record:
        ev = record["ev"]
        drawn_kwh = ev["power_kw"].isel(charging_point=1).to_numpy().sum() * 10 / 3600
        soc = ev["state_of_charge"].isel(charging_point=1).to_numpy()
    # 40 kWh and 95 % are the fleet's defaults; the vehicle arrives with 0.2.
    assert drawn_kwh > 1.0
    assert abs((soc[-1] - 0.2) * 40 / 0.95 - drawn_kwh) < 1e-9


def test_an_identical_complete_run_is_shown_not_computed(
    finished: Run, street: Path, earlier: RunFolder
) -> None:
    written = earlier.record.stat().st_mtime_ns
    again = _run(street)
    assert not again.computed
    assert again.folder == earlier
    assert again.kpis == finished.kpis
    assert earlier.record.stat().st_mtime_ns == written


def test_force_computes_the_same_bytes_again(street: Path, earlier: RunFolder) -> None:
    first = _datasets(earlier.record)
    again = _run(street, force=True)
    assert again.computed
    assert again.folder == earlier
    assert _datasets(again.folder.record) == first


def test_another_seed_is_another_run(street: Path, earlier: RunFolder) -> None:
    second = _run(street, overrides=["seed=4"])
    assert second.computed
    assert second.folder != earlier
    assert earlier.record.exists()
    assert _datasets(earlier.record) != _datasets(second.folder.record)


def test_a_changed_input_file_is_another_run(street: Path) -> None:
    profile = street.parent / "houses.csv"
    profile.write_text("minute,load1,load2\n" + "".join(f"{m},1,2\n" for m in range(1440)))
    first = _run(street, overrides=[*FROM_FILE, *SHORT])
    profile.write_text("minute,load1,load2\n" + "".join(f"{m},1,3\n" for m in range(1440)))
    second = _run(street, overrides=[*FROM_FILE, *SHORT])
    assert second.computed
    assert second.folder != first.folder


def test_changed_load_shapes_are_another_run(street: Path) -> None:
    shapes = street.parent / "shapes"
    shapes.mkdir()
    override = ["simulators.load.profile.generator=null", "simulators.load.profile.shapes=shapes"]

    def write(power_kw: int) -> None:
        rows = "".join(f"{m // 60:02}:{m % 60:02}:00,{power_kw}\n" for m in range(1440))
        for house in (1, 2):
            (shapes / f"Load_profile_{house}.csv").write_text("time,mult\n" + rows)

    write(1)
    first = _folder(street, override)
    assert _folder(street, override) == first
    write(9)
    assert _folder(street, override) != first


def test_a_changed_plug_in_is_another_run(street: Path) -> None:
    """A class of the user's own belongs to what determines the results."""
    plug_in = street.parent / "identity_plug_in.py"
    source = "from gridloom.simulators.load import Load\nclass MyLoad(Load):\n    kind = 'mine'\n"
    override = ["simulators.load.type=identity_plug_in:MyLoad"]
    plug_in.write_text(source)
    document = read_scenario(street, override)
    first = run_digest(document.scenario(), document.folders)
    plug_in.write_text(source + "    # changed\n")
    assert run_digest(document.scenario(), document.folders) != first


def test_a_run_that_is_being_computed_is_left_alone(street: Path) -> None:
    """Two processes, one run: the second is refused and the first's files stay."""
    pytest.importorskip("fcntl")
    folder = RunFolder(_folder(street, SHORT))
    script = (
        "import sys; from pathlib import Path\n"
        "from gridloom.scenarios.run_folder import RunFolder\n"
        "with RunFolder(Path(sys.argv[1])).claimed():\n"
        "    print('claimed', flush=True); sys.stdin.readline()\n"
    )
    command = [sys.executable, "-c", script, str(folder.path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"claimed\n"
        folder.partial_record.write_text("the other's")
        with pytest.raises(ScenarioError, match="another process"):
            _run(street, overrides=SHORT)
        assert folder.partial_record.read_text() == "the other's"
        other.communicate(b"\n")
    assert _run(street, overrides=SHORT).computed


def test_adding_a_model_leaves_the_others_draws(finished: Run, street: Path) -> None:
    """Streams of random numbers are keyed by the model's name."""
    base = _datasets(finished.folder.record)
    more = _run(
        street, overrides=["simulators.attic={type: pv, irradiance: {constant_w_per_m2: 300}}"]
    )
    other = _datasets(more.folder.record)
    same = [name for name in base if name.split("/")[0] in {"load", "pv", "ev"}]
    assert same
    assert {n: base[n] for n in same} == {n: other[n] for n in same}


def test_same_bytes_whatever_the_hash_seed(finished: Run, street: Path) -> None:
    """That of this process is another one every time, unless it was given one."""
    seed = "0" if os.environ.get("PYTHONHASHSEED") == "4711" else "4711"
    command = [sys.executable, "-c", SCRIPT, str(street), str(street.parent / "elsewhere")]
    environment = {**os.environ, "PYTHONHASHSEED": seed}
    subprocess.run(command, check=True, env=environment, capture_output=True)
    (record,) = street.parent.glob("elsewhere/*/record.h5")
    assert _datasets(record) == _datasets(finished.folder.record)


def test_a_fault_while_running_keeps_what_was_computed(street: Path) -> None:
    """A load beyond what the lines can carry has no power flow: the run stops and says when."""
    rows = "".join(f"{m},{1 if m < 1025 else 5000},1\n" for m in range(1440))
    (street.parent / "houses.csv").write_text("minute,load1,load2\n" + rows)
    with pytest.raises(DivergenceError) as caught:
        _run(street, overrides=FROM_FILE)
    assert caught.value.simulator == "grid"
    assert caught.value.time == 300  # minute 1025 of the day is 17:05
    (left,) = (street.parent / "outputs").iterdir()
    assert not (left / "record.h5").exists()
    status, message = record_status(left / "record.partial.h5")
    assert status is RunStatus.FAILED
    assert "300 s" in message
    with gridloom.open_record(left / "record.partial.h5") as record:
        assert record["grid"].sizes["time"] == 30
    assert "300 s" in (left / "run.log").read_text()


def test_a_failed_run_is_tried_again(street: Path, earlier: RunFolder) -> None:
    earlier.record.rename(earlier.partial_record)
    assert _run(street).computed
    assert earlier.record.exists()
    assert not earlier.partial_record.exists()


def test_bad_input_writes_nothing(street: Path) -> None:
    with pytest.raises(ScenarioError) as caught:
        _run(street, overrides=[*FROM_FILE, "simulators.load.profile.file=nowhere.csv"])
    assert "nowhere.csv" in str(caught.value)
    assert not (street.parent / "outputs").exists()


def test_errors_of_models_name_their_place_in_the_file(street: Path) -> None:
    text = street.read_text().replace("charging_point: load2", "charging_point: lood2")
    street.write_text(text)
    with pytest.raises(ScenarioError) as caught:
        _run(street)
    (problem,) = caught.value.problems
    line = next(i for i, row in enumerate(text.splitlines(), start=1) if "lood2" in row)
    assert problem.location is not None
    assert (problem.location.file.name, problem.location.line) == ("street.yaml", line)
    assert problem.suggestion == "did you mean 'load2'?"


def test_output_that_cannot_be_written_is_bad_input(street: Path) -> None:
    (street.parent / "outputs").write_text("a file where the folder should be")
    with pytest.raises(ScenarioError, match="--out"):
        _run(street)


def test_variants_run_one_after_the_other(street: Path) -> None:
    variants = "\nvariants:\n  cold: {seed: 1}\n  warm: {seed: 2}\n"
    street.write_text(STREET + variants)
    runs = gridloom.run(street, out=street.parent / "outputs", overrides=SHORT)
    assert [run.scenario.variant for run in runs] == ["cold", "warm"]
    assert all(run.folder.path.name.startswith(f"street-{run.scenario.variant}-") for run in runs)


def test_recorded_signals_can_be_chosen(street: Path) -> None:
    chosen = "record.signals={grid: [slack_power_kw, line_power_kw]}"
    finished = _run(street, overrides=[*SHORT, chosen])
    with gridloom.open_record(finished.folder.record) as record:
        assert "line_power_kw" in record["grid"]
        assert "bus_voltage_pu" not in record["grid"]
        assert "power_kw" in record["load"]


def test_logging_is_as_before_after_a_run(street: Path) -> None:
    logger = logging.getLogger("gridloom")
    before = (logger.level, list(logger.handlers))
    _run(street, overrides=SHORT)
    assert (logger.level, list(logger.handlers)) == before

"""Where a model is computed makes no difference to any byte of the results."""

import os
import re
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np
import pytest

import gridloom
from gridloom.controllers.telemetry import SOLVE_TIME
from gridloom.scenarios.identity import own_code
from gridloom.scenarios.reader import read_scenario
from gridloom.scenarios.runner import run_variant
from gridloom.scenarios.serving import Service
from gridloom.scenarios.supervision.blueprint import build_served
from gridloom.simulators.errors import ScenarioError, SimulatorError

CLI = (sys.executable, "-m", "gridloom.scenarios.cli")
# One step a minute: what is compared is the path of the values, not the hour.
COARSE = ["step_size=1min", "duration=30min"]
AN_HOUR = ["duration=1h"]

pytestmark = pytest.mark.usefixtures("no_figures")


def datasets(path: Path) -> dict[str, list[object]]:
    """Return the values of every dataset of a record, bit for bit (NaN equals itself)."""
    found: dict[str, list[object]] = {}

    def take(name: str, item: object) -> None:
        if isinstance(item, h5py.Dataset):
            values = np.asarray(item[()])
            text = values.dtype.kind == "O"
            found[name] = [
                values.dtype,
                values.shape,
                values.tolist() if text else values.tobytes(),
            ]

    with h5py.File(path) as file:
        file.visititems(take)
    return found


def attributes(path: Path) -> dict[str, dict[str, object]]:
    """Return what every group of a record says of its model, as text."""
    with h5py.File(path) as file:
        return {
            name: {key: str(value) for key, value in group.attrs.items()}
            for name, group in file.items()
            if isinstance(group, h5py.Group)
        }


@contextmanager
def served(*arguments: str, environment: dict[str, str] | None = None) -> Iterator[str]:
    """Run `gridloom serve` and yield the address it listens at."""
    process = subprocess.Popen(
        [*CLI, "serve", *arguments],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **(environment or {})},
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        yield re.search(r"at (\S+)$", line.strip())[1]  # type: ignore[index]
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


@pytest.mark.parametrize(
    "variant",
    [
        "amas",
        pytest.param("basic", marks=pytest.mark.slow),
        pytest.param("milp", marks=pytest.mark.slow),
    ],
)
def test_the_reference_case_in_processes_of_their_own_is_bit_equal(
    tmp_path: Path, variant: str
) -> None:
    [inside] = gridloom.run("ademis-2021", out=tmp_path, overrides=COARSE, variant=variant)
    [outside] = gridloom.run(
        "ademis-2021-processes", out=tmp_path, overrides=COARSE, variant=variant
    )
    ours, theirs = datasets(inside.folder.record), datasets(outside.folder.record)
    # Wall times are no results: what a plan took differs from run to run anyway.
    wall_times = {f"charging/{SOLVE_TIME.name}"}
    assert len(ours) > 80
    assert {n for n in ours.keys() | theirs.keys() if ours.get(n) != theirs.get(n)} <= wall_times
    # Counters that the models keep come back from their processes.
    assert attributes(inside.folder.record) == attributes(outside.folder.record)


@pytest.fixture(scope="module")
def inside(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[object]]:
    """What an hour of `quickstart` gives where nothing is served."""
    folder = tmp_path_factory.mktemp("inside") / "outputs"
    finished = run_variant(read_scenario("quickstart", AN_HOUR), None, folder, report=False)
    return datasets(finished.folder.record)


@pytest.mark.parametrize("how", ["type", "model of a scenario"])
def test_a_served_model_is_bit_equal(
    tmp_path: Path, inside: dict[str, list[object]], how: str
) -> None:
    arguments = ["pv"] if how == "type" else ["pv", "--scenario", "quickstart"]
    with served(*arguments) as address:
        overrides = [*AN_HOUR, f"simulators.pv.placement={{connect: '{address}'}}"]
        for out in ("once", "twice"):  # a server takes one run after the other
            [outside] = gridloom.run("quickstart", out=tmp_path / out, overrides=overrides)
            assert datasets(outside.folder.record) == inside


def test_files_travel_to_the_server(tmp_path: Path) -> None:
    """The server runs in another folder and has none of the scenario's files."""
    (tmp_path / "here" / "data").mkdir(parents=True)
    (tmp_path / "here" / "data" / "load.csv").write_text("time_s,a,b\n0,1.5,2.5\n60,3.25,4\n")
    scenario = tmp_path / "here" / "files.yaml"
    scenario.write_text(
        "name: files\nstart: 2021-06-21T17:00:00Z\nduration: 2min\nstep_size: 1min\n"
        "simulators:\n  load:\n    type: load\n    at: [a, b]\n"
        "    profile: {file: data/load.csv}\n    placement: {connect: '%s'}\n"
    )
    with served("load") as address:
        scenario.write_text(scenario.read_text() % address)
        [run] = gridloom.run(scenario, out=tmp_path / "out")
    record = gridloom.open_record(run.folder.record)
    assert record["load"]["power_kw"].to_numpy().tolist() == [[1.5, 2.5], [3.25, 4.0]]


def test_a_server_offers_what_it_was_started_for(tmp_path: Path) -> None:
    with served("pv") as address:
        overrides = [f"simulators.load.placement={{connect: '{address}'}}"]
        with pytest.raises(ScenarioError, match="'load' was asked for, and 'pv' is served here"):
            gridloom.run("quickstart", out=tmp_path / "out", overrides=overrides)
    assert not (tmp_path / "out").exists()


def asked(
    name: str, of_type: str = "load", file: str = "load.csv", **keys: object
) -> dict[str, object]:
    """Return what a client may send: it chooses every name in it."""
    model = {"type": of_type, "profile": {"file": file}, "at": ["a"]}
    scenario = {
        "name": "asked",
        "start": "2021-06-21T17:00:00Z",
        "duration": "2min",
        "step_size": "1min",
        "simulators": {name: model},
    }
    sent = {"code": own_code().hex(), "name": name, "scenario": scenario}
    return {**sent, "folders": [], "points": None, "files": {}, **keys}


CSV = b"time_s,a\n0,1\n60,2\n"


def test_what_is_served_is_the_type_or_the_model_not_what_the_run_calls_it() -> None:
    of_type = Service.of("pv", None, None, allow_external=False)
    with pytest.raises(ScenarioError, match="'load' was asked for, and 'pv' is served here"):
        of_type.build(asked("pv"))
    of_model = Service.of("load", read_scenario("quickstart"), None, allow_external=False)
    with pytest.raises(ScenarioError, match="'other' was asked for, and 'load' is served here"):
        of_model.build(asked("other"))


def test_a_run_sends_its_files_and_names_none_of_the_server(tmp_path: Path) -> None:
    service = Service.of("load", None, None, allow_external=True)
    service.build(asked("load", files={"load.csv": b64encode(CSV).decode()})).close()
    (tmp_path / "load.csv").write_bytes(CSV)
    with pytest.raises(ScenarioError, match="may not say in which folders of the server"):
        service.build(asked("load", folders=[str(tmp_path)]))
    with pytest.raises(ScenarioError, match=r"'load\.csv' does not exist"):
        build_served(asked("load", folders=[str(tmp_path)]))
    build_served(asked("load", folders=[str(tmp_path)]), is_own_run=True).close()
    for name in (str(tmp_path / "load.csv"), "data/../../load.csv"):
        with pytest.raises(ScenarioError, match="cannot be sent to another host") as caught:
            service.build(asked("load", file=name))
        assert caught.value.problems[0].key == ("simulators", "load", "profile", "file")


@pytest.mark.parametrize(
    "name", ["/x", "../x", "a/../../x", r"a\..\..\x", r"\x", "C:x", r"C:\x", r"\\host\share\x"]
)
def test_a_sent_file_lands_below_its_folder_on_any_system(name: str) -> None:
    with pytest.raises(ScenarioError, match="cannot be sent to another host"):
        build_served(asked("load", files={name: b64encode(CSV).decode()}))


def test_a_server_with_a_secret_wants_to_see_it(tmp_path: Path) -> None:
    with served("pv", environment={"GRIDLOOM_TOKEN": "open sesame"}) as address:
        overrides = [f"simulators.pv.placement={{connect: '{address}'}}"]
        with pytest.raises(SimulatorError, match="this server wants the secret of GRIDLOOM_TOKEN"):
            gridloom.run("quickstart", out=tmp_path, overrides=overrides)


def test_a_server_open_to_others_needs_a_secret() -> None:
    refused = subprocess.run(
        [*CLI, "serve", "pv", "--host", "0.0.0.0"],  # noqa: S104 -- that is what is refused
        capture_output=True,
        text=True,
        check=False,
        env={name: value for name, value in os.environ.items() if name != "GRIDLOOM_TOKEN"},
    )
    assert refused.returncode == 2
    assert "GRIDLOOM_TOKEN" in refused.stderr


def test_nobody_listens(tmp_path: Path) -> None:
    overrides = [
        "simulators.pv.placement={connect: '127.0.0.1:9'}",
        "simulators.pv.start_timeout=1s",
    ]
    with pytest.raises(
        SimulatorError, match=r"'pv' failed: nobody can be reached at 127\.0\.0\.1:9"
    ):
        gridloom.run("quickstart", out=tmp_path, overrides=overrides)

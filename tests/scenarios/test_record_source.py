"""Running a record again: the same run, its files found, and nothing foreign unless allowed."""

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import h5py
import numpy as np
import pytest

from gridloom.scenarios.foreign_code import ForeignCodeError
from gridloom.scenarios.reader import read_scenario, shipped_scenarios
from gridloom.scenarios.reading.record_source import read_record_source
from gridloom.simulators.errors import ScenarioError

Command: TypeAlias = Callable[..., tuple[int, str, str]]
NewRecord: TypeAlias = Callable[..., Path]

SCENARIO: dict[str, Any] = {
    "name": "tiny",
    "variant": "low",
    "start": "2021-06-21T17:00:00+02:00",
    "duration": "2min",
    "step_size": "1min",
    "simulators": {
        "grid": {"type": "grid", "network": {"name": "simple_four_bus_system"}},
        "load": {"type": "load", "profile": {"constant_kw": 1}},
    },
}
YAML = """
name: tiny
start: 2021-06-21T17:00:00+02:00
duration: 2min
step_size: 1min
simulators:
  grid: {type: grid, network: {name: simple_four_bus_system}}
  load: {type: load, profile: {file: load.csv}}
variants:
  low: {simulators: {load: {power_factor: 0.9}}}
  high: {simulators: {load: {power_factor: 0.95}}}
"""
_MODULE = """
from pathlib import Path
Path(__file__).with_name("imported").touch()
from gridloom.simulators.load import Load
class Mine(Load):
    "A load."
"""


def _write(path: Path, scenario: Any = "", folders: Any = "[]") -> Path:
    with h5py.File(path, "w", libver=("v110", "v110")) as root:
        root.attrs["schema_version"] = 1
        root["run_status"] = np.int8(1)
        root["committed_time_s"] = np.int64(0)
        for name, value in (("scenario", scenario), ("scenario_folders", folders)):
            if value is not None:
                root.attrs[name] = value
    return path


@pytest.fixture
def new_record(tmp_path: Path) -> NewRecord:
    """Make a record of a scenario, as text or plain values."""

    def make(scenario: Any, folders: Any = "[]", name: str = "sent.h5") -> Path:
        text = json.dumps(scenario) if isinstance(scenario, dict) else scenario
        return _write(tmp_path / name, text, folders)

    return make


def _with_load(**keys: Any) -> dict[str, Any]:
    simulators = SCENARIO["simulators"]
    return {**SCENARIO, "simulators": {**simulators, "load": {**simulators["load"], **keys}}}


def test_record_is_read_as_the_one_scenario_that_it_is_of(new_record: NewRecord) -> None:
    document = read_scenario(new_record(SCENARIO), ["simulators.load.profile.constant_kw=2"])
    assert document.variants == ()
    scenario = document.scenario()
    assert (scenario.name, scenario.variant) == ("tiny", "low")
    assert scenario.resolved()["simulators"]["load"]["profile"]["constant_kw"] == 2


def test_errors_name_the_record_and_no_line(new_record: NewRecord) -> None:
    path = new_record(_with_load(power_facto=0.9))
    with pytest.raises(ScenarioError) as caught:
        read_scenario(path)
    assert str(caught.value).startswith(f"{path}: simulators.load.power_facto: unknown key")


@pytest.mark.parametrize("key", ["base", "variants"])
def test_record_has_neither_base_nor_variants(new_record: NewRecord, key: str) -> None:
    path = new_record({**SCENARIO, "variant": None, key: {"low": {"title": "x"}}})
    with pytest.raises(ScenarioError, match=key):
        read_scenario(path)


@pytest.mark.parametrize("source", ["record", "folder"])
def test_unchanged_record_is_complete_before(
    gridloom: Command, tmp_path: Path, source: str
) -> None:
    case = tmp_path / "case"
    case.mkdir()
    (case / "tiny.yaml").write_text(YAML)
    (case / "load.csv").write_text("time_s,load1,load2\n0,1,2\n60,1,2\n")
    code, _, err = gridloom("run", "case/tiny.yaml", "--variant", "low")
    assert (code, err) == (0, "")
    (folder,) = (tmp_path / "outputs").iterdir()
    again = folder / "record.h5" if source == "record" else folder
    code, out, err = gridloom("run", str(again))
    assert (code, err) == (0, "")
    assert "low: complete before, shown" in out
    code, out, _ = gridloom("validate", str(again))
    assert (code, out) == (0, f"tiny: valid ({folder / 'record.h5'})\n")
    code, out, _ = gridloom("describe", str(again))
    assert code == 0
    assert "Couplings" in out
    assert "Foreign" not in out


def test_files_are_looked_up_in_the_recorded_folders_then_beside_the_record(
    gridloom: Command, tmp_path: Path
) -> None:
    case = tmp_path / "case"
    case.mkdir()
    (case / "tiny.yaml").write_text(YAML)
    (case / "load.csv").write_text("time_s,load1,load2\n0,1,2\n60,1,2\n")
    gridloom("run", "case/tiny.yaml", "--variant", "low")
    (folder,) = (tmp_path / "outputs").iterdir()
    sent = tmp_path / "elsewhere"
    sent.mkdir()
    shutil.copy(folder / "record.h5", sent / "mine.h5")
    code, out, _ = gridloom("run", "elsewhere/mine.h5")
    assert (code, "complete before" in out) == (0, True)
    shutil.move(case / "load.csv", sent / "load.csv")
    code, out, _ = gridloom("run", "elsewhere/mine.h5")
    assert (code, "complete before" in out) == (0, True)
    (sent / "load.csv").unlink()
    code, _, err = gridloom("run", "elsewhere/mine.h5")
    assert code == 2
    assert "elsewhere/mine.h5: simulators.load.profile" in err
    assert f"file 'load.csv' does not exist (looked in {case}, elsewhere)" in err


def test_a_record_does_not_choose_in_which_folders_of_this_computer_files_are_looked_up(
    new_record: NewRecord, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, below = tmp_path / "here", tmp_path / "here" / "below"
    below.mkdir(parents=True)
    monkeypatch.chdir(here)
    library = shipped_scenarios()["quickstart"].parent.resolve()
    theirs = ["/", str(tmp_path), f"{here}/..", "..", str(tmp_path / "hereafter")]
    ours = [str(library), str(here), str(below)]
    path = new_record(SCENARIO, json.dumps([*theirs, *ours]))
    source = read_record_source(path)
    assert source.folders == (library, here, below, path.parent)
    assert read_scenario(path).folders == source.folders
    allowed = read_record_source(path, allow_external=True).folders
    assert [str(each) for each in allowed] == [*theirs, *ours]
    monkeypatch.chdir("/")  # all lies below it
    assert read_record_source(path).folders == (library, path.parent)


@pytest.fixture
def lure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a module beside the record that leaves a trace once imported; return the trace."""
    (tmp_path / "lure.py").write_text(_MODULE)
    monkeypatch.delitem(sys.modules, "lure", raising=False)
    return tmp_path / "imported"


@pytest.mark.parametrize("command", ["run", "validate", "bound", "replay"])
def test_foreign_module_of_a_record_is_refused_before_it_is_imported(
    gridloom: Command, new_record: NewRecord, lure: Path, command: str
) -> None:
    new_record(_with_load(type="lure:Mine", placement={"connect": "h:1"}))
    code, out, err = gridloom(command, "sent.h5")
    assert (code, out) == (2, "")
    assert 'error: sent.h5: simulators.load.type: imports the Python module "lure"' in err
    assert 'simulators.load.placement.connect: connects to "h:1"' in err
    assert err.endswith(
        "hint: look at it with `gridloom describe sent.h5`, then run it with --allow-external\n"
    )
    assert not lure.exists()
    assert not Path("outputs").exists()


def test_describe_lists_what_is_foreign_and_stops(
    gridloom: Command, new_record: NewRecord, lure: Path
) -> None:
    new_record(_with_load(type="lure:Mine"))
    code, out, err = gridloom("describe", "sent.h5")
    assert (code, err) == (0, "")
    assert 'simulators.load.type: imports the Python module "lure"' in out
    assert not lure.exists()
    code, out, err = gridloom("describe", "sent.h5", "--allow-external")
    assert (code, err) == (0, "")
    assert "Couplings" in out
    assert 'simulators.load.type: imports the Python module "lure"' in out
    assert lure.exists()


@pytest.mark.parametrize("command", ["run", "validate"])
def test_allowed_foreign_module_is_imported(
    gridloom: Command, new_record: NewRecord, lure: Path, command: str
) -> None:
    new_record(_with_load(type="lure:Mine"))
    code, _, err = gridloom(command, "sent.h5", "--allow-external")
    assert (code, err) == (0, "")
    assert lure.exists()


def test_foreign_module_may_be_overridden_instead(new_record: NewRecord, lure: Path) -> None:
    read_scenario(new_record(_with_load(type="lure:Mine")), ["simulators.load.type=load"])
    assert not lure.exists()


def test_foreign_code_hidden_in_a_variant_is_found(new_record: NewRecord, lure: Path) -> None:
    hidden = {"simulators": {"load": {"type": "lure:Mine"}}}
    common = {name: value for name, value in SCENARIO.items() if name != "variant"}
    path = new_record({**common, "variants": {"low": hidden, "high": {}}})
    with pytest.raises(ForeignCodeError):
        read_scenario(path)
    assert not lure.exists()


def test_file_outside_of_the_folders_is_not_read_unasked(
    gridloom: Command, new_record: NewRecord, tmp_path: Path
) -> None:
    new_record(_with_load(profile={"file": str(tmp_path / "load.csv")}))
    code, _, err = gridloom("run", "sent.h5")
    assert code == 2
    assert "simulators.load.profile.file: reads " in err


def test_scenario_file_of_the_user_is_trusted(
    gridloom: Command, tmp_path: Path, lure: Path
) -> None:
    text = YAML.replace(
        "type: load, profile: {file: load.csv}", "type: 'lure:Mine', profile: {constant_kw: 1}"
    )
    (tmp_path / "tiny.yaml").write_text(text)
    code, out, err = gridloom("describe", "tiny.yaml")
    assert (code, err) == (0, "")
    assert 'Foreign code and files\n  simulators.load.type: imports the Python module "lure"' in out
    assert lure.exists()


@pytest.mark.parametrize(
    ("scenario", "what"),
    [
        (None, "does not tell its scenario"),
        ("", "is no JSON"),
        ("{", "is no JSON"),
        ("!!python/object/apply:os.system ['true']", "is no JSON"),
        ('{"seed": ' + "1" * 5000 + "}", "is no JSON"),
        ("[]", "is no JSON object"),
        ('"text"', "is no JSON object"),
        ("null", "is no JSON object"),
        ("[" * 100_000, "is nested too deeply"),
        ('{"a":' * 200 + "1" + "}" * 200, "is nested too deeply"),
        (" " * (16 * 1024**2 + 1), "is too long"),
        (7, "is no text"),
        (np.arange(3), "is no text"),
        (np.array(["{}", "{}"], dtype=object), "is no text"),
        (np.bytes_(b"\xff\xfe"), "is no text"),
        (np.void(b"\x80\x04N."), "is no text"),
        (h5py.Empty("f8"), "is no text"),
        ('{"title": "\\u001b]0;owned\\u0007"}', "holds the character U+001B at 'title'"),
        ('{"title": "\\ud800"}', "holds the character U+D800 at 'title'"),
        ('{"\\u202e": 1}', "holds the character U+202E at '?'"),
    ],
)
def test_malformed_scenario_is_one_clear_error(
    gridloom: Command, new_record: NewRecord, scenario: Any, what: str
) -> None:
    new_record(scenario)
    for command in ("run", "describe", "validate"):
        code, out, err = gridloom(command, "sent.h5")
        assert (code, out) == (2, "")
        assert err.startswith("error: the record 'sent.h5'")
        assert what in err
        assert "Traceback" not in err


@pytest.mark.parametrize("folders", [None, "{}", "[1]", "not JSON", 7])
def test_malformed_folders_are_one_clear_error(
    gridloom: Command, new_record: NewRecord, folders: Any
) -> None:
    new_record(SCENARIO, folders)
    code, _, err = gridloom("validate", "sent.h5")
    assert code == 2
    assert "scenario_folders" in err or "scenario folders" in err


@pytest.mark.parametrize("attribute", ["text", 1.5, np.arange(2), np.void(b"x")])
def test_malformed_schema_is_no_record(
    gridloom: Command, new_record: NewRecord, attribute: Any
) -> None:
    path = new_record(SCENARIO)
    with h5py.File(path, "r+") as root:
        root.attrs["schema_version"] = attribute
    code, _, err = gridloom("run", "sent.h5")
    assert (code, "is not a record of gridloom" in err) == (2, True)


@pytest.mark.parametrize("content", [b"", b"name: x", b"\x89HDF\r\n\x1a\n"])
def test_file_that_is_no_record_is_refused(
    gridloom: Command, tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "sent.h5").write_bytes(content)
    code, _, err = gridloom("run", "sent.h5")
    assert (code, "is not a record of gridloom" in err) == (2, True)


def test_missing_record_and_empty_folder_are_refused(gridloom: Command, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert gridloom("run", "gone.h5")[0] == 2
    assert gridloom("run", "empty")[0] == 2

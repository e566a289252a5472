"""`gridloom run --trace`: the table, the time line, the report, and results that stay the same."""

import errno
import json
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from shutil import copytree

import h5py
import numpy as np
import pytest

import gridloom as package
from gridloom.scenarios import cli, runner
from gridloom.scenarios.results.wall_times import WallTimes
from gridloom.simulators.errors import DivergenceError

Command = Callable[..., tuple[int, str, str]]

TINY = """
name: tiny
start: 2021-06-21T17:00:00+02:00
duration: 5min
step_size: 30s
seed: 3
simulators:
  grid: {type: grid, network: {name: simple_four_bus_system}, phases: balanced}
  load: {type: load, profile: {generator: household}}
  ev:
    type: ev_fleet
    sessions:
      - {charging_point: load1, arrival: 0s, departure: 8min, arrival_state_of_charge: 0.4}
controllers:
  charging: {type: basic, controls: ev}
"""
MODELS = {"grid", "load", "ev", "charging"}

pytestmark = pytest.mark.usefixtures("no_figures")


@dataclass(frozen=True, kw_only=True)
class Finished:
    """A run on the command line, only to be read."""

    folder: Path
    out: str
    """What was printed."""


@pytest.fixture(scope="module")
def finish(
    tmp_path_factory: pytest.TempPathFactory, undrawn: Callable[[], AbstractContextManager[None]]
) -> Callable[..., Finished]:
    """Return a function that runs the tiny scenario in a folder of its own."""

    def run(*options: str) -> Finished:
        folder = tmp_path_factory.mktemp("tiny")
        (folder / "tiny.yaml").write_text(TINY)
        printed = StringIO()
        with undrawn(), pytest.MonkeyPatch.context() as patch, redirect_stdout(printed):
            patch.chdir(folder)
            patch.setattr(sys, "argv", ["gridloom", "run", "tiny.yaml", *options])
            with pytest.raises(SystemExit) as caught:
                cli.main()
        assert not caught.value.code
        return Finished(folder=_folder(folder / "outputs"), out=printed.getvalue())

    return run


@pytest.fixture(scope="module")
def plain(finish: Callable[..., Finished]) -> Finished:
    return finish()


@pytest.fixture(scope="module")
def traced(finish: Callable[..., Finished]) -> Finished:
    return finish("--trace")


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.yaml"
    path.write_text(TINY)
    return path


def _folder(below: Path) -> Path:
    (folder,) = (path for path in below.iterdir() if "comparison" not in path.name)
    return folder


def _datasets(record: Path) -> dict[str, bytes]:
    found: dict[str, bytes] = {}

    def collect(name: str, item: object) -> None:
        if isinstance(item, h5py.Dataset):
            values = item[()]
            is_text = item.dtype == object
            found[name] = repr(values).encode() if is_text else np.asarray(values).tobytes()

    with h5py.File(record) as file:
        file.visititems(collect)
    return found


def _wall_times(record: Path) -> WallTimes:
    with h5py.File(record) as file:
        times = WallTimes.of(file.attrs)
    assert times is not None
    return times


def _rows(out: str) -> dict[str, list[str]]:
    """The lines of the table by their first word."""
    lines = out.partition("Where the time went")[2].splitlines()
    return {line.split()[0]: line.split()[1:] for line in lines if line.strip()}


def test_the_table_has_a_line_for_everything(traced: Finished) -> None:
    rows = _rows(traced.out)
    assert rows.keys() >= MODELS | {"recording", "mosaik", "start", "end", "total"}
    for name in MODELS:
        assert rows[name][0] == "10"  # 5 min in steps of 30 s
    assert rows["total"][-1] == "100.0"
    assert f"outputs/{traced.folder.name}/trace.json" in traced.out


def test_neither_results_nor_their_place_depend_on_tracing(
    traced: Finished, plain: Finished
) -> None:
    assert traced.folder.name == plain.folder.name
    assert _datasets(traced.folder / "record.h5") == _datasets(plain.folder / "record.h5")
    assert (traced.folder / "trace.json").exists()
    assert not (plain.folder / "trace.json").exists()
    assert "Where the time went" not in plain.out


def test_every_record_tells_the_totals(plain: Finished) -> None:
    record = plain.folder / "record.h5"
    times = _wall_times(record)
    assert times.models.keys() == MODELS
    assert {each.steps for each in times.models.values()} == {10}
    *parts, total = times.rows()
    assert sum(row.spent_s for row in parts) == pytest.approx(total.spent_s)
    with h5py.File(record) as file:
        assert file.attrs["wall_time_s"] == times.total_s
        assert file.attrs["wall_time_grid_s"] == times.models["grid"].step_s


def test_the_time_line_is_of_this_run(traced: Finished) -> None:
    trace = json.loads((traced.folder / "trace.json").read_text())
    assert trace["otherData"] == {"run": traced.folder.name}
    steps = [e["name"] for e in trace["traceEvents"] if e["ph"] == "X"]
    for name in MODELS | {"recording rows"}:
        assert steps.count(name) == 10


def test_a_run_shown_again_has_no_time_line_unless_computed_again(
    gridloom: Command, tiny: Path, plain: Finished
) -> None:
    written = tiny.parent / "outputs" / plain.folder.name / "trace.json"
    copytree(plain.folder, written.parent)
    _, out, _ = gridloom("run", "tiny.yaml", "--trace")
    assert "complete before and has no time line: compute it again with --force --trace" in out
    assert _rows(out)["total"][-1] == "100.0"  # the totals are known all the same
    assert not written.exists()
    _, out, _ = gridloom("run", "tiny.yaml", "--trace", "--force")
    assert "trace.json" in out
    assert written.exists()


def test_a_time_line_does_not_outlive_its_run(
    gridloom: Command, tiny: Path, traced: Finished
) -> None:
    folder = tiny.parent / "outputs" / traced.folder.name
    copytree(traced.folder, folder)
    gridloom("run", "tiny.yaml", "--force")
    assert _folder(tiny.parent / "outputs") == folder
    assert not (folder / "trace.json").exists()
    assert 'href="trace.json"' not in (folder / "report.html").read_text()


def test_variants_have_a_table_each(gridloom: Command, tiny: Path) -> None:
    tiny.write_text(TINY + "variants:\n  cold: {seed: 1}\n  warm: {seed: 2}\n")
    _, out, _ = gridloom("run", "tiny.yaml", "--trace")
    assert "Where the time went: tiny cold" in out
    assert "Where the time went: tiny warm" in out
    assert out.count("trace.json") == 2


def test_the_report_shows_where_the_time_went(plain: Finished) -> None:
    page = (plain.folder / "report.html").read_text()
    section = page.partition('id="wall-times"')[2].partition("</section>")[0]
    for name in MODELS | {"recording", "mosaik", "start", "end", "total"}:
        assert f'<th scope="row">{name}</th>' in section
    assert "trace.json" not in section


def test_the_report_links_the_time_line(traced: Finished) -> None:
    page = (traced.folder / "report.html").read_text()
    assert '<a href="trace.json">' in page


def test_a_full_disk_costs_the_time_line_not_the_run(
    gridloom: Command, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(runner, "write_trace", fail)
    code, out, _ = gridloom("run", "tiny.yaml", "--trace")
    assert code == 0
    assert "no time line" in out
    folder = _folder(tiny.parent / "outputs")
    assert "trace.json: No space left on device" in (folder / "run.log").read_text()


def test_a_run_that_fails_tells_where_its_time_went(tiny: Path) -> None:
    """The load is beyond what the lines carry from 17:02 on."""
    houses = "".join(f"{m},{1 if m < 1022 else 5000},1\n" for m in range(1440))
    (tiny.parent / "houses.csv").write_text("minute,load1,load2\n" + houses)
    profile = ["simulators.load.profile.generator=null", "simulators.load.profile.file=houses.csv"]
    with pytest.raises(DivergenceError):
        package.run(tiny, out=tiny.parent / "outputs", overrides=profile)
    times = _wall_times(_folder(tiny.parent / "outputs") / "record.partial.h5")
    assert times.models["load"].steps == 5  # 0 s to 120 s
    assert times.recording.steps == 4


@pytest.mark.slow
def test_a_model_in_its_own_process_is_measured_there(gridloom: Command, tiny: Path) -> None:
    """The results are the same to the last bit; the transfer is now a true one."""
    gridloom("run", "tiny.yaml", "--out", "here")
    placed = "simulators.load.placement=process"
    code, _, _ = gridloom("run", "tiny.yaml", "--out", "there", "--trace", "--set", placed)
    assert code == 0
    here, there = _folder(tiny.parent / "here"), _folder(tiny.parent / "there")
    assert _datasets(here / "record.h5") == _datasets(there / "record.h5")
    load = _wall_times(there / "record.h5").models["load"]
    assert load.steps == 10
    assert 0 < load.step_s < load.spent_s

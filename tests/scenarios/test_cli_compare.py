"""`gridloom compare`, and the comparison that a run of several variants ends with."""

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from shutil import copytree
from typing import TypeAlias

import h5py
import pytest

import gridloom
from gridloom.scenarios.results.record import RunStatus

Command: TypeAlias = Callable[..., tuple[int, str, str]]

GENTLE = '''
from typing import ClassVar
import numpy as np
from gridloom.controllers.controller import Controller, ControllerConfig
from gridloom.simulators.signals import POWER_MAX, POWER_SETPOINT, Information

class GentleConfig(ControllerConfig):
    """Charges with a share of the rated power."""
    share: float = 0.5
    """Of the rated power."""

class Gentle(Controller):
    """Charges slowly."""
    Config = GentleConfig
    information: ClassVar[frozenset[Information]] = frozenset({Information.SESSIONS_PLUGGED_IN})
    observes = (POWER_MAX,)
    decides = (POWER_SETPOINT,)
    def __init__(self, config, context):
        super().__init__(config, context)
        self._share = config.share
    def decide(self, time, observation):
        return {POWER_SETPOINT.name: observation[POWER_MAX.name] * self._share}
'''
STREET = """
name: street
title: Two houses on a short street
start: 2021-06-21T17:00:00+02:00
duration: 10min
step_size: 10s
seed: 3
simulators:
  grid: {type: grid, network: {name: simple_four_bus_system}, phases: balanced}
  load: {type: load, profile: {constant_kw: 1}}
  ev:
    type: ev_fleet
    sessions:
      - {charging_point: load1, arrival: 1min, departure: 8min, arrival_state_of_charge: 0.79}
      - {charging_point: load2, arrival: 0s, departure: 2h, arrival_state_of_charge: 0.2}
  market:
    type: imbalance_market
    settlement_period: 5min
    prices: {shortage_eur_per_mwh: [100], surplus_eur_per_mwh: [50]}
variants:
  basic: {controllers: {charging: {type: basic, controls: ev}}}
  gentle: {controllers: {charging: {type: "comparison_gentle:Gentle", controls: ev}}}
"""


@pytest.fixture(name="drawing")
def _drawing(gridloom: Command) -> Command:
    """Call the command line in this process from an empty folder."""
    return gridloom


@pytest.fixture
def command(gridloom: Command, no_figures: None) -> Command:
    """The same without figures, which are what most of a comparison's time goes into."""
    return gridloom


@pytest.fixture(scope="module", autouse=True)
def gentle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Make `comparison_gentle:Gentle` importable, as if installed."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "comparison_gentle.py").write_text(GENTLE, encoding="utf-8")
    sys.path.append(str(folder))
    yield
    sys.path.remove(str(folder))


@pytest.fixture
def street(tmp_path: Path) -> Path:
    path = tmp_path / "street.yaml"
    path.write_text(STREET)
    return path


@pytest.fixture(scope="module")
def finished(
    gentle: None,
    tmp_path_factory: pytest.TempPathFactory,
    undrawn: Callable[[], AbstractContextManager[None]],
) -> Path:
    """A folder with runs of both variants, and of one with another setting and another seed."""
    folder = tmp_path_factory.mktemp("study")
    source = folder / "street.yaml"
    source.write_text(STREET)
    with undrawn():
        for out, override in (
            ("runs", ()),
            ("setting", ("variants.gentle.controllers.charging.share=0.7",)),
            ("case", ("seed=9",)),
        ):
            gridloom.run(source, out=folder / out, overrides=override, variant="gentle")
        gridloom.run(source, out=folder / "runs", variant="basic")
    return folder


@pytest.fixture
def runs(finished: Path) -> list[str]:
    """Folders of the runs of both variants, basic first."""
    return sorted(str(path) for path in (finished / "runs").iterdir())


def test_variants_are_compared_after_their_runs(command: Command, street: Path) -> None:
    code, out, err = command("run", str(street))
    assert (code, err) == (0, "")
    (folder,) = Path("outputs").glob("street-comparison-*")
    assert {path.name for path in folder.iterdir()} == {"comparison.html", "comparison.csv"}
    assert f"{folder}/comparison.html" in out
    assert "energy-adjusted cost J" in out
    assert out.count("report.html") == 2
    assert len(out.splitlines()) <= 30
    _, again, _ = command("run", str(street))
    assert again.count("complete before, shown") == 2
    assert len(list(Path("outputs").glob("street-comparison-*"))) == 1


def test_a_single_variant_is_not_compared(command: Command, street: Path) -> None:
    code, out, _ = command("run", str(street), "--variant", "basic", "--set", "duration=5min")
    assert code == 0
    assert "comparison" not in out
    assert not list(Path("outputs").glob("*comparison*"))


def test_variants_of_different_cases_are_compared_with_a_warning(
    command: Command, street: Path
) -> None:
    text = STREET.replace("gentle: {", "gentle: {seed: 4, ")
    street.write_text(text.replace("duration: 10min", "duration: 5min"))
    code, out, _ = command("run", str(street))
    assert code == 0
    assert "warning: The runs are not of one case: seed is 3 in 'basic' and 4 in 'gentle'" in out


def test_compare_takes_folders_and_records(drawing: Command, runs: list[str]) -> None:
    basic, gentle = runs
    code, out, err = drawing("compare", basic, f"{gentle}/record.h5", "--out", "here")
    assert (code, err) == (0, "")
    assert {path.name for path in Path("here").iterdir()} == {"comparison.html", "comparison.csv"}
    assert out.splitlines()[-2:] == ["here/comparison.html", "here/comparison.csv"]
    assert "<figure" in Path("here/comparison.html").read_text(encoding="utf-8")
    assert "gentle" in out


def test_a_pattern_may_match_comparisons_and_runs_twice(
    command: Command, runs: list[str], tmp_path: Path
) -> None:
    assert command("compare", *runs)[0] == 0
    comparisons = [str(path) for path in (tmp_path / "outputs").iterdir()]
    code, _, err = command("compare", *runs, *comparisons, f"{runs[0]}/record.h5")
    assert (code, err) == (0, "")
    assert [str(path) for path in (tmp_path / "outputs").iterdir()] == comparisons


def test_runs_that_differ_in_a_setting_are_told_apart(
    command: Command, runs: list[str], finished: Path
) -> None:
    (other,) = (finished / "setting").iterdir()
    code, out, _ = command("compare", *runs, str(other))
    assert code == 0
    assert "gentle (share=0.5)" in " ".join(out.split())
    assert "gentle (share=0.7)" in " ".join(out.split())


def test_another_case_is_refused_and_named(
    command: Command, runs: list[str], finished: Path
) -> None:
    (other,) = (finished / "case").iterdir()
    code, out, err = command("compare", *runs, str(other))
    assert (code, out) == (2, "")
    assert err.startswith("error: the runs are not of one case: seed is 3 in 'basic' and 9 in ")
    assert "--anyway" in err
    assert command("compare", *runs, str(other), "--anyway")[0] == 0


def test_a_run_that_did_not_complete_is_refused(
    command: Command, runs: list[str], tmp_path: Path
) -> None:
    left = tmp_path / "left"
    copytree(runs[1], left)
    with h5py.File(left / "record.h5", "r+") as file:
        file["run_status"][()] = RunStatus.INTERRUPTED
    (left / "record.h5").rename(left / "record.partial.h5")
    code, _, err = command("compare", runs[0], str(left))
    assert code == 2
    assert "the run 'gentle' is not complete (interrupted)" in err
    code, out, _ = command("compare", runs[0], str(left), "--anyway")
    assert code == 0
    assert "warning: The run 'gentle' is not complete" in out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("nowhere.h5", "neither"), "there is no record 'neither'"),
        (("street.yaml", "street.yaml"), "is not a record"),
        ((), "RECORD"),
    ],
)
def test_what_is_no_record_is_bad_input(
    command: Command, street: Path, arguments: tuple[str, ...], told: str
) -> None:
    code, out, err = command("compare", *arguments)
    assert (code, out) == (2, "")
    assert told in err
    assert "Traceback" not in err


def test_one_run_is_too_few(command: Command, runs: list[str]) -> None:
    code, _, err = command("compare", runs[0])
    assert code == 2
    assert "gridloom report" in err


def test_a_place_that_cannot_be_written(command: Command, runs: list[str], street: Path) -> None:
    code, _, err = command("compare", *runs, "--out", str(street))
    assert code == 2
    assert "--out" in err


def test_published_values_of_a_user_are_found_beside_the_scenario(
    command: Command, runs: list[str], finished: Path
) -> None:
    table = finished / "street.published.csv"
    table.write_text("scheme,kpi,of,value,unit,note\ngentle,losses_kwh,,0.5,kWh,as I remember\n")
    code, _, _ = command("compare", *runs, "--out", "here")
    assert code == 0
    assert "as I remember" in Path("here/comparison.html").read_text(encoding="utf-8")
    table.unlink()


def test_published_values_that_are_wrong_name_their_line(
    command: Command, runs: list[str], tmp_path: Path
) -> None:
    table = tmp_path / "mine.csv"
    table.write_text("scheme,kpi,of,value,unit\ngentle,losses_kwh,,much,kWh\n")
    code, _, err = command("compare", *runs, "--published", str(table))
    assert code == 2
    assert "mine.csv:2:1: 'much' is not a number" in err


def test_the_energy_price_can_be_given(command: Command, runs: list[str]) -> None:
    command("compare", *runs, "--out", "here", "--energy-price", "123")
    assert "123 EUR/MWh" in Path("here/comparison.html").read_text(encoding="utf-8")


def test_compare_explains_itself(command: Command) -> None:
    code, out, _ = command("compare", "--help")
    assert code == 0
    assert "--anyway" in out

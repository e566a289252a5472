"""Mistakes that users make, through the command line: one clear error, exit code 2, no files."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pandapower
import pytest

import gridloom as package
from gridloom.scenarios import runner
from gridloom.scenarios.results.record import RecordWriter

Command: TypeAlias = Callable[..., tuple[int, str, str]]
Refused: TypeAlias = Callable[..., str]

SMALL = """
name: small
start: 2021-06-21T17:00:00+02:00
duration: 30min
step_size: 1min
seed: 1
simulators:
  grid: {type: grid, network: {name: simple_four_bus_system}}
  load: {type: load, profile: {constant_kw: 1}}
  pv: {type: pv, area_m2: 30, efficiency: 0.2, irradiance: {constant_w_per_m2: 600}}
  ev: {type: ev_fleet, rated_power_kw: 7, sessions: []}
  market: {type: imbalance_market, prices: {shortage_eur_per_mwh: [9], surplus_eur_per_mwh: [8]}}
controllers:
  charging: {type: basic, controls: ev}
"""
LOADS = "time_s,load1,load2\n0,1,2\n900,1,2\n"
SESSIONS = "charging_point,arrival,departure,arrival_state_of_charge\n"

pytestmark = pytest.mark.usefixtures("no_figures")


@pytest.fixture
def refused(gridloom: Command, tmp_path: Path) -> Refused:
    """Run a scenario that is wrong, and return what is said of it."""

    def run(text: str | bytes, *options: str, **files: str | bytes) -> str:
        contents = {"small.yaml": text} | {n.replace("_", "."): c for n, c in files.items()}
        for name, content in contents.items():
            raw = content.encode() if isinstance(content, str) else content
            (tmp_path / name).write_bytes(raw)
        code, out, err = gridloom("run", "small.yaml", *options)
        assert (code, out) == (2, ""), err
        assert err.startswith("error: ")
        assert "Traceback" not in err
        assert {path.name for path in tmp_path.iterdir()} == set(contents), "nothing is written"
        return err

    return run


def changed(old: str, new: str) -> str:
    """Return the small scenario with one change."""
    assert old in SMALL
    return SMALL.replace(old, new, 1)


@pytest.mark.parametrize(
    ("change", "place", "told"),
    [
        (("seed:", "sed:"), "6:1: sed", "'seed'"),
        (("network:", "netwrk:"), "8:22: simulators.grid.netwrk", "'network'"),
        (("surplus_eur", "surplus_euro"), "prices.surplus_euro", "'surplus_eur_per_mwh'"),
        (("controls:", "control:"), "controllers.charging.control", "'controls'"),
        (("type: basic", "type: bsic"), "controllers.charging.type", "'basic'"),
        (("controls: ev", "controls: evs"), "controllers.charging.controls", "'ev'"),
        (("controls: ev", "controls: load"), "controllers.charging.controls", "power_max_kw"),
        (("power_kw: 7", "power_kw: 7 kW"), "11:24: simulators.ev.rated_power_kw", "unit"),
        (("power_kw: 7", "power_kw: '7,5'"), "simulators.ev.rated_power_kw", "write 7.5"),
        (("power_kw: 7", "power_kw: -7"), "simulators.ev.rated_power_kw", "greater than 0"),
        (
            ("rated_power_kw: 7", "energy_capacity_kwh: -40"),
            "energy_capacity_kwh",
            "greater than 0",
        ),
        (("rated_power_kw: 7", "required_state_of_charge: 80"), "required_state", "mean 0.8?"),
        (("efficiency: 0.2", "efficiency: 20"), "simulators.pv.efficiency", "at most 1"),
        (("seed: 1", "seed: -1"), "6:1: seed", "at least 0"),
        (("17:00:00+02", "17:00:00.5+02"), "3:1: start", "whole seconds"),
        (("2021-06-21T", "0001-06-21T"), "3:1: start", "from 1900"),
        (("2021-06-21T", "2300-06-21T"), "3:1: start", "to 2199"),
        (("30min", "90000d"), "4:1: duration", "steps"),
        (("30min", "1400d\nrecord: {signals: all}\nsteps: 1s"), "steps", "unknown key"),
        (("step_size: 1min", "step_size: 7min"), "step_size", "7min"),
        (("name: small", "name: a/b"), "2:1: name", "a-b"),
    ],
)
def test_wrong_keys_and_values(
    refused: Refused, change: tuple[str, str], place: str, told: str
) -> None:
    err = refused(changed(*change))
    assert place in err
    assert told in err


@pytest.mark.parametrize(
    ("change", "place", "told"),
    [
        (("  load:", "  grid2: {type: grid, network: {name: case33bw}}\n  load:"), "grid2", "sev"),
        (("type: grid,", "type: grid, phases: unbalanced,"), "grid.phases", "zero-sequence"),
        (("type: grid,", "type: grid, source_voltage_pu: 230,"), "source_voltage_pu", "per unit"),
        (("type: grid,", "type: grid, voltage_limits_pu: [90, 110],"), "limits_pu[0]", "per unit"),
        (("type: grid,", "type: grid, line_ratings_a: {L7: 9},"), "ratings_a.L7", "line1, line2"),
        (("simulators:", "groups: {A: [load9]}\nsimulators:"), "groups.A[0]", "load1, load2"),
        (("area_m2: 30", "at: A"), "simulators.pv.at", "load1, load2"),
        (
            (
                "prices: {shortage_eur_per_mwh: [9]",
                "settlement_period: 5min, prices: {shortage_eur_per_mwh: [9, 9]",
            ),
            "market.prices",
            "period",
        ),
        (("prices:", "settlement_period: 90s, prices:"), "simulators.market", "multiple"),
        (("[]", "{generator: period_table, period: 15min}"), "ev.sessions", "arrivals"),
        (("controllers:", "#"), "simulators.ev", "add a controller"),
    ],
)
def test_wrong_grids_and_markets(
    refused: Refused, change: tuple[str, str], place: str, told: str
) -> None:
    text = changed(*change)
    err = refused(text.replace("  charging", "#") if change[1] == "#" else text)
    assert place in err
    assert told in err


@pytest.mark.parametrize(
    ("addition", "place", "told"),
    [
        ("record: {signals: {grid: [voltage]}}", "record.signals.grid[0]", "'voltage_pu'"),
        ("record: {signals: {grid: [power_kw]}}", "record.signals.grid[0]", "no output"),
        ("record: {signals: {gird: [voltage_pu]}}", "record.signals.gird", "'grid'"),
        ("couplings: [{from: pv.power, to: grid.power_kw}]", "couplings[0].from", "'power_kw'"),
        ("couplings: [{from: pv.power_kw, to: gird.power_kw}]", "couplings[0].to", "'grid'"),
        ("couplings: [{from: pv, to: grid}]", "couplings[0].from", "a model and its signal"),
        ("variants: {a: {simulator: {}}}", "variants.a.simulator", "'simulators'"),
        ("variants: [a]", "variants", "a mapping"),
        ("base: small.yaml", "base", "based on itself"),
    ],
)
def test_wrong_additions(refused: Refused, addition: str, place: str, told: str) -> None:
    err = refused(f"{SMALL}\n{addition}\n")
    assert place in err
    assert told in err


@pytest.mark.parametrize(
    ("option", "told"),
    [
        ("seed", "the value is missing"),
        ("=7", "this is no override"),
        ("simulators..ev=1", "this is no override"),
        ("seeed=7", "did you mean 'seed'?"),
        ("simulators.ev.rated_power=7", "did you mean 'rated_power_kw'?"),
        ("simulators.evs.rated_power_kw=7", "did you mean the model 'ev'?"),
        ("simulators.pv=3", "a mapping"),
    ],
)
def test_wrong_overrides(refused: Refused, option: str, told: str) -> None:
    err = refused(SMALL, "--set", option)
    assert f"--set {option}: " in err
    assert told in err


def test_unknown_variant(refused: Refused) -> None:
    err = refused(f"{SMALL}\nvariants: {{fast: {{seed: 2}}}}\n", "--variant", "fats")
    assert "did you mean 'fast'?" in err


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "empty"),
        (bytes(range(256)), "not a text file"),
        (SMALL.encode("utf-16"), "not a text file"),
        (b"- a\n", "a list"),
        (SMALL.replace("  grid", "\tgrid").encode(), "small.yaml:8:1: indented with a tab"),
        (SMALL.replace("}}", "}", 1).encode(), "small.yaml:8:"),
    ],
    ids=["empty", "binary", "UTF-16", "list", "tab", "bracket"],
)
def test_files_that_are_no_scenario(refused: Refused, content: bytes, told: str) -> None:
    assert told in refused(content)


def test_a_folder_instead_of_a_file(gridloom: Command, tmp_path: Path) -> None:
    (tmp_path / "study.yaml").mkdir()
    code, _, err = gridloom("run", "study.yaml")
    assert (code, "is a folder" in err) == (2, True)


@pytest.mark.parametrize(
    ("csv", "told"),
    [
        (
            LOADS.replace("900,1", "900,nan"),
            "load.csv:3:1: simulators.load.profile: column 'load1'",
        ),
        (LOADS.replace("900,1", "900,one"), "has 'one' instead of a finite number"),
        (LOADS.replace("900,1,2", "900,1,5,2"), "load.csv:3:1: simulators.load.profile: the row"),
        (LOADS.replace(",", ";"), "separated by semicolons"),
        (LOADS.replace(",", "\t"), "separated by tabs"),
        (LOADS.replace("load2", "load3"), "no column for load2"),
        (LOADS.replace("900", "600"), "shorter than the run"),
        (LOADS.replace("0,1,2\n900", "900,1,2\n0"), "the times do not increase"),
        (LOADS.replace("time_s", "time").replace("0,1", "2019-06-21T17:00:00,1"), "time zone"),
        ("", "the file is empty"),
        ("time_s,load1,load2\n", "no rows"),
        (bytes(range(128, 256)), "not a text file"),
    ],
)
def test_wrong_profiles(refused: Refused, csv: str | bytes, told: str) -> None:
    text = changed("constant_kw: 1", "file: load.csv")
    assert told in refused(text, load_csv=csv)


@pytest.mark.parametrize("told", ["does not exist", "is a folder", "cannot be read"])
def test_profiles_that_cannot_be_opened(
    gridloom: Command, tmp_path: Path, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "small.yaml").write_text(changed("constant_kw: 1", "file: load.csv"))
    if told == "is a folder":
        (tmp_path / "load.csv").mkdir()
    elif told == "cannot be read":
        (tmp_path / "load.csv").write_text(LOADS)
        # The superuser may read everything, so permissions alone do not show it everywhere.
        monkeypatch.setattr(os, "access", lambda *_: False)
    code, _, err = gridloom("run", "small.yaml")
    assert code == 2
    assert "small.yaml:9:32: simulators.load.profile.file: " in err
    assert told in err


@pytest.mark.parametrize(
    "csv",
    [
        LOADS.encode("utf-8-sig"),
        LOADS.replace("\n", "\r\n").encode(),
        LOADS.replace("\n", "\n\n").encode(),
    ],
    ids=["byte order mark", "CRLF", "blank lines"],
)
def test_profiles_as_spreadsheets_write_them(gridloom: Command, tmp_path: Path, csv: bytes) -> None:
    (tmp_path / "small.yaml").write_text(changed("constant_kw: 1", "file: load.csv"))
    (tmp_path / "load.csv").write_bytes(csv)
    assert gridloom("validate", "--build", "small.yaml")[0] == 0


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("load1,20min,10min,0.5", "ev.csv:2:1: simulators.ev.sessions.file: the departure"),
        (
            "load1,0s,20min,0.5\nload1,10min,30min,0.5",
            "ev.csv:3:1: simulators.ev.sessions.file: at",
        ),
        ("load1,0s,20min,80", "did you mean 0.8?"),
        ("load9,0s,20min,0.5", "one of load1, load2"),
        ("load1,17:10,18:00,0.5", "12min"),
        ("load1,0s", "the row has 2 cells, the header 4"),
        ("load1;0s;20min;0.5", "the row has 1 cells"),
    ],
)
def test_wrong_sessions(refused: Refused, row: str, told: str) -> None:
    text = changed("sessions: []", "sessions: {file: ev.csv}")
    assert told in refused(text, ev_csv=f"{SESSIONS}{row}\n")


def street() -> Any:
    """Return a net of two houses on one line."""
    net = pandapower.create_empty_network()
    station, first, second = (pandapower.create_bus(net, 0.4) for _ in range(3))
    pandapower.create_ext_grid(net, station)
    for bus, here, name in ((station, first, "a"), (first, second, "b")):
        pandapower.create_line(net, bus, here, 0.1, "NAYY 4x150 SE", name=f"line {name}")
        pandapower.create_load(net, here, 0.001, name=name)
    return net


def _set(table: str, column: str, value: object) -> Callable[[Any], None]:
    def change(net: Any) -> None:
        net[table][column] = net[table][column].astype(object)
        net[table].at[1 if len(net[table]) > 1 else 0, column] = value

    return change


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (_set("ext_grid", "in_service", False), "no external grid"),
        (lambda net: net.load.drop(net.load.index, inplace=True), "no load"),
        (_set("line", "to_bus", 77), "'line': to_bus is no bus of the network at index 1 (line b)"),
        (_set("load", "bus", 77), "'load': bus is no bus of the network at index 1 (b)"),
        (_set("line", "length_km", 0.0), "'line': length_km is wrong at index 1 (line b)"),
        (_set("line", "r_ohm_per_km", np.nan), "'line': r_ohm_per_km is wrong"),
        (lambda net: net.line.drop(columns="x_ohm_per_km", inplace=True), "x_ohm_per_km is wrong"),
        (_set("bus", "vn_kv", 10.0), "'line': vn_kv differs between the two ends"),
        (
            lambda net: net.line.__setitem__(["r_ohm_per_km", "x_ohm_per_km"], 0.0),
            "neither resistance nor reactance at index 0 (line a), 1 (line b)",
        ),
        (lambda net: pandapower.create_gen(net, 2, 0.001), "use 'engine: pandapower'"),
    ],
)
def test_wrong_networks(
    refused: Refused, change: Callable[[Any], None], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    net = street()
    change(net)
    # As from a file, which takes pandapower a second; the cache does not know of it.
    monkeypatch.setenv("GRIDLOOM_CACHE", "off")
    target = "gridloom.simulators.grid.network.read_pandapower_net"
    monkeypatch.setattr(target, lambda source, context: net)
    err = refused(SMALL)
    assert "small.yaml:8:" in err
    assert "simulators.grid" in err
    assert told in err


@pytest.mark.parametrize("content", ["", "{", "[1]", '{"a": 1}', "<html>"])
def test_files_that_are_no_network(refused: Refused, content: str) -> None:
    err = refused(changed("name: simple_four_bus_system", "file: net.json"), net_json=content)
    assert "small.yaml:8:32: simulators.grid.network.file: 'net.json' is not a pandapower" in err


def test_names_of_any_kind(gridloom: Command, tmp_path: Path) -> None:
    net = street()
    net.load["name"] = ["Straße 1/a.b", "Straße 1/a.b"]
    net.line["name"] = ["", None]
    pandapower.to_json(net, str(tmp_path / "net.json"))
    text = changed("name: simple_four_bus_system", "file: net.json")
    (tmp_path / "small.yaml").write_text(text, encoding="utf-8")
    code, _, err = gridloom("run", "small.yaml")
    assert (code, err) == (0, "")
    (folder,) = (tmp_path / "outputs").iterdir()
    with package.open_record(folder / "record.h5") as record:
        names = record["grid"].to_dataset()["connection_point"].to_numpy().tolist()
    assert names == ["Straße 1/a.b", "Straße 1/a.b (2)"]


def test_houses_without_supply_are_named(gridloom: Command, tmp_path: Path) -> None:
    net = street()
    net.line.loc[1, "in_service"] = False
    pandapower.to_json(net, str(tmp_path / "net.json"))
    (tmp_path / "small.yaml").write_text(changed("name: simple_four_bus_system", "file: net.json"))
    _, out, _ = gridloom("describe", "small.yaml")
    said = " ".join(out.split())
    assert "no external grid reaches 1 of 2 connection points" in said
    assert "missing in the power flow: b " in said


def test_a_run_without_any_solution_claims_nothing(gridloom: Command, tmp_path: Path) -> None:
    text = changed("constant_kw: 1", "constant_kw: 90000")
    text = text.replace("type: grid,", "type: grid, on_divergence: hold,")
    (tmp_path / "small.yaml").write_text(text)
    code, out, _ = gridloom("run", "small.yaml")
    assert code == 0
    rows = {line.split("  ")[1]: line.split() for line in out.splitlines() if line[:2] == "  "}
    assert rows["time with an overloaded line"][-2] == "-"
    assert rows["grid losses"][-2] == "-"
    assert rows["steps without a power flow solution"][-1] == "30"


def test_a_failed_run_says_where_its_record_is(gridloom: Command, tmp_path: Path) -> None:
    sessions = SESSIONS + "load1,10min,30min,0.1\n"
    (tmp_path / "ev.csv").write_text(sessions)
    text = changed("sessions: []", "sessions: {file: ev.csv}").replace("_kw: 7", "_kw: 70000")
    (tmp_path / "small.yaml").write_text(
        text.replace("ev_fleet,", "ev_fleet, energy_capacity_kwh: 900000,")
    )
    code, _, err = gridloom("run", "small.yaml")
    assert code == 3
    assert "simulator 'grid'" in err
    assert "at simulation time 600 s" in err
    (folder,) = (tmp_path / "outputs").iterdir()
    assert f"the record so far: outputs/{folder.name}/record.partial.h5" in err
    with package.open_record(folder / "record.partial.h5") as record:
        assert record["grid"].sizes["time"] == 10
    code, out, _ = gridloom("report", str(folder))
    assert (code, out.strip()) == (0, str(folder / "report.html"))
    assert "not complete" in (folder / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(("number", "expected"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_run_keeps_its_record(
    gridloom: Command,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    number: signal.Signals,
    expected: int,
) -> None:
    write = RecordWriter.write

    def write_and_interrupt(self: RecordWriter, model: str, time_s: int, values: Any) -> None:
        write(self, model, time_s, values)
        if (model, time_s) == ("grid", 600):
            os.kill(os.getpid(), number)

    monkeypatch.setattr(RecordWriter, "write", write_and_interrupt)
    (tmp_path / "small.yaml").write_text(SMALL)
    code, _, err = gridloom("run", "small.yaml")
    assert code == expected
    assert "interrupted at simulation time 600 s" in err
    (folder,) = (tmp_path / "outputs").iterdir()
    assert "interrupted at simulation time 600 s" in (folder / "run.log").read_text()
    with package.open_record(folder / "record.partial.h5") as record:
        assert record["grid"].sizes["time"] == 11
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    assert runner.run("small.yaml")[0].computed


@pytest.mark.slow
def test_a_killed_run_can_be_read_and_repeated(gridloom: Command, tmp_path: Path) -> None:
    (tmp_path / "small.yaml").write_text(changed("30min", "60d"))
    script = "from gridloom.scenarios.cli import main; main()"
    arguments = [sys.executable, "-c", script, "run", "small.yaml"]
    process = subprocess.Popen(arguments, cwd=tmp_path, stderr=subprocess.DEVNULL)
    kill = threading.Timer(60, process.kill)
    kill.start()
    while not list(tmp_path.glob("outputs/*/record.partial.h5")) and process.poll() is None:
        time.sleep(0.1)
    time.sleep(2.5)  # flushed every second
    process.kill()
    process.wait()
    kill.cancel()
    (folder,) = (tmp_path / "outputs").iterdir()
    with package.open_record(folder / "record.partial.h5") as record:
        assert record["grid"].sizes["time"] > 0
    assert gridloom("run", "small.yaml", "--set", "duration=30min")[0] == 0


@pytest.mark.parametrize("out", ["taken", "taken/below"])
def test_output_below_a_file(gridloom: Command, tmp_path: Path, out: str) -> None:
    (tmp_path / "small.yaml").write_text(SMALL)
    (tmp_path / "taken").touch()
    code, _, err = gridloom("run", "small.yaml", "--out", out)
    assert code == 2
    assert "taken is not a folder" in err
    assert "--out DIR" in err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["absent.h5"], "there is no record 'absent.h5'"),
        (["."], "there is no record 'record.h5'"),
        (["small.yaml"], "'small.yaml' is not a record"),
    ],
)
def test_reports_of_nothing(
    gridloom: Command, tmp_path: Path, arguments: list[str], told: str
) -> None:
    (tmp_path / "small.yaml").write_text(SMALL)
    code, _, err = gridloom("report", *arguments)
    assert (code, told in err) == (2, True)


def test_a_report_that_cannot_be_written(gridloom: Command, tmp_path: Path) -> None:
    (tmp_path / "small.yaml").write_text(changed("30min", "1min"))
    gridloom("run", "small.yaml")
    (folder,) = (tmp_path / "outputs").iterdir()
    code, _, err = gridloom("report", str(folder), "--out", ".")
    assert code == 2
    assert "cannot write '.'" in err

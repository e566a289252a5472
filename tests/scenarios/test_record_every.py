"""`record: every`: the same run recorded a row a step, and a row for several of them."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pytest
import xarray as xr
from typing_extensions import override

from gridloom.scenarios.composition import compose
from gridloom.scenarios.reader import read_scenario
from gridloom.scenarios.recorded_rows import record_problems, row_length_s
from gridloom.scenarios.results.kpis import Kpi
from gridloom.scenarios.results.record import NETTED_POWER, RecordWriter, open_record
from gridloom.scenarios.results.record.reader import open_file
from gridloom.scenarios.results.record.rows import read_valid_rows
from gridloom.scenarios.results.report import write_report
from gridloom.scenarios.runner import run_variant
from gridloom.simulators.errors import SimulatorError
from gridloom.simulators.model import BuildContext, Direction, Model, Port
from gridloom.simulators.signals import POWER

Kpis: TypeAlias = dict[tuple[str, str], Kpi]

STREET = """
name: street
start: 2021-06-21T17:00:00+02:00
duration: 30min
step_size: 10s
seed: 3
simulators:
  grid: {type: grid, network: {name: simple_four_bus_system}, phases: balanced}
  load: {type: load, profile: {generator: household}, step_size: 30s}
  pv:
    type: pv
    area_m2: 60
    irradiance: {generator: widen_munkhammar, latitude_deg: 48, longitude_deg: 11}
  ev:
    type: ev_fleet
    sessions:
      - {charging_point: load1, arrival: 1min, departure: 8min, arrival_state_of_charge: 0.79,
         required_state_of_charge: 0.8}
      - {charging_point: load2, arrival: 0s, departure: 22min, arrival_state_of_charge: 0.2}
      - {charging_point: load2, arrival: 26min, departure: 2h, arrival_state_of_charge: 0.3}
  market:
    type: imbalance_market
    settlement_period: 3min
    prices: {shortage_eur_per_mwh: [100], surplus_eur_per_mwh: [50]}
controllers:
  charging: {type: basic, controls: ev}
"""
EVERY_S, STEP_S = 300, 10
NOT_EXACT = "(of "


def _run(folder: Path, text: str, *overrides: str) -> tuple[Path, Kpis]:
    source = folder / "street.yaml"
    source.write_text(text)
    document = read_scenario(source, overrides)
    run = run_variant(document, None, folder / "outputs", report=False)
    return run.folder.record, {(kpi.name, kpi.of): kpi for kpi in run.kpis}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("street")


@pytest.fixture(scope="module")
def every_step(folder: Path) -> tuple[Path, Kpis]:
    return _run(folder, STREET)


@pytest.fixture(scope="module")
def every_five_minutes(folder: Path) -> tuple[Path, Kpis]:
    return _run(folder, STREET, "record.every=5min")


def _over_rows(steps: xr.DataArray, rows: xr.DataArray) -> xr.DataArray:
    """Put steps together as xarray does, by what the row's cell method says."""
    length = int((rows["time"][1] - rows["time"][0]) / np.timedelta64(1, "s"))
    resampled = steps.resample(time=f"{length}s")
    match rows.attrs["cell_methods"].removeprefix("time: ").split(" ("):
        case ["mean", _]:
            return resampled.mean()
        case ["minimum", _]:
            return resampled.min()
        case ["maximum", _]:
            return resampled.max()
        case ["point"]:
            return resampled.map(lambda group: group.isel(time=-1))
        case ["point", _]:
            return resampled.last(skipna=True)
        case ["sum", _]:
            return resampled.sum(skipna=True)
        case other:
            raise AssertionError(other)


def test_rows_are_what_xarray_makes_of_the_steps(
    every_step: tuple[Path, Kpis], every_five_minutes: tuple[Path, Kpis]
) -> None:
    compared = 0
    with open_record(every_step[0]) as fine, open_record(every_five_minutes[0]) as coarse:
        for name, group in coarse.children.items():
            steps = fine[name].to_dataset()
            for variable, rows in group.data_vars.items():
                if "cell_methods" not in rows.attrs:
                    xr.testing.assert_identical(rows, steps[variable])
                    continue
                if str(variable) == NETTED_POWER:
                    continue  # what no cell method of CF tells: see test_record_several_steps
                of_step = str(variable)
                for suffix in ("_min", "_max", "_last"):
                    of_step = of_step if of_step in steps else of_step.removesuffix(suffix)
                expected = _over_rows(steps[of_step], rows)
                np.testing.assert_allclose(
                    rows.to_numpy(), expected.to_numpy(), rtol=1e-12, atol=1e-12
                )
                np.testing.assert_array_equal(rows["time"], expected["time"])
                assert rows.attrs["units"] == steps[of_step].attrs["units"]
                compared += 1
        assert compared >= 20
        assert coarse["grid"].attrs["step_size_s"] == EVERY_S
        assert coarse["grid"].attrs["model_step_size_s"] == STEP_S
        assert "model_step_size_s" not in fine["grid"].attrs
        # The imbalance begins anew every 3 min: gcd(5 min, 3 min) is the longest row that shows all
        assert coarse["market"].attrs["step_size_s"] == 60
        assert int(coarse["committed_time_s"]) == 1800


def test_indicators_are_exact_or_say_that_they_are_not(
    every_step: tuple[Path, Kpis], every_five_minutes: tuple[Path, Kpis]
) -> None:
    fine, coarse = every_step[1], every_five_minutes[1]
    assert coarse.keys() == fine.keys()
    said = {key for key, kpi in coarse.items() if NOT_EXACT in kpi.label}
    for key in coarse.keys() - said:
        if "en50160" not in key[0]:  # exact as well, their label tells of means in any record
            np.testing.assert_allclose(coarse[key].value, fine[key].value, rtol=1e-9, err_msg=key)
    names = {name for name, _ in said}
    assert {"line_overload_duration_s", "self_consumption_percent"} <= names
    assert not names & {
        "line_loading_max_percent",
        "voltage_min_pu",
        "voltage_max_pu",
        "import_peak_kw",
        "losses_kwh",
        "imbalance_cost_eur",
        "missing_energy_kwh",
        "state_of_charge_at_departure_mean",
        "district_import_peak_15min_kw",
        "overloaded_lines",
    }
    assert not [kpi for kpi in fine.values() if NOT_EXACT in kpi.label]
    # The peak lies between two rows' means: it would be missed without the extremes
    with open_record(every_five_minutes[0]) as record:
        grid = record["grid"]
        assert float(grid["line_current_a"].max()) < float(grid["line_current_a_max"].max())


def test_energy_is_conserved(
    every_step: tuple[Path, Kpis], every_five_minutes: tuple[Path, Kpis]
) -> None:
    with open_record(every_step[0]) as fine, open_record(every_five_minutes[0]) as coarse:
        for name in ("load", "pv", "ev"):
            energies_kws = [
                (record[name]["power_kw"].sum("time") * record[name].attrs["step_size_s"])
                for record in (fine, coarse)
            ]
            np.testing.assert_allclose(energies_kws[0], energies_kws[1], rtol=1e-12)


@pytest.mark.parametrize(
    "elsewhere", [("fuse=true",), ("simulators.ev.placement=process",)], ids=["fused", "process"]
)
def test_rows_are_the_same_wherever_models_are_computed(
    folder: Path, every_five_minutes: tuple[Path, Kpis], elsewhere: tuple[str, ...]
) -> None:
    path, _ = _run(folder, STREET, "record.every=5min", *elsewhere)
    with open_record(every_five_minutes[0]) as one, open_record(path) as other:
        for name, group in one.children.items():
            xr.testing.assert_equal(group.to_dataset(), other[name].to_dataset())


def test_statistics_are_chosen_by_signal_or_for_all(folder: Path) -> None:
    path, kpis = _run(
        folder,
        STREET,
        "record.every=5min",
        "record.statistics={grid.line_current_a: [mean], pv.power_kw: [min]}",
    )
    with open_record(path) as record:
        assert "line_current_a_max" not in record["grid"]
        assert "bus_voltage_pu_min" in record["grid"]  # by default
        assert "power_kw_min" in record["pv"]
    assert kpis["line_loading_max_percent", ""].label == "highest line loading (of 5-min means)"
    path, kpis = _run(folder, STREET, "record.every=5min", "record.statistics=[]")
    with open_record(path) as record:
        assert not [v for v in record["grid"].data_vars if str(v).endswith(("_min", "_max"))]
    assert "of values every" in kpis["missing_energy_kwh", ""].label
    assert "5-min means" in kpis["voltage_min_pu", ""].label


def test_a_vehicle_that_comes_too_soon_hides_how_the_last_one_left(
    folder: Path, every_step: tuple[Path, Kpis]
) -> None:
    soon = STREET.replace("arrival: 26min", "arrival: 22min30s")
    _, fine = _run(folder, soon)
    _, coarse = _run(folder, soon, "record.every=5min")
    key = ("state_of_charge_at_departure_mean", "")
    assert coarse[key].label.endswith("(of values every 5 min)")
    # That at 20 min stands for that at 22 min, of one vehicle of two charging 11 kW of 50 kWh
    assert 0 < fine[key].value - coarse[key].value <= 11 / 30 / 50 / 2 + 1e-9
    assert fine["sessions_departed", ""].value == coarse["sessions_departed", ""].value


def test_record_is_run_again_as_it_was(folder: Path, every_five_minutes: tuple[Path, Kpis]) -> None:
    document = read_scenario(every_five_minutes[0])
    again = run_variant(document, None, folder / "outputs", report=False)
    assert (again.folder.record, again.computed) == (every_five_minutes[0], False)
    with open_record(again.folder.record) as record:
        assert json.loads(record.attrs["scenario"])["record"]["every"] == "5min"


def test_readers_see_whole_rows_only_while_the_run_goes_on(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[int, int]] = []
    advance = RecordWriter.advance

    def and_look(writer: RecordWriter, time_s: int) -> None:
        advance(writer, time_s)
        with open_file(writer.path) as root:
            valid = read_valid_rows(root)
        grid, market = (
            valid[name].in_place + len(valid[name].laid_aside.get("time", ()))
            for name in ("grid", "market")
        )
        seen.append((grid, market))

    monkeypatch.setattr(RecordWriter, "advance", and_look)
    monkeypatch.setattr("gridloom.scenarios.results.record.writer._FLUSH_INTERVAL_S", 0.0)
    _run(folder, STREET, "record.every=5min", "duration=15min", "fuse=true")
    # After the step that ends at t, the rows that begin before the oldest row that is not full
    complete_until_s = np.arange(STEP_S, 900 + STEP_S, STEP_S) // EVERY_S * EVERY_S
    assert [grid for grid, _ in seen] == (complete_until_s // EVERY_S).tolist()
    assert [market for _, market in seen] == (complete_until_s // 60).tolist()


FAILING = """
from typing import ClassVar
from gridloom.simulators.model import Model
from gridloom.simulators.quantities import ModelConfig

class Failing(Model):
    Config: ClassVar = ModelConfig
    ports = ()

    def __init__(self, config, context):
        super().__init__(context, config.step_size)

    def step(self, time, inputs):
        if time == 1490:
            raise RuntimeError("enough")
        return {}
"""


def test_run_that_ends_early_has_its_whole_rows_and_no_other(
    folder: Path, every_five_minutes: tuple[Path, Kpis]
) -> None:
    (folder / "failing_model.py").write_text(FAILING)
    text = STREET.replace("controllers:", "  late: {type: 'failing_model:Failing'}\ncontrollers:")
    source = folder / "failing.yaml"
    source.write_text(text.replace("name: street", "name: failing"))
    document = read_scenario(source, ["record.every=5min", "fuse=true"])
    with pytest.raises(SimulatorError, match="enough"):
        run_variant(document, None, folder / "outputs")
    (path,) = folder.glob("outputs/failing-*/record.partial.h5")
    with open_record(path) as record, open_record(every_five_minutes[0]) as complete:
        assert int(record["committed_time_s"]) == 1200  # the row from 20 min on was not full
        for name, group in record.children.items():
            if name == "late":
                continue
            rows = 1200 // group.attrs["step_size_s"]
            assert group.sizes["time"] == rows
            xr.testing.assert_equal(
                group.to_dataset(), complete[name].to_dataset().isel(time=slice(rows))
            )


def test_models_that_solve_or_negotiate_have_a_row_for_each_step(folder: Path) -> None:
    source = folder / "mcu.yaml"
    source.write_text("base: mcu-2020\nname: hourly\nrecord: {every: 1h}\n")
    document = read_scenario(source)
    composition = compose(document, document.scenario(next(iter(document.variants), None)))
    lengths = {
        name: (model.step_size, row_length_s(composition.scenario, name, model))
        for name, model in composition.models.items()
    }
    told = {name for name, (step_s, row_s) in lengths.items() if step_s < row_s}
    leaders = [name for name, model in composition.models.items() if model.leads_rounds]
    assert leaders
    assert not told & set(leaders)


def test_report_says_what_rows_cover(every_five_minutes: tuple[Path, Kpis]) -> None:
    path = every_five_minutes[0].with_name("report.html")
    with open_record(every_five_minutes[0]) as record:
        write_report(record, list(every_five_minutes[1].values()), path)
    page = path.read_text(encoding="utf-8")
    assert (
        "one row every 60 s of market; one row every 5 min of grid, load, pv, ev, charging: "
        in (page)
    )


# ── Bad input ───────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("record", "message", "hint"),
    [
        ("{every: 45s}", "45s are no whole number of steps of 'grid', which steps every 10s", ""),
        ("{every: 7min}", "the duration 30min is no multiple of 7min", ""),
        ("{statistics: [max]}", "give 'every' as well", ""),
        ("{every: 5min, statistics: [maxi]}", "got text 'maxi'", "did you mean 'max'?"),
        (
            "{every: 5min, statistics: {grid.line_curent_a: [max]}}",
            "'grid' has no output 'line_curent_a'",
            "did you mean 'line_current_a'?",
        ),
        (
            "{every: 5min, statistics: {gird.line_current_a: [max]}}",
            "there is no model 'gird'",
            "did you mean 'grid'?",
        ),
        (
            "{every: 5min, statistics: {grid.line_power_kw: [max]}}",
            "'grid.line_power_kw' is not recorded",
            "name 'line_power_kw' in record.signals.grid as well",
        ),
    ],
)
def test_what_cannot_be_recorded_is_bad_input(
    gridloom: Any, tmp_path: Path, record: str, message: str, hint: str
) -> None:
    (tmp_path / "bad.yaml").write_text(f"{STREET}record: {record}\n")
    code, out, err = gridloom("run", "bad.yaml")
    assert (code, out) == (2, "")
    assert message in err
    assert hint in err
    assert "bad.yaml:" in err
    assert not (tmp_path / "outputs").exists()


def test_rows_as_long_as_the_steps_or_shorter_are_the_steps(gridloom: Any, tmp_path: Path) -> None:
    # Nothing is put together, so that nothing has to fit: 8 s are no share of anything
    (tmp_path / "fine.yaml").write_text(f"{STREET}record: {{every: 8s}}\n")
    code, out, _ = gridloom("describe", "fine.yaml")
    assert code == 0
    assert "10s (its step)" in out


def test_description_tells_rows_and_statistics(gridloom: Any, tmp_path: Path) -> None:
    (tmp_path / "street.yaml").write_text(f"{STREET}record: {{every: 5min}}\n")
    code, out, _ = gridloom("describe", "street.yaml")
    assert code == 0
    table = out[out.index("Rows of the record") :].split("\n\n")[0]
    assert "line_current_a max" in table
    assert "state_of_charge last" in table
    assert "power_kw netted" in table
    assert "slack_power_kw min/max" in table
    (market,) = (line for line in table.splitlines() if line.startswith("market"))
    assert market.split()[1:] == ["1min"]


def test_names_of_what_is_kept_cannot_be_those_of_outputs(tmp_path: Path) -> None:
    """A power has its netted one beside it, whatever statistics are asked for."""

    class Meter(Model):
        """Sends a power, and what else would have the name of something kept of it."""

        @property
        @override
        def ports(self) -> tuple[Port, ...]:
            names = (POWER.name, NETTED_POWER, f"{POWER.name}_max")
            return tuple(
                Port(signal=replace(POWER, name=name), direction=Direction.OUTPUT) for name in names
            )

        @override
        def step(self, time: int, inputs: Any) -> Any:
            raise NotImplementedError

    def problems(record: str, step_s: int = STEP_S) -> list[tuple[str, Any, str | None]]:
        (tmp_path / "street.yaml").write_text(f"{STREET}record: {record}\n")
        scenario = read_scenario(tmp_path / "street.yaml").scenario()
        context = BuildContext(
            name="meter", start=scenario.start, duration_s=scenario.duration_s, seed=scenario.seed
        )
        meters = {"meter": Meter(context, step_s)}
        return [(p.message, p.key, p.expected) for p in record_problems(scenario, meters)]

    netted = (
        "'meter' itself sends 'power_kw_netted', as what is kept beside 'power_kw' is called",
        ("record", "signals"),
        "'meter' without 'power_kw_netted' or without 'power_kw'",
    )
    highest = (
        "'meter' itself sends 'power_kw_max'",
        ("record", "statistics"),
        "'meter.power_kw' without 'max'",
    )
    assert problems("{every: 5min}") == [netted]
    assert problems("{every: 5min, statistics: [max]}") == [highest, netted]
    assert problems("{every: 5min}", step_s=300) == []
    assert problems("{}") == []

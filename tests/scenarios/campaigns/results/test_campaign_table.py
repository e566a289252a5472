"""The table of a campaign: as a file, in two formats, and as pandas sees it."""

import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from gridloom.scenarios.campaigns.campaign_folder import CampaignFolder
from gridloom.scenarios.campaigns.index import Index, PlannedRun
from gridloom.scenarios.campaigns.outcome import Fault, Outcome
from gridloom.scenarios.campaigns.point import Axis
from gridloom.scenarios.campaigns.results import (
    Choice,
    TableOptions,
    open_campaign,
    write_table,
)
from gridloom.scenarios.results.kpis.kpi import Kpi
from gridloom.scenarios.results.replacing import replacing
from gridloom.simulators.errors import RecordError, ScenarioError

COST, OVERLOAD = "imbalance_cost_eur", "line_overload_duration_s"
POINT = ["number", "scheme", "power", "seed"]


def some_fail(parameters: Any) -> Any:
    cost = Kpi(name=COST, value=0.1 + 0.2, unit="EUR", group="Market", label="cost", headline=True)
    return Fault.SIMULATION if parameters["seed"] == 2 else [cost]


def written(folder: CampaignFolder, **options: Any) -> bytes:
    path = write_table(folder, None, TableOptions(**options))
    assert path is not None
    return path.read_bytes()


def test_a_row_holds_parameters_state_and_indicators(write_campaign: Any) -> None:
    table = open_campaign(write_campaign().path).table()
    assert list(table.columns) == [
        *POINT,
        "state",
        "fault",
        "reason",
        "plan_cosine_similarity",  # group Coordination
        OVERLOAD,  # group Grid
        COST,  # group Market
        "digest",
    ]
    assert len(table) == 2 * 2 * 3
    last = table.iloc[-1]  # amas, 11 kW, seed 3: 11 x 3 / 2
    assert (last["scheme"], last["power"], last["seed"]) == ("amas", 11.0, 3)
    assert (last[COST], last[OVERLOAD], last["state"]) == (16.5, 11.0 - 3.7, "complete")
    assert np.isnan(table[table["scheme"] == "basic"]["plan_cosine_similarity"]).all()
    assert table.attrs["units"] == {
        "power": "kW",
        COST: "EUR",
        OVERLOAD: "s",
        "plan_cosine_similarity": "1",
    }


def test_parts_are_asked_for_and_in_natural_order(write_campaign: Any) -> None:
    campaign = open_campaign(write_campaign().path)
    assert not [name for name in campaign.table() if "[" in str(name)]
    parts = [name for name in campaign.table(parts=True) if "[" in str(name)]
    assert parts == [f"{COST}[period 2]", f"{COST}[period 10]"]


def test_computing_times_are_there_only_if_asked_for(write_campaign: Any) -> None:
    campaign = open_campaign(write_campaign().path)
    assert "decision_wall_time_ms" not in campaign.table()
    assert (campaign.table(wall_times=True)["decision_wall_time_ms"] == 17.0).all()


def test_the_long_form_has_a_row_for_each_known_indicator(write_campaign: Any) -> None:
    tidy = open_campaign(write_campaign().path).tidy()
    assert list(tidy.columns) == [*POINT, "indicator", "of", "value", "unit"]
    assert len(tidy) == 12 * 2 + 6  # two of every run, and a third of amas
    row = tidy[(tidy["number"] == 1) & (tidy["indicator"] == COST)].iloc[0]
    assert (row["value"], row["unit"], row["of"]) == (3.7, "EUR", "")


def test_runs_that_failed_have_a_row_without_values(write_campaign: Any) -> None:
    table = open_campaign(write_campaign(kpis_of=some_fail).path).table()
    failed = table[table["seed"] == 2]
    assert (failed["state"] == "failed").all()
    assert (failed["fault"] == "simulation failed").all()
    assert failed["reason"].iloc[0] == "simulator 'grid' failed at simulation time 2 s"
    assert failed[COST].isna().all()
    assert table[table["seed"] != 2][COST].notna().all()


def test_runs_under_way_have_a_row_without_values(write_campaign: Any) -> None:
    folder = write_campaign()
    with Index(folder.index, writable=True) as index:
        index.set_running([f"{1:010x}"])  # its earlier indicators are still in the books
    first = open_campaign(folder.path).table().iloc[0]
    assert first["state"] == "running"
    assert np.isnan(first[COST])


def test_points_that_share_a_run_share_its_indicators(write_campaign: Any) -> None:
    folder = write_campaign()
    with Index(folder.index, writable=True) as index:
        runs = [
            PlannedRun(number=n, parameters=run.parameters, digest=f"{1:010x}", folder="one")
            for n, run in enumerate(index.runs(), start=1)
        ]
        index.begin(index.about(), runs)
    table = open_campaign(folder.path).table()
    assert list(table[COST]) == [3.7] * 12


def test_csv_has_all_digits_and_no_value_where_there_is_none(write_campaign: Any) -> None:
    lines = written(write_campaign(kpis_of=some_fail)).decode().splitlines()
    reason = "simulator 'grid' failed at simulation time 2 s"
    assert lines[:3] == [
        "number,scheme,power,seed,state,fault,reason,imbalance_cost_eur,digest",
        "1,basic,3.7,1,complete,,,0.30000000000000004,0000000001",
        f"2,basic,3.7,2,failed,simulation failed,{reason},,0000000002",
    ]


def test_csv_is_the_same_whatever_the_runs_went_through(write_campaign: Any) -> None:
    straight = write_campaign(name="straight")
    astray = write_campaign(name="astray", backwards=True)
    with Index(astray.index, writable=True) as index:  # a failed attempt, elsewhere, taking longer
        run = next(index.runs())
        kpis = [k for k in index.results() if k[0] == run.digest]
        known = {(k.name, k.of): k for k in index.kpis()}
        index.set_ended(run.digest, Outcome(digest=run.digest, fault=Fault.WORKER_LOST))
        again = [Kpi(**{**vars(known[name, of]), "value": value}) for _, name, of, value in kpis]
        index.set_ended(
            run.digest,
            Outcome(digest=run.digest, kpis=again, wall_time_s=99.0, worker="elsewhere"),
        )
    for options in ({}, {"long": True}, {"choice": Choice(parts=True)}):
        assert written(straight, **options) == written(astray, **options)
    assert (straight.path / "table.units.csv").read_bytes() == (
        astray.path / "table.units.csv"
    ).read_bytes()


def test_csv_and_parquet_say_what_the_frame_says(write_campaign: Any) -> None:
    pytest.importorskip("pyarrow")
    folder = write_campaign()
    frame = open_campaign(folder.path).table()
    from_csv = pd.read_csv(
        io.BytesIO(written(folder)), dtype={"digest": str}, keep_default_na=False,
        float_precision="round_trip",
        na_values={COST: "", OVERLOAD: "", "plan_cosine_similarity": ""},
    )  # fmt: skip
    from_parquet = pd.read_parquet(write_table(folder, None, TableOptions(format="parquet")))
    for other in (from_csv, from_parquet):
        pd.testing.assert_frame_equal(other, frame, check_exact=True, check_dtype=False)


def test_units_are_beside_csv_and_inside_parquet(write_campaign: Any) -> None:
    folder = write_campaign()
    written(folder)
    assert (folder.path / "table.units.csv").read_text() == (
        "column,unit\npower,kW\nplan_cosine_similarity,1\n"
        "line_overload_duration_s,s\nimbalance_cost_eur,EUR\n"
    )
    parquet = pytest.importorskip("pyarrow.parquet")
    schema = parquet.read_schema(write_table(folder, None, TableOptions(format="parquet")))
    assert schema.field(COST).metadata == {b"unit": b"EUR"}
    assert schema.field("power").metadata == {b"unit": b"kW"}
    assert schema.field("scheme").metadata is None


def test_only_complete_runs_if_asked_for(write_campaign: Any) -> None:
    folder = write_campaign(kpis_of=some_fail)
    assert len(written(folder, only_complete=True).splitlines()) == 1 + 8
    assert len(written(folder).splitlines()) == 1 + 12


def test_standard_output(write_campaign: Any, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_campaign()
    assert write_table(folder, Path("-")) is None
    assert capsys.readouterr().out == written(folder).decode()
    with pytest.raises(ScenarioError, match="standard output"):
        write_table(folder, Path("-"), TableOptions(format="parquet"))


def test_parquet_without_its_library(write_campaign: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_campaign()
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ScenarioError, match=r'pip install "gridloom\[parquet\]"'):
        write_table(folder, None, TableOptions(format="parquet"))


def test_parameters_give_way_to_columns_of_the_same_name(write_campaign: Any) -> None:
    axes = [Axis(name=name, keys=(), labels=(1,)) for name in ("state", COST, "seed")]
    table = open_campaign(write_campaign(axes, kpis_of=some_fail).path).table()
    assert list(table.columns)[:6] == [
        "number", "parameter_state", f"parameter_{COST}", "seed", "state", "fault",
    ]  # fmt: skip


def test_labels_of_different_kinds(write_campaign: Any) -> None:
    axes = [
        Axis(name="limit", keys=("k",), labels=(0, 0.5, "none")),
        Axis(name="seed", keys=("seed",), labels=(1,), is_seed=True),
        Axis(name="on", keys=("o",), labels=(True, False)),
    ]
    folder = write_campaign(axes, kpis_of=some_fail)
    assert list(open_campaign(folder.path).table()["limit"]) == [0, 0, 0.5, 0.5, "none", "none"]
    rows = [line.split(",")[1:4] for line in written(folder).decode().splitlines()[1:]]
    assert rows[0] == ["0", "1", "True"]
    assert rows[-1] == ["none", "1", "False"]
    parquet = pytest.importorskip("pyarrow.parquet")
    types = parquet.read_schema(write_table(folder, None, TableOptions(format="parquet"))).types
    assert [str(each) for each in types[1:4]] == ["string", "int64", "bool"]


def test_what_was_there_stays_until_the_new_file_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("old")

    def fail_half_way() -> None:
        with replacing(path) as unfinished:
            unfinished.write_text("new, but")
            raise OSError(28, "No space left on device")

    with pytest.raises(RecordError, match="No space left on device"):
        fail_half_way()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_no_folder_to_write_to(write_campaign: Any, tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="cannot write"):
        write_table(write_campaign(), tmp_path / "nowhere" / "table.csv")


def test_a_folder_that_is_no_campaign(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="is no campaign"):
        open_campaign(tmp_path)


def test_a_table_needs_no_heavy_library(write_campaign: Any) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from gridloom.scenarios.campaigns.campaign_folder import CampaignFolder\n"
        "from gridloom.scenarios.campaigns.results import write_table\n"
        f"write_table(CampaignFolder(Path({str(write_campaign().path)!r})))\n"
        "print({'pandas', 'xarray', 'matplotlib', 'scipy', 'distributed'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"

"""A finished record, as xarray and as plain HDF5 readers see it."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import xarray as xr

from gridloom.scenarios.results.record import (
    RecordedModel,
    RecordWriter,
    RunStatus,
    open_record,
    record_status,
)
from gridloom.scenarios.results.record.superblock import Superblock
from gridloom.simulators.errors import RecordError
from gridloom.simulators.model import Direction, ElementSet, Port, StaticVariable
from gridloom.simulators.signals import LINE_CURRENT, POWER

ROWS = 800
"""More than two blocks of the writer, the last one not full."""


@pytest.fixture
def finished(new_writer: Any, feed: Any, path: Path) -> Path:
    writer = new_writer(rows=ROWS)
    feed(writer, range(ROWS))
    writer.close(
        RunStatus.COMPLETE,
        attributes={"wall_time_s": 1.5, "host": "here"},
        summaries={"grid": {"unsolved_steps": 2.0}, "controller": {"messages": 3.0}},
    )
    return path


def _expected_current_a() -> Any:
    """Closed form of what was sent: (time, line, phase)."""
    offsets = np.arange(1, 10).reshape(3, 3) / 10
    return np.arange(ROWS)[:, None, None] + offsets


def test_values_names_dimensions_and_units_survive(finished: Path) -> None:
    with open_record(finished) as record:
        current = record["grid"].to_dataset()["line_current_a"]
        assert current.dims == ("time", "line", "phase")
        assert current["line"].values.tolist() == ["L1", "L2", "Lä3"]
        assert current["phase"].values.tolist() == ["a", "b", "c"]
        assert current.attrs["units"] == "A"
        assert current.attrs["cell_methods"] == "time: mean"
        assert "positive" not in current.attrs
        np.testing.assert_allclose(current.values, _expected_current_a(), rtol=1e-15)
        np.testing.assert_array_equal(
            record["grid"].to_dataset()["losses_kw"], 0.5 * np.arange(ROWS)
        )


def test_time_is_utc_and_every_model_has_its_own(finished: Path) -> None:
    with open_record(finished) as record:
        # 16:00+01:00 is 15:00 UTC
        assert record["grid"].to_dataset()["time"].values[0] == np.datetime64("2021-03-24T15:00:00")
        assert record["grid"].to_dataset()["time"].values[-1] == np.datetime64(
            "2021-03-24T15:13:19"
        )
        fleet = record["ev"].to_dataset()["time"].values
        assert len(fleet) == 14  # 800 s begin 14 minutes
        assert set(np.diff(fleet)) == {np.timedelta64(60, "s")}


def test_direction_connection_points_and_cell_method_of_the_fleet(finished: Path) -> None:
    with open_record(finished) as record:
        fleet = record["ev"].to_dataset()
        assert fleet["power_kw"].attrs["positive"] == "from the grid into the resource"
        assert fleet["state_of_charge"].attrs["cell_methods"] == "time: point"
        assert fleet["charging_point_connection_point"].values.tolist() == ["H7", "H9"]
        assert np.isnan(fleet["state_of_charge"].values[:, 1]).all()
        np.testing.assert_array_equal(fleet["power_kw"].values[:, 1], -60.0 * np.arange(14))


def test_static_variables_share_the_dimensions(finished: Path) -> None:
    with open_record(finished) as record:
        rated = record["grid"].to_dataset()["line_rated_current_a"]
        assert rated.dims == ("line",)
        assert rated.attrs == {"units": "A", "long_name": "rated current"}
        assert float(rated.sel(line="L2")) == 100.0
        assert float(record["grid"].to_dataset()["voltage_limit_low_pu"]) == 0.9
        assert record["ev"].to_dataset()["session_driver"].values.tolist() == ["Zoë", "Bo", "Al"]
        assert record["ev"].to_dataset()["session_v2g"].dims == ("session",)
        assert record["ev"].to_dataset()["session_v2g"].values.tolist() == [1, 0, 1]


def test_attributes_tell_where_the_record_comes_from(finished: Path) -> None:
    with open_record(finished) as record:
        assert record.attrs["Conventions"] == "CF-1.10"
        assert record.attrs["start"] == "2021-03-24T16:00:00+01:00"
        assert record.attrs["seed"] == "7"
        assert len(record.attrs["scenario"]) == 200_000  # HDF5's compact limit is 64 kB
        assert record.attrs["wall_time_s"] == 1.5
        assert record["grid"].attrs["model_type"] == "grid"
        assert record["grid"].attrs["engine"] == "pgm"
        assert record["grid"].attrs["step_size_s"] == 1
        assert record["grid"].attrs["unsolved_steps"] == 2.0
        assert record["controller"].attrs["messages"] == 3.0
        assert set(record.children) == {"grid", "ev", "controller"}


def test_values_are_read_on_demand(finished: Path) -> None:
    with open_record(finished) as record:
        assert not record["grid"].variables["line_current_a"]._in_memory


def test_xarray_alone_reads_it(finished: Path) -> None:
    with xr.open_dataset(finished, group="grid", engine="h5netcdf") as grid:
        assert grid["line_current_a"].shape == (ROWS, 3, 3)
        assert grid["time"].dt.hour.values[0] == 15


def test_plain_hdf5_reader_finds_scales_and_status(finished: Path) -> None:
    with h5py.File(finished) as root:
        assert root["run_status"][()] == 1
        assert root["run_status"].attrs["flag_meanings"] == "running complete failed interrupted"
        assert root["run_status"].attrs["flag_values"].tolist() == [0, 1, 2, 3]
        assert root["committed_time_s"][()] == ROWS
        current = root["grid/line_current_a"]
        assert [axis[0].name for axis in current.dims] == [
            "/grid/time",
            "/grid/line",
            "/grid/phase",
        ]
        assert root["grid/time"].attrs["units"] == "seconds since 2021-03-24 15:00:00"
        assert root["grid/time"].dtype == np.int64
        assert current.dtype == np.float64
        assert np.isnan(current.attrs["_FillValue"]).all()
        assert current.shape == (ROWS, 3, 3)


def test_every_chunk_is_written_once(finished: Path) -> None:
    """A chunk that is compressed anew takes new space: the file would hold both."""
    with h5py.File(finished) as root:
        stored = 0

        def add(_: str, item: Any) -> None:
            nonlocal stored
            if isinstance(item, h5py.Dataset):
                stored += item.id.get_storage_size()

        root.visititems(add)
        raw = _expected_current_a().nbytes
    assert stored < raw
    assert finished.stat().st_size < stored + 300_000 + raw / 2  # 200 kB are the scenario's text


def test_float32_halves_precision_and_nothing_else(new_writer: Any, feed: Any, path: Path) -> None:
    writer = new_writer(float32=True)
    feed(writer, range(200))
    writer.close(RunStatus.COMPLETE)
    with open_record(path) as record:
        current = record["grid"].to_dataset()["line_current_a"]
        assert current.dtype == np.float32
        np.testing.assert_allclose(current, _expected_current_a()[:200], rtol=6e-8)
        assert np.isnan(record["ev"].to_dataset()["state_of_charge"].values[:, 1]).all()


def test_without_compression_the_values_are_the_same(
    new_writer: Any, feed: Any, path: Path
) -> None:
    writer = new_writer(compression="none")
    feed(writer, range(200))
    writer.close(RunStatus.COMPLETE)
    with h5py.File(path) as root:
        assert root["grid/line_current_a"].compression is None
    with open_record(path) as record:
        np.testing.assert_allclose(
            record["grid"].to_dataset()["line_current_a"], _expected_current_a()[:200], rtol=1e-15
        )


def test_equal_runs_give_equal_datasets(new_writer: Any, feed: Any, tmp_path: Path) -> None:
    contents = []
    for name in ("first.h5", "second.h5"):
        writer = new_writer(rows=ROWS, to=tmp_path / name)
        feed(writer, range(ROWS))
        if name == "first.h5":
            writer.flush()  # when rows were flushed must not show
        writer.close(RunStatus.COMPLETE)
        contents.append(_contents(tmp_path / name))
    assert contents[0] == contents[1]


def _contents(path: Path) -> dict[str, tuple[Any, ...]]:
    """Return of every dataset its shape, chunks, bytes and attribute names."""
    found: dict[str, tuple[Any, ...]] = {}

    def add(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            payload = item[()]
            raw = payload.tobytes() if item.dtype.kind != "O" else tuple(payload)
            found[name] = (item.shape, item.chunks, raw, tuple(item.attrs))

    with h5py.File(path) as root:
        root.visititems(add)
    return found


def test_more_rows_than_expected_are_recorded(new_writer: Any, feed: Any, path: Path) -> None:
    writer = new_writer(rows=10)
    feed(writer, range(35))
    writer.close(RunStatus.COMPLETE)
    with open_record(path) as record:
        np.testing.assert_array_equal(record["grid"].to_dataset()["losses_kw"], 0.5 * np.arange(35))


@pytest.mark.parametrize("status", [RunStatus.FAILED, RunStatus.INTERRUPTED])
def test_status_and_message_say_how_it_ended(
    new_writer: Any, feed: Any, path: Path, status: RunStatus
) -> None:
    writer = new_writer()
    feed(writer, range(5))
    assert record_status(path) == (RunStatus.RUNNING, "")
    writer.close(status, message="line 3 melted")
    assert record_status(path) == (status, "line 3 melted")


def test_rows_of_the_step_that_failed_do_not_count(new_writer: Any, feed: Any, path: Path) -> None:
    writer = new_writer()
    feed(writer, range(60))
    writer.write("ev", 60, {"power_kw": np.ones(2), "state_of_charge": np.ones(2)})
    writer.close(RunStatus.FAILED, message="the grid failed at 60 s")
    with open_record(path) as record:
        assert record["grid"].sizes["time"] == 60
        assert record["ev"].sizes["time"] == 1


def test_model_without_elements_sessions_or_ports(path: Path) -> None:
    nothing = ElementSet(kind="line", owner="grid", names=())
    silent = RecordedModel(name="basic", type="basic", role="controller", step_size=1, rows=3)
    empty = RecordedModel(
        name="grid",
        type="grid",
        role="simulator",
        step_size=1,
        rows=3,
        ports=(Port(signal=LINE_CURRENT, direction=Direction.OUTPUT, elements=nothing),),
        static=(
            StaticVariable(name="session_s", values=np.zeros(0), dimensions=("session",)),
            StaticVariable(name="place", values=np.array("here"), dimensions=()),
        ),
    )
    writer = _begin(path, silent, empty)
    for time_s in range(3):
        writer.write("basic", time_s, {})
        writer.write("grid", time_s, {"line_current_a": np.zeros(0)})
        writer.advance(time_s + 1)
    writer.flush()
    writer.close(RunStatus.COMPLETE)
    with open_record(path) as record:
        assert record["grid"].to_dataset()["line_current_a"].shape == (3, 0)
        assert record["grid"].to_dataset()["session_s"].shape == (0,)
        assert record["grid"].to_dataset()["place"].item() == "here"
        assert record["basic"].attrs["role"] == "controller"


def _begin(path: Path, *models: RecordedModel) -> RecordWriter:
    from datetime import UTC, datetime

    start = datetime(2021, 1, 1, tzinfo=UTC)
    return RecordWriter(path, start=start, models=models, provenance={})


def test_existing_file_is_refused_and_kept(new_writer: Any, path: Path) -> None:
    path.write_text("precious")
    with pytest.raises(RecordError, match="exists already"):
        new_writer()
    assert path.read_text() == "precious"


def test_missing_folder_is_named(new_writer: Any, tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="folder does not exist"):
        new_writer(to=tmp_path / "no" / "record.h5")


def test_record_that_cannot_fit_is_refused_at_once(new_writer: Any, path: Path) -> None:
    with pytest.raises(RecordError, match="MB are free"):
        new_writer(rows=10**15)
    assert not path.exists()


def test_static_variable_that_does_not_fit_its_dimension(path: Path) -> None:
    points = ElementSet(kind="load", owner="load", names=("a", "b"))
    wrong = RecordedModel(
        name="load",
        type="load",
        role="simulator",
        step_size=1,
        rows=1,
        ports=(Port(signal=POWER, direction=Direction.OUTPUT, elements=points),),
        static=(StaticVariable(name="area_m2", values=np.ones(3), dimensions=("load",)),),
    )
    with pytest.raises(RecordError, match=r"'load/area_m2' has 3 values along 'load'.* has 2"):
        _begin(path, wrong)
    assert not path.exists()


def test_row_out_of_order_is_refused(new_writer: Any, feed: Any) -> None:
    writer = new_writer()
    feed(writer, range(3))
    with pytest.raises(RecordError, match="row of 7 s when that of 3 s was due"):
        feed(writer, [7])
    writer.close(RunStatus.FAILED)


def test_row_without_a_port_is_refused(new_writer: Any) -> None:
    writer = new_writer()
    with pytest.raises(RecordError, match="'grid' sent no 'losses_kw' at 0 s"):
        writer.write("grid", 0, {"line_current_a": np.zeros((3, 3))})
    writer.close(RunStatus.FAILED)


@pytest.mark.parametrize(
    ("begun", "opened"),
    [(Superblock, "read"), (xr, "open_datatree")],
    ids=["before its length is known", "before its variables are read"],
)
def test_a_record_whose_run_ends_meanwhile_is_one_that_is_not_there(
    finished: Path, monkeypatch: pytest.MonkeyPatch, begun: Any, opened: str
) -> None:
    """Whoever reads the record of a run under way may be told so, and ask for the other name."""
    read = getattr(begun, opened)

    def read_late(path: Path, **options: Any) -> Any:
        if opened == "open_datatree":
            path.rename(path.with_name("ended.h5"))
            return read(path, **options)
        found = read(path, **options)
        path.rename(path.with_name("ended.h5"))
        return found

    monkeypatch.setattr(begun, opened, read_late)
    with pytest.raises(RecordError, match="there is no record"):
        open_record(finished)


def test_reading_what_is_no_record(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="there is no record"):
        open_record(tmp_path / "none.h5")
    text = tmp_path / "text.h5"
    text.write_text("hello")
    with pytest.raises(RecordError, match="is not a record of gridloom"):
        record_status(text)
    other = tmp_path / "other.h5"
    with h5py.File(other, "w", libver=("v110", "v110")):
        pass
    with pytest.raises(RecordError, match="is not a record of gridloom"):
        open_record(other)


def test_newer_schema_is_refused(finished: Path) -> None:
    with h5py.File(finished, "r+", libver=("v110", "v110")) as root:
        root.attrs["schema_version"] = 99
    with pytest.raises(RecordError, match="schema 99"):
        open_record(finished)

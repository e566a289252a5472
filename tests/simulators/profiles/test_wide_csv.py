"""CSV profiles: three kinds of time, units, columns, and everything that can be wrong."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from gridloom.simulators.errors import ScenarioError
from gridloom.simulators.model import BuildContext
from gridloom.simulators.profiles.series import Series
from gridloom.simulators.profiles.wide_csv import CsvProfile, open_csv

Context = Callable[..., BuildContext]
ELEMENTS = ("a", "b")


def opened(context: BuildContext, text: str, until_s: int = 180, **keys: object) -> Series:
    (context.folders[0] / "p.csv").write_text(text, encoding="utf-8")
    config = CsvProfile.model_validate({"file": "p.csv", **keys})
    return open_csv(config, context, ELEMENTS, until_s)


def test_seconds_since_the_start(make_context: Context) -> None:
    series = opened(make_context(), "time_s,b,a\n0,10,1\n60,20,2\n120,30,3\n")
    assert series.means(0, 180, 60).tolist() == [[1, 10], [2, 20], [3, 30]]


def test_time_stamps_with_their_zone(make_context: Context) -> None:
    # 16:00 in Berlin's summer is 14:00 UTC: the scenario starts at the second row.
    text = (
        "time,a,b\n2021-06-21T13:59:00Z,1,10\n2021-06-21T16:00:00+02:00,2,20\n"
        "2021-06-21T14:01:00Z,3,30\n"
    )
    series = opened(make_context("2021-06-21T16:00:00+02:00"), text, until_s=120)
    assert series.means(0, 120, 60).tolist() == [[2, 20], [3, 30]]


def test_minutes_repeat_every_local_day(make_context: Context) -> None:
    rows = "\n".join(f"{minute},{minute},{2 * minute}" for minute in range(1440))
    context = make_context("2021-06-21T23:59:00+02:00")
    series = opened(context, "minute,a,b\n" + rows, until_s=10 * 86400)
    assert series.means(0, 180, 60).tolist() == [[1439, 2878], [0, 0], [1, 2]]
    assert series.value_at(9 * 86400).tolist() == [1439, 2878]


@pytest.mark.parametrize(("unit", "factor"), [("kW", 1), ("W", 0.001), ("MW", 1000)])
def test_units(make_context: Context, unit: str, factor: float) -> None:
    series = opened(make_context(), "time_s,a,b\n0,5,1\n90,5,1\n", unit=unit)
    np.testing.assert_allclose(series.value_at(0), [5 * factor, factor])


def test_columns_may_be_mapped_and_shared(make_context: Context) -> None:
    series = opened(make_context(), "time_s,x,b\n0,5,1\n90,6,2\n", columns={"a": "x"})
    assert series.value_at(90).tolist() == [6, 2]


def test_quotes_spaces_and_a_byte_order_mark(make_context: Context) -> None:
    series = opened(make_context(), '\ufefftime_s, a ,"b"\n0,"1", 2\n90, 3,4\n')
    assert series.value_at(0).tolist() == [1, 2]


STAMPS = "time,a,b\n2021-06-21T00:00:00{},1,1\n2021-06-21T00:01:00{},1,1\n"
WRONG = {
    "empty": ("", "the file is empty"),
    "no rows": ("time_s,a,b\n", "p.csv:1:1: there are no rows below the header"),
    "word": ("time_s,a,b\n0,1,1\n60,x,1\n", "p.csv:3:1: column 'a' has 'x' instead of a finite"),
    "gap": ("time_s,a,b\n0,1,1\n60,1,\n", "p.csv:3:1: column 'b' has nothing instead"),
    "short row": ("time_s,a,b\n0,1,1\n60,1\n", "p.csv:3:1: column 'b' has nothing instead"),
    "nan": ("time_s,a,b\n0,1,1\n60,1,nan\n", "p.csv:3:1: column 'b' has 'nan' instead"),
    "inf": ("time_s,a,b\n0,-inf,1\n60,1,1\n", "p.csv:2:1: column 'a' has '-inf' instead"),
    "twice": ("time_s,a,a,b\n0,1,1,1\n", "p.csv:1:1: column names given twice: a"),
    "missing": ("time_s,a,bb\n0,1,1\n", "p.csv:1:1: no column for b: there are time_s, a, bb"),
    "no time": ("times,a,b\n0,1,1\n", "the first column is 'times', which is no time"),
    "backwards": ("time_s,a,b\n0,1,1\n60,1,1\n30,1,1\n", "p.csv:4:1: the times do not increase"),
    "uneven": ("time_s,a,b\n0,1,1\n60,1,1\n180,1,1\n", "p.csv:4:1: the times are not evenly"),
    "one row": ("time_s,a,b\n0,1,1\n", "one row says nothing about the interval"),
    "half seconds": ("time_s,a,b\n0,1,1\n0.5,1,1\n", "the times are not whole seconds"),
    "late": ("time_s,a,b\n60,1,1\n120,1,1\n", "the first row is 1min after the scenario's start"),
    "short": ("time_s,a,b\n0,1,1\n60,1,1\n", "it lasts 2min, the run takes 3min"),
    "part of a day": ("minute,a,b\n0,1,1\n1,1,1\n", "the minutes cover 0 to 2"),
    "no stamp": ("time,a,b\n16:00,1,1\n17:00,1,1\n", "p.csv:2:1: '16:00' is not an ISO time"),
    "no zone": (STAMPS.format("", ""), "does not tell its time zone"),
    "over": (STAMPS.format("+02:00", "+02:00"), "the profile ends before the scenario starts"),
}


@pytest.mark.parametrize("case", WRONG)
def test_says_what_is_wrong_and_where(make_context: Context, case: str) -> None:
    text, message = WRONG[case]
    with pytest.raises(ScenarioError) as caught:
        opened(make_context(), text)
    assert len(caught.value.problems) == 1
    assert message in str(caught.value)


def test_a_missing_column_suggests_the_nearest(make_context: Context) -> None:
    context = make_context()
    (context.folders[0] / "p.csv").write_text("time_s,LOAD1,LOAD22\n0,1,1\n60,1,1\n")
    with pytest.raises(ScenarioError, match="did you mean 'LOAD22'"):
        open_csv(CsvProfile.model_validate({"file": "p.csv"}), context, ["LOAD1", "LOAD2"], 60)


def test_a_missing_file_is_reported_at_its_key(make_context: Context) -> None:
    with pytest.raises(ScenarioError, match=r"^file: file 'nowhere.csv' does not exist"):
        open_csv(CsvProfile.model_validate({"file": "nowhere.csv"}), make_context(), ELEMENTS, 60)


def test_a_mapping_for_an_unknown_element_is_reported(make_context: Context) -> None:
    with pytest.raises(ScenarioError, match="columns: 'aa' is not an element") as caught:
        opened(make_context(), "time_s,a,b\n0,1,1\n90,1,1\n", columns={"aa": "a"})
    assert "did you mean 'a'?" in str(caught.value)


def test_a_binary_file_is_reported(make_context: Context, tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_bytes(b"\x89HDF\r\n\xff\xfe")
    with pytest.raises(ScenarioError, match="is not a text file"):
        open_csv(CsvProfile.model_validate({"file": "p.csv"}), make_context(), ELEMENTS, 60)


def test_reads_the_ieee_shapes(make_context: Context, reference_data: Path) -> None:
    houses = [f"LOAD{i}" for i in range(1, 56)]
    context = make_context(folders=(reference_data,))
    config = CsvProfile.model_validate({"file": "load_profiles_1min_kw.csv"})
    total = open_csv(config, context, houses, 86400).means(0, 86400, 60).sum(axis=1)
    # The feeder's published on-peak case is row 565 with 57.358 kW; a day has 483.9 kWh.
    assert total.argmax() == 565
    assert total.max() == pytest.approx(57.358, abs=1e-9)
    assert total.sum() / 60 == pytest.approx(483.9, abs=0.05)

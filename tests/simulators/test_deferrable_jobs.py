"""Jobs of deferrable loads, read from lists and files: places, times, and what is refused."""

from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from gridloom.simulators.deferrable_jobs import Job, JobFile, JobTable, read_jobs
from gridloom.simulators.errors import ScenarioError
from gridloom.simulators.model import BuildContext

POINTS = ("house_1", "house_2")
HEADER = "connection_point,release,deadline,energy_kwh,rated_power_kw\n"


def context_of(folder: Path) -> BuildContext:
    return BuildContext(
        name="boilers",
        start=datetime(2021, 3, 27, 20, tzinfo=ZoneInfo("Europe/Berlin")),
        duration_s=86400,
        seed=1,
        connection_points=POINTS,
        folders=(folder,),
    )


def read(folder: Path, rows: str, **keys: str) -> JobTable:
    (folder / "jobs.csv").write_text(rows, encoding="utf-8")
    return read_jobs(
        JobFile.model_validate({"file": "jobs.csv", **keys}), POINTS, context_of(folder)
    )


def problems(folder: Path, rows: str, **keys: str) -> list[tuple[int, str]]:
    with pytest.raises(ScenarioError) as caught:
        read(folder, rows, **keys)
    assert {problem.key for problem in caught.value.problems} == {("jobs", "file")}
    return [
        (problem.location.line if problem.location else 0, problem.message)
        for problem in caught.value.problems
    ]


def test_a_file_is_read_in_the_order_of_releases(tmp_path: Path) -> None:
    table = read(
        tmp_path,
        HEADER
        + "house_2,2h,5h,1.5,3\n"
        + "\n"
        + "house_1, 2021-03-27T21:00:00+01:00, 2021-03-28T06:00:00+02:00, 1.2, 2\n"
        + "house_2,-30min,2h,0.4,2\n",
    )
    assert table.appliance.tolist() == [1, 0, 1]
    assert table.release_s.tolist() == [-1800, 3600, 7200]
    # By hand: from 20:00 to 06:00 are 9 h, because clocks go forward at 02:00.
    assert table.deadline_s.tolist() == [7200, 9 * 3600, 5 * 3600]
    assert table.energy_kwh.tolist() == [0.4, 1.2, 1.5]
    assert table.rated_power_kw.tolist() == [2, 2, 3]


def test_other_delimiters(tmp_path: Path) -> None:
    rows = HEADER.replace(",", ";") + "house_1;0s;1h;0.5;2\n"
    assert len(read(tmp_path, rows, delimiter=";")) == 1
    assert problems(tmp_path, rows) == [(1, "the header is a single column")]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ("", [(1, "the file is empty")]),
        (HEADER, [(1, "there are no rows below the header")]),
        (
            "connection_point,release\nhouse_1,0s\n",
            [(1, "no column for deadline, energy_kwh, rated_po")],
        ),
        (
            HEADER.replace("release", "relase"),
            [(1, "unknown column 'relase'"), (1, "no column fo")],
        ),
        (
            HEADER.replace("release", "deadline"),
            [(1, "columns given twice: deadline"), (1, "no c")],
        ),
        (HEADER + "house_1,0s,1h,1\n", [(2, "the row has 4 cells, the header 5")]),
        (HEADER + "house_1,0s,1h,,2\n", [(2, "column 'energy_kwh' is empty")]),
        (
            HEADER + "house_1,0s,1h,-1,2\n",
            [(2, "column 'energy_kwh' has '-1': input should be grea")],
        ),
        (HEADER + "house_1,0,1,1,2\n", [(2, "column 'deadline' has '1': expected a time since")]),
        (HEADER + "h3,0s,1h,1,2\n", [(2, "there is no appliance of this population at 'h3'")]),
        (
            HEADER + "house_1,2h,1h,1,2\n",
            [(2, "the deadline (1h after the start) is not after the")],
        ),
        (
            HEADER + "house_1,0s,2h,1,2\nhouse_2,1h,3h,1,2\nhouse_1,1h,3h,1,2\n",
            [
                (
                    4,
                    "at the release (1h after the start) the appliance at 'house_1' still has",
                )
            ],
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_line(
    tmp_path: Path, rows: str, expected: list[tuple[int, str]]
) -> None:
    found = problems(tmp_path, rows)
    assert [line for line, _ in found] == [line for line, _ in expected]
    for (_, message), (_, begin) in zip(found, expected, strict=True):
        assert message.startswith(begin)


def test_all_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    rows = HEADER + "h3,0s,1h,1,2\nhouse_1,0s,1h,zero,2\nhouse_1,2h,1h,1,2\n"
    assert sorted(line for line, _ in problems(tmp_path, rows)) == [2, 3, 4]


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "jobs.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ScenarioError, match="the file cannot be read"):
        read_jobs(JobFile.model_validate({"file": "jobs.csv"}), POINTS, context_of(tmp_path))


def test_a_missing_file_is_told_with_its_key(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match=r"jobs\.file: file 'none\.csv' does not exist"):
        read_jobs(JobFile.model_validate({"file": "none.csv"}), POINTS, context_of(tmp_path))


def test_jobs_of_a_list_are_told_with_their_place(tmp_path: Path) -> None:
    def given(**keys: Any) -> Job:
        times = {"release": "0s", "deadline": "1h", "energy_kwh": 1, "rated_power_kw": 2}
        return Job.model_validate({"connection_point": "house_1", **times, **keys})

    jobs = [given(), given(connection_point="house1"), given(release="30min", deadline="2h")]
    with pytest.raises(ScenarioError) as caught:
        read_jobs(jobs, POINTS, context_of(tmp_path))
    keys = [problem.key for problem in caught.value.problems]
    assert keys == [("jobs", 1, "connection_point"), ("jobs", 2, "release")]
    assert caught.value.problems[0].suggestion == "did you mean 'house_1'?"


def test_what_no_control_can_draw() -> None:
    table = JobTable(
        appliance=np.array([0, 1, 2]),
        release_s=np.array([-3600.0, 60.0, 0.0]),
        deadline_s=np.array([1800.0, 3600.0, 600.0]),
        energy_kwh=np.array([2.0, 1.0, 1.0]),
        rated_power_kw=np.array([2.0, 2.0, 2.0]),
    )
    # By hand, steps of 15 min: 1 kWh in the half hour since the start, 1.5 kWh in the three whole
    # steps of the second, and none in the third.
    np.testing.assert_allclose(table.impossible_kwh(900), [1.0, 0.0, 1.0])

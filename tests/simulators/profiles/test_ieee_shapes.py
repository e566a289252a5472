"""Load shapes in the IEEE feeder's format."""

from collections.abc import Callable
from pathlib import Path

import pytest

from gridloom.simulators.errors import ScenarioError
from gridloom.simulators.model import BuildContext
from gridloom.simulators.profiles.ieee_shapes import ShapesProfile, open_shapes

Context = Callable[..., BuildContext]


def write_shape(folder: Path, number: int, rows: int = 1440, first: str = "") -> None:
    folder.mkdir(exist_ok=True)
    step = 86400 // rows
    times = [(i + 1) * step % 86400 for i in range(rows)]
    lines = [
        f"{t // 3600:02}:{t // 60 % 60:02}:{t % 60:02},{number + i / 10000}"
        for i, t in enumerate(times)
    ]
    if first:
        lines[0] = first
    text = "time,mult\n" + "\n".join(lines) + "\n"
    (folder / f"Load_profile_{number}.csv").write_text(text)


@pytest.mark.parametrize("pattern", ["shapes", "shapes/Load_profile_*.csv"])
def test_the_ith_file_is_the_ith_house(make_context: Context, tmp_path: Path, pattern: str) -> None:
    for number in (1, 2, 10):
        write_shape(tmp_path / "shapes", number)
    series = open_shapes(ShapesProfile(shapes=pattern), make_context(), ["x", "y", "z"])
    # Sorted by number, not by name: 10 comes after 2. Row 565 holds over minute 565.
    assert series.value_at(0).tolist() == [1, 2, 10]
    assert series.value_at(565 * 60 + 59).tolist() == [1.0565, 2.0565, 10.0565]


def test_an_absolute_folder(make_context: Context, tmp_path: Path) -> None:
    write_shape(tmp_path / "shapes", 4)
    context = make_context(folders=())
    series = open_shapes(ShapesProfile(shapes=str(tmp_path / "shapes")), context, ["x"])
    assert series.value_at(0).tolist() == [4]


def test_too_few_files(make_context: Context, tmp_path: Path) -> None:
    write_shape(tmp_path / "shapes", 1)
    with pytest.raises(ScenarioError, match="shapes: 1 files match 'shapes', 2 elements need one"):
        open_shapes(ShapesProfile(shapes="shapes"), make_context(), ["x", "y"])


def test_no_such_folder(make_context: Context) -> None:
    with pytest.raises(ScenarioError, match="0 files match 'nowhere'"):
        open_shapes(ShapesProfile(shapes="nowhere"), make_context(), ["x"])


@pytest.mark.parametrize(
    ("first", "message"),
    [
        ("00:01:00,nan", "column 'mult' has 'nan'"),
        ("noon,1.0", "'noon' is not a time of day"),
        ("00:05:00,1.0", "the times are not 60 s apart"),
    ],
)
def test_a_wrong_row(make_context: Context, tmp_path: Path, first: str, message: str) -> None:
    write_shape(tmp_path / "shapes", 1, first=first)
    with pytest.raises(ScenarioError, match=message) as caught:
        open_shapes(ShapesProfile(shapes="shapes"), make_context(), ["x"])
    assert "Load_profile_1.csv:" in str(caught.value)


def test_shapes_of_different_lengths(make_context: Context, tmp_path: Path) -> None:
    write_shape(tmp_path / "shapes", 1)
    write_shape(tmp_path / "shapes", 2, rows=96)
    with pytest.raises(ScenarioError, match=r"96 rows where Load_profile_1\.csv has 1440"):
        open_shapes(ShapesProfile(shapes="shapes"), make_context(), ["x", "y"])


def test_a_part_of_a_day(make_context: Context, tmp_path: Path) -> None:
    (tmp_path / "shapes").mkdir()
    rows = "\n".join("00:00:00,1" for _ in range(7))
    (tmp_path / "shapes" / "Load_profile_1.csv").write_text("time,mult\n" + rows)
    with pytest.raises(ScenarioError, match="7 rows do not divide a day"):
        open_shapes(ShapesProfile(shapes="shapes"), make_context(), ["x"])


def test_the_feeders_shapes_survive_the_round_trip(
    make_context: Context, tmp_path: Path, reference_data: Path
) -> None:
    lines = (reference_data / "load_profiles_1min_kw.csv").read_text().splitlines()[1:]
    table = [[float(cell) for cell in line.split(",")] for line in lines]
    folder = tmp_path / "shapes"
    folder.mkdir()
    for house in range(1, 56):
        rows = [
            f"{m // 60:02}:{m % 60:02}:00,{row[house]}"
            for m, row in zip(range(1, 1441), table, strict=True)
        ]
        (folder / f"Load_profile_{house}.csv").write_text("time,mult\n" + "\n".join(rows))
    houses = [f"LOAD{i}" for i in range(1, 56)]
    series = open_shapes(ShapesProfile(shapes="shapes"), make_context(), houses)
    total = series.means(0, 86400, 60).sum(axis=1)
    # Published on-peak case of the feeder: 57.358 kW in row 565.
    assert (total.argmax(), round(float(total.max()), 3)) == (565, 57.358)

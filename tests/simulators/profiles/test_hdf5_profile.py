"""Profiles from HDF5 datasets."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from gridloom.simulators.errors import ScenarioError
from gridloom.simulators.model import BuildContext
from gridloom.simulators.profiles.hdf5 import Hdf5Profile, open_hdf5
from gridloom.simulators.profiles.series import Series

Context = Callable[..., BuildContext]
VALUES = np.array([[1.0, 10.0], [2.0, 20.0], [3.0, 30.0]])


def opened(
    context: BuildContext,
    values: Any = VALUES,
    attributes: dict[str, Any] | None = None,
    **keys: Any,
) -> Series:
    with h5py.File(context.folders[0] / "p.h5", "w") as file:
        dataset = file.create_dataset("demand/houses", data=values)
        dataset.attrs.update(attributes or {})
    config = Hdf5Profile.model_validate({"file": "p.h5", "dataset": "/demand/houses", **keys})
    return open_hdf5(config, context, ("a", "b"), 180)


def test_columns_in_order_and_interval_as_key(make_context: Context) -> None:
    series = opened(make_context(), interval="1min")
    np.testing.assert_array_equal(series.means(0, 180, 60), VALUES)


def test_columns_by_name_and_interval_as_attribute(make_context: Context) -> None:
    attributes = {"elements": ["b", "x"], "interval_s": 60}
    series = opened(make_context(), attributes=attributes, columns={"a": "x"}, unit="MW")
    np.testing.assert_array_equal(series.means(0, 180, 60), VALUES[:, ::-1] * 1000)


def test_times_as_attribute(make_context: Context) -> None:
    series = opened(make_context(), attributes={"time_s": [-90, 0, 90]})
    assert series.value_at(0).tolist() == [2, 20]
    assert series.value_at(-1).tolist() == [1, 10]


def holed() -> Any:
    values = VALUES.copy()
    values[2, 1] = np.nan
    return values


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "interval unknown": ({}, "nothing says how long a row of '/demand/houses' holds"),
    "no dataset": ({"dataset": "demand/house", "interval": "1min"}, "did you mean 'demand/houses'"),
    "one-dimensional": ({"values": VALUES[:, 0], "interval": "1min"}, "has shape (3,)"),
    "nan": ({"values": holed(), "interval": "1min"}, "has no finite number at [2, 1]"),
    "short": ({"interval": "30s"}, "it lasts 90s, the run takes 3min"),
    "width": ({"values": VALUES[:, :1], "interval": "1min"}, "has 1 columns for 2 elements"),
    "name": (
        {"attributes": {"elements": ["a", "bb"]}, "interval": "1min"},
        "no column for b",
    ),
    "times": ({"attributes": {"time_s": [0, 90]}}, "attribute time_s has 2 values for 3 rows"),
    "uneven": ({"attributes": {"time_s": [0, 60, 180]}}, "the times are not evenly spaced"),
}


@pytest.mark.parametrize("case", WRONG)
def test_says_what_is_wrong(make_context: Context, case: str) -> None:
    keys, message = WRONG[case]
    with pytest.raises(ScenarioError) as caught:
        opened(make_context(), **keys)
    assert len(caught.value.problems) == 1
    assert message in str(caught.value)
    assert "p.h5" in str(caught.value)


def test_a_file_of_another_format(make_context: Context, tmp_path: Path) -> None:
    (tmp_path / "p.h5").write_text("time_s,a\n")
    config = Hdf5Profile.model_validate({"file": "p.h5", "dataset": "x"})
    with pytest.raises(ScenarioError, match="is not an HDF5 file"):
        open_hdf5(config, make_context(), ("a",), 60)

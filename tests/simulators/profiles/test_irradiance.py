"""Irradiance of every kind."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter

from gridloom.simulators.errors import ScenarioError
from gridloom.simulators.model import BuildContext, FloatArray
from gridloom.simulators.profiles.irradiance import IrradianceConfig, open_irradiance
from gridloom.simulators.profiles.series import Series

Context = Callable[..., BuildContext]
BERLIN = {"latitude_deg": 52.5, "longitude_deg": 13.4}
CONFIG: TypeAdapter[Any] = TypeAdapter(IrradianceConfig)
NOON = "2021-06-21T13:00:00+02:00"


def opened(
    context: BuildContext, keys: dict[str, Any], sites: tuple[str, ...] = ("a", "b", "c")
) -> Series:
    return open_irradiance(CONFIG.validate_python(keys), context, sites, 3600)


def cloudy(**keys: Any) -> dict[str, Any]:
    return {"generator": "widen_munkhammar", **BERLIN, **keys}


def test_constant(make_context: Context) -> None:
    series = opened(make_context(), {"constant_w_per_m2": 800})
    assert series.means(0, 3600, 900).tolist() == [[800.0] * 3] * 4


def test_clear_sky_is_shared_and_scaled(make_context: Context) -> None:
    full = opened(make_context(NOON), {"clear_sky": BERLIN}).value_at(0)
    half = opened(make_context(NOON), {"clear_sky": BERLIN, "scale": 0.5}).value_at(0)
    np.testing.assert_allclose(half, full / 2)
    # By hand: on the solstice the noon sun stands at 90 - 52.5 + 23.44 = 60.94 degrees.
    cosine = np.sin(np.radians(60.94))
    np.testing.assert_allclose(full, 1098 * cosine * np.exp(-0.059 / cosine), rtol=1e-3)


def test_file(make_context: Context, tmp_path: Path) -> None:
    (tmp_path / "sun.csv").write_text("time_s,ghi,poa\n0,1,500\n1800,1,700\n")
    series = opened(make_context(), {"file": "sun.csv", "column": "poa"})
    assert series.means(0, 3600, 1800).tolist() == [[500.0] * 3, [700.0] * 3]


def test_clouds_dim_the_clear_sky_on_average(make_context: Context) -> None:
    context = make_context("2021-06-21T04:00:00+02:00")
    clear = opened(context, {"clear_sky": BERLIN}).means(0, 18 * 3600, 18 * 3600)
    days = [
        opened(make_context("2021-06-21T04:00:00+02:00", seed=seed), cloudy(resolution="1min"))
        for seed in range(40)
    ]
    mean = np.mean([day.means(0, 18 * 3600, 18 * 3600) for day in days])
    # 40 days of about 400 independent values of spread 0.32: standard error 0.3 %.
    assert mean / clear[0, 0] == pytest.approx(0.6, abs=0.01)


def test_sites_differ_and_neighbours_are_alike(make_context: Context) -> None:
    sites = tuple(f"s{i}" for i in range(9))
    series = opened(make_context(NOON), cloudy(spacing_m=100, cloud_direction_deg=90), sites)
    index = series.values(np.arange(3600))
    correlation: FloatArray = np.asarray(np.corrcoef(index.T))
    # Three columns: s0 and s1 are 100 m apart across the drift, s0 and s2 200 m.
    assert 1 > correlation[0, 1] > correlation[0, 2] > 0.4


def test_positions_decide_who_sees_a_cloud_first(make_context: Context) -> None:
    positions = {"a": [0, 0], "b": [100, 0], "c": [0, 100]}
    along_north = cloudy(positions_m=positions, cloud_direction_deg=90, cloud_speed_m_per_s=10)
    index = opened(make_context(NOON), along_north).values(np.arange(600))
    clear = opened(make_context(NOON), {"clear_sky": BERLIN}).values(np.arange(600))
    csi = index / clear
    # Clouds drift north: c, 100 m north of a, sees what a saw ten seconds ago.
    np.testing.assert_allclose(csi[10:, 2], csi[:-10, 0])
    assert np.abs(csi[10:, 1] - csi[:-10, 0]).max() > 0.01


def test_night_is_dark_and_needs_no_clouds(make_context: Context) -> None:
    series = opened(make_context("2021-06-22T00:30:00+02:00"), cloudy())
    assert series.means(0, 3600, 60).tolist() == [[0.0] * 3] * 60


@pytest.mark.parametrize(
    ("positions", "message"),
    [
        ({"a": [0, 0], "b": [0, 1]}, "positions_m: 'c' has no position"),
        ({"a": [0, 0], "b": [0, 1], "c": [0, 2], "d": [0, 3]}, "positions_m: 'd' is no site"),
    ],
)
def test_incomplete_positions(
    make_context: Context, positions: dict[str, Any], message: str
) -> None:
    with pytest.raises(ScenarioError, match=message):
        opened(make_context(), cloudy(positions_m=positions))


def test_a_missing_column(make_context: Context, tmp_path: Path) -> None:
    (tmp_path / "sun.csv").write_text("time_s,GHI\n0,1\n1800,1\n")
    with pytest.raises(ScenarioError, match="no column for ghi"):
        opened(make_context(), {"file": "sun.csv"})

"""Weather files through pvlib."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gridloom.simulators.errors import ScenarioError
from gridloom.simulators.model import BuildContext
from gridloom.simulators.profiles.sun import Site, cos_zenith
from gridloom.simulators.profiles.weather import WeatherIrradiance, open_weather

pvlib = pytest.importorskip("pvlib")

Context = Callable[..., BuildContext]
BERLIN = {"latitude_deg": 52.5, "longitude_deg": 13.4}


def weather(**keys: Any) -> WeatherIrradiance:
    return WeatherIrradiance.model_validate(keys)


def write_epw(path: Path, *, hours: int = 8760) -> None:
    """Write a year in Berlin whose ghi is the number of the hour, without beam."""
    site = "LOCATION,Berlin,-,DEU,test,0,52.5,13.4,1.0,50\n"
    header = site + "".join(f"HEADER {i}\n" for i in range(7))
    rows = []
    for hour in range(hours):
        day = np.datetime64("2021-01-01") + hour // 24
        year, month, of_month = str(day).split("-")
        cells = [year, str(int(month)), str(int(of_month)), str(hour % 24 + 1), "0", "?"]
        cells += ["0"] * 29
        cells[13], cells[14], cells[15] = str(hour), "0", str(hour)
        rows.append(",".join(cells))
    path.write_text(header + "\n".join(rows) + "\n")


@pytest.mark.parametrize(
    ("start", "row"),
    [
        ("2021-01-01T00:00:00+01:00", 0),
        ("2030-07-01T13:00:00+02:00", (31 + 28 + 31 + 30 + 31 + 30) * 24 + 12),
        ("2024-12-31T23:00:00+01:00", 8759),
        ("2024-02-29T05:00:00+01:00", (31 + 28) * 24 + 5),
    ],
    ids=["begin", "summer time", "end of a leap year", "leap day"],
)
def test_a_typical_year_is_looked_up_by_its_calendar(
    make_context: Context, tmp_path: Path, start: str, row: int
) -> None:
    write_epw(tmp_path / "berlin.epw")
    config = weather(weather="berlin.epw", tilt_deg=0)
    series = open_weather(config, make_context(start), 3600)
    # Only diffuse light on a horizontal plane: what falls on it is ghi, the number of the hour.
    np.testing.assert_allclose(series.means(0, 3600, 3600), [[row]], atol=1e-6)


def test_a_horizontal_plane_gets_what_was_measured(make_context: Context, tmp_path: Path) -> None:
    (tmp_path / "sun.csv").write_text("time_s,ghi\n0,500\n1800,700\n")
    config = weather(weather="sun.csv", site=BERLIN, tilt_deg=0)
    series = open_weather(config, make_context("2021-06-21T12:00:00+02:00"), 3600)
    np.testing.assert_allclose(series.means(0, 3600, 1800)[:, 0], [500, 700], rtol=0.01)


def test_beam_falls_on_the_slope_at_its_angle(make_context: Context, tmp_path: Path) -> None:
    # Beam only, modules upright towards the equator at true noon: dni times sin(zenith), and half
    # of the reflected ghi.
    epoch = np.array([1_624_273_680])  # 2021-06-21 11:08 UTC, noon in Berlin
    cosine = float(cos_zenith(epoch, Site.model_validate(BERLIN))[0])
    ghi = 900 * cosine
    (tmp_path / "sun.csv").write_text(f"time_s,ghi,dni,dhi\n0,{ghi},900,0\n60,{ghi},900,0\n")
    config = weather(weather="sun.csv", site=BERLIN, tilt_deg=90, albedo=0.2)
    series = open_weather(config, make_context("2021-06-21T11:08:00+00:00"), 60)
    expected = 900 * np.sqrt(1 - cosine**2) + 0.2 * ghi / 2
    assert series.value_at(0)[0] == pytest.approx(expected, rel=2e-3)


def test_a_csv_file_needs_a_site(make_context: Context, tmp_path: Path) -> None:
    (tmp_path / "sun.csv").write_text("time_s,ghi\n0,500\n1800,700\n")
    with pytest.raises(ScenarioError, match=r"^site: a CSV file does not tell where"):
        open_weather(weather(weather="sun.csv"), make_context(), 3600)


def test_a_broken_epw_file(make_context: Context, tmp_path: Path) -> None:
    (tmp_path / "a.epw").write_text("time_s,ghi\n0,500\n")
    with pytest.raises(ScenarioError, match="is not an EPW file"):
        open_weather(weather(weather="a.epw"), make_context(), 3600)
    write_epw(tmp_path / "b.epw", hours=24)
    with pytest.raises(ScenarioError, match="has 24 hours"):
        open_weather(weather(weather="b.epw"), make_context(), 3600)


def test_without_pvlib_the_extra_is_named(
    make_context: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_epw(tmp_path / "a.epw", hours=24)
    monkeypatch.setitem(__import__("sys").modules, "pvlib", None)
    with pytest.raises(ScenarioError, match=r"gridloom\[pvlib\]"):
        open_weather(weather(weather="a.epw"), make_context(), 3600)

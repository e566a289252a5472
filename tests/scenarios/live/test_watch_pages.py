"""The pages in a real browser, from the address to the pixels."""

import re
import shutil
import subprocess
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from gridloom.scenarios.campaigns.campaign_folder import CampaignFolder
from gridloom.scenarios.results.record import RecordedModel, RunStatus
from gridloom.scenarios.run_folder import RunFolder

_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-sync",
    "--hide-scrollbars",
    "--window-size=1250,1400",
    "--virtual-time-budget=5000",
)
_BLUE = (0x00, 0x72, 0xB2)
"""Of the first curve, and of the dots."""

pytestmark = pytest.mark.slow

Chromium = Callable[..., str]


@pytest.fixture
def chromium(tmp_path: Path) -> Chromium:
    """Load a page, let it work for a while, and return what it then consists of."""
    found = next((path for path in map(shutil.which, _BROWSERS) if path), None)
    if found is None:
        pytest.skip("no Chromium here to look at the page with")

    def load(address: str, *flags: str) -> str:
        done = subprocess.run(
            [found, *_FLAGS, f"--user-data-dir={tmp_path / 'profile'}", *flags, address],
            capture_output=True,
            check=True,
            text=True,
            timeout=120,
        )
        return done.stdout

    return load


def _last(dom: str, label: str) -> float:
    """Return the last value that the legend tells of a curve."""
    match = re.search(rf'<li data-last="([^"]*)"><i[^>]*></i>{re.escape(label)} <b>', dom)
    assert match, label
    return float(match[1])


def _points(dom: str, key: str) -> int:
    """Return how many points a panel's canvas has drawn."""
    panel = dom.split(f'data-key="{key}"', 1)[1].split("</section>", 1)[0]
    match = re.search(r'data-points="(\d+)"', panel)
    assert match, panel
    return int(match[1])


def _blue_pixels(png: Path) -> int:
    from matplotlib.image import imread

    pixels = np.rint(255 * imread(png)[:, :, :3])
    return int(np.count_nonzero((np.abs(pixels - _BLUE) < 3).all(axis=2)))


@pytest.fixture
def finished(folder: RunFolder, begin: Any, feed: Any) -> RunFolder:
    writer = begin(folder.partial_record, title="A <script>alert(1)</script> street")
    feed(writer, range(1200))
    writer.close(RunStatus.COMPLETE, attributes={"wall_time_s": 4.0})
    folder.finish()
    return folder


def test_a_finished_run_shows_its_numbers(
    finished: RunFolder, browse: Any, chromium: Chromium, tmp_path: Path
) -> None:
    address = browse(finished.path).address
    dom = chromium(address, "--dump-dom")
    with h5py.File(finished.record) as record:
        current_a = record["network/line_current_a"][-1]
        voltage_pu = record["network/bus_voltage_pu"][-1]
        power_kw = record["ev/power_kw"][-1]
    assert 'data-state="complete"' in dom
    assert "0:20:00 of 1:06:40 (30 %)" in dom
    assert "2021-03-24 16:20:00 (UTC+01:00)" in dom
    assert "300 \N{MULTIPLICATION SIGN} real time" in dom
    assert _last(dom, "most loaded line") == pytest.approx(100 * current_a[2, 0] / 30, rel=1e-6)
    assert _last(dom, "highest of all buses") == pytest.approx(voltage_pu.max(), rel=1e-6)
    assert _last(dom, "ev") == pytest.approx(power_kw.sum(), rel=1e-6)
    assert "A &lt;script&gt;alert(1)&lt;/script&gt; street" in dom
    assert _points(dom, "loading") == 1200
    assert _points(dom, "voltage") == 2 * (1200 - 20)  # gaps are left out
    assert "Current of Lä3, the most loaded line" in dom

    png = tmp_path / "page.png"
    chromium(address, f"--screenshot={png}")
    assert _blue_pixels(png) > 2000


def test_a_line_can_be_chosen(finished: RunFolder, browse: Any, chromium: Chromium) -> None:
    dom = chromium(f"{browse(finished.path).address}#line=L1", "--dump-dom")
    assert "Current of L1<" in dom
    with h5py.File(finished.record) as record:
        current_a = record["network/line_current_a"][-1, 0]
    assert _last(dom, "L1, phase b") == pytest.approx(current_a[1], rel=1e-6)


def test_a_run_under_way_is_followed(
    folder: RunFolder, browse: Any, chromium: Chromium, begin: Any, feed: Any
) -> None:
    writer = begin(folder.partial_record)
    feed(writer, range(100))
    stop = threading.Event()

    def run() -> None:
        for first in range(100, 4000, 20):
            feed(writer, range(first, first + 20))
            if stop.wait(0.05):
                break

    thread = threading.Thread(target=run)
    thread.start()
    try:
        dom = chromium(browse(folder.path).address, "--dump-dom")
    finally:
        stop.set()
        thread.join()
        writer.close(RunStatus.INTERRUPTED)
    assert 'data-state="running"' in dom
    read = re.search(r'data-read="(\d+)"', dom)
    assert read is not None
    assert int(read[1]) >= 100
    assert _points(dom, "loading") == int(read[1])


def test_rows_of_several_steps_are_said_to_be_such(
    folder: RunFolder,
    browse: Any,
    chromium: Chromium,
    begin: Any,
    feed: Any,
    foreign_model: RecordedModel,
) -> None:
    model = replace(foreign_model, step_size=900, model_step_size=1)
    writer = begin(folder.partial_record, models=[model])
    feed(writer, (0, 900), [model])
    writer.close(RunStatus.COMPLETE)
    dom = chromium(browse(folder.path).address, "--dump-dom")
    assert "<dt>a row covers</dt><dd>15 min</dd>" in dom
    assert _last(dom, "water_level_m, 15-min mean") == 902.0  # 2 m and one more each second


def test_a_run_that_has_not_begun_says_so(tmp_path: Path, browse: Any, chromium: Chromium) -> None:
    dom = chromium(browse(tmp_path / "later").address, "--dump-dom")
    assert 'data-state="waiting"' in dom
    assert "there is no record in" in dom


def test_a_campaign_shows_where_it_stands(
    campaign: CampaignFolder, browse: Any, chromium: Chromium, tmp_path: Path
) -> None:
    address = browse(campaign.path).address
    dom = chromium(address, "--dump-dom")
    for name, count in {"complete": 3, "failed": 1, "running": 1, "pending": 1}.items():
        assert f'data-{name}="{count}"' in dom
    assert "How many vehicles?" in dom
    assert "no &lt;b&gt;solution&lt;/b&gt;" in dom
    assert "about 0:01:30" in dom
    assert f'href="/run/street-{5:010d}"' in dom
    canvas = re.search(r"<canvas[^>]*>", dom)
    assert canvas is not None
    assert 'data-points="2"' in canvas[0]
    assert "0: 2 runs, mean 65; 50: 0 runs" in canvas[0]

    dom = chromium(f"{address}#kpi=energy_kwh&axis=seed", "--dump-dom")
    assert "1: 2 runs, mean 2.5; 2: 1 runs, mean 2; 3: 0 runs" in dom
    png = tmp_path / "page.png"
    chromium(address, f"--screenshot={png}")
    assert _blue_pixels(png) > 30

"""What a campaign costs beyond its runs, and what a second worker gains.

python benchmarks/campaign_cost.py [--runs 10] [--duration 1d] [--repeats 3]

The same runs one after the other in one warm process (the floor), and as campaigns with one worker
and with two. Starting workers, with the first runs of each, is told apart: it is paid once a
campaign, not once a run.
"""

import argparse
import json
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

_UNTIL_WARM = 2
"""Runs of a worker: after the first it loads what that had to, before the next."""
_FLOOR = """
import sys, time
from pathlib import Path
from gridloom.scenarios.campaigns.campaign import read_campaign
from gridloom.scenarios.runner import run_variant
points = list(read_campaign(sys.argv[1]).points())
out = Path(sys.argv[2])
run_variant(points[0].document, None, out, report=False)
begin = time.perf_counter()
for point in points[1:]:
    run_variant(point.document, None, out, report=False)
print((time.perf_counter() - begin) / (len(points) - 1))
"""


def main() -> None:
    """Measure, in turns, and print the ratios."""
    options = _options()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        floors: list[float] = []
        ones: list[float] = []
        twos: list[float] = []
        starts: list[float] = []
        for turn in range(options.repeats):
            campaign = _campaign(folder, f"turn-{turn}", options)
            floors.append(_floor(campaign, folder / f"floor-{turn}"))
            one, start = _batch(campaign, folder / f"one-{turn}", 1)
            two, _ = _batch(campaign, folder / f"two-{turn}", 2)
            ones.append(one)
            twos.append(two)
            starts.append(start)
            print(f"turn {turn}: a run {floors[-1]:.3f} s alone, {one:.3f} s with one worker, "
                  f"{two:.3f} s with two; {start:.1f} s to start")  # fmt: skip
    floor, one, two = (statistics.median(each) for each in (floors, ones, twos))
    print(f"\na run of {floor:.2f} s costs {100 * (one / floor - 1):.1f} % more in a campaign")
    print(f"two workers do {one / two:.2f} times as much as one")
    print(f"from the command to the end of the first run: {statistics.median(starts):.1f} s")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--duration", default="1d")
    parser.add_argument("--repeats", type=int, default=3)
    return parser.parse_args()


def _campaign(folder: Path, name: str, options: argparse.Namespace) -> Path:
    path = folder / f"{name}.yaml"
    content = {
        "name": name,
        "scenario": "quickstart",
        "set": {"duration": options.duration},
        "axes": {"seed": {"seeds": options.runs}},
    }
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def _floor(campaign: Path, out: Path) -> float:
    """Return the seconds a run takes in a process that has done one before."""
    command = [sys.executable, "-c", _FLOOR, str(campaign), str(out)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def _batch(campaign: Path, out: Path, workers: int) -> tuple[float, float]:
    """Return the seconds a run takes once workers are warm, and those to the first one's end."""
    command = [sys.executable, "-m", "gridloom.scenarios.cli", "batch", str(campaign)]
    begin = time.time()
    subprocess.run(
        [*command, "--workers", str(workers), "--out", str(out)], check=True, capture_output=True
    )
    ends = _ends(out / campaign.stem)
    warm = ends[_UNTIL_WARM * workers - 1]
    return (ends[-1] - warm) / (len(ends) - _UNTIL_WARM * workers), ends[0] - begin


def _ends(results: Path) -> list[float]:
    """Return when each run's record got its final name, in order."""
    with sqlite3.connect(results / "index.sqlite") as index:
        folders = [name for (name,) in index.execute("select folder from run")]
    return sorted((results / "runs" / name / "kpis.csv").stat().st_mtime for name in folders)


if __name__ == "__main__":
    main()

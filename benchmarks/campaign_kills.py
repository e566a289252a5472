"""Kills a campaign again and again, and shows that nothing complete is lost.

    python benchmarks/campaign_kills.py [--runs 200] [--kills 50] [--workers 2] [--seed 0]

A campaign is run without disturbance, and once more while its driver, its workers, their run
servers and its runs are killed with SIGKILL at random times; whenever the driver is gone, the same
command is given again. In the end the tables are equal byte by byte, no record that was complete
before a kill was touched by it, and no process of the two batches is left.
"""

import argparse
import hashlib
import json
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

_DURATION = "30min"
_MEAN_PAUSE_S = 2.0
_LEFT_S = 20.0
_TAIL = 3_000
_KINDS = ("driver", "worker", "server", "run")


@dataclass
class Case:
    """One go at the campaign, in a folder of its own."""

    folder: Path
    runs: int
    workers: int
    commands: int = 0
    kept: dict[str, tuple[str, int]] = field(default_factory=dict)
    """Content and time of change of the records that have been seen complete."""

    @property
    def results(self) -> Path:
        """Folder of the campaign."""
        return self.folder / "outputs" / "kills"

    def start(self) -> subprocess.Popen[bytes]:
        """Give the command."""
        campaign = self.folder / "kills.yaml"
        content = {
            "name": "kills",
            "scenario": "quickstart",
            "set": {"duration": _DURATION},
            "axes": {"seed": {"seeds": self.runs}},
            "retries": 100,  # who is killed from outside is not at fault
        }
        campaign.write_text(json.dumps(content), encoding="utf-8")
        self.commands += 1
        command = [sys.executable, "-m", "gridloom.scenarios.cli", "batch", campaign.name]
        with (self.folder / "batch.txt").open("ab") as said:
            return subprocess.Popen(
                [*command, "--workers", str(self.workers)],
                cwd=self.folder,
                stdout=said,
                stderr=said,
            )

    def look(self) -> None:
        """Require that what was complete is as it was, and note what has been completed since.

        Raises:
            SystemExit: a complete record has changed.
        """
        found = _records(self.results)
        changed = [name for name, each in self.kept.items() if found.get(name) != each]
        if changed:
            sys.exit(f"complete records have changed: {changed}")
        self.kept = found

    def table(self) -> bytes:
        """Return the table of the campaign."""
        command = [sys.executable, "-m", "gridloom.scenarios.cli", "table", str(self.results)]
        subprocess.run([*command, "--out", "table.csv"], cwd=self.folder, check=True)
        return (self.folder / "table.csv").read_bytes()


def main() -> None:
    """Run both campaigns and compare them."""
    options = _options()
    with tempfile.TemporaryDirectory(dir=options.out) as temporary:
        undisturbed = Case(Path(temporary) / "undisturbed", options.runs, options.workers)
        disturbed = Case(Path(temporary) / "disturbed", options.runs, options.workers)
        for case in (undisturbed, disturbed):
            case.folder.mkdir()
        begin = time.perf_counter()
        if undisturbed.start().wait() != 0:
            sys.exit((undisturbed.folder / "batch.txt").read_text())
        print(f"undisturbed: {options.runs} runs in {time.perf_counter() - begin:.0f} s")
        begin = time.perf_counter()
        killed, driver_code = _disturb(disturbed, options.kills, random.Random(options.seed))  # noqa: S311 -- no secret
        told = ", ".join(f"{killed[kind]} {kind}s" for kind in _KINDS)
        print(
            f"disturbed: {killed.total()} kills ({told}), {disturbed.commands} commands, "
            f"{time.perf_counter() - begin:.0f} s"
        )
        if driver_code != 0:
            print((disturbed.folder / "batch.txt").read_text()[-_TAIL:])
            sys.exit(f"the last command ended with exit code {driver_code}")
        _require_equal(undisturbed, disturbed)
        if killed.total() < options.kills:
            sys.exit(f"complete before {options.kills} kills: ask for more --runs")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--out", type=Path, default=None, help="where it works; default: temporary files"
    )
    return parser.parse_args()


def _disturb(case: Case, kills: int, chance: random.Random) -> tuple[Counter[str], int]:
    """Run a campaign to its end, and kill something of it as often as asked.

    Returns:
        what was killed, and the exit code of the last command.
    """
    killed: Counter[str] = Counter()
    driver = case.start()
    while True:
        if driver.poll() is not None:
            case.look()
            if driver.returncode == 0 or case.commands > 2 * kills:
                return killed, driver.returncode
            driver = case.start()
        time.sleep(chance.expovariate(1 / _MEAN_PAUSE_S))
        if killed.total() < kills:
            kind = _kill(driver.pid, chance)
            killed[kind] += kind != ""
            if kind == "driver":
                driver.wait()
            case.look()


def _kill(driver: int, chance: random.Random) -> str:
    """Kill something of a batch, and return what."""
    try:
        below = psutil.Process(driver).children(recursive=True)
    except psutil.Error:
        return ""
    found: dict[str, list[psutil.Process]] = {"driver": [psutil.Process(driver)]}
    for process in below:
        found.setdefault(_kind(process), []).append(process)
    kind = chance.choice(_KINDS)
    if kind not in found:  # not yet: there will be another time
        return ""
    try:
        chance.choice(found[kind]).kill()
    except psutil.Error:  # it has ended meanwhile
        return ""
    return kind


def _kind(process: psutil.Process) -> str:
    """Return what of a batch a process is."""
    try:
        told = " ".join(process.cmdline())
        if "run_server" in told:
            parent = process.parent()
            is_run = parent is not None and "run_server" in " ".join(parent.cmdline())
            return "run" if is_run else "server"
    except psutil.Error:
        return "gone"
    return "worker" if "spawn_main" in told else "other"


def _records(results: Path) -> dict[str, tuple[str, int]]:
    return {
        path.parent.name: (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns)
        for path in (results / "runs").glob("*/record.h5")
    }


def _require_equal(undisturbed: Case, disturbed: Case) -> None:
    """Require equal tables, all runs complete, and no process left."""
    table = undisturbed.table()
    if disturbed.table() != table:
        sys.exit("the tables differ")
    rows = table.count(b"complete")
    print(f"tables equal byte by byte: {len(table):,} bytes, {rows} complete runs")
    end = time.monotonic() + _LEFT_S
    folders = [case.folder.resolve() for case in (undisturbed, disturbed)]
    while (left := _left(folders)) and time.monotonic() < end:
        time.sleep(0.1)
    print(f"processes left: {len(left)}")
    if left or rows != undisturbed.runs or len(disturbed.kept) != undisturbed.runs:
        sys.exit(f"{rows} rows, {len(disturbed.kept)} records, left: {left}")


def _left(folders: Sequence[Path]) -> list[psutil.Process]:
    """Return what still runs of batches that were begun in these folders."""
    found: list[psutil.Process] = []
    for process in psutil.process_iter():
        try:
            if Path(process.cwd()) in folders:  # which all below a driver inherit from it
                found.append(process)
        except psutil.Error:
            continue
    return found


if __name__ == "__main__":
    main()

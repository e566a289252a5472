"""The DRivE study: what each service costs, saves and overloads in `drive-39`, over fresh seeds.

    python benchmarks/drive_study.py [--seeds 100:103] [--workers 2]

Runs real co-simulations (AC power flow, agents in a receding horizon) and prints means over the
seeds, with the least and greatest cost. `cap 70 %` and `cap 40 %` limit the transformer to a share
of the same seed's uncontrolled peak. All else is as in the scenario's variants; `untracked` is the
community without the batteries' tracking between negotiations, `drop-out 30 %` the same with agents
that do not take part in three of ten negotiations.
"""

import argparse
import csv
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from statistics import mean

from gridloom.scenarios.reader import read_scenario
from gridloom.scenarios.runner import run_variant

SCENARIO, SCHEMES = "drive-39", "drive-39-schemes"
_DRIVE = "controllers.drive."
RUNS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "uncontrolled": ("uncontrolled", ()),
    "amas": ("amas", ()),
    "mcu": ("mcu", ()),
    "household": ("household", ()),
    "community": ("community", ()),
    "untracked": ("community", ("variants.community.controllers.battery_agent.tracking=0",)),
    "literal": ("community", (f"variants.community.{_DRIVE}algorithm=literal",)),
    "drop-out 30 %": ("community", (f"variants.community.{_DRIVE}channel.drop_out=0.3",)),
    "congestion": ("congestion", ()),
    "central": ("central", ()),
}
"""Label to variant and overrides."""
CAPS = {"cap 70 %": 0.7, "cap 40 %": 0.4}
"""Label to share of the uncontrolled peak."""
PEAK = "district_import_peak_15min_kw"
COLUMNS = {
    "tariff_cost_eur": ("cost EUR", 1.0, 1),
    "self_consumption_percent": ("self %", 1.0, 1),
    PEAK: ("peak kW", 1.0, 0),
    "transformer_loading_max_percent": ("trafo %", 1.0, 0),
    "line_loading_max_percent": ("line %", 1.0, 0),
    "line_overload_duration_s": ("over min", 1 / 60, 0),
    "too_cold_kelvin_hours": ("cold K h", 1.0, 2),
    "jobs_unfinished": ("jobs late", 1.0, 0),
    "negotiation_rounds_mean": ("rounds", 1.0, 1),
    "certified_gap_max_percent": ("gap %", 1.0, 1),
    "messages": ("messages", 1e-3, 0),
    "message_bytes": ("MB", 1e-6, 0),
    "wall_time_s": ("wall s", 1.0, 0),
}
"""KPI to heading, scale and digits; thousands of messages."""


@dataclass(frozen=True)
class Job:
    """One co-simulation."""

    label: str
    variant: str
    overrides: tuple[str, ...]
    seed: int
    out: Path


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", default="100:103", help="first:stop")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("outputs/drive-study"))
    options = parser.parse_args()
    first, stop = (int(part) for part in options.seeds.split(":"))
    seeds = range(first, stop)
    with ProcessPoolExecutor(options.workers, mp_context=get_context("spawn")) as pool:
        jobs = [
            Job(label, variant, overrides, seed, options.out)
            for label, (variant, overrides) in RUNS.items()
            for seed in seeds
        ]
        found = dict(zip(jobs, pool.map(kpis, jobs), strict=True))
        caps = [
            replace(job, label=label, variant="congestion", overrides=limited(share, values[PEAK]))
            for job, values in found.items()
            if job.label == "uncontrolled"
            for label, share in CAPS.items()
        ]
        found |= dict(zip(caps, pool.map(kpis, caps), strict=True))
    report(found, [*RUNS, *CAPS], options.out)
    return 0


def limited(share: float, peak_kw: float) -> tuple[str, ...]:
    """Return the override that limits the transformer to a share of a peak."""
    key = f"variants.congestion.{_DRIVE}congestion.limits_kw"
    return (f"{key}={{trafo 1: {share * peak_kw:.1f}}}",)


def kpis(job: Job) -> dict[str, float]:
    """Run one co-simulation unless it is complete; return the KPIs of the study."""
    scenario = SCHEMES if job.variant in ("amas", "mcu") else SCENARIO
    document = read_scenario(scenario, [f"seed={job.seed}", *job.overrides])
    done = run_variant(document, job.variant, job.out)
    values: dict[str, float] = {}
    for kpi in done.kpis:
        if kpi.of in ("", "community", "drive", "mcu"):
            values.setdefault(kpi.name, kpi.value)
    values["wall_time_s"] = done.wall_time_s
    return {name: values[name] for name in COLUMNS if name in values}


def report(found: Mapping[Job, Mapping[str, float]], labels: Sequence[str], out: Path) -> None:
    """Print the table, and write every number as CSV."""
    print(f"{'':16}" + "".join(f"{heading:>11}" for heading, _, _ in COLUMNS.values()) + "  cost")
    for label in labels:
        rows = [values for job, values in found.items() if job.label == label]
        cells = []
        for name, (_, scale, digits) in COLUMNS.items():
            known = [scale * row[name] for row in rows if name in row]
            cells.append(f"{mean(known):11.{digits}f}" if known else f"{'':>11}")
        costs = [row["tariff_cost_eur"] for row in rows]
        print(f"{label:16}" + "".join(cells) + f"  {min(costs):.0f} ... {max(costs):.0f}")
    with (out / "kpis.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["seed", "run", "kpi", "value"])
        for job, values in found.items():
            writer.writerows([job.seed, job.label, *entry] for entry in values.items())


if __name__ == "__main__":
    sys.exit(main())

"""The ADEMIS study: schemes on fresh seeds and stress cases, with confidence intervals.

    python benchmarks/ademis_study.py [--seeds 100:120] [--cases base,scarce,...] [--workers 2]

Runs real co-simulations (`gridloom run`, one second, AC power flow) of every case, seed and scheme,
compares the schemes of each seed with the certified bounds, and prints means with 95 % confidence
intervals and whether each seed keeps the bars. The controllers were tuned on seeds 7, 11, 23, 31
and 2021; the default seeds are others. Runs that are complete are not computed again: a study that
was stopped goes on where it was.
"""

import argparse
import csv
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from math import isnan, nan, sqrt
from multiprocessing import get_context
from pathlib import Path
from statistics import mean, stdev

from gridloom.scenarios.bounds import bounds_source
from gridloom.scenarios.evaluation import compare_variants
from gridloom.scenarios.reader import read_scenario
from gridloom.scenarios.runner import run_variant

BALANCED, UNBALANCED = "ademis-2021-schemes", "ademis-2021-unbalanced"
SCHEMES = ("basic", "amas", "amas-worthwhile", "milp")
CASES: dict[str, tuple[str, tuple[str, ...]]] = {
    "base": (BALANCED, ()),
    "scarce": (
        BALANCED,
        ("simulators.ev.sessions.always_connected_state_of_charge=[0.60, 0.72]",),
    ),
    "sunny": (BALANCED, ("simulators.pv.area_m2=15",)),
    "late": (BALANCED, ("simulators.ev.sessions.arrive_at_start=[]",)),
    "50A": (BALANCED, ("simulators.grid.line_ratings_a={LINE117: 50}",)),
    "unbalanced": (UNBALANCED, ()),
}
"""Scenario and overrides: always-connected vehicles that need energy themselves, half as much sun
again, arrivals spread over their period, a line of 50 A, each house on its own phase."""
SHOWN = {
    "imbalance_cost_eur": "c21 EUR",
    "shortage_cost_eur": "c28 EUR",
    "energy_adjusted_cost_eur": "J EUR",
    "gap_to_bound_no_speculation_eur": "J - J* EUR",
    "line_overload_duration_s": "overload s",
    "line_loading_max_percent": "loading %",
    "missing_energy_max_kwh": "shortfall kWh",
    "battery_throughput_ratio_percent": "throughput %",
    "plan_cosine_similarity": "cosine",
    "decision_wall_time_ms": "ms/decision",
}
MOST_THROUGHPUT_PERCENT = 200.0
MOST_SHORTFALL_KWH = 0.02
MOST_SHORTAGE_COST = 0.1  # of basic's
MOST_GAP_EUR = 0.05
STUDENT_T = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776, 6: 2.571, 8: 2.365, 10: 2.262, 20: 2.093}
"""97.5 % quantile of Student's t by number of samples; in between the next smaller one."""


@dataclass(frozen=True)
class Job:
    """One co-simulation."""

    case: str
    seed: int
    scheme: str
    schemes: tuple[str, ...]
    """All that are compared."""
    out: Path


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", default="100:120", help="first:stop")
    parser.add_argument("--cases", default=",".join(CASES))
    parser.add_argument("--schemes", default=",".join(SCHEMES))
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("outputs/ademis-study"))
    options = parser.parse_args()
    first, stop = (int(part) for part in options.seeds.split(":"))
    seeds, schemes = range(first, stop), tuple(options.schemes.split(","))
    with ProcessPoolExecutor(options.workers, mp_context=get_context("spawn")) as pool:
        for case in options.cases.split(","):
            jobs = [
                Job(case, seed, each, schemes, options.out) for seed in seeds for each in schemes
            ]
            list(pool.map(simulate, [job for job in jobs if job.scheme in variants(case)]))
            tables = list(pool.map(compare, [job for job in jobs if job.scheme == schemes[0]]))
            report(case, list(seeds), tables, options.out)
    return 0


def document(case: str, seed: int):  # noqa: ANN201
    scenario, overrides = CASES[case]
    return read_scenario(scenario, [f"seed={seed}", *overrides])


def variants(case: str) -> Sequence[str]:
    return list(document(case, 0).variants)


def simulate(job: Job) -> None:
    """Run one co-simulation unless it is complete."""
    run_variant(document(job.case, job.seed), job.scheme, job.out / job.case)
    print(f"{job.case} {job.seed} {job.scheme}", file=sys.stderr, flush=True)


def compare(job: Job) -> dict[tuple[str, str], float]:
    """Return what the comparison of one seed's schemes says: by scheme and indicator."""
    read = document(job.case, job.seed)
    schemes = [scheme for scheme in job.schemes if scheme in read.variants]
    out = job.out / job.case
    folders = [run_variant(read, scheme, out).folder for scheme in schemes]
    written = compare_variants(folders, out, bounds=bounds_source(read, out))
    if written is None:
        raise ValueError("nothing to compare")
    with written.table.open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["kpi"] in SHOWN]
    return {
        (row["scheme"], row["kpi"]): float(row["value"])
        for row in rows
        if row["of"] in {"", "charging"}
    }


def report(
    case: str, seeds: Sequence[int], tables: Sequence[dict[tuple[str, str], float]], out: Path
) -> None:
    """Print means with confidence intervals and the bars; write every number as CSV."""
    schemes = list(dict.fromkeys(scheme for table in tables for scheme, _ in table))
    print(f"\n{case}, {len(seeds)} seeds, mean +- 95 % confidence (min ... max)")
    for kpi, label in SHOWN.items():
        cells = []
        for scheme in schemes:
            values = [table.get((scheme, kpi), nan) for table in tables]
            cells.append(f"{scheme}: {interval([v for v in values if not isnan(v)])}")
        print(f"  {label:14} " + " | ".join(cell for cell in cells if not cell.endswith(": -")))
    print(
        "  gap closed     " + " | ".join(f"{each}: {gap_closed(each, tables)}" for each in schemes)
    )
    for scheme in schemes:
        if scheme.startswith("amas"):
            print(f"  {scheme}: " + "; ".join(bars(scheme, tables)))
    with (out / f"{case}.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["case", "seed", "scheme", "kpi", "value"])
        for seed, table in zip(seeds, tables, strict=True):
            writer.writerows([case, seed, *key, value] for key, value in table.items())


def gap_closed(scheme: str, tables: Sequence[dict[tuple[str, str], float]]) -> str:
    """Return the share of basic's mean gap to the no-speculation bound that a scheme closes.

    The ratio of means: where basic is all but optimal, a seed's own ratio means nothing.
    """
    kpi = "gap_to_bound_no_speculation_eur"
    both = [table for table in tables if (scheme, kpi) in table and ("basic", kpi) in table]
    if not both:
        return "-"
    basic, gap = (mean(table[who, kpi] for table in both) for who in ("basic", scheme))
    return f"{100 * (basic - gap) / basic:.0f} %"


def interval(values: Sequence[float]) -> str:
    """Return mean, half-width of the 95 % confidence interval, and range."""
    if not values:
        return "-"
    if len(values) == 1:
        return f"{values[0]:.4g}"
    quantile = STUDENT_T[max(n for n in STUDENT_T if n <= len(values))]
    half = quantile * stdev(values) / sqrt(len(values))
    return f"{mean(values):.4g} +-{half:.2g} ({min(values):.4g} ... {max(values):.4g})"


def bars(scheme: str, tables: Sequence[dict[tuple[str, str], float]]) -> list[str]:
    """Say on how many seeds a scheme keeps each bar of the study."""

    def kept(ok: list[bool]) -> str:
        return f"{sum(ok)}/{len(ok)}"

    def of(table: dict[tuple[str, str], float], kpi: str, who: str = scheme) -> float:
        return table.get((who, kpi), nan)

    return [
        "0 s over rating " + kept([of(t, "line_overload_duration_s") == 0 for t in tables]),
        "shortfall <= 0.02 kWh beyond basic's "
        + kept(
            [
                of(t, "missing_energy_max_kwh")
                <= max(of(t, "missing_energy_max_kwh", "basic"), 0.0) + MOST_SHORTFALL_KWH
                for t in tables
            ]
        ),
        "c28 <= 10 % of basic "
        + kept(
            [
                of(t, "shortage_cost_eur")
                <= MOST_SHORTAGE_COST * of(t, "shortage_cost_eur", "basic")
                for t in tables
            ]
        ),
        "throughput <= 2x "
        + kept(
            [of(t, "battery_throughput_ratio_percent") <= MOST_THROUGHPUT_PERCENT for t in tables]
        ),
        "J within 5 ct of the no-speculation optimum "
        + kept([of(t, "gap_to_bound_no_speculation_eur") <= MOST_GAP_EUR for t in tables]),
    ]


if __name__ == "__main__":
    sys.exit(main())

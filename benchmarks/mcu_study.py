"""The MCU study: how much of the centralised saving each rule captures, over fresh seeds.

    python benchmarks/mcu_study.py [--seeds 100:120] [--studies rules,steps,horizons] [--workers 2]

Runs real co-simulations of `mcu-2020` (AC power flow, negotiation with agents), day-ahead schedules
alike, and prints for each rule the efficiency

    (cost without flexibility - cost of the rule) / (cost without flexibility - centralised cost)

with its mean and 95 % confidence interval, least and greatest value, the share of the imbalance
that remains, and rounds. The centralised reference is myopic: it knows what the agents know. That
of perfect information is a certified optimum: no schedule of these devices costs less. Studies:
`rules` compares them, `steps` the step of the bonus, `horizons` how far agents look ahead.
"""

import argparse
import csv
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from math import sqrt
from multiprocessing import get_context
from pathlib import Path
from statistics import mean, stdev

from gridloom.scenarios.reader import read_scenario
from gridloom.scenarios.runner import run_variant

SCENARIO = "mcu-2020"
REFERENCES = ("schedule", "central")
"""No flexibility, and the centralised optimum: efficiency 0 and 1."""
STUDIES: dict[str, dict[str, tuple[str, tuple[str, ...]]]] = {
    "rules": {
        name: (name, ()) for name in ("selfish", "literal", "ascent", "bisection", "perfect")
    },
    "steps": {
        **{
            f"ascent {step}": ("ascent", (f"controllers.mcu.bonus_step_eur_per_mwh={step}",))
            for step in (0.5, 1, 2, 5, 10)
        },
        **{
            f"bisection {step}": ("bisection", (f"controllers.mcu.bonus_step_eur_per_mwh={step}",))
            for step in (0.05, 0.5, 2, 5)
        },
    },
    "horizons": {
        f"bisection {hours} h": ("bisection", (f"controllers.mcu.horizon={hours}h",))
        for hours in (2, 4, 8, 12, 23)
    },
}
"""By study: label, then variant and overrides."""
KPIS = (
    "operating_cost_eur",
    "remaining_imbalance_percent",
    "negotiation_rounds_mean",
    "line_loading_max_percent",
)
STUDENT_T = {2: 12.706, 3: 4.303, 5: 2.776, 8: 2.365, 10: 2.262, 20: 2.093}
"""97.5 % quantile of Student's t by number of samples; in between the next smaller one."""


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
    parser.add_argument("--seeds", default="100:120", help="first:stop")
    parser.add_argument("--studies", default="rules")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("outputs/mcu-study"))
    options = parser.parse_args()
    first, stop = (int(part) for part in options.seeds.split(":"))
    seeds = range(first, stop)
    with ProcessPoolExecutor(options.workers, mp_context=get_context("spawn")) as pool:
        for study in options.studies.split(","):
            chosen = {name: (name, ()) for name in REFERENCES} | STUDIES[study]
            jobs = [
                Job(label, variant, overrides, seed, options.out)
                for seed in seeds
                for label, (variant, overrides) in chosen.items()
            ]
            found = dict(zip(((j.label, j.seed) for j in jobs), pool.map(kpis, jobs), strict=True))
            report(study, list(chosen), seeds, found, options.out)
    return 0


def kpis(job: Job) -> dict[str, float]:
    """Run one co-simulation unless it is complete; return the KPIs of the study."""
    document = read_scenario(SCENARIO, [f"seed={job.seed}", *job.overrides])
    done = run_variant(document, job.variant, job.out)
    return {kpi.name: kpi.value for kpi in done.kpis if kpi.name in KPIS and not kpi.of}


def report(
    study: str,
    labels: Sequence[str],
    seeds: Sequence[int],
    found: dict[tuple[str, int], dict[str, float]],
    out: Path,
) -> None:
    """Print the table of one study, and write every number as CSV."""
    print(f"\n{study}, {len(seeds)} seeds: mean +- 95 % confidence (min ... max)")
    print(f"{'':16} {'efficiency %':36} {'operating cost EUR':36} {'remains %':>10} {'rounds':>7}")
    for label in labels:
        costs = [found[label, seed]["operating_cost_eur"] for seed in seeds]
        shares = [100 * efficiency(found, label, seed) for seed in seeds]
        remains = mean(found[label, s].get("remaining_imbalance_percent", 100.0) for s in seeds)
        rounds = mean(found[label, s].get("negotiation_rounds_mean", 0.0) for s in seeds)
        print(
            f"{label:16} {interval(shares):36} {interval(costs):36} {remains:10.1f} {rounds:7.1f}"
        )
    with (out / f"{study}.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["seed", "run", "kpi", "value"])
        for (label, seed), values in found.items():
            writer.writerows([seed, label, *entry] for entry in values.items())


def efficiency(found: dict[tuple[str, int], dict[str, float]], label: str, seed: int) -> float:
    """Return the share of the centralised saving that a run captures."""
    none, central = (found[each, seed]["operating_cost_eur"] for each in REFERENCES)
    return (none - found[label, seed]["operating_cost_eur"]) / (none - central)


def interval(values: Sequence[float]) -> str:
    """Return mean, half-width of the 95 % confidence interval, and range."""
    if len(values) == 1:
        return f"{values[0]:.2f}"
    quantile = STUDENT_T[max(n for n in STUDENT_T if n <= len(values))]
    half = quantile * stdev(values) / sqrt(len(values))
    return f"{mean(values):.2f} +-{half:.2f} ({min(values):.2f} ... {max(values):.2f})"


if __name__ == "__main__":
    sys.exit(main())

"""Rounds, time and memory of DRivE's negotiation by the number of houses, beside HiGHS.

    python benchmarks/drive_scale.py [--sizes 39 290 2860 29240 292400] [--seed 0]
                                     [--highs-limit 600] [--json FILE]

Districts of `synthetic_district`, a day ahead in quarters of an hour, without limits of feeders;
each measurement in a process of its own. "Devices" counts the fixed loads of the houses, which
nobody asks; "asked" are those that negotiate, and times a device and round are theirs.

Times end when a plan is certified to be within the gap, bounds included; compiling (Numba, once
for each machine) and drawing the district are left out. HiGHS solves the same linear program by
its own choice of method, one thread, building left out.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

from synthetic_district import INTERVALS, SyntheticDistrict

from gridloom.controllers.drive.central import NoOptimumError, central_optimum
from gridloom.controllers.drive.district import Devices, LocalDevices, Negotiated, negotiate
from gridloom.controllers.drive.message_passing import MessagePassing
from gridloom.controllers.drive.negotiated_plan import Rigour
from gridloom.controllers.drive.parallel import DaskDevices, ThreadedDevices
from gridloom.controllers.drive.sharing import TreeSharing
from gridloom.controllers.proximal.population import LeafTotals, ProximalRequest
from gridloom.simulators.model import FloatArray

CERTIFY_EVERY = 10
PERCENT, THOROUGH = 0.01, 0.001
THOROUGH_UP_TO = 30_000
"""Houses; larger districts are negotiated to the larger gap only."""
HIGHS_UP_TO = 3_000
"""Houses; beyond it takes hours."""
LITERAL_UP_TO = 300
PARALLEL_FROM = 2_000
SMALL = 600
"""Houses of the district that is negotiated first, so that all is compiled."""
PARTS = 2
"""Threads, or processes, to share the work."""
FUTURE_DEVICES = 100_000_000
FUTURE_CORES = 1_000
LINK_GBIT_PER_S = 10

Measured = dict[str, Any]


class Timed:
    """Devices whose time is told apart from that of the nets."""

    def __init__(self, devices: Devices) -> None:
        self._devices = devices
        self.cpu_s = 0.0

    def answer(self, request: ProximalRequest) -> LeafTotals:
        begin = process_time()
        totals = self._devices.answer(request)
        self.cpu_s += process_time() - begin
        return totals

    def offered(self, leaves: int, intervals: int) -> LeafTotals:
        return self._devices.offered(leaves, intervals)

    def weight(self, leaves: int) -> FloatArray:
        return self._devices.weight(leaves)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[39, 290, 2860, 29240, 292400])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--highs-limit", type=float, default=600.0, help="seconds")
    parser.add_argument("--json", type=Path, help="file for all numbers")
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one is not None:
        measure, houses = options.one
        whole = SyntheticDistrict(int(houses), options.seed)
        print(json.dumps(MEASURES[measure](whole, options)))
        return 0
    print(_HEADER)
    rows = [measured(houses, options) for houses in options.sizes]
    print(f"\n{_PARALLEL_HEADER}")
    for row in rows:
        if row["houses"] >= PARALLEL_FROM:
            print(_parallel_row(row))
    print("\n".join(outlook(rows)))
    if options.json is not None:
        options.json.write_text(json.dumps(rows, indent=2), encoding="utf-8")
    return 0


def measured(houses: int, options: argparse.Namespace) -> Measured:
    """Measure one size, and print its row."""
    row: Measured = {"houses": houses} | in_own_process("negotiation", houses, options)
    if houses <= THOROUGH_UP_TO:
        row["thorough"] = in_own_process("thorough", houses, options)
    if houses <= HIGHS_UP_TO:
        row["highs"] = in_own_process("highs", houses, options)
    if houses <= LITERAL_UP_TO:
        row["literal"] = in_own_process("literal", houses, options)
    print(_row(row), flush=True)
    for way in ("threads", "processes") if houses >= PARALLEL_FROM else ():
        row[way] = in_own_process(way, houses, options)
    return row


def in_own_process(measure: str, houses: int, options: argparse.Namespace) -> Measured:
    """Measure in a fresh interpreter: memory is told apart."""
    told = subprocess.run(
        [
            sys.executable,
            __file__,
            *("--one", measure, str(houses)),
            *("--seed", str(options.seed), "--highs-limit", str(options.highs_limit)),
        ],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
    )
    found: Measured = json.loads(told.stdout.splitlines()[-1])
    return found


def negotiation(
    whole: SyntheticDistrict,
    _options: argparse.Namespace,
    gap: float = PERCENT,
    method: Callable[..., Any] = TreeSharing,
) -> Measured:
    """Negotiate in this process, in one thread."""
    begin = perf_counter()
    shares, district = whole.shares(), whole.district()
    build_s = perf_counter() - begin
    _compile(method)
    before_mb = _peak_mb()
    devices = Timed(LocalDevices(shares))
    found, cpu_s, wall_s = _timed(lambda: _negotiated(district, devices, gap, method))
    asked = sum(share.population.count for share in shares)
    return {
        "asked": asked,
        "devices": asked + whole.houses,
        "feeders": whole.feeders,
        "rounds": found.rounds,
        "gap": found.certificate.gap,
        "cost_eur": found.certificate.cost_eur,
        "cpu_s": cpu_s,
        "wall_s": wall_s,
        "nets_cpu_s": cpu_s - devices.cpu_s,
        "build_s": build_s,
        "built_mb": before_mb,
        "peak_mb": _peak_mb(),
    }


def highs(whole: SyntheticDistrict, options: argparse.Namespace) -> Measured:
    """Solve the linear program."""
    shares, district, limit_s = whole.shares(), whole.district(), options.highs_limit
    tree, prices, fixed_kw = district.tree, district.prices, district.fixed_kw
    try:
        best = central_optimum(tree, prices, shares, fixed_kw, time_limit_s=limit_s)
    except NoOptimumError as error:
        return {"status": str(error), "cpu_s": limit_s}
    return {
        "status": "optimal",
        "cpu_s": best.cpu_time_s,
        "wall_s": best.wall_time_s,
        "cost_eur": best.cost_eur,
        "columns": best.columns,
        "peak_mb": _peak_mb(),
    }


def threads(whole: SyntheticDistrict, _options: argparse.Namespace) -> Measured:
    """Negotiate with threads that share the devices."""
    _compile(TreeSharing)
    district = whole.district()
    with_threads = ThreadedDevices(whole.shares(), threads=PARTS)
    found, _, wall_s = _timed(lambda: _negotiated(district, with_threads, PERCENT))
    return {"rounds": found.rounds, "cost_eur": found.certificate.cost_eur, "wall_s": wall_s}


def processes(whole: SyntheticDistrict, _options: argparse.Namespace) -> Measured:
    """Negotiate with devices that live in the worker processes of a cluster."""
    from distributed import Client, LocalCluster

    district, small = whole.district(), SyntheticDistrict(SMALL, 0)
    with (
        LocalCluster(n_workers=PARTS, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster, direct_to_workers=True) as client,
    ):
        _negotiated(small.district(), DaskDevices(client, _parts(small)), PERCENT)  # compiles
        begin = perf_counter()
        devices = DaskDevices(client, _parts(whole))
        built_s = perf_counter() - begin
        found, _, wall_s = _timed(lambda: _negotiated(district, devices, PERCENT))
    return {
        "rounds": found.rounds,
        "cost_eur": found.certificate.cost_eur,
        "wall_s": wall_s,
        "build_s": built_s,
        "sent_bytes": devices.sent_bytes,
    }


MEASURES: dict[str, Callable[..., Measured]] = {
    "negotiation": negotiation,
    "thorough": partial(negotiation, gap=THOROUGH),
    "literal": partial(negotiation, method=MessagePassing),
    "highs": highs,
    "threads": threads,
    "processes": processes,
}


def outlook(rows: list[Measured]) -> list[str]:
    """Estimate a hundred million devices from the largest district that was measured."""
    first, last = rows[0], rows[-1]
    many = FUTURE_DEVICES / last["devices"]
    nets_s, feeders = last["nets_cpu_s"] * many, last["feeders"] * many
    devices_s = last["cpu_s"] * many - nets_s
    as_now = f"{last['rounds']} rounds to {PERCENT:.0%}, and costs of each as now"
    on_cores = f"{devices_s / FUTURE_CORES:.0f} s on {FUTURE_CORES:,} cores"
    by_interval = f"{nets_s / INTERVALS:.0f} s on {INTERVALS} cores, an interval each"
    lines = [
        f"\n{FUTURE_DEVICES:,} devices at {feeders:,.0f} feeders, if there are {as_now}:",
        f"  devices: {devices_s / 3600:.1f} core hours; {on_cores}",
        f"  nets: {nets_s / 3600:.2f} core hours; {by_interval}",
    ]
    further = last["devices"] - first["devices"]
    if further > 0:
        each_kb = 1e3 * (last["peak_mb"] - first["peak_mb"]) / further
        terabytes = each_kb * FUTURE_DEVICES / 1e9
        lines.append(f"  memory: {each_kb:.1f} kB a device, {terabytes:.2f} TB in all")
    if "processes" in last:
        each = _bytes_each(last)
        gigabytes, link = each * feeders / 1e9, LINK_GBIT_PER_S
        minutes = 8 * gigabytes * last["rounds"] / link / 60
        lines.append(
            f"  messages: {each:,.0f} bytes a feeder and round, {gigabytes:.1f} GB a round; "
            f"{minutes:.1f} min in all through one link of {link} Gbit/s"
        )
    return lines


def _parts(whole: SyntheticDistrict) -> list[Callable[[], Any]]:
    cuts = [whole.blocks * part // PARTS for part in range(PARTS + 1)]
    return [partial(whole.shares, range(a, b)) for a, b in pairwise(cuts)]


def _negotiated(
    district: Any, devices: Devices, gap: float, method: Callable[..., Any] = TreeSharing
) -> Negotiated:
    rigour = Rigour(gap=gap, certify_every=CERTIFY_EVERY)
    found = negotiate(district, devices, rigour, method=method)
    assert found.certificate.gap <= gap
    return found


def _timed(work: Callable[[], Negotiated]) -> tuple[Negotiated, float, float]:
    """Return what comes of it, CPU and wall seconds."""
    cpu, wall = process_time(), perf_counter()
    found = work()
    return found, process_time() - cpu, perf_counter() - wall


def _compile(method: Callable[..., Any]) -> None:
    small = SyntheticDistrict(SMALL, 0)
    _negotiated(small.district(), LocalDevices(small.shares()), PERCENT, method)


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


_HEADER = (
    f"{'':>36}|{'to 1 %':^37}|{'to 0.1 %':^22}|{'HiGHS':^24}|{'literal to 1 %'}\n"
    f"{'houses':>8} {'devices':>9} {'asked':>8} {'MB':>7} |"
    f"{'rounds':>7} {'gap %':>6} {'CPU s':>7} {'us each':>7} {'nets':>6} |"
    f"{'rounds':>7} {'gap %':>6} {'CPU s':>6} |{'CPU s':>9} {'to 1 %':>6} {'0.1 %':>6} |"
    f"{'rounds':>7} {'CPU s':>6}"
)
_PARALLEL_HEADER = (
    f"{'houses':>8} wall s to 1 %: {'1 thread':>8} {PARTS:>3} threads {PARTS:>3} processes "
    f"{'the same':>9} {'bytes a feeder and round':>25}"
)


def _row(row: Measured) -> str:
    size = f"{row['houses']:>8,} {row['devices']:>9,} {row['asked']:>8,} {row['peak_mb']:>7,.0f} "
    each_us = 1e6 * row["cpu_s"] / row["asked"] / row["rounds"]
    percent = f"{row['rounds']:>7} {100 * row['gap']:>6.2f} {row['cpu_s']:>7.2f} {each_us:>7.2f} "
    percent += f"{row['nets_cpu_s'] / row['cpu_s']:>6.0%} "
    thorough = literal = best = ""
    if "thorough" in row:
        rounds, gap, cpu_s = (row["thorough"][key] for key in ("rounds", "gap", "cpu_s"))
        thorough = f"{rounds:>7} {100 * gap:>6.3f} {cpu_s:>6.2f} "
    if "highs" in row:
        cpu_s, optimal = row["highs"]["cpu_s"], row["highs"]["status"] == "optimal"
        ratios = (cpu_s / row["cpu_s"], cpu_s / row["thorough"]["cpu_s"])
        best = f"{'' if optimal else '>'}{cpu_s:.2f}".rjust(9)
        best += "".join(f" {ratio:>5.0f}x" for ratio in ratios) + " "
    if "literal" in row:
        literal = f"{row['literal']['rounds']:>7} {row['literal']['cpu_s']:>6.2f}"
    return f"{size}|{percent}|{thorough:>22}|{best:>24}|{literal}"


def _parallel_row(row: Measured) -> str:
    together, apart = row["threads"], row["processes"]
    same = all(
        way["rounds"] == row["rounds"] and way["cost_eur"] == row["cost_eur"]
        for way in (together, apart)
    )
    return (
        f"{row['houses']:>8,} {row['wall_s']:>23.2f} {together['wall_s']:>11.2f} "
        f"{apart['wall_s']:>13.2f} {'yes' if same else 'NO':>9} {_bytes_each(row):>25,.0f}"
    )


def _bytes_each(row: Measured) -> float:
    """Return what is sent for a feeder in a round, both ways."""
    return float(row["processes"]["sent_bytes"] / row["feeders"] / row["rounds"])


if __name__ == "__main__":
    sys.exit(main())

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

from drive_scale_table import (
    HEADER,
    PARALLEL_HEADER,
    PARTS,
    Measured,
    outlook,
    parallel_row,
    size_row,
)
from synthetic_district import SyntheticDistrict

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
    print(HEADER)
    rows = [measured(houses, options) for houses in options.sizes]
    print(f"\n{PARALLEL_HEADER}")
    for row in rows:
        if row["houses"] >= PARALLEL_FROM:
            print(parallel_row(row))
    print("\n".join(outlook(rows, PERCENT)))
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
    print(size_row(row), flush=True)
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
    begin_s = process_time()
    try:
        best = central_optimum(tree, prices, shares, fixed_kw, time_limit_s=limit_s)
    except NoOptimumError as error:
        return {"status": str(error), "cpu_s": process_time() - begin_s}
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


if __name__ == "__main__":
    sys.exit(main())

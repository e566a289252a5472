"""How long a clearing takes, by the number of agents: from the first request to the order.

    python benchmarks/clearing_time.py [--agents 4 40 400 4000] [--clearings 20] [--profile]

An MCU bisects the bonus with agents of batteries, generators, flexible households and fleets, which
look eight hours ahead; nothing but their own work is timed, in CPU time, and real devices carry out
what was ordered in between: see `synthetic_microgrid`. Of the columns:

    first      round 0, in which every agent takes over the state of its devices, then answers
    setpoints  afterwards, not part of a clearing: fleets distribute the order to their vehicles
    answers    digest of all orders, equal from run to run as long as nothing else is decided

Below, what the same takes otherwise: `solved` is another microgrid whose agents solve for every
answer, known or not. Of two clearings, the same requests in the same states are answered by a Pyomo
model built and solved anew for every answer (`rebuilt`), and, instead of negotiating, all agents'
programs are joined into one (`central`: built with Pyomo, solved once, its optimum certified).
"""

import argparse
import cProfile
import gc
import pstats
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from time import thread_time
from unittest.mock import patch

import numpy as np
from synthetic_microgrid import STEP_S, Clearing, Microgrid

from gridloom.controllers.negotiation.messages import FlexibilityRequest
from gridloom.controllers.optimisation.linear_program import reference
from gridloom.controllers.transactive.central import AgentProgram, central_optimum
from gridloom.controllers.transactive.deviation import settled
from gridloom.controllers.transactive.known_answers import KnownAnswers

AHEAD = 8
"""Intervals, beyond the one that is cleared."""
WARM_UP = 2
"""Clearings that are not timed."""
COMPARED = 2
"""Clearings, after the warm-up, that are compared."""
MOST_REBUILT, MOST_CENTRAL, MOST_SOLVED = 40, 400, 400
"""Agents; with more it would take too long."""
BAR_MS = 20.0
FEW = 4
"""Agents, for which the bar holds."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--agents", type=int, nargs="+", default=[4, 40, 400, 4_000])
    parser.add_argument("--clearings", type=int, default=20)
    parser.add_argument("--profile", action="store_true", help="also print the hottest functions")
    options = parser.parse_args()
    print(
        f"{'agents':>6} {'rounds':>6} {'messages':>9} {'kB':>8} {'first ms':>9} {'later ms':>9} "
        f"{'order ms':>8} {'clearing ms':>11} {'95 % ms':>9} {'us/agent':>9} "
        f"{'us/agent round':>14} {'setpoints ms':>12} {'build s':>8} {'answers':>8}",
        flush=True,
    )
    tables = [measured(n, options.clearings, profile=options.profile) for n in options.agents]
    print(f"\n{'agents':>6} {'persistent ms':>14} {'solved ms':>17} {'rebuilt ms':>19} central ms")
    for table in tables:
        print(comparison(*table))
    met = all(ms["persistent"] <= BAR_MS for agents, ms, _ in tables if agents <= FEW)
    print(f"\nbar: at most {BAR_MS:g} ms with {FEW} agents: {'met' if met else 'MISSED'}")
    return 0 if met else 1


def measured(
    agents: int, clearings: int, *, profile: bool
) -> tuple[int, dict[str, float], list[dict[str, float]]]:
    """Clear again and again, and print a line of the table.

    Returns:
        The number of agents; medians of the persistent programs with and without known answers,
        ms; what single clearings took otherwise, s.
    """
    begin = thread_time()
    microgrid = Microgrid(agents, WARM_UP + clearings + AHEAD, AHEAD)
    build_s = thread_time() - begin
    profiler = cProfile.Profile() if profile else None
    done, compared = cleared(microgrid, clearings, profiler, compare=not profile)
    if profiler:
        pstats.Stats(profiler).sort_stats("tottime").print_stats(30)
    digest = sha256(b"".join(clearing.order_kw.tobytes() for clearing in done)).hexdigest()
    print(f"{row(agents, done[WARM_UP:])} {build_s:8.1f} {digest[:8]}", flush=True)
    medians_ms = {"persistent": median_ms(done)}
    if agents <= MOST_SOLVED and not profile:
        other = Microgrid(agents, WARM_UP + clearings + AHEAD, AHEAD)
        with patch.object(KnownAnswers, "find", nothing_known):
            medians_ms["solved"] = median_ms(cleared(other, clearings, None, compare=False)[0])
    return agents, medians_ms, compared


def nothing_known(_: KnownAnswers, __: FlexibilityRequest) -> None:
    """Stand for an agent that remembers no answers."""


def cleared(
    microgrid: Microgrid, clearings: int, profiler: cProfile.Profile | None, *, compare: bool
) -> tuple[list[Clearing], list[dict[str, float]]]:
    """Clear and step; return what clearings took, and what the first of them took otherwise."""
    gc.collect()
    gc.freeze()  # so that what was built is not gone through again during a clearing
    done, compared = [], []
    for number in range(WARM_UP + clearings):
        if profiler and number >= WARM_UP:
            profiler.enable()
        clearing = microgrid.clear(number * STEP_S)
        if profiler:
            profiler.disable()
        if compare and WARM_UP <= number < WARM_UP + COMPARED:
            compared.append(otherwise(microgrid, number, clearing))
        microgrid.step(number * STEP_S, clearing)
        done.append(clearing)
    return done, compared


def median_ms(clearings: list[Clearing]) -> float:
    return 1e3 * float(np.median([clearing.total_s for clearing in clearings[WARM_UP:]]))


def row(agents: int, clearings: list[Clearing]) -> str:
    """Return medians, but means of rounds and messages."""
    first, later, order, total, setpoints = (
        1e3 * np.array([getattr(clearing, name) for clearing in clearings])
        for name in ("first_s", "later_s", "order_s", "total_s", "setpoints_s")
    )
    rounds, messages, volume = (
        float(np.mean([getattr(clearing, name) for clearing in clearings]))
        for name in ("rounds", "messages", "bytes")
    )
    middle_ms = float(np.median(total))
    return (
        f"{agents:6,} {rounds:6.1f} {messages:9,.0f} {volume / 1e3:8,.1f} {np.median(first):9.2f} "
        f"{np.median(later):9.2f} {np.median(order):8.2f} {middle_ms:11.2f} "
        f"{np.percentile(total, 95):9.2f} {1e3 * middle_ms / agents:9.1f} "
        f"{1e3 * total.sum() / agents / (rounds * len(total)):14.1f} "
        f"{np.median(setpoints):12.2f}"
    )


def comparison(agents: int, medians_ms: dict[str, float], compared: list[dict[str, float]]) -> str:
    """Return a line of what it takes otherwise, and how many times as long."""
    cells = [f"{agents:6,} {medians_ms['persistent']:14,.1f}"]
    for name, width in (("solved", 17), ("rebuilt", 19), ("central", 0)):
        if name in medians_ms:
            took_ms, ratio = medians_ms[name], medians_ms[name] / medians_ms["persistent"]
        elif compared and name in compared[0]:
            took_s, kept_s = (sum(each[key] for each in compared) for key in (name, "persistent"))
            took_ms, ratio = 1e3 * took_s / len(compared), took_s / kept_s
        else:
            cells.append(f"{'-':>{width}}")
            continue
        cells.append(f"{f'{took_ms:,.1f} ({ratio:,.2f} x)':>{width}}")
    return " ".join(cells)


def otherwise(microgrid: Microgrid, number: int, clearing: Clearing) -> dict[str, float]:
    """Return the CPU seconds of a clearing, and of what would be done in its place."""
    agents = len(microgrid.mcu.agents) - 1
    found = {"persistent": clearing.total_s}
    if agents <= MOST_REBUILT:
        found["rebuilt"] = timed(lambda: rebuilt(microgrid, number, clearing))
    if agents <= MOST_CENTRAL:
        found["central"] = timed(lambda: central(microgrid, number, clearing))
    return found


def timed(work: Callable[[], None]) -> float:
    begin = thread_time()
    work()
    return thread_time() - begin


def rebuilt(microgrid: Microgrid, number: int, clearing: Clearing) -> None:
    """Build and solve a Pyomo model for every agent and request."""
    for request in clearing.requests:
        buying, selling = request.buying_price_eur_per_mwh, request.selling_price_eur_per_mwh
        for agent in microgrid.flexible:
            for row in range(len(agent.agents)):
                numbers = agent.program(row, number, AHEAD + 1)
                priced = settled(numbers.costs, buying, selling, agent.hours)
                reference(
                    agent.formulation(row), replace(numbers, costs={**numbers.costs, **priced})
                )


def central(microgrid: Microgrid, number: int, clearing: Clearing) -> None:
    """Schedule all agents together, at the market's prices."""
    programs = [
        AgentProgram(
            name=name,
            formulate=agent.formulation(row),
            numbers=agent.program(row, number, AHEAD + 1),
        )
        for agent in microgrid.flexible
        for row, name in enumerate(agent.agents.names)
    ]
    deviation_kw = np.zeros(AHEAD + 1)
    deviation_kw[0] = -clearing.surplus_kw
    request = clearing.requests[0]
    central_optimum(
        programs,
        deviation_kw,
        request.buying_price_eur_per_mwh,
        request.selling_price_eur_per_mwh,
        STEP_S / 3600,
    )


if __name__ == "__main__":
    raise SystemExit(main())

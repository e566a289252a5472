"""What the program of every agent has: its power, and by how much that strays from its schedule.

An agent pays the buying price for what it draws beyond its schedule, and gets the selling price
for what it leaves. All costs are in 1e-3 EUR: prices in EUR/MWh times energies in kWh.
"""

import numpy as np

from gridloom.controllers.optimisation.writing import Numbers, Rows, equal_to
from gridloom.simulators.model import FloatArray

PENALTY_EUR_PER_MWH = 1e4
"""Of missing what an agent owes to its devices: far above any price, so that it is a last resort
where reality has left no other."""


def deviation_numbers(scheduled_kw: FloatArray, count: int) -> Numbers:
    """Return the numbers of a program that decides nothing but power.

    Args:
        scheduled_kw: (interval,), as far as the run goes.
        count: of the program's intervals; nothing flows in those beyond the end of the run.
    """
    inside = np.arange(count) < len(scheduled_kw)
    anything = np.where(inside, np.inf, 0.0)
    return Numbers(
        variables={
            "power": (-anything, anything),
            "up": (np.zeros(count), anything),
            "down": (np.zeros(count), anything),
        },
        rows={"deviation": equal_to(padded(scheduled_kw, count))},
    )


def write_deviation(rows: Rows) -> None:
    """Write power - up + down = scheduled."""
    block = rows.block
    rows.write("deviation", lambda t: block.power[t] - block.up[t] + block.down[t])


def inertia(eur_per_mwh: float, count: int, hours: float) -> dict[str, FloatArray]:
    """Return costs of any deviation, so that of two equal profits the smaller deviation wins.

    They grow by half over the intervals: of two deviations of one size, the earlier wins.
    """
    each = eur_per_mwh * hours * (1.0 + 0.5 * np.arange(count) / count)
    return {"up": each, "down": each}


def settled(
    own: dict[str, FloatArray], buying: FloatArray, selling: FloatArray, hours: float
) -> dict[str, FloatArray]:
    """Return the costs of a deviation at prices in EUR/MWh, beside those of an agent's own."""
    return {"up": own["up"] + hours * buying, "down": own["down"] - hours * selling}


def padded(values: FloatArray, count: int) -> FloatArray:
    """Return values of intervals, (interval,), extended by zeros."""
    extended = np.zeros(count)
    extended[: len(values)] = values
    return extended

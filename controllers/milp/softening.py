"""Limits that may be exceeded at a penalty, to find out why no plan keeps them all."""

import numpy as np

from gridloom.controllers.milp.numbers import Numbers
from gridloom.controllers.milp.problem import PlanningProblem
from gridloom.simulators.model import FloatArray

SLACK = "_slack"
FLOOR = "_floor"
CEILING = "_ceiling"


SOFT = ("imbalance", "energy", "voltage", "flow_kw")
"""Variables whose bounds may be exceeded, those that give way first in front."""


def soften(numbers: Numbers, problem: PlanningProblem) -> None:
    """Turn bounds into rows with a slack, and price the slack."""
    prices = _penalties(problem)
    for name in SOFT:
        if name not in numbers.variables:
            continue
        lower, upper = numbers.variables[name]
        anything = np.full(lower.shape, np.inf)
        numbers.variables[name] = (-anything, anything)
        numbers.variables[name + SLACK] = (np.zeros(lower.shape), anything)
        numbers.rows[name + FLOOR] = (lower, anything)
        numbers.rows[name + CEILING] = (-anything, upper)
        numbers.penalties[name + SLACK] = np.broadcast_to(prices[name], lower.shape)


def _penalties(problem: PlanningProblem) -> dict[str, FloatArray]:
    """Return the price of each slack.

    A kWh of imbalance is given up for a hundredth of a kWh that a vehicle would miss, and that
    for a hundredth of a kWh beyond the limit of a line. Voltages lie between the two: where 1 kW
    moves them by some 1e-3 pu, a kWh costs ten times what a vehicle misses.
    """
    leaves = problem.storages.leaves
    return {
        "imbalance": np.array(1.0),
        # Before departure, all intervals together count as much as the departure alone.
        "energy": np.where(leaves, 1e2, 1e2 / leaves.shape[1]),
        "voltage": np.array(1e6 * problem.interval_h),
        "flow_kw": np.array(1e4 * problem.interval_h),
    }

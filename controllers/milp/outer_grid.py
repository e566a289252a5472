"""A grid model that nothing feasible in the AC power flow violates: for lower bounds.

The linear model has no losses and nominal voltage. Both can make it too strict: a line's current
limit allows more power at a higher voltage, and behind a line that exports, losses use up some of
what the connection points feed in. So limits are widened

- by the highest admissible voltage: |S| <= sqrt(3) V_max I_rated at the line's lower end, and
- by the largest losses possible below it: what the connection points draw there in sum differs
  from the power at that end by the losses in between.

Losses below are bounded by currents: each line carries at most its rated current; at most the sum
of what is connected below it; and at most the current above it and that of everything else below
the line above (Kirchhoff's current law). Each connection point draws at most |S| / V_min.
"""

from dataclasses import replace

import numpy as np

from gridloom.controllers.milp.network import FlowGraph
from gridloom.simulators.grid.feeder import Feeder
from gridloom.simulators.model import FloatArray


def widened(graph: FlowGraph, feeder: Feeder, peak_kva: FloatArray) -> FlowGraph:
    """Return a graph whose limits no AC power flow within current and voltage limits exceeds.

    Args:
        graph: of a radial grid, all phases together, with loading limit 1 and without voltage
            limits.
        feeder: the grid.
        peak_kva: (connection_point,), largest apparent power that each can draw or feed in.

    Raises:
        ScenarioError: the grid is meshed.
    """
    lowest_pu, highest_pu = feeder.voltage_limits_pu
    tree = feeder.tree
    losses_kva = _losses_kva(feeder, largest_current_kva(feeder, peak_kva / lowest_pu))
    total = np.concatenate([np.zeros((2, 1)), np.cumsum(losses_kva, axis=1)], axis=1)
    below = total[:, tree.subtree_end] - total[:, np.arange(len(tree.order)) + 1]
    along = np.stack([tree.path_sum(part) for part in losses_kva])
    bus = {name: number for number, name in enumerate(feeder.bus_names)}
    buses = np.array([bus[name] for name in graph.node_names], dtype=np.int64)
    node = tree.place[feeder.bus_node[buses]]
    # An arc may be a chain of lines, of which any sets the limit: all of its own losses count.
    above = np.where(graph.arc_from >= 0, node[graph.arc_from], tree.root[node])
    extra = below[:, node] + along[:, node] - along[:, above]
    limit_kva = graph.limit_kva * highest_pu + np.hypot(*extra)[:, np.newaxis]
    return replace(graph, limit_kva=limit_kva)


def largest_current_kva(feeder: Feeder, point_kva: FloatArray) -> FloatArray:
    """Return a bound of the current in the branch above each node, as power at nominal voltage.

    Args:
        feeder: a radial grid.
        point_kva: (connection_point,), bound of each one's current, likewise.

    Returns:
        (node,), in the order of the feeder's tree; inf at sources.
    """
    tree = feeder.tree
    feeder.require_radial()
    connected = np.zeros(len(tree.order))
    place = tree.place[feeder.point_bus]
    np.add.at(connected, place[place >= 0], point_kva[place >= 0])
    total = np.concatenate([[0.0], np.cumsum(connected)])
    below = total[tree.subtree_end] - total[np.arange(len(tree.order))]
    rated = np.full(len(tree.order), np.inf)
    fed = tree.depth > 0
    rated[fed] = feeder.branch_rated_kva[tree.parent_branch[tree.order[fed]]]
    largest: FloatArray = np.fmin(rated, below)
    largest[~fed] = np.inf
    above = tree.place[tree.parent_bus[tree.order]]
    for node in np.flatnonzero(fed).tolist():  # parents come before their children
        others = below[above[node]] - below[node]
        largest[node] = min(largest[node], largest[above[node]] + others)
    return largest


def _losses_kva(feeder: Feeder, current_kva: FloatArray) -> FloatArray:
    """Return bounds of what the branch above each node loses: (2, node), kW and kvar."""
    tree = feeder.tree
    fed = np.flatnonzero(tree.depth > 0)
    branch = tree.parent_branch[tree.order[fed]]
    losses = np.zeros((2, len(tree.order)))
    losses[0, fed] = feeder.branch_resistance_pu_per_kw[branch] * current_kva[fed] ** 2
    losses[1, fed] = np.abs(feeder.branch_reactance_pu_per_kvar[branch]) * current_kva[fed] ** 2
    return losses

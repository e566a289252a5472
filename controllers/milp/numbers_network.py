"""The numbers of the grid in a plan's model: what flows without the storages, and the limits."""

import numpy as np

from gridloom.controllers.milp.network import FlowGraph
from gridloom.controllers.milp.numbers import Numbers, at_most, equal_to, polygon_kva
from gridloom.controllers.milp.problem import PlanningProblem
from gridloom.controllers.milp.structure import Structure
from gridloom.simulators.model import FloatArray


def has_reactive_flows(graph: FlowGraph, structure: Structure) -> bool:
    """Whether reactive flows are variables; otherwise they follow from the active ones."""
    return graph.has_angles or structure.free_reactive


def has_circles(graph: FlowGraph, structure: Structure) -> bool:
    """Whether limits are polygons in P and Q; otherwise each leaves an interval of P."""
    return structure.free_reactive or not graph.is_radial


def network_numbers(
    numbers: Numbers, problem: PlanningProblem, graph: FlowGraph, structure: Structure
) -> None:
    """Add the numbers of a graph."""
    drawn_kw = graph.in_phases(problem.exogenous_kw)
    drawn_kvar = graph.in_phases(problem.exogenous_kvar)
    numbers.rows["node_kw"] = equal_to(graph.at_nodes(drawn_kw))
    if has_reactive_flows(graph, structure):
        numbers.rows["node_kvar"] = equal_to(graph.at_nodes(drawn_kvar))
        anything = np.full((len(graph.names), *drawn_kw.shape[1:]), np.inf)
        numbers.variables["flow_kvar"] = (-anything, anything)
    if has_circles(graph, structure):
        _circles(numbers, graph, structure)
    else:
        _intervals(numbers, graph, structure, drawn_kvar - structure.tan_phi * drawn_kw)
    if graph.has_voltages:
        _voltages(numbers, graph, structure, drawn_kvar - structure.tan_phi * drawn_kw)


def limited_arcs(graph: FlowGraph) -> list[int]:
    """Return the arcs that have a limit."""
    limited: list[int] = np.flatnonzero(np.isfinite(graph.limit_kva[:, 0])).tolist()
    return limited


def _circles(numbers: Numbers, graph: FlowGraph, structure: Structure) -> None:
    """P^2 + Q^2 <= S^2, as a polygon inside; P alone is then bounded as well."""
    over_time = np.repeat(graph.limit_kva[:, :, None], structure.intervals, axis=2)
    numbers.variables["flow_kw"] = (-over_time, over_time)
    if limited_arcs(graph):
        numbers.rows["flow_kva"] = at_most(polygon_kva(over_time[limited_arcs(graph)]))


def _intervals(
    numbers: Numbers, graph: FlowGraph, structure: Structure, beside_kvar: FloatArray
) -> None:
    """Solve P^2 + Q^2 <= S^2 for P where Q = tan_phi P + what else the points draw.

    Where even the best P exceeds the limit, only that one is left, and the arc is marked.
    """
    tangent = structure.tan_phi
    beside = graph.downstream(beside_kvar)
    limit = graph.limit_kva[:, :, None]
    stretch = 1.0 + tangent**2
    discriminant = stretch * limit**2 - beside**2
    half = np.sqrt(np.maximum(discriminant, 0.0)) / stretch
    middle = -tangent * beside / stretch
    numbers.variables["flow_kw"] = (middle - half, middle + half)
    numbers.overloaded = discriminant < 0


def _voltages(
    numbers: Numbers, graph: FlowGraph, structure: Structure, beside_kvar: FloatArray
) -> None:
    """Eqs. (26)-(27); sources hold their voltage."""
    from_source = np.where(graph.arc_from < 0, graph.ratio, 0.0)
    held = np.repeat(from_source[:, None], structure.intervals, axis=1)
    if not has_reactive_flows(graph, structure):
        held -= graph.reactance_pu_per_kvar[:, None] * graph.downstream(beside_kvar).sum(axis=1)
    numbers.rows["drop"] = equal_to(held)
    low, high = (
        np.repeat(bound[:, None], structure.intervals, axis=1)
        for bound in (graph.voltage_min_pu, graph.voltage_max_pu)
    )
    numbers.variables["voltage"] = (low, high)
    if graph.has_angles:
        anything = np.full(low.shape, np.inf)
        numbers.variables["angle"] = (-anything, anything)
        numbers.rows["turn"] = equal_to(np.zeros_like(held))

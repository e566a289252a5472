"""The grid as a planner sees it: nodes, arcs, and how voltage falls along the arcs.

Flows are lossless and voltages linear, eqs. (26)-(27) of Zafar et al., ISGT Europe 2021:

    P = g (V_i - V_j) + b (theta_i - theta_j)        g = r / |z|^2
    Q = b (V_i - V_j) - g (theta_i - theta_j)        b = x / |z|^2

Solved for the differences, which divides by no impedance and holds for |z| = 0 as well:

    V_i - V_j = r P + x Q          theta_i - theta_j = x P - r Q

On a tree the flows follow from the injections alone, and a chain of lines without load acts like
one line of their summed impedance: the reduced graph loses nothing. Buses beyond which nothing is
connected have the voltage of the bus they branch off. The paper linearises around
1 pu; here it is the voltage without load, as in `Feeder.bus_voltage_pu`.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from gridloom.controllers.milp.options import NetworkDetail, NetworkOptions
from gridloom.controllers.milp.problem import IntArray
from gridloom.controllers.milp.reduction import corners
from gridloom.simulators.grid.feeder import Feeder
from gridloom.simulators.grid.feeder_sums import SubtreeSum
from gridloom.simulators.model import FloatArray


@dataclass(frozen=True, kw_only=True)
class FlowGraph:
    """Nodes with supply and the arcs between them; arc i < nodes is the one that feeds node i.

    The axis `phase` has length 1 (all three together) or 3 (a, b, c).
    """

    names: tuple[str, ...]
    """(arc,), the line or transformer that limits it, or what else it stands for."""
    node_names: tuple[str, ...]
    arc_from: IntArray
    """(arc,), node; -1: an ideal source."""
    arc_to: IntArray
    """(arc,), node."""
    ratio: FloatArray
    """(arc,), voltage per unit at its end over that at its beginning, without load; for an ideal
    source its voltage."""
    resistance_pu_per_kw: FloatArray
    """(arc,), voltage drop at its end by active power."""
    reactance_pu_per_kvar: FloatArray
    """(arc,), voltage drop at its end by reactive power."""
    limit_kva: FloatArray
    """(arc, phase), inf where there is none."""
    voltage_min_pu: FloatArray
    """(node,), -inf where not limited, as at ideal sources, where a plan can do nothing."""
    voltage_max_pu: FloatArray
    """(node,), inf likewise."""
    point_node: IntArray
    """(point,), -1 without supply."""
    point_share: FloatArray
    """(point, phase), how much of its power is in each phase."""
    subtree_end: IntArray
    """(node,), nodes are numbered depth-first: those below node i are i + 1 to here."""
    is_radial: bool
    has_angles: bool
    """Whether reactive flows and angles are variables of their own: eqs. (26)-(27) in full."""
    has_voltages: bool

    @property
    def phases(self) -> int:
        """Length of the axis `phase`."""
        return int(self.point_share.shape[1])

    def in_phases(self, point_values: FloatArray) -> FloatArray:
        """Split what each point draws over its phases: (point, time) to (point, phase, time)."""
        split: FloatArray = self.point_share[:, :, None] * point_values[:, None, :]
        return split

    def at_nodes(self, point_values: FloatArray) -> FloatArray:
        """Add up at the nodes: (point, phase, time) to (node, phase, time)."""
        total = np.zeros((len(self.node_names), *point_values.shape[1:]))
        placed = self.point_node >= 0
        np.add.at(total, self.point_node[placed], point_values[placed])
        return total

    def downstream(self, point_values: FloatArray) -> FloatArray:
        """Add up below each arc of a radial graph: (point, phase, time) to (arc, phase, time)."""
        return SubtreeSum.of(self.point_node, self.subtree_end)(point_values)


def flow_graph(feeder: Feeder, options: NetworkOptions) -> FlowGraph | None:
    """Return the graph that a plan is to respect, or None for `NetworkDetail.NONE`.

    Raises:
        ScenarioError: the reduced graph of a meshed grid is asked for.
        ValueError: limits of single phases are asked for at full detail.
    """
    if options.detail is NetworkDetail.NONE:
        return None
    if options.detail is NetworkDetail.REDUCED:
        feeder.require_radial()
        segments = _segment_arcs(feeder, limits_voltages=options.voltage_limits)
        return _assembled(feeder, options, segments, _no_arcs())
    if options.per_phase:
        raise ValueError("limits of single phases need the reduced network")
    return _assembled(feeder, options, _tree_arcs(feeder), _closing_arcs(feeder))


class _Arcs(NamedTuple):
    """Arcs between buses that stand for their nodes: (arc,) each."""

    above: IntArray
    below: IntArray
    branch: IntArray
    """What it is named by."""
    ratio: FloatArray
    resistance: FloatArray
    reactance: FloatArray
    rated_kva: FloatArray


def _segment_arcs(feeder: Feeder, *, limits_voltages: bool) -> _Arcs:
    """Return one arc a segment, or more where the voltage may be extreme within it."""
    segments, voltage = feeder.segments, feeder.no_load_voltage_pu
    arcs = _ordered(_tree_arcs(feeder), _row_of_branch(feeder)[segments.branches])
    # Seen from the source, impedances in series add up.
    resistance, reactance = (
        arcs.resistance / voltage[arcs.below],
        arcs.reactance / voltage[arcs.below],
    )
    begins = np.zeros(len(arcs.below) + 1, dtype=bool)
    begins[segments.first] = True
    if limits_voltages:
        # Transformers have segments of their own: limits are those of the bus, not of the source.
        begins[:-1] |= arcs.ratio != 1.0
        begins[1:] |= arcs.ratio != 1.0
        begins[1:] |= corners(resistance, reactance, np.flatnonzero(begins[:-1]))
    first = np.flatnonzero(begins[:-1])
    last = np.append(first[1:], len(arcs.below)) - 1
    above, below = arcs.above[first], arcs.below[last]
    branch, rated_kva = arcs.branch[first], np.full(len(first), np.nan)
    # The smallest rating of a segment limits it once.
    group = np.cumsum(begins[:-1]) - 1
    known = np.isin(arcs.branch, segments.rating_branch)
    branch[group[known]], rated_kva[group[known]] = arcs.branch[known], arcs.rated_kva[known]
    return _Arcs(
        above=above,
        below=below,
        branch=branch,
        ratio=voltage[below] / voltage[above],
        resistance=voltage[below] * np.bincount(group, resistance, len(first)),
        reactance=voltage[below] * np.bincount(group, reactance, len(first)),
        rated_kva=rated_kva,
    )


def _row_of_branch(feeder: Feeder) -> IntArray:
    """Return where in the tree's arcs each branch is: (branch,), -1 where it is none."""
    tree = feeder.tree
    row = np.full(len(feeder.branch_from), -1)
    branch = tree.parent_branch[tree.order[tree.depth > 0]]
    row[branch] = np.arange(len(branch))
    return row


def _tree_arcs(feeder: Feeder) -> _Arcs:
    """Return one arc a branch of the tree, all pointing away from the source."""
    tree = feeder.tree
    below = tree.order[tree.depth > 0]
    branch = tree.parent_branch[below]
    upwards = tree.downstream_sign[branch] < 0
    own = feeder.branch_ratio[branch]
    # A branch's impedance is told at its to bus: seen from its other end, times 1 / ratio^2.
    seen = np.where(upwards, own**-2.0, 1.0) / feeder.no_load_voltage_pu[below]
    return _Arcs(
        above=tree.parent_bus[below],
        below=below,
        branch=branch,
        ratio=np.where(upwards, 1.0 / own, own),
        resistance=feeder.branch_resistance_pu_per_kw[branch] * seen,
        reactance=feeder.branch_reactance_pu_per_kvar[branch] * seen,
        rated_kva=feeder.branch_rated_kva[branch],
    )


def _closing_arcs(feeder: Feeder) -> _Arcs:
    """Return the branches that close loops."""
    tree, node = feeder.tree, feeder.bus_node
    ends = node[feeder.branch_from], node[feeder.branch_to]
    outside = feeder.branch_in_service & (tree.downstream_sign == 0)
    branch = np.flatnonzero(outside & (ends[0] != ends[1]) & (tree.place[ends[0]] >= 0))
    below = ends[1][branch]
    voltage = feeder.no_load_voltage_pu[below]
    return _Arcs(
        above=ends[0][branch],
        below=below,
        branch=branch,
        ratio=feeder.branch_ratio[branch],
        resistance=feeder.branch_resistance_pu_per_kw[branch] / voltage,
        reactance=feeder.branch_reactance_pu_per_kvar[branch] / voltage,
        rated_kva=feeder.branch_rated_kva[branch],
    )


def _no_arcs() -> _Arcs:
    whole, real = np.zeros(0, dtype=np.int64), np.zeros(0)
    return _Arcs(whole, whole, whole, real, real, real, real)


def _source_arcs(feeder: Feeder) -> _Arcs:
    """Return one arc a source node, from what holds the voltage; several there in parallel."""
    tree = feeder.tree
    roots = tree.order[tree.depth == 0]
    impedance = feeder.source_resistance_pu_per_kw + 1j * feeder.source_reactance_pu_per_kvar
    at = feeder.bus_node[feeder.source_bus]
    behind = np.zeros(len(roots), dtype=complex)
    for place, root in enumerate(roots):
        here = impedance[at == root]
        behind[place] = 0.0 if (here == 0).any() else 1.0 / (1.0 / here).sum()
    voltage = feeder.no_load_voltage_pu[roots]
    return _Arcs(
        above=np.full(len(roots), -1),
        below=roots,
        branch=np.full(len(roots), -1),
        ratio=voltage,
        resistance=behind.real / voltage,
        reactance=behind.imag / voltage,
        rated_kva=np.full(len(roots), np.nan),
    )


def _assembled(
    feeder: Feeder, options: NetworkOptions, feeding: _Arcs, closing: _Arcs
) -> FlowGraph:
    """Number the nodes depth-first and put the arc that feeds a node at its place."""
    tree = feeder.tree
    arcs = _joined(_source_arcs(feeder), feeding)
    arcs = _ordered(arcs, np.argsort(tree.place[arcs.below], kind="stable"))
    bus = arcs.below
    arcs = _joined(arcs, closing)
    number = np.full(len(feeder.bus_names) + 1, -1)  # the last one stands for ideal sources
    number[bus] = np.arange(len(bus))
    low, high = feeder.voltage_limits_pu
    fixed = (arcs.above < 0) & (np.hypot(arcs.resistance, arcs.reactance) == 0)
    is_free = fixed[: len(bus)] | (not options.voltage_limits)
    phased = feeder.point_phases if options.per_phase else np.ones((len(feeder.point_bus), 1))
    phases = phased.shape[1]
    limit = np.where(np.isnan(arcs.rated_kva), np.inf, arcs.rated_kva * options.loading_limit)
    full = options.detail is NetworkDetail.FULL
    return FlowGraph(
        names=tuple(
            feeder.branch_names[branch] if branch >= 0 else f"source at {feeder.bus_names[below]}"
            for branch, below in zip(arcs.branch, arcs.below, strict=True)
        ),
        node_names=tuple(feeder.bus_names[one] for one in bus),
        arc_from=number[arcs.above],
        arc_to=number[arcs.below],
        ratio=arcs.ratio,
        resistance_pu_per_kw=arcs.resistance,
        reactance_pu_per_kvar=arcs.reactance,
        limit_kva=np.repeat(limit[:, None] / phases, phases, axis=1),
        voltage_min_pu=np.where(is_free, -np.inf, low + options.voltage_margin_pu),
        voltage_max_pu=np.where(is_free, np.inf, high - options.voltage_margin_pu),
        point_node=number[feeder.bus_node[feeder.point_bus]],
        point_share=phased / phased.sum(axis=1, keepdims=True),
        subtree_end=np.searchsorted(tree.place[bus], tree.subtree_end[tree.place[bus]]),
        is_radial=tree.is_radial,
        has_angles=full,
        has_voltages=full or options.voltage_limits,
    )


def _joined(first: _Arcs, second: _Arcs) -> _Arcs:
    return _Arcs(*(np.concatenate(parts) for parts in zip(first, second, strict=True)))


def _ordered(arcs: _Arcs, order: IntArray) -> _Arcs:
    return _Arcs(*(part[order] for part in arcs))  # type: ignore[arg-type]

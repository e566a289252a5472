"""Series impedances along the tree of a feeder."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from gridloom.simulators.grid.connection_points import IndexArray
from gridloom.simulators.grid.feeder_tree import FeederTree
from gridloom.simulators.model import FloatArray


class Branches(NamedTuple):
    """What is in series along the branches: (branch,) each, impedances at the to bus."""

    ratio: FloatArray
    resistance_pu_per_kw: FloatArray
    reactance_pu_per_kvar: FloatArray


class Sources(NamedTuple):
    """What holds the voltage: (source,) each."""

    node: IndexArray
    voltage_pu: FloatArray
    resistance_pu_per_kw: FloatArray
    reactance_pu_per_kvar: FloatArray


@dataclass(frozen=True, kw_only=True)
class Impedances:
    """What lies right above each node of a tree: its branch or, at a root, its source.

    All (node,), in the tree's `order`. Impedances are referred to the source's side of all
    transformers, so that they add up along a path.
    """

    source_voltage_pu: FloatArray
    """Voltage of the source that supplies the node."""
    ratio: FloatArray
    """Voltage per unit at the node over that at its source, without load."""
    resistance_pu_per_kw: FloatArray
    reactance_pu_per_kvar: FloatArray

    @classmethod
    def along(cls, tree: FeederTree, branches: Branches, sources: Sources) -> "Impedances":
        """Collect what lies along a tree."""
        below = tree.depth > 0
        branch = tree.parent_branch[tree.order[below]]
        upwards = tree.downstream_sign[branch] < 0
        step = np.ones(len(below))
        step[below] = np.where(upwards, 1.0 / branches.ratio[branch], branches.ratio[branch])
        ratio: FloatArray = np.exp(tree.path_sum(np.log(step)))
        # An impedance is told at the to bus: the upper end of a branch that points upwards.
        at_to_bus = np.where(upwards, ratio[below] / step[below], ratio[below])
        resistance, reactance, voltage = np.empty((3, len(below)))
        resistance[below] = branches.resistance_pu_per_kw[branch] / at_to_bus**2
        reactance[below] = branches.reactance_pu_per_kvar[branch] / at_to_bus**2
        roots = np.flatnonzero(~below)
        for root in roots:
            here = sources.node == tree.order[root]
            voltage[root], impedance = _in_parallel(Sources(*(part[here] for part in sources)))
            resistance[root], reactance[root] = impedance.real, impedance.imag
        return cls(
            source_voltage_pu=voltage[tree.root],
            ratio=ratio,
            resistance_pu_per_kw=resistance,
            reactance_pu_per_kvar=reactance,
        )


def _in_parallel(sources: Sources) -> tuple[float, complex]:
    """Return voltage and impedance of one source that stands for several at one node."""
    impedance = sources.resistance_pu_per_kw + 1j * sources.reactance_pu_per_kvar
    ideal = impedance == 0
    if ideal.any():
        return float(sources.voltage_pu[ideal].mean()), 0j
    admittance = 1.0 / impedance
    total = complex(admittance.sum())
    return abs(complex((admittance * sources.voltage_pu).sum()) / total), 1.0 / total

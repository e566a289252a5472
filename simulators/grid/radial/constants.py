"""Everything the sweep needs to know of a network, as the flat arrays that its kernels read.

A *place* is a node of the tree. The sequence networks are numbered through, one after the other:
place p of sequence s is *node* s * places + p.
"""

from typing import NamedTuple

from gridloom.simulators.grid.connection_points import IndexArray
from gridloom.simulators.grid.engine import ComplexArray
from gridloom.simulators.model import FloatArray


class Terminals(NamedTuple):
    """Where constant power is drawn: each on one phase, or on the one that stands for all."""

    place: IndexArray
    """(terminal,), in the whole tree."""
    phase: IndexArray
    """(terminal,)"""
    point: IndexArray
    """(terminal,), connection point; 0 for what the network draws itself."""
    per_kw: FloatArray
    """(terminal,), per unit of each kW of the connection point."""
    constant: ComplexArray
    """(terminal,), per unit, of the network itself."""


class SweepArrays(NamedTuple):
    """The reduced tree."""

    node: IndexArray
    """(terminal, sequence), where each draws."""
    coupling: ComplexArray
    """(2, terminal, sequence), from scaled voltages of the sequences to that of the terminal's
    phase, and from the current of its phase to scaled currents of the sequences."""
    parent: IndexArray
    """(node,), which comes before; a node whose voltage is held is its own."""
    tree: ComplexArray
    """(2, node), impedance to the parent, scaled, and scaled voltage without load."""


class TreeArrays(NamedTuple):
    """The whole tree, for the voltages of all buses."""

    node: IndexArray
    """(terminal, sequence), as in `SweepArrays`."""
    parent: IndexArray
    """(node,), likewise."""
    tree: ComplexArray
    """(3, node), likewise, and true over scaled voltage."""
    bus: IndexArray
    """(place,), -1 where there is none."""


class FlowArrays(NamedTuple):
    """The whole tree, for what flows in its branches."""

    scale: ComplexArray
    """(4, node): the current that leaves the branch at the node, for its scaled current and for
    its voltage; the current that enters at the parent, for the same and for the parent's."""
    place: IndexArray
    """(4, place): parent; line and transformer from the parent (-1: it is something else); whether
    the branch from the parent is directed this way."""
    per_unit: FloatArray
    """(2, line or transformer): amperes of lines and percent of transformers per unit."""

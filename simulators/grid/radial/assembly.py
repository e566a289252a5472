"""From a converted network to the arrays of the sweep."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gridloom.simulators.grid.connection_points import IndexArray
from gridloom.simulators.grid.conversion import ConvertedNetwork
from gridloom.simulators.grid.engine import ComplexArray
from gridloom.simulators.grid.network import Network
from gridloom.simulators.grid.radial.branches import BASE_VA
from gridloom.simulators.grid.radial.circuit import Circuit, read_circuit, supply_tree
from gridloom.simulators.grid.radial.constants import (
    FlowArrays,
    SweepArrays,
    Terminals,
    TreeArrays,
)
from gridloom.simulators.grid.radial.reduction import reduced
from gridloom.simulators.grid.radial.tree import Tree
from gridloom.simulators.grid.radial.two_ports import (
    TwoPorts,
    child_is_to_end,
    scaled_parent,
    two_ports,
)

_TURN = np.exp(2j * np.pi / 3)
_PHASORS = np.array([[1, 1, 1], [1, _TURN**2, _TURN], [1, _TURN, _TURN**2]])
"""Phases a, b, c from the sequences zero, positive, negative (Fortescue 1918)."""


@dataclass(frozen=True, kw_only=True)
class SweepModel:
    """A network ready to be swept."""

    terminals: Terminals
    sweep: SweepArrays
    tree: TreeArrays
    flows: FlowArrays
    supplied: NDArray[np.bool_]
    """(bus,), whether a source reaches it."""
    kept: int
    """How many buses are left to iterate on."""


def assemble(network: Network, converted: ConvertedNetwork, *, unbalanced: bool) -> SweepModel:
    """Prepare the sweep over a network.

    Args:
        network: names and connection points.
        converted: the same network as power-grid-model would be given it.
        unbalanced: three phases; otherwise one that stands for all.

    Raises:
        NotRadialError: the network does not qualify.
    """
    circuit = read_circuit(converted, unbalanced=unbalanced)
    tree = supply_tree(circuit, network)
    ports = two_ports(tree, circuit.branches, circuit.admittance)
    place = np.full(circuit.admittance.shape[1], -1, dtype=np.int64)
    place[tree.node] = np.arange(len(tree.node))
    terminals = _terminals(network, circuit, place, unbalanced=unbalanced)
    parent = scaled_parent(tree, ports)
    start = _without_load(tree, circuit, parent)
    small = reduced(tree, parent, ports.impedance, terminals.place)
    kept = np.flatnonzero(small.number >= 0)
    places = len(tree.node)
    buses = len(circuit.nominal_v)
    supplied = place[:buses] >= 0
    return SweepModel(
        terminals=terminals,
        sweep=SweepArrays(
            node=_numbered(small.number[terminals.place], len(start), len(kept)),
            coupling=_coupling(terminals, ports),
            parent=_numbered_through(small.parent),
            tree=np.stack([small.impedance.reshape(-1), start[:, kept].reshape(-1)]),
        ),
        tree=TreeArrays(
            node=_numbered(terminals.place, len(start), places),
            parent=_numbered_through(parent),
            tree=np.stack([v.reshape(-1) for v in (ports.impedance, start, ports.voltage_scale)]),
            bus=np.where(tree.node < buses, tree.node, -1),
        ),
        flows=_flow_arrays(network, circuit, tree, ports),
        supplied=supplied,
        kept=len(kept) - len(circuit.sources),
    )


def _terminals(
    network: Network, circuit: Circuit, place: IndexArray, *, unbalanced: bool
) -> Terminals:
    """Return where constant power is drawn, where there is supply."""
    points = network.connection_points
    mask = points.phase_mask if unbalanced else np.ones((len(points.names), 1), dtype=bool)
    point, phase = np.nonzero(mask)
    share = mask.shape[1] / mask.sum(axis=1)
    per_kw = 1e3 / BASE_VA * share[point]
    drawn = _own_power(circuit, phases=mask.shape[1])
    bus, own_phase = np.nonzero(drawn)
    both = np.concatenate([place[points.bus[point]], place[bus]])
    lit = both >= 0
    nothing = np.zeros(len(bus))
    return Terminals(
        place=both[lit],
        phase=np.concatenate([phase, own_phase])[lit],
        point=np.concatenate([point, nothing.astype(np.int64)])[lit],
        per_kw=np.concatenate([per_kw, nothing])[lit],
        constant=np.concatenate([np.zeros(len(point), dtype=complex), drawn[bus, own_phase]])[lit],
    )


def _own_power(circuit: Circuit, *, phases: int) -> ComplexArray:
    """Return constant power that the network itself draws, per unit: (bus, phase)."""
    drawn = np.zeros((len(circuit.nominal_v), phases), dtype=complex)
    for name, sign in (("sym_load", 1), ("sym_gen", -1), ("asym_load", 1), ("asym_gen", -1)):
        if name not in circuit.arrays:
            continue
        array = circuit.arrays[name]
        array = array[(array["status"] == 1) & (array["type"] == 0)]
        power = sign / BASE_VA * (array["p_specified"] + 1j * array["q_specified"])
        if power.ndim == 1:
            power = np.repeat(power[:, np.newaxis], phases, axis=1)
        elif phases == 1:
            power = power.sum(axis=1, keepdims=True)
        else:
            power = phases * power
        np.add.at(drawn, array["node"], power)
    return drawn


def _without_load(tree: Tree, circuit: Circuit, parent: IndexArray) -> ComplexArray:
    """Return scaled voltages without load, which are those of the sources: (sequence, place)."""
    start = np.zeros(parent.shape, dtype=complex)
    start[:, : tree.level[1]] = circuit.held
    sequences = np.arange(len(parent))[:, np.newaxis]
    for begin, end in zip(tree.level[1:-1], tree.level[2:], strict=True):
        start[:, begin:end] = start[sequences, parent[:, begin:end]]
    return start


def _coupling(terminals: Terminals, ports: TwoPorts) -> ComplexArray:
    """Return how phases hang together with scaled sequences, see `SweepArrays`."""
    sequences = len(ports.impedance)
    phasors = _PHASORS if sequences == len(_PHASORS) else np.ones((1, 1))
    here = phasors[terminals.phase]
    to_voltage = here * ports.voltage_scale[:, terminals.place].T
    to_current = here.conj() / sequences * ports.current_scale[:, terminals.place].T
    return np.stack([to_voltage, to_current])


def _flow_arrays(network: Network, circuit: Circuit, tree: Tree, ports: TwoPorts) -> FlowArrays:
    lines, transformers = len(network.line_names), len(network.transformer_names)
    line, transformer = tree.branch, tree.branch - lines
    scale = (
        1 / ports.current_scale,
        ports.lower_admittance,
        ports.transfer / ports.current_scale,
        ports.upper_admittance,
    )
    place = (
        tree.parent,
        np.where(line < lines, line, -1),
        np.where((transformer >= 0) & (transformer < transformers), transformer, -1),
        child_is_to_end(tree, circuit.branches),
    )
    per_unit = np.full((2, max(lines, transformers)), np.nan)
    per_unit[0, :lines] = BASE_VA / np.sqrt(3) / circuit.nominal_v[network.line_from_bus]
    per_unit[1, :transformers] = 0.1 * BASE_VA / network.transformer_rated_power_kva
    return FlowArrays(
        scale=np.stack([values.reshape(-1) for values in scale]),
        place=np.stack(place).astype(np.int64),
        per_unit=per_unit,
    )


def _numbered(place: IndexArray, sequences: int, places: int) -> IndexArray:
    """Return the numbers of places in all sequences: (place, sequence)."""
    numbers: IndexArray = place[:, np.newaxis] + places * np.arange(sequences)
    return numbers


def _numbered_through(parent: IndexArray) -> IndexArray:
    """Return parents numbered through all sequences: (node,)."""
    sequences, places = parent.shape
    numbers: IndexArray = (parent + places * np.arange(sequences)[:, np.newaxis]).reshape(-1)
    return numbers

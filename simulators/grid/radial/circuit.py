"""A network as nodes, branches and admittances to ground in symmetrical components."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gridloom.simulators.errors import listing
from gridloom.simulators.grid.connection_points import IndexArray
from gridloom.simulators.grid.conversion import ConvertedNetwork
from gridloom.simulators.grid.engine import ComplexArray
from gridloom.simulators.grid.network import Network
from gridloom.simulators.grid.radial.branches import (
    Branches,
    joined,
    node_admittance,
    read_lines,
    read_links,
    read_transformers,
    source_branches,
)
from gridloom.simulators.grid.radial.tree import NotRadialError, Tree, grow, without_bridged
from gridloom.simulators.model import FloatArray

_UNDERSTOOD = {
    "node", "line", "transformer", "link", "source", "shunt",
    "sym_load", "sym_gen", "asym_load", "asym_gen",
}  # fmt: skip
_CONSTANT_POWER, _CONSTANT_IMPEDANCE = 0, 1
_NODES = ("node", "from_node", "to_node")


@dataclass(frozen=True, kw_only=True)
class Circuit:
    """A network whose buses are the first nodes; then come sources, then open ends of branches."""

    arrays: Mapping[str, NDArray[Any]]
    """Input of power-grid-model, its nodes numbered like the buses."""
    nominal_v: FloatArray
    """(bus,)"""
    branches: Branches
    """The lines, the transformers, closed switches, and the impedances of the sources."""
    held: ComplexArray
    """(sequence, source), voltage behind the impedance."""
    admittance: ComplexArray
    """(sequence, node), to ground."""

    @property
    def sources(self) -> IndexArray:
        """Nodes whose voltage is held."""
        return len(self.nominal_v) + np.arange(self.held.shape[1])


def read_circuit(converted: ConvertedNetwork, *, unbalanced: bool) -> Circuit:
    """Read what power-grid-model would be given.

    Raises:
        NotRadialError: there are elements that a sweep does not know.
    """
    _require_understood(converted.arrays)
    arrays = _numbered(converted)
    nominal_v = arrays["node"]["u_rated"].astype(float)
    buses = len(nominal_v)
    sources = arrays["source"][arrays["source"]["status"] == 1]
    behind, held = source_branches(sources, buses, unbalanced=unbalanced)
    parts = [behind]
    if "link" in arrays:
        parts.insert(0, read_links(arrays["link"], unbalanced=unbalanced))
    if "transformer" in arrays:
        ends = np.stack([arrays["transformer"][end] for end in ("from_node", "to_node")])
        both_v = nominal_v[ends]
        parts.insert(0, read_transformers(arrays["transformer"], both_v, unbalanced=unbalanced))
    if "line" in arrays:
        line_v = nominal_v[arrays["line"]["from_node"]]
        frequency = converted.frequency_hz
        parts.insert(0, read_lines(arrays["line"], line_v, frequency, unbalanced=unbalanced))
    branches, nodes = _with_open_ends(joined(*parts), buses + len(sources))
    admittance = np.zeros((len(held), nodes), dtype=complex)
    admittance[:, :buses] = node_admittance(arrays, nominal_v, unbalanced=unbalanced)
    return Circuit(
        arrays=arrays, nominal_v=nominal_v, branches=branches, held=held, admittance=admittance
    )


def supply_tree(circuit: Circuit, network: Network) -> Tree:
    """Return the tree along which a circuit is supplied.

    Raises:
        NotRadialError: there is none.
    """
    branches = circuit.branches
    count = {kind: len(circuit.arrays.get(kind, ())) for kind in ("line", "transformer", "link")}
    first_link = count["line"] + count["transformer"]
    usable = branches.closed.all(axis=0)
    is_link = np.zeros(len(branches), dtype=bool)
    is_link[first_link : first_link + count["link"]] = True
    links = without_bridged(branches.ends, np.flatnonzero(usable & is_link))
    usable &= ~is_link
    usable[links] = True
    names = (
        *(f"line '{name}'" for name in network.line_names),
        *(f"transformer '{name}'" for name in network.transformer_names),
    )

    def refusal(path: list[int], is_loop: bool) -> str:  # noqa: FBT001 -- of two kinds
        along = [names[branch] for branch in path if branch < len(names)] or ["closed switches"]
        if is_loop:
            return f"it has a loop through {listing(along)}"
        return f"{listing(along)} join what several external grids or slack generators supply"

    nodes = circuit.admittance.shape[1]
    tree = grow(branches.ends, np.flatnonzero(usable), circuit.sources, nodes, refusal)
    _require_earth(tree, circuit, network)
    return tree


def _require_understood(arrays: Mapping[str, NDArray[Any]]) -> None:
    others = sorted(name for name in arrays if name not in _UNDERSTOOD and _is_active(arrays[name]))
    if others:
        raise NotRadialError(f"it has a {' and a '.join(others).replace('_', '-')}")
    for name in ("sym_load", "sym_gen", "asym_load", "asym_gen"):
        array = arrays.get(name)
        if array is None or not len(array):
            continue
        known = [_CONSTANT_POWER] if name.startswith("asym") else [0, _CONSTANT_IMPEDANCE]
        draws = (array["p_specified"] != 0) | (array["q_specified"] != 0)
        draws = draws.reshape(len(array), -1).any(axis=1) & (array["status"] == 1)
        if (draws & ~np.isin(array["type"], known)).any():
            raise NotRadialError("it has loads of constant current")


def _is_active(array: NDArray[Any]) -> bool:
    status = [name for name in array.dtype.names or () if name.startswith("status")]
    return bool(len(array)) and (not status or any((array[name] == 1).any() for name in status))


def _numbered(converted: ConvertedNetwork) -> dict[str, NDArray[Any]]:
    """Return the components with buses numbered by their position."""
    by_id = np.argsort(converted.bus_ids, kind="stable")
    ids = converted.bus_ids[by_id]
    numbered = {}
    for name, given in converted.arrays.items():
        if not len(given) or name not in _UNDERSTOOD:
            continue
        array = given.copy()
        for field in set(_NODES) & set(array.dtype.names or ()):
            array[field] = by_id[np.searchsorted(ids, array[field])]
        numbered[str(name)] = array
    return numbered


def _with_open_ends(branches: Branches, first: int) -> tuple[Branches, int]:
    """Give branches that are open at one end a node there; return them and how many nodes."""
    ends, closed = branches.ends.copy(), branches.closed.copy()
    half_open = closed.any(axis=0) & ~closed.all(axis=0)
    open_end = ~closed & half_open
    ends[open_end] = first + np.arange(open_end.sum())
    closed[open_end] = True
    return replace(branches, ends=ends, closed=closed), first + int(open_end.sum())


def _require_earth(tree: Tree, circuit: Circuit, network: Network) -> None:
    """Refuse transformers below which nothing but stray capacitance fixes the zero sequence."""
    branches, buses = circuit.branches, len(circuit.nominal_v)
    child = tree.branch >= 0
    branch, node = tree.branch[child], tree.node[child]
    end = np.where(branches.ends[1, branch] == node, 1, 0)
    floats = branches.floating[end, branch] & (node < buses)
    if floats.any():
        lines = len(network.line_names)
        names = [network.transformer_names[each - lines] for each in branch[floats]]
        raise NotRadialError(f"nothing is earthed behind transformer {listing(names)}")

"""A circuit that OpenDSS has compiled: where its nodes, branches and loads are."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gridloom.simulators.grid.connection_points import IndexArray
from gridloom.simulators.grid.engine import ComplexArray
from gridloom.simulators.model import FloatArray
from gridloom.simulators.opendss.session import Session

NOWHERE = -1
"""Stands for a node or conductor that does not exist, or has no supply."""


@dataclass(frozen=True, kw_only=True)
class Circuit:
    """A compiled circuit, its elements in the order of the network that it solves.

    The axis `phase` has length 3, or 1 where a single-phase circuit stands for all three.
    """

    session: Session
    bus_nodes: IndexArray
    """(bus, phase), place among OpenDSS's nodes."""
    bus_nominal_v: FloatArray
    """(bus,), phase to neutral."""
    loads: IndexArray
    """(connection_point,), OpenDSS's number of its load, from 1 on; 0 without supply."""
    lines: tuple[str, ...]
    """(line,), full names; '' out of service or without supply."""
    transformers: tuple[tuple[str, ...], ...]
    """(transformer,), full names of what makes each up, two-sided or a shunt of one side (below);
    empty out of service or without supply."""
    shunt_sides: dict[str, int]
    """Side of the transformer that a shunt among `transformers` lies at, by full name."""
    others: tuple[str, ...]
    """Full names of the other branches that lose power."""
    remarks: tuple[str, ...] = ()
    """What a user should know of how the circuit is solved."""


@dataclass(frozen=True, kw_only=True)
class Conductors:
    """The ends of all conductors of some elements, one row each.

    Currents into the elements are `admittance @ voltage`, for all at once.
    """

    admittance: Any
    """(row, node), `scipy.sparse.csr_array`, siemens."""
    node: IndexArray
    """(row,), place of its node among OpenDSS's nodes; `NOWHERE` is ground."""
    phase: IndexArray
    """(row,), 0, 1, 2 for a, b, c; `NOWHERE` for ground and neutral."""
    element: IndexArray
    """(row,), place of its element."""
    terminal: IndexArray
    """(row,), 0 for the first."""

    @classmethod
    def of(cls, session: Session, names: Sequence[str]) -> "Conductors":
        """Read the primitive admittances of the elements of these full names."""
        from scipy.sparse import coo_array

        circuit = session.ActiveCircuit
        place = {name: position for position, name in enumerate(circuit.YNodeOrder)}
        rows: list[tuple[int, int, int, int]] = []
        entries, rows_of, columns_of = [], [], []
        for number, name in enumerate(names):
            circuit.SetActiveElement(name)
            element = circuit.ActiveCktElement
            ends = _ends(element, place)
            first = len(rows)
            rows += [(node, phase, number, terminal) for node, phase, terminal in ends]
            entries.append(np.asarray(element.Yprim).view(np.complex128))
            inside = np.arange(first, first + len(ends))
            rows_of.append(np.tile(inside, len(ends)))  # OpenDSS: column by column
            columns_of.append(np.repeat([node for node, _, _ in ends], len(ends)))
        table = np.array(rows, dtype=np.int64).reshape(-1, 4)
        row, column = (np.concatenate([[], *parts]).astype(int) for parts in (rows_of, columns_of))
        entry = np.concatenate([np.zeros(0, complex), *entries])
        joined = column != NOWHERE
        shape = (len(table), len(place))
        admittance = coo_array((entry[joined], (row[joined], column[joined])), shape=shape)
        return cls(
            admittance=admittance.tocsr(),
            node=table[:, 0],
            phase=table[:, 1],
            element=table[:, 2],
            terminal=table[:, 3],
        )

    def flows(self, voltage: ComplexArray) -> tuple[ComplexArray, ComplexArray]:
        """Return current (A) and power (VA) into the elements: (row,) each.

        Args:
            voltage: (node,), V.
        """
        current = self.admittance @ voltage
        power = np.where(self.node == NOWHERE, 0.0, voltage[self.node] * current.conj())
        return current, power

    def rows(self, terminal: int, elements: int, phases: int) -> IndexArray:
        """Return the rows at one terminal: (element, phase), `NOWHERE` without a conductor."""
        table = np.full((elements, phases), NOWHERE, dtype=np.int64)
        here = (self.terminal == terminal) & (self.phase != NOWHERE) & (self.phase < phases)
        rows = np.flatnonzero(here)
        table[self.element[rows], self.phase[rows]] = rows
        return table


def _ends(element: Any, place: dict[str, int]) -> list[tuple[int, int, int]]:
    """Return (node, phase, terminal) of every end of a conductor, terminal by terminal."""
    buses = [bus.split(".")[0].upper() for bus in element.BusNames]
    width = element.NumConductors
    ends = []
    for position, number in enumerate(element.NodeOrder):
        terminal = position // width
        node = place[f"{buses[terminal]}.{number}"] if number else NOWHERE
        phase = number - 1 if 1 <= number <= 3 else NOWHERE  # noqa: PLR2004 -- a, b, c
        ends.append((node, phase, terminal))
    return ends

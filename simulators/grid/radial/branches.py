"""Branches in symmetrical components, as power-grid-model understands its input.

Lines, transformers and links are the same in all phases, so that their zero-, positive- and
negative-sequence networks do not depend on each other (Fortescue 1918). In each, a branch is an
ideal ratio at its from end, a series impedance, and an admittance at either end. Per unit of 1 MVA
and the nominal voltage of the nodes. Formulas: power-grid-model, "Components", `line`, `link`,
`transformer` and `source`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gridloom.simulators.grid.connection_points import IndexArray
from gridloom.simulators.grid.engine import ComplexArray
from gridloom.simulators.grid.radial.transformers import transformers
from gridloom.simulators.model import FloatArray

BASE_VA = 1e6
_LINK_IMPEDANCE_PU = 1 / (1e8 + 1e8j)
"""What power-grid-model takes for a closed switch: 1e6 siemens at 10 kV."""


@dataclass(frozen=True, kw_only=True)
class Branches:
    """Branches of any kind; the axis `sequence` is (zero, positive, negative) or (positive,)."""

    ends: IndexArray
    """(2, branch), nodes of the from and the to end."""
    closed: NDArray[np.bool_]
    """(2, branch), whether each end is connected to its node."""
    ratio: ComplexArray
    """(sequence, branch), voltage at the from end over that at the to end without current; 0 where
    the two ends do not see each other, and then `impedance` says nothing."""
    impedance: ComplexArray
    """(sequence, branch), in series, at the to end's voltage."""
    admittance: ComplexArray
    """(2, sequence, branch), to ground at the from and the to end."""
    floating: NDArray[np.bool_]
    """(2, branch), whether only stray capacitance gives an end a zero-sequence path to ground."""

    def __len__(self) -> int:
        return int(self.ends.shape[1])


def joined(*parts: Branches) -> Branches:
    """Return several kinds of branches as one."""
    return Branches(
        **{
            name: np.concatenate([getattr(part, name) for part in parts], axis=-1)
            for name in vars(parts[0])
        }
    )


def read_lines(
    array: NDArray[Any], u_rated_v: FloatArray, frequency_hz: float, *, unbalanced: bool
) -> Branches:
    """Return lines.

    Args:
        array: power-grid-model's input.
        u_rated_v: (line,), nominal voltage.
        frequency_hz: of the network.
        unbalanced: all three sequences.
    """
    base_siemens = BASE_VA / u_rated_v**2
    omega = 2 * np.pi * frequency_hz
    numbers = (0, 1, 1) if unbalanced else (1,)
    impedance = np.stack([array[f"r{n}"] + 1j * array[f"x{n}"] for n in numbers]) * base_siemens
    charging = np.stack([array[f"c{n}"] * (array[f"tan{n}"] + 1j) for n in numbers])
    half = 0.5 * omega * charging / base_siemens
    return _branches(array, np.ones_like(impedance), impedance, np.stack([half, half]))


def read_links(array: NDArray[Any], *, unbalanced: bool) -> Branches:
    """Return closed switches between two nodes."""
    shape = (3 if unbalanced else 1, len(array))
    impedance = np.full(shape, _LINK_IMPEDANCE_PU)
    return _branches(
        array, np.ones(shape, dtype=complex), impedance, np.zeros((2, *shape), dtype=complex)
    )


def read_transformers(array: NDArray[Any], u_rated_v: FloatArray, *, unbalanced: bool) -> Branches:
    """Return two-winding transformers.

    Args:
        array: power-grid-model's input.
        u_rated_v: (2, transformer), nominal voltage of the nodes at both ends.
        unbalanced: all three sequences.
    """
    ratio, impedance, admittance, floating = transformers(array, u_rated_v, unbalanced=unbalanced)
    return _branches(array, ratio, impedance, admittance, floating)


def source_branches(
    array: NDArray[Any], first_node: int, *, unbalanced: bool
) -> tuple[Branches, ComplexArray]:
    """Return the short-circuit impedances of sources, and the voltages behind them.

    Args:
        array: power-grid-model's input.
        first_node: the voltages are held at nodes numbered from here, which are the from ends.
        unbalanced: all three sequences.

    Returns:
        The branches, and (sequence, source), per unit.
    """
    size = BASE_VA / array["sk"]
    reactance = size / np.hypot(1.0, array["rx_ratio"])
    positive = array["rx_ratio"] * reactance + 1j * reactance
    zero_over_positive = np.nan_to_num(array["z01_ratio"], nan=1.0)
    held = array["u_ref"] * np.exp(1j * np.nan_to_num(array["u_ref_angle"]))
    impedance, voltage = positive[np.newaxis], held[np.newaxis]
    if unbalanced:
        impedance = np.stack([positive * zero_over_positive, positive, positive])
        voltage = np.stack([0 * held, held, 0 * held])
    numbers = first_node + np.arange(len(array))
    return Branches(
        ends=np.stack([numbers, array["node"]]).astype(np.int64),
        closed=np.broadcast_to(array["status"] == 1, (2, len(array))),
        ratio=np.ones_like(impedance),
        impedance=impedance,
        admittance=np.zeros((2, *impedance.shape), dtype=complex),
        floating=np.zeros((2, len(array)), dtype=bool),
    ), voltage


def _branches(
    array: NDArray[Any],
    ratio: ComplexArray,
    impedance: ComplexArray,
    admittance: ComplexArray,
    floating: NDArray[np.bool_] | None = None,
) -> Branches:
    no = np.zeros((2, len(array)), dtype=bool)
    return Branches(
        ends=np.stack([array["from_node"], array["to_node"]]).astype(np.int64),
        closed=np.stack([array["from_status"], array["to_status"]]) == 1,
        ratio=ratio,
        impedance=impedance,
        admittance=admittance,
        floating=no if floating is None else floating,
    )


def node_admittance(
    arrays: Mapping[Any, NDArray[Any]], u_rated_v: FloatArray, *, unbalanced: bool
) -> ComplexArray:
    """Return what shunts and loads of constant impedance are together: (sequence, node).

    Args:
        arrays: power-grid-model's input; nodes are numbered by their place in it.
        u_rated_v: (node,), nominal voltage.
        unbalanced: all three sequences.
    """
    total = np.zeros((3 if unbalanced else 1, len(u_rated_v)), dtype=complex)
    if "shunt" in arrays:
        shunts = arrays["shunt"][arrays["shunt"]["status"] == 1]
        base = BASE_VA / u_rated_v[shunts["node"]] ** 2
        for sequence, number in enumerate((0, 1, 1) if unbalanced else (1,)):
            admittance = (shunts[f"g{number}"] + 1j * shunts[f"b{number}"]) / base
            np.add.at(total[sequence], shunts["node"], admittance)
    for name, sign in (("sym_load", 1), ("sym_gen", -1)):
        if name not in arrays:
            continue
        array = arrays[name]
        constant = array[(array["type"] == 1) & (array["status"] == 1)]
        drawn = sign * (constant["p_specified"] - 1j * constant["q_specified"]) / BASE_VA
        for row in total:
            np.add.at(row, constant["node"], drawn)
    return total

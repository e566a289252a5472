"""Branches of a tree as two-ports that hold everything but constant power.

Seen from its parent p, a branch with child c is V_c = T V_p - Z J_c, I_p = K J_c + Y V_p, where J_c
is the current that constant power draws at c and below. Admittances to ground, those of whole
subtrees included, are absorbed from the leaves to the root, so that the two-ports are exact.

Scaled voltages W = V / tau and currents, with tau and kappa the products of T and K on the way from
the source, leave a tree of plain impedances: W_c = W_p - Z / (tau kappa) times the scaled currents
at c and below. Where a transformer separates two sequence networks (T = 0), the lower one begins
anew, at earth.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from gridloom.simulators.grid.connection_points import IndexArray
from gridloom.simulators.grid.engine import ComplexArray
from gridloom.simulators.grid.radial.branches import Branches
from gridloom.simulators.grid.radial.tree import NotRadialError, Tree


@dataclass(frozen=True, kw_only=True)
class TwoPorts:
    """The two-ports of a tree: all (sequence, place), neutral at sources."""

    impedance: ComplexArray
    """Z / (tau kappa)."""
    voltage_scale: ComplexArray
    """tau: true over scaled voltage."""
    current_scale: ComplexArray
    """kappa: scaled over true current."""
    transfer: ComplexArray
    """K: current at the parent's end over that of constant power below."""
    upper_admittance: ComplexArray
    """Y: what the parent sees of the branch and all below it, without constant power."""
    lower_admittance: ComplexArray
    """Admittance to ground at the child and below, without the branch itself."""
    separates: NDArray[np.bool_]
    """Whether T and K are 0."""


def two_ports(tree: Tree, branches: Branches, admittance: ComplexArray) -> TwoPorts:
    """Return the two-ports of a tree.

    Args:
        tree: the tree.
        branches: its branches.
        admittance: (sequence, node), to ground.

    Raises:
        NotRadialError: a constant of the network is missing, or resonates.
    """
    ratio, series, upper, lower = _seen_from_parent(tree, branches)
    total = admittance[:, tree.node]
    shape = total.shape
    transfer = np.zeros(shape, dtype=complex)
    forward, impedance, seen = (np.zeros(shape, dtype=complex) for _ in range(3))
    for begin, end in _levels_from_below(tree):
        here, above = slice(begin, end), tree.parent[begin:end]
        ground = total[:, here] + lower[:, here]
        with np.errstate(all="ignore"):  # checked below
            divider = 1 / (1 + series[:, here] * ground)
        forward[:, here] = ratio[:, here] * divider
        transfer[:, here] = ratio[:, here].conj() * divider
        impedance[:, here] = series[:, here] * divider
        seen[:, here] = upper[:, here] + np.abs(ratio[:, here]) ** 2 * ground * divider
        for sequence, values in zip(total, seen[:, here], strict=True):
            np.add.at(sequence, above, values)
    if not np.isfinite(impedance + seen).all():
        raise NotRadialError("it lacks impedances of some line or transformer")
    tau, kappa = _scales(tree, forward, transfer)
    return TwoPorts(
        impedance=impedance / (tau * kappa),
        voltage_scale=tau,
        current_scale=kappa,
        transfer=transfer,
        upper_admittance=seen,
        lower_admittance=total,
        separates=_is_child(tree) & (ratio == 0),
    )


def _is_child(tree: Tree) -> NDArray[np.bool_]:
    child: NDArray[np.bool_] = tree.branch >= 0
    return child


def _levels_from_below(tree: Tree) -> list[tuple[int, int]]:
    bounds = tree.level.tolist()
    return list(pairwise(bounds[1:]))[::-1]


def _seen_from_parent(
    tree: Tree, branches: Branches
) -> tuple[ComplexArray, ComplexArray, ComplexArray, ComplexArray]:
    """Return for each place the branch from its parent, all neutral at sources.

    Returns:
        Voltage at the child over that at the parent, impedance at the child's voltage, and the
        admittances at the parent's and the child's end.
    """
    branch = tree.branch
    from_parent = child_is_to_end(tree, branches)
    end = np.where(from_parent, 1, 0)
    ratio, series = branches.ratio[:, branch], branches.impedance[:, branch]
    separate = ratio == 0
    sequences = np.arange(len(ratio))[:, np.newaxis]
    upper = branches.admittance[1 - end, sequences, branch]
    lower = branches.admittance[end, sequences, branch]
    safe = np.where(separate, 1.0, ratio)
    gain = np.where(separate, 0.0, np.where(from_parent, 1 / safe, safe))
    series = np.where(from_parent, series, np.abs(ratio) ** 2 * series)
    with np.errstate(divide="ignore", invalid="ignore"):  # what floats is refused elsewhere
        series = np.where(separate, 1 / lower, series)
    lower = np.where(separate, 0.0, lower)
    source = ~_is_child(tree)
    for values, neutral in ((gain, 1.0), (series, 0.0), (upper, 0.0), (lower, 0.0)):
        values[:, source] = neutral
    return gain, series, upper, lower


def child_is_to_end(tree: Tree, branches: Branches) -> NDArray[np.bool_]:
    """Return for each place whether the branch from its parent ends there: (place,)."""
    to_end: NDArray[np.bool_] = branches.ends[1, tree.branch] == tree.node
    return to_end


def _scales(
    tree: Tree, forward: ComplexArray, transfer: ComplexArray
) -> tuple[ComplexArray, ComplexArray]:
    tau, kappa = np.ones_like(forward), np.ones_like(transfer)
    for begin, end in reversed(_levels_from_below(tree)):
        above = tree.parent[begin:end]
        for scale, factor in ((tau, forward), (kappa, transfer)):
            here = factor[:, begin:end]
            scale[:, begin:end] = np.where(here == 0, 1.0, scale[:, above] * here)
    return tau, kappa


def scaled_parent(tree: Tree, ports: TwoPorts) -> IndexArray:
    """Return where the scaled voltage of each place begins: (sequence, place).

    Sequence networks that a transformer separates from the source begin at its first place, whose
    voltage is 0 in all sequences that can be separated.
    """
    return np.where(ports.separates, 0, tree.parent)

"""The sweep, compiled by Numba; importing this module costs a second.

Plain loops on numbers, as they compile fastest. No fast mathematics: the order of additions is what
is written, so that a solution depends on its inputs alone, and NaN stays NaN. Each row of a batch
is solved as if it were alone. For the arrays see `SweepArrays`, `TreeArrays` and `FlowArrays`.
"""

import numpy as np
from numpy.typing import NDArray

from gridloom.simulators.compiling import compiled
from gridloom.simulators.grid.connection_points import IndexArray
from gridloom.simulators.grid.engine import ComplexArray
from gridloom.simulators.model import FloatArray

TOLERANCE_PU = 1e-10
"""Estimated error of any voltage, per unit."""
ITERATIONS = 1000
_ROUNDING_PU = 1e-14
"""Changes so small are rounding."""
_DIVERGED = 1e6
"""No voltage changes so much, squared and summed over the network."""
_HALF_ROOT_3 = np.sqrt(0.75)


_compiled = compiled(error_model="numpy")


@_compiled
def solve_rows(
    drawn: ComplexArray,
    node: IndexArray,
    coupling: ComplexArray,
    parent: IndexArray,
    tree: ComplexArray,
    whole_node: IndexArray,
    whole_parent: IndexArray,
    whole_tree: ComplexArray,
    bus: IndexArray,
    scale: ComplexArray,
    place: IndexArray,
    per_unit: FloatArray,
    flows: bool,
    solved: NDArray[np.bool_],
    voltage: ComplexArray,
    current: FloatArray,
    power: FloatArray,
    loading: FloatArray,
    totals: FloatArray,
) -> None:
    """Solve power flows.

    Args:
        drawn: (row, terminal), constant power, per unit.
        node: with the next three, the fields of `SweepArrays`.
        coupling: see there.
        parent: see there.
        tree: see there.
        whole_node: with the next three, the fields of `TreeArrays`.
        whole_parent: see there.
        whole_tree: see there.
        bus: see there.
        scale: with the next two, the fields of `FlowArrays`.
        place: see there.
        per_unit: see there.
        flows: whether more than voltages is wanted.
        solved: (row,), set to whether there is a solution; otherwise the row stays as it is.
        voltage: (row, bus, phase), set as in `PowerFlowSolution`, like the following.
        current: (row, line, phase)
        power: (row, line, phase)
        loading: (row, transformer)
        totals: (row, 3), losses, active and reactive power of the sources.
    """
    places, phases = len(bus), voltage.shape[2]
    scaled = np.empty(len(parent), np.complex128)
    below = np.empty(len(parent), np.complex128)
    true = np.empty(len(whole_parent), np.complex128)
    whole_below = np.empty(len(whole_parent), np.complex128)
    volts = np.empty((places, phases), np.complex128)
    into = np.empty(len(whole_parent), np.complex128)
    out = np.empty(len(whole_parent), np.complex128)
    for row in range(len(drawn)):
        solved[row] = _fixed_point(drawn, row, node, coupling, parent, tree, scaled, below)
        if not solved[row]:
            continue
        _draw(drawn, row, node, coupling, scaled, whole_node, whole_below)
        _spread(whole_below, whole_parent, whole_tree, true)
        for here in range(places):
            for phase in range(phases):
                volts[here, phase] = _phasor(true, here, places, phase)
                if bus[here] >= 0:
                    voltage[row, bus[here], phase] = volts[here, phase]
        if flows:
            _currents(whole_below, true, scale, place, into, out)
            _line_flows(volts, into, out, place, per_unit, row, current, power)
            _loadings(volts, into, out, place, per_unit, row, loading)
            _sums(true, into, out, place, row, totals)


@_compiled
def _draw(
    drawn: ComplexArray,
    row: int,
    node: IndexArray,
    coupling: ComplexArray,
    scaled: ComplexArray,
    target: IndexArray,
    below: ComplexArray,
) -> None:
    """Place what constant power draws at the given voltages."""
    for here in range(len(below)):
        below[here] = 0.0
    for terminal in range(node.shape[0]):
        volts = 0.0j
        for sequence in range(node.shape[1]):
            volts += coupling[0, terminal, sequence] * scaled[node[terminal, sequence]]
        power = drawn[row, terminal].conjugate() * volts
        per_size = 1.0 / (volts.real * volts.real + volts.imag * volts.imag)
        amps = complex(power.real * per_size, power.imag * per_size)
        for sequence in range(node.shape[1]):
            below[target[terminal, sequence]] += coupling[1, terminal, sequence] * amps


@_compiled
def _fixed_point(
    drawn: ComplexArray,
    row: int,
    node: IndexArray,
    coupling: ComplexArray,
    parent: IndexArray,
    tree: ComplexArray,
    scaled: ComplexArray,
    below: ComplexArray,
) -> bool:
    """Iterate from no load until the error is small; return whether it is.

    What error remains is estimated from the change of an iteration and how fast changes shrink: of
    the last two rates, the slower one.
    """
    for here in range(len(parent)):
        scaled[here] = tree[1, here]
    change, rate = np.inf, np.inf
    for _ in range(ITERATIONS):
        _draw(drawn, row, node, coupling, scaled, node, below)
        for here in range(len(parent) - 1, -1, -1):
            below[parent[here]] += below[here]
        largest, every = 0.0, 0.0
        for here in range(len(parent)):
            fresh = scaled[parent[here]] - tree[0, here] * below[here]
            step = fresh - scaled[here]
            scaled[here] = fresh
            size = step.real * step.real + step.imag * step.imag
            every += size  # not a number for good, once one is not
            largest = max(size, largest)
        if not every < _DIVERGED:
            return False
        before, slowest = change, rate
        change = 3.0 * np.sqrt(largest)  # all sequences at once
        rate = change / before
        slowest = max(rate, slowest)
        if change < _ROUNDING_PU or change * slowest <= TOLERANCE_PU * (1.0 - slowest):
            return True
    return False


@_compiled
def _spread(
    below: ComplexArray, parent: IndexArray, tree: ComplexArray, true: ComplexArray
) -> None:
    """Sum what is drawn below each node of the whole tree, and set the true voltages."""
    for here in range(len(parent) - 1, -1, -1):
        if parent[here] != here:
            below[parent[here]] += below[here]
    for here in range(len(parent)):
        above = true[parent[here]] if parent[here] != here else tree[1, here]
        true[here] = above - tree[0, here] * below[here]
    for here in range(len(parent)):
        true[here] *= tree[2, here]


@_compiled
def _phasor(values: ComplexArray, here: int, places: int, phase: int) -> complex:
    """Return one phase's phasor at a place, from those of the sequences: (node,)."""
    if len(values) == places:
        alone: complex = values[here]
        return alone
    zero, positive, negative = values[here], values[here + places], values[here + 2 * places]
    both, apart = positive + negative, positive - negative
    across = complex(-_HALF_ROOT_3 * apart.imag, _HALF_ROOT_3 * apart.real)
    phasor: complex = zero + both
    if phase > 0:
        phasor = zero - 0.5 * both + (across if phase > 1 else -across)
    return phasor


@_compiled
def _size(phasor: complex) -> float:
    """Return the magnitude squared: roots are taken where they are needed."""
    return phasor.real * phasor.real + phasor.imag * phasor.imag


@_compiled
def _currents(
    below: ComplexArray,
    true: ComplexArray,
    scale: ComplexArray,
    place: IndexArray,
    into: ComplexArray,
    out: ComplexArray,
) -> None:
    """Set the currents that enter the branch from the parent, and leave it at the node."""
    places = place.shape[1]
    for first in range(0, len(true), places):
        for here in range(places):
            at, above = first + here, first + place[0, here]
            out[at] = scale[0, at] * below[at] + scale[1, at] * true[at]
            into[at] = scale[2, at] * below[at] + scale[3, at] * true[above]


@_compiled
def _line_flows(
    volts: ComplexArray,
    into: ComplexArray,
    out: ComplexArray,
    place: IndexArray,
    per_unit: FloatArray,
    row: int,
    current: FloatArray,
    power: FloatArray,
) -> None:
    """Set currents and powers of lines."""
    places, phases = volts.shape
    for here in range(places):
        above, line = place[0, here], place[1, here]
        if line < 0:
            continue
        for phase in range(phases):
            entering = _phasor(into, here, places, phase)
            leaving = _phasor(out, here, places, phase)
            largest = max(_size(entering), _size(leaving))
            current[row, line, phase] = np.sqrt(largest) * per_unit[0, line]
            if place[3, here]:
                kva = volts[above, phase] * entering.conjugate()
            else:
                kva = -volts[here, phase] * leaving.conjugate()
            power[row, line, phase] = 1e3 / phases * kva.real


@_compiled
def _loadings(
    volts: ComplexArray,
    into: ComplexArray,
    out: ComplexArray,
    place: IndexArray,
    per_unit: FloatArray,
    row: int,
    loading: FloatArray,
) -> None:
    """Set loadings of transformers, by the end with more apparent power."""
    places, phases = volts.shape
    for here in range(places):
        above, transformer = place[0, here], place[2, here]
        if transformer < 0:
            continue
        entering, leaving = 0.0, 0.0
        for phase in range(phases):
            amps_in = _phasor(into, here, places, phase)
            amps_out = _phasor(out, here, places, phase)
            entering += np.sqrt(_size(volts[above, phase]) * _size(amps_in))
            leaving += np.sqrt(_size(volts[here, phase]) * _size(amps_out))
        loading[row, transformer] = max(entering, leaving) / phases * per_unit[1, transformer]


@_compiled
def _sums(
    true: ComplexArray,
    into: ComplexArray,
    out: ComplexArray,
    place: IndexArray,
    row: int,
    totals: FloatArray,
) -> None:
    """Set what branches lose and sources give: power is the sum of that of the sequences."""
    places = place.shape[1]
    lost, given = 0.0, 0.0j
    for first in range(0, len(true), places):
        for here in range(places):
            above = place[0, here]
            if above == here:
                continue
            leaving = true[first + here] * out[first + here].conjugate()
            if place[0, above] == above:
                given += leaving
            else:
                entering = true[first + above] * into[first + here].conjugate()
                lost += entering.real - leaving.real
    totals[row, 0] = 1e3 * lost
    totals[row, 1], totals[row, 2] = 1e3 * given.real, 1e3 * given.imag

"""Two-winding transformers in symmetrical components, by power-grid-model's formulas."""

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from gridloom.simulators.grid.engine import ComplexArray
from gridloom.simulators.model import FloatArray

_BASE_VA = 1e6
_STAR_EARTHED, _DELTA, _ZIGZAG_EARTHED = 1, 2, 4
"""Of power-grid-model's `WindingType`."""
_ZIGZAG_ZERO_SEQUENCE = 0.1
"""Zero- over positive-sequence impedance of an earthed zigzag winding."""
_STRAY = 1e-8
"""Susceptance over the short-circuit one, where a winding has no other zero-sequence path."""

_Parts: TypeAlias = tuple[ComplexArray, ComplexArray, ComplexArray, NDArray[np.bool_]]


def transformers(array: NDArray[Any], u_rated_v: FloatArray, *, unbalanced: bool) -> _Parts:
    """Return ratios, impedances and admittances, see `Branches`.

    Args:
        array: power-grid-model's input; its impedances do not depend on the tap.
        u_rated_v: (2, transformer), nominal voltage of the nodes at both ends.
        unbalanced: all three sequences.

    Returns:
        `ratio`, `impedance`, `admittance` and `floating` of `Branches`.
    """
    u1, u2 = _tapped_voltages(array)
    size = (u1 / u2) / (u_rated_v[0] / u_rated_v[1])
    base_ohm = u_rated_v[1] ** 2 / _BASE_VA
    impedance = _impedance_ohm(array, u2) / base_ohm
    magnetising = _magnetising(array["i0"], array["p0"], array["sn"], u2) * base_ohm
    turn = np.exp(1j * np.radians(30.0) * (array["clock"] % 12))
    ratio, z, y = (size * turn)[np.newaxis], impedance[np.newaxis], magnetising[np.newaxis]
    floating = np.zeros((2, len(array)), dtype=bool)
    if unbalanced:
        ratio = np.stack([_zero_ratio(array, size), size * turn, size * turn.conj()])
        y0 = _magnetising(*_zero_no_load(array), array["sn"], u2) * base_ohm
        z = np.stack([impedance + 3 * _earthing(array, size, u_rated_v), impedance, impedance])
        y = np.stack([y0, magnetising, magnetising])
    admittance = np.stack([0.5 * y / size**2, 0.5 * y])
    if unbalanced:
        alone, floating = _one_ports(array, size, impedance, y[0], u_rated_v)
        admittance[:, 0] = np.where(ratio[0] == 0, alone, admittance[:, 0])
        floating &= ratio[0] == 0
    return ratio, z, admittance, floating


def _tapped_voltages(array: NDArray[Any]) -> tuple[FloatArray, FloatArray]:
    low, high = (
        bound(array["tap_min"], array["tap_max"]).astype(float)
        for bound in (np.minimum, np.maximum)
    )
    position = np.clip(array["tap_pos"], low, high)
    direction = np.where(array["tap_max"] > array["tap_min"], 1.0, -1.0)
    offset = direction * (position - array["tap_nom"]) * array["tap_size"]
    at_from = array["tap_side"] == 0
    return array["u1"] + at_from * offset, array["u2"] + ~at_from * offset


def _impedance_ohm(array: NDArray[Any], u2: FloatArray) -> ComplexArray:
    size = np.abs(array["uk"]) * u2**2 / array["sn"]
    resistance = array["pk"] * (u2 / array["sn"]) ** 2
    reactance = np.sign(array["uk"]) * np.sqrt(np.maximum(size**2 - resistance**2, 0.0))
    impedance: ComplexArray = resistance + 1j * reactance
    return impedance


def _magnetising(i0: FloatArray, p0: FloatArray, sn: FloatArray, u2: FloatArray) -> ComplexArray:
    size, conductance = i0 * sn / u2**2, p0 / u2**2
    susceptance = -np.sqrt(np.maximum(size**2 - conductance**2, 0.0))
    admittance: ComplexArray = conductance + 1j * susceptance
    return admittance


def _zero_no_load(array: NDArray[Any]) -> tuple[FloatArray, FloatArray]:
    """Return the zero-sequence current and losses without load; by default the positive ones."""
    given = np.isfinite(array["i0_zero_sequence"])
    i0 = np.where(given, array["i0_zero_sequence"], array["i0"])
    copper = array["pk"] * (i0**2 - array["i0"] ** 2)
    losses = array["p0_zero_sequence"]
    return i0, np.where(np.isfinite(losses), losses, array["p0"] + copper)


def _zero_ratio(array: NDArray[Any], size: FloatArray) -> ComplexArray:
    """Return the zero-sequence ratio: 0 unless both windings are earthed stars."""
    through = (array["winding_from"] == _STAR_EARTHED) & (array["winding_to"] == _STAR_EARTHED)
    reverse = np.isin(array["clock"], (2, 6, 10))
    ratio: ComplexArray = (through * np.where(reverse, -size, size)).astype(complex)
    return ratio


def _earth_impedance(array: NDArray[Any], side: str, u_rated_v: FloatArray) -> ComplexArray:
    resistance, reactance = (np.nan_to_num(array[f"{part}_grounding_{side}"]) for part in "rx")
    impedance: ComplexArray = (resistance + 1j * reactance) * _BASE_VA / u_rated_v**2
    return impedance


def _earthing(array: NDArray[Any], size: FloatArray, u_rated_v: FloatArray) -> ComplexArray:
    """Return the impedances of both star points in series, at the to end's voltage."""
    at_from, at_to = (
        _earth_impedance(array, side, u) for side, u in zip(("from", "to"), u_rated_v, strict=True)
    )
    both: ComplexArray = at_to + at_from / size**2
    return both


def _one_ports(
    array: NDArray[Any],
    size: FloatArray,
    impedance: ComplexArray,
    magnetising: ComplexArray,
    u_rated_v: FloatArray,
) -> tuple[ComplexArray, NDArray[np.bool_]]:
    """Return the zero-sequence admittances of ends that do not see each other, and which float."""
    windings = array["winding_from"], array["winding_to"]
    scales = size**2, np.ones_like(size)
    admittance = np.zeros((2, len(array)), dtype=complex)
    floating = np.zeros((2, len(array)), dtype=bool)
    for end, side in enumerate(("from", "to")):
        here, there = windings[end], windings[1 - end]
        earthing = 3 * _earth_impedance(array, side, u_rated_v[end]) / scales[end]
        star, zigzag = here == _STAR_EARTHED, here == _ZIGZAG_EARTHED
        path = magnetising + (there == _DELTA) / impedance
        path = np.where(zigzag, 1 / (_ZIGZAG_ZERO_SEQUENCE * impedance), star * path)
        exists = path != 0
        path = np.where(exists, 1 / (1 / np.where(exists, path, 1.0) + earthing), 0.0)
        floating[end] = ~(zigzag | (star & (there == _DELTA)))
        stray = -1j * _STRAY * array["sn"] / _BASE_VA / array["uk"]
        admittance[end] = path / scales[end] + floating[end] * stray
    return admittance, floating

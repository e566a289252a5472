"""Positive-sequence series impedances and ratios of a pandapower net, as its engines see them."""

from typing import Any

import numpy as np

from gridloom.simulators.grid.connectivity import source_rows
from gridloom.simulators.grid.tables import column, tap_offset
from gridloom.simulators.model import FloatArray

_DEFAULT_R_TO_X = 0.1
"""What power-grid-model takes for a source that tells no ratio."""


def line_impedance_ohm(net: Any) -> FloatArray:
    """Return resistance and reactance of whole lines, parallel systems combined: (2, line)."""
    per_km = np.stack([column(net.line, f"{part}_ohm_per_km") for part in "rx"])
    impedance: FloatArray = per_km * column(net.line, "length_km") / _parallel(net.line)
    return impedance


def transformer_impedance_pu(net: Any, rated_power_kva: FloatArray) -> FloatArray:
    """Return short-circuit resistance and reactance of transformers, parallel units combined.

    A tap changer on the low-voltage side changes them, as in pandapower and power-grid-model.

    Args:
        net: the `pandapowerNet`.
        rated_power_kva: (transformer,), the base: all parallel units together, derated.

    Returns:
        (2, transformer), per unit of the base and of the nominal voltage of the low-voltage bus.
    """
    trafo = net.trafo
    short_circuit, resistance = (column(trafo, c) / 100 for c in ("vk_percent", "vkr_percent"))
    reactance = np.sqrt(np.maximum(short_circuit**2 - resistance**2, 0.0))
    units_kva = 1e3 * column(trafo, "sn_mva") * _parallel(trafo)
    base_change = (_tapped_kv(trafo, "lv") / _nominal_kv(net, trafo["lv_bus"])) ** 2
    scale = rated_power_kva / units_kva * base_change
    return np.stack([resistance, reactance]) * scale


def transformer_ratio_pu(net: Any) -> FloatArray:
    """Return voltage per unit at the low-voltage bus over that at the high-voltage one, unloaded.

    Returns:
        (transformer,), NaN where taps follow a table.
    """
    trafo = net.trafo
    nominal = _nominal_kv(net, trafo["hv_bus"]) / _nominal_kv(net, trafo["lv_bus"])
    ratio: FloatArray = _tapped_kv(trafo, "lv") / _tapped_kv(trafo, "hv") * nominal
    ratio[column(trafo, "tap_dependency_table") != 0] = np.nan
    return ratio


def source_voltage_pu(net: Any) -> FloatArray:
    """Return the voltage that the sources hold: (source,)."""
    return np.concatenate([rows["vm_pu"].to_numpy(dtype=float) for rows in source_rows(net)])


def source_impedance_ohm(net: Any) -> FloatArray:
    """Return resistance and reactance in series with the sources, from their short-circuit power.

    Returns:
        (2, source), 0 where a source is ideal: always for slack generators.
    """
    grids, slacks = source_rows(net)
    power_mva, r_to_x = column(grids, "s_sc_max_mva"), column(grids, "rx_max")
    r_to_x = np.where(r_to_x > 0, r_to_x, _DEFAULT_R_TO_X)
    real = power_mva > 0
    total = _nominal_kv(net, grids["bus"]) ** 2 / np.where(real, power_mva, np.inf)
    reactance = total / np.hypot(1.0, r_to_x)
    ideal = np.zeros((2, len(slacks)))
    return np.concatenate([np.stack([r_to_x * reactance, reactance]), ideal], axis=1)


def _tapped_kv(trafo: Any, side: str) -> FloatArray:
    """Return the rated voltage of one side at the present tap positions."""
    voltage = column(trafo, f"vn_{side}_kv").astype(np.complex128)
    for tap in ("tap", "tap2"):
        if f"{tap}_side" not in trafo:
            continue
        here = (trafo[f"{tap}_side"] == side).to_numpy(dtype=bool)
        if f"{tap}_changer_type" in trafo:  # an ideal phase shifter leaves the magnitude alone
            here &= (trafo[f"{tap}_changer_type"] != "Ideal").to_numpy(dtype=bool)
        step = column(trafo, f"{tap}_step_percent") / 100
        angle = np.radians(column(trafo, f"{tap}_step_degree"))
        voltage *= 1 + here * tap_offset(trafo, tap) * step * np.exp(1j * angle)
    magnitude: FloatArray = np.abs(voltage)
    return magnitude


def _nominal_kv(net: Any, buses: Any) -> FloatArray:
    voltage: FloatArray = net.bus["vn_kv"].loc[buses].to_numpy(dtype=float)
    return voltage


def _parallel(table: Any) -> FloatArray:
    """Return the number of parallel systems, 1 where the net does not say."""
    number = column(table, "parallel")
    return np.where(number > 0, number, 1.0)

"""Preparing a copy of a pandapower net for pandapower's own solvers."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gridloom.simulators.errors import Problem, ScenarioError
from gridloom.simulators.grid.network import Network
from gridloom.simulators.grid.tables import column

_IDEAL_SOURCE_MVA = 1e9
_VECTOR_GROUPS = ("ynyn", "dyn", "yzn")
"""What `runpp_3ph` knows."""


def add_source_impedances(net: Any) -> list[int]:
    """Move external grids with a short-circuit power behind a line of that impedance.

    `runpp` ignores the short-circuit power, and `runpp_3ph` sees it in the negative and zero
    sequence only.

    Returns:
        Indices of the lines added.
    """
    import pandapower

    lines = []
    short_circuit_mva, ratios = column(net.ext_grid, "s_sc_max_mva"), column(net.ext_grid, "rx_max")
    for row in np.flatnonzero(short_circuit_mva > 0):
        grid = net.ext_grid.index[row]
        bus, power_mva, r_to_x = net.ext_grid.at[grid, "bus"], short_circuit_mva[row], ratios[row]
        voltage_kv = net.bus.at[bus, "vn_kv"]
        x_ohm = voltage_kv**2 / power_mva / np.hypot(1.0, r_to_x)
        behind = pandapower.create_bus(net, vn_kv=voltage_kv)
        line = pandapower.create_line_from_parameters(
            net,
            behind,
            bus,
            length_km=1.0,
            r_ohm_per_km=r_to_x * x_ohm,
            x_ohm_per_km=x_ohm,
            c_nf_per_km=0.0,
            max_i_ka=np.nan,
            r0_ohm_per_km=r_to_x * x_ohm,
            x0_ohm_per_km=x_ohm,
            c0_nf_per_km=0.0,
        )
        net.ext_grid.loc[grid, "bus"] = behind
        lines.append(int(line))
    net.ext_grid["s_sc_max_mva"] = _IDEAL_SOURCE_MVA
    for name, value in {"rx_max": 0.1, "r0x0_max": 0.1, "x0x_max": 1.0}.items():
        net.ext_grid[name] = value
    return lines


def prepare_zero_sequence(net: Any) -> None:
    """Complete the zero-sequence parameters as power-grid-model takes them.

    Raises:
        ScenarioError: `runpp_3ph` does not know some vector group or type of element.
    """
    if "c0_nf_per_km" not in net.line:
        net.line["c0_nf_per_km"] = 0.0
    net.line["c0_nf_per_km"] = net.line["c0_nf_per_km"].fillna(0.0)
    if net.trafo.empty and net.trafo3w.empty:
        return
    groups = net.trafo["vector_group"].astype(str).str.rstrip("0123456789")
    strange = sorted({group for group in groups if group.lower() not in _VECTOR_GROUPS})
    if strange or len(net.trafo3w):
        what = f"vector group {strange[0]}" if strange else "three-winding transformers"
        raise ScenarioError(
            Problem(
                message=f"pandapower does not solve {what} unbalanced",
                key=("engine",),
                expected="vector group YNyn, Dyn or Yzn and two-winding transformers",
                suggestion="use 'phases: balanced' or 'engine: pgm'",
            )
        )
    net.trafo["vector_group"] = groups
    defaults = {
        "vk0_percent": net.trafo["vk_percent"],
        "vkr0_percent": net.trafo["vkr_percent"],
        "mag0_percent": 1e6,
        "mag0_rx": 0.0,
        "si0_hv_partial": 0.9,
    }
    for name, default in defaults.items():
        if name not in net.trafo:
            net.trafo[name] = default
        given = net.trafo[name].astype(float)
        net.trafo[name] = given.where(given.notna(), default)


def add_loads(net: Any, network: Network, *, unbalanced: bool) -> Any:
    """Add one load at each connection point; return their indices in its table."""
    import pandapower

    buses = network.bus_index[network.connection_points.bus]
    if not unbalanced:
        return pandapower.create_loads(net, buses, p_mw=0.0, q_mvar=0.0)
    return [pandapower.create_asymmetric_load(net, bus) for bus in buses]


def supplied_branches(
    network: Network, table: str, ends: tuple[str, str], supplied: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Return which branches are in service with a supplied bus at an end that is not open.

    Args:
        network: the network.
        table: 'line' or 'trafo'.
        ends: its columns of buses.
        supplied: (bus,), which buses are supplied.
    """
    net, kind = network.net, table[0]
    branches = net[table]
    switches = net.switch[(net.switch["et"] == kind) & ~net.switch["closed"].astype(bool)]
    opened = set(zip(switches["element"], switches["bus"], strict=True))
    live_buses = set(network.bus_index[supplied])
    live = [
        [bus in live_buses and (index, bus) not in opened for index, bus in branches[end].items()]
        for end in ends
    ]
    off_buses = net.bus.index[~net.bus["in_service"].astype(bool)]
    off = branches[list(ends)].isin(off_buses).any(axis=1) | ~branches["in_service"].astype(bool)
    in_operation: NDArray[np.bool_] = np.any(live, axis=0) & ~off.to_numpy(dtype=bool)
    return in_operation

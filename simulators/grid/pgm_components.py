"""Components of power-grid-model that its converter leaves out, open or wrong."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gridloom.simulators.grid.tables import column, tap_offset

IDEAL_SOURCE_VA = 1e16
"""Short-circuit power that stands for an ideal source: 1 GW moves its voltage by 1e-7 pu."""
_DEFAULT_R_TO_X = 0.1
"""power-grid-model's own default."""

_BRANCH_ENDS = (("from_node", "from_status"), ("to_node", "to_status"))
_THREE_WINDING_ENDS = tuple((f"node_{side}", f"status_{side}") for side in (1, 2, 3))


def sources(
    grids: Any, generators: Any, node: Mapping[Any, np.int32], first_id: int
) -> NDArray[Any]:
    """Return external grids and slack generators as sources.

    A source is ideal unless its `s_sc_max_mva` is positive, for slack generators always.

    Args:
        grids: rows of the table `ext_grid` that are in service.
        generators: rows of the table `gen` that are in service.
        node: identifier of the node of every bus.
        first_id: identifiers count up from here.
    """
    from power_grid_model import initialize_array

    slacks = generators[generators["slack"].astype(bool)]
    array: NDArray[Any] = initialize_array("input", "source", len(grids) + len(slacks))
    array["id"] = first_id + np.arange(len(array))
    array["node"] = [node[bus] for bus in (*grids["bus"], *slacks["bus"])]
    array["status"] = 1
    array["u_ref"] = [*grids["vm_pu"], *slacks["vm_pu"]]
    none = np.zeros(len(slacks))
    array["u_ref_angle"] = np.radians([*column(grids, "va_degree"), *none])
    short_circuit_va = 1e6 * np.concatenate([column(grids, "s_sc_max_mva"), none])
    array["sk"] = np.where(short_circuit_va > 0, short_circuit_va, IDEAL_SOURCE_VA)
    r_to_x = np.concatenate([column(grids, "rx_max"), none])
    array["rx_ratio"] = np.where(r_to_x > 0, r_to_x, _DEFAULT_R_TO_X)
    return array


def storage_units(storage: Any, node: Mapping[Any, np.int32], first_id: int) -> NDArray[Any]:
    """Return storage units as constant loads: pandapower counts charging as positive."""
    nodes = np.array([node[bus] for bus in storage["bus"]], dtype=np.int32)
    loads = constant_power_loads("sym_load", first_id, nodes)
    scaling = 1e6 * storage["scaling"].to_numpy(dtype=float)
    loads["p_specified"] = scaling * column(storage, "p_mw")
    loads["q_specified"] = scaling * column(storage, "q_mvar")
    return loads


def constant_power_loads(component: str, first_id: int, nodes: NDArray[np.int32]) -> NDArray[Any]:
    """Return loads that draw nothing yet, one at each node.

    Args:
        component: 'sym_load' or 'asym_load'.
        first_id: identifiers count up from here.
        nodes: (load,), identifiers of the nodes.
    """
    from power_grid_model import LoadGenType, initialize_array

    loads: NDArray[Any] = initialize_array("input", component, len(nodes))
    loads["id"] = first_id + np.arange(len(nodes))
    loads["node"] = nodes
    loads["status"] = 1
    loads["type"] = LoadGenType.const_power
    loads["p_specified"] = 0.0
    loads["q_specified"] = 0.0
    return loads


def mend_lines(arrays: Mapping[str, NDArray[Any]]) -> None:
    """Set the loss factors that the converter leaves uninitialised without capacitance."""
    if "line" in arrays:
        lines = arrays["line"]
        lines["tan1"][lines["c1"] == 0] = 0.0
        lines["tan0"][lines["c0"] == 0] = 0.0


def set_taps(arrays: Mapping[str, NDArray[Any]], net: Any) -> None:
    """Set the taps of all transformers.

    Each is moved by a single step of the size of its whole offset: power-grid-model counts whole
    steps and confines them to tap_min and tap_max, pandapower does neither.
    """
    from power_grid_model import Branch3Side, BranchSide

    two = {"hv": ("u1", BranchSide.from_side), "lv": ("u2", BranchSide.to_side)}
    three = {
        "hv": ("u1", Branch3Side.side_1),
        "mv": ("u2", Branch3Side.side_2),
        "lv": ("u3", Branch3Side.side_3),
    }
    if "transformer" in arrays:
        _set_taps(arrays["transformer"], net.trafo, two)
    if "three_winding_transformer" in arrays:
        _set_taps(arrays["three_winding_transformer"], net.trafo3w, three)


def _set_taps(array: NDArray[Any], table: Any, sides: Mapping[str, tuple[str, int]]) -> None:
    offset = tap_offset(table) * column(table, "tap_step_percent") / 100
    array["tap_nom"], array["tap_min"], array["tap_max"] = 0, -1, 1
    array["tap_pos"], array["tap_size"] = 0, 0.0
    for side, (voltage, code) in sides.items():
        here = np.array([given == side for given in table.get("tap_side", [])], dtype=bool)
        if here.any():
            array["tap_side"][here] = code
            array["tap_pos"][here] = np.sign(offset[here]).astype(int)
            array["tap_size"][here] = np.abs(offset[here]) * array[voltage][here]


def disconnect(arrays: Mapping[str, NDArray[Any]], nodes: NDArray[np.int32]) -> None:
    """Take out of service what ends at nodes out of service, as pandapower does.

    Args:
        arrays: component to structured array, changed in place.
        nodes: identifiers of the nodes out of service, which power-grid-model does not have.
    """
    if not nodes.size:
        return
    arrays["source"]["status"][np.isin(arrays["source"]["node"], nodes)] = 0
    for component in {"line", "transformer", "link"} & arrays.keys():
        branches = arrays[component]
        dead = np.any([np.isin(branches[node], nodes) for node, _ in _BRANCH_ENDS], axis=0)
        for _, status in _BRANCH_ENDS:
            branches[status][dead] = 0
    if "three_winding_transformer" in arrays:
        transformers = arrays["three_winding_transformer"]
        for node, status in _THREE_WINDING_ENDS:
            transformers[status][np.isin(transformers[node], nodes)] = 0

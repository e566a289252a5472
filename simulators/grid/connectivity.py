"""What joins what in a pandapower net: branches in operation, buses fused by switches, sources."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gridloom.simulators.grid.connection_points import IndexArray
from gridloom.simulators.grid.tables import in_service

_OTHER_BRANCHES = ("trafo3w", "impedance", "dcline", "tcsc", "vsc", "b2b_vsc", "line_dc")


def joined_branches(net: Any, table: str, ends: tuple[str, str]) -> NDArray[np.bool_]:
    """Return which branches join their two buses: all in service, and no open switch between.

    Args:
        net: the `pandapowerNet`.
        table: 'line' or 'trafo'.
        ends: its columns of buses.

    Returns:
        (branch,), in the order of the table.
    """
    branches = net[table]
    on = net.bus["in_service"].astype(bool)
    switches = net.switch[(net.switch["et"] == table[0]) & ~net.switch["closed"].astype(bool)]
    joined: NDArray[np.bool_] = branches["in_service"].to_numpy(dtype=bool)
    joined = joined & ~branches.index.isin(switches["element"])
    for end in ends:
        joined &= on.loc[branches[end]].to_numpy(dtype=bool)
    return joined


def fused_buses(net: Any) -> IndexArray:
    """Return a representative for every bus: the first of those that closed switches join.

    Only switches between two buses in service fuse them; an impedance of the switch is neglected.

    Returns:
        (bus,), position along the buses; its own for a bus without such a switch.
    """
    switches = net.switch[(net.switch["et"] == "b") & net.switch["closed"].astype(bool)]
    ends = np.stack([net.bus.index.get_indexer(switches[end]) for end in ("bus", "element")])
    on = net.bus["in_service"].to_numpy(dtype=bool)
    one, other = ends[:, on[ends].all(axis=0)]
    node = np.arange(len(net.bus))
    while (node[one] != node[other]).any():
        lower = np.minimum(node[one], node[other])
        for end in (one, other):
            np.minimum.at(node, node[end], lower)
        node = node[node]
    return node


def source_rows(net: Any) -> tuple[Any, Any]:
    """Return the rows of the external grids and slack generators that hold a voltage.

    They and their buses are in service.
    """
    on = net.bus.index[net.bus["in_service"].astype(bool)]
    grids, generators = in_service(net, "ext_grid"), in_service(net, "gen")
    slacks = generators[generators["slack"].astype(bool)]
    return grids[grids["bus"].isin(on)], slacks[slacks["bus"].isin(on)]


def source_buses(net: Any) -> IndexArray:
    """Return where the sources are: (source,), position along the buses."""
    buses = [bus for rows in source_rows(net) for bus in rows["bus"]]
    positions: IndexArray = net.bus.index.get_indexer(buses).astype(np.int64)
    return positions


def count_other_branches(net: Any) -> int:
    """Return how many branches in service are neither lines nor two-winding transformers."""
    return sum(len(in_service(net, table)) for table in _OTHER_BRANCHES if table in net)

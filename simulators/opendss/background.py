"""The network's own constant injections."""

import numpy as np

from gridloom.simulators.grid.engine import PHASES, ComplexArray
from gridloom.simulators.grid.network import Network
from gridloom.simulators.grid.tables import column, in_service

_SIGNS = {"load": 1.0, "storage": 1.0, "sgen": -1.0}
_ASYMMETRIC_SIGNS = {"asymmetric_load": 1.0, "asymmetric_sgen": -1.0}


def background_kva(network: Network, *, unbalanced: bool) -> ComplexArray:
    """Return what the network's own loads, static generators and storage units draw.

    Returns:
        (bus, 3), kVA of each phase; balanced: (bus, 1), a third of the whole.
    """
    net = network.net
    drawn = np.zeros((len(network.bus_names), 3), dtype=np.complex128)
    for table, sign in {**_SIGNS, **_ASYMMETRIC_SIGNS}.items():
        elements = in_service(net, table)
        rows = net.bus.index.get_indexer(elements["bus"])
        factor = 1e3 * sign * elements["scaling"].to_numpy(dtype=float)[:, np.newaxis]
        if table in _SIGNS:
            power = (column(elements, "p_mw") + 1j * column(elements, "q_mvar"))[:, np.newaxis] / 3
        else:
            power = np.stack(
                [
                    column(elements, f"p_{phase}_mw") + 1j * column(elements, f"q_{phase}_mvar")
                    for phase in PHASES
                ],
                axis=1,
            )
        np.add.at(drawn, rows, factor * power)
    return drawn if unbalanced else drawn.mean(axis=1, keepdims=True)

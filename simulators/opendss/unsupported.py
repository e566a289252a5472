"""What the OpenDSS engine does not write of a pandapower net."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from gridloom.simulators.errors import Problem, ScenarioError
from gridloom.simulators.grid.network import Network
from gridloom.simulators.grid.tables import column, in_service, tap_offset

_ELEMENTS = {
    "trafo3w": "three-winding transformer",
    "ward": "ward",
    "xward": "extended ward",
    "motor": "motor",
    "impedance": "impedance",
    "dcline": "DC line",
    "svc": "static var compensator",
    "tcsc": "thyristor-controlled series capacitor",
    "ssc": "static synchronous compensator",
    "vsc": "voltage source converter",
    "b2b_vsc": "back-to-back converter",
    "line_dc": "DC line",
}
_OTHER_DEPENDENCE = tuple(f"const_{kind}_{power}_percent" for kind in "zi" for power in "pq")


def refuse_unwritable(network: Network) -> None:
    """Refuse a net with something in service that is not written for OpenDSS.

    Raises:
        ScenarioError: with one problem for each type of element.
    """
    found = list(_found(network.net))
    loads = network.net.load
    if network.keeps_background and any(column(loads, name).any() for name in _OTHER_DEPENDENCE):
        found.append("'load' that depends on the voltage")
    if found:
        raise ScenarioError(*(unwritable(f"it has elements of type {what}") for what in found))


def unwritable(why: str) -> Problem:
    """Return the problem that a network is beyond the OpenDSS engine."""
    return Problem(
        message=f"the OpenDSS engine cannot solve this network: {why}",
        key=("engine",),
        suggestion="use 'engine: pgm' or 'engine: pandapower'",
    )


def _found(net: Any) -> Iterator[str]:
    for table, kind in _ELEMENTS.items():
        if table in net and len(in_service(net, table)):
            yield f"'{table}' ({kind})"
    if not in_service(net, "gen")["slack"].astype(bool).all():
        yield "'gen' (voltage-controlled generator)"
    if (column(net.switch, "z_ohm") * (net.switch["et"] == "b") > 0).any():
        yield "'switch' with an impedance"
    if column(in_service(net, "line"), "g_us_per_km").any():
        yield "'line' with conductance"
    if _has_other_taps(in_service(net, "trafo")):
        yield "'trafo' whose tap shifts the phase angle or follows a table"


def _has_other_taps(trafo: Any) -> bool:
    other = column(trafo, "tap_step_degree") != 0
    if "tap_changer_type" in trafo:
        other |= trafo["tap_changer_type"].isin(["Ideal", "Tabular"]).to_numpy()
    by_table = column(trafo, "tap_dependency_table") != 0
    moved = tap_offset(trafo) != 0
    return bool((moved & other).any() or by_table.any() or np.any(tap_offset(trafo, "tap2")))

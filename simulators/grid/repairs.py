"""Known errors in pandapower networks, and their repair in place.

Every repair says in words what it changed, for `gridloom describe` and the record.
"""

import math
from typing import Any

import numpy as np

from gridloom.simulators.errors import Problem, ScenarioError, listing

_IEEE_POWER_FACTOR = 0.95
_IEEE_SHORT_CIRCUIT_CURRENT_KA = 3.0
_VOLTAGE_DIGITS = 6
_IEEE_SOURCE_R_TO_X = 0.25
"""OpenDSS takes X1/R1 = 4 where a circuit does not say."""


def repair_ieee_european_lv(net: Any) -> tuple[str, ...]:
    """Restore what pandapower's copy of the IEEE European LV test feeder lost.

    The yardstick is the feeder as the IEEE PES Distribution Test Feeder working group published it
    for OpenDSS.
    """
    ratio = math.tan(math.acos(_IEEE_POWER_FACTOR))
    for phase in "abc":
        net.asymmetric_load[f"q_{phase}_mvar"] = ratio * net.asymmetric_load[f"p_{phase}_mw"]
    net.trafo["mag0_percent"] = 1e6
    for table, column in (("trafo", "vn_lv_kv"), ("bus", "vn_kv"), ("ext_grid", "vm_pu")):
        net[table][column] = net[table][column].round(_VOLTAGE_DIGITS)
    source_kv = float(net.bus.at[net.ext_grid.at[net.ext_grid.index[0], "bus"], "vn_kv"])
    short_circuit_mva = math.sqrt(3) * source_kv * _IEEE_SHORT_CIRCUIT_CURRENT_KA
    net.ext_grid["s_sc_max_mva"] = short_circuit_mva
    for column in ("rx_max", "r0x0_max"):
        net.ext_grid[column] = _IEEE_SOURCE_R_TO_X
    net.ext_grid["x0x_max"] = 1.0
    return (
        "reactive power of loads recomputed with power factor 0.95 (b and c were 1/1000 of it)",
        "voltages of source and feeder set to 1.05 pu and 0.416 kV (were in single precision)",
        "zero-sequence magnetising impedance of the transformer set to infinity",
        f"short-circuit power of the source set to {short_circuit_mva:.2f} MVA (was 10 GVA)",
    )


def repair_taps(net: Any) -> tuple[str, ...]:
    """Make the position of every tap changer count.

    pandapower ignores the tap where `tap_changer_type` is missing, as it is in SimBench and in
    networks written before pandapower 3; other tools apply it.
    """
    notes: list[str] = []
    for table in ("trafo", "trafo3w"):
        transformers = net[table]
        needed = {"tap_pos", "tap_neutral", "tap_side"}
        if transformers.empty or not needed <= set(transformers.columns):
            continue
        if "tap_changer_type" not in transformers:
            transformers["tap_changer_type"] = None
        untyped = ~transformers["tap_changer_type"].isin(
            ["Ratio", "Symmetrical", "Ideal", "Tabular"]
        )
        offset = transformers["tap_pos"].astype(float) - transformers["tap_neutral"].astype(float)
        off_neutral = (offset.fillna(0.0) != 0.0) & transformers["tap_side"].isin(
            ["hv", "mv", "lv"]
        )
        chosen = untyped & off_neutral
        if chosen.any():
            transformers["tap_changer_type"] = transformers["tap_changer_type"].astype(object)
            transformers.loc[chosen, "tap_changer_type"] = "Ratio"
            names = [str(name) for name in transformers.loc[chosen, "name"]]
            notes.append(
                f"tap changer of unknown type taken as a ratio tap changer: {listing(names)}"
            )
    return tuple(notes)


def require_source(net: Any) -> None:
    """Refuse a network that nothing holds at a voltage.

    Raises:
        ScenarioError: no external grid and no slack generator is in service.
    """
    slack = net.gen["slack"].astype(bool) if "slack" in net.gen else np.zeros(len(net.gen), bool)
    sources = int(net.ext_grid["in_service"].sum()) + int((slack & net.gen["in_service"]).sum())
    if sources == 0:
        raise ScenarioError(
            Problem(
                message="the network has no external grid in service, so no voltage is given",
                key=("network",),
                expected="an ext_grid, or a gen with slack=True",
                suggestion="pandapower.create_ext_grid(net, bus) adds one",
            )
        )


def set_source(net: Any, *, voltage_pu: float | None, impedance: bool) -> None:
    """Set the voltage of the external grids, and whether an impedance lies in series.

    Without one, `s_sc_max_mva` becomes NaN, which both engines read as an ideal source.
    """
    if voltage_pu is not None:
        net.ext_grid["vm_pu"] = voltage_pu
    if not impedance or "s_sc_max_mva" not in net.ext_grid:
        net.ext_grid["s_sc_max_mva"] = np.nan
    if "rx_max" not in net.ext_grid:
        net.ext_grid["rx_max"] = np.nan

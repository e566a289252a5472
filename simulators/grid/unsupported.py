"""What power-grid-model cannot represent of a pandapower net.

Its converter refuses some of this and passes over the rest in silence, so that the solution would
be that of another network.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gridloom.simulators.errors import Problem, ScenarioError
from gridloom.simulators.grid.tables import column, tap_offset

_ELEMENTS = {
    "gen": "voltage-controlled generator",
    "xward": "extended ward",
    "impedance": "impedance",
    "dcline": "DC line",
    "svc": "static var compensator",
    "tcsc": "thyristor-controlled series capacitor",
    "ssc": "static synchronous compensator",
    "vsc": "voltage source converter",
    "b2b_vsc": "back-to-back converter",
    "line_dc": "DC line",
}
_SHIFTS = ("shift_degree", "shift_mv_degree", "shift_lv_degree")
_ANGLE_TOLERANCE_DEGREE = 1e-6


def refuse_unsupported(net: Any) -> None:
    """Refuse a net with something in service that power-grid-model cannot represent.

    Raises:
        ScenarioError: with one problem for each type of element.
    """
    found = [f"'{table}' ({kind})" for table, kind in _ELEMENTS.items() if _has_active(net, table)]
    for table in ("trafo", "trafo3w"):
        if _has_other_taps(net[table]):
            found.append(f"'{table}' whose tap shifts the phase angle or follows a table")
        if _has_odd_shift(net[table]):
            found.append(f"'{table}' whose phase shift is not a multiple of 30 degrees")
    between_buses = net.switch["et"] == "b"
    if (column(net.switch, "z_ohm") * between_buses > 0).any():
        found.append("'switch' with an impedance")
    if ((column(net.line, "g_us_per_km") > 0) & (column(net.line, "c_nf_per_km") == 0)).any():
        found.append("'line' with conductance but no capacitance")
    if found:
        raise ScenarioError(*(unsupported(f"it has elements of type {what}") for what in found))


def unsupported(why: str) -> Problem:
    """Return the problem that a network is beyond power-grid-model."""
    return Problem(
        message=f"power-grid-model cannot solve this network: {why}",
        key=("engine",),
        suggestion="use 'engine: pandapower'",
    )


def _has_active(net: Any, table: str) -> bool:
    if table not in net or net[table].empty:
        return False
    active = net[table]["in_service"].astype(bool)
    if table == "gen":
        active &= ~net.gen["slack"].astype(bool)
    return bool(active.any())


def _has_other_taps(table: Any) -> bool:
    """Return whether a tap off neutral is anything but a ratio tap changer on one side."""
    moved = tap_offset(table) != 0
    other = column(table, "tap_step_degree") != 0
    if "tap_changer_type" in table:
        other |= table["tap_changer_type"].isin(["Ideal", "Tabular"]).to_numpy()
    by_table = column(table, "tap_dependency_table") != 0
    return bool((moved & other).any() or by_table.any() or tap_offset(table, "tap2").any())


def _has_odd_shift(table: Any) -> bool:
    shifts = np.concatenate([column(table, name) for name in _SHIFTS])
    return bool((np.abs(shifts - 30 * np.round(shifts / 30)) > _ANGLE_TOLERANCE_DEGREE).any())


def require_possible_groups(arrays: Mapping[str, NDArray[Any]]) -> None:
    """Refuse transformers whose vector group contradicts their phase shift, whoever solves them.

    Between two stars, or two windings of other kinds, phases shift by even multiples of 30 degrees,
    otherwise by odd ones.

    Args:
        arrays: input arrays of power-grid-model.

    Raises:
        ScenarioError: there are any.
    """
    from power_grid_model import WindingType

    if "transformer" not in arrays:
        return
    transformers = arrays["transformer"]
    stars = [WindingType.wye, WindingType.wye_n]
    alike = np.isin(transformers["winding_from"], stars) == np.isin(
        transformers["winding_to"], stars
    )
    wrong = np.flatnonzero(alike != (transformers["clock"] % 2 == 0))
    if wrong.size:
        degrees = 30 * int(transformers["clock"][wrong[0]])
        raise ScenarioError(
            Problem(
                message="the vector group of a transformer contradicts its phase shift: "
                f"{degrees} degrees in row {int(wrong[0])} of the table 'trafo'",
                key=("network",),
                expected="an odd multiple of 30 degrees for Dyn, Yd and Yzn, an even one for YNyn",
                suggestion="correct 'vector_group' or 'shift_degree' in the table 'trafo'",
            )
        )

"""Medium-voltage cables of pandapower's standard types, with a zero-sequence impedance."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gridloom.simulators.errors import Problem, ScenarioError, listing, nearest

CABLE_NAME = "medium-voltage cable"
_LOWEST_KV, _HIGHEST_KV = 1.0, 24.0
"""IEC 60038: above it low voltage ends; highest voltage of 12/20 kV cables."""
_USUAL = ((12.0, "NA2XS2Y 1x240 RM/25 6/10 kV"), (_HIGHEST_KV, "NA2XS2Y 1x240 RM/25 12/20 kV"))
"""Highest nominal voltage and cable that is taken up to it."""
_SCREEN_OHM_PER_KM = 0.727
"""Copper of 25 mm2, stranded, at 20 degrees Celsius: IEC 60228, class 2."""
_XLPE_NF_PER_KM = 2 * np.pi * 8.854 * 2.3
"""2 pi epsilon of the insulation; over ln(r_screen / r_core) it is the capacitance."""
_MU_0_H_PER_KM = 4e-4 * np.pi


def require_cable(name: str | None, nominal_kv: float) -> str:
    """Return the cable asked for, or the usual one for this nominal voltage.

    Raises:
        ScenarioError: this is no medium voltage, or there is no such medium-voltage cable; keys
            are relative to the grid's configuration.
    """
    if not _LOWEST_KV < nominal_kv <= _HIGHEST_KV:
        raise ScenarioError(
            Problem(
                message=f"the external grid is at {nominal_kv:g} kV, but copies are joined by "
                "medium-voltage cables",
                key=("network", "copies"),
                expected=f"an external grid above {_LOWEST_KV:g} and up to {_HIGHEST_KV:g} kV",
                suggestion="put the transformer into the network that is copied"
                if nominal_kv <= _LOWEST_KV
                else "copy what lies below the transformer from high to medium voltage",
            )
        )
    if name is None:
        return next(cable for highest_kv, cable in _USUAL if nominal_kv <= highest_kv)
    known = _cables()
    if name not in known:
        raise ScenarioError(
            Problem(
                message=f"pandapower has no medium-voltage cable '{name}'",
                key=("network", "medium_voltage", "cable"),
                expected=f"one of {listing(list(known))}",
                suggestion=nearest(name, known),
            )
        )
    return name


def join_by_cables(
    net: Any, from_bus: NDArray[np.int64], to_bus: NDArray[np.int64], cable: str, length_km: float
) -> None:
    """Add one cable to each copy; see `zero_sequence_ohm_per_km` for its zero sequence."""
    import pandapower

    kind = _cables()[cable]
    r0, x0 = zero_sequence_ohm_per_km(kind["r_ohm_per_km"], kind["c_nf_per_km"], net.f_hz)
    pandapower.create_lines_from_parameters(
        net,
        from_bus,
        to_bus,
        length_km,
        kind["r_ohm_per_km"],
        kind["x_ohm_per_km"],
        kind["c_nf_per_km"],
        kind["max_i_ka"],
        name=[f"{copy}/{CABLE_NAME}" for copy in range(1, len(to_bus) + 1)],
        type="cs",
        r0_ohm_per_km=r0,
        x0_ohm_per_km=x0,
        c0_nf_per_km=kind["c_nf_per_km"],
        std_type=cable,
    )


def zero_sequence_ohm_per_km(
    resistance_ohm_per_km: float, capacitance_nf_per_km: float, frequency_hz: float
) -> tuple[float, float]:
    """Return zero-sequence resistance and reactance of a screened single-core cable.

    Standard types have none. Assumed: screens of 25 mm2 of copper, bonded at both ends, carry the
    whole return current, none flows through earth. Core and screen then are a coaxial line with a
    solid core: R0 = R + R_screen, X0 = omega mu_0 / (2 pi) (1/4 + ln(r_screen / r_core)), where
    the capacitance of the XLPE insulation (relative permittivity 2.3) tells the logarithm.
    Transformers with a delta winding at medium voltage, the usual ones, let no zero-sequence
    current into the cables, so that voltages do not depend on it.
    """
    logarithm = _XLPE_NF_PER_KM / capacitance_nf_per_km
    reactance = frequency_hz * _MU_0_H_PER_KM * (0.25 + logarithm)
    return resistance_ohm_per_km + _SCREEN_OHM_PER_KM, reactance


def _cables() -> dict[str, Any]:
    """Return the parameters of pandapower's medium-voltage cables by name."""
    from pandapower.std_types import basic_line_std_types

    types: dict[str, Any] = basic_line_std_types()
    return {
        name: kind
        for name, kind in types.items()
        if kind["type"] == "cs" and kind["voltage_rating"] == "MV"
    }

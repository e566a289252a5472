"""The constants of a grid that belong in the record."""

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from gridloom.simulators.grid.network import Network
from gridloom.simulators.model import StaticVariable

_Constant: TypeAlias = tuple[str, Callable[[Network], Any], str, str, str]

_CONSTANTS: tuple[_Constant, ...] = (
    # name, values, dimension, unit, long name
    (
        "line_rated_current_a",
        lambda net: net.line_rated_current_a,
        "line",
        "A",
        "rated current, all parallel systems together",
    ),
    (
        "line_from_bus",
        lambda net: net.line_from_bus,
        "line",
        "1",
        "position of the from bus along dimension bus",
    ),
    (
        "line_to_bus",
        lambda net: net.line_to_bus,
        "line",
        "1",
        "position of the to bus along dimension bus",
    ),
    ("line_length_km", lambda net: net.line_length_km, "line", "km", "length"),
    ("bus_x", lambda net: net.bus_x, "bus", "", "first coordinate, as the network gives it"),
    ("bus_y", lambda net: net.bus_y, "bus", "", "second coordinate, as the network gives it"),
    (
        "bus_nominal_voltage_kv",
        lambda net: net.bus_nominal_voltage_kv,
        "bus",
        "kV",
        "nominal voltage, phase to phase",
    ),
    (
        "transformer_hv_bus",
        lambda net: net.transformer_hv_bus,
        "transformer",
        "1",
        "position of the high-voltage bus along dimension bus",
    ),
    (
        "transformer_lv_bus",
        lambda net: net.transformer_lv_bus,
        "transformer",
        "1",
        "position of the low-voltage bus along dimension bus",
    ),
    (
        "transformer_rated_power_kva",
        lambda net: net.transformer_rated_power_kva,
        "transformer",
        "kVA",
        "rated apparent power",
    ),
    (
        "connection_point_bus",
        lambda net: net.connection_points.bus,
        "connection_point",
        "1",
        "position of its bus along dimension bus",
    ),
    (
        "connection_point_phase",
        lambda net: np.array(net.connection_points.phase, dtype=np.str_),
        "connection_point",
        "",
        "phases it is connected to",
    ),
)


def static_variables(
    network: Network, voltage_limits_pu: tuple[float, float]
) -> tuple[StaticVariable, ...]:
    """Return ratings, topology, coordinates and limits."""
    constants = [
        StaticVariable(
            name=name, values=values(network), dimensions=(along,), unit=unit, long_name=long_name
        )
        for name, values, along, unit, long_name in _CONSTANTS
    ]
    limits = [
        StaticVariable(
            name=f"voltage_limit_{side}_pu",
            values=np.asarray(limit, dtype=float),
            dimensions=(),
            unit="1",
            long_name=f"{what} admissible voltage, per unit of nominal",
        )
        for side, what, limit in zip(
            ("low", "high"), ("lowest", "highest"), voltage_limits_pu, strict=True
        )
    ]
    return (*constants, *limits)

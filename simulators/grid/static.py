"""The constants of a grid that belong in the record."""

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from gridloom.simulators.cache import cached
from gridloom.simulators.grid.connectivity import (
    count_other_branches,
    fused_buses,
    joined_branches,
    source_buses,
)
from gridloom.simulators.grid.impedances import (
    line_impedance_ohm,
    source_impedance_ohm,
    source_voltage_pu,
    transformer_impedance_pu,
    transformer_ratio_pu,
)
from gridloom.simulators.grid.network import Network
from gridloom.simulators.model import StaticVariable

_Constant: TypeAlias = tuple[str, Callable[[Network], Any], str, str, str]

_CONSTANTS: tuple[_Constant, ...] = (
    # name, values, dimension or '', unit, long name
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
_CONSTANTS_OF_THE_NET: tuple[_Constant, ...] = (
    (
        "bus_node",
        lambda net: fused_buses(net.net),
        "bus",
        "1",
        "position of the first bus among those that closed switches join with this one",
    ),
    (
        "line_resistance_ohm",
        lambda net: line_impedance_ohm(net.net)[0],
        "line",
        "ohm",
        "positive-sequence resistance of the whole line, all parallel systems together",
    ),
    (
        "line_reactance_ohm",
        lambda net: line_impedance_ohm(net.net)[1],
        "line",
        "ohm",
        "positive-sequence reactance of the whole line, all parallel systems together",
    ),
    (
        "line_in_service",
        lambda net: joined_branches(net.net, "line", ("from_bus", "to_bus")).astype(np.int8),
        "line",
        "1",
        "1 where in service between two buses in service without an open switch, else 0",
    ),
    (
        "transformer_resistance_pu",
        lambda net: transformer_impedance_pu(net.net, net.transformer_rated_power_kva)[0],
        "transformer",
        "1",
        "short-circuit resistance, per unit of rated power and of the low-voltage bus",
    ),
    (
        "transformer_reactance_pu",
        lambda net: transformer_impedance_pu(net.net, net.transformer_rated_power_kva)[1],
        "transformer",
        "1",
        "short-circuit reactance, per unit of rated power and of the low-voltage bus",
    ),
    (
        "transformer_ratio_pu",
        lambda net: transformer_ratio_pu(net.net),
        "transformer",
        "1",
        "voltage of the low-voltage bus over that of the high-voltage bus, in pu, without load",
    ),
    (
        "transformer_in_service",
        lambda net: joined_branches(net.net, "trafo", ("hv_bus", "lv_bus")).astype(np.int8),
        "transformer",
        "1",
        "1 where in service between two buses in service without an open switch, else 0",
    ),
    (
        "source_bus",
        lambda net: source_buses(net.net),
        "source",
        "1",
        "position of its bus along dimension bus",
    ),
    (
        "source_voltage_pu",
        lambda net: source_voltage_pu(net.net),
        "source",
        "1",
        "voltage held behind its impedance, per unit of nominal",
    ),
    (
        "source_resistance_ohm",
        lambda net: source_impedance_ohm(net.net)[0],
        "source",
        "ohm",
        "resistance in series, 0 where ideal",
    ),
    (
        "source_reactance_ohm",
        lambda net: source_impedance_ohm(net.net)[1],
        "source",
        "ohm",
        "reactance in series, 0 where ideal",
    ),
    (
        "other_branches",
        lambda net: count_other_branches(net.net),
        "",
        "1",
        "branches in service that are neither lines nor two-winding transformers",
    ),
)
"""What needs the pandapower net, and is kept instead of it."""


def static_variables(
    network: Network, voltage_limits_pu: tuple[float, float]
) -> tuple[StaticVariable, ...]:
    """Return ratings, topology, impedances, coordinates and limits."""
    of_the_net = cached(
        network.identity and f"{network.identity}-constants",
        lambda: _values(_CONSTANTS_OF_THE_NET, network),
        lambda values: values,
        dict,
    )
    values = _values(_CONSTANTS, network) | of_the_net
    constants = [
        StaticVariable(
            name=name,
            values=values[name],
            dimensions=(along,) if along else (),
            unit=unit,
            long_name=long_name,
        )
        for name, _, along, unit, long_name in (*_CONSTANTS, *_CONSTANTS_OF_THE_NET)
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


def _values(constants: Iterable[_Constant], network: Network) -> dict[str, NDArray[np.generic]]:
    return {name: np.asarray(values(network)) for name, values, *_ in constants}

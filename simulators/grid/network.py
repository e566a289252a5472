"""The network of a grid: a pandapower net, read and repaired once, and what others ask of it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from gridloom.simulators.errors import Problem, ScenarioError, listing, nearest
from gridloom.simulators.grid.config import REFERENCE_NETWORK, Background, GridConfig
from gridloom.simulators.grid.connection_points import (
    ConnectionPoints,
    IndexArray,
    find_connection_points,
    unique_names,
)
from gridloom.simulators.grid.repairs import (
    repair_ieee_european_lv,
    repair_taps,
    require_source,
    set_source,
)
from gridloom.simulators.grid.soundness import require_sound
from gridloom.simulators.grid.sources import read_pandapower_net
from gridloom.simulators.model import BuildContext, FloatArray

_ZERO_SEQUENCE = {
    "line": ("r0_ohm_per_km", "x0_ohm_per_km"),
    "trafo": ("vector_group",),
    "trafo3w": ("vector_group",),
}


@dataclass(frozen=True, kw_only=True)
class Network:
    """A network and its constants, in the order of the tables of the pandapower net."""

    net: Any
    """The repaired `pandapowerNet`; engines work on copies."""
    repairs: tuple[str, ...]
    """What was repaired, in words."""
    keeps_background: bool
    """Whether the net's own injections stay."""
    bus_names: tuple[str, ...]
    bus_index: IndexArray
    """(bus,), index in the pandapower net."""
    bus_nominal_voltage_kv: FloatArray
    bus_x: FloatArray
    """(bus,), NaN where the net has no coordinates."""
    bus_y: FloatArray
    line_names: tuple[str, ...]
    line_from_bus: IndexArray
    """(line,), position along the buses."""
    line_to_bus: IndexArray
    line_length_km: FloatArray
    line_rated_current_a: FloatArray
    """(line,), all parallel systems together; NaN where unknown."""
    transformer_names: tuple[str, ...]
    """Two-winding transformers."""
    transformer_hv_bus: IndexArray
    """(transformer,), position along the buses."""
    transformer_lv_bus: IndexArray
    transformer_rated_power_kva: FloatArray
    connection_points: ConnectionPoints

    def connection_point_at(self, bus: int) -> str:
        """Return the first connection point at the bus with this pandapower index.

        Raises:
            KeyError: nothing can be connected at this bus.
        """
        here = np.flatnonzero(self.bus_index[self.connection_points.bus] == bus)
        if not here.size:
            raise KeyError(f"no connection point at bus {bus}")
        return self.connection_points.names[int(here[0])]

    def has_asymmetric_loads(self) -> bool:
        """Return whether some connection point is single-phase."""
        return any(phase != "abc" for phase in self.connection_points.phase)

    def missing_zero_sequence(self) -> tuple[str, ...]:
        """Return the columns, as 'table.column', that an unbalanced power flow lacks."""
        missing = []
        for table, columns in _ZERO_SEQUENCE.items():
            elements = self.net[table]
            elements = elements[elements["in_service"].astype(bool)]
            missing += [
                f"{table}.{column}"
                for column in columns
                if len(elements) and (column not in elements or elements[column].isna().any())
            ]
        return tuple(missing)


def read_network(config: GridConfig, context: BuildContext) -> Network:
    """Read the network that a scenario names, repair it and apply the scenario's overrides.

    Raises:
        ScenarioError: the network does not exist, cannot be simulated, or an override names
            something it does not have; keys are relative to the grid's configuration.
    """
    net = read_pandapower_net(config.network, context)
    is_reference = config.network.name == REFERENCE_NETWORK
    repairs = repair_ieee_european_lv(net) if is_reference else ()
    require_sound(net)
    require_source(net)
    repairs += repair_taps(net)
    impedance = is_reference if config.source_impedance is None else config.source_impedance
    set_source(net, voltage_pu=config.source_voltage_pu, impedance=impedance)
    return network_of(
        net,
        repairs=repairs,
        line_ratings_a=config.line_ratings_a,
        keeps_background=config.background is Background.NET,
    )


def network_of(
    net: Any,
    *,
    repairs: tuple[str, ...] = (),
    line_ratings_a: Mapping[str, float] | None = None,
    keeps_background: bool = False,
) -> Network:
    """Describe a pandapower net that is ready to be solved.

    Raises:
        ScenarioError: a rating names an unknown line, or nothing could be connected.
    """
    bus_index = net.bus.index.to_numpy(dtype=np.int64)
    position = {int(bus): place for place, bus in enumerate(bus_index)}
    line_names = unique_names(net.line["name"], net.line.index, "line")
    x, y = _coordinates(net.bus)
    return Network(
        net=net,
        repairs=repairs,
        keeps_background=keeps_background,
        bus_names=unique_names(net.bus["name"], net.bus.index, "bus"),
        bus_index=bus_index,
        bus_nominal_voltage_kv=net.bus["vn_kv"].to_numpy(dtype=float),
        bus_x=x,
        bus_y=y,
        line_names=line_names,
        line_from_bus=_positions(net.line["from_bus"], position),
        line_to_bus=_positions(net.line["to_bus"], position),
        line_length_km=net.line["length_km"].to_numpy(dtype=float),
        line_rated_current_a=_line_ratings(net.line, line_names, line_ratings_a or {}),
        transformer_names=unique_names(net.trafo["name"], net.trafo.index, "transformer"),
        transformer_hv_bus=_positions(net.trafo["hv_bus"], position),
        transformer_lv_bus=_positions(net.trafo["lv_bus"], position),
        transformer_rated_power_kva=1e3 * _rating(net.trafo, "sn_mva"),
        connection_points=find_connection_points(net, position),
    )


def _positions(buses: Any, position: Mapping[int, int]) -> IndexArray:
    return np.array([position[int(bus)] for bus in buses], dtype=np.int64)


def _rating(table: Any, column: str) -> FloatArray:
    """Return a rated quantity times derating factor and number of parallel systems, else NaN."""
    rating = np.full(len(table), np.nan)
    if column in table:
        rating = table[column].to_numpy(dtype=float).copy()
    for factor in ("df", "parallel"):
        if factor in table:
            rating *= table[factor].fillna(1.0).to_numpy(dtype=float)
    rating[rating <= 0] = np.nan
    return rating


def _line_ratings(lines: Any, names: tuple[str, ...], overrides: Mapping[str, float]) -> FloatArray:
    place = {name: position for position, name in enumerate(names)}
    problems = [
        Problem(
            message=f"the network has no line '{name}'",
            key=("line_ratings_a", name),
            expected=f"one of {listing(names)}" if names else "nothing: it has no lines",
            suggestion=nearest(name, names),
        )
        for name in overrides
        if name not in place
    ]
    if problems:
        raise ScenarioError(*problems)
    ratings = 1e3 * _rating(lines, "max_i_ka")
    for name, rating in overrides.items():
        ratings[place[name]] = rating
    return ratings


def _coordinates(buses: Any) -> tuple[FloatArray, FloatArray]:
    """Return x and y of the buses from pandapower's GeoJSON points, NaN where there is none."""
    points = np.full((len(buses), 2), np.nan)
    for row, geo in enumerate(buses.get("geo", ())):
        if isinstance(geo, str) and geo:
            points[row] = json.loads(geo)["coordinates"][:2]
    return points[:, 0], points[:, 1]

"""The network of a grid: a pandapower net, read and repaired once, and what others ask of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np

from gridloom.simulators.cache import Content, cached
from gridloom.simulators.errors import Problem, ScenarioError, listing, nearest
from gridloom.simulators.grid.config import REFERENCE_NETWORK, Background, GridConfig
from gridloom.simulators.grid.connection_points import (
    ConnectionPoints,
    IndexArray,
    find_connection_points,
    unique_names,
)
from gridloom.simulators.grid.geography import bus_coordinates
from gridloom.simulators.grid.identity import network_identity
from gridloom.simulators.grid.repairs import (
    repair_ieee_european_lv,
    repair_taps,
    require_source,
    set_source,
)
from gridloom.simulators.grid.replication import lines_by_name, replicate
from gridloom.simulators.grid.soundness import require_sound
from gridloom.simulators.grid.sources import read_pandapower_net
from gridloom.simulators.model import BuildContext, FloatArray

_ZERO_SEQUENCE = {
    "line": ("r0_ohm_per_km", "x0_ohm_per_km"),
    "trafo": ("vector_group",),
    "trafo3w": ("vector_group",),
}
_NOT_KEPT = {"read_net", "identity"}


@dataclass(frozen=True, kw_only=True)
class Network:
    """A network and its constants, in the order of the tables of the pandapower net."""

    read_net: Callable[[], Any]
    """Returns what `net` is."""
    identity: str | None = None
    """Hash of all that determines the network, None where unknown: what is derived from it can be
    kept under this name."""
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
    missing_zero_sequence: tuple[str, ...]
    """The columns, as 'table.column', that an unbalanced power flow lacks."""

    @property
    def net(self) -> Any:
        """The repaired `pandapowerNet`, read when first asked for; engines work on copies."""
        return self.read_net()

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


def read_network(config: GridConfig, context: BuildContext) -> Network:
    """Read the network that a scenario names, repair it and apply the scenario's overrides.

    What was read before comes from the cache; its pandapower net is read only if it is asked for.

    Raises:
        ScenarioError: the network does not exist, cannot be simulated, or an override names
            something it does not have; keys are relative to the grid's configuration.
    """
    identity = network_identity(config, context)
    network = cached(
        identity,
        lambda: _read(config, context),
        _content,
        lambda content: _restored(content, cache(lambda: _read(config, context).net)),
    )
    return replace(network, identity=identity)


def _read(config: GridConfig, context: BuildContext) -> Network:
    net = read_pandapower_net(config.network, context)
    is_reference = config.network.name == REFERENCE_NETWORK
    repairs = repair_ieee_european_lv(net) if is_reference else ()
    require_sound(net)
    require_source(net)
    repairs += repair_taps(net)
    net = replicate(net, config.network)
    impedance = is_reference if config.source_impedance is None else config.source_impedance
    set_source(net, voltage_pu=config.source_voltage_pu, impedance=impedance)
    return network_of(
        net,
        repairs=repairs,
        line_ratings_a=config.line_ratings_a,
        copies=config.network.copies,
        keeps_background=config.background is Background.NET,
    )


def _content(network: Network) -> Content:
    """Return what the cache keeps of a network: everything but the pandapower net."""
    kept = {name: part for name, part in vars(network).items() if name not in _NOT_KEPT}
    return kept | {"connection_points": network.connection_points.parts()}


def _restored(content: Content, read_net: Callable[[], Any]) -> Network:
    points = ConnectionPoints.of_parts(content["connection_points"])
    return Network(**{**content, "connection_points": points, "read_net": read_net})


def network_of(
    net: Any,
    *,
    repairs: tuple[str, ...] = (),
    line_ratings_a: Mapping[str, float] | None = None,
    copies: int = 1,
    keeps_background: bool = False,
) -> Network:
    """Describe a pandapower net that is ready to be solved.

    Args:
        net: the `pandapowerNet`.
        repairs: what was repaired, in words.
        line_ratings_a: rated currents by line name; see `lines_by_name`.
        copies: how many copies of one network it consists of.
        keeps_background: whether its own injections stay.

    Raises:
        ScenarioError: a rating names an unknown line, or nothing could be connected.
    """
    bus_index = net.bus.index.to_numpy(dtype=np.int64)
    position = {int(bus): place for place, bus in enumerate(bus_index)}
    line_names = unique_names(net.line["name"], net.line.index, "line")
    x, y = bus_coordinates(net.bus).T
    return Network(
        read_net=lambda: net,
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
        line_rated_current_a=_line_ratings(net.line, line_names, line_ratings_a or {}, copies),
        transformer_names=unique_names(net.trafo["name"], net.trafo.index, "transformer"),
        transformer_hv_bus=_positions(net.trafo["hv_bus"], position),
        transformer_lv_bus=_positions(net.trafo["lv_bus"], position),
        transformer_rated_power_kva=1e3 * _rating(net.trafo, "sn_mva"),
        connection_points=find_connection_points(net, position),
        missing_zero_sequence=_missing_zero_sequence(net),
    )


def _missing_zero_sequence(net: Any) -> tuple[str, ...]:
    missing = []
    for table, columns in _ZERO_SEQUENCE.items():
        elements = net[table]
        elements = elements[elements["in_service"].astype(bool)]
        missing += [
            f"{table}.{column}"
            for column in columns
            if len(elements) and (column not in elements or elements[column].isna().any())
        ]
    return tuple(missing)


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


def _line_ratings(
    lines: Any, names: tuple[str, ...], overrides: Mapping[str, float], copies: int
) -> FloatArray:
    ratings = 1e3 * _rating(lines, "max_i_ka")
    if not overrides:
        return ratings
    places = lines_by_name(names, copies)
    unknown = [name for name in overrides if name not in places]
    if unknown:
        # Of many copies, the names that mean a line of each are enough to choose from.
        known = [name for name, at in places.items() if copies == 1 or len(at) > 1]
        raise ScenarioError(*(_no_line(name, known) for name in unknown))
    # What is said of one copy's line holds against what is said of that of all copies.
    for name in sorted(overrides, key=lambda name: len(places[name]), reverse=True):
        ratings[places[name]] = overrides[name]
    return ratings


def _no_line(name: str, known: Sequence[str]) -> Problem:
    return Problem(
        message=f"the network has no line '{name}'",
        key=("line_ratings_a", name),
        expected=f"one of {listing(known)}" if known else "nothing: it has no lines",
        suggestion=nearest(name, known),
    )

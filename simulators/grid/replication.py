"""Many copies of a network under one medium-voltage grid.

The external grid moves to a busbar of its own. From there go strings of cable, and each copy hangs
on a string with the bus that was its external grid's:

    busbar ── 1 ── 2 ── ... ── 10
           ── 11 ── 12 ── ...

What was radial stays radial. Tables are tiled as a whole; no element is touched by itself.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gridloom.simulators.errors import Problem, ScenarioError
from gridloom.simulators.grid.cables import join_by_cables, require_cable
from gridloom.simulators.grid.config import NetworkSource
from gridloom.simulators.grid.connection_points import given_names
from gridloom.simulators.grid.connectivity import source_rows
from gridloom.simulators.grid.geography import bus_coordinates, set_bus_coordinates

_BUS_COLUMNS = {"bus", "from_bus", "to_bus", "hv_bus", "mv_bus", "lv_bus"}
_KINDS = {"trafo": "transformer"}
"""What elements without a name are called, where not as their table."""
_SWITCHED = {"b": "bus", "l": "line", "t": "trafo", "t3": "trafo3w"}
"""Table of what a switch of each type is at."""
_LEFT_OUT = {"controller", "group", "measurement", "poly_cost", "pwl_cost"}
"""They refer to elements, and no power flow here asks for them."""
_GAP = 1.2
"""Distance of copies in a plot over their extent."""


def replicate(net: Any, source: NetworkSource) -> Any:
    """Return the network that consists of ``source.copies`` copies of ``net``; itself if it is one.

    Names become '<copy>/<name>', counted from 1. The short-circuit power of the external grid is
    multiplied by the number of copies: as many sources in parallel, so that the voltage drop at
    the busbar is that of one copy with its share of the power.

    Args:
        net: the `pandapowerNet`, sound and repaired; it stays as it is.
        source: how many copies, and how they are joined.

    Raises:
        ScenarioError: ``net`` has not exactly one source, at medium voltage, or has a DC grid; or
            the cable is unknown. Keys are relative to the grid's configuration.
    """
    if source.copies == 1:
        return net
    grid = _external_grid(net)
    bus, nominal_kv = int(grid["bus"]), float(net.bus.at[grid["bus"], "vn_kv"])
    cable = require_cable(source.medium_voltage.cable, nominal_kv)
    copied = _tiled(net, source.copies)
    stations = bus + np.arange(source.copies) * _stride(net.bus)
    busbar = _feed_busbar(copied, grid, nominal_kv, source.copies)
    string, place = np.divmod(np.arange(source.copies), source.medium_voltage.feeders_per_string)
    before = np.where(place == 0, busbar, np.roll(stations, 1))
    join_by_cables(copied, before, stations, cable, source.medium_voltage.cable_km)
    _spread(net, copied, string, place)
    return copied


def lines_by_name(names: Sequence[str], copies: int) -> Mapping[str, list[int]]:
    """Return the positions of the lines that each name means.

    A name of the copied network means that line of every copy; '<copy>/<name>' means one.
    """
    places = {name: [position] for position, name in enumerate(names)}
    if copies == 1:
        return places
    of_all = defaultdict(list)
    for position, name in enumerate(names):
        of_all[name.partition("/")[2]].append(position)
    return of_all | places


def _external_grid(net: Any) -> Any:
    """Return the row of the only source."""
    grids, slacks = source_rows(net)
    if len(grids) != 1 or len(slacks):
        raise ScenarioError(
            Problem(
                message=f"the network has {len(grids)} external grids and {len(slacks)} slack "
                "generators in service: it cannot be copied",
                key=("network", "copies"),
                expected="exactly one external grid, by which the copies are joined",
            )
        )
    return grids.iloc[0]


def _tiled(net: Any, copies: int) -> Any:
    """Return a net with so many copies of every table, and no source."""
    import pandapower
    import pandas as pd

    tiled = pandapower.create_empty_network(name=net.name, f_hz=net.f_hz, sn_mva=net.sn_mva)
    tiled.std_types = net.std_types
    for name, table in net.items():
        if not isinstance(table, pd.DataFrame) or table.empty or name.startswith(("_", "res_")):
            continue
        if name == "bus_dc":
            raise ScenarioError(
                Problem(message="a DC grid cannot be copied", key=("network", "copies"))
            )
        if name == "bus" or _BUS_COLUMNS & set(table.columns):
            tiled[name] = _tile(net, name, copies)
        elif name not in _LEFT_OUT:  # characteristics of transformers, which copies share
            tiled[name] = table
    tiled.ext_grid = net.ext_grid.iloc[:0].copy()
    return tiled


def _tile(net: Any, name: str, copies: int) -> Any:
    """Return one table so many times, with its indices, references and names moved."""
    import pandas as pd

    table = net[name]
    tiled = pd.concat([table] * copies, ignore_index=True)
    copy = np.repeat(np.arange(copies), len(table))
    tiled.index = np.tile(table.index.to_numpy(), copies) + copy * _stride(table)
    for column in _BUS_COLUMNS & set(table.columns):
        tiled[column] = tiled[column].to_numpy() + copy * _stride(net.bus)
    if name == "switch":
        stride = table["et"].map({et: _stride(net[of]) for et, of in _SWITCHED.items()})
        tiled["element"] = tiled["element"].to_numpy() + copy * np.tile(stride, copies)
    if "name" in table:
        names = given_names(table["name"], table.index, _KINDS.get(name, name))
        tiled["name"] = [f"{number}/{own}" for number in range(1, copies + 1) for own in names]
    return tiled


def _stride(table: Any) -> int:
    """Return by how much indices of a table move from copy to copy."""
    return int(table.index.max()) + 1 if len(table) else 0


def _feed_busbar(copied: Any, grid: Any, nominal_kv: float, copies: int) -> int:
    """Add the busbar, and the external grid at it; return the busbar's index."""
    import pandapower
    import pandas as pd

    busbar = int(pandapower.create_bus(copied, vn_kv=nominal_kv, name="busbar", type="b"))
    moved = grid.copy()
    moved["bus"] = busbar
    for column in {"s_sc_max_mva", "s_sc_min_mva"} & set(grid.index):
        moved[column] *= copies
    copied.ext_grid = pd.DataFrame([moved]).astype(copied.ext_grid.dtypes)
    return busbar


def _spread(net: Any, copied: Any, string: Any, place: Any) -> None:
    """Place the copies side by side, one row a string, and the busbar to their left."""
    if "geo" in copied.line:
        copied.line["geo"] = None  # drawn straight from bus to bus
    own = bus_coordinates(net.bus)
    if np.isnan(own).all():
        return
    low, high = np.nanmin(own, axis=0), np.nanmax(own, axis=0)
    pitch = _GAP * np.where(high > low, high - low, 1.0)
    corner = np.stack([place, -string], axis=1) * pitch
    points = (own + corner[:, np.newaxis]).reshape(-1, 2)
    beside = low - 0.5 * pitch * [1.0, string[-1]]
    set_bus_coordinates(copied.bus, np.concatenate([points, beside[np.newaxis]]))

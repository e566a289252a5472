"""From a pandapower net to the input arrays of power-grid-model.

The conversion itself is power-grid-model-io's. This module gives it only what it converts
correctly and mends what it leaves open.
"""

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from gridloom.simulators.cache import cached
from gridloom.simulators.errors import ScenarioError, listing
from gridloom.simulators.grid.network import Network
from gridloom.simulators.grid.pgm_components import (
    disconnect,
    mend_lines,
    set_taps,
    sources,
    storage_units,
)
from gridloom.simulators.grid.tables import column, in_service
from gridloom.simulators.grid.unsupported import (
    refuse_unsupported,
    require_possible_groups,
    unsupported,
)

ComponentArrays: TypeAlias = dict[str, NDArray[Any]]

_CONVERTED_AS_THEY_ARE = ("bus", "line", "shunt", "ward", "motor")
_INJECTIONS = ("load", "sgen", "asymmetric_load", "asymmetric_sgen")
_LEFT_EMPTY = ("ext_grid", "gen", "storage", "impedance", "xward", "dcline")
"""Sources and storage units are added here; the others were refused, or are out of service."""
_ZERO_SEQUENCE_IGNORED = ("vk0_percent", "vkr0_percent", "si0_hv_partial")


@dataclass(frozen=True, kw_only=True)
class ConvertedNetwork:
    """Input data of power-grid-model, without the connection points."""

    arrays: ComponentArrays
    """Component to structured array; lines and transformers in the order of the network."""
    bus_ids: NDArray[np.int32]
    """(bus,), identifiers of the nodes."""
    next_id: int
    """First identifier that is free."""
    frequency_hz: float
    """Nominal frequency."""
    simplifications: tuple[str, ...]
    """What power-grid-model represents differently, in words."""


def convert(network: Network, *, unbalanced: bool) -> ConvertedNetwork:
    """Convert a network for power-grid-model, or take it from the cache if it was before.

    Raises:
        ScenarioError: power-grid-model has no equivalent of some element.
    """
    name = "unbalanced" if unbalanced else "balanced"
    converted: ConvertedNetwork = cached(
        network.identity and f"{network.identity}-{name}",
        lambda: _converted(network, unbalanced=unbalanced),
        vars,
        lambda content: ConvertedNetwork(**content),
    )
    return converted


def _converted(network: Network, *, unbalanced: bool) -> ConvertedNetwork:
    from power_grid_model_io.converters import PandaPowerConverter

    net = network.net
    refuse_unsupported(net)
    converter = PandaPowerConverter(system_frequency=float(net.f_hz))
    try:
        loaded, _ = converter.load_input_data(
            _tables(network, unbalanced=unbalanced), make_extra_info=False
        )
    except (NotImplementedError, RuntimeError, ValueError) as error:
        raise ScenarioError(unsupported(str(error))) from error
    arrays: ComponentArrays = {component.value: array for component, array in loaded.items()}
    mend_lines(arrays)
    set_taps(arrays, net)
    bus_ids: NDArray[np.int32] = arrays["node"]["id"].copy()
    next_id = 1 + max(int(array["id"].max()) for array in arrays.values() if array.size)
    node = dict(zip(net.bus.index, bus_ids, strict=True))
    arrays["source"] = sources(in_service(net, "ext_grid"), in_service(net, "gen"), node, next_id)
    next_id += len(arrays["source"])
    if network.keeps_background:
        storage = storage_units(in_service(net, "storage"), node, next_id)
        arrays["sym_load"] = np.concatenate([arrays.get("sym_load", storage[:0]), storage])
        next_id += len(storage)
    if unbalanced:
        require_possible_groups(arrays)
    disconnect(arrays, bus_ids[~net.bus["in_service"].to_numpy(dtype=bool)])
    return ConvertedNetwork(
        arrays=arrays,
        bus_ids=bus_ids,
        next_id=next_id,
        frequency_hz=float(net.f_hz),
        simplifications=_simplifications(net.trafo) if unbalanced else (),
    )


def _tables(network: Network, *, unbalanced: bool) -> dict[str, Any]:
    """Return what the converter reads; the tables of the network stay as they are."""
    net = network.net
    tables = {table: net[table] for table in _CONVERTED_AS_THEY_ARE}
    tables |= {table: net[table].iloc[:0] for table in (*_LEFT_EMPTY, *_INJECTIONS)}
    if network.keeps_background:
        tables |= {table: in_service(net, table) for table in _INJECTIONS}
    tables["trafo"] = _transformers(net.trafo, unbalanced=unbalanced)
    tables["trafo3w"] = _transformers(net.trafo3w, unbalanced=unbalanced)
    tables["switch"] = _switches(net.switch)
    return tables


def _transformers(table: Any, *, unbalanced: bool) -> Any:
    """Return transformers as the converter reads them without guessing, warning or failing.

    Balanced power flow does not depend on the vector group, which the converter then derives from
    the phase shift. Taps are set afterwards.
    """
    if table.empty:
        return table
    dropped = {"tap_dependent_impedance", *_ZERO_SEQUENCE_IGNORED}
    three_windings = "sn_hv_mva" in table
    rated_mva = table["sn_hv_mva" if three_windings else "sn_mva"]
    changed = {"tap_side": "hv", "tap_neutral": 0.0, "tap_pos": 0.0, "tap_step_percent": 0.0}
    changed["i0_percent"] = np.maximum(table["i0_percent"], 0.1 * table["pfe_kw"] / rated_mva)
    if unbalanced and not three_windings:  # the converter fails where a group is missing
        odd = np.round(column(table, "shift_degree") / 30) % 2 == 1
        unknown = np.where(odd, "Dyn", "YNyn")
        changed["vector_group"] = table["vector_group"].where(table["in_service"], unknown)
    elif not unbalanced:
        dropped.add("vector_group")
    return table.drop(columns=list(dropped & set(table.columns))).assign(**changed)


def _switches(switches: Any) -> Any:
    """Return one switch for each end of a branch, which is closed if all its switches are."""
    at_branch = switches[switches["et"] != "b"]
    merged = at_branch.groupby(["et", "element", "bus"], as_index=False)["closed"].all()
    between_buses = switches.loc[switches["et"] == "b", ["et", "element", "bus", "closed"]]
    if merged.empty:
        return between_buses
    if between_buses.empty:
        return merged
    import pandas as pd

    return pd.concat([merged, between_buses], ignore_index=True)


def _simplifications(trafo: Any) -> tuple[str, ...]:
    differing = np.zeros(len(trafo), dtype=bool)
    for zero, positive in (("vk0_percent", "vk_percent"), ("vkr0_percent", "vkr_percent")):
        if zero in trafo:
            given = trafo[zero].to_numpy(dtype=float, na_value=np.nan)
            differing |= np.isfinite(given) & ~np.isclose(given, trafo[positive])
    if not differing.any():
        return ()
    names = listing([str(name) for name in trafo.loc[differing, "name"]])
    note = "zero-sequence impedance of transformers taken equal to the positive-sequence one, "
    return (f"{note}as power-grid-model has no other: {names}",)

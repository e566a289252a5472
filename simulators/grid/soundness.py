"""Refuses pandapower nets that are wrong in themselves, whoever would solve them.

pandapower writes and reads such nets without a word; solvers then fail in words of their own.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from gridloom.simulators.errors import Problem, ScenarioError, listing
from gridloom.simulators.grid.tables import in_service

_ENDS = {
    "line": ("from_bus", "to_bus"),
    "trafo": ("hv_bus", "lv_bus"),
    "trafo3w": ("hv_bus", "mv_bus", "lv_bus"),
    "impedance": ("from_bus", "to_bus"),
    "switch": ("bus",),
    **dict.fromkeys(
        (
            "ext_grid",
            "gen",
            "load",
            "sgen",
            "asymmetric_load",
            "asymmetric_sgen",
            "storage",
            "shunt",
            "ward",
            "xward",
            "motor",
        ),
        ("bus",),
    ),
}
"""Tables and their columns that name a bus."""
_POSITIVE = {
    "bus": ("vn_kv",),
    "line": ("length_km",),
    "trafo": ("sn_mva", "vn_hv_kv", "vn_lv_kv"),
    "trafo3w": ("sn_hv_mva", "sn_mv_mva", "sn_lv_mva", "vn_hv_kv", "vn_mv_kv", "vn_lv_kv"),
}
"""Columns that must be positive where an element is in service."""
_FINITE = {
    "line": ("r_ohm_per_km", "x_ohm_per_km", "c_nf_per_km"),
    "trafo": ("vk_percent", "vkr_percent", "pfe_kw", "i0_percent"),
    "ext_grid": ("vm_pu",),
}
"""Columns that must hold a number where an element is in service."""
_VOLTAGE_TOLERANCE = 0.01
"""Share by which the nominal voltages at the ends of a line may differ."""


def require_sound(net: Any) -> None:
    """Refuse a net that contradicts itself or lacks what every power flow needs.

    Raises:
        ScenarioError: an element is at a bus that does not exist, lacks a positive or finite
            number, or a line has no impedance or joins two voltage levels; keys are relative to
            the grid's configuration.
    """
    problems = [*_without_bus(net), *_without_numbers(net)]
    # What follows needs the buses and the numbers.
    problems = problems or [*_short_lines(net), *_crossing_lines(net)]
    if problems:
        raise ScenarioError(*problems)


def _without_bus(net: Any) -> Iterator[Problem]:
    for table, columns in _ENDS.items():
        for column in columns if table in net else ():
            elements = net[table]
            lost = elements[~elements[column].isin(net.bus.index)]
            yield from _problem(
                table, lost, f"{column} is no bus of the network", "the index of one of its buses"
            )


def _without_numbers(net: Any) -> Iterator[Problem]:
    for needed, expected in ((_POSITIVE, "a positive number"), (_FINITE, "a finite number")):
        for table, columns in needed.items():
            elements = in_service(net, table)
            for column in columns:
                numbers = np.full(len(elements), np.nan)
                if column in elements:
                    numbers = elements[column].to_numpy(dtype=float, na_value=np.nan)
                right = np.isfinite(numbers) & ((numbers > 0) | (needed is _FINITE))
                yield from _problem(table, elements[~right], f"{column} is wrong", expected)


def _short_lines(net: Any) -> Iterator[Problem]:
    lines = in_service(net, "line")
    resistance, reactance = (lines[c].to_numpy(float) for c in ("r_ohm_per_km", "x_ohm_per_km"))
    yield from _problem(
        "line",
        lines[(resistance == 0) & (reactance == 0)],
        "there is neither resistance nor reactance",
        "an impedance; a switch between two buses has none",
    )


def _crossing_lines(net: Any) -> Iterator[Problem]:
    lines = in_service(net, "line")
    from_kv, to_kv = (
        net.bus["vn_kv"].loc[lines[end]].to_numpy(float) for end in ("from_bus", "to_bus")
    )
    yield from _problem(
        "line",
        lines[np.abs(from_kv - to_kv) > _VOLTAGE_TOLERANCE * from_kv],
        "vn_kv differs between the two ends",
        "one nominal voltage; a transformer joins two",
    )


def _problem(table: str, elements: Any, what: str, expected: str) -> Iterator[Problem]:
    """Yield what is wrong with some elements of a table, if there are any."""
    if elements.empty:
        return
    names = elements.get("name", [None] * len(elements))
    told = [
        f"{index} ({name})" if isinstance(name, str) and name else str(index)
        for index, name in zip(elements.index, names, strict=True)
    ]
    yield Problem(
        message=f"the network's table '{table}': {what} at index {listing(told)}",
        key=("network",),
        expected=expected,
    )

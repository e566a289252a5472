"""Where resources can be connected to a network: found in, and named after, its loads."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from gridloom.simulators.errors import Problem, ScenarioError

IndexArray: TypeAlias = NDArray[np.int64]

_LOADS = ("load", "asymmetric_load")
_RESOURCES = ("sgen", "asymmetric_sgen", "storage")


@dataclass(frozen=True, kw_only=True)
class ConnectionPoints:
    """The loads in service, and resources in service at buses without a load."""

    names: tuple[str, ...]
    bus: IndexArray
    """(connection_point,), position along the network's buses."""
    phase: tuple[str, ...]
    """'a', 'b' or 'c' where single-phase, otherwise 'abc'."""
    of_element: Mapping[tuple[str, int], str]
    """Connection point of every load, static generator and storage unit in service, by table and
    index in the pandapower net."""

    @property
    def phase_mask(self) -> NDArray[np.bool_]:
        """(connection_point, 3), which phases each is connected to."""
        return np.array([[label in phase for label in "abc"] for phase in self.phase], dtype=bool)

    def parts(self) -> dict[str, Any]:
        """Return arrays and tuples that say the same."""
        position = {name: place for place, name in enumerate(self.names)}
        element_at = [position[name] for name in self.of_element.values()]
        return {
            "names": self.names,
            "bus": self.bus,
            "phase": self.phase,
            "element_table": tuple(table for table, _ in self.of_element),
            "element_index": np.array([index for _, index in self.of_element], dtype=np.int64),
            "element_at": np.array(element_at, dtype=np.int64),
        }

    @classmethod
    def of_parts(cls, parts: Mapping[str, Any]) -> "ConnectionPoints":
        """Return the connection points that `parts` took apart."""
        elements = zip(parts["element_table"], parts["element_index"].tolist(), strict=True)
        at = [parts["names"][place] for place in parts["element_at"].tolist()]
        return cls(
            names=parts["names"],
            bus=parts["bus"],
            phase=parts["phase"],
            of_element=dict(zip(elements, at, strict=True)),
        )


@dataclass(frozen=True, kw_only=True)
class _Element:
    table: str
    index: int
    bus: int
    name: object
    phase: str


def find_connection_points(net: Any, position: Mapping[int, int]) -> ConnectionPoints:
    """Find the connection points of a pandapower net.

    Args:
        net: the `pandapowerNet`.
        position: place of every bus, by its index in the net.

    Raises:
        ScenarioError: there are none.
    """
    loads = [element for table in _LOADS for element in _in_service(net, table)]
    resources = [element for table in _RESOURCES for element in _in_service(net, table)]
    with_load = {load.bus for load in loads}
    chosen = loads + [resource for resource in resources if resource.bus not in with_load]
    if not chosen:
        raise ScenarioError(
            Problem(
                message="the network has no load, static generator or storage unit in service",
                key=("network",),
                expected="at least one: they mark where the scenario's models can be connected",
            )
        )
    names = _numbered([_text(e.name) or f"{e.table} {e.index}" for e in chosen])
    of_element = {(e.table, e.index): name for e, name in zip(chosen, names, strict=True)}
    first_at: dict[int, str] = {}
    for element, name in zip(chosen, names, strict=True):
        first_at.setdefault(element.bus, name)
    for resource in resources:
        of_element.setdefault((resource.table, resource.index), first_at[resource.bus])
    return ConnectionPoints(
        names=names,
        bus=np.array([position[element.bus] for element in chosen], dtype=np.int64),
        phase=tuple(element.phase for element in chosen),
        of_element=of_element,
    )


def unique_names(names: Iterable[object], indices: Iterable[int], kind: str) -> tuple[str, ...]:
    """Return one name each: the given one, '<kind> <index>' where empty, numbered where repeated.

    >>> unique_names(["north", None, "north"], [4, 5, 6], "line")
    ('north', 'line 5', 'north (2)')
    """
    return _numbered(given_names(names, indices, kind))


def given_names(names: Iterable[object], indices: Iterable[int], kind: str) -> list[str]:
    """Return the given names, '<kind> <index>' where empty.

    >>> given_names(["north", None, "north"], [4, 5, 6], "line")
    ['north', 'line 5', 'north']
    """
    return [_text(name) or f"{kind} {index}" for name, index in zip(names, indices, strict=True)]


def _numbered(wished: list[str]) -> tuple[str, ...]:
    """Return the names, numbered where repeated."""
    taken, used = set(wished), set[str]()
    following: dict[str, int] = {}
    for place, wish in enumerate(wished):
        name, number = wish, following.get(wish, 2)
        while name in used or (name != wish and name in taken):
            name, number = f"{wish} ({number})", number + 1
        following[wish] = number
        used.add(name)
        wished[place] = name
    return tuple(wished)


def _text(name: object) -> str:
    text = "" if name is None else str(name).strip()
    return "" if text.lower() in {"none", "nan", "<na>"} else text


def _in_service(net: Any, table: str) -> list[_Element]:
    elements = net[table][net[table]["in_service"].astype(bool)]
    phases = _phases(elements) if table.startswith("asymmetric") else ["abc"] * len(elements)
    return [
        _Element(table=table, index=int(index), bus=int(bus), name=name, phase=phase)
        for index, bus, name, phase in zip(
            elements.index, elements["bus"], elements["name"], phases, strict=True
        )
    ]


def _phases(elements: Any) -> list[str]:
    """Return the one phase that carries power, or 'abc' where there are several or none."""
    loaded = np.column_stack(
        [
            (elements[[f"p_{phase}_mw", f"q_{phase}_mvar"]].to_numpy(dtype=float) != 0).any(axis=1)
            for phase in "abc"
        ]
    )
    return ["abc"[int(np.argmax(row))] if row.sum() == 1 else "abc" for row in loaded]

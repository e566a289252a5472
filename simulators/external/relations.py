"""Which entities are related to which, as foreign simulators ask mosaik (`get_related_entities`).

Entities have full ids here: `simulator.` and the simulator's own id. All that is not the
simulator's is one entity, the model to which it is coupled.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any, TypeAlias

SIMULATOR_ID = "simulator"
"""How the foreign simulator is called towards itself; everything else is `gridloom`."""
SOURCE = "gridloom.population"
"""Full id of the entity from which foreign simulators receive everything."""

Nodes: TypeAlias = dict[str, dict[str, str]]
"""What mosaik tells of an entity, by full id."""


class EntityGraph:
    """The entities that a simulator has created, and what they are connected to.

    Args:
        created: what `create` returned.
        coupled: ids of the entities that send or receive something.
    """

    def __init__(self, created: Any, coupled: Collection[str]) -> None:
        self._nodes: Nodes = {SOURCE: {"sid": "gridloom", "type": "population"}}
        self._near: dict[str, list[str]] = {}
        self._edges: list[tuple[str, str]] = []
        for entity in walk(created):
            full = _full_id(entity["eid"])
            self._nodes[full] = {"sid": SIMULATOR_ID, "type": str(entity["type"])}
            for other in entity.get("rel") or ():
                self._connect(full, _full_id(other))
            if entity["eid"] in coupled:
                self._connect(full, SOURCE)

    def related(self, entities: object = None) -> Any:
        """Answer `get_related_entities` for one entity, a list of them, or as a whole."""
        if entities is None:
            return {"nodes": self._nodes, "edges": [[a, b, {}] for a, b in self._edges]}
        if isinstance(entities, list | tuple):
            return {str(entity): self._neighbours(str(entity)) for entity in entities}
        return self._neighbours(str(entities))

    def _connect(self, one: str, other: str) -> None:
        self._edges.append((one, other))
        self._near.setdefault(one, []).append(other)
        self._near.setdefault(other, []).append(one)

    def _neighbours(self, entity: str) -> Nodes:
        return {name: self._nodes.get(name, {}) for name in self._near.get(entity, ())}


def walk(entities: Any) -> Iterator[Mapping[str, Any]]:
    """Yield the entities that `create` returned, every one before its children."""
    for entity in entities:
        yield entity
        yield from walk(entity.get("children") or ())


def _full_id(entity: object) -> str:
    return f"{SIMULATOR_ID}.{entity}"

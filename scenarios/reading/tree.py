"""The tree of a scenario file: plain values that remember where they were written.

Immutable: merging two trees makes a third, whose leaves keep the places they came from.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from gridloom.simulators.errors import Key, Location, Problem, ScenarioError, dotted

Scalar: TypeAlias = str | int | float | bool | None


@dataclass(frozen=True, kw_only=True)
class Node:
    """One value of a scenario file: scalar, mapping or list."""

    value: "Scalar | dict[str, Node] | list[Node]"
    location: Location
    """Of its key in a mapping, of itself in a list."""

    def plain(self) -> Any:
        """Return the value without places: what a YAML reader would return."""
        if isinstance(self.value, dict):
            return {name: child.plain() for name, child in self.value.items()}
        if isinstance(self.value, list):
            return [child.plain() for child in self.value]
        return self.value

    def child(self, part: str | int) -> "Node | None":
        """Return the entry of a mapping or the item of a list, or None."""
        if isinstance(self.value, dict):
            return self.value.get(str(part))
        if isinstance(self.value, list) and isinstance(part, int):
            return self.value[part] if 0 <= part < len(self.value) else None
        return None

    def find(self, key: Key) -> "Node | None":
        """Return the node at the end of a path of keys, or None."""
        node: Node | None = self
        for part in key:
            node = node.child(part) if node else None
        return node

    def locate(self, key: Key) -> Location:
        """Return the place of ``key``, or of the nearest existing thing that should hold it."""
        node = self
        for part in key:
            child = node.child(part)
            if child is None:
                break
            node = child
        return node.location

    def without(self, *names: str) -> "Node":
        """Return this mapping without some of its entries."""
        entries = self.value if isinstance(self.value, dict) else {}
        kept = {name: child for name, child in entries.items() if name not in names}
        return Node(value=kept, location=self.location)


def tree_of(plain: Any, location: Location) -> Node:
    """Return plain values as a tree, all of it at one place."""
    if isinstance(plain, dict):
        entries = {str(name): tree_of(value, location) for name, value in plain.items()}
        return Node(value=entries, location=location)
    if isinstance(plain, list):
        return Node(value=[tree_of(value, location) for value in plain], location=location)
    return Node(value=plain, location=location)


def merge(base: Node, over: Node) -> Node:
    """Lay ``over`` on ``base``: mappings merge, null removes a key, all else replaces."""
    if not isinstance(over.value, dict):
        return over
    merged = dict(base.value) if isinstance(base.value, dict) else {}
    nothing = Node(value={}, location=over.location)
    for name, child in over.value.items():
        if child.value is None:
            merged.pop(name, None)
        else:
            merged[name] = merge(merged.get(name, nothing), child)
    return Node(value=merged, location=over.location)


def put(node: Node, key: Key, value: Node) -> Node:
    """Return ``node`` with ``value`` laid on what is at ``key``, as `merge` does.

    Missing mappings on the way are made.

    Raises:
        ScenarioError: the path leads through a scalar or to an item that a list has not.
    """
    return _put(node, key, 0, value)


def _put(node: Node, key: Key, depth: int, value: Node) -> Node:
    if depth == len(key):
        return merge(node, value)
    part = key[depth]

    def below(child: Node) -> Node:
        return _put(child, key, depth + 1, value)

    if isinstance(node.value, dict):
        return _put_entry(node, str(part), value.location, below)
    if isinstance(node.value, list):
        index = _index(node.value, key[: depth + 1], value.location)
        items = [below(item) if i == index else item for i, item in enumerate(node.value)]
        return Node(value=list(items), location=node.location)
    raise ScenarioError(
        Problem(
            message=f"there is nothing below {dotted(key[:depth])}, which is a single value",
            location=value.location,
        )
    )


def _put_entry(node: Node, name: str, place: Location, below: Callable[[Node], Node]) -> Node:
    entries = dict(node.value) if isinstance(node.value, dict) else {}
    existing = entries.get(name)
    if existing is None or existing.value is None:
        existing = Node(value={}, location=place)
    entry = below(existing)
    if entry.value is None:
        entries.pop(name, None)
    else:
        entries[name] = entry
    return Node(value=entries, location=node.location)


def _index(items: list[Node], key: Key, place: Location) -> int:
    part, length = key[-1], len(items)
    if str(part).isdecimal() and int(part) < length:
        return int(part)
    raise ScenarioError(
        Problem(
            message=f"{dotted(key[:-1])} has no item {part}",
            expected=f"a number from 0 to {length - 1}" if length else "nothing: the list is empty",
            location=place,
        )
    )

"""What an axis of a campaign does: the changes that each of its values makes.

In the words of experimental design, an axis is a factor, and its values are the factor's levels.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias, overload

from typing_extensions import override

from gridloom.scenarios.campaigns.point import Axis, Parameter
from gridloom.scenarios.reading.overrides import Override
from gridloom.scenarios.reading.tree import Node
from gridloom.simulators.errors import Key, Location

Level: TypeAlias = tuple[Override, ...]
"""What one value of an axis lays on the scenario, in this order."""


@dataclass(frozen=True, kw_only=True)
class Factor:
    """An axis, and what its values do."""

    axis: Axis
    levels: Sequence[Level]
    """One for each label."""
    sets: frozenset[Key]
    """Keys that its levels replace or remove."""
    location: Location
    key_location: Location
    """Where its key is written; of a factor without, the factor's own place."""
    is_variant: bool = False
    """Whether its labels are variants of the scenario; its levels then are empty."""


class SameKeys(Sequence[Level]):
    """Levels that set the same keys to their labels, made when they are asked for."""

    def __init__(self, keys: Sequence[Key], labels: Sequence[Parameter], place: Location) -> None:
        self._keys = keys
        self._labels = labels
        self._place = place

    @override
    def __len__(self) -> int:
        return len(self._labels)

    @overload
    def __getitem__(self, index: int) -> Level: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Level]: ...
    @override
    def __getitem__(self, index: int | slice) -> Level | Sequence[Level]:
        if isinstance(index, slice):
            return SameKeys(self._keys, self._labels[index], self._place)
        node = Node(value=self._labels[index], location=self._place)
        return tuple(Override(key=key, value=node) for key in self._keys)

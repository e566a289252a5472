"""One run that a campaign asks for."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeAlias

from typing_extensions import override

from gridloom.scenarios.reader import ScenarioDocument
from gridloom.scenarios.reading.sources import Source

Parameter: TypeAlias = str | int | float | bool
"""The label of one value of an axis."""


@dataclass(frozen=True, kw_only=True)
class Axis:
    """What one axis of a campaign varies."""

    name: str
    keys: tuple[str, ...]
    """Which keys of the scenario it sets; none where its values are named changes."""
    labels: tuple[Parameter, ...]
    """Of its values, in order, each once."""
    unit: str = ""
    """Of its values, as UDUNITS reads it; '' where they have none."""
    is_seed: bool = False
    """Whether its values only repeat the experiment with other random numbers."""


@dataclass(frozen=True)
class Point:
    """One combination of the values of all axes, with the scenario that it makes.

    It crosses to the process that runs it, and an error there knows file and line of every key.
    """

    number: int
    """From 1, in the order of the campaign."""
    parameters: Mapping[str, Parameter]
    """Name of each axis -> label of its value here."""
    source: Source
    """A scenario without variants."""

    @override
    def __getstate__(self) -> dict[str, object]:
        """Return what crosses to another process, whose working directory may be another.

        What has been made of it here stays here.
        """
        source = replace(self.source, paths=tuple(path.absolute() for path in self.source.paths))
        kept = {name: value for name, value in vars(self).items() if name != "document"}
        return {**kept, "source": source}

    @cached_property
    def document(self) -> ScenarioDocument:
        """The scenario, checked.

        Raises:
            ScenarioError: with everything that is wrong with it.
        """
        return ScenarioDocument(self.source)

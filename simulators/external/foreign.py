"""What a model that a foreign simulator computes knows of that simulator."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from gridloom.simulators.errors import Key, Problem, ScenarioError, listing
from gridloom.simulators.exchange.exchange import Exchanged
from gridloom.simulators.external.config import ElementsConfig, ForeignSimulatorConfig
from gridloom.simulators.model import BuildContext, ElementSet

ELEMENT = "{element}"
"""In a foreign name: stands for each element's name."""


@dataclass(frozen=True, kw_only=True)
class ForeignElements:
    """One kind of a foreign simulator's entities: which they are, and their names here."""

    set: ElementSet
    type: str | None = None
    """Type of the entities; None for the created model."""
    entity_ids: tuple[str, ...] | None = None
    """Ids of the entities, None for those of the type in the order of creation."""
    key: Key = ("at",)
    """Where the scenario names them, relative to the model's configuration."""


class Foreign(Protocol):
    """A model that a foreign simulator computes, as those see it who drive the simulator."""

    name: str
    step_size: int

    @property
    def config(self) -> ForeignSimulatorConfig:
        """Which simulator it is."""

    @property
    def context(self) -> BuildContext:
        """The scenario around."""

    @property
    def kinds(self) -> Mapping[str, ForeignElements]:
        """Its elements by kind."""

    @property
    def receives(self) -> Sequence[Exchanged]:
        """What the simulator is told."""

    @property
    def sends(self) -> Sequence[Exchanged]:
        """What is read from it."""

    @property
    def number(self) -> int:
        """How many entities are created unless the scenario says so."""

    def kind_of(self, each: Exchanged) -> ForeignElements | None:
        """Return the elements that a counterpart speaks of, None for the model as a whole."""


def computed_by(config: ForeignSimulatorConfig) -> str:
    """Return what a user should know of a foreign model: who computes it."""
    where = config.python or (f"at {config.connect}" if config.connect else "")
    return f"computed by {where or ' '.join(config.command or ())}"


def read_elements(
    kind: str, config: ElementsConfig, context: BuildContext, *, may_define: bool
) -> ForeignElements:
    """Return the elements of one kind that a scenario names.

    Args:
        kind: what they are.
        config: which they are.
        context: the scenario around.
        may_define: whether the names make the connection points, as a grid's do.

    Raises:
        ScenarioError: a name is not a connection point, or given twice.
    """
    key: Key = ("elements", kind)
    listed = config.names
    if isinstance(listed, dict):
        names = tuple(listed.values())
    else:
        names = tuple(listed or ()) or context.select(config.at or "all", *key, "at")
    if config.connected and listed is not None and not may_define:
        names = context.select(list(names), *key, "names")
    if len(set(names)) < len(names):
        doubled = sorted({name for name in names if names.count(name) > 1})
        raise ScenarioError(Problem(message=f"named twice: {listing(doubled)}", key=key))
    return ForeignElements(
        set=ElementSet(
            kind=kind,
            owner=context.name,
            names=names,
            connection_points=names if config.connected else None,
        ),
        type=config.type,
        entity_ids=None if listed is None else tuple(listed),
        key=key,
    )

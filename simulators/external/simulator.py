"""Foreign simulators as gridloom's models see them: ports, elements, step size.

What they compute happens elsewhere: `stepping` drives them through the mosaik API.
"""

from typing import ClassVar, Literal

from typing_extensions import override

from gridloom.simulators.errors import Problem, ScenarioError, listing, nearest
from gridloom.simulators.exchange.exchange import Exchanged, elements_of, exchanged
from gridloom.simulators.external.config import ExternalConfig
from gridloom.simulators.external.filling import filled
from gridloom.simulators.external.foreign import (
    ELEMENT,
    ForeignElements,
    computed_by,
    read_elements,
)
from gridloom.simulators.model import (
    BuildContext,
    Direction,
    Inputs,
    Model,
    Outputs,
    Port,
)


class External(Model):
    """Devices that a foreign simulator computes, coupled through the mosaik API.

    Units and signs are converted at this edge; see `gridloom.simulators.exchange`.
    """

    Config = ExternalConfig

    def __init__(self, config: ExternalConfig, context: BuildContext) -> None:
        super().__init__(context, config.step_size)
        self.config = filled(config, context)
        self.context = context
        self.kinds = self._read_kinds()
        self.receives = exchanged(config, "receives")
        self.sends = exchanged(config, "sends")
        self._ports = (
            *(self._port(each, Direction.INPUT, "receives") for each in self.receives),
            *(self._port(each, Direction.OUTPUT, "sends") for each in self.sends),
        )

    @property
    @override
    def ports(self) -> tuple[Port, ...]:
        return self._ports

    @property
    def number(self) -> int:
        """How many entities are created unless the scenario says so: one for every element.

        A single one where it has all elements: as vectors, or each in an attribute of its own.
        """
        named = any(ELEMENT in each.name for each in (*self.receives, *self.sends))
        has_all = self.config.vector or named or self.config.at is None
        return 1 if has_all else len(self.kinds[self.config.kind].set)

    def kind_of(self, each: Exchanged) -> ForeignElements | None:
        """Return the elements that a counterpart speaks of, None for the model as a whole."""
        if each.of is not None:
            return self.kinds[each.of]
        return next(iter(self.kinds.values()), None)

    @override
    def remarks(self) -> tuple[str, ...]:
        return (computed_by(self.config),)

    @override
    def step(self, time: int, inputs: Inputs) -> Outputs:
        raise TypeError(f"'{self.name}' is stepped by its own simulator, within a run only")

    def _read_kinds(self) -> dict[str, ForeignElements]:
        config, context = self.config, self.context
        whole = elements_of(config, context)
        if whole is not None:
            return {config.kind: ForeignElements(set=whole)}
        return {
            kind: read_elements(kind, each, context, may_define=self.offers_connection_points)
            for kind, each in config.elements.items()
        }

    def _port(
        self, each: Exchanged, direction: Direction, key: Literal["sends", "receives"]
    ) -> Port:
        if each.of is not None and each.of not in self.kinds:
            raise ScenarioError(
                Problem(
                    message=f"there is no kind '{each.of}' of elements",
                    key=(key, each.signal.name, "of"),
                    expected=f"one of {listing(list(self.kinds)) or 'the keys of elements'}",
                    suggestion=nearest(each.of, self.kinds),
                )
            )
        if each.of is None and len(self.kinds) > 1:
            raise ScenarioError(
                Problem(
                    message="the simulator has several kinds of elements",
                    key=(key, each.signal.name),
                    expected=f"'of', one of {listing(list(self.kinds))}",
                )
            )
        kind = self.kind_of(each)
        return Port(
            signal=each.signal, direction=direction, elements=None if kind is None else kind.set
        )


class ExternalGrid(External):
    """A grid that a foreign simulator computes; `elements` name its connection points."""

    offers_connection_points: ClassVar[bool] = True

    def __init__(self, config: ExternalConfig, context: BuildContext) -> None:
        super().__init__(config, context)
        points = [kind.set.connection_points or () for kind in self.kinds.values()]
        self.connection_points = tuple(dict.fromkeys(p for names in points for p in names))
        if not self.connection_points:
            raise ScenarioError(
                Problem(
                    message="the grid has no connection points",
                    key=("elements",),
                    expected="a kind of entities whose names are connection points",
                )
            )

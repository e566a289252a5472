"""A controller that a foreign program computes, coupled through the mosaik API."""

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field
from typing_extensions import override

from gridloom.controllers.controller import (
    ControlContext,
    Controller,
    ControllerConfig,
    Observation,
    Setpoints,
)
from gridloom.simulators.errors import Problem, ScenarioError, listing
from gridloom.simulators.exchange.exchange import Exchanged, exchanged
from gridloom.simulators.external.config import ForeignSimulatorConfig
from gridloom.simulators.external.filling import filled
from gridloom.simulators.external.foreign import ForeignElements, computed_by
from gridloom.simulators.model import Direction
from gridloom.simulators.signals import Information, Signal

_TELLABLE = (
    Information.MEASUREMENTS,
    Information.SESSIONS_PLUGGED_IN,
    Information.DECLARED_DEPARTURES,
)


class ExternalControllerConfig(ControllerConfig, ForeignSimulatorConfig):
    """A foreign program that decides.

    `receives` names what it observes, of the controlled devices and of their surroundings; `sends`
    its setpoints. Unless `vector` is false, one entity has all values as lists.
    """

    vector: bool = True
    """Whether one entity carries all elements as lists of numbers."""
    information: tuple[Information, ...] = Field(min_length=1)
    """What it may be told; a signal that belongs to anything else is refused."""


class ExternalController(Controller):
    """A coordination scheme in any language; it is told what its information set grants."""

    Config = ExternalControllerConfig
    information: ClassVar[frozenset[Information]] = frozenset(_TELLABLE)
    observes: ClassVar[tuple[Signal, ...]] = ()
    decides: ClassVar[tuple[Signal, ...]] = ()

    def __init__(self, config: ExternalControllerConfig, context: ControlContext) -> None:
        self.config = filled(config, context.build)
        self.context = context.build
        self.receives = exchanged(config, "receives")
        self.sends = exchanged(config, "sends")
        controlled = context.controlled(config.controls)
        theirs = {p.signal for p in controlled.ports if p.direction is Direction.OUTPUT}
        told = [each.signal for each in self.receives]
        _require_granted(told, frozenset(config.information))
        # Every scenario names its own signals: the instance's take the place of the class's.
        self.observes = tuple(s for s in told if s in theirs)  # type: ignore[misc]
        self.surroundings = tuple(s for s in told if s not in theirs)  # type: ignore[misc]
        self.decides = tuple(each.signal for each in self.sends)  # type: ignore[misc]
        super().__init__(config, context)
        self._require_heard()
        self.kinds = _kinds(self)

    @property
    @override
    def granted(self) -> frozenset[Information]:
        return frozenset(self.config.information)

    @property
    def number(self) -> int:
        """How many entities are created unless the scenario says so."""
        return 1 if self.config.vector else max(len(k.set) for k in self.kinds.values())

    def kind_of(self, each: Exchanged) -> ForeignElements | None:
        """Return the elements that a counterpart speaks of, None for single values."""
        direction = Direction.OUTPUT if each in self.sends else Direction.INPUT
        port = next(p for p in self.ports if p.signal == each.signal and p.direction is direction)
        return None if port.elements is None else self.kinds[port.elements.kind]

    @override
    def remarks(self) -> tuple[str, ...]:
        return (computed_by(self.config),)

    @override
    def decide(self, time: int, observation: Observation) -> Setpoints:
        raise TypeError(f"'{self.name}' is stepped by its own program, within a run only")

    def _require_heard(self) -> None:
        """Refuse signals that nobody in the scenario sends."""
        heard = {port.signal for port in self.ports if port.direction is Direction.INPUT}
        problems = [
            Problem(
                message=f"no simulator sends '{each.signal.name}'",
                key=("receives", each.signal.name),
                expected=f"what '{self.controlled.name}' or another simulator sends",
            )
            for each in self.receives
            if each.signal not in heard
        ]
        if problems:
            raise ScenarioError(*problems)


def _kinds(controller: ExternalController) -> Mapping[str, ForeignElements]:
    return {
        port.elements.kind: ForeignElements(set=port.elements)
        for port in controller.ports
        if port.elements is not None
    }


def _require_granted(told: list[Signal], granted: frozenset[Information]) -> None:
    problems = [
        Problem(
            message=f"'{signal.name}' belongs to '{signal.information}', which it may not know",
            key=("receives", signal.name),
            expected=f"signals of {listing(sorted(granted))}",
            suggestion=f"information: [{', '.join(sorted({*granted, signal.information}))}]"
            if signal.information in _TELLABLE
            else "",
        )
        for signal in told
        if signal.information not in granted and Information.PERFECT not in granted
    ]
    if problems:
        raise ScenarioError(*problems)

"""What a controller is: it observes, decides, and sends setpoints.

A controller declares its information set; it is told only signals that belong to it, as they were
at the end of the last step. So no look-ahead can happen by accident: the future reaches a
controller only through forecasts, declared departures, or the named option `perfect`.
"""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, TypeAlias

from typing_extensions import override

from gridloom.simulators.errors import Problem, ScenarioError, listing, nearest
from gridloom.simulators.model import (
    BuildContext,
    Direction,
    FloatArray,
    Inputs,
    Model,
    Outputs,
    Port,
)
from gridloom.simulators.quantities import ModelConfig
from gridloom.simulators.signals import Information, Signal

Observation: TypeAlias = Mapping[str, FloatArray]
"""Signal name to array, as of the end of the last step; read-only."""
Setpoints: TypeAlias = dict[str, FloatArray]
"""Signal name to array, for the step that begins now."""


class ControllerConfig(ModelConfig):
    """Keys that every controller has."""

    controls: str
    """Name of the simulator whose devices it steers."""


@dataclass(frozen=True, kw_only=True)
class ControlContext:
    """What a controller may know of the scenario around it."""

    build: BuildContext
    models: Mapping[str, Model] = field(default_factory=dict)
    """The scenario's simulators, for their elements and constants."""

    def controlled(self, name: str) -> Model:
        """Return the simulator that is to be controlled.

        Raises:
            ScenarioError: there is none of that name.
        """
        if name in self.models:
            return self.models[name]
        raise ScenarioError(
            Problem(
                message=f"there is no simulator '{name}' to control",
                key=("controls",),
                expected=f"one of {listing(sorted(self.models)) or 'the simulators'}",
                suggestion=nearest(name, self.models),
            )
        )


class Controller(Model):
    """A coordination scheme: `decide` maps an observation to setpoints.

    To the rest of gridloom it is a model whose inputs are what it observes and whose outputs are
    its setpoints; the composer shifts its inputs by one step.
    """

    information: ClassVar[frozenset[Information]]
    """What it may be told."""
    observes: ClassVar[tuple[Signal, ...]]
    """Signals of the controlled devices it is told; each must belong to its information set."""
    decides: ClassVar[tuple[Signal, ...]]
    """Setpoints it sends to the controlled devices."""

    def __init__(self, config: ControllerConfig, context: ControlContext) -> None:
        super().__init__(context.build, config.step_size)
        self.controlled = context.controlled(config.controls)
        self._ports = (
            *(self._mirror(s, Direction.OUTPUT, Direction.INPUT) for s in self.observes),
            *(self._mirror(s, Direction.INPUT, Direction.OUTPUT) for s in self.decides),
        )

    def _mirror(self, signal: Signal, theirs: Direction, ours: Direction) -> Port:
        """Return the port that meets the controlled devices' port of ``signal``."""
        for port in self.controlled.ports:
            if port.signal == signal and port.direction == theirs:
                return Port(
                    signal=signal,
                    direction=ours,
                    elements=port.elements,
                    dimensions=port.dimensions,
                )
        verb = "tell" if theirs is Direction.OUTPUT else "obey"
        raise ScenarioError(
            Problem(
                message=f"simulator '{self.controlled.name}' does not {verb} '{signal.name}', "
                f"which this controller needs",
                key=("controls",),
            )
        )

    @override
    def __init_subclass__(cls, **kwargs: object) -> None:
        """Refuse a controller that observes what its information set does not grant."""
        super().__init_subclass__(**kwargs)
        for signal in getattr(cls, "observes", ()):
            if not cls.may_know(signal):
                raise TypeError(
                    f"{cls.__name__} observes '{signal.name}' but its information set lacks "
                    f"'{signal.information}'"
                )

    @classmethod
    def may_know(cls, signal: Signal) -> bool:
        """Whether the information set grants a signal."""
        granted: frozenset[Information] = getattr(cls, "information", frozenset())
        return signal.information in granted or Information.PERFECT in granted

    @property
    @override
    def ports(self) -> tuple[Port, ...]:
        return self._ports

    @override
    def step(self, time: int, inputs: Inputs) -> Outputs:
        return self.decide(time, inputs)

    @abstractmethod
    def decide(self, time: int, observation: Observation) -> Setpoints:
        """Return the setpoints for [time, time + step_size)."""

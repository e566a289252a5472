"""What a controller is: it observes, decides, and sends setpoints.

A controller declares its information set; it is told only signals that belong to it, as they were
at the end of the last step. So no look-ahead can happen by accident: the future reaches a
controller only through forecasts, declared departures, or the named option `perfect`.

It observes the devices that it controls, and of its surroundings (grid, market, other devices)
what it names and the scenario has.
"""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar, TypeAlias

from typing_extensions import override

from gridloom.controllers.negotiation.terms import Terms
from gridloom.simulators.errors import Problem, ScenarioError, listing, nearest
from gridloom.simulators.model import (
    BuildContext,
    Direction,
    ElementSet,
    FloatArray,
    Forecast,
    Inputs,
    Model,
    Outputs,
    Port,
)
from gridloom.simulators.quantities import ModelConfig
from gridloom.simulators.signals import Information, MeetsAt, Signal

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
    coordinators: Mapping[str, Terms] = field(default_factory=dict)
    """On which terms each of the scenario's coordinators negotiates, by name."""
    agents: Mapping[str, "Controller"] = field(default_factory=dict)
    """The controllers that were built before, for their schedules: agents come first."""

    def terms(self, coordinator: str | None) -> Terms | None:
        """Return the terms of a coordinator, by default of the only one; None if there is none.

        Raises:
            ScenarioError: there is none of that name, or there are several.
        """
        known = sorted(self.coordinators)
        if coordinator is None and len(known) <= 1:
            return self.coordinators[known[0]] if known else None
        if coordinator is not None and coordinator in self.coordinators:
            return self.coordinators[coordinator]
        unknown = f"there is no coordinator '{coordinator}'"
        raise ScenarioError(
            Problem(
                message=unknown if coordinator else "there are several coordinators",
                key=("coordinator",),
                expected=f"one of {listing(known) or 'the controllers, such as an mcu'}",
                suggestion=nearest(coordinator or "", known),
            )
        )

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
    surroundings: ClassVar[tuple[Signal, ...]] = ()
    """Signals of the other simulators it is told, where the scenario has any that send them.
    Powers at connection points are the sum of all devices there but the controlled ones."""
    tells: ClassVar[tuple[Signal, ...]] = ()
    """Single values about its own work that it sends besides setpoints, to be recorded."""

    def __init__(self, config: ControllerConfig, context: ControlContext) -> None:
        super().__init__(context.build, config.step_size)
        self.controlled = context.controlled(config.controls)
        self._models = context.models
        self._senders = {s.name: self._senders_of(s) for s in self.surroundings}
        self._ports = (
            *(self._mirror(s, Direction.OUTPUT, Direction.INPUT) for s in self.observes),
            *(self._around(s) for s in self.surroundings if self.hears(s)),
            *(self._mirror(s, Direction.INPUT, Direction.OUTPUT) for s in self.decides),
            *(Port(signal=s, direction=Direction.OUTPUT) for s in self.tells),
        )

    @property
    def granted(self) -> frozenset[Information]:
        """What this instance may be told: `information`, unless its configuration says more."""
        return self.information

    def hears(self, signal: Signal) -> bool:
        """Whether the scenario has a simulator that tells this signal of the surroundings."""
        return bool(self._senders[signal.name])

    def listens_to(self, source: str, signal: Signal) -> bool:
        """Whether it is told this signal by the simulator called ``source``."""
        if signal in self.observes and source == self.controlled.name:
            return True
        return source in self._senders.get(signal.name, ())

    def teller(self, signal: Signal) -> Model | None:
        """Return the one simulator that tells a signal of the surroundings, if there is any."""
        senders = self._senders[signal.name]
        return self._models[senders[0]] if senders else None

    def forecasts(self) -> dict[str, Forecast]:
        """Return what the other simulators expect, each element apart where that is known.

        Raises:
            PermissionError: the information set does not grant forecasts.
        """
        self._require(Information.FORECAST)
        found = {name: m.forecast(by_element=True) for name, m in self._others().items()}
        return {name: forecast for name, forecast in found.items() if forecast is not None}

    def futures(self, interval_s: int) -> dict[str, Outputs]:
        """Return what the other simulators will send (see `Model.future`).

        Raises:
            PermissionError: the information set does not grant perfect information.
        """
        self._require(Information.PERFECT)
        found = {name: m.future(interval_s) for name, m in self._others().items()}
        return {name: future for name, future in found.items() if future is not None}

    def _require(self, information: Information) -> None:
        if not {information, Information.PERFECT} & self.granted:
            raise PermissionError(f"{type(self).__name__} may not know '{information}'")

    def _others(self) -> dict[str, Model]:
        return {name: m for name, m in self._models.items() if m is not self.controlled}

    def _senders_of(self, signal: Signal) -> tuple[str, ...]:
        """Return the other simulators that send a signal of the surroundings."""
        found = tuple(name for name, m in self._others().items() if _output(m, signal) is not None)
        if len(found) > 1 and signal.meets_at is not MeetsAt.CONNECTION_POINT:
            raise ScenarioError(
                Problem(
                    message=f"{' and '.join(repr(name) for name in found)} both tell "
                    f"'{signal.name}', and this controller cannot know which one to heed",
                    key=("type",),
                    expected="a single simulator that tells it",
                )
            )
        return found

    def _around(self, signal: Signal) -> Port:
        """Return the port on which it is told a signal of its surroundings."""
        if signal.meets_at is MeetsAt.CONNECTION_POINT:
            points = self._connection_points(signal)
            everywhere = ElementSet(
                kind="connection_point", owner=self.name, names=points, connection_points=points
            )
            return Port(signal=signal, direction=Direction.INPUT, elements=everywhere)
        theirs = _output(self._models[self._senders[signal.name][0]], signal)
        assert theirs is not None  # noqa: S101 -- whoever has no such output is no sender
        return replace(theirs, direction=Direction.INPUT, recorded=False)

    def _connection_points(self, signal: Signal) -> tuple[str, ...]:
        """Return the grid's connection points, or without a grid those of the senders."""
        grid = next((m for m in self._models.values() if m.offers_connection_points), None)
        if grid is not None and grid.connection_points is not None:
            return grid.connection_points
        ports = [_output(self._models[name], signal) for name in self._senders[signal.name]]
        sets = [port.elements for port in ports if port is not None and port.elements is not None]
        return tuple(dict.fromkeys(p for s in sets for p in s.connection_points or ()))

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
        granted: frozenset[Information] = getattr(cls, "information", frozenset())
        observed: tuple[Signal, ...] = getattr(cls, "observes", ())
        for signal in set(observed) & set(cls.surroundings):
            raise TypeError(f"{cls.__name__} would be told '{signal.name}' twice, on one port")
        for signal in (*observed, *cls.surroundings):
            if not {signal.information, Information.PERFECT} & granted:
                raise TypeError(
                    f"{cls.__name__} observes '{signal.name}' but its information set lacks "
                    f"'{signal.information}'"
                )

    def may_know(self, signal: Signal) -> bool:
        """Whether the information set grants a signal."""
        return bool({signal.information, Information.PERFECT} & self.granted)

    @property
    @override
    def ports(self) -> tuple[Port, ...]:
        return self._ports

    @override
    def step(self, time: int, inputs: Inputs) -> Outputs:
        return self.decide(time, inputs)

    @abstractmethod
    def decide(self, time: int, observation: Observation) -> Setpoints:
        """Return the setpoints, and what it `tells`, for [time, time + step_size)."""


def _output(model: Model, signal: Signal) -> Port | None:
    """Return the port on which a model sends a signal."""
    return next(
        (p for p in model.ports if p.signal == signal and p.direction is Direction.OUTPUT), None
    )

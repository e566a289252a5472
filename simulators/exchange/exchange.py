"""Which of a foreign model's variables is which signal, in what unit and direction.

sends:
  power_kw: {name: P, unit: W, positive: generation}
  voltage_pu: Vm                    # same unit and direction as the signal
receives:
  power_setpoint_kw: "P_set[MW]"    # the unit in the name, as mosaik's simulators write it
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self, TypeAlias

import numpy as np
from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from gridloom.simulators import signals
from gridloom.simulators.errors import Key, Problem, ScenarioError, listing, nearest
from gridloom.simulators.exchange.units import conversion, parse_unit, unit_in_name
from gridloom.simulators.model import BuildContext, ElementSet, FloatArray
from gridloom.simulators.quantities import Config, Finite, ModelConfig
from gridloom.simulators.signals import MeetsAt, Signal

_NAME = re.compile(r"[a-z][a-z0-9_]*")
KNOWN_SIGNALS: Mapping[str, Signal] = {
    each.name: each for each in vars(signals).values() if isinstance(each, Signal)
}
"""Every signal of gridloom by name."""


class CounterpartConfig(Config):
    """A foreign model's variable that stands for a signal."""

    name: Annotated[str, Field(min_length=1)]
    """The foreign model's name for it; `{element}` stands for each connection point's name."""
    unit: str | None = None
    """The foreign model's unit, such as MW; by default what its name says in brackets, else the
    signal's own."""
    positive: Literal["load", "generation"] | None = None
    """Which direction is positive for the foreign model; by default the same as for the signal."""
    scale: Finite | None = None
    """Instead of a unit: the signal is this many times the foreign model's number."""
    of: str | None = None
    """Kind of its elements, where the model has several."""


class SignalConfig(Config):
    """A quantity that gridloom does not know, exchanged between foreign models or recorded."""

    unit: str
    """Unit as UDUNITS reads it, such as degC."""
    long_name: str = ""
    extensive: bool = False
    """Whether values of several sources at one place add up."""
    cell_method: Literal["mean", "point"] = "mean"
    """Whether a value holds over the step, or is the one at its end."""


def _short_form(value: object) -> object:
    return {"name": value} if isinstance(value, str) else value


Counterpart: TypeAlias = Annotated[
    CounterpartConfig, BeforeValidator(_short_form, json_schema_input_type=str | CounterpartConfig)
]
"""A `CounterpartConfig`, or just the foreign name."""


def _lawful(name: str) -> str:
    """Refuse names that cannot become names of a dimension or variable in the record."""
    if not _NAME.fullmatch(name) or name == "time":
        raise ValueError(
            f"'{name}' is no name: lower-case letters, digits and '_', a letter first, not 'time'"
        )
    return name


RecordName: TypeAlias = Annotated[str, AfterValidator(_lawful)]
"""Becomes a dimension or a variable of the record."""


class ExchangeConfig(Config):
    """Keys of everything that is coupled to a foreign model."""

    sends: dict[str, Counterpart] = Field(default_factory=dict)
    """What it sends: signal, and its own variable."""
    receives: dict[str, Counterpart] = Field(default_factory=dict)
    """What it receives: signal, and its own variable."""
    defines: dict[RecordName, SignalConfig] = Field(default_factory=dict)
    """Quantities that gridloom does not know, by the name they are recorded under."""

    @model_validator(mode="after")
    def _defines_new_ones(self) -> Self:
        for name in self.defines:
            if name in KNOWN_SIGNALS:
                unit = KNOWN_SIGNALS[name].unit
                raise ValueError(f"'{name}' is a signal of gridloom already, in {unit}")
        return self


class PlacedExchangeConfig(ModelConfig, ExchangeConfig):
    """Keys of a population of foreign models at connection points."""

    at: str | list[str] | None = None
    """Connection points: `all`, a group, one or a list; none for a model as a whole."""
    kind: RecordName = "device"
    """What one of them is called, as in heat_pump; a dimension of the record."""


@dataclass(frozen=True, kw_only=True)
class Exchanged:
    """One signal and the foreign variable that stands for it."""

    signal: Signal
    name: str
    """The foreign model's name."""
    scale: float
    """The signal is ``scale`` times the foreign number, plus ``offset``."""
    offset: float = 0.0
    of: str | None = None

    def inward(self, theirs: FloatArray) -> FloatArray:
        """Return the signal's values from the foreign model's."""
        return np.asarray(self.scale * theirs + self.offset)

    def outward(self, ours: FloatArray) -> FloatArray:
        """Return the foreign model's values from the signal's."""
        return np.asarray((ours - self.offset) / self.scale)


def exchanged(config: ExchangeConfig, direction: Literal["sends", "receives"]) -> list[Exchanged]:
    """Return what a foreign model sends, or receives, in the file's order.

    Raises:
        ScenarioError: with every signal that is unknown and every unit that does not fit.
    """
    wanted: Mapping[str, CounterpartConfig] = getattr(config, direction)
    problems: list[Problem] = []
    found: list[Exchanged] = []
    for name, counterpart in wanted.items():
        signal = KNOWN_SIGNALS.get(name) or _defined(name, config.defines)
        if signal is None:
            problems.append(_unknown(name, config, (direction, name)))
            continue
        try:
            found.append(_exchanged(signal, counterpart))
        except ValueError as error:
            problems.append(Problem(message=str(error), key=(direction, name)))
    if problems:
        raise ScenarioError(*problems)
    return found


def elements_of(config: PlacedExchangeConfig, context: BuildContext) -> ElementSet | None:
    """Return the elements of a population at connection points, or None for a model as a whole.

    Raises:
        ScenarioError: a connection point is unknown.
    """
    if config.at is None:
        return None
    points = context.select(config.at, "at")
    return ElementSet(kind=config.kind, owner=context.name, names=points, connection_points=points)


def _defined(name: str, defines: Mapping[str, SignalConfig]) -> Signal | None:
    given = defines.get(name)
    if given is None:
        return None
    return Signal(
        name=name,
        unit=given.unit,
        long_name=given.long_name or name.replace("_", " "),
        extensive=given.extensive,
        meets_at=MeetsAt.CONNECTION_POINT,
        cell_method=given.cell_method,
    )


def _exchanged(signal: Signal, counterpart: CounterpartConfig) -> Exchanged:
    if counterpart.scale is not None and counterpart.unit is not None:
        raise ValueError("give 'unit' or 'scale', not both")
    if counterpart.scale == 0:
        raise ValueError("a scale of 0 would lose every value")
    in_name = unit_in_name(counterpart.name)
    if counterpart.unit and parse_unit(in_name) not in (None, parse_unit(counterpart.unit)):
        raise ValueError(
            f"the name says [{in_name}] and 'unit' says {counterpart.unit}: give one of the two, "
            "or 'scale' if the name is wrong"
        )
    theirs = counterpart.unit or in_name or signal.unit
    if counterpart.scale is not None:
        scale, offset = counterpart.scale, 0.0
    else:
        converted = conversion(theirs, signal.unit)
        scale, offset = converted.scale, converted.offset
    if counterpart.positive is not None and not signal.positive:
        raise ValueError(f"'{signal.name}' has no direction, 'positive' means nothing for it")
    sign = -1.0 if counterpart.positive == "generation" else 1.0
    return Exchanged(
        signal=signal, name=counterpart.name, scale=sign * scale, offset=offset, of=counterpart.of
    )


def _unknown(name: str, config: ExchangeConfig, key: Key) -> Problem:
    known: tuple[Any, ...] = (*KNOWN_SIGNALS, *config.defines)
    return Problem(
        message=f"'{name}' is no signal of gridloom",
        key=key,
        expected=f"one of {listing(sorted(known), limit=12)}",
        suggestion=nearest(name, known)
        or f"for a quantity of your own: defines: {{{name}: {{unit: ...}}}}",
    )

"""Which publications of a federation carry which signal, and the values on their way."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from gridloom.simulators.errors import Problem, ScenarioError
from gridloom.simulators.exchange.exchange import (
    CounterpartConfig,
    ExchangeConfig,
    Exchanged,
    exchanged,
)
from gridloom.simulators.exchange.units import parse_unit, unit_in_name
from gridloom.simulators.model import ElementSet, FloatArray

ELEMENT = "{element}"
"""Stands in a name for the name of each element."""
_NO_NUMBER = frozenset({"string", "char", "complex", "complex_vector", "named_point", "json"})
_VECTOR = "double_vector"


class ExchangeError(Exception):
    """A value of the federation that cannot be what the scenario says it is."""

    def __init__(self, cause: str, element: str = "") -> None:
        super().__init__(cause)
        self.element = element


@dataclass(frozen=True, kw_only=True)
class Variable:
    """A signal and the publications that carry it.

    One number an element where its name has `{element}` in it, else one vector of all elements;
    one number where there are no elements.
    """

    exchanged: Exchanged
    elements: tuple[str, ...] | None
    unit: str
    """The federation's unit as the scenario understands it, or '' where it gives a scale."""

    @property
    def publications(self) -> tuple[str, ...]:
        """Names in the federation: one an element, or a single one."""
        name = self.exchanged.name
        if self.elements is None or ELEMENT not in name:
            return (name,)
        return tuple(name.replace(ELEMENT, element) for element in self.elements)

    @property
    def is_vector(self) -> bool:
        """Whether a single publication carries all elements."""
        return self.elements is not None and ELEMENT not in self.exchanged.name

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the signal's array."""
        return () if self.elements is None else (len(self.elements),)

    def element(self, publication: int) -> str:
        """Return whose number a publication carries, or ''."""
        return "" if self.elements is None or self.is_vector else self.elements[publication]


def variables(
    config: ExchangeConfig, direction: Literal["sends", "receives"], elements: ElementSet | None
) -> list[Variable]:
    """Return what a federation sends, or receives, in the file's order.

    Raises:
        ScenarioError: with every signal, unit and name that does not fit.
    """
    names = None if elements is None else elements.names
    wanted: Mapping[str, CounterpartConfig] = getattr(config, direction)
    found = [
        Variable(exchanged=each, elements=names, unit=_unit(each, wanted[each.signal.name]))
        for each in exchanged(config, direction)
    ]
    problems: list[Problem] = []
    taken: set[str] = set()
    for variable in found:
        key = (direction, variable.exchanged.signal.name)
        if elements is None and ELEMENT in variable.exchanged.name:
            problems.append(
                Problem(
                    message=f"'{variable.exchanged.name}' speaks of elements, and there are none",
                    key=key,
                    suggestion="say at which connection points they are: at: all",
                )
            )
        if variable.exchanged.of is not None:
            problems.append(
                Problem(message="'of' means nothing for a federation of HELICS", key=(*key, "of"))
            )
        twice = taken.intersection(variable.publications)
        if twice:
            problems.append(Problem(message=f"'{min(twice)}' is named twice", key=key))
        taken.update(variable.publications)
    if problems:
        raise ScenarioError(*problems)
    return found


def _unit(found: Exchanged, counterpart: CounterpartConfig) -> str:
    if counterpart.scale is not None:
        return ""
    return counterpart.unit or unit_in_name(found.name) or found.signal.unit


class Subscription:
    """The inputs that receive one variable, and the last values that came.

    An object of HELICS costs a call for each number, so only those that were updated are read.
    """

    def __init__(self, helics: Any, federate: Any, variable: Variable) -> None:
        self.variable = variable
        self._helics = helics
        self._inputs = [
            helics.helicsFederateRegisterSubscription(federate, name, "")
            for name in variable.publications
        ]
        self._values = np.full(variable.shape, np.nan)
        self._known = np.zeros(len(self._inputs), dtype=np.bool_)

    def check_sources(self) -> None:
        """Refuse publications that are no numbers, or in another unit than the scenario says.

        Raises:
            ExchangeError: naming the first one.
        """
        for i, name in enumerate(self.variable.publications):
            problem = self._problem(name, self._inputs[i])
            if problem:
                raise ExchangeError(problem, self.variable.element(i))

    def _problem(self, name: str, source: Any) -> str:
        """Say what is wrong with a publication, or ''."""
        kind = self._helics.helicsInputGetPublicationType(source)
        # HELICS would read the norm of a vector, or the absolute value, as the number.
        if kind in _NO_NUMBER or (kind == _VECTOR and not self.variable.is_vector):
            wanted = "a vector" if self.variable.is_vector else "a number"
            return f"'{name}' is published as {kind}, expected {wanted}"
        declared = self._helics.helicsInputGetInjectionUnits(source)
        theirs, ours = parse_unit(declared), parse_unit(self.variable.unit)
        if theirs and ours and theirs != ours:
            return f"'{name}' is published in {declared}, the scenario says {self.variable.unit}"
        return ""

    @property
    def is_complete(self) -> bool:
        """Whether every publication has told a value."""
        return bool(self._known.all())

    def check_complete(self) -> None:
        """Refuse to go on with what nobody has ever told.

        Raises:
            ExchangeError: naming the first such publication.
        """
        if not self.is_complete:
            i = int(np.argmin(self._known))
            name = self.variable.publications[i]
            raise ExchangeError(
                f"nothing has been published as '{name}' so far", self.variable.element(i)
            )

    def receive(self) -> None:
        """Take over what was updated since the last time.

        Raises:
            ExchangeError: a vector has the wrong length, or a number is not finite.
        """
        for i, each in enumerate(self._inputs):
            if self._helics.helicsInputIsUpdated(each):
                self._take(i, each)

    def _take(self, i: int, each: Any) -> None:
        name = self.variable.publications[i]
        if self.variable.is_vector:
            came = np.asarray(self._helics.helicsInputGetVector(each), dtype=np.float64)
            if came.shape != self.variable.shape:
                raise ExchangeError(
                    f"'{name}' has {came.size} values, expected {self.variable.shape[0]}"
                )
            self._values = came
        else:
            self._values[i if self.variable.elements is not None else ()] = (
                self._helics.helicsInputGetDouble(each)
            )
        self._known[i] = True
        self._check_finite(i, name)

    def _check_finite(self, i: int, name: str) -> None:
        elements, signal = self.variable.elements, self.variable.exchanged.signal
        values = self._values if self.variable.is_vector else self._values.reshape(-1)[i]
        if signal.may_be_nan or np.isfinite(values).all():
            return
        at = int(np.argmin(np.isfinite(values))) if self.variable.is_vector else i
        raise ExchangeError(
            f"'{name}' is {self._values.reshape(-1)[at]:g}, but {signal.name} must be finite",
            elements[at] if elements is not None else "",
        )

    def signal_values(self) -> FloatArray:
        """Return the signal's values: the last ones that came, NaN where none has yet."""
        return self.variable.exchanged.inward(self._values)


class Publication:
    """The publications that carry one variable from gridloom."""

    def __init__(self, helics: Any, federate: Any, variable: Variable) -> None:
        self.variable = variable
        self._helics = helics
        kind = (
            helics.HELICS_DATA_TYPE_VECTOR if variable.is_vector else helics.HELICS_DATA_TYPE_DOUBLE
        )
        self._publications = [
            helics.helicsFederateRegisterGlobalPublication(federate, name, kind, "")
            for name in variable.publications
        ]

    def send(self, values: FloatArray) -> None:
        """Publish the signal's values."""
        theirs = self.variable.exchanged.outward(values).reshape(-1).tolist()
        if self.variable.is_vector:
            self._helics.helicsPublicationPublishVector(self._publications[0], theirs)
            return
        for publication, value in zip(self._publications, theirs, strict=True):
            self._helics.helicsPublicationPublishDouble(publication, value)


def publications_of(subscriptions: Sequence[Subscription]) -> dict[str, str]:
    """Return all publications that are subscribed to, and whose number each carries."""
    return {
        name: each.variable.element(i)
        for each in subscriptions
        for i, name in enumerate(each.variable.publications)
    }

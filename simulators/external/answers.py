"""What a foreign simulator's `get_data` answered, as arrays of numbers."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np

from gridloom.simulators.exchange.exchange import Exchanged
from gridloom.simulators.model import FloatArray


class UnfitAnswer(Exception):  # noqa: N818 -- becomes a SimulatorError once the time is known
    """A foreign simulator's data does not fit; carries the cause and the entity."""

    def __init__(self, cause: str, entity: str = "") -> None:
        super().__init__(cause)
        self.cause = cause
        self.entity = entity


@dataclass(frozen=True, kw_only=True)
class Addressed:
    """One signal, and the entity and attribute of each of its values."""

    exchanged: Exchanged
    addresses: tuple[tuple[str, str], ...]
    """(entity id, attribute) of every value; a single one for a vector."""
    size: int | None
    """Length of a vector, None where every address has a number of its own."""
    one_each: str = "an element"
    """What a vector has a number for."""


class Answers:
    """Reads answers; remembers them for simulators that leave out what has not changed."""

    def __init__(self, wanted: Sequence[Addressed]) -> None:
        self._wanted = tuple(wanted)
        self._held: dict[str, Sequence[Any]] = {}
        """The foreign simulator's own numbers by signal."""
        self.request: dict[str, list[str]] = {}
        """What `get_data` is asked for: attributes by entity."""
        for each in wanted:
            for entity, attribute in each.addresses:
                self.request.setdefault(entity, []).append(attribute)

    def forget(self) -> None:
        """Let nothing hold any longer that was answered up to now."""
        self._held.clear()

    def read(self, answer: object, time: int, *, may_hold: bool) -> dict[str, FloatArray]:
        """Return the wanted values by signal, one-dimensional and in the signal's unit.

        Args:
            answer: what `get_data` returned.
            time: of the step.
            may_hold: whether values left out stay as they were (event-based simulators).

        Raises:
            UnfitAnswer: something is missing, of the wrong type or length, or not finite.
        """
        if not isinstance(answer, Mapping):
            raise UnfitAnswer(f"get_data returned {answer!r:.60}, expected data by entity")
        unknown = sorted(set(answer) - {*self.request, "time"})
        if unknown:
            raise UnfitAnswer(
                "get_data returned data of an entity that was not asked for", unknown[0]
            )
        if answer.get("time", time) != time:
            raise UnfitAnswer(
                f"get_data returned data for the time {answer['time']!r:.60}, expected the step's"
            )
        return {
            each.exchanged.signal.name: self._numbers(each, answer, may_hold=may_hold)
            for each in self._wanted
        }

    def _numbers(self, each: Addressed, answer: Mapping[str, Any], *, may_hold: bool) -> FloatArray:
        name = each.exchanged.signal.name
        held = self._held.get(name)
        raw: Sequence[Any] = [_value(answer, *address) for address in each.addresses]
        missing = [i for i, value in enumerate(raw) if value is _MISSING]
        if missing:
            if not may_hold or held is None:
                entity, attribute = each.addresses[missing[0]]
                raise UnfitAnswer(f"get_data left out '{attribute}', which is {name}", entity)
            raw = [old if new is _MISSING else new for new, old in zip(raw, held, strict=True)]
        self._held[name] = raw
        if each.size is not None:
            raw = _as_vector(raw[0], each)
        values = np.array([_number(v, each, i) for i, v in enumerate(raw)], dtype=np.float64)
        return each.exchanged.inward(values)


_MISSING = object()


def _value(answer: Mapping[str, Any], entity: str, attribute: str) -> Any:
    of_entity = answer.get(entity)
    return of_entity.get(attribute, _MISSING) if isinstance(of_entity, Mapping) else _MISSING


def _as_vector(value: object, each: Addressed) -> Sequence[Any]:
    entity, attribute = each.addresses[0]
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if not isinstance(value, list | tuple):
        raise UnfitAnswer(f"'{attribute}' is {value!r:.60}, expected a list of numbers", entity)
    if len(value) != each.size:
        raise UnfitAnswer(
            f"'{attribute}' has {len(value)} values, expected {each.size}, one {each.one_each}",
            entity,
        )
    return value


def _number(value: object, each: Addressed, place: int) -> float:
    if type(value) is float and math.isfinite(value):  # nearly always
        return value
    entity, attribute = each.addresses[place if each.size is None else 0]
    if each.size is not None:
        attribute = f"{attribute}[{place}]"
    signal = each.exchanged.signal
    if value is None:
        value = math.nan
    if not isinstance(value, Real):
        kind = type(value).__name__
        raise UnfitAnswer(f"'{attribute}' is {value!r:.60}, a {kind}, expected a number", entity)
    try:
        number = float(value)
    except OverflowError:  # an integer that no float can hold
        number = math.inf
    if math.isinf(number) or (math.isnan(number) and not signal.may_be_nan):
        raise UnfitAnswer(f"'{attribute}', which is {signal.name}, is not finite", entity)
    return number

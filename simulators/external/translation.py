"""Arrays of gridloom's ports into the mosaik API's values by entity and attribute, and back."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np

from gridloom.simulators.errors import Problem, ScenarioError, SimulatorError, listing, nearest
from gridloom.simulators.exchange.exchange import Exchanged
from gridloom.simulators.external.foreign import ELEMENT, Foreign, ForeignElements
from gridloom.simulators.external.meta import Meta
from gridloom.simulators.external.relations import SOURCE, walk
from gridloom.simulators.model import FloatArray, Inputs, Outputs
from gridloom.simulators.remote.arrays import listed


class UnfitAnswer(Exception):  # noqa: N818 -- becomes a SimulatorError once the time is known
    """A foreign simulator's data does not fit; carries the cause and the entity."""

    def __init__(self, cause: str, entity: str = "") -> None:
        super().__init__(cause)
        self.cause = cause
        self.entity = entity


@dataclass(frozen=True, kw_only=True)
class _Exchange:
    """One port, and the entity and attribute of each of its values."""

    exchanged: Exchanged
    addresses: tuple[tuple[str, str], ...]
    """(entity id, attribute) of every value; a single one for a vector."""
    size: int | None
    """Length of a vector, None where every address has a number of its own."""


class Translation:
    """Between one foreign simulator, once its entities are created, and its model's ports."""

    def __init__(self, model: Foreign, created: object) -> None:
        self._model = model
        self._by_type = _by_type(created, model)
        self._type_of = {e: kind for kind, entities in self._by_type.items() for e in entities}
        self._receives = [self._exchange(each) for each in model.receives]
        self._sends = [self._exchange(each) for each in model.sends]
        self._held: dict[str, Sequence[Any]] = {}
        """The foreign simulator's own numbers by signal."""
        _require_apart(self._receives)
        self.request: dict[str, list[str]] = {}
        """What `get_data` is asked for: attributes by entity."""
        for exchange in self._sends:
            for entity, attribute in exchange.addresses:
                self.request.setdefault(entity, []).append(attribute)

    @property
    def coupled(self) -> set[str]:
        """Ids of the entities that send or receive something."""
        exchanges = (*self._receives, *self._sends)
        return {entity for each in exchanges for entity, _ in each.addresses}

    def triggers(self, meta: Meta) -> frozenset[str]:
        """Return the signals that let the simulator step when they arrive, although unasked."""
        return frozenset(
            each.exchanged.signal.name
            for each in self._receives
            for entity, attribute in each.addresses
            if meta.triggers(self._type_of[entity], attribute)
        )

    def inputs(self, arrays: Inputs) -> dict[str, dict[str, dict[str, Any]]]:
        """Return `inputs` of the mosaik API's step; what is not known is null."""
        found: dict[str, dict[str, dict[str, Any]]] = {}
        for each in self._receives:
            values = each.exchanged.outward(arrays[each.exchanged.signal.name])
            numbers = listed(values) if np.isnan(values).any() else values.tolist()
            single = each.size is not None or values.ndim == 0
            told = [numbers] if single else numbers
            for (entity, attribute), value in zip(each.addresses, told, strict=True):
                found.setdefault(entity, {})[attribute] = {SOURCE: value}
        return found

    def outputs(self, answer: object, time: int, *, may_hold: bool) -> Outputs:
        """Return the arrays of the output ports.

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
            e.exchanged.signal.name: self._output(e, answer, may_hold=may_hold) for e in self._sends
        }

    def _output(self, each: _Exchange, answer: Mapping[str, Any], *, may_hold: bool) -> FloatArray:
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
        kind = self._model.kind_of(each.exchanged)
        return each.exchanged.inward(values if kind is not None else values.reshape(()))

    def _exchange(self, each: Exchanged) -> _Exchange:
        kind = self._model.kind_of(each)
        if kind is None:
            return _Exchange(exchanged=each, addresses=((self._only(each), each.name),), size=None)
        names = kind.set.names
        if ELEMENT in each.name:
            only = self._only(each)
            attributes = [each.name.replace(ELEMENT, name) for name in names]
            return _Exchange(
                exchanged=each, addresses=tuple((only, a) for a in attributes), size=None
            )
        if self._model.config.vector:
            only = self._only(each)
            return _Exchange(exchanged=each, addresses=((only, each.name),), size=len(names))
        entities = self._entities(kind)
        return _Exchange(
            exchanged=each, addresses=tuple((entity, each.name) for entity in entities), size=None
        )

    def _only(self, each: Exchanged) -> str:
        """Return the one entity of the created model."""
        model = self._model.config.create.model
        found = self._by_type.get(model, [])
        if len(found) != 1:
            raise ScenarioError(
                Problem(
                    message=f"'{each.name}' is one attribute of one entity, and there are "
                    f"{len(found)} of '{model}'",
                    key=("create", "number"),
                )
            )
        return found[0]

    def _entities(self, kind: ForeignElements) -> Sequence[str]:
        """Return the ids of the entities of one kind, in the order of the port's elements."""
        wanted = kind.type or self._model.config.create.model
        every = [entity for entities in self._by_type.values() for entity in entities]
        if kind.entity_ids is not None:
            for entity in kind.entity_ids:
                if entity not in every:
                    raise ScenarioError(
                        Problem(
                            message=f"the simulator has no entity '{entity}'",
                            key=(*kind.key, "names"),
                            expected=f"one of {listing(every)}",
                            suggestion=nearest(entity, every),
                        )
                    )
            return kind.entity_ids
        found = self._by_type.get(wanted, [])
        if len(found) != len(kind.set):
            types = {name: len(entities) for name, entities in self._by_type.items()}
            given = self._model.config.create.number is not None
            raise ScenarioError(
                Problem(
                    message=f"the simulator created {len(found)} entities of type '{wanted}' for "
                    f"{len(kind.set)} elements",
                    key=("create", "number") if given and found else kind.key,
                    expected=f"{len(kind.set)} of them; it created "
                    + listing([f"{n} of '{t}'" for t, n in types.items()]),
                    suggestion=nearest(wanted, types) if not found else "",
                )
            )
        return found


_MISSING = object()


def _value(answer: Mapping[str, Any], entity: str, attribute: str) -> Any:
    of_entity = answer.get(entity)
    return of_entity.get(attribute, _MISSING) if isinstance(of_entity, Mapping) else _MISSING


def _as_vector(value: object, each: _Exchange) -> Sequence[Any]:
    entity, attribute = each.addresses[0]
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if not isinstance(value, list | tuple):
        raise UnfitAnswer(f"'{attribute}' is {value!r:.60}, expected a list of numbers", entity)
    if len(value) != each.size:
        raise UnfitAnswer(
            f"'{attribute}' has {len(value)} values, expected {each.size}, one an element", entity
        )
    return value


def _number(value: object, each: _Exchange, place: int) -> float:
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


def _require_apart(receives: Sequence[_Exchange]) -> None:
    """Refuse two signals for one attribute: the simulator would get one of them.

    Raises:
        ScenarioError: naming the second.
    """
    taken: dict[tuple[str, str], str] = {}
    for each in receives:
        name = each.exchanged.signal.name
        for address in each.addresses:
            first = taken.setdefault(address, name)
            if first != name:
                raise ScenarioError(
                    Problem(
                        message=f"'{first}' and '{name}' are both told to '{address[1]}' of "
                        f"'{address[0]}'",
                        key=("receives", name),
                        expected="an attribute of its own for every signal",
                    )
                )


def _by_type(created: object, model: Foreign) -> dict[str, list[str]]:
    """Return entity ids by type, in the order of creation, children included."""
    found: dict[str, list[str]] = {}
    try:
        for entity in walk(created):
            found.setdefault(str(entity["type"]), []).append(str(entity["eid"]))
    except (TypeError, KeyError):
        cause = f"create returned {created!r:.80}, expected a list of entities with eid and type"
        raise SimulatorError(model.name, None, cause) from None
    every = [entity for entities in found.values() for entity in entities]
    doubled = (
        sorted({entity for entity in every if every.count(entity) > 1})
        if len(set(every)) != len(every)
        else []
    )
    if doubled:
        raise SimulatorError(model.name, None, f"create returned '{doubled[0]}' twice")
    return found

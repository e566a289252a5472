"""Arrays of gridloom's ports into the mosaik API's values by entity and attribute, and back."""

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

from gridloom.simulators.errors import Problem, ScenarioError, SimulatorError, listing, nearest
from gridloom.simulators.exchange.exchange import Exchanged
from gridloom.simulators.external.answers import Addressed, Answers
from gridloom.simulators.external.foreign import ELEMENT, Foreign, ForeignElements
from gridloom.simulators.external.meta import Meta
from gridloom.simulators.external.relations import SOURCE, walk
from gridloom.simulators.model import Inputs, Outputs
from gridloom.simulators.remote.arrays import listed

ForeignInputs: TypeAlias = dict[str, dict[str, dict[str, Any]]]
"""What `step` is told: value by entity, attribute and source."""


class Translation:
    """Between one foreign simulator, once its entities are created, and its model's ports."""

    def __init__(self, model: Foreign, created: object) -> None:
        self._model = model
        self._by_type = _by_type(created, model)
        self._type_of = {e: kind for kind, entities in self._by_type.items() for e in entities}
        self._receives = [self._exchange(each) for each in model.receives]
        self._sends = [self._exchange(each) for each in model.sends]
        _require_apart(self._receives)
        self._answers = Answers(self._sends)
        self.request = self._answers.request
        """What `get_data` is asked for: attributes by entity."""

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

    def inputs(self, arrays: Inputs) -> ForeignInputs:
        """Return `inputs` of the mosaik API's step; what is not known is null."""
        found: ForeignInputs = {}
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
        values = self._answers.read(answer, time, may_hold=may_hold)
        return {
            each.signal.name: values[each.signal.name]
            if self._model.kind_of(each) is not None
            else values[each.signal.name].reshape(())
            for each in self._model.sends
        }

    def _exchange(self, each: Exchanged) -> Addressed:
        kind = self._model.kind_of(each)
        if kind is None:
            return Addressed(
                exchanged=each, addresses=((self.only(each.name), each.name),), size=None
            )
        names = kind.set.names
        if ELEMENT in each.name:
            only = self.only(each.name)
            attributes = [each.name.replace(ELEMENT, name) for name in names]
            return Addressed(
                exchanged=each, addresses=tuple((only, a) for a in attributes), size=None
            )
        if self._model.config.vector:
            only = self.only(each.name)
            return Addressed(exchanged=each, addresses=((only, each.name),), size=len(names))
        entities = self._entities(kind)
        return Addressed(
            exchanged=each, addresses=tuple((entity, each.name) for entity in entities), size=None
        )

    def only(self, attribute: str) -> str:
        """Return the one entity of the created model, which has an attribute.

        Raises:
            ScenarioError: there are none or several.
        """
        model = self._model.config.create.model
        found = self._by_type.get(model, [])
        if len(found) != 1:
            raise ScenarioError(
                Problem(
                    message=f"'{attribute}' is one attribute of one entity, and there are "
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


def _require_apart(receives: Sequence[Addressed]) -> None:
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

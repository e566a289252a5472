"""Whether a foreign simulator's META has what a scenario wants of it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gridloom.simulators.errors import Problem, ScenarioError, SimulatorError, listing, nearest
from gridloom.simulators.exchange.exchange import Exchanged
from gridloom.simulators.external.foreign import ELEMENT, Foreign

_OLDEST_WITH_ADVANCE = 3
_NEWEST = 3


@dataclass(frozen=True, kw_only=True)
class Meta:
    """What a simulator says of itself."""

    api_version: int
    """Major version of the mosaik API it speaks."""
    type: str
    """time-based, event-based or hybrid."""
    models: Mapping[str, Mapping[str, Any]]
    extra_methods: tuple[str, ...] = ()

    @property
    def is_time_based(self) -> bool:
        """Whether it says itself when it steps, and all its data holds until then."""
        return self.type == "time-based"

    @property
    def knows_max_advance(self) -> bool:
        """Whether its `step` takes the time until which nothing new can reach it."""
        return self.api_version >= _OLDEST_WITH_ADVANCE

    def triggers(self, model: str, attribute: str) -> bool:
        """Whether an input of that name lets the simulator step, as mosaik reads its META."""
        if self.type != "hybrid":
            return self.type == "event-based"
        entry = self.models.get(model, {})
        if "trigger" in entry:
            return _has(entry["trigger"], attribute)
        return "non-trigger" in entry and not _has(entry["non-trigger"], attribute)


def _has(attributes: object, attribute: str) -> bool:
    """Whether a META's list of attributes, or true for all of them, includes one."""
    return attribute in attributes if isinstance(attributes, list | tuple) else attributes is True


def read_meta(name: str, answer: object) -> Meta:
    """Return the META that `init` returned.

    Raises:
        SimulatorError: it is none, or of a version nobody speaks.
    """
    if not isinstance(answer, Mapping) or not isinstance(answer.get("models"), Mapping):
        raise SimulatorError(
            name, None, f"init returned {answer!r:.80}, expected a META with models"
        )
    version = str(answer.get("api_version", "1"))
    major = version.partition(".")[0]
    if not major.isdecimal() or int(major) > _NEWEST:
        raise SimulatorError(
            name, None, f"it speaks version {version} of the mosaik API, not 2 or 3"
        )
    kind = str(answer.get("type", "time-based"))
    if kind not in ("time-based", "event-based", "hybrid"):
        raise SimulatorError(name, None, f"its type is '{kind}', expected time-based or the like")
    return Meta(
        api_version=int(major),
        type=kind,
        models=answer["models"],
        extra_methods=tuple(answer.get("extra_methods") or ()),
    )


def check_meta(model: Foreign, meta: Meta) -> None:
    """Refuse a simulator that lacks the model, parameters or attributes the scenario names.

    Raises:
        ScenarioError: with everything that is missing; keys are relative to the model's.
    """
    problems = [*_model_problems(model, meta), *_attribute_problems(model, meta)]
    if problems:
        raise ScenarioError(*problems)


def _model_problems(model: Foreign, meta: Meta) -> Iterator[Problem]:
    create = model.config.create
    public = [name for name, entry in meta.models.items() if entry.get("public", True)]
    if create.model not in public:
        yield Problem(
            message=f"the simulator has no model '{create.model}' that can be created",
            key=("create", "model"),
            expected=f"one of {listing(public)}",
            suggestion=nearest(create.model, public),
        )
        return
    known = list(meta.models[create.model].get("params") or ())
    for name in create.parameters:
        if name not in known:
            yield Problem(
                message=f"the model '{create.model}' has no parameter '{name}'",
                key=("create", "parameters", name),
                expected=f"one of {listing(known) or 'none at all'}",
                suggestion=nearest(name, known),
            )


def _attribute_problems(model: Foreign, meta: Meta) -> Iterator[Problem]:
    """Yield every foreign attribute that no model of the simulator has."""
    takes_all = any(entry.get("any_inputs") for entry in meta.models.values())
    receives = () if takes_all else model.receives
    for key, wanted in (("receives", receives), ("sends", model.sends)):
        for each in wanted:
            types = [t for t in _types(model, each, meta) if t in meta.models]
            known = [a for t in types for a in meta.models[t].get("attrs") or ()]
            missing = [name for name in _names(model, each) if name not in known]
            if missing and types:
                quoted = listing([f"'{name}'" for name in missing], limit=3)
                of = f" of '{types[0]}'" if len(types) == 1 else ""
                yield Problem(
                    message=f"the simulator has no attribute {quoted}{of}",
                    key=(key, each.signal.name),
                    expected=f"one of {listing(known) or 'none at all'}",
                    suggestion=nearest(missing[0], known),
                )


def _types(model: Foreign, each: Exchanged, meta: Meta) -> list[str]:
    """Return the types of entities of which an attribute may be; all where ids alone are named."""
    kind = model.kind_of(each)
    if kind is not None and kind.entity_ids is not None and kind.type is None:
        return list(meta.models)
    return [(kind.type if kind else None) or model.config.create.model]


def _names(model: Foreign, each: Exchanged) -> list[str]:
    """Return the attributes that stand for a signal: one, or one for each element."""
    kind = model.kind_of(each)
    elements = kind.set.names if kind is not None and ELEMENT in each.name else ("",)
    return [each.name.replace(ELEMENT, element) for element in elements]

"""Whether what `create` makes is what was asked for: number, ids, types, relations, refusals."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gridloom.simulators.conformance.session import CallFailure, FailureKind, Session, shortened
from gridloom.simulators.conformance.subject import Entity, Subject
from gridloom.simulators.errors import listing

_UNKNOWN_MODEL = "NoSuchModelOfThisSimulator"
_UNKNOWN_PARAMETER = "no_such_parameter_of_this_model"


def choose_model(subject: Subject) -> str:
    """Return the model that is to be created, or '' if there is none."""
    models: Mapping[str, Mapping[str, Any]] = subject.meta["models"]
    public = [name for name, entry in models.items() if entry.get("public", True)]
    if subject.options.model is not None:
        return subject.options.model if subject.options.model in models else ""
    return next(iter(public), "")


async def create_first(subject: Subject, session: Session) -> bool:
    """Create two entities, or one where two are refused; judge them and tell whether it worked."""
    model, parameters = subject.model, subject.options.create
    several = ""
    try:
        answer = await session.create(subject.number, model, **parameters)
    except CallFailure as refusal:
        several = refusal.cause
        subject.number = 1
        try:
            answer = await session.create(1, model, **parameters)
        except CallFailure as failure:
            subject.findings.failed("create.number", failure.cause, _how_to_create(subject))
            return False
    roots = answer if isinstance(answer, list) else []
    judge_entities(subject, answer, ())
    wrong = []
    if len(roots) != subject.number:
        wrong = [f"{len(roots)} entities were created, {subject.number} were asked for"]
    good = f"creates one at a time: two are refused with '{shortened(several)}'" if several else ""
    hint = "create(num, model) returns a list of num entities"
    subject.findings.judge("create.number", wrong, hint, good=good)
    subject.entities = entities_in(answer)
    return bool(subject.entities)


async def check_ids_of_two_calls(subject: Subject) -> None:
    """Judge ids across two calls of `create`, where a second one is allowed."""
    async with subject.session() as session:
        await session.init()
        first = entities_in(await session.create(1, subject.model, **subject.options.create))
        try:
            second = await session.create(1, subject.model, **subject.options.create)
        except CallFailure as failure:
            if failure.kind is not FailureKind.REFUSED:
                raise
        else:
            judge_entities(subject, second, [entity.eid for entity in first])


async def check_unknown_model(subject: Subject) -> None:
    """Judge what it makes of a model that it does not have."""
    await _judge_refusal(subject, "create.unknown_model", _UNKNOWN_MODEL, subject.options.create)


async def check_unknown_parameter(subject: Subject) -> None:
    """Judge what it makes of a parameter that its model does not have."""
    given = {**subject.options.create, _UNKNOWN_PARAMETER: 1}
    await _judge_refusal(subject, "create.unknown_parameter", subject.model, given)


async def _judge_refusal(
    subject: Subject, check: str, model: str, parameters: Mapping[str, Any]
) -> None:
    unknown = _UNKNOWN_PARAMETER if _UNKNOWN_PARAMETER in parameters else model
    good, wrong = "", [f"'{unknown}' was accepted"]
    async with subject.session() as session:
        await session.init()
        try:
            await session.create(1, model, **parameters)
        except CallFailure as failure:
            good = f"refused: {shortened(failure.cause)}"
            wrong = [] if failure.kind is FailureKind.REFUSED else [failure.cause]
    hint = "raise an error, so that a slip is seen at once"
    subject.findings.judge(check, wrong, hint, good=good)


def judge_entities(subject: Subject, answer: object, known: Sequence[str]) -> None:
    """Judge ids, types and relations of what one `create` returned."""
    found = subject.findings
    entities = entities_in(answer)
    found.judge("create.ids", _wrong_ids(answer, entities, known), "number entities of a model")
    declared = subject.meta["models"]
    wrong = [
        f"'{entity.eid}' is of type '{entity.type}', which META does not have"
        for entity in entities
        if entity.type not in declared
    ]
    roots = answer if isinstance(answer, list) else []
    wrong += [
        f"'{root.get('eid')}' is of type '{root.get('type')}', '{subject.model}' was asked for"
        for root in roots
        if isinstance(root, Mapping) and root.get("type") != subject.model
    ]
    types = listing(list(dict.fromkeys(entity.type for entity in entities)))
    hint = "children may be of other types, which META names with 'public': false"
    found.judge("create.types", wrong, hint, good=types)
    ids = {*known, *(entity.eid for entity in entities)}
    hint = "'rel' lists ids of entities of this simulator"
    found.judge("create.relations", _wrong_relations(answer, ids), hint)


def entities_in(answer: object) -> list[Entity]:
    """Return the entities that one `create` returned, children included."""
    return [
        Entity(eid=each["eid"], type=str(each.get("type")))
        for each in _walk(answer)
        if isinstance(each.get("eid"), str)
    ]


def _walk(entities: object) -> Iterator[Mapping[str, Any]]:
    for entity in entities if isinstance(entities, list) else ():
        if isinstance(entity, Mapping):
            yield entity
            yield from _walk(entity.get("children"))


def _wrong_ids(answer: object, entities: Sequence[Entity], known: Sequence[str]) -> Iterator[str]:
    if not isinstance(answer, list) or len(list(_walk(answer))) != len(entities):
        yield f"create returned {answer!r:.80}, expected entities with an 'eid' and a 'type'"
        return
    seen = set(known)
    for entity in entities:
        if not entity.eid:
            yield "an entity has an empty id"
        if entity.eid in seen:
            yield f"'{entity.eid}' was created twice"
        seen.add(entity.eid)


def _wrong_relations(answer: object, ids: set[str]) -> Iterator[str]:
    for entity in _walk(answer):
        related = entity.get("rel") or []
        if not isinstance(related, list):
            yield f"'rel' of '{entity.get('eid')}' is {related!r:.60}, no list"
            continue
        for other in related:
            if other not in ids:
                yield f"'{entity.get('eid')}' is related to {other!r:.40}, which it has not created"


def _how_to_create(subject: Subject) -> str:
    params = subject.meta["models"].get(subject.model, {}).get("params") or ()
    if not params:
        return "create(num, model) returns a list of num entities"
    return f"parameters of '{subject.model}' are given with --create JSON: {listing(list(params))}"

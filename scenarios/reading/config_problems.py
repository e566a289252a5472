"""Checks a plain mapping against a configuration and says what is wrong with it."""

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from gridloom.scenarios.reading.faults import Fault, find_faults
from gridloom.scenarios.reading.schema_view import SchemaView
from gridloom.scenarios.reading.wording import hint, message
from gridloom.simulators.errors import Key, Problem, ScenarioError, listing, nearest

_Config = TypeVar("_Config", bound=BaseModel)
_SHORTEST_WORD = 3
"""Letters that a misremembered key must have for its longer namesakes to be suggested."""


def check_config(model: type[_Config], given: Any, further: Sequence[str] = ()) -> _Config:
    """Validate plain values.

    Args:
        model: what they must fit.
        given: as read from YAML.
        further: keys that may stand beside those of ``model``, to be suggested as well.

    Raises:
        ScenarioError: with every mistake; keys are relative to ``given``.
    """
    view = SchemaView(model, given)
    # pydantic takes true for the number 1, which nobody means.
    problems = [
        Problem(message="expected a number, got true or false", key=key)
        for key in _booleans(given)
        if not _is_boolean_field(model, key) and view.wants_number(key)
    ]
    try:
        config = model.model_validate(given)
    except ValidationError as error:
        problems += _problems(find_faults(error, given), view, further)
    except ScenarioError as error:
        problems += error.problems
    except Exception as error:  # noqa: BLE001 -- a plug-in's validator may raise anything
        message = f"cannot be understood: {type(error).__name__}: {error}"
        problems.append(Problem(message=message))
    else:
        if not problems:
            return config
    raise ScenarioError(*problems)


def _problems(faults: Sequence[Fault], view: SchemaView, further: Sequence[str]) -> list[Problem]:
    absent = {fault.key for fault in faults if fault.kind == "missing"}
    problems: list[Problem] = []
    misspelt: set[Key] = set()
    for fault in faults:
        if fault.kind == "extra_forbidden":
            top = further if len(fault.key) == 1 else ()
            siblings = [*view.further_keys(fault.key[:-1]), *top]
            problem = unknown_key(fault.key, siblings, view.keys(fault.key[:-1]))
            misspelt |= {key for key in absent if _suggests(problem, key, fault.key)}
        else:
            problem = _problem(fault, view)
        problems.append(problem)
    return [problem for problem in problems if problem.key not in misspelt]


def _suggests(problem: Problem, absent: Key, unknown: Key) -> bool:
    return absent[:-1] == unknown[:-1] and f"'{absent[-1]}'" in problem.suggestion


def unknown_key(key: Key, candidates: Sequence[str], known: Sequence[str] = ()) -> Problem:
    """Return the problem of a key that does not exist, with what could be meant.

    Args:
        key: path of the key.
        candidates: keys that could stand there instead.
        known: these and those that stand there already, which an override may have meant.
    """
    name = str(key[-1])
    longer = [c for c in candidates if name in c and len(name) >= _SHORTEST_WORD]
    suggestion = nearest(name, candidates)
    if not suggestion and len(longer) == 1:
        suggestion = f"did you mean '{longer[0]}'?"
    suggestion = suggestion or nearest(name, known)
    others = f"one of {listing(candidates, limit=20)}" if candidates else "no further key"
    expected = "" if suggestion else others
    return Problem(message="unknown key", key=key, expected=expected, suggestion=suggestion)


def _problem(fault: Fault, view: SchemaView) -> Problem:
    tags = fault.choices if fault.kind.startswith("union_tag") else []
    return Problem(
        message=message(fault),
        key=fault.key,
        expected=f"one of {listing(tags, limit=20)}" if tags else "",
        suggestion=hint(fault, is_fraction=view.is_fraction(fault.key)),
    )


def _is_boolean_field(model: type[BaseModel], key: Key) -> bool:
    """Whether the answer is plain without the JSON schema, which takes time to make."""
    field = model.model_fields.get(str(key[0])) if len(key) == 1 else None
    return field is not None and field.annotation is bool


def _booleans(given: Any, key: Key = ()) -> Iterator[Key]:
    """Yield where true or false stands."""
    if isinstance(given, bool):
        yield key
    elif isinstance(given, dict):
        for name, item in given.items():
            yield from _booleans(item, (*key, name))
    elif isinstance(given, list):
        for i, item in enumerate(given):
            yield from _booleans(item, (*key, i))

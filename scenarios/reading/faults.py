"""Brings pydantic's errors down to what the user wrote.

pydantic's paths contain tags of union branches that are no keys of the file, and it reports every
branch of a union. A `Fault` is one mistake at one key.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any, TypeAlias

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from gridloom.simulators.errors import Key

_NUMBER, _WHOLE_NUMBER, _BOOLEAN = "a number", "a whole number", "true or false"
_TEXT, _LIST, _MAPPING = "text", "a list", "a mapping"
_KINDS = {
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "int_type": _WHOLE_NUMBER,
    "int_parsing": _WHOLE_NUMBER,
    "int_from_float": _WHOLE_NUMBER,
    "bool_type": _BOOLEAN,
    "bool_parsing": _BOOLEAN,
    "string_type": _TEXT,
    "list_type": _LIST,
    "tuple_type": _LIST,
    "set_type": _LIST,
    "frozen_set_type": _LIST,
    "dict_type": _MAPPING,
    "mapping_type": _MAPPING,
    "model_type": _MAPPING,
    "model_attributes_type": _MAPPING,
    "time_type": "a time of day such as '18:30'",
    "time_parsing": "a time of day such as '18:30'",
    "datetime_type": "a time stamp such as 2021-03-24T16:00:00+01:00",
    "datetime_parsing": "a time stamp such as 2021-03-24T16:00:00+01:00",
    "datetime_from_date_parsing": "a time stamp such as 2021-03-24T16:00:00+01:00",
    "date_type": "a date such as 2021-03-24",
    "date_parsing": "a date such as 2021-03-24",
    "date_from_datetime_parsing": "a date such as 2021-03-24",
}
_EXPECTED = "expected "

_Branch: TypeAlias = tuple[Key, str]
"""Where a union is, and the tag of one of its branches."""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One mistake at one key."""

    kind: str
    """pydantic's name of the error type."""
    key: Key
    value: Any
    """What was given there; the surrounding mapping where a key is missing."""
    message: str
    context: Mapping[str, Any] = field(default_factory=dict)
    branch: _Branch | None = None
    """Branch of the outermost union on the way, if there is one."""

    @property
    def expected(self) -> str:
        """The kind of value that was expected, or '' where the kind is right but not the value."""
        if self.kind in {"literal_error", "enum", "union"}:
            return str(self.context["expected"])
        if self.kind == "value_error" and self.message.startswith(_EXPECTED):
            return self.message.removeprefix(_EXPECTED)
        return _KINDS.get(self.kind, "")

    @property
    def choices(self) -> list[str]:
        """The texts that would have been accepted, where they can be listed."""
        if self.kind.startswith("union_tag"):
            return re.findall(r"'([^']*)'", str(self.context.get("expected_tags", "")))
        return re.findall(r"'([^']*)'", str(self.context.get("expected", "")))


def find_faults(error: ValidationError, given: Any) -> list[Fault]:
    """Return the mistakes behind ``error``.

    Args:
        error: what pydantic raised.
        given: the plain value that was validated.
    """
    faults = [_fault(details, given) for details in error.errors(include_url=False)]
    kept = [fault for fault in faults if fault.branch is None]
    unions = sorted((f for f in faults if f.branch), key=_union)
    for _, members in groupby(unions, key=_union):
        kept += _best_branch(list(members))
    return kept


def _union(fault: Fault) -> str:
    return repr(fault.branch[0]) if fault.branch else ""


def _best_branch(faults: Sequence[Fault]) -> Sequence[Fault]:
    """Return the faults of the branch that the user meant.

    That is one for which the kind of value is right; of several, the nearest. If there is none, all
    branches make one fault together.
    """
    branches: dict[_Branch | None, list[Fault]] = {}
    for fault in faults:
        branches.setdefault(fault.branch, []).append(fault)
    meant = [members for members in branches.values() if not _is_other_kind(members)]
    if meant:
        return min(meant, key=_distance)
    kinds = dict.fromkeys(fault.expected for fault in faults)
    return [replace(faults[0], kind="union", context={"expected": " or ".join(kinds)})]


def _distance(members: Sequence[Fault]) -> int:
    """Return how far what is given is from a branch; one without its tag was not even tried."""
    return sum(2 if fault.kind == "union_tag_not_found" else 1 for fault in members)


def _is_other_kind(members: Sequence[Fault]) -> bool:
    return all(f.expected and f.branch is not None and f.key == f.branch[0] for f in members)


def _fault(details: ErrorDetails, given: Any) -> Fault:
    kind, context = details["type"], details.get("ctx", {})
    key, branch = _resolve(details, given)
    if kind.startswith("union_tag") and "discriminator" in context:
        key = (*key, str(context["discriminator"]).strip("'"))
    message = str(context["error"]) if "error" in context else details["msg"]
    return Fault(
        kind=kind,
        key=key,
        value=details["input"],
        message=message,
        context=context,
        branch=branch,
    )


def _resolve(details: ErrorDetails, given: Any) -> tuple[Key, _Branch | None]:
    """Return the key that an error's path means, and the union branch it went through."""
    path, value = details["loc"], details["input"]
    tail: Key = ()
    if details["type"] == "missing":  # what was given is the mapping around it
        path, tail = path[:-1], path[-1:]
    elif path[-1:] == ("[key]",):
        path = path[:-1]
    found = list(_paths(given, path))
    for key, here, branch in found:
        if here is value or here == value:
            return (*key, *tail), branch
    # A validator has made something else of what was given.
    key, _, branch = found[0] if found and found[0][0] else (path, None, None)
    return (*key, *tail), branch


def _paths(
    value: Any, path: Key, key: Key = (), branch: _Branch | None = None
) -> Iterator[tuple[Key, Any, _Branch | None]]:
    """Yield the ways to read a path: each of its parts is a key of ``value``, or a union's tag."""
    if not path:
        yield key, value, branch
        return
    part, rest = path[0], path[1:]
    if _holds(value, part):
        yield from _paths(value[part], rest, (*key, part), branch)
    if isinstance(part, str):
        yield from _paths(value, rest, key, branch or (key, part))


def _holds(value: Any, part: str | int) -> bool:
    if isinstance(value, list):
        return isinstance(part, int) and part < len(value)
    return isinstance(value, dict) and part in value

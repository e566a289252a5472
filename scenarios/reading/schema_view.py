"""What a configuration's JSON schema allows at a key."""

from collections.abc import Iterator
from functools import cache
from typing import Any, TypeAlias

from pydantic import BaseModel
from pydantic.errors import PydanticUserError

from gridloom.simulators.errors import Key
from gridloom.simulators.quantities import ModelConfig

_Schema: TypeAlias = dict[str, Any]


class SchemaView:
    """Looks up what is allowed at a key of a configuration that need not be valid."""

    def __init__(self, model: type[BaseModel], given: Any) -> None:
        self._model = model
        self._given = given

    @property
    def _root(self) -> _Schema:
        return _schema_of(self._model)

    def further_keys(self, key: Key) -> list[str]:
        """Return the names that the mapping at ``key`` may have beside those it has."""
        given = self._given
        for part in key:
            given = _item(given, part)
        taken = given if isinstance(given, dict) else {}
        return [name for name in self.keys(key) if name not in taken]

    def keys(self, key: Key) -> list[str]:
        """Return the names that the mapping at ``key`` may have."""
        names = [n for branch in self.branches(key) for n in branch.get("properties", {})]
        common = () if key else tuple(ModelConfig.model_fields)  # what every model has comes last
        return sorted(dict.fromkeys(names), key=lambda name: name in common)

    def wants_number(self, key: Key) -> bool:
        """Whether a number may stand at ``key`` but not true or false."""
        kinds = {branch.get("type", "boolean") for branch in self.branches(key)}
        return "boolean" not in kinds and bool(kinds & {"number", "integer"})

    def is_fraction(self, key: Key) -> bool:
        """Whether a number at ``key`` must lie between 0 and 1."""
        return any(
            branch.get("maximum") == 1 and {"minimum", "exclusiveMinimum"} & branch.keys()
            for branch in self.branches(key)
        )

    def branches(self, key: Key) -> list[_Schema]:
        """Return the schemas that may hold at ``key``, in the light of what is given there."""
        given = self._given
        found = list(self._flat(self._root, given))
        for part in key:
            given = _item(given, part)
            below = [_below(schema, part) for schema in found]
            found = [flat for schema in below for flat in self._flat(schema, given)]
        return found

    def _flat(self, schema: _Schema, given: Any) -> Iterator[_Schema]:
        """Yield the alternatives of a schema, without those that the given value rules out."""
        if "$ref" in schema:
            name = str(schema["$ref"]).rpartition("/")[2]
            yield from self._flat(self._root["$defs"][name], given)
        alternatives = [
            *schema.get("anyOf", ()),
            *schema.get("oneOf", ()),
            *schema.get("allOf", ()),
        ]
        for alternative in alternatives:
            yield from self._flat(alternative, given)
        if not alternatives and "$ref" not in schema and not _is_ruled_out(schema, given):
            yield schema


@cache
def _schema_of(model: type[BaseModel]) -> _Schema:
    """Return a type's schema; nobody changes it. Making one takes milliseconds."""
    try:
        return model.model_json_schema()
    except PydanticUserError:  # a plug-in's type without a JSON schema: no suggestions then
        return {}


def _below(schema: _Schema, part: str | int) -> _Schema:
    if isinstance(part, int):
        first = schema.get("prefixItems", [])
        return first[part] if part < len(first) else _as_schema(schema.get("items"))
    named = schema.get("properties", {}).get(part)
    return named if named is not None else _as_schema(schema.get("additionalProperties"))


def _as_schema(schema: object) -> _Schema:
    return schema if isinstance(schema, dict) else {}


def _is_ruled_out(schema: _Schema, given: Any) -> bool:
    """Whether a constant of the schema, such as a union's tag, differs from what is given."""
    constants = {n: s["const"] for n, s in schema.get("properties", {}).items() if "const" in s}
    return isinstance(given, dict) and any(
        name in given and given[name] != constant for name, constant in constants.items()
    )


def _item(given: Any, part: str | int) -> Any:
    if isinstance(given, dict):
        return given.get(part)
    if isinstance(given, list) and isinstance(part, int) and part < len(given):
        return given[part]
    return None

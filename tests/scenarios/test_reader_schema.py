"""The JSON schema of scenario files, checked by a validator of the keywords it uses."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from gridloom.scenarios import schema_export
from gridloom.scenarios.reading.sources import shipped_scenarios
from gridloom.scenarios.reading.yaml_source import read_yaml
from gridloom.scenarios.schema_export import scenario_schema
from gridloom.scenarios.types import KINDS, known_types
from gridloom.simulators.errors import Problem, ScenarioError

SCHEMA = scenario_schema()
HEAD = {"name": "case", "start": "2021-03-24T16:00:00Z", "duration": "1h"}
JSON_TYPES = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "null": type(None),
}


def is_type(value: object, name: str) -> bool:
    if isinstance(value, bool) and name in {"integer", "number"}:
        return False
    kind: Any = JSON_TYPES[name]
    return isinstance(value, kind)


def accepts(schema: Any, value: Any) -> bool:
    """Validate as JSON Schema Validation 2020-12 says, for the keywords that occur here."""
    if isinstance(schema, bool):
        return schema
    return all(check(schema, value) for check in (_reference, _kind, _mapping, _list, _scalar))


def _reference(schema: dict[str, Any], value: Any) -> bool:
    target = schema.get("$ref", "")
    found = accepts(SCHEMA["$defs"][target.removeprefix("#/$defs/")], value) if target else True
    for word, combine in (("anyOf", any), ("oneOf", lambda met: sum(met) == 1), ("allOf", all)):
        if word in schema:
            found = found and bool(combine([accepts(s, value) for s in schema[word]]))
    return found and not ("not" in schema and accepts(schema["not"], value))


def _kind(schema: dict[str, Any], value: Any) -> bool:
    kinds = schema.get("type", list(JSON_TYPES))
    kinds = [kinds] if isinstance(kinds, str) else kinds
    allowed = schema.get("enum", [schema["const"]] if "const" in schema else [value])
    return any(is_type(value, kind) for kind in kinds) and value in allowed


def _mapping(schema: dict[str, Any], value: Any) -> bool:
    if not isinstance(value, dict):
        return True
    named = schema.get("properties", {})
    further = schema.get("additionalProperties", True)
    names = schema.get("propertyNames", True)
    return (
        set(schema.get("required", [])) <= set(value)
        and all(accepts(names, name) for name in value)
        and all(accepts(named.get(name, further), item) for name, item in value.items())
    )


def _list(schema: dict[str, Any], value: Any) -> bool:
    if not isinstance(value, list):
        return True
    first = schema.get("prefixItems", [])
    rest = schema.get("items", True)
    in_bounds: bool = schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value))
    schemas = [*first, *[rest] * len(value)][: len(value)]
    met = [accepts(s, item) for s, item in zip(schemas, value, strict=True)]
    return in_bounds and all(met)


def _scalar(schema: dict[str, Any], value: Any) -> bool:
    if isinstance(value, str):
        return re.search(schema.get("pattern", ""), value) is not None
    if isinstance(value, int | float) and not isinstance(value, bool):
        low, high = schema.get("minimum", value), schema.get("maximum", value)
        return bool(low <= value <= high and schema.get("exclusiveMinimum", value - 1) < value)
    return True


def parts(schema: Any) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        yield schema
        for item in schema.values():
            yield from parts(item)
    elif isinstance(schema, list):
        for item in schema:
            yield from parts(item)


def test_schema_is_plain_json_of_the_stated_dialect() -> None:
    assert json.loads(json.dumps(SCHEMA)) == SCHEMA
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_every_reference_resolves_and_every_definition_is_needed() -> None:
    targets = {p["$ref"] for p in parts(SCHEMA) if isinstance(p.get("$ref"), str)}
    assert targets == {f"#/$defs/{name}" for name in SCHEMA["$defs"]}


def test_keywords_have_the_forms_that_the_meta_schema_asks_for() -> None:
    for part in parts(SCHEMA):
        if isinstance(part.get("required"), list):
            assert len(set(part["required"])) == len(part["required"])
        if isinstance(part.get("pattern"), str):
            re.compile(part["pattern"])
        for word in ("anyOf", "oneOf", "allOf"):
            assert part.get(word) != []
        kinds = part.get("type", [])
        if isinstance(kinds, str):
            assert kinds in JSON_TYPES


def test_every_known_type_is_offered() -> None:
    for kind in KINDS:
        for name in known_types(kind):
            definition = SCHEMA["$defs"][f"{kind}.{name}"]
            assert definition["properties"]["type"] == {"const": name}
            assert "type" in definition["required"]
            assert definition["additionalProperties"] is False


@pytest.mark.parametrize("name", shipped_scenarios())
def test_shipped_scenarios_fit(name: str) -> None:
    assert accepts(SCHEMA, read_yaml(shipped_scenarios()[name]).plain())


@pytest.mark.parametrize(
    ("further", "fits"),
    [
        ({"simulators": {"m": {"type": "my_module:Mine", "anything": 1}}}, True),
        ({"simulators": {"m": {"type": "absent"}}}, False),
        ({"simulators": {"c": {"type": "basic", "controls": "x"}}}, False),
        ({"simulators": {"Bad name": {"type": "my_module:Mine"}}}, False),
        ({"simulators": {}, "controllers": {"c": {"type": "basic", "controls": "x"}}}, True),
        ({"simulators": {}, "controllers": {"c": {"type": "basic", "contrlos": "x"}}}, False),
        ({"simulators": {}, "variants": {"a": {"seed": 3}, "b": None}}, True),
        ({"simulators": {}, "variants": {"a": {"sede": 3}}}, False),
        ({"simulators": {}, "couplings": [{"from": "a.b", "to": "c.d"}]}, True),
        ({"simulators": {}, "couplings": [{"from": "a", "to": "c.d"}]}, False),
        ({"simulators": {}, "duration": 900}, False),
        ({"simulators": {}, "titel": ""}, False),
        ({}, False),
        ({"base": "ademis-2021"}, True),
        ({"base": "ademis-2021", "simulators": {"ev": {"rated_power_kw": 11}}}, True),
    ],
)
def test_schema_tells_right_from_wrong(further: dict[str, Any], fits: bool) -> None:
    assert accepts(SCHEMA, {**HEAD, **further}) is fits


def test_plug_in_that_cannot_be_imported_may_have_any_keys(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(kind: str, name: str) -> type:
        raise ScenarioError(Problem(message="broken"))

    monkeypatch.setattr(schema_export, "find_type", refuse)
    schema = scenario_schema()
    assert schema["$defs"]["simulators.grid"]["properties"] == {"type": {"const": "grid"}}

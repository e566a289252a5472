"""The JSON schema of scenario files, for completion and checks in editors."""

from typing import Any, TypeAlias

from pydantic import BaseModel
from pydantic.errors import PydanticUserError
from pydantic.json_schema import models_json_schema

from gridloom.scenarios.schema import MODEL_NAME, SCENARIO_NAME, Scenario
from gridloom.scenarios.types import KINDS, Kind, find_type, known_types
from gridloom.simulators.errors import ScenarioError
from gridloom.simulators.quantities import ModelConfig

_Schema: TypeAlias = dict[str, Any]

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_PLUG_IN: _Schema = {
    "title": "A class of one's own",
    "type": "object",
    "properties": {"type": {"type": "string", "pattern": "^[^:]+:[^:]+$"}},
    "required": ["type"],
}
_OVERRIDES: _Schema = {
    "title": "Overrides of a model that the base or another part defines",
    "type": "object",
    "not": {"required": ["type"]},
}
_REMOVAL: _Schema = {"title": "Removes a model that the base defines", "type": "null"}


def scenario_schema() -> _Schema:
    """Return the JSON schema (draft 2020-12) of scenario files.

    It knows the keys of every installed type, plug-ins included; a plug-in that cannot be imported
    may have any keys.
    """
    configs = {kind: _configs(kind) for kind in KINDS}
    models: list[type[BaseModel]] = [Scenario]
    models += [config for named in configs.values() for config in named.values() if config]
    references, definitions = models_json_schema([(model, "validation") for model in models])
    every = dict(definitions["$defs"])
    schema = dict(every[_name(references[Scenario, "validation"])])
    for kind in KINDS:
        for name, config in configs[kind].items():
            own = every[_name(references[config, "validation"])] if config else {"type": "object"}
            every[f"{kind}.{name}"] = _typed(own, name)
    properties = _properties(schema["properties"], configs)
    schema["properties"] = properties
    required = [*schema.pop("required"), "simulators"]
    schema["anyOf"] = [{"required": ["base"]}, {"required": required}]
    return {"$schema": _DIALECT, **schema, "$defs": _reachable(schema, every)}


def _configs(kind: Kind) -> dict[str, type[ModelConfig] | None]:
    """Return the configuration of every known type, None where there is no schema of it."""
    configs: dict[str, type[ModelConfig] | None] = {}
    for name in known_types(kind):
        try:
            config = find_type(kind, name).Config
            config.model_json_schema()
        except (ScenarioError, PydanticUserError):
            config = None
        configs[name] = config
    return configs


def _typed(config: _Schema, name: str) -> _Schema:
    """Return a configuration's schema that holds for one type only."""
    properties = {**config.get("properties", {}), "type": {"const": name}}
    required = dict.fromkeys(["type", *config.get("required", [])])
    return {**config, "title": name, "properties": properties, "required": list(required)}


_VARIANTS = (
    "Named overrides: mappings merge, lists replace, null removes a key, and in place of all of "
    "them the base's variants."
)


def _properties(
    header: _Schema, configs: dict[Kind, dict[str, type[ModelConfig] | None]]
) -> _Schema:
    properties = dict(header)
    for kind in KINDS:
        typed = [{"$ref": f"#/$defs/{kind}.{name}"} for name in configs[kind]]
        properties[kind] = {
            "description": header[kind].get("description", ""),
            "type": "object",
            "propertyNames": {"pattern": f"^{MODEL_NAME}$"},
            "additionalProperties": {"anyOf": [*typed, _PLUG_IN, _OVERRIDES, _REMOVAL]},
        }
    properties["base"] = {
        "description": "Scenario file, or shipped scenario, on which this one is laid.",
        "type": "string",
    }
    overridable = {name: True for name in header if name not in {"name", "variant"}}
    properties["variants"] = {
        "description": _VARIANTS,
        "type": ["object", "null"],
        "propertyNames": {"pattern": f"^{SCENARIO_NAME}$"},
        "additionalProperties": {
            "type": ["object", "null"],
            "properties": overridable,
            "additionalProperties": False,
        },
    }
    return properties


def _name(reference: _Schema) -> str:
    return str(reference["$ref"]).rpartition("/")[2]


def _reachable(schema: _Schema, every: _Schema) -> _Schema:
    """Return the definitions that a schema needs, directly or through others."""
    needed: dict[str, _Schema] = {}
    waiting = _references(schema)
    while waiting:
        name = waiting.pop()
        if name not in needed:
            needed[name] = every[name]
            waiting += _references(every[name])
    return dict(sorted(needed.items()))


def _references(schema: Any) -> list[str]:
    if isinstance(schema, dict):
        own = [_name(schema)] if isinstance(schema.get("$ref"), str) else []
        return own + [name for value in schema.values() for name in _references(value)]
    if isinstance(schema, list):
        return [name for item in schema for name in _references(item)]
    return []

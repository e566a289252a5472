"""The JSON schema of campaign files, for completion and checks in editors."""

from typing import Any, TypeAlias

from pydantic.json_schema import models_json_schema

from gridloom.scenarios.campaigns.base_scenario import FIXED
from gridloom.scenarios.campaigns.schema import KINDS_OF_AXES, CampaignConfig
from gridloom.scenarios.schema import SCENARIO_NAME

_Schema: TypeAlias = dict[str, Any]
_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_CHANGES: _Schema = {
    "type": ["object", "null"],
    "propertyNames": {"not": {"enum": list(FIXED)}},
}


def campaign_schema() -> _Schema:
    """Return the JSON schema (draft 2020-12) of campaign files.

    What an axis changes in the scenario is any key: which ones there are, the scenario says.
    """
    kinds = list(KINDS_OF_AXES.values())
    models = [(model, "validation") for model in (CampaignConfig, *kinds)]
    references, definitions = models_json_schema(models)  # type: ignore[arg-type]
    every = dict(definitions["$defs"])
    name = str(references[CampaignConfig, "validation"]["$ref"]).rpartition("/")[2]
    schema = dict(every.pop(name))
    every["ChangesAxis"]["properties"]["changes"]["additionalProperties"] = _CHANGES
    schema["properties"] = {
        **schema["properties"],
        "set": {**schema["properties"]["set"], **_CHANGES},
        "axes": {
            "description": "What varies, by name: all combinations, the last varies fastest.",
            "type": ["object", "null"],
            "propertyNames": {"pattern": f"^{SCENARIO_NAME}$"},
            "additionalProperties": {"anyOf": [references[model, "validation"] for model in kinds]},
        },
    }
    return {"$schema": _DIALECT, **schema, "$defs": every}

"""The JSON schema of campaign files, and the skeleton of one."""

from pathlib import Path
from typing import Any

import pytest

from gridloom.scenarios.campaigns.campaign import read_campaign, shipped_campaigns
from gridloom.scenarios.campaigns.schema import KINDS_OF_AXES, parse_memory
from gridloom.scenarios.campaigns.schema_export import campaign_schema
from gridloom.scenarios.reading.yaml_source import read_yaml
from gridloom.scenarios.skeletons import write_skeleton

AXES: dict[str, dict[str, Any]] = {
    "variants": {"variants": "all"},
    "changes": {"changes": {"a": {"seed": 1}, "b": None}},
    "points": {"points": [{"seed": 1, "label": "a"}]},
    "values": {"key": ["a", "b"], "values": {"low": 1}},
    "range": {"key": "a", "range": {"from": 0, "to": 1, "step": 0.5}, "unit": "kW"},
    "files": {"key": "a", "files": ["*.csv"]},
    "seeds": {"seeds": {"count": 3, "first": 1}},
}


def validate(campaign: object) -> None:
    """Raise where a campaign does not fit its schema."""
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.Draft202012Validator(campaign_schema()).validate(campaign)


def test_the_schema_is_one() -> None:
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.Draft202012Validator.check_schema(campaign_schema())


@pytest.mark.parametrize("path", shipped_campaigns().values(), ids=lambda path: path.stem)
def test_shipped_campaigns_fit(path: Path) -> None:
    validate(read_yaml(path).plain())


@pytest.mark.parametrize("kind", KINDS_OF_AXES)
def test_each_kind_of_axis_fits_and_takes_no_further_key(kind: str) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    campaign = {"name": "c", "scenario": "quickstart", "axes": {"x": AXES[kind]}}
    validate(campaign)
    with pytest.raises(jsonschema.ValidationError):
        validate({**campaign, "axes": {"x": {**AXES[kind], "vallues": [1]}}})


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "C"},
        {"timeout": 600},
        {"memory": "4"},
        {"set": {"name": "other"}},
        {"axes": {"X": {"seeds": 1}}},
        {"axes": {"x": {"seeds": 0}}},
        {"scenarios": "a"},
    ],
)
def test_what_is_wrong_does_not_fit(wrong: dict[str, Any]) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    campaign = {"name": "c", "scenario": "quickstart", "axes": {"x": {"seeds": 1}}}
    validate(campaign)
    with pytest.raises(jsonschema.ValidationError):
        validate({**campaign, **wrong})


@pytest.mark.parametrize(
    ("text", "count"),
    [("4 GB", 4 * 10**9), ("1.5GiB", 3 * 2**29), (" 512 MB ", 512 * 10**6), ("1 TiB", 2**40)],
)
def test_memory_has_its_unit(text: str, count: int) -> None:
    assert parse_memory(text) == count


@pytest.mark.parametrize("text", ["4", "4 gb", "GB", "-4 GB", "4 GB 2 MB", 4])
def test_memory_without_a_unit_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="a size with its unit"):
        parse_memory(text)


def test_the_skeleton_is_a_campaign(tmp_path: Path) -> None:
    """Two changes, two powers, three seeds."""
    (path,) = write_skeleton("campaign", "my_study", folder=tmp_path)
    campaign = read_campaign(path)
    assert (campaign.name, campaign.title, len(campaign)) == ("my_study", "My study", 12)
    assert [axis.name for axis in campaign.axes] == ["sun", "power", "seed"]
    validate(read_yaml(path).plain())

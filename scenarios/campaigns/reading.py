"""Finds and reads campaign files: their keys, checked, each with its place."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel

from gridloom.scenarios.campaigns.problems import Problems
from gridloom.scenarios.campaigns.schema import (
    KINDS_OF_AXES,
    RESERVED_NAMES,
    AxisConfig,
    CampaignConfig,
)
from gridloom.scenarios.reading.checking import located
from gridloom.scenarios.reading.config_problems import check_config
from gridloom.scenarios.reading.overrides import read_overrides
from gridloom.scenarios.reading.sources import shipped_scenarios
from gridloom.scenarios.reading.tree import Node
from gridloom.scenarios.reading.wording import describe
from gridloom.scenarios.reading.yaml_source import read_yaml
from gridloom.scenarios.schema import SCENARIO_NAME, suggest_name
from gridloom.simulators.errors import Key, Location, Problem, ScenarioError, listing, nearest

_Config = TypeVar("_Config", bound=BaseModel)
_SUFFIXES = {".yaml", ".yml"}


@dataclass(frozen=True, kw_only=True)
class CampaignFile:
    """The content of a campaign file."""

    path: Path
    tree: Node
    config: CampaignConfig
    axes: Mapping[str, AxisConfig]
    """By name, in the file's order."""


def shipped_campaigns() -> dict[str, Path]:
    """Return the campaigns that come with gridloom, by name."""
    library = Path(str(files("gridloom.scenarios.library.campaigns")))
    return {path.stem: path for path in sorted(library.glob("*.yaml"))}


def find_campaign(source: str | Path) -> Path:
    """Return the file that ``source`` means: a path, or the name of a shipped campaign.

    Raises:
        ScenarioError: there is no such file.
    """
    path, shipped = Path(source), shipped_campaigns()
    if path.suffix not in _SUFFIXES and str(source) in shipped:
        return shipped[str(source)]
    if path.exists():
        return path
    if path.suffix not in _SUFFIXES and str(source) in shipped_scenarios():
        raise _no_campaign(source)
    raise ScenarioError(
        Problem(
            message=f"no such file: '{path}'",
            expected=f"a campaign file, or a shipped campaign: {listing(list(shipped))}",
            suggestion=nearest(path.stem, shipped),
        )
    )


def read_campaign_file(source: str | Path, overrides: Sequence[str] = ()) -> CampaignFile:
    """Read a campaign file and check what can be checked without its scenario.

    Raises:
        ScenarioError: with everything that is wrong.
    """
    path = find_campaign(source)
    given = read_overrides(overrides)
    tree = _mapping(read_yaml(path))
    for override in given:
        tree = override.apply(tree)
    if is_scenario(tree):
        raise _no_campaign(source, tree.location)
    problems = Problems()
    config = problems.within(partial(checked, CampaignConfig, _header(tree), (), tree))
    axes = _axes(tree, problems)
    problems.require_none()
    assert config is not None  # noqa: S101 -- nothing is wrong
    return CampaignFile(path=path, tree=tree, config=config, axes=axes)


def is_scenario(tree: Node) -> bool:
    """Whether a tree is a scenario's rather than a campaign's."""
    keys = tree.value if isinstance(tree.value, dict) else {}
    own = {"axes", "scenario", "zip", "set"}
    return not own & keys.keys() and bool({"simulators", "base", "start"} & keys.keys())


def checked(model: type[_Config], node: Node, below: Key, tree: Node) -> _Config:
    """Return a part of a campaign file, validated.

    Args:
        model: what the part must fit.
        node: the part.
        below: where it is in the file.
        tree: the file.

    Raises:
        ScenarioError: with every mistake, located.
    """
    further = () if below else ("axes",)
    try:
        return check_config(model, node.plain(), further)
    except ScenarioError as error:
        wrong = error.below(below).problems
        raise ScenarioError(*(located(problem, tree) for problem in wrong)) from error


def _header(tree: Node) -> Node:
    """Return a file without its axes and without keys whose entries are all commented out."""
    fields = CampaignConfig.model_fields.items()
    optional = {field.alias or name for name, field in fields if not field.is_required()}
    entries = tree.value if isinstance(tree.value, dict) else {}
    blank = [name for name in optional if name in entries and entries[name].value is None]
    return tree.without("axes", *blank)


def _axes(tree: Node, problems: Problems) -> dict[str, AxisConfig]:
    node = tree.child("axes")
    if node is None or node.value is None:
        return {}
    if not isinstance(node.value, dict):
        given = describe(node.plain())
        message = f"expected a mapping of names to axes, got {given}"
        problems.add([Problem(message=message, key=("axes",), location=node.location)])
        return {}
    found: dict[str, AxisConfig] = {}
    for name, axis in node.value.items():
        config = problems.within(partial(_axis, name, axis, tree))
        if config is not None:
            found[name] = config
    return found


def _axis(name: str, node: Node, tree: Node) -> AxisConfig:
    key: Key = ("axes", name)
    _require_name(name, node)
    if not isinstance(node.value, dict):
        raise _refused(f"expected a mapping, got {describe(node.plain())}", key, node)
    kinds = [kind for kind in KINDS_OF_AXES if kind in node.value]
    if len(kinds) > 1:
        raise _refused(f"{' and '.join(kinds)} exclude each other", key, node)
    if kinds:
        return checked(KINDS_OF_AXES[kinds[0]], node, key, tree)
    raise _no_kind(node.value, key, node)


def _no_kind(entries: Mapping[str, Node], key: Key, node: Node) -> ScenarioError:
    """Return the error of an axis that does not say what it varies."""
    kinds = ["values", "range", "files"] if "key" in entries else list(KINDS_OF_AXES)
    hints = [nearest(other, kinds) for other in entries if other != "key"]
    return _refused(
        "has no values" if "key" in entries else "does not say what it varies",
        key,
        node,
        expected=f"one of {listing(kinds)}",
        suggestion=next(filter(None, hints), ""),
    )


def _require_name(name: str, node: Node) -> None:
    if name in RESERVED_NAMES:
        raise _refused(
            f"'{name}' is a column of every campaign's table",
            ("axes", name),
            node,
            expected=f"another name than {listing(RESERVED_NAMES)}",
        )
    if not re.fullmatch(SCENARIO_NAME, name):
        raise _refused(
            f"'{name}' is no name for an axis",
            ("axes", name),
            node,
            expected="lower-case letters, digits, '_' and '-', a letter first",
            suggestion=suggest_name(name),
        )


def _mapping(tree: Node) -> Node:
    if tree.value is None:
        raise ScenarioError(
            Problem(
                message="the file is empty",
                expected="name, scenario and axes",
                location=tree.location,
            )
        )
    if not isinstance(tree.value, dict):
        raise _refused(f"expected a mapping of keys, got {describe(tree.plain())}", (), tree)
    return tree


def _no_campaign(source: str | Path, location: Location | None = None) -> ScenarioError:
    return ScenarioError(
        Problem(
            message=f"'{source}' is a scenario, not a campaign",
            expected="a file with scenario and axes",
            suggestion=f"gridloom run {source}",
            location=location,
        )
    )


def _refused(
    message: str, key: Key, node: Node, *, expected: str = "", suggestion: str = ""
) -> ScenarioError:
    return ScenarioError(
        Problem(
            message=message,
            key=key,
            expected=expected,
            suggestion=suggestion,
            location=node.location,
        )
    )

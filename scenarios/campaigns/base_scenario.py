"""The scenario that a campaign varies, and what it becomes with an axis' value laid on it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from gridloom.scenarios.campaigns.reading import CampaignFile
from gridloom.scenarios.reader import ScenarioDocument
from gridloom.scenarios.reading.overrides import Override
from gridloom.scenarios.reading.record_source import is_record
from gridloom.scenarios.reading.sources import Source, find_source, is_campaign, read_source
from gridloom.scenarios.reading.tree import Node, merge
from gridloom.scenarios.reading.variants import variants_of
from gridloom.scenarios.types import KINDS
from gridloom.simulators.errors import Key, Problem, ScenarioError

FIXED = ("base", "name", "variant", "variants")
"""Keys of a scenario that are the same in all runs of a campaign, or for an axis of variants."""
_DEPTH_OF_MODELS = 2


@dataclass(frozen=True, kw_only=True)
class BaseScenario:
    """A scenario file with what the campaign sets for all runs, valid by itself."""

    common: Node
    """What all variants have in common."""
    trees: Mapping[str | None, Node]
    """Tree of each variant; of the scenario itself, by None, if it has no variants."""
    paths: tuple[Path, ...]
    """The campaign file, the scenario file and its bases: files are looked up beside them."""

    @property
    def variants(self) -> tuple[str, ...]:
        """Names of the variants, in order."""
        return tuple(name for name in self.trees if name is not None)

    @property
    def seed(self) -> int:
        """The scenario's own seed."""
        node = self.common.child("seed")
        return node.value if node is not None and isinstance(node.value, int) else 0

    def source(self, variant: str | None, overrides: Iterable[Override]) -> Source:
        """Return one variant with overrides laid on it, in their order.

        Those of a model that the variant, or one of them before, drops are left out, as the command
        line's are.

        Raises:
            ScenarioError: a key leads through a single value, or to an item that a list has not.
        """
        tree = self.trees[variant]
        for each in overrides:
            if not self.drops(tree, each):
                tree = each.apply(tree)
        return Source(tree=tree, paths=self.paths)

    def drops(self, tree: Node, override: Override) -> bool:
        """Whether a tree does without the model, common to all variants, that is overridden."""
        model = model_of(override.key)
        if model is None or defines_model(override):
            return False
        found, shared = tree.find(model), self.common.find(model)
        return shared is not None and (found is None or found.value is None)


def model_of(key: Key) -> Key | None:
    """Return the key of the model that ``key`` leads to or through, or None."""
    return key[:_DEPTH_OF_MODELS] if key[0] in KINDS and len(key) >= _DEPTH_OF_MODELS else None


def defines_model(override: Override) -> bool:
    """Whether an override brings a whole model, or removes one."""
    value = override.value
    return len(override.key) == _DEPTH_OF_MODELS and (
        not isinstance(value.value, dict) or value.child("type") is not None
    )


def read_base_scenario(campaign: CampaignFile) -> BaseScenario:
    """Read the scenario of a campaign and check it with all its variants.

    Raises:
        ScenarioError: with everything that is wrong with it.
    """
    source = _scenario_source(campaign)
    changes = campaign.tree.child("set")
    tree = source.tree
    if changes is not None and isinstance(changes.value, dict):
        require_changeable(changes, ("set",))
        tree = merge(tree, changes)
    paths = (campaign.path, *source.paths)
    ScenarioDocument(replace(source, tree=tree, paths=paths))
    common = tree.without("variants")
    trees: dict[str | None, Node] = {
        name: _named(merge(common, node), name) for name, node in variants_of(tree).items()
    }
    return BaseScenario(common=common, trees=trees or {None: common}, paths=paths)


def require_changeable(changes: Node, key: Key) -> None:
    """Refuse changes of what makes a scenario this one.

    Raises:
        ScenarioError: with every key that cannot be changed.
    """
    wrong = [
        Problem(
            message="cannot be changed by a campaign",
            key=(*key, name),
            suggestion="choose among variants with an axis: {variants: [...]}"
            if name.startswith("variant")
            else "",
            location=child.location,
        )
        for name in FIXED
        if (child := changes.child(name)) is not None
    ]
    if wrong:
        raise ScenarioError(*wrong)


def _scenario_source(campaign: CampaignFile) -> Source:
    key = ("scenario",)
    place = campaign.tree.locate(key)
    try:
        path = find_source(campaign.config.scenario, campaign.path.parent)
    except ScenarioError as error:
        problems = (replace(p, key=key, location=place) for p in error.problems)
        raise ScenarioError(*problems) from error
    source = None if is_record(path) else read_source(path)
    if source is None or is_campaign(source.tree):
        raise ScenarioError(
            Problem(
                message=f"'{path}' is {'a campaign' if source else 'a record'}, no scenario file",
                key=key,
                expected="a shipped scenario's name, or a YAML file relative to this file",
                location=place,
            )
        )
    return source


def _named(tree: Node, variant: str) -> Node:
    entries = tree.value if isinstance(tree.value, dict) else {}
    name = Node(value=variant, location=tree.location)
    return Node(value={**entries, "variant": name}, location=tree.location)

"""Checks the values of axes against the scenario, each by itself.

A value is checked with what it touches: the models that it changes, or all but the models. What two
values make wrong together is found when the scenario of their point is read.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from gridloom.scenarios.campaigns.base_scenario import BaseScenario, defines_model, model_of
from gridloom.scenarios.campaigns.factor import Factor, Level
from gridloom.scenarios.reading.checking import check_scenario
from gridloom.scenarios.reading.overrides import Override
from gridloom.scenarios.reading.tree import Node
from gridloom.scenarios.types import KINDS
from gridloom.simulators.errors import Key, Problem, ScenarioError, dotted, listing, nearest

_ABOUT_KEYS = ("unknown key",)
"""What is wrong with a key whatever its value is."""


@dataclass(frozen=True)
class _Finding:
    """What one value makes wrong in the variants that have the same."""

    level: int
    variants: tuple[str | None, ...]
    problem: Problem


def value_problems(
    factor: Factor, scenario: BaseScenario, variants: Sequence[str | None]
) -> list[Problem]:
    """Return what is wrong with the values of an axis, each once, at its place.

    Args:
        factor: the axis.
        scenario: what it changes.
        variants: those that the campaign runs.
    """
    if factor.is_variant or factor.axis.is_seed:
        return []
    found = [
        finding
        for i, level in enumerate(factor.levels)
        for finding in _findings(i, level, scenario, variants)
    ]
    return _joined(found, factor, len(variants))


def _findings(
    index: int, level: Level, scenario: BaseScenario, variants: Sequence[str | None]
) -> Iterator[_Finding]:
    meant = {
        v: [each for each in level if not scenario.drops(scenario.trees[v], each)] for v in variants
    }
    if level and not any(meant.values()):
        key = dotted(level[0].key)
        yield _Finding(index, tuple(variants), Problem(message=f"no variant of it has {key}"))
    for group, overrides in _alike(scenario, meant):
        missing = _missing_models(scenario.trees[group[0]], overrides)
        wrong = missing or _problems(scenario, group[0], overrides)
        for problem in wrong:
            yield _Finding(index, group, problem)


def _alike(
    scenario: BaseScenario, meant: Mapping[str | None, Sequence[Override]]
) -> Iterator[tuple[tuple[str | None, ...], Sequence[Override]]]:
    """Yield the variants in groups for which a value is right or wrong alike."""
    groups: dict[tuple[object, ...], list[str | None]] = defaultdict(list)
    for variant, overrides in meant.items():
        tree = scenario.trees[variant]
        models = [model_of(each.key) for each in overrides]
        step_size = tree.child("step_size")
        same = (
            (variant,)
            if None in models
            else (id(step_size), *(id(tree.find(m)) for m in models if m))
        )
        groups[same].append(variant)
    for group in groups.values():
        if meant[group[0]]:
            yield tuple(group), meant[group[0]]


def _missing_models(tree: Node, overrides: Sequence[Override]) -> list[Problem]:
    problems: list[Problem] = []
    for each in overrides:
        model = model_of(each.key)
        if model is None or defines_model(each) or tree.find(model) is not None:
            continue
        kind, name = str(model[0]), str(model[1])
        block = tree.child(kind)
        known = list(block.value) if block and isinstance(block.value, dict) else []
        problems.append(
            Problem(
                message=f"there is no {kind.removesuffix('s')} '{name}'",
                key=each.key,
                expected=f"one of {listing(known)}" if known else "",
                suggestion=nearest(name, known),
            )
        )
    return problems


def _problems(
    scenario: BaseScenario, variant: str | None, overrides: Sequence[Override]
) -> Sequence[Problem]:
    try:
        source = scenario.source(variant, overrides)
        check_scenario(_touched(source.tree, overrides), source.folders)
    except ScenarioError as error:
        return [p if p.key else replace(p, key=overrides[0].key) for p in error.problems]
    return ()


def _touched(tree: Node, overrides: Sequence[Override]) -> Node:
    """Return a scenario with only the models that overrides change, or one where they do not."""
    keys = {each.key[0] for each in overrides}
    models = {model_of(each.key) for each in overrides}
    entries = dict(tree.value) if isinstance(tree.value, dict) else {}
    for kind in KINDS:
        node = entries.get(kind)
        if node is None or not isinstance(node.value, dict):
            continue
        kept = {name: child for name, child in node.value.items() if (kind, name) in models}
        if kind == "simulators" and not kept:
            kept = dict(list(node.value.items())[:1])
        entries[kind] = replace(node, value=kept)
    if "record" not in keys:  # it names models that may be left out now
        entries.pop("record", None)
    return replace(tree, value=entries)


def _joined(found: Sequence[_Finding], factor: Factor, variants: int) -> list[Problem]:
    """Return each problem once: at the axis' key if every value has it, else at the value."""
    alike: dict[tuple[Key, str], list[_Finding]] = defaultdict(list)
    for finding in found:
        alike[finding.problem.key, finding.problem.message].append(finding)
    problems: list[Problem] = []
    for (_, message), findings in alike.items():
        levels = {finding.level for finding in findings}
        names = dict.fromkeys(v for finding in findings for v in finding.variants)
        one = findings[0].problem
        every = len(levels) == len(factor.levels) > 1 or message in _ABOUT_KEYS
        if every or one.location is None:
            one = replace(one, location=factor.key_location)
        if len(names) < variants:
            plural = "s" if len(names) > 1 else ""
            listed = listing([f"'{name}'" for name in names])
            one = replace(one, message=f"{message} (in variant{plural} {listed})")
        problems.append(one)
    return problems

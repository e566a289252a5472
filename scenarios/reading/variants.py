"""Variants: named overrides of one scenario, and what is wrong in several of them at once."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from gridloom.scenarios.reading.tree import Node
from gridloom.scenarios.reading.wording import describe
from gridloom.scenarios.schema import SCENARIO_NAME, suggest_name
from gridloom.simulators.errors import Key, Location, Problem, ScenarioError, listing

_NOT_IN_VARIANTS = ("base", "name", "variant", "variants")


def variants_of(tree: Node) -> dict[str, Node]:
    """Return a document's variants by name, in the file's order; empty if it has none.

    Raises:
        ScenarioError: a name or the overrides of a variant are not lawful.
    """
    block = tree.child("variants")
    if block is None or block.value is None:
        return {}
    if not isinstance(block.value, dict):
        given = describe(block.plain())
        raise ScenarioError(
            Problem(
                message=f"expected a mapping of names to overrides, got {given}",
                key=("variants",),
                location=block.location,
            )
        )
    problems = [p for name, node in block.value.items() for p in _problems(name, node)]
    if "variant" in tree.without("variants").plain() and block.value:
        problems.append(
            Problem(
                message="a scenario that has variants cannot be one itself",
                key=("variant",),
                location=tree.locate(("variant",)),
            )
        )
    if problems:
        raise ScenarioError(*problems)
    return {
        name: replace(node, value={}) if node.value is None else node
        for name, node in block.value.items()
    }


def _problems(name: str, node: Node) -> list[Problem]:
    key = ("variants", name)
    if not re.fullmatch(SCENARIO_NAME, name):
        return [
            Problem(
                message=f"'{name}' is no name for a variant",
                key=key,
                expected="lower-case letters, digits, '_' and '-', a letter first",
                suggestion=suggest_name(name, "-"),
                location=node.location,
            )
        ]
    if node.value is not None and not isinstance(node.value, dict):
        given = describe(node.plain())
        return [
            Problem(
                message=f"expected a mapping of overrides, got {given}",
                key=key,
                location=node.location,
            )
        ]
    return [
        Problem(
            message="cannot differ between variants",
            key=(*key, forbidden),
            location=child.location,
        )
        for forbidden in _NOT_IN_VARIANTS
        if (child := node.child(forbidden)) is not None
    ]


def within_variant(document: Node, variant: str | None, problem: Problem) -> Problem:
    """Return ``problem`` with its key below the variant's block, if that is where it lies."""
    block = document.find(("variants", variant)) if variant else None
    if block is not None and block.locate(problem.key) == problem.location:
        return problem.below(("variants", str(variant)))
    return problem


def join_problems(
    document: Node, trees: Mapping[str | None, Node], found: Mapping[str | None, Sequence[Problem]]
) -> list[Problem]:
    """Return the problems of all variants, each place and message once.

    Args:
        document: the tree with all variants.
        trees: tree of each variant; of the document itself, by None, if it has no variants.
        found: located problems of each.
    """
    shared = _shared(document, trees, found)
    places: dict[tuple[Location | None, str], dict[str | None, Problem]] = {}
    for variant, problems in found.items():
        for problem in problems:
            known = shared.get((problem.key, problem.message), problem)
            own = within_variant(document, variant, known)
            places.setdefault((own.location, own.message), {}).setdefault(variant, own)
    return [_named(by_variant, len(trees)) for by_variant in places.values()]


def _shared(
    document: Node, trees: Mapping[str | None, Node], found: Mapping[str | None, Sequence[Problem]]
) -> dict[tuple[Key, str], Problem]:
    """Return what every variant lacks, each at another place, located in what they share."""
    places: dict[tuple[Key, str], list[Problem]] = {}
    for problems in found.values():
        for problem in problems:
            places.setdefault((problem.key, problem.message), []).append(problem)
    return {
        (key, message): replace(lacking[0], location=document.locate(key))
        for (key, message), lacking in places.items()
        if len({problem.location for problem in lacking}) == len(trees) > 1
        and not any(tree.find(key) for tree in trees.values())
    }


def _named(by_variant: Mapping[str | None, Problem], total: int) -> Problem:
    """Return one problem for all, that names the variants if it is theirs alone."""
    problem = next(iter(by_variant.values()))
    if len(by_variant) == total or problem.key[:1] == ("variants",):
        return problem
    names = listing([f"'{name}'" for name in by_variant])
    plural = "s" if len(by_variant) > 1 else ""
    return replace(problem, message=f"{problem.message} (in variant{plural} {names})")

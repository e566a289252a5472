"""Checks the tree of a scenario: everything that is wrong, each at its place in the file."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel

from gridloom.scenarios.reading.config_problems import check_config, unknown_key
from gridloom.scenarios.reading.tree import Node
from gridloom.scenarios.reading.wording import describe
from gridloom.scenarios.schema import EVERYTHING, MODEL_NAME, Scenario, suggest_name
from gridloom.scenarios.types import KINDS, Kind, find_type, known_types
from gridloom.simulators.errors import Key, Problem, ScenarioError, listing, nearest
from gridloom.simulators.quantities import ModelConfig, format_duration

_Config = TypeVar("_Config", bound=BaseModel)
_READ_ELSEWHERE = ("base", "variants")
"""Keys of a scenario file that are gone once a variant is resolved."""


def check_scenario(tree: Node, folders: Sequence[Path]) -> Scenario:
    """Return the scenario that a tree without variants describes.

    Args:
        tree: the file, merged with what it is based on.
        folders: where modules named by `type: module:Class` are looked up.

    Raises:
        ScenarioError: with every problem, located.
    """
    check = _Check(tree=tree, folders=folders, problems=[])
    scenario = check.header()
    if scenario is not None:
        check.step_size = format_duration(scenario.step_size)
    models = {kind: check.models(kind) for kind in KINDS}
    check.names()
    if scenario is not None:
        check.recorded(scenario)
    if scenario is None or check.problems:
        raise ScenarioError(*(located(problem, tree) for problem in check.problems))
    return scenario.model_copy(update={kind: models[kind] for kind in KINDS})


def located(problem: Problem, tree: Node) -> Problem:
    """Return ``problem`` with its place in the file, unless it has one."""
    return problem if problem.location else replace(problem, location=tree.locate(problem.key))


@dataclass
class _Check:
    """One pass over a tree, collecting problems."""

    tree: Node
    folders: Sequence[Path]
    problems: list[Problem]
    step_size: str = ""
    """Of the models that do not say theirs; '' where the scenario's own is not valid."""

    def header(self) -> Scenario | None:
        """Check all but the models."""
        optional = {
            name for name, field in Scenario.model_fields.items() if not field.is_required()
        }
        # A key whose entries are all commented out means the same as no key.
        blank = [
            name
            for name, child in self._entries().items()
            if child.value is None and name in optional
        ]
        return self._checked(Scenario, self.tree.without(*KINDS, *blank), ())

    def models(self, kind: Kind) -> dict[str, ModelConfig]:
        """Check all simulators, or all controllers; return those that are valid."""
        node = self.tree.child(kind)
        if node is None or node.value is None or node.value == {}:
            if kind == "simulators" and not self._is_misspelt(kind):
                self._add(("simulators",), "is missing: a scenario needs at least one simulator")
            return {}
        if not isinstance(node.value, dict):
            self._add(
                (kind,), f"expected a mapping of names to models, got {describe(node.plain())}"
            )
            return {}
        found = {name: self._model(kind, name, child) for name, child in node.value.items()}
        return {name: config for name, config in found.items() if config is not None}

    def names(self) -> None:
        """Check that every model's name is lawful and its only one."""
        for kind in KINDS:
            for name in self._entries(kind):
                if name == EVERYTHING or not re.fullmatch(MODEL_NAME, name):
                    self._add(
                        (kind, name),
                        f"'{name}' is no name for a model",
                        expected="lower-case letters, digits and '_', a letter first",
                        suggestion=suggest_name(name),
                    )
        simulators = self._entries("simulators")
        for name in self._entries("controllers"):
            if name in simulators:
                self._add(("controllers", name), f"a simulator is called '{name}' as well")

    def recorded(self, scenario: Scenario) -> None:
        """Check that what is to be recorded exists."""
        names = [name for kind in KINDS for name in self._entries(kind)]
        signals = scenario.record.signals
        for name in signals if isinstance(signals, dict) else ():
            if name not in names:
                self._add(
                    ("record", "signals", name),
                    f"there is no model '{name}'",
                    expected=f"one of {listing(names)}",
                    suggestion=nearest(name, names),
                )

    def _is_misspelt(self, kind: Kind) -> bool:
        return any(nearest(n, [kind]) for n in self._entries() if n not in Scenario.model_fields)

    def _entries(self, *key: str) -> dict[str, Node]:
        node = self.tree.find(key)
        return node.value if node and isinstance(node.value, dict) else {}

    def _model(self, kind: Kind, name: str, node: Node) -> ModelConfig | None:
        key = (kind, name)
        if not isinstance(node.value, dict):
            self._add(key, f"expected a mapping with 'type', got {describe(node.plain())}")
            return None
        type_node = node.value.get("type")
        if type_node is None or not isinstance(type_node.value, str):
            self._add_missing_type(kind, name, node)
            return None
        try:
            model = find_type(kind, type_node.value, self.folders)
        except ScenarioError as error:
            self._extend(error.below(key).problems)
            return None
        return self._checked(model.Config, self._with_step_size(node), key)

    def _with_step_size(self, node: Node) -> Node:
        if not self.step_size or not isinstance(node.value, dict) or "step_size" in node.value:
            return node
        inherited = Node(value=self.step_size, location=node.location)
        return Node(value={**node.value, "step_size": inherited}, location=node.location)

    def _add_missing_type(self, kind: Kind, name: str, node: Node) -> None:
        key: Key = (kind, name, "type")
        if isinstance(node.value, dict) and "type" in node.value:
            given = describe(node.value["type"].plain())
            self._add(key, f"expected the name of a type, got {given}")
            return
        for other in node.value if isinstance(node.value, dict) else ():
            if nearest(other, ["type"]):
                self._extend([unknown_key((kind, name, other), ["type"])])
                return
        known = listing(list(known_types(kind)), limit=20)
        # Overrides that misspell a model's name make another model, which then lacks its type.
        others = [other for other in self._entries(kind) if other != name]
        self._add(
            key,
            "is missing",
            expected=f"one of {known}, or my_module:MyModel",
            suggestion=nearest(name, others).replace("mean", "mean the model"),
        )

    def _checked(self, model: type[_Config], node: Node, key: Key) -> _Config | None:
        further = () if key else _READ_ELSEWHERE
        try:
            return check_config(model, node.plain(), further)
        except ScenarioError as error:
            self._extend(error.below(key).problems)
            return None

    def _add(self, key: Key, message: str, *, expected: str = "", suggestion: str = "") -> None:
        problem = Problem(message=message, key=key, expected=expected, suggestion=suggestion)
        self.problems.append(problem)

    def _extend(self, problems: Iterable[Problem]) -> None:
        self.problems.extend(problems)

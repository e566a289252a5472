"""Overrides on the command line: `--set simulators.ev.rated_power_kw=11`."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from typing_extensions import override

from gridloom.scenarios.reading.tree import Node, put
from gridloom.scenarios.reading.yaml_source import parse_yaml
from gridloom.simulators.errors import Key, Location, Problem, ScenarioError

_KEY = re.compile(r"[^.\[\]=\s]+(\.[^.\[\]=\s]+|\[\d+\])*")
_PART = re.compile(r"[^.\[\]]+")
_FIXED = ("base",)


@dataclass(frozen=True, kw_only=True)
class OptionLocation(Location):
    """The place of a value that was given on the command line."""

    text: str

    @override
    def __str__(self) -> str:
        return f"--set {self.text}"


@dataclass(frozen=True, kw_only=True)
class Override:
    """One value given on the command line."""

    key: Key
    value: Node

    def apply(self, tree: Node) -> Node:
        """Return ``tree`` with this value laid on it.

        Raises:
            ScenarioError: the key leads through a single value or to an item a list has not.
        """
        return put(tree, self.key, self.value)


def read_overrides(texts: Sequence[str]) -> tuple[Override, ...]:
    """Read overrides such as 'simulators.ev.sessions[3].arrival=12min'.

    The value is YAML; null, or nothing, removes the key.

    Raises:
        ScenarioError: with every override that cannot be read.
    """
    overrides: list[Override] = []
    problems: list[Problem] = []
    for text in texts:
        try:
            overrides.append(_read(text))
        except ScenarioError as error:
            problems += error.problems
    if problems:
        raise ScenarioError(*problems)
    return tuple(overrides)


def _read(text: str) -> Override:
    place = OptionLocation(file=Path("--set"), line=1, column=1, text=text)
    name, equals, value = text.partition("=")
    name = name.strip()
    if not equals or not _KEY.fullmatch(name):
        raise ScenarioError(
            Problem(
                message="this is no override" if equals else "the value is missing",
                expected="key=value, such as simulators.ev.rated_power_kw=11",
                location=place,
            )
        )
    parts = [int(p) if p.isdecimal() else p for p in _PART.findall(name)]
    if parts[0] in _FIXED:
        raise ScenarioError(
            Problem(message=f"'{parts[0]}' can be given in the file only", location=place)
        )
    return Override(key=tuple(parts), value=parse_yaml(value, place, fixed=True))

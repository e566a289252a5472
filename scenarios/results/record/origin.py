"""Which scenario a record is of, and where its files were: read as text and JSON, nothing else.

The file may come from anybody: whatever it holds, reading it ends in plain values or one error.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gridloom.scenarios.results.record.reader import open_file
from gridloom.simulators.errors import Key, RecordError, dotted

SCENARIO = "scenario"
"""Root attribute: the resolved scenario, JSON."""
FOLDERS = "scenario_folders"
"""Root attribute: where its files were looked up, JSON list of paths."""
_LONGEST = 16 * 1024**2
"""Characters; a thousand vehicles with a year of sessions each need less."""
_DECEPTIVE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Characters that steer a terminal, reverse text, or are none."""
_DEEPEST = 50
"""Levels of mappings and lists; no scenario has ten."""


@dataclass(frozen=True, kw_only=True)
class RecordedScenario:
    """What a record says of the scenario that it is of."""

    scenario: dict[str, Any]
    """Resolved: no base, no variants; not checked."""
    folders: tuple[Path, ...]
    """Where its files were looked up when it ran; they may not exist here."""


def recorded_scenario(path: Path) -> RecordedScenario:
    """Read the scenario of a record.

    Raises:
        RecordError: the file is no record, or its scenario is missing or malformed.
    """
    with open_file(path) as root:
        return scenario_of(root, path)


def scenario_of(root: Any, path: Path) -> RecordedScenario:
    """Read the scenario of a record that is open.

    Raises:
        RecordError: the scenario is missing or malformed.
    """
    scenario = _json(path, root, SCENARIO)
    folders = _json(path, root, FOLDERS)
    if not isinstance(scenario, dict):
        raise _malformed(path, SCENARIO, "is no JSON object")
    if not isinstance(folders, list) or not all(isinstance(name, str) for name in folders):
        raise _malformed(path, FOLDERS, "is no JSON list of texts")
    for attribute, content in ((SCENARIO, scenario), (FOLDERS, folders)):
        what = _flaw(content)
        if what:
            raise _malformed(path, attribute, what)
    return RecordedScenario(scenario=scenario, folders=tuple(Path(name) for name in folders))


def _json(path: Path, root: Any, attribute: str) -> Any:
    """Decode an attribute of the root, which must be one text."""
    if attribute not in root.attrs:
        raise RecordError(f"the record '{path}' does not tell its {attribute.replace('_', ' ')}")
    try:
        text = root.attrs[attribute]
    except Exception as error:  # h5py raises whatever the types in the file make it stumble over
        raise _malformed(path, attribute, f"cannot be read: {error}") from error
    if not isinstance(text, str):
        raise _malformed(path, attribute, "is no text")
    if len(text) > _LONGEST:
        raise _malformed(path, attribute, f"is too long: {len(text)} characters")
    try:
        return json.loads(text)
    except RecursionError as error:
        raise _malformed(path, attribute, "is nested too deeply") from error
    except ValueError as error:
        raise _malformed(path, attribute, f"is no JSON: {error}") from error


def _flaw(content: Any) -> str:
    """Say what must not be in decoded JSON, or ''."""
    for key, value in _entries(content, ()):
        if len(key) > _DEEPEST:
            return "is nested too deeply"
        for text in (value, key[-1] if key else ""):
            found = _DECEPTIVE.search(text) if isinstance(text, str) else None
            if found:
                where = _DECEPTIVE.sub("?", dotted(key))
                return f"holds the character U+{ord(found[0]):04X} at '{where}'"
    return ""


def _entries(content: Any, key: Key) -> Iterator[tuple[Key, Any]]:
    """Yield all values, down to one level below the deepest that is accepted."""
    yield key, content
    if len(key) > _DEEPEST:
        return
    if isinstance(content, dict):
        for name, entry in content.items():
            yield from _entries(entry, (*key, name))
    elif isinstance(content, list):
        for place, item in enumerate(content):
            yield from _entries(item, (*key, place))


def _malformed(path: Path, attribute: str, what: str) -> RecordError:
    return RecordError(f"the record '{path}' is malformed: its attribute '{attribute}' {what}")

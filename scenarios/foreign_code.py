"""What a scenario runs, or reads, that is neither gridloom's nor lies beside it.

A scenario file that the user wrote is trusted. A record may have been sent by anybody, so all this
is found in its plain values, before anything is imported, started or opened.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

from gridloom.scenarios.types import KINDS
from gridloom.simulators.errors import Key, Location, Problem, ScenarioError, dotted

_DOES = {
    "command": "starts the program",
    "commands": "starts the programs",
    "python": "runs the Python code",
    "connect": "connects to",
    "broker": "uses the broker",
}
"""Keys of a model, at whatever depth, that bring in code or data of others."""
_TYPES = {
    "fmu": "runs the machine code of a Functional Mock-up Unit",
    "helics": "takes part in a federation of HELICS",
}
"""Types that bring in code of others, whatever their other keys."""
_SCRIPT = ".dss"
"""Suffix of circuit files: OpenDSS executes their commands, some of which write files."""
_LONGEST = 120
"""Characters of a value that are shown."""


class ForeignCodeError(ScenarioError):
    """A record brings in foreign code, and the user has not allowed it."""

    def __init__(self, source: str, found: Sequence[tuple[Key, str]], location: Location) -> None:
        self.found = tuple(found)
        """Key and what it does."""
        problems = [Problem(message=what, key=key, location=location) for key, what in found]
        hint = Problem(
            message="this is done for a record only if you allow it",
            suggestion=f"look at it with `gridloom describe {source}`, then run it with "
            "--allow-external",
            location=location,
        )
        super().__init__(*problems, hint)


def foreign_code(scenario: Any) -> list[tuple[Key, str]]:
    """Return key and description of all that is not gridloom's own.

    Args:
        scenario: plain values, as decoded from JSON or YAML; need not be valid. Keys that are set
            to null, or to an empty list, count as absent.

    >>> foreign_code({"simulators": {"pv": {"type": "roofs:Roof"}}})
    [(('simulators', 'pv', 'type'), 'imports the Python module "roofs"')]
    """
    if not isinstance(scenario, Mapping):
        return []
    return [
        (key, what)
        for kind in KINDS
        for name, model in _entries(scenario.get(kind))
        for key, what in (*_of_type(model, (kind, name)), *_of_values(model, (kind, name)))
    ]


def print_foreign_code(found: Sequence[tuple[Key, str]]) -> None:
    """Print a heading and one line for each of what `foreign_code` found; nothing for nothing."""
    from rich.console import Console

    console = Console()
    if found:
        console.print("\n[bold]Foreign code and files[/bold]", highlight=False)
    for key, what in found:
        line = f"  {dotted(key)}: {what}"
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def _entries(mapping: Any) -> list[tuple[str, Any]]:
    entries = mapping.items() if isinstance(mapping, Mapping) else ()
    return [(str(name), entry) for name, entry in entries if entry not in (None, [])]


def _of_type(model: Any, key: Key) -> Iterator[tuple[Key, str]]:
    """Tell what a model's type means to load."""
    name = model.get("type") if isinstance(model, Mapping) else None
    if not isinstance(name, str):
        return
    if ":" in name:
        yield (*key, "type"), f"imports the Python module {_shown(name.partition(':')[0])}"
    if name in _TYPES:
        file = f", {_shown(model['file'])}" if model.get("file") else ""
        yield (*key, "type"), f"{_TYPES[name]}{file}"


def _of_values(value: Any, key: Key) -> Iterator[tuple[Key, str]]:
    """Tell what the values of a model mean to start, to connect to and to read from elsewhere."""
    if isinstance(value, str) and value.lower().endswith(_SCRIPT):
        yield key, f"executes the script {_shown(value)}"
    elif isinstance(value, str) and _leads_elsewhere(value) and not _is_type(value, key):
        yield key, f"reads {_shown(value)}"
    elif isinstance(value, Mapping):
        for name, entry in _entries(value):
            if name in _DOES:
                yield (*key, name), f"{_DOES[name]} {_shown(entry)}"
            else:
                yield from _of_values(entry, (*key, name))
    elif isinstance(value, list):
        for place, item in enumerate(value):
            yield from _of_values(item, (*key, place))


def _leads_elsewhere(text: str) -> bool:
    """Whether a text names a place that is not below the folder in which it is looked up.

    Be it on Windows, where `C:x.csv` lies in some folder of drive C, or on another system.
    """
    windows = PureWindowsPath(text)  # splits at both separators
    is_on_drive = windows.drive[:1].isalpha()
    return bool(PurePosixPath(text).root or windows.root or is_on_drive or ".." in windows.parts)


def _is_type(text: str, key: Key) -> bool:
    """Whether a text is a model's type in a module of one letter, which looks like a drive."""
    return key[2:] == ("type",) and not PureWindowsPath(text).root


def _shown(value: Any) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."

"""The text of a circuit file: names as their author wrote them, and what must not be in it.

OpenDSS reports all names in lower case, and writes files where a circuit tells it to.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gridloom.simulators.errors import Location, Problem, ScenarioError

_REMARK = re.compile(r"(!|//).*")
_INCLUDE = re.compile(r"\s*(?:redirect|compile)\s+[\"'\[({]?([^\"'\])}]+)", re.IGNORECASE)
_WRITING = re.compile(r"\s*(show|export|save|dump)\b", re.IGNORECASE)
_WORD = re.compile(r"[^\s=,\"'()\[\]{}]+")


@dataclass(frozen=True, kw_only=True)
class Script:
    """A circuit's master file and the files that it includes."""

    master: Path
    spelling: dict[str, str]
    """Names in lower case to names as first written."""

    def spelled(self, name: str) -> str:
        """Return a name as its author wrote it."""
        return self.spelling.get(name.lower(), name)


def read_script(master: Path) -> Script:
    """Read the text of a circuit file and of the files that it includes.

    Raises:
        ScenarioError: a line would write files; keys are relative to the grid's configuration.
    """
    spelling: dict[str, str] = {}
    problems = []
    for path, number, line in _lines(master, set()):
        writing = _WRITING.match(line)
        if writing is not None:
            problems.append(_writes(writing[1], Location(file=path, line=number, column=1)))
        for word in _WORD.findall(line):
            for name in (word, word.partition(".")[2], *word.split(".")):
                spelling.setdefault(name.lower(), name)
    if problems:
        raise ScenarioError(*problems)
    return Script(master=master, spelling=spelling)


def _lines(path: Path, seen: set[Path]) -> Iterator[tuple[Path, int, str]]:
    """Yield (file, number, text without remarks) of all lines; OpenDSS reports missing files."""
    path = path.resolve()
    if path in seen or not path.is_file():
        return
    seen.add(path)
    text = path.read_text(encoding="utf-8", errors="replace")
    for number, line in enumerate(_without_blocks(text).splitlines(), start=1):
        told = _REMARK.sub("", line)
        yield path, number, told
        include = _INCLUDE.match(told)
        if include is not None:
            yield from _lines(path.parent / include[1].strip().replace("\\", "/"), seen)


def _without_blocks(text: str) -> str:
    """Return the text without /* */, its line breaks kept."""
    return re.sub(r"/\*.*?\*/", lambda block: "\n" * block[0].count("\n"), text, flags=re.DOTALL)


def _writes(command: str, location: Location) -> Problem:
    return Problem(
        message=f"the circuit's command '{command}' writes files",
        key=("network", "file"),
        expected="a circuit that only defines elements",
        suggestion="comment it out with '!': gridloom records the results itself",
        location=location,
    )

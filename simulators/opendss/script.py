"""The text of a circuit file: names as their author wrote them, and what must not be in it.

OpenDSS reports all names in lower case, and writes files where a circuit tells it to.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from gridloom.simulators.errors import Location, Problem, ScenarioError

_REMARK = re.compile(r"(!|//).*")
_BLOCK = re.compile(r"^/\*.*?(\*/[^\n]*|\Z)", re.DOTALL | re.MULTILINE)
_COMMAND = re.compile(r"[\s,=]*[\"'(\[{]?\s*([^\s,=\"'()\[\]{}]+)[\"')\]}]?[\s,]*(.*)")
_FILE = re.compile(
    r"(?:file\s*=\s*)?(?:\"([^\"]+)|'([^']+)|[(\[{]([^)\]}]+)|([^\s,=]+))", re.IGNORECASE
)
_WORD = re.compile(r"[^\s=,\"'()\[\]{}]+")
_INCLUDING = {"redirect": 3, "compile": 1}
"""Commands that run another file, and of how many letters OpenDSS understands each."""
_READING = {"buscoords": 3, "latlongcoords": 2, "giscoords": 2}
"""Commands that read another file, likewise."""
_WRITING = {
    "show": 2,
    "export": 2,
    "save": 2,
    "dump": 2,
    "alignfile": 3,
    "cvrtloadshapes": 2,
    "distribute": 4,
    "estimate": 2,
    "exportoverloads": 7,
    "exportvviolations": 7,
    "reconductor": 3,
    "rephase": 3,
    "_showcontrolqueue": 3,
}
"""Commands that write files, likewise."""


@dataclass(frozen=True, kw_only=True)
class Script:
    """A circuit's master file and the files that it includes."""

    master: Path
    spelling: dict[str, str]
    """Names in lower case to names as first written."""

    def spelled(self, name: str) -> str:
        """Return a name as its author wrote it."""
        return self.spelling.get(name.lower(), name)


@dataclass(frozen=True, kw_only=True)
class _Line:
    """A line without remarks, its command taken apart."""

    location: Location
    text: str
    command: str
    """As written, perhaps abbreviated; '' where the line has none."""
    file: Path | None
    """What an including or reading command names."""

    @property
    def includes(self) -> bool:
        return _is_any(self.command, _INCLUDING)


def read_script(master: Path) -> Script:
    """Read the text of a circuit file and of the files that it includes.

    Raises:
        ScenarioError: a line would write files, or what it does cannot be told beforehand; keys are
            relative to the grid's configuration.
    """
    spelling: dict[str, str] = {}
    problems: list[Problem] = []
    for line in _lines(master, set()):
        problems += _problems(line)
        for word in _WORD.findall(line.text):
            for name in (word, word.partition(".")[2], *word.split(".")):
                spelling.setdefault(name.lower(), name)
    if problems:
        raise ScenarioError(*problems)
    return Script(master=master, spelling=spelling)


def included_files(path: Path) -> tuple[Path, ...]:
    """Return all files that a circuit file includes or reads coordinates from, itself left out.

    Each once, in the order in which they are first named; those that do not exist are left out.
    """
    master = path.resolve()
    named = (line.file for line in _lines(master, set()) if line.file is not None)
    return tuple(dict.fromkeys(file for file in named if file.is_file() and file != master))


def _lines(path: Path, seen: set[Path]) -> Iterator[_Line]:
    """Yield all lines, those of an included file after the line that names it."""
    path = path.resolve()
    if path in seen or not path.is_file():
        return
    seen.add(path)
    text = _BLOCK.sub(_line_breaks, path.read_text(encoding="utf-8", errors="replace"))
    for number, told in enumerate(text.splitlines(), start=1):
        line = _taken_apart(_REMARK.sub("", told), Location(file=path, line=number, column=1))
        yield line
        if line.includes and line.file is not None:
            yield from _lines(line.file, seen)


def _line_breaks(block: re.Match[str]) -> str:
    return "\n" * block[0].count("\n")


def _taken_apart(text: str, location: Location) -> _Line:
    found = _COMMAND.match(text)
    # 'name = value' goes to the active element
    command = found[1] if found is not None and not found[2].startswith("=") else ""
    named = _FILE.match(found[2]) if found is not None else None
    file = None
    if named is not None and _is_any(command, _INCLUDING | _READING):
        name = next(filter(None, named.groups())).strip().replace("\\", "/")
        file = (location.file.parent / name).resolve()
    return _Line(location=location, text=text, command=command, file=file)


def _is_any(word: str, commands: Mapping[str, int]) -> bool:
    """Whether OpenDSS may understand a word, perhaps abbreviated, as one of the commands."""
    told = word.lower()
    return any(len(told) >= least and name.startswith(told) for name, least in commands.items())


def _problems(line: _Line) -> Iterator[Problem]:
    """Yield what must not be in a circuit file."""
    command = line.command
    if command.startswith("@"):
        message = f"the circuit's command is a variable, '{command}'"
        yield _problem(line, message, "name the command itself")
    elif _is_any(command, _WRITING):
        message = f"the circuit's command '{command}' writes files"
        yield _problem(
            line, message, "comment it out with '!': gridloom records the results itself"
        )
    elif line.includes and (line.file is None or not line.file.is_file()):
        named = f"'{line.text.strip()}'"
        message = f"'{line.location.file.name}' includes a file that does not exist: {named}"
        suggestion = (
            "name it relative to the file that includes it, without CD, DataPath, variables"
        )
        yield _problem(line, message, suggestion)


def _problem(line: _Line, message: str, suggestion: str) -> Problem:
    return Problem(
        message=message,
        key=("network", "file"),
        expected="a circuit that only defines elements",
        suggestion=suggestion,
        location=line.location,
    )

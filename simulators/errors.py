"""Every error that gridloom raises on purpose.

    GridloomError
    ├── ScenarioError     the input is wrong: nothing has run yet       (exit code 2)
    ├── SimulatorError    a model or simulator failed while running     (exit code 3)
    │   └── DivergenceError   the power flow has no solution            (exit code 3)
    ├── SolveError        a controller's optimisation failed            (exit code 3)
    └── RecordError       a record cannot be written or read            (exit code 3)

An error is built from data (who, where, when, what was expected) and renders itself; nobody
assembles its message elsewhere.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import TypeAlias

from typing_extensions import override

Key: TypeAlias = tuple[str | int, ...]


class GridloomError(Exception):
    """Root of the tree: whatever gridloom raises on purpose."""

    exit_code = 1


@dataclass(frozen=True, kw_only=True)
class Location:
    """A place in a text file; line and column count from 1."""

    file: Path
    line: int
    column: int

    @override
    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One thing that is wrong with the input."""

    message: str
    """What is wrong, in one sentence, without a full stop."""
    key: Key = ()
    """Where: path of keys, relative to the configuration at hand until the reader completes it."""
    expected: str = ""
    """What would have been accepted."""
    suggestion: str = ""
    """What the user probably meant, or could do."""
    location: Location | None = None

    def below(self, prefix: Key) -> "Problem":
        """Return this problem with its key moved below ``prefix``."""
        return replace(self, key=(*prefix, *self.key))

    @override
    def __str__(self) -> str:
        where = f"{self.location}: " if self.location else ""
        key = f"{dotted(self.key)}: " if self.key else ""
        lines = [f"{where}{key}{self.message}"]
        if self.expected:
            lines.append(f"  expected: {self.expected}")
        if self.suggestion:
            lines.append(f"  hint: {self.suggestion}")
        return "\n".join(lines)


class ScenarioError(GridloomError):
    """The input is wrong; carries all problems found, not only the first."""

    exit_code = 2

    def __init__(self, *problems: Problem) -> None:
        self.problems: tuple[Problem, ...] = problems
        super().__init__("\n".join(str(problem) for problem in problems))

    def below(self, prefix: Key) -> "ScenarioError":
        """Return this error with every key moved below ``prefix``."""
        return ScenarioError(*(problem.below(prefix) for problem in self.problems))


class SimulatorError(GridloomError):
    """A model or simulator failed while running."""

    exit_code = 3

    def __init__(self, simulator: str, time: int | None, cause: str, *, element: str = "") -> None:
        self.simulator = simulator
        self.time = time
        self.element = element
        self.cause = cause
        when = "" if time is None else f" at simulation time {time} s"
        what = f" ({element})" if element else ""
        super().__init__(f"simulator '{simulator}'{what} failed{when}: {cause}")


class DivergenceError(SimulatorError):
    """The power flow found no solution at one time step."""


class SolveError(GridloomError):
    """A controller's optimisation failed."""

    exit_code = 3

    def __init__(self, controller: str, time: int, status: str, cause: str = "") -> None:
        self.controller = controller
        self.time = time
        self.status = status
        self.cause = cause
        detail = f": {cause}" if cause else ""
        super().__init__(
            f"controller '{controller}' found no schedule at simulation time {time} s "
            f"(solver status: {status}){detail}"
        )


class RecordError(GridloomError):
    """A record cannot be written or read."""

    exit_code = 3


def dotted(key: Key) -> str:
    """Render a key path as users write it.

    >>> dotted(("simulators", "ev", "sessions", 3, "arrival"))
    'simulators.ev.sessions[3].arrival'
    """
    text = ""
    for part in key:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def nearest(name: str, known: Iterable[str]) -> str:
    """Suggest the known name closest to ``name``, as a sentence for the user, or ''.

    >>> nearest("raduis", ["radius", "height"])
    "did you mean 'radius'?"
    """
    match = get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f"did you mean '{match[0]}'?" if match else ""


def listing(names: Sequence[str], limit: int = 8) -> str:
    """Render names as one short line: the first few and how many more.

    >>> listing(["a", "b", "c"], limit=2)
    'a, b, ... (3 in all)'
    """
    shown = ", ".join(names[:limit])
    return shown if len(names) <= limit else f"{shown}, ... ({len(names)} in all)"

"""Says in the user's words why a text is no YAML."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.reader import ReaderError

from gridloom.simulators.errors import Location, Problem

_QUOTE = "put the text in quotes"


@dataclass(frozen=True)
class _Explanation:
    message: str
    hint: str = ""
    at_context: bool = False
    """Whether the mistake is where the construct began, not where reading stopped."""


_Test: TypeAlias = Callable[[str, str], bool]

# First match counts; each test sees the parser's problem and its context.
_EXPLANATIONS: tuple[tuple[_Test, _Explanation], ...] = (
    (
        lambda problem, _: problem.startswith("mapping values are not allowed"),
        _Explanation(
            "a colon where no key can be",
            "check the indentation, and put text that contains ': ' in quotes",
        ),
    ),
    (
        lambda _, context: context == "while scanning a quoted scalar",
        _Explanation("this quote is never closed", at_context=True),
    ),
    (
        lambda _, context: context == "while parsing a flow sequence",
        _Explanation("a comma or the closing ']' of this list is missing", at_context=True),
    ),
    (
        lambda _, context: context == "while parsing a flow mapping",
        _Explanation("a comma or the closing '}' of this mapping is missing", at_context=True),
    ),
    (
        lambda problem, _: "could not find expected ':'" in problem,
        _Explanation(
            "a key without a colon",
            "write 'key: value', with a space after the colon",
            at_context=True,
        ),
    ),
    (
        lambda problem, _: "but found another document" in problem,
        _Explanation("a second document begins here", "remove the line '---'"),
    ),
    (
        lambda problem, _: problem.startswith("expected <block end>"),
        _Explanation("this line's indentation fits nothing above it"),
    ),
)


def syntax_problem(
    error: MarkedYAMLError | ReaderError, text: str, origin: Location, *, fixed: bool
) -> Problem:
    """Return the problem that stopped the YAML parser, at its place in ``text``."""
    if isinstance(error, ReaderError):
        before = text[: error.position]
        line, column = before.count("\n"), len(before) - before.rfind("\n") - 1
        found = _Explanation(f"the control character #x{error.character:02x} is not allowed")
    else:
        found = _explanation(error, text)
        mark = error.context_mark if found.at_context else error.problem_mark
        mark = mark or error.problem_mark or error.context_mark
        line, column = (mark.line, mark.column) if mark else (0, 0)
    return Problem(
        message=found.message,
        suggestion=found.hint,
        location=origin if fixed else Location(file=origin.file, line=line + 1, column=column + 1),
    )


def _explanation(error: MarkedYAMLError, text: str) -> _Explanation:
    problem, context = error.problem or "", error.context or ""
    if "cannot start any token" in problem and error.problem_mark is not None:
        return _bad_start(text.splitlines()[error.problem_mark.line], error.problem_mark.column)
    if problem.startswith("found undefined alias"):
        name = problem.split("'")[1]
        return _Explanation(
            f"there is no anchor '&{name}' before this alias",
            "text that begins with '*' needs quotes",
        )
    for test, explanation in _EXPLANATIONS:
        if test(problem, context):
            return explanation
    return _Explanation(" ".join(part for part in (context, problem) if part))


def _bad_start(line: str, column: int) -> _Explanation:
    character = line[column : column + 1]
    if character == "\t":
        return _Explanation("indented with a tab", "indent with spaces")
    return _Explanation(f"a value cannot begin with '{character}'", _QUOTE)

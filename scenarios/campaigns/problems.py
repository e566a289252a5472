"""Collects what is wrong with an input, so that all of it is told at once."""

from collections.abc import Callable, Iterable
from typing import TypeVar

from gridloom.simulators.errors import Problem, ScenarioError

_Result = TypeVar("_Result")


class Problems:
    """What was found wrong so far."""

    def __init__(self) -> None:
        self._found: list[Problem] = []

    def add(self, problems: Iterable[Problem]) -> None:
        """Note problems."""
        self._found += problems

    def within(self, read: Callable[[], _Result]) -> _Result | None:
        """Return what ``read`` does, or None after noting what it finds wrong."""
        try:
            return read()
        except ScenarioError as error:
            self._found += error.problems
            return None

    def require_none(self) -> None:
        """Go on only where nothing is wrong.

        Raises:
            ScenarioError: with everything noted, in the order of the files.
        """
        if self._found:
            raise ScenarioError(*sorted(dict.fromkeys(self._found), key=_place))


def _place(problem: Problem) -> tuple[str, int, int]:
    place = problem.location
    return (str(place.file), place.line, place.column) if place else ("", 0, 0)

"""Programs that a federation starts, each with all that it starts, their output kept."""

import os
import shlex
import shutil
import weakref
from collections.abc import Mapping, Sequence
from errno import ENOENT
from pathlib import Path

from gridloom.simulators.remote.process import ChildProcess


class Program:
    """A program that runs until it ends by itself or is killed with all that it started."""

    def __init__(self, command: Sequence[str], folder: Path | None = None) -> None:
        """Start it.

        Raises:
            OSError: it cannot be started.
        """
        self.name = shlex.join(command)
        """How the user would have typed it."""
        where = folder or Path()
        if shutil.which(command[0]) is None and shutil.which(where / command[0]) is None:
            raise FileNotFoundError(ENOENT, os.strerror(ENOENT), command[0])
        self._process = ChildProcess(command, folder=folder)
        # Also where whoever holds it forgets to.
        self._end = weakref.finalize(self, self._process.close)

    @property
    def exit_code(self) -> int | None:
        """Its exit code, 128 plus the number of the signal that killed it; None while it runs."""
        return self._process.exit_code()

    def wait(self, within_s: float) -> int | None:
        """Return its exit code as soon as it has ended, or None after that time."""
        self._process.wait(max(within_s, 0.0))
        return self.exit_code

    def tail(self, lines: int = 12) -> str:
        """Return the last lines of what it wrote."""
        return self._process.tail(lines)

    def ending(self, who: str) -> str:
        """Say how it ended and what it wrote last, as a clause about ``who``."""
        how = self._process.how_it_ended().removeprefix("its process ")
        tail = self.tail()
        wrote = f"; the last it wrote:\n{indented(tail)}" if tail else " and wrote nothing"
        return f"{who} {how}: {self.name}{wrote}"

    def kill(self) -> None:
        """End it and all that it started; does nothing if that has happened."""
        self._end()


def indented(text: str) -> str:
    """Return lines set off from the sentence before them."""
    return "\n".join(f"    {line}" for line in text.splitlines())


def arguments(command: str | Sequence[str], values: Mapping[str, str]) -> list[str]:
    """Return a command as a list, each `{name}` in it replaced by its value.

    >>> arguments("ev --broker {broker}", {"broker": "tcp://127.0.0.1:23404"})
    ['ev', '--broker', 'tcp://127.0.0.1:23404']
    """
    parts = shlex.split(command, posix=os.name != "nt") if isinstance(command, str) else command
    return [_filled(part, values) for part in parts]


def _filled(text: str, values: Mapping[str, str]) -> str:
    for name, value in values.items():
        text = text.replace(f"{{{name}}}", value)
    return text

"""Says what is being done, for a profile of the wall time; costs next to nothing without one.

Every moment belongs to the innermost phase that is under way. Imports are a phase wherever they
happen but in steps.
"""

import builtins
import importlib
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from time import perf_counter, process_time
from types import ModuleType
from typing import NamedTuple, TypeAlias

Path: TypeAlias = tuple[str, ...]
"""A phase, by the names of the phases around it and its own."""

IMPORTS, STEPPING = "imports", "stepping"


class Spent(NamedTuple):
    """What a phase took, without the phases within it."""

    wall_s: float = 0.0
    cpu_s: float = 0.0
    """Of all threads of this process."""


class Phases:
    """The time of each phase; phases of one thread."""

    def __init__(self) -> None:
        self._spent: dict[Path, Spent] = {}
        self._path: Path = ()
        self._since = Spent(perf_counter(), process_time())

    @property
    def path(self) -> Path:
        """What is under way."""
        return self._path

    def switch(self, path: Path) -> Path:
        """Begin or go on with a phase, and return the one that was under way before."""
        before, since, now = self._path, self._since, Spent(perf_counter(), process_time())
        spent = self._spent.get(before, Spent())
        self._spent[before] = Spent(
            spent.wall_s + now.wall_s - since.wall_s, spent.cpu_s + now.cpu_s - since.cpu_s
        )
        self._path, self._since = path, now
        return before

    @contextmanager
    def of(self, path: Path) -> Iterator[None]:
        """Tell that everything within the block belongs to a phase."""
        before = self.switch(path)
        try:
            yield
        finally:
            self.switch(before)

    def spent(self) -> dict[Path, Spent]:
        """Return what each phase took up to now."""
        self.switch(self._path)
        return dict(self._spent)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Take the time of all phases, and of all imports, within the block."""
        token = _active.set(self)
        try:
            with self._watching_imports():
                yield
        finally:
            _active.reset(token)

    @contextmanager
    def _watching_imports(self) -> Iterator[None]:
        """Count imports by top-level package; within a step they belong to the step."""
        usual, usual_by_name = builtins.__import__, importlib.import_module
        here = threading.get_ident()

        def is_counted() -> bool:
            return self._path[:1] != (STEPPING,) and threading.get_ident() == here

        def timed(
            name: str,
            globals: Mapping[str, object] | None = None,  # noqa: A002 -- as Python calls it
            locals: Mapping[str, object] | None = None,  # noqa: A002
            fromlist: Sequence[str] | None = (),
            level: int = 0,
        ) -> ModuleType:
            if not is_counted():
                return usual(name, globals, locals, fromlist or (), level)
            package = str((globals or {}).get("__package__")) if level else name
            before = self.switch((IMPORTS, package.partition(".")[0]))
            try:
                return usual(name, globals, locals, fromlist or (), level)
            finally:
                self.switch(before)

        def timed_by_name(name: str, package: str | None = None) -> ModuleType:
            if not is_counted():
                return usual_by_name(name, package)
            top = (package or "") if name.startswith(".") else name
            with self.of((IMPORTS, top.partition(".")[0])):
                return usual_by_name(name, package)

        builtins.__import__, importlib.import_module = timed, timed_by_name
        try:
            yield
        finally:
            builtins.__import__, importlib.import_module = usual, usual_by_name


_active: ContextVar[Phases | None] = ContextVar("phases", default=None)
_NOTHING: AbstractContextManager[None] = nullcontext()


def phase(name: str, *, at_top: bool = False) -> AbstractContextManager[None]:
    """Tell what is being done within a block, if anybody wants to know.

    Args:
        name: of the phase.
        at_top: whether it is a phase of its own, and not part of the one that is under way.
    """
    active = _active.get()
    if active is None:
        return _NOTHING
    return active.of((name,) if at_top else (*active.path, name))

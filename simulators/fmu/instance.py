"""One running instance of an FMU: loaded, started, stepped and freed, through FMPy.

Values go in and out through `Bank`s: for each type of the standard one array (instance, value), a
row of which the FMU reads and writes in place.
"""

import ctypes
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from os import chdir
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from gridloom.simulators.fmu.archive import Archive
from gridloom.simulators.fmu.messages import Messages
from gridloom.simulators.fmu.parameters import Start
from gridloom.simulators.fmu.variables import NUMERIC, FmiType

_FATAL = 4
_STATUS_CATEGORIES = ("Warning", "Discard", "Error", "Fatal")


@dataclass(frozen=True, kw_only=True)
class Bank:
    """Values of one type, a row an instance."""

    type: FmiType
    references: Any
    """ctypes array of value references, the same for all instances."""
    values: NDArray[Any]
    """(instance, value), in C order."""


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """What an instance is told of the run."""

    stop_time_s: float
    tolerance: float | None


class InstanceFailure(Exception):  # noqa: N818 -- internal: becomes a SimulatorError
    """An instance reported that it cannot go on; the population adds who and when."""


class Instance(ABC):
    """One instance: constructed, `start`ed, `connect`ed, then write, do_step, read; `close`d."""

    prefix: ClassVar[str]
    """Of the functions' names: fmi2 or fmi3."""

    def __init__(self, archive: Archive, folder: Path, name: str, *, shown: bool) -> None:
        self._archive = archive
        self._folder = folder
        self._name = name
        self._shown = shown
        self.messages = Messages(name, shown=shown)
        self._fmu: Any = None
        self._initialised = False
        self._failed = False
        self.fatal = False
        """Whether the FMU must not be called any more."""
        self._writes: list[Callable[[], object]] = []
        self._reads: list[Callable[[], object]] = []

    @abstractmethod
    def _load(self, **arguments: Any) -> Any:
        """Return FMPy's object for the shared library."""

    @abstractmethod
    def _instantiate(self, *, shown: bool) -> None:
        """Let the FMU make an instance."""

    @abstractmethod
    def _initialise(self, experiment: Experiment) -> None:
        """Enter and leave initialisation mode."""

    @abstractmethod
    def _mover(self, verb: str, bank: Bank, row: int) -> Callable[[], object]:
        """Return the call that moves a bank's row into the FMU ("Set") or out of it ("Get")."""

    @abstractmethod
    def do_step(self, time_s: float, size_s: float) -> None:
        """Advance from ``time_s`` by ``size_s``.

        Raises:
            InstanceFailure: the step was not done.
        """

    def start(self, values: Sequence[Start], experiment: Experiment) -> None:
        """Load the shared library, make the instance, set start values and initialise."""
        types = NUMERIC[self._archive.major_version]
        with _working_folder_kept():
            self._fmu = self._load(
                guid=self._archive.token,
                modelIdentifier=self._archive.model_identifier,
                unzipDirectory=str(self._folder),
                instanceName=self._name,
            )
            self._instantiate(shown=self._shown)
            if not self._shown:
                self._ask_for_errors(self._archive.log_categories)
            for each in values:
                known = types.get(each.variable.type)
                setter = f"set{known.function if known else each.variable.type}"
                getattr(self._fmu, setter)([each.variable.reference], list(each.values))
            self._initialise(experiment)
        self._initialised = True

    def connect(self, inputs: Sequence[Bank], outputs: Sequence[Bank], row: int) -> None:
        """Prepare the calls that move this instance's row of every bank.

        The inputs' rows first get the values that the FMU started with.
        """
        self._writes = [self._mover("Set", bank, row) for bank in inputs]
        self._reads = [self._mover("Get", bank, row) for bank in outputs]
        for bank in inputs:
            self._mover("Get", bank, row)()

    def write(self) -> None:
        """Move the inputs into the FMU."""
        for move in self._writes:
            move()

    def read(self) -> None:
        """Move the outputs out of the FMU."""
        for move in self._reads:
            move()

    def cause(self, error: Exception) -> str:
        """Return what went wrong with the FMU's own last messages, and remember that it failed."""
        self._failed = True
        self.fatal = self.fatal or getattr(error, "status", None) == _FATAL
        return f"{str(error).rstrip('.')}{self.messages.tail()}"

    def close(self, *, callable_: bool = True) -> None:
        """Terminate and free, as far as the FMU allows.

        Args:
            callable_: false if another instance of the FMU broke it for all.
        """
        if self._fmu is None or not callable_ or self.fatal:
            return
        with suppress(Exception), _working_folder_kept():  # nobody can act on a failing end
            if self._initialised and not self._failed:
                self._fmu.terminate()
        with suppress(Exception), _working_folder_kept():
            if self._fmu.component is None:
                self._fmu.freeLibrary()
            else:
                self._fmu.freeInstance()
        self._fmu = None

    def _pointer(self, bank: Bank, row: int) -> Any:
        return bank.values[row].ctypes.data_as(ctypes.POINTER(bank.type.ctype))

    def _call(self, verb: str, bank: Bank, row: int, *more: int) -> Callable[[], object]:
        function = getattr(self._fmu, f"{self.prefix}{verb}{bank.type.function}")
        references = bank.references
        pointer = self._pointer(bank, row)
        return partial(function, self._fmu.component, references, len(references), pointer, *more)

    def _ask_for_errors(self, categories: Sequence[str]) -> None:
        """Ask for warnings and errors only, if the FMU knows the standard's categories."""
        wanted = [f"logStatus{status}" for status in _STATUS_CATEGORIES]
        known = [category for category in wanted if category in categories]
        if known:
            with suppress(Exception):  # some FMUs cannot; then there are no messages
                self._fmu.setDebugLogging(True, known)  # noqa: FBT003 -- FMPy's signature


@contextmanager
def _working_folder_kept() -> Iterator[None]:
    """Undo what FMPy, or an FMU, does to the working folder."""
    before = Path.cwd()
    try:
        yield
    finally:
        chdir(before)


def new_bank(type_: FmiType, references: Sequence[int], size: int, instances: int) -> Bank:
    """Return a bank of zeros."""
    return Bank(
        type=type_,
        references=(ctypes.c_uint * len(references))(*references),
        values=np.zeros((instances, size), dtype=type_.dtype),
    )

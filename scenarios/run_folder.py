"""Where a run's files are: one folder a run, named by what was run."""

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from gridloom.scenarios.results.record import (
    RunStatus,
    folder_lock,
    record_status,
    replace_durably,
    write_errors,
    write_through,
)
from gridloom.simulators.errors import GridloomError, Problem, RecordError, ScenarioError


class BusyFolderError(ScenarioError):
    """Another process computes this very run now."""


@dataclass(frozen=True)
class RunFolder:
    """The files of one run.

    The record is written as `record.partial.h5` and renamed once the run is complete, so that a
    `record.h5` is always whole and a complete run is never touched by a later one.
    """

    path: Path

    @property
    def record(self) -> Path:
        """The complete record."""
        return self.path / "record.h5"

    @property
    def partial_record(self) -> Path:
        """The record while it is written, and what is left of a run that failed."""
        return self.path / "record.partial.h5"

    def any_record(self) -> Path:
        """Return the complete record, or what there is of an unfinished one if there is none."""
        unfinished = self.partial_record.exists() and not self.record.exists()
        return self.partial_record if unfinished else self.record

    @property
    def kpis(self) -> Path:
        """Key performance indicators as a table."""
        return self.path / "kpis.csv"

    @property
    def report(self) -> Path:
        """The report as one self-contained page."""
        return self.path / "report.html"

    @property
    def log(self) -> Path:
        """What gridloom had to say while running."""
        return self.path / "run.log"

    @property
    def trace(self) -> Path:
        """The time line of the run, if it was asked for."""
        return self.path / "trace.json"

    def is_complete(self) -> bool:
        """Whether this very run was completed before."""
        try:
            status, _ = record_status(self.record)
        except (RecordError, OSError):
            return False
        return status is RunStatus.COMPLETE

    @contextmanager
    def claimed(self) -> Iterator[None]:
        """Make the folder this process's own and remove what an unfinished run has left.

        Where the input turns out to be wrong after all, the folder is as if nothing had been.

        Raises:
            BusyFolderError: another process computes this run now.
            ScenarioError: the folder cannot be written.
        """
        made = [each for each in (self.path, self.path.parent) if not each.exists()]
        with ExitStack() as stack:
            forgotten = stack.enter_context(ExitStack())  # which comes after the lock
            try:
                self.path.mkdir(parents=True, exist_ok=True)
                stack.enter_context(folder_lock(self.path))
                self.partial_record.unlink(missing_ok=True)
                self.log.touch()
            except BlockingIOError as error:
                raise BusyFolderError(
                    Problem(
                        message=f"another process is computing this very run, in {self.path}",
                        suggestion="wait for it, or choose another folder with --out DIR",
                    )
                ) from error
            except OSError as error:
                raise self._unwritable(str(error.strerror)) from error
            try:
                yield
            except ScenarioError:
                if not self.record.exists() and not self.partial_record.exists():
                    self.log.unlink(missing_ok=True)
                    forgotten.callback(_remove_empty, made)
                raise

    def require_writable(self) -> None:
        """Refuse a place that cannot be written to, before anything is computed for it.

        Raises:
            ScenarioError: the nearest folder that exists is none, or not ours to write to.
        """
        nearest = next(p for p in (self.path, *self.path.absolute().parents) if p.exists())
        if not nearest.is_dir():
            raise self._unwritable(f"{nearest} is not a folder")
        if not os.access(nearest, os.W_OK):
            raise self._unwritable(f"you may not write to {nearest}")

    def _unwritable(self, cause: str) -> ScenarioError:
        return ScenarioError(
            Problem(
                message=f"cannot write to {self.path}: {cause}",
                expected="a folder you may write to",
                suggestion="choose another with --out DIR",
            )
        )

    def finish(self) -> None:
        """Give the record its final name; after a power cut it has it with all there is, or not.

        Raises:
            RecordError: the disk is full, or broken.
        """
        with write_errors(self.record):
            if self.kpis.exists():  # who finds the record counts on them
                write_through(self.kpis)
            replace_durably(self.partial_record, self.record)


class Interrupted(GridloomError):  # noqa: N818 -- no error of anyone's: the user's wish
    """The user asked to stop; carries the signal's number."""

    def __init__(self, signal_number: int, time_s: int) -> None:
        self.time_s = time_s
        self.exit_code = 128 + signal_number
        super().__init__(f"interrupted at simulation time {time_s} s")


def _remove_empty(folders: Sequence[Path]) -> None:
    with suppress(OSError):  # there is something of somebody else's
        for folder in folders:
            folder.rmdir()

"""Where a run's files are: one folder a run, named by what was run."""

from dataclasses import dataclass
from pathlib import Path

from gridloom.scenarios.results.record import RunStatus, record_status
from gridloom.simulators.errors import GridloomError, Problem, RecordError, ScenarioError


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

    def is_complete(self) -> bool:
        """Whether this very run was completed before."""
        try:
            status, _ = record_status(self.record)
        except (RecordError, OSError):
            return False
        return status is RunStatus.COMPLETE

    def prepare(self) -> None:
        """Make the folder and remove what an unfinished run has left.

        Raises:
            ScenarioError: the folder cannot be written.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self.partial_record.unlink(missing_ok=True)
            probe = self.path / ".writable"
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise ScenarioError(
                Problem(
                    message=f"cannot write to {self.path}: {error.strerror}",
                    expected="a folder you may write to",
                    suggestion="choose another with --out DIR",
                )
            ) from error

    def finish(self) -> None:
        """Give the record its final name."""
        self.partial_record.replace(self.record)


class Interrupted(GridloomError):  # noqa: N818 -- no error of anyone's: the user's wish
    """The user asked to stop; carries the signal's number."""

    def __init__(self, signal_number: int, time_s: int) -> None:
        self.time_s = time_s
        self.exit_code = 128 + signal_number
        super().__init__(f"interrupted at simulation time {time_s} s")

"""Where the files of a campaign are."""

from dataclasses import dataclass
from pathlib import Path

from gridloom.scenarios.run_folder import RunFolder
from gridloom.simulators.errors import RecordError


@dataclass(frozen=True)
class CampaignFolder:
    """The files of one campaign."""

    path: Path

    @property
    def index(self) -> Path:
        """What became of every run."""
        return self.path / "index.sqlite"

    @property
    def runs(self) -> Path:
        """Folder below which each run has its own."""
        return self.path / "runs"

    @property
    def log(self) -> Path:
        """What the driver had to say."""
        return self.path / "batch.log"

    @property
    def table(self) -> Path:
        """Parameters and indicators of all runs."""
        return self.path / "table.csv"

    @property
    def report(self) -> Path:
        """The comparison of all runs as one page."""
        return self.path / "report.html"

    def complete_runs(self) -> set[str]:
        """Return the names of the runs' folders that hold a whole record."""
        return {path.name for path in self.runs.glob("*") if RunFolder(path).record.is_file()}

    def is_campaign(self) -> bool:
        """Whether a campaign was begun here."""
        return self.index.is_file()


def full_disk(folder: Path, told: str) -> RecordError:
    """Return the error that stops a batch on a full disk."""
    return RecordError(
        f"the disk of {folder} is full ({told}); free some space, and the same command goes on "
        "where this one stops"
    )

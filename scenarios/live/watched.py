"""What is watched, and what its pages ask for."""

from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from threading import Lock
from typing import Any, TypeAlias

from gridloom.scenarios.campaigns.campaign_folder import CampaignFolder
from gridloom.scenarios.live.campaign_view import CampaignView
from gridloom.scenarios.live.followed_record import FollowedRecord
from gridloom.scenarios.run_folder import RunFolder
from gridloom.simulators.errors import Problem, RecordError, ScenarioError

_MOST_RECORDS = 8
"""Records followed at once; more pages than that share the time it takes to read on."""

Query: TypeAlias = Mapping[str, str]


class Watched:
    """What is watched: a record, or a campaign with the records of its runs."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._campaign = CampaignView(CampaignFolder(path))
        self._records: OrderedDict[Path, FollowedRecord] = OrderedDict()
        self._lock = Lock()

    @property
    def is_campaign(self) -> bool:
        """Whether there is a campaign, by now."""
        return CampaignFolder(self._path).is_campaign()

    def campaign_state(self, query: Query) -> dict[str, Any]:
        """Answer the page of a campaign."""
        try:
            return self._campaign.state(
                query.get("kpi", ""), query.get("axis", ""), query.get("since", "")
            )
        except RecordError as error:  # such as a driver that writes for long: the page asks again
            return {"problem": str(error)}

    def run_state(self, name: str | None, query: Query) -> dict[str, Any] | None:
        """Answer the page of a run; None if the campaign has no run of that name."""
        record = self._record(name)
        if record is None:
            return None
        epoch = int(query.get("epoch", "0"))
        return record.state(epoch, _have(query.get("have", "")), query.get("line", ""))

    def _record(self, name: str | None) -> FollowedRecord | None:
        where = self._path if name is None else self._folder_of(name)
        if where is None:
            return None
        with self._lock:
            record = self._records.setdefault(where, FollowedRecord(where))
            self._records.move_to_end(where)
            while len(self._records) > _MOST_RECORDS:
                self._records.popitem(last=False)
            return record

    def _folder_of(self, name: str) -> Path | None:
        try:
            return self._campaign.record_folder(name) if self.is_campaign else None
        except RecordError:
            return None


def _have(text: str) -> dict[str, tuple[int, int]]:
    """Read what a page has, as in 'model0:4:120,line17:1:9': table, width and full points."""
    parts = [each.split(":") for each in text.split(",") if each]
    return {table: (int(width), int(points)) for table, width, points in parts}


def require_watchable(path: Path) -> None:
    """Refuse what will never be a record or a campaign.

    Raises:
        ScenarioError: with what to watch instead.
    """
    if not path.absolute().parent.is_dir():
        raise ScenarioError(Problem(message=f"there is no folder '{path.absolute().parent}'"))
    if not path.is_dir() or CampaignFolder(path).is_campaign() or (path / "run.log").exists():
        return
    runs = [folder for folder in path.iterdir() if RunFolder(folder).log.exists()]
    if runs and not RunFolder(path).any_record().exists():
        newest = max(runs, key=lambda folder: RunFolder(folder).log.stat().st_mtime)
        raise ScenarioError(
            Problem(
                message=f"'{path}' holds {len(runs)} runs: choose one",
                suggestion=f"the newest: gridloom watch {newest}",
            )
        )

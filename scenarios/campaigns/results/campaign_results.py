"""What a campaign has yielded so far, for those who work with it in Python."""

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from gridloom.scenarios.campaigns.campaign_folder import CampaignFolder
from gridloom.scenarios.campaigns.index import About, Index, IndexedRun
from gridloom.scenarios.campaigns.outcome import RunState
from gridloom.scenarios.campaigns.results.columns import Choice
from gridloom.scenarios.campaigns.results.values import CampaignValues, read_values
from gridloom.simulators.errors import Problem, ScenarioError

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr


def open_campaign(folder: str | Path) -> "CampaignResults":
    """Return the results of the campaign in a folder; it may still be under way.

    Raises:
        ScenarioError: there is no campaign in this folder.
    """
    found = CampaignFolder(Path(folder))
    require_campaign(found)
    return CampaignResults(found)


def require_campaign(folder: CampaignFolder) -> None:
    """Refuse a folder in which no campaign was begun.

    Raises:
        ScenarioError: it is none.
    """
    if not folder.is_campaign():
        raise ScenarioError(
            Problem(
                message=f"'{folder.path}' is no campaign: there is no {folder.index.name} in it",
                expected="the folder that gridloom batch CAMPAIGN has written to",
            )
        )


class CampaignResults:
    """Parameters and indicators of all points of a campaign.

    Every call reads the books anew, so that it knows what has completed meanwhile.
    """

    def __init__(self, folder: CampaignFolder) -> None:
        self.folder = folder

    @cached_property
    def about(self) -> About:
        """What the campaign is."""
        with Index(self.folder.index) as index:
            return index.about()

    def runs(self, *states: RunState) -> Iterator[IndexedRun]:
        """Yield all points in order, or those whose runs are in one of these states."""
        with Index(self.folder.index) as index:
            yield from index.runs(*states)

    def table(self, *, parts: bool = False, wall_times: bool = False) -> "pd.DataFrame":
        """Return one row a point.

        Columns: `number`, one a parameter, `state`, `fault`, `reason`, one an indicator, `digest`.
        `DataFrame.attrs["units"]` has the unit of each column that has one. Indicators of runs
        that are not complete are NaN.

        Args:
            parts: also the indicators of parts, as `name[of]`.
            wall_times: also computing times, which no second run reproduces.
        """
        from gridloom.scenarios.campaigns.results.frames import wide_frame

        return wide_frame(self._values(Choice(parts=parts, wall_times=wall_times)))

    def tidy(self, *, parts: bool = False, wall_times: bool = False) -> "pd.DataFrame":
        """Return one row a point and indicator, for points whose runs are complete.

        Columns: `number`, one a parameter, `indicator`, `of`, `value`, `unit`. Arguments as for
        `table`.
        """
        from gridloom.scenarios.campaigns.results.frames import long_frame

        return long_frame(self._values(Choice(parts=parts, wall_times=wall_times)))

    def dataset(self, *, parts: bool = False, wall_times: bool = False) -> "xr.Dataset":
        """Return the indicators over the axes.

        Where there is one point for every combination of values, each axis is a dimension; axes
        that are walked side by side share one, named by the first. Else, as where combinations are
        listed, the only dimension is `run`. Indicators are variables with the attributes `units`
        and `long_name`, NaN where a run is not complete. Arguments as for `table`.
        """
        from gridloom.scenarios.campaigns.results.dataset import campaign_dataset

        return campaign_dataset(self._values(Choice(parts=parts, wall_times=wall_times)))

    def _values(self, choice: Choice) -> CampaignValues:
        with Index(self.folder.index) as index:
            return read_values(index, choice)

"""The books of a campaign, asked for what a page shows: little, however many runs there are."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from gridloom.scenarios.campaigns.index import BETWEEN_LABELS, IndexReader
from gridloom.scenarios.campaigns.outcome import RunState
from gridloom.scenarios.campaigns.point import Parameter


class ListedRun(NamedTuple):
    """One point, in a table of the page."""

    number: int
    parameters: Mapping[str, Parameter]
    digest: str
    folder: str
    attempts: int
    fault: str | None
    reason: str
    wall_time_s: float | None
    changed: str


class ListedKpi(NamedTuple):
    """An indicator of runs as a whole."""

    id: int
    name: str
    label: str
    unit: str
    headline: bool


class LiveIndex(IndexReader):
    """The index, open for reading, with the questions of a page."""

    def points(self) -> int:
        """Return how many points the campaign has; several may share a run."""
        ((count,),) = self.rows("select count(*) from point")
        return int(count)

    def newest(self, state: RunState, most: int) -> list[ListedRun]:
        """Return the points whose runs came to a state last, newest first."""
        rows = self.rows(
            "select number, parameters, digest, folder, attempts, fault, reason, wall_time_s, "
            "coalesce(changed, '') from run join point using (digest) where state = ? "
            "order by changed desc, number desc limit ?",
            (state, most),
        )
        return [
            ListedRun(number, json.loads(parameters), *others)
            for number, parameters, *others in rows
        ]

    def has_folder(self, folder: str) -> bool:
        """Whether a run of the campaign has a folder of this name."""
        return any(True for _ in self.rows("select 1 from run where folder = ? limit 1", (folder,)))

    def mean_wall_time_s(self, most: int) -> float | None:
        """Return how long the newest complete runs took on average, None if there is none."""
        ((mean,),) = self.rows(
            "select avg(wall_time_s) from (select wall_time_s from run where state = 'complete' "
            "and wall_time_s > 0 order by changed desc limit ?)",
            (most,),
        )
        return None if mean is None else float(mean)

    def whole_kpis(self) -> list[ListedKpi]:
        """Return the indicators of whole runs, headlines first; no wall times."""
        rows = self.rows(
            "select kpi.id, name, json_group_array(distinct label), min(unit), "
            "max(headline) as is_headline from kpi join meaning on meaning.kpi = kpi.id "
            "where of = '' and instr(name, 'wall_time') = 0 "
            "group by kpi.id order by is_headline desc, kpi.id"
        )
        return [
            ListedKpi(
                place, name, BETWEEN_LABELS.join(sorted(json.loads(labels))), unit, bool(headline)
            )
            for place, name, labels, unit, headline in rows
        ]

    def values_of(self, digests: Sequence[str], kpis: Sequence[int]) -> dict[str, dict[int, Any]]:
        """Return values by digest and indicator; None stands for NaN and infinity."""
        found: dict[str, dict[int, Any]] = {digest: {} for digest in digests}
        marks = [", ".join("?" * len(each)) for each in (digests, kpis)]
        rows = self.rows(
            f"select digest, kpi, value from result where digest in ({marks[0]}) "  # noqa: S608 -- question marks
            f"and kpi in ({marks[1]})",
            (*digests, *kpis),
        )
        for digest, kpi, value in rows:
            found[digest][kpi] = value if value is not None and math.isfinite(value) else None
        return found

    def points_with(
        self, kpi: int, since: str, most: int
    ) -> list[tuple[int, Mapping[str, Parameter], float, str]]:
        """Return number, parameters, value and time of completion, newest first.

        Args:
            kpi: which indicator.
            since: only what was completed then or later; '' for all.
            most: how many.
        """
        rows = self.rows(
            "select number, parameters, value, changed from run join point using (digest) "
            "join result using (digest) where state = 'complete' and kpi = ? and changed >= ? "
            "and value is not null order by changed desc, number desc limit ?",
            (kpi, since, most),
        )
        return [
            (number, json.loads(parameters), value, changed)
            for number, parameters, value, changed in rows
            if math.isfinite(value)
        ]

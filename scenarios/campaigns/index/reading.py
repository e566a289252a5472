"""What the books of a campaign say."""

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

from gridloom.scenarios.campaigns.index.entries import About, IndexedRun
from gridloom.scenarios.campaigns.index.file import IndexFile
from gridloom.scenarios.campaigns.outcome import Fault, RunState
from gridloom.scenarios.campaigns.point import Axis
from gridloom.scenarios.results.kpis.kpi import Kpi
from gridloom.simulators.errors import RecordError

BETWEEN_LABELS = " / "
"""Of an indicator that runs define differently."""
_JOINED = "select * from point join run using (digest)"


class IndexReader(IndexFile):
    """The books, for those who ask."""

    def about(self) -> About:
        """Return what the campaign is."""
        with self._sqlite_errors():
            entries = {key: json.loads(value) for key, value in self.rows("select * from about")}
        if not entries:
            raise RecordError(f"no campaign was begun in {self.path.parent} yet")
        axes = tuple(
            Axis(**{**axis, "keys": tuple(axis["keys"]), "labels": tuple(axis["labels"])})
            for axis in entries.pop("axes")
        )
        return About(axes=axes, **entries)

    def counts(self) -> dict[RunState, int]:
        """Return how many of the runs asked for are in each state."""
        rows = self.rows(
            "select state, count(*) from run "
            "where digest in (select digest from point) group by state"
        )
        found = {RunState(state): int(count) for state, count in rows}
        return {state: found.get(state, 0) for state in RunState}

    def largest_record(self) -> int:
        """Return the size in bytes of the largest record so far."""
        ((size,),) = self.rows("select coalesce(max(record_bytes), 0) from run")
        return int(size)

    def left_over(self) -> int:
        """Return how many complete runs nobody asks for any longer."""
        ((count,),) = self.rows(
            "select count(*) from run where state = 'complete' "
            "and digest not in (select digest from point)"
        )
        return int(count)

    def runs(self, *states: RunState) -> Iterator[IndexedRun]:
        """Yield all points in order, or those whose runs are in one of these states."""
        wanted = states or tuple(RunState)
        marks = ", ".join("?" * len(wanted))
        rows = self.rows(
            f"select * from point join run using (digest) where state in ({marks}) order by number",  # noqa: S608 -- question marks
            wanted,
        )
        return map(_indexed, rows)

    def next_run(self, after: int, retries: int) -> IndexedRun | None:
        """Return the first point after number ``after`` whose run is to be begun, or None."""
        rows = self.rows(
            f"{_JOINED} where number > ? "
            "and (+state = 'pending' or "  # +: not by the index on states, but in order
            "(+state = 'failed' and attempts <= ? and fault != 'bad input')) "
            "order by number limit 1",
            (after, retries),
        )
        row = next(rows, None)
        return None if row is None else _indexed(row)

    def failures(self, most: int) -> list[tuple[Fault, str, int, int]]:
        """Return fault, reason, number of runs and of the first point; the most frequent first."""
        rows = self.rows(
            "select fault, reason, count(distinct digest) as runs, min(number) as first "
            "from point join run using (digest) where state = 'failed' "
            "group by fault, reason order by runs desc, first limit ?",
            (most,),
        )
        return [(Fault(fault), reason, count, first) for fault, reason, count, first in rows]

    def kpis(self) -> list[Kpi]:
        """Return every indicator that a run asked for has, its value left out (NaN).

        It is a headline where one of these runs has it as a headline, and has all labels they give
        it; none of this depends on which run was complete first.
        """
        rows = self.rows(
            "select name, of, min(unit) as unit, min(topic) as topic, "
            "json_group_array(distinct label) as labels, max(headline) as headline "
            "from kpi join meaning on meaning.kpi = kpi.id where meaning.id in (select meaning "
            "from result where digest in (select digest from point)) group by name, of"
        )
        return [
            Kpi(
                name=row["name"],
                of=row["of"],
                unit=row["unit"],
                group=row["topic"],
                label=BETWEEN_LABELS.join(sorted(json.loads(row["labels"]))),
                headline=bool(row["headline"]),
                value=math.nan,
            )
            for row in rows
        ]

    def results(self) -> Iterator[tuple[str, str, str, float]]:
        """Yield digest, name, `of` and value of all indicators of all runs asked for."""
        names = self.indicators()
        return (
            (digest, *names[kpi], math.nan if value is None else value)
            for digest, kpi, value in self.values()
        )

    def indicators(self) -> dict[int, tuple[str, str]]:
        """Return name and `of` of each indicator, by its number in these books."""
        rows = self.rows("select id, name, of from kpi")
        return {number: (name, of) for number, name, of in rows}

    def values(self) -> Iterator[tuple[str, int, float | None]]:
        """Yield digest, the indicator's number, and value (None: no number) of all results.

        There may be millions: nothing is looked up for each, and they are plain tuples.
        """
        with self._sqlite_errors():
            cursor = self._db.cursor()
            cursor.row_factory = None
            for entry in cursor.execute(  # noqa: UP028 -- would close the cursor
                "select digest, kpi, value from result "
                "where digest in (select digest from point) order by digest, kpi"
            ):
                yield entry


def _indexed(row: Mapping[str, Any]) -> IndexedRun:
    entries: dict[str, Any] = dict(row)
    return IndexedRun(
        **{
            **entries,
            "parameters": json.loads(entries["parameters"]),
            "state": RunState(entries["state"]),
            "fault": Fault(entries["fault"]) if entries["fault"] else None,
            "changed": entries["changed"] or "",
        }
    )

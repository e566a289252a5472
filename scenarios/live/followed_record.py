"""One record, followed while it is written, renamed, killed or replaced."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from time import monotonic
from typing import Any

import numpy as np

from gridloom.scenarios.live.curve_table import CurveTable, Elements
from gridloom.scenarios.live.curves import curves_of, line_curves
from gridloom.scenarios.live.description import RunDescription, describe_run, limits_pu
from gridloom.scenarios.live.pace import Pace
from gridloom.scenarios.live.panels import panels_of
from gridloom.scenarios.live.recorded_rows import (
    line_names,
    rated_currents_a,
    recorded_groups,
    row_lengths,
    step_size_s,
)
from gridloom.scenarios.live.standing import Standing, not_readable, standing_of, waiting
from gridloom.scenarios.live.whereabouts import open_watched, record_at
from gridloom.scenarios.results.record.layout import COMMITTED, RunStatus
from gridloom.scenarios.results.record.reader import reading, status_of
from gridloom.scenarios.results.record.rows import read_valid_rows
from gridloom.simulators.errors import RecordError
from gridloom.simulators.model import FloatArray

_BUDGET_S = 0.3
"""Wall time that one question may cost; the page asks again for the rest."""
_PATIENCE_S = 2.0
"""How long a page waits for another page's question."""
_MOST_LINES = 6
"""Lines whose currents are kept, of all that pages have asked for."""
_SAME_STATE_S = 0.2
"""An answer so young need not be found anew."""

Have = Mapping[str, tuple[int, int]]
"""Table -> width and number of the full points that a page has already."""


@dataclass
class _Grid:
    """The group whose lines can be chosen."""

    model: str
    lines: list[str]
    rated_a: FloatArray
    """(line,), NaN where unknown."""
    limits_pu: list[float]


class FollowedRecord:
    """What pages need to know of one record; reads what is new whenever one of them asks.

    Holds points to draw, never the record. Every question opens the file anew: that costs a few
    milliseconds and finds it wherever it is by then.
    """

    def __init__(self, where: Path) -> None:
        """Begin to follow.

        Args:
            where: a record or the folder of a run; need not exist yet.
        """
        self._where = where
        self._lock = Lock()
        self._epoch = 0
        self._forget()

    def _forget(self) -> None:
        self._epoch += 1
        self._identity: tuple[object, ...] = ()
        self._about: RunDescription | None = None
        self._row_lengths: list[dict[str, Any]] = []
        self._tables: dict[str, CurveTable] = {}
        self._grid: _Grid | None = None
        self._pace = Pace()
        self._time_s = 0
        self._all_read = True
        self._standing: Standing = waiting(self._where)
        self._read_at = -np.inf

    def state(self, epoch: int = 0, have: Have | None = None, line: str = "") -> dict[str, Any]:
        """Return as JSON how the run stands and the points that a page lacks.

        Args:
            epoch: of the page's points; it has none if this is another record's by now.
            have: what the page has.
            line: whose current is to be shown; that of the most loaded one by default.
        """
        have = have or {}
        if self._lock.acquire(timeout=_PATIENCE_S):
            try:
                self._read_on(line)
                return self._told(have if epoch == self._epoch else {}, line)
            finally:
                self._lock.release()
        return {"epoch": epoch, "state": "busy", "message": "the record takes long to read"}

    # ── reading ───────────────────────────────────────────────────────────────────────

    def _read_on(self, line: str) -> None:
        is_fresh = monotonic() - self._read_at < _SAME_STATE_S
        if is_fresh and self._all_read and (not line or self._key(line) in self._tables):
            return
        path = record_at(self._where)
        error = self._try_to_read(path, line)
        if error is not None and (moved_to := record_at(self._where)) != path:
            path, error = moved_to, self._try_to_read(moved_to, line)
        if error is not None:
            is_there = path.exists() or record_at(self._where).exists()
            self._standing = (
                not_readable(error, path, self._standing) if is_there else waiting(self._where)
            )
        self._read_at = monotonic()

    def _try_to_read(self, path: Path, line: str) -> RecordError | None:
        """Read on; return what is wrong, such as that the file has just got another name."""
        try:
            self._read_file(path, line)
        except RecordError as error:
            return error
        return None

    def _read_file(self, path: Path, line: str) -> None:
        with open_watched(path) as root, reading(path):
            identity = _identity(path, root)
            if identity != self._identity or int(root[COMMITTED][()]) < self._time_s:
                self._forget()
                self._begin(root, path)
                self._identity = identity
            status, failure = status_of(root, path)
            # The counter first: rows with a time before it are there by then
            self._time_s = int(root[COMMITTED][()])
            if status is RunStatus.RUNNING:
                self._pace.note(self._time_s)
            self._choose(root, line)
            self._read_rows(root)
            if self._choose(root, line):  # the most loaded one is another by now
                self._read_rows(root)
            self._standing = standing_of(status, failure, path)
            if status is not RunStatus.RUNNING and self._about is not None:
                self._about.note_end(root)

    def _begin(self, root: Any, path: Path) -> None:
        """Find out what there is to show."""
        self._about = describe_run(root, path)
        groups = recorded_groups(root)
        for number, (model, curves) in enumerate(curves_of(root).items()):
            table = CurveTable(model, step_size_s(groups[model]), curves)
            self._tables[f"model{number}"] = table
        self._row_lengths = row_lengths(groups)
        for model, group in groups.items():
            lines = line_names(group)
            if lines:
                self._grid = _Grid(
                    model=model,
                    lines=lines,
                    rated_a=rated_currents_a(group),
                    limits_pu=limits_pu(group),
                )
                break

    def _read_rows(self, root: Any) -> None:
        valid = read_valid_rows(root)
        deadline = monotonic() + _BUDGET_S
        done = [
            table.read_on(root[table.model], valid[table.model], deadline)
            for table in self._tables.values()
        ]
        self._all_read = all(done)

    # ── one line ──────────────────────────────────────────────────────────────────────

    def _choose(self, root: Any, line: str) -> bool:
        """Make sure that there is a table of the line asked for; return whether it is new."""
        grid, key = self._grid, self._key(line)
        if grid is None or key is None or key in self._tables:
            return False
        kept = [name for name in self._tables if name.startswith("line")]
        if len(kept) >= _MOST_LINES:
            del self._tables[kept[0]]
        place = int(key.removeprefix("line"))
        group = root[grid.model]
        self._tables[key] = CurveTable(
            grid.model, step_size_s(group), line_curves(group, place), Elements(place)
        )
        return True

    def _key(self, line: str) -> str | None:
        """Return the table of a line; of the most loaded one if there is none of that name."""
        grid = self._grid
        if grid is None:
            return None
        if line in grid.lines:
            return f"line{grid.lines.index(line)}"
        place = self._most_loaded()
        return None if place is None else f"line{place}"

    def _most_loaded(self) -> int | None:
        """Return the position of the line with the highest loading so far, or current."""
        grid = self._grid
        highest = [t.highest_a for t in self._tables.values() if t.highest_a is not None]
        if grid is None or not highest:
            return None
        ratio = highest[0] / grid.rated_a
        ranking = ratio if np.isfinite(ratio).any() else highest[0]
        return int(np.nanargmax(ranking)) if np.isfinite(ranking).any() else None

    # ── telling ───────────────────────────────────────────────────────────────────────

    def _told(self, have: Have, line: str) -> dict[str, Any]:
        standing = self._standing
        told: dict[str, Any] = {
            "epoch": self._epoch,
            "state": standing.state,
            "message": standing.message,
            "time_s": self._time_s,
        }
        if self._about is None or standing.state == "waiting":  # what was read is kept
            return told
        chosen = self._key(line)
        shown = {
            key: table
            for key, table in self._tables.items()
            if not key.startswith("line") or key == chosen
        }
        read_s = min((t.read_s for t in shown.values()), default=self._time_s)
        return {
            **told,
            **self._about.as_json(),
            **self._progress(standing),
            "read_s": min(read_s, self._time_s),
            "all_read": self._all_read,
            "rows_of_several_steps": self._row_lengths,
            "line": self._line(chosen),
            "lines": [] if have or self._grid is None else self._grid.lines,
            "panels": panels_of(shown, self._limits(chosen)),
            "tables": {
                key: table.summary.since(*have.get(key, (0, 0))) | {"step_s": table.step_s}
                for key, table in shown.items()
            },
        }

    def _progress(self, standing: Standing) -> dict[str, float | None]:
        about = self._about
        if standing.state != "running" or about is None:
            speed = about.mean_speed(self._time_s) if about is not None else None
            return {"speed": speed, "left_s": None}
        left_s = self._pace.left_s(self._time_s, about.duration_s)
        return {"speed": self._pace.speed, "left_s": left_s}

    def _line(self, chosen: str | None) -> dict[str, Any] | None:
        if self._grid is None or chosen is None:
            return None
        place = int(chosen.removeprefix("line"))
        rated_a = float(self._grid.rated_a[place])
        return {
            "name": self._grid.lines[place],
            "rated_a": rated_a if np.isfinite(rated_a) else None,
            "is_most_loaded": place == self._most_loaded(),
        }

    def _limits(self, chosen: str | None) -> dict[str, list[float]]:
        """Return the limits to draw, by panel."""
        limits: dict[str, list[float]] = {"loading": [100.0]}
        if self._grid is not None:
            limits["voltage"] = self._grid.limits_pu
        line = self._line(chosen)
        if line is not None and line["rated_a"] is not None:
            limits["line"] = [line["rated_a"]]
        return limits


def _identity(path: Path, root: Any) -> tuple[object, ...]:
    """Return what stays the same as long as it is the same record, also under another name."""
    return (path.stat().st_ino, *(str(root.attrs.get(name)) for name in ("created", "digest")))

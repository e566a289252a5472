"""The books of a campaign: an SQLite file with every run, its state and its indicators.

Only the driver writes; anybody may read meanwhile. What counts as done is said by the records: the
books only spare looking into all of them, and are made anew where they are lost.
"""

import json
import math
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from gridloom.scenarios.campaigns.campaign_folder import full_disk
from gridloom.scenarios.campaigns.outcome import Fault, Outcome, RunState
from gridloom.scenarios.campaigns.point import Axis, Parameter
from gridloom.scenarios.results.kpis.kpi import Kpi
from gridloom.simulators.errors import RecordError

_SCHEMA = 2
_PATIENCE_S = 60.0
"""With somebody who reads for long."""
_TABLES = """
create table about (key text primary key, value text not null);
create table run (
    digest text primary key,
    folder text not null,
    state text not null default 'pending',
    attempts integer not null default 0,
    fault text,
    reason text not null default '',
    detail text not null default '',
    wall_time_s real,
    peak_memory_bytes integer,
    record_bytes integer,
    worker text not null default '',
    changed text
);
create index run_by_state on run (state);
create table point (
    number integer primary key,
    digest text not null references run (digest),
    parameters text not null
);
create index point_by_digest on point (digest);
create table kpi (
    id integer primary key,
    name text not null, of text not null,
    unique (name, of)
);
create table meaning (
    id integer primary key,
    kpi integer not null references kpi (id),
    unit text not null, topic text not null, label text not null, headline integer not null,
    unique (kpi, unit, topic, label, headline)
);
create table result (
    digest text not null references run (digest),
    kpi integer not null references kpi (id),
    meaning integer not null references meaning (id),
    value real,
    primary key (digest, kpi)
) without rowid;
"""

_DROPPED = "".join(
    f"drop table if exists {table}; "
    for table in ("result", "meaning", "kpi", "point", "run", "about")
)
BETWEEN_LABELS = " / "
"""Of an indicator that runs define differently."""
_JOINED = "select * from point join run using (digest)"


@dataclass(frozen=True, kw_only=True)
class About:
    """What a campaign is."""

    name: str
    title: str
    file: str
    """Path of the campaign file."""
    axes: tuple[Axis, ...]
    gridloom_version: str
    description: str = ""
    scenario: str = ""
    """What is varied, as the campaign file names it."""
    changes: Mapping[str, Any] = field(default_factory=dict)
    """What is laid on the scenario for all runs."""
    retries: int = 1
    """How often a run that failed is tried again."""


@dataclass(frozen=True, kw_only=True)
class IndexedRun:
    """One point of a campaign, and what became of its run; several points may share one."""

    number: int
    parameters: Mapping[str, Parameter]
    digest: str
    folder: str
    """Name of its folder below the campaign's `runs`."""
    state: RunState
    attempts: int
    """How many have come to an end."""
    fault: Fault | None
    reason: str
    detail: str
    wall_time_s: float | None
    peak_memory_bytes: int | None
    record_bytes: int | None
    worker: str
    changed: str
    """When its state changed last, ISO 8601, UTC; '' if never."""


@dataclass(frozen=True, kw_only=True)
class PlannedRun:
    """One point as it enters the books."""

    number: int
    parameters: Mapping[str, Parameter]
    digest: str
    folder: str


class Index:
    """The books of one campaign."""

    def __init__(self, path: Path, *, writable: bool = False) -> None:
        """Open the books; where they are to be written, make them if there are none.

        Raises:
            RecordError: they cannot be read or written.
        """
        self.path = path
        self._is_writer = writable
        with self._sqlite_errors():
            if writable:
                self._db = sqlite3.connect(path, timeout=_PATIENCE_S)
                self._db.execute("pragma journal_mode = wal")
                self._db.execute("pragma synchronous = full")
                self._create()
            else:
                self._db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
                self._require_schema()
        self._db.row_factory = sqlite3.Row

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; a writer leaves it as a single file that needs nobody to be read."""
        if self._is_writer:
            with suppress(sqlite3.Error):  # somebody reads: it stays as it is
                self._db.execute("pragma journal_mode = delete")
        self._db.close()

    # ── what is asked for ─────────────────────────────────────────────────────────────

    def begin(self, about: About, runs: Iterable[PlannedRun]) -> None:
        """Note what a campaign asks for, in place of what it asked for before.

        What is known of runs stays, also of those that nobody asks for any longer. Runs that were
        under way when their driver ended are pending again.
        """
        with self._writing() as db:
            db.execute("delete from point")
            db.execute("delete from about")
            db.executemany("insert into about values (?, ?)", _about_rows(about))
            for run in runs:
                db.execute(
                    "insert into run (digest, folder) values (?, ?) "
                    "on conflict (digest) do update set folder = excluded.folder",
                    (run.digest, run.folder),
                )
                db.execute(
                    "insert into point values (?, ?, ?)",
                    (run.number, run.digest, json.dumps(dict(run.parameters))),
                )
            db.execute("update run set state = 'pending' where state = 'running'")

    def about(self) -> About:
        """Return what the campaign is."""
        with self._sqlite_errors():
            entries = {key: json.loads(value) for key, value in self._rows("select * from about")}
        if not entries:
            raise RecordError(f"no campaign was begun in {self.path.parent} yet")
        axes = tuple(
            Axis(**{**axis, "keys": tuple(axis["keys"]), "labels": tuple(axis["labels"])})
            for axis in entries.pop("axes")
        )
        return About(axes=axes, **entries)

    # ── what becomes of it ────────────────────────────────────────────────────────────

    def set_running(self, digests: Sequence[str]) -> None:
        """Note that runs are under way."""
        with self._writing() as db:
            db.executemany(
                "update run set state = 'running', changed = datetime('now') where digest = ?",
                [(digest,) for digest in digests],
            )

    def set_pending(self, digests: Sequence[str]) -> None:
        """Note that runs are to be begun (anew)."""
        with self._writing() as db:
            db.executemany(
                "update run set state = 'pending', changed = datetime('now') where digest = ?",
                [(digest,) for digest in digests],
            )

    def forget_attempts(self) -> None:
        """Let runs that failed be tried again as if they never had been."""
        with self._writing() as db:
            db.execute("update run set state = 'pending', attempts = 0 where state = 'failed'")

    def set_ended(self, digest: str, outcome: Outcome) -> None:
        """Note how an attempt has ended, with the indicators of a complete run."""
        state = RunState.COMPLETE if outcome.fault is None else RunState.FAILED
        with self._writing() as db:
            db.execute(
                "update run set state = ?, attempts = attempts + 1, fault = ?, reason = ?, "
                "detail = ?, peak_memory_bytes = ?, record_bytes = ?, worker = ?, "
                "wall_time_s = case when ? then ? else coalesce(wall_time_s, ?) end, "
                "changed = datetime('now') where digest = ?",
                (
                    state,
                    outcome.fault,
                    outcome.reason,
                    outcome.detail,
                    outcome.peak_memory_bytes,
                    outcome.record_bytes,
                    outcome.worker,
                    outcome.computed,
                    outcome.wall_time_s,
                    outcome.wall_time_s,
                    digest,
                ),
            )
            db.execute("delete from result where digest = ?", (digest,))
            _write_kpis(db, digest, outcome.kpis)

    # ── reading ───────────────────────────────────────────────────────────────────────

    def counts(self) -> dict[RunState, int]:
        """Return how many of the runs asked for are in each state."""
        rows = self._rows(
            "select state, count(*) from run "
            "where digest in (select digest from point) group by state"
        )
        found = {RunState(state): int(count) for state, count in rows}
        return {state: found.get(state, 0) for state in RunState}

    def largest_record(self) -> int:
        """Return the size in bytes of the largest record so far."""
        ((size,),) = self._rows("select coalesce(max(record_bytes), 0) from run")
        return int(size)

    def left_over(self) -> int:
        """Return how many complete runs nobody asks for any longer."""
        ((count,),) = self._rows(
            "select count(*) from run where state = 'complete' "
            "and digest not in (select digest from point)"
        )
        return int(count)

    def runs(self, *states: RunState) -> Iterator[IndexedRun]:
        """Yield all points in order, or those whose runs are in one of these states."""
        wanted = states or tuple(RunState)
        marks = ", ".join("?" * len(wanted))
        rows = self._rows(
            f"select * from point join run using (digest) where state in ({marks}) order by number",  # noqa: S608 -- question marks
            wanted,
        )
        return map(_indexed, rows)

    def next_run(self, after: int, retries: int) -> IndexedRun | None:
        """Return the first point after number ``after`` whose run is to be begun, or None."""
        rows = self._rows(
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
        rows = self._rows(
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
        rows = self._rows(
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
        rows = self._rows(
            "select digest, name, of, value from result join kpi on kpi = id "
            "where digest in (select digest from point) order by digest, kpi"
        )
        return (
            (digest, name, of, math.nan if value is None else value)
            for digest, name, of, value in rows
        )

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Read what was in the books at one moment, whatever is written to them meanwhile."""
        if self._db.in_transaction:
            yield
            return
        with self._sqlite_errors():
            self._db.execute("begin")
        try:
            yield
        finally:
            self._db.rollback()

    # ── SQLite ────────────────────────────────────────────────────────────────────────

    def _create(self) -> None:
        ((version,),) = self._db.execute("pragma user_version")
        if version > _SCHEMA:
            self._require_schema()
        elif version < _SCHEMA:  # an earlier gridloom's runs are none of this one's: all anew
            self._db.executescript(
                f"begin; {_DROPPED} {_TABLES} pragma user_version = {_SCHEMA}; commit;"
            )

    def _require_schema(self) -> None:
        ((version,),) = self._db.execute("pragma user_version")
        if version != _SCHEMA:
            raise RecordError(f"'{self.path}' is no index of a campaign that this gridloom knows")

    def _rows(self, query: str, parameters: Sequence[object] = ()) -> Iterator[Any]:
        with self._sqlite_errors():
            for row in self._db.execute(query, parameters):  # noqa: UP028 -- would close the cursor
                yield row

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """Write all or nothing."""
        with self._sqlite_errors(), self._db as db:
            yield db

    @contextmanager
    def _sqlite_errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
                raise full_disk(self.path.parent, str(error)) from error
            raise RecordError(f"the index '{self.path}': {error}") from error


def _about_rows(about: About) -> list[tuple[str, str]]:
    entries = {**vars(about), "axes": [vars(axis) for axis in about.axes]}
    return [(key, json.dumps(value)) for key, value in entries.items()]


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


def _write_kpis(db: sqlite3.Connection, digest: str, kpis: Sequence[Kpi]) -> None:
    names = [(k.name, k.of) for k in kpis]
    meanings = [(k.unit, k.group, k.label, k.headline) for k in kpis]
    both = [(*name, *meaning) for name, meaning in zip(names, meanings, strict=True)]
    db.executemany("insert into kpi (name, of) values (?, ?) on conflict do nothing", names)
    db.executemany(
        "insert into meaning (kpi, unit, topic, label, headline) "
        "select id, ?3, ?4, ?5, ?6 from kpi where name = ?1 and of = ?2 on conflict do nothing",
        both,
    )
    db.executemany(
        "insert or replace into result select ?7, kpi.id, meaning.id, ?8 "
        "from kpi join meaning on meaning.kpi = kpi.id where name = ?1 and of = ?2 "
        "and (unit, topic, label, headline) = (?3, ?4, ?5, ?6)",
        [(*known, digest, kpi.value) for known, kpi in zip(both, kpis, strict=True)],
    )

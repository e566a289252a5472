"""What the driver of a campaign notes in its books."""

import json
import sqlite3
from collections.abc import Iterable, Sequence

from gridloom.scenarios.campaigns.index.entries import About, PlannedRun
from gridloom.scenarios.campaigns.index.reading import IndexReader
from gridloom.scenarios.campaigns.outcome import Outcome, RunState
from gridloom.scenarios.results.kpis.kpi import Kpi


class Index(IndexReader):
    """The books of one campaign, for its driver and for those who ask."""

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


def _about_rows(about: About) -> list[tuple[str, str]]:
    entries = {**vars(about), "axes": [vars(axis) for axis in about.axes]}
    return [(key, json.dumps(value)) for key, value in entries.items()]


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

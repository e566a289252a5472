"""The SQLite file of a campaign's books: its tables, and how it is opened, read and written."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self

from gridloom.scenarios.campaigns.campaign_folder import full_disk
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


class IndexFile:
    """The open file."""

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

    def rows(self, query: str, parameters: Sequence[object] = ()) -> Iterator[Any]:
        """Yield what a query of SQL finds.

        Raises:
            RecordError: it cannot be read.
        """
        with self._sqlite_errors():
            for row in self._db.execute(query, parameters):  # noqa: UP028 -- would close the cursor
                yield row

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

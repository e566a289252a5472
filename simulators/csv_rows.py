"""Rows of a CSV file whose columns are named like the keys of one entry in a scenario."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError

from gridloom.simulators.errors import Key, Location, Problem, ScenarioError, listing, nearest

EntryT = TypeVar("EntryT", bound=BaseModel)


@dataclass(frozen=True, kw_only=True)
class Written(Generic[EntryT]):
    """An entry of a list in the scenario, or a row of a file, and where it was written."""

    entry: EntryT
    key: Key
    location: Location | None = None

    def problem(
        self, field: str, message: str, *, expected: str = "", suggestion: str = ""
    ) -> Problem:
        """Return what is wrong with one of the entry's fields."""
        return Problem(
            message=message,
            key=self.key if self.location else (*self.key, field),
            expected=expected,
            suggestion=suggestion,
            location=self.location,
        )


@dataclass(frozen=True, kw_only=True)
class CsvRows(Generic[EntryT]):
    """A CSV file with a header and one entry a row."""

    path: Path
    kind: type[EntryT]
    key: Key
    """Where the scenario names the file."""
    delimiter: str = ","

    def read(self) -> tuple[list[Written[EntryT]], list[Problem]]:
        """Return all valid rows, and what is wrong with the others.

        Raises:
            ScenarioError: the file cannot be read, has no rows, or its header is wrong.
        """
        header, rows = self._cells()
        wrong = list(self._header_problems(header))
        if not wrong and not rows:
            wrong = [self._problem(1, "there are no rows below the header")]
        if wrong:
            raise ScenarioError(*wrong)
        entries: list[Written[EntryT]] = []
        problems: list[Problem] = []
        for line, cells in rows:
            if len(cells) != len(header):
                message = f"the row has {len(cells)} cells, the header {len(header)}"
                problems.append(self._problem(line, message))
                continue
            given = {k: v.strip() for k, v in zip(header, cells, strict=True) if v.strip()}
            try:
                entry = self.kind.model_validate(given)
            except ValidationError as error:
                problems += [self._cell_problem(line, dict(each)) for each in error.errors()]
            else:
                location = Location(file=self.path, line=line, column=1)
                entries.append(Written(entry=entry, key=self.key, location=location))
        return entries, problems

    def _cells(self) -> tuple[list[str], list[tuple[int, list[str]]]]:
        """Return the header and, with their line numbers, all rows that are not blank."""
        try:
            with self.path.open(newline="", encoding="utf-8-sig") as stream:
                reader = csv.reader(stream, delimiter=self.delimiter, skipinitialspace=True)
                header = [name.strip() for name in next(reader, [])]
                rows = [(reader.line_num, row) for row in reader if any(map(str.strip, row))]
        except (UnicodeDecodeError, csv.Error) as error:
            problem = self._problem(1, f"the file cannot be read: {error}", "a CSV file in UTF-8")
            raise ScenarioError(problem) from error
        return header, rows

    def _header_problems(self, header: Sequence[str]) -> Iterator[Problem]:
        columns = self.kind.model_fields
        if not any(header):
            yield self._problem(1, "the file is empty", "a line of column names, then rows")
            return
        if len(header) == 1 and ";" in header[0] and self.delimiter != ";":
            yield self._problem(1, "the header is a single column", suggestion="add delimiter: ';'")
            return
        twice = sorted({name for name in header if header.count(name) > 1})
        if twice:
            yield self._problem(1, f"columns given twice: {listing(twice)}")
        for name in dict.fromkeys(header):
            if name not in columns:
                known = f"columns {listing(list(columns))}"
                yield self._problem(1, f"unknown column '{name}'", known, nearest(name, columns))
        missing = [n for n, field in columns.items() if field.is_required() and n not in header]
        if missing:
            yield self._problem(1, f"no column for {listing(missing)}")

    def _cell_problem(self, line: int, error: Mapping[str, Any]) -> Problem:
        """Return one of pydantic's errors as the problem of a cell."""
        column, given = error["loc"][0], error["input"]
        if error["type"] == "missing":
            return self._problem(line, f"column '{column}' is empty")
        said = str(error["msg"]).removeprefix("Value error, ")
        return self._problem(line, f"column '{column}' has '{given}': {said[0].lower()}{said[1:]}")

    def _problem(
        self, line: int, message: str, expected: str = "", suggestion: str = ""
    ) -> Problem:
        return Problem(
            message=message,
            key=self.key,
            expected=expected,
            suggestion=suggestion,
            location=Location(file=self.path, line=line, column=1),
        )

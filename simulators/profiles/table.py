"""Columns of numbers from CSV files, read fast; what is wrong is found with its line."""

import csv
import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from gridloom.simulators.errors import Location, Problem, ScenarioError, listing, nearest
from gridloom.simulators.model import FloatArray

_ENCODING = "utf-8-sig"
_OTHER_DELIMITERS = {";": "semicolons", "\t": "tabs"}


def read_header(path: Path) -> tuple[str, ...]:
    """Return the names of the columns.

    Raises:
        ScenarioError: the file is empty, not text, or names a column twice.
    """
    try:
        with path.open(encoding=_ENCODING, newline="") as stream:
            first = next(csv.reader(stream), [])
    except UnicodeDecodeError:
        raise wrong(path, "is not a text file", expected="a CSV file in UTF-8") from None
    names = tuple(name.strip() for name in first)
    if not any(names):
        raise wrong(path, "the file is empty", expected="a line of column names, then rows")
    other = next((mark for mark in _OTHER_DELIMITERS if mark in names[0]), None)
    if len(names) == 1 and other is not None:
        raise wrong(
            path,
            f"the columns are separated by {_OTHER_DELIMITERS[other]}",
            line=1,
            expected="commas between columns, and points in decimal numbers",
        )
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise wrong(path, f"column names given twice: {listing(twice)}", line=1)
    return names


def find_columns(path: Path, header: Sequence[str], names: Sequence[str]) -> list[int]:
    """Return where ``names`` stand in the header.

    Raises:
        ScenarioError: some are missing.
    """
    missing = [name for name in names if name not in header]
    if missing:
        raise wrong(
            path,
            f"no column for {listing(missing)}: there are {listing(header)}",
            line=1,
            suggestion=nearest(missing[0], header),
        )
    return [header.index(name) for name in names]


def read_numbers(path: Path, columns: Sequence[int]) -> FloatArray:
    """Return the columns at these positions as an array (row, column) of finite numbers.

    Raises:
        ScenarioError: a cell is empty, not a number or not finite, a row is longer than the
            header, or there are no rows.
    """
    _refuse_long_rows(path)
    try:
        # A file without rows makes NumPy warn; it is an error here, so look before.
        _first_row(path)
        numbers = np.loadtxt(
            path,
            delimiter=",",
            skiprows=1,
            usecols=columns,
            ndmin=2,
            comments=None,
            quotechar='"',
            encoding=_ENCODING,
        )
    except ValueError as error:
        raise _first_bad_cell(path, columns, str(error)) from None
    if not np.isfinite(numbers).all():
        raise _first_bad_cell(path, columns, "a value is not finite")
    return numbers


def read_texts(path: Path, column: int) -> list[tuple[int, str]]:
    """Return line number and text of one column's cells."""
    return [
        (line, row[column].strip() if column < len(row) else "") for line, row in _data_rows(path)
    ]


def wrong(
    path: Path,
    message: str,
    *,
    line: int | None = None,
    expected: str = "",
    suggestion: str = "",
    column: int = 1,
) -> ScenarioError:
    """Return the error that says what is wrong with a file, and where in it."""
    where = None if line is None else Location(file=path, line=line, column=column)
    said = message if where else f"{path}: {message}"
    return ScenarioError(
        Problem(message=said, expected=expected, suggestion=suggestion, location=where)
    )


def _data_rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    with path.open(encoding=_ENCODING, newline="") as stream:
        reader = csv.reader(stream)
        next(reader, None)
        for row in reader:
            if row:
                yield reader.line_num, row


def _first_row(path: Path) -> None:
    if next(_data_rows(path), None) is None:
        raise wrong(path, "there are no rows below the header", line=1)


def _refuse_long_rows(path: Path) -> None:
    """Refuse rows with more cells than the header: NumPy would drop the rest.

    That is how decimal commas show where columns are separated by commas.
    """
    width = len(read_header(path))
    with path.open(encoding=_ENCODING) as stream:
        for line, text in enumerate(stream, start=1):
            if text.count(",") < width:  # fast, and right unless there are quotes
                continue
            cells = len(next(csv.reader([text])))
            if cells > width:
                raise wrong(
                    path,
                    f"the row has {cells} cells, the header {width}",
                    line=line,
                    expected="a cell a column, with points in decimal numbers",
                )


def _first_bad_cell(path: Path, columns: Sequence[int], cause: str) -> ScenarioError:
    header = read_header(path)
    for line, row in _data_rows(path):
        for column in columns:
            text = row[column].strip() if column < len(row) else ""
            if not _is_finite(text):
                found = f"'{text}'" if text else "nothing"
                return wrong(
                    path,
                    f"column '{header[column]}' has {found} instead of a finite number",
                    line=line,
                    expected="a number in every row",
                )
    return wrong(path, f"cannot be read as numbers: {cause}")


def _is_finite(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False

"""The results of a campaign as a file, one row a point, or one a point and indicator.

Equal results give equal bytes, in whatever order the runs completed, and however often they were
tried. Names of indicators end in their unit; the units of all columns are in a second small table
(`table.units.csv` beside `table.csv`), and in the metadata of Parquet's fields.
"""

import csv
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TextIO

from gridloom.scenarios.campaigns.campaign_folder import CampaignFolder
from gridloom.scenarios.campaigns.index import Index
from gridloom.scenarios.campaigns.results.campaign_results import require_campaign
from gridloom.scenarios.campaigns.results.columns import Choice
from gridloom.scenarios.campaigns.results.table_rows import (
    Field,
    Row,
    in_columns,
    long_fields,
    long_rows,
    wide_fields,
    wide_rows,
)
from gridloom.scenarios.campaigns.results.values import read_values
from gridloom.scenarios.results.replacing import replacing
from gridloom.simulators.errors import Problem, ScenarioError

if TYPE_CHECKING:
    import pyarrow as pa

STANDARD_OUTPUT = Path("-")
_ROWS_AT_ONCE = 2000
_UNITS = ".units.csv"


@dataclass(frozen=True, kw_only=True)
class TableOptions:
    """Which table is written."""

    format: Literal["csv", "parquet"] = "csv"
    long: bool = False
    """One row a point and indicator, instead of one a point."""
    only_complete: bool = False
    """Leave out points whose runs are not complete; the long form never has them."""
    choice: Choice = field(default_factory=Choice)
    """Which indicators."""


def write_table(
    folder: CampaignFolder, out: Path | None = None, options: TableOptions | None = None
) -> Path | None:
    """Write the parameters and indicators of a campaign.

    Args:
        folder: of the campaign, which may still be under way.
        out: the file, `-` for standard output; by default `table.csv` or `table.parquet` in the
            campaign's folder. Beside a CSV file, `*.units.csv` has the units of its columns.
        options: see there.

    Returns:
        The file; None for standard output.

    Raises:
        ScenarioError: there is no campaign, or no library for Parquet.
        RecordError: the file cannot be written.
    """
    options = options or TableOptions()
    require_campaign(folder)
    _require_writer(options, out)
    with Index(folder.index) as index:
        values = read_values(index, options.choice)
    if options.long:
        fields, rows = long_fields(values), long_rows(values)
    else:
        fields, rows = wide_fields(values), wide_rows(values, only_complete=options.only_complete)
    if out == STANDARD_OUTPUT:
        _write_csv(sys.stdout, fields, rows)
        return None
    path = out or folder.table.with_suffix(f".{options.format}")
    with replacing(path) as unfinished:
        if options.format == "parquet":
            _write_parquet(unfinished, fields, rows)
        else:
            with unfinished.open("w", newline="", encoding="utf-8") as file:
                _write_csv(file, fields, rows)
    if options.format == "csv" and not options.long:
        _write_units(path, fields)
    return path


def _require_writer(options: TableOptions, out: Path | None) -> None:
    if options.format != "parquet":
        return
    if out == STANDARD_OUTPUT:
        raise ScenarioError(
            Problem(
                message="a table in the format parquet cannot go to standard output",
                suggestion="name a file, or choose --format csv",
            )
        )
    try:
        import pyarrow as pa  # noqa: F401 -- whether it is there
    except ImportError as error:
        raise ScenarioError(
            Problem(
                message="the format parquet needs the package 'pyarrow'",
                suggestion='pip install "gridloom[parquet]"',
            )
        ) from error


def _write_csv(stream: TextIO, fields: Sequence[Field], rows: Iterable[Row]) -> None:
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow([each.name for each in fields])
    writer.writerows(rows)


def _write_units(table: Path, fields: Sequence[Field]) -> None:
    with (
        replacing(table.with_suffix(_UNITS)) as unfinished,
        unfinished.open("w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["column", "unit"])
        writer.writerows([each.name, each.unit] for each in fields if each.unit)


def _write_parquet(path: Path, fields: Sequence[Field], rows: Iterator[Row]) -> None:
    import pyarrow as pa
    from pyarrow.parquet import ParquetWriter

    schema = _schema(fields)
    with ParquetWriter(path, schema) as writer:
        while some := list(islice(rows, _ROWS_AT_ONCE)):
            arrays = [
                pa.array(column, of.type)
                for of, column in zip(schema, in_columns(some, fields), strict=True)
            ]
            writer.write_batch(pa.record_batch(arrays, schema=schema))


def _schema(fields: Sequence[Field]) -> "pa.Schema":
    import pyarrow as pa

    types = {bool: pa.bool_(), int: pa.int64(), float: pa.float64(), str: pa.string()}
    return pa.schema(
        pa.field(each.name, types[each.kind], metadata={"unit": each.unit} if each.unit else None)
        for each in fields
    )

"""What others published of a case, to be printed beside the runs.

The values belong to the case and not to this code: they are in a table
`<scenario's name>.published.csv` beside the scenario file, one value a row.

    scheme       run it speaks of: its label, or the type of its controllers
    kpi          name of an indicator, as in comparison.csv
    of           its part, as in 'period 2'; several, separated by ';', add up; empty: whole run
    relative_to  run that the value is a percentage of, as in 'basic'; empty: the value itself
    value        a number; empty where only the note is known
    unit         of the value
    note         what a reader must know, above all where values cannot be comparable
    source       where it was published

`relative_to`, `note` and `source` may be left out, so that the comparison.csv of an earlier study
is such a table.
"""

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from math import isfinite, nan
from pathlib import Path

from gridloom.scenarios.results.comparison.compared_run import ComparedRun
from gridloom.simulators.errors import Location, Problem, ScenarioError, listing, nearest

SUFFIX = ".published.csv"
_REQUIRED = ("scheme", "kpi", "of", "value", "unit")
_KNOWN = (*_REQUIRED, "relative_to", "note", "source")
_PARTS = ";"


@dataclass(frozen=True, kw_only=True)
class PublishedValue:
    """One published number, or remark."""

    scheme: str
    kpi: str
    of: tuple[str, ...] = ()
    """Parts that add up; empty for the whole run."""
    relative_to: str = ""
    value: float = nan
    """In percent of `relative_to` if that is given; NaN where only the note is known."""
    unit: str = "1"
    note: str = ""
    source: str = ""


@dataclass(frozen=True, kw_only=True)
class Beside:
    """A published value and what the compared runs have of it."""

    published: PublishedValue
    label: str
    ours: tuple[tuple[str, float], ...]
    """Label and value of each run that it speaks of."""


def find_published(name: str, folders: Iterable[Path]) -> Path | None:
    """Return the table of published values of a scenario, or None.

    Args:
        name: the scenario's.
        folders: where to look before the shipped scenarios' folder.
    """
    library = Path(str(files("gridloom.scenarios.library")))
    candidates = [folder / f"{name}{SUFFIX}" for folder in (*folders, library)]
    return next((path for path in candidates if path.is_file()), None)


def read_published(path: Path) -> list[PublishedValue]:
    """Read a table of published values.

    Raises:
        ScenarioError: the file cannot be read or is no such table; with all that is wrong.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file, strict=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ScenarioError(
            Problem(message=f"'{path}' is no table of published values: {error}")
        ) from error
    _check_columns(path, list(rows[0]) if rows else list(_REQUIRED))
    values: list[PublishedValue] = []
    problems: list[Problem] = []
    for line, row in enumerate(rows, start=2):
        try:
            values.append(_value(row))
        except ValueError:
            problems.append(
                Problem(
                    message=f"'{row['value']}' is not a number",
                    expected="a number, or nothing where only the note is known",
                    location=Location(file=path, line=line, column=1),
                )
            )
    if problems:
        raise ScenarioError(*problems)
    return values


def _check_columns(path: Path, columns: Sequence[str]) -> None:
    problems = [
        Problem(
            message=f"the column '{name}' is missing",
            expected=f"the columns {', '.join(_REQUIRED)}",
            suggestion=nearest(name, [column for column in columns if column]),
            location=Location(file=path, line=1, column=1),
        )
        for name in _REQUIRED
        if name not in columns
    ]
    unknown = [str(column) for column in columns if column not in _KNOWN]
    if unknown:
        problems.append(
            Problem(
                message=f"there is no column {listing(unknown)}",
                expected=f"no others than {', '.join(_KNOWN)}",
                suggestion=nearest(unknown[0], _KNOWN),
                location=Location(file=path, line=1, column=1),
            )
        )
    if problems:
        raise ScenarioError(*problems)


def _value(row: Mapping[str, str | None]) -> PublishedValue:
    cells = {name: (row.get(name) or "").strip() for name in _KNOWN}
    return PublishedValue(
        scheme=cells["scheme"],
        kpi=cells["kpi"],
        of=tuple(part.strip() for part in cells["of"].split(_PARTS) if part.strip()),
        relative_to=cells["relative_to"],
        value=float(cells["value"]) if cells["value"] else nan,
        unit=cells["unit"],
        note=cells["note"],
        source=cells["source"],
    )


def beside_published(
    runs: Sequence[ComparedRun], published: Sequence[PublishedValue]
) -> list[Beside]:
    """Pair published values with the runs that they speak of; those of no run stay, alone."""
    return [
        Beside(
            published=value,
            label=_label(value, runs),
            ours=tuple(
                (run.label, _of_run(value, run, runs)) for run in _meant(value.scheme, runs)
            ),
        )
        for value in published
    ]


def _meant(scheme: str, runs: Sequence[ComparedRun]) -> list[ComparedRun]:
    """Return the run of that label, else all whose controllers are of that type."""
    labelled = [run for run in runs if run.label == scheme]
    return labelled or [run for run in runs if scheme in run.controller_types]


def _of_run(value: PublishedValue, run: ComparedRun, runs: Sequence[ComparedRun]) -> float:
    ours = _sum(value, run)
    if not value.relative_to:
        return ours
    base = next((_sum(value, each) for each in _meant(value.relative_to, runs)), nan)
    return 100.0 * ours / base if isfinite(base) and base > 0 else nan


def _sum(value: PublishedValue, run: ComparedRun) -> float:
    return sum(run.value(value.kpi, of) for of in value.of) if value.of else run.total(value.kpi)


def _label(value: PublishedValue, runs: Sequence[ComparedRun]) -> str:
    """Say which indicator a value is of, in the words of the runs' own tables."""
    known = (kpi.label for run in runs for (name, _), kpi in run.kpis.items() if name == value.kpi)
    label = next(known, value.kpi)
    of = f" ({', '.join(value.of)})" if value.of else ""
    return f"{label}{of}" + (f", relative to {value.relative_to}" if value.relative_to else "")

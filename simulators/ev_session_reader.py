"""Reads charging sessions from a list in the scenario or from a CSV file, and checks them."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from gridloom.simulators.errors import Key, Location, Problem, ScenarioError, listing, nearest
from gridloom.simulators.ev_sessions import (
    FleetVehicle,
    Session,
    SessionFile,
    SessionTable,
    format_moment,
)
from gridloom.simulators.model import BuildContext, FloatArray

_PERCENT = 100


@dataclass(frozen=True, kw_only=True)
class _Entry:
    """A session and where it was written."""

    session: Session
    key: Key
    location: Location | None = None

    def problem(
        self, field: str, message: str, *, expected: str = "", suggestion: str = ""
    ) -> Problem:
        """Return what is wrong with one of the session's fields."""
        return Problem(
            message=message,
            key=self.key if self.location else (*self.key, field),
            expected=expected,
            suggestion=suggestion,
            location=self.location,
        )


def read_sessions(
    source: Sequence[Session] | SessionFile,
    points: Sequence[str],
    vehicle: FleetVehicle,
    context: BuildContext,
) -> SessionTable:
    """Return the sessions of a list or a file as a table.

    Raises:
        ScenarioError: naming every session that is wrong, by its place in the list or the file.
    """
    problems: list[Problem] = []
    if isinstance(source, SessionFile):
        entries = _read_file(source, context, problems)
    else:
        entries = [_Entry(session=s, key=("sessions", i)) for i, s in enumerate(source)]
    position = {name: i for i, name in enumerate(points)}
    problems += [
        entry.problem(
            "charging_point",
            f"'{entry.session.charging_point}' is not a charging point of this fleet",
            expected=f"one of {listing(points)}",
            suggestion=nearest(entry.session.charging_point, points),
        )
        for entry in entries
        if entry.session.charging_point not in position
    ]
    placed = [entry for entry in entries if entry.session.charging_point in position]
    table = _table([entry.session for entry in placed], position, vehicle, context.start)
    problems += _contradictions(table, placed, vehicle)
    if problems:
        raise ScenarioError(*problems)
    return table.ordered()


def _table(
    sessions: Sequence[Session], position: Mapping[str, int], vehicle: FleetVehicle, start: datetime
) -> SessionTable:
    def column(values: Iterator[float]) -> FloatArray:
        return np.fromiter(values, dtype=np.float64, count=len(sessions))

    def seconds(moment: datetime | int) -> float:
        if isinstance(moment, datetime):
            # In UTC, because within one zone Python subtracts what the wall clocks show.
            return (moment.astimezone(UTC) - start.astimezone(UTC)).total_seconds()
        return float(moment)

    def given(value: float | None, default: float) -> float:
        return default if value is None else value

    return SessionTable(
        charging_point=np.array([position[s.charging_point] for s in sessions], dtype=np.int64),
        arrival_s=column(seconds(s.arrival) for s in sessions),
        departure_s=column(seconds(s.departure) for s in sessions),
        arrival_state_of_charge=column(s.arrival_state_of_charge for s in sessions),
        required_state_of_charge=column(
            given(s.required_state_of_charge, vehicle.required_state_of_charge) for s in sessions
        ),
        energy_capacity_kwh=column(
            given(s.energy_capacity_kwh, vehicle.energy_capacity_kwh) for s in sessions
        ),
        rated_power_kw=column(given(s.rated_power_kw, vehicle.rated_power_kw) for s in sessions),
    )


def _contradictions(
    table: SessionTable, entries: Sequence[_Entry], vehicle: FleetVehicle
) -> Iterator[Problem]:
    """Yield what cannot be: leaving before coming, two at one place, more than a full battery."""
    arrival_s, departure_s = table.arrival_s, table.departure_s
    for i in np.flatnonzero(arrival_s >= departure_s).tolist():
        yield entries[i].problem(
            "departure",
            f"the departure ({format_moment(departure_s[i])} after the start) is not after the "
            f"arrival ({format_moment(arrival_s[i])})",
        )
    order = np.lexsort((arrival_s, table.charging_point))
    same_point = np.diff(table.charging_point[order]) == 0
    overlap = same_point & (arrival_s[order][1:] < departure_s[order][:-1])
    for i in np.flatnonzero(overlap).tolist():
        before, here = order[i], order[i + 1]
        yield entries[here].problem(
            "arrival",
            f"at the arrival ({format_moment(arrival_s[here])} after the start) charging point "
            f"'{entries[here].session.charging_point}' is still occupied, until "
            f"{format_moment(departure_s[before])}",
        )
    too_much = table.required_state_of_charge > vehicle.state_of_charge_max
    for i in np.flatnonzero(too_much).tolist():
        yield entries[i].problem(
            "required_state_of_charge",
            f"required_state_of_charge {table.required_state_of_charge[i]:g} is above the fleet's "
            f"state_of_charge_limits",
            expected=f"at most {vehicle.state_of_charge_max:g}",
        )


def _read_file(source: SessionFile, context: BuildContext, problems: list[Problem]) -> list[_Entry]:
    """Return the sessions of a CSV file; what is wrong with single rows goes to ``problems``."""
    path = context.file(source.file, "sessions", "file")
    header, rows = _read_rows(path, source.delimiter)
    header_problems = list(_header_problems(path, header, source.delimiter))
    if not header_problems and not rows:
        header_problems = [_in_file(path, 1, "there are no rows below the header")]
    if header_problems:
        raise ScenarioError(*header_problems)
    entries: list[_Entry] = []
    for line, cells in rows:
        if len(cells) != len(header):
            message = f"the row has {len(cells)} cells, the header {len(header)}"
            problems.append(_in_file(path, line, message))
            continue
        given = {k: v.strip() for k, v in zip(header, cells, strict=True) if v.strip()}
        try:
            session = Session.model_validate(given)
        except ValidationError as error:
            problems += [_cell_problem(path, line, dict(e)) for e in error.errors()]
        else:
            location = Location(file=path, line=line, column=1)
            entries.append(_Entry(session=session, key=("sessions", "file"), location=location))
    return entries


def _read_rows(path: Path, delimiter: str) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Return the header and, with their line numbers, all rows that are not blank."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.reader(stream, delimiter=delimiter, skipinitialspace=True)
            header = [name.strip() for name in next(reader, [])]
            rows = [(reader.line_num, row) for row in reader if any(map(str.strip, row))]
    except (UnicodeDecodeError, csv.Error) as error:
        problem = _in_file(path, 1, f"the file cannot be read: {error}", "a CSV file in UTF-8")
        raise ScenarioError(problem) from error
    return header, rows


def _header_problems(path: Path, header: Sequence[str], delimiter: str) -> Iterator[Problem]:
    columns = Session.model_fields
    if not any(header):
        yield _in_file(path, 1, "the file is empty", "a line of column names, then sessions")
        return
    if len(header) == 1 and ";" in header[0] and delimiter != ";":
        yield _in_file(path, 1, "the header is a single column", suggestion="add delimiter: ';'")
        return
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        yield _in_file(path, 1, f"columns given twice: {listing(twice)}")
    for name in dict.fromkeys(header):
        if name not in columns:
            known = f"columns {listing(list(columns))}"
            yield _in_file(path, 1, f"unknown column '{name}'", known, nearest(name, columns))
    missing = [n for n, field in columns.items() if field.is_required() and n not in header]
    if missing:
        yield _in_file(path, 1, f"no column for {listing(missing)}")


def _cell_problem(path: Path, line: int, error: Mapping[str, Any]) -> Problem:
    """Return one of pydantic's errors as the problem of a cell."""
    column, given = error["loc"][0], error["input"]
    if error["type"] == "missing":
        return _in_file(path, line, f"column '{column}' is empty")
    said = str(error["msg"]).removeprefix("Value error, ")
    message = f"column '{column}' has '{given}': {said[0].lower()}{said[1:]}"
    suggestion = ""
    if error["type"] == "less_than_equal" and float(given) <= _PERCENT:
        suggestion = f"did you mean {float(given) / _PERCENT:g}?"
    return _in_file(path, line, message, suggestion=suggestion)


def _in_file(
    path: Path, line: int, message: str, expected: str = "", suggestion: str = ""
) -> Problem:
    return Problem(
        message=message,
        key=("sessions", "file"),
        expected=expected,
        suggestion=suggestion,
        location=Location(file=path, line=line, column=1),
    )

"""Jobs of appliances: how much energy is to be drawn between which times.

A scenario writes them as a list, names a CSV file (both read by `read_jobs`) or draws them
(`deferrable_generator`); a `JobTable` holds them as arrays, whatever their origin.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from gridloom.simulators.csv_rows import CsvRows, Written
from gridloom.simulators.errors import Problem, ScenarioError, listing, nearest
from gridloom.simulators.ev_sessions import Moment, SessionTable, format_moment, whole_steps
from gridloom.simulators.model import BuildContext, FloatArray, StaticVariable
from gridloom.simulators.quantities import SECONDS_PER_HOUR, Config, InputFile, Positive


class Job(Config):
    """One job of an appliance."""

    connection_point: str
    """Where the appliance is."""
    release: Moment
    """From when on it may draw power."""
    deadline: Moment
    """When the job is to be done; may lie beyond the end of the scenario."""
    energy_kwh: Positive
    """To be drawn; of a job released before the scenario's start, what is left then."""
    rated_power_kw: Positive
    """Most that it draws."""


class JobFile(Config):
    """Jobs in a CSV file whose columns are named like the keys of a job in YAML."""

    file: InputFile
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","


@dataclass(frozen=True, kw_only=True)
class JobTable:
    """Jobs as arrays of equal length, ordered by release.

    No two jobs of one appliance overlap. A job takes part in the whole steps between its release
    and its deadline.
    """

    appliance: NDArray[np.int64]
    """Position in the population's appliances."""
    release_s: FloatArray
    """Seconds since the start of the scenario; negative where it was released before."""
    deadline_s: FloatArray
    """Seconds since the start of the scenario."""
    energy_kwh: FloatArray
    """To be drawn between both, from the start of the scenario on."""
    rated_power_kw: FloatArray

    def __len__(self) -> int:
        return len(self.release_s)

    def take(self, rows: NDArray[np.int64]) -> "JobTable":
        """Return the table that consists of these rows."""
        return JobTable(**{f.name: getattr(self, f.name)[rows] for f in fields(self)})

    def ordered(self) -> "JobTable":
        """Return the table ordered by release, then appliance."""
        return self.take(np.lexsort((self.appliance, self.release_s)))

    def as_sessions(self) -> SessionTable:
        """Return the jobs as stays of vehicles that come empty and leave full, without losses."""
        return SessionTable(
            charging_point=self.appliance,
            arrival_s=self.release_s,
            departure_s=self.deadline_s,
            arrival_state_of_charge=np.zeros(len(self)),
            required_state_of_charge=np.ones(len(self)),
            energy_capacity_kwh=self.energy_kwh,
            rated_power_kw=self.rated_power_kw,
        )

    def impossible_kwh(self, step_s: int) -> FloatArray:
        """Return the energy of each job that rated power in all its whole steps cannot draw."""
        begin_s, end_s = whole_steps(self.as_sessions(), step_s)
        hours = np.maximum(end_s - np.maximum(begin_s, 0.0), 0.0) / SECONDS_PER_HOUR
        missing: FloatArray = np.maximum(self.energy_kwh - self.rated_power_kw * hours, 0.0)
        return missing

    def static(self) -> tuple[StaticVariable, ...]:
        """Return the table as it goes into the record."""
        return tuple(
            StaticVariable(
                name=f"job_{name}",
                values=getattr(self, name),
                dimensions=("job",),
                unit=unit,
                long_name=long_name,
            )
            for name, unit, long_name in _COLUMNS
        )


_COLUMNS = (
    ("appliance", "", "position of the appliance, from 0"),
    ("release_s", "s", "release since the start of the scenario"),
    ("deadline_s", "s", "deadline since the start of the scenario"),
    ("energy_kwh", "kWh", "energy to be drawn, from the start of the scenario on"),
    ("rated_power_kw", "kW", "rated power"),
)


def read_jobs(
    source: Sequence[Job] | JobFile, points: Sequence[str], context: BuildContext
) -> JobTable:
    """Return the jobs of a list or a file as a table.

    Raises:
        ScenarioError: naming every job that is wrong, by its place in the list or the file.
    """
    problems: list[Problem] = []
    if isinstance(source, JobFile):
        path = context.file(source.file, "jobs", "file")
        entries, problems = CsvRows(
            path=path, kind=Job, key=("jobs", "file"), delimiter=source.delimiter
        ).read()
    else:
        entries = [Written(entry=job, key=("jobs", i)) for i, job in enumerate(source)]
    position = {name: i for i, name in enumerate(points)}
    problems += [
        each.problem(
            "connection_point",
            f"there is no appliance of this population at '{each.entry.connection_point}'",
            expected=f"one of {listing(points)}",
            suggestion=nearest(each.entry.connection_point, points),
        )
        for each in entries
        if each.entry.connection_point not in position
    ]
    placed = [each for each in entries if each.entry.connection_point in position]
    jobs = [each.entry for each in placed]
    table = JobTable(
        appliance=np.array([position[job.connection_point] for job in jobs], dtype=np.int64),
        release_s=np.array([_seconds(job.release, context.start) for job in jobs]),
        deadline_s=np.array([_seconds(job.deadline, context.start) for job in jobs]),
        energy_kwh=np.array([job.energy_kwh for job in jobs], dtype=np.float64),
        rated_power_kw=np.array([job.rated_power_kw for job in jobs], dtype=np.float64),
    )
    problems += _contradictions(table, placed)
    if problems:
        raise ScenarioError(*problems)
    return table.ordered()


def _seconds(moment: datetime | int, start: datetime) -> float:
    if isinstance(moment, datetime):
        # In UTC, because within one zone Python subtracts what the wall clocks show.
        return (moment.astimezone(UTC) - start.astimezone(UTC)).total_seconds()
    return float(moment)


def _contradictions(table: JobTable, entries: Sequence[Written[Job]]) -> Iterator[Problem]:
    """Yield what cannot be: a deadline before the release, two jobs of an appliance at once."""
    release_s, deadline_s = table.release_s, table.deadline_s
    for i in np.flatnonzero(release_s >= deadline_s).tolist():
        yield entries[i].problem(
            "deadline",
            f"the deadline ({format_moment(deadline_s[i])} after the start) is not after the "
            f"release ({format_moment(release_s[i])})",
        )
    order = np.lexsort((release_s, table.appliance))
    same = np.diff(table.appliance[order]) == 0
    overlap = same & (release_s[order][1:] < deadline_s[order][:-1])
    for i in np.flatnonzero(overlap).tolist():
        before, here = order[i], order[i + 1]
        yield entries[here].problem(
            "release",
            f"at the release ({format_moment(release_s[here])} after the start) the appliance at "
            f"'{entries[here].entry.connection_point}' still has another job, until "
            f"{format_moment(deadline_s[before])}",
            suggestion="a second simulator for a second appliance there",
        )

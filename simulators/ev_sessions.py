"""Charging sessions: who is plugged in where, from when to when, with how much energy.

A scenario writes them as a list, names a CSV file (both read by `ev_session_reader`) or draws them
(`ev_generators`); a `SessionTable` holds them as arrays, whatever their origin.
"""

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Annotated, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer

from gridloom.simulators.model import FloatArray, StaticVariable
from gridloom.simulators.quantities import (
    SECONDS_PER_HOUR,
    Config,
    Fraction,
    InputFile,
    Positive,
    format_duration,
    parse_duration,
)


def _read_moment(value: object) -> datetime | int:
    if isinstance(value, datetime):
        return value
    text = str(value).strip()
    if text in {"0", "0s"}:
        return 0
    sign = -1 if text.startswith("-") else 1
    try:
        return sign * parse_duration(text.removeprefix("-"))
    except ValueError:
        pass
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(
            "expected a time since the start of the scenario such as 0s or 12min, or a timestamp "
            "such as 2021-03-24T16:12:00+01:00"
        ) from None


def _refuse_naive(value: datetime | int) -> datetime | int:
    if isinstance(value, datetime) and value.tzinfo is None:
        raise ValueError("a timestamp needs its time zone, such as 2021-03-24T16:12:00+01:00")
    return value


def format_moment(value: datetime | float) -> str:
    """Write a time as `Moment` reads it; fractions of a second are rounded.

    >>> format_moment(-5400)
    '-90min'
    """
    if isinstance(value, datetime):
        return value.isoformat()
    return f"{'-' if value < 0 else ''}{format_duration(round(abs(value)))}"


Moment: TypeAlias = Annotated[
    datetime | int,
    BeforeValidator(_read_moment, json_schema_input_type=str),
    AfterValidator(_refuse_naive),
    PlainSerializer(format_moment, return_type=str),
]
"""A time in a scenario: since its start ('12min', '-1h' before it), or a timestamp with zone."""


class Session(Config):
    """One charging session."""

    charging_point: str
    """Name of the charging point."""
    arrival: Moment
    """Before the start of the scenario: plugged in from the start."""
    departure: Moment
    """As the driver declares it on arrival; may lie beyond the end of the scenario."""
    arrival_state_of_charge: Fraction
    """At arrival, or at the start of the scenario for vehicles that arrived before it."""
    required_state_of_charge: Fraction | None = None
    """At departure; default: the fleet's."""
    energy_capacity_kwh: Positive | None = None
    """Default: the fleet's."""
    rated_power_kw: Positive | None = None
    """Default: the fleet's."""


class SessionFile(Config):
    """Sessions in a CSV file whose columns are named like the keys of a session in YAML."""

    file: InputFile
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","


@dataclass(frozen=True, kw_only=True)
class FleetVehicle:
    """The vehicle of a fleet: what a session has unless it says otherwise."""

    required_state_of_charge: float
    state_of_charge_max: float
    energy_capacity_kwh: float
    rated_power_kw: float
    charge_efficiency: float


@dataclass(frozen=True, kw_only=True)
class SessionTable:
    """Charging sessions as arrays of equal length, ordered by arrival.

    No two sessions overlap at one charging point.
    """

    charging_point: NDArray[np.int64]
    """Position in the fleet's charging points."""
    arrival_s: FloatArray
    """Seconds since the start of the scenario."""
    departure_s: FloatArray
    arrival_state_of_charge: FloatArray
    required_state_of_charge: FloatArray
    energy_capacity_kwh: FloatArray
    rated_power_kw: FloatArray

    def __len__(self) -> int:
        return len(self.arrival_s)

    def take(self, rows: NDArray[np.int64]) -> "SessionTable":
        """Return the table that consists of these rows."""
        return SessionTable(**{f.name: getattr(self, f.name)[rows] for f in fields(self)})

    def ordered(self) -> "SessionTable":
        """Return the table ordered by arrival, then charging point."""
        return self.take(np.lexsort((self.charging_point, self.arrival_s)))

    def static(self) -> tuple[StaticVariable, ...]:
        """Return the table as it goes into the record."""
        return tuple(
            StaticVariable(
                name=f"session_{name}",
                values=getattr(self, name),
                dimensions=("session",),
                unit=unit,
                long_name=long_name,
            )
            for name, unit, long_name in _COLUMNS
        )


_COLUMNS = (
    ("charging_point", "", "position of the charging point, from 0"),
    ("arrival_s", "s", "arrival since the start of the scenario"),
    ("departure_s", "s", "departure since the start of the scenario"),
    (
        "arrival_state_of_charge",
        "1",
        "state of charge at arrival, or at the start for vehicles already there",
    ),
    ("required_state_of_charge", "1", "state of charge required at departure"),
    ("energy_capacity_kwh", "kWh", "energy capacity"),
    ("rated_power_kw", "kW", "rated charging power"),
)


def whole_steps(table: SessionTable, step_s: int) -> tuple[FloatArray, FloatArray]:
    """Return from when to when each session's vehicle takes part: its stay in whole steps.

    Returns:
        (session,) each, seconds: the first step that begins at or after the arrival, the last
        that ends at or before the departure. A stay without any whole step ends where it begins.
    """
    begin_s = np.ceil(table.arrival_s / step_s) * step_s
    end_s = np.floor(table.departure_s / step_s) * step_s
    return begin_s, np.maximum(end_s, begin_s)


def reachable_state_of_charge(
    table: SessionTable, vehicle: FleetVehicle, step_s: int
) -> FloatArray:
    """Return the state of charge each session ends with if it charges at rated power throughout."""
    begin_s, end_s = whole_steps(table, step_s)
    stay_h = np.maximum(end_s - np.maximum(begin_s, 0.0), 0.0) / SECONDS_PER_HOUR
    gain = vehicle.charge_efficiency * table.rated_power_kw * stay_h / table.energy_capacity_kwh
    reached: FloatArray = table.arrival_state_of_charge + gain
    return reached

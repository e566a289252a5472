"""Which indicators make up the table of a campaign, in which order, and under which names.

The order is that of groups and names, not that in which runs completed: the same results always
give the same table.
"""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from gridloom.scenarios.campaigns.point import Axis
from gridloom.scenarios.results.kpis.kpi import Kpi

NUMBER, STATE, FAULT, REASON, DIGEST = "number", "state", "fault", "reason", "digest"
"""Columns that every table of a campaign has, beside parameters and indicators."""
INDICATOR, OF, VALUE, UNIT = "indicator", "of", "value", "unit"
"""Columns of the long form."""
_FIXED = (NUMBER, STATE, FAULT, REASON, DIGEST, INDICATOR, OF, VALUE, UNIT)
_WALL_TIME = "wall_time"
_DIGITS = re.compile(r"(\d+)")
_Ordered: TypeAlias = tuple[tuple[int, int | str], ...]


@dataclass(frozen=True, kw_only=True)
class Choice:
    """Which indicators are wanted."""

    parts: bool = False
    """Also those of parts, as of single lines or settlement periods."""
    wall_times: bool = False
    """Also computing times, which no second run reproduces."""


@dataclass(frozen=True, kw_only=True)
class Column:
    """One indicator of all runs."""

    name: str
    """Of the indicator."""
    of: str
    unit: str
    """As UDUNITS reads it."""
    group: str
    label: str
    """For humans."""
    headline: bool

    @property
    def header(self) -> str:
        """Its name in a table: `name`, or `name[of]` for a part."""
        return f"{self.name}[{self.of}]" if self.of else self.name

    @property
    def long_name(self) -> str:
        """Its name for humans."""
        return f"{self.label} ({self.of})" if self.of else self.label


def choose_columns(kpis: Iterable[Kpi], choice: Choice) -> list[Column]:
    """Return the columns that are wanted, by group, name and part.

    The headlines of a model that is one of several (as of two fleets) count as totals.
    """
    columns = [
        Column(
            name=kpi.name,
            of=kpi.of,
            unit=kpi.unit,
            group=kpi.group,
            label=kpi.label,
            headline=kpi.headline,
        )
        for kpi in kpis
        if (choice.wall_times or _WALL_TIME not in kpi.name)
        and (choice.parts or not kpi.of or kpi.headline)
    ]
    return sorted(columns, key=lambda column: (column.group, column.name, _natural(column.of)))


def parameter_headers(axes: Sequence[Axis], columns: Collection[Column]) -> list[str]:
    """Return the header of each axis: its name, unless that already means something else."""
    taken = {*_FIXED, *(column.header for column in columns)}
    return [f"parameter_{axis.name}" if axis.name in taken else axis.name for axis in axes]


def _natural(text: str) -> _Ordered:
    """Order 'period 2' before 'period 10'."""
    pieces = _DIGITS.split(text)
    return tuple((0, int(piece)) if piece.isdecimal() else (1, piece) for piece in pieces if piece)

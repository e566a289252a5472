"""The results of a campaign row by row, as they go into a file."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from gridloom.scenarios.campaigns.outcome import RunState
from gridloom.scenarios.campaigns.point import Axis, Parameter
from gridloom.scenarios.campaigns.results.columns import (
    DIGEST,
    FAULT,
    INDICATOR,
    NUMBER,
    OF,
    REASON,
    STATE,
    UNIT,
    VALUE,
    parameter_headers,
)
from gridloom.scenarios.campaigns.results.points import STATES
from gridloom.scenarios.campaigns.results.values import CampaignValues

Row: TypeAlias = list[Parameter | None]
"""None where there is nothing."""


@dataclass(frozen=True, kw_only=True)
class Field:
    """One column of a file."""

    name: str
    kind: type[bool | int | float | str]
    unit: str = ""


def wide_fields(values: CampaignValues) -> list[Field]:
    """Return the columns of one row a point."""
    return [
        *_point_fields(values),
        *(Field(name=name, kind=str) for name in (STATE, FAULT, REASON)),
        *(Field(name=c.header, kind=float, unit=c.unit) for c in values.columns),
        Field(name=DIGEST, kind=str),
    ]


def wide_rows(values: CampaignValues, *, only_complete: bool = False) -> Iterator[Row]:
    """Yield one row a point, in the order of their numbers."""
    points = values.points
    nothing: Row = [None] * len(values.columns)
    for place, (number, state, digest) in enumerate(
        zip(points.numbers.tolist(), points.states.tolist(), points.digests.tolist(), strict=True)
    ):
        found = values.row(place)
        if only_complete and STATES[state] is not RunState.COMPLETE:
            continue
        yield [
            number,
            *points.labels(place),
            STATES[state].value,
            points.fault(place),
            points.reason(place),
            *(nothing if found is None else (_known(value) for value in found.tolist())),
            digest,
        ]


def long_fields(values: CampaignValues) -> list[Field]:
    """Return the columns of one row a point and indicator."""
    return [
        *_point_fields(values),
        Field(name=INDICATOR, kind=str),
        Field(name=OF, kind=str),
        Field(name=VALUE, kind=float),
        Field(name=UNIT, kind=str),
    ]


def long_rows(values: CampaignValues) -> Iterator[Row]:
    """Yield one row a point and indicator that is known."""
    points = values.points
    for place, number in enumerate(points.numbers.tolist()):
        found = values.row(place)
        if found is None:
            continue
        labels = points.labels(place)
        for column, value in zip(values.columns, found.tolist(), strict=True):
            if not math.isnan(value):
                yield [number, *labels, column.name, column.of, value, column.unit]


def _point_fields(values: CampaignValues) -> list[Field]:
    axes = values.points.axes
    headers = parameter_headers(axes, values.columns)
    return [
        Field(name=NUMBER, kind=int),
        *(
            Field(name=header, kind=_kind(axis), unit=axis.unit)
            for header, axis in zip(headers, axes, strict=True)
        ),
    ]


def _kind(axis: Axis) -> type[bool | int | float | str]:
    """Return the type that holds all values of an axis."""
    kinds = {type(label) for label in axis.labels}
    if len(kinds) == 1:
        return kinds.pop()
    return float if kinds == {int, float} else str


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value


def in_columns(rows: Sequence[Row], fields: Sequence[Field]) -> Iterator[Row]:
    """Yield rows as columns, each value of its field's type."""
    for field, column in zip(fields, zip(*rows, strict=True), strict=True):
        yield [None if value is None else field.kind(value) for value in column]

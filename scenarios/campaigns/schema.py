"""What a campaign file says: its own keys, and those of each kind of axis."""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Literal, Self, TypeAlias

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from gridloom.scenarios.schema import ScenarioName
from gridloom.simulators.quantities import Config, Duration

RESERVED_NAMES = ("number", "state", "fault", "reason", "digest")
"""What the columns of tables are called that no axis gives."""
MOST_VALUES = 10_000
"""Of an axis but for seeds: each is checked before anything runs."""
MOST_POINTS = 10_000_000
"""Nobody has the computers for more."""
_BYTES = {
    "kB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
    "TiB": 2**40,
}
_MEMORY = re.compile(rf"(\d+(?:\.\d+)?)\s*({'|'.join(_BYTES)})")

Number: TypeAlias = int | Annotated[float, Field(allow_inf_nan=False)]


def parse_memory(value: object) -> int:
    """Read '4 GB' or '512 MiB' as bytes.

    >>> parse_memory("1.5 GB")
    1500000000
    """
    match = _MEMORY.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise ValueError("expected a size with its unit, such as 512 MB or 4 GB")
    return round(float(match[1]) * _BYTES[match[2]])


MemorySize: TypeAlias = Annotated[
    int,
    BeforeValidator(parse_memory),
    Field(gt=0),
    WithJsonSchema({"type": "string", "pattern": rf"^\s*{_MEMORY.pattern}\s*$"}),
]
"""A size in bytes, written with its unit."""


class RunSettings(Config):
    """What each run of a campaign may take and leaves behind."""

    timeout_s: Duration | None = Field(default=None, alias="timeout")
    """Wall time of one run; a run that takes longer has failed."""
    memory_bytes: MemorySize | None = Field(default=None, alias="memory")
    """Memory of one run with all its processes; by default what its worker may have."""
    retries: Annotated[int, Field(ge=0)] = 1
    """How often a run that failed is tried again."""
    reports: bool = False
    """Whether each run writes its own report.html."""


class CampaignConfig(RunSettings):
    """A campaign file, but for its axes."""

    name: ScenarioName
    title: str = ""
    description: str = ""
    scenario: Annotated[str, Field(min_length=1)]
    """What is varied: a shipped scenario's name, or a scenario file, relative to this file."""
    changes: dict[str, Any] = Field(default_factory=dict, alias="set")
    """Laid on the scenario for all runs, as a scenario is on its base."""
    zip: tuple[Annotated[tuple[str, ...], Field(min_length=2)], ...] = ()
    """Groups of axes of equal length that are walked side by side instead of multiplied."""


class VariantsAxis(Config):
    """Variants of the scenario."""

    variants: Literal["all"] | Annotated[tuple[str, ...], Field(min_length=1)]
    """`all`, or their names."""


class ChangesAxis(Config):
    """Named changes, each laid on the scenario as a variant is."""

    changes: Annotated[dict[str, Any], Field(min_length=1)]
    """Changes by name; null or {} changes nothing."""


class PointsAxis(Config):
    """Combinations of several keys' values, each listed."""

    points: Annotated[tuple[dict[str, Any], ...], Field(min_length=1)]
    """Each maps keys to values; `label` names it, by default its number."""


class _KeyAxis(Config):
    key: str | Annotated[tuple[str, ...], Field(min_length=1)]
    """One key of the scenario, or several that get the same value."""
    unit: str | None = None
    """Of the values, as UDUNITS reads it; by default as the last key's suffix says."""


class ValuesAxis(_KeyAxis):
    """The values of one key."""

    values: (
        Annotated[list[Any], Field(min_length=1)] | Annotated[dict[str, Any], Field(min_length=1)]
    )
    """A list, or a mapping of labels to values."""


class Range(Config):
    """Numbers from one to another, both included."""

    first: Number = Field(alias="from")
    last: Number = Field(alias="to")
    step: Number | None = None
    """Distance of two neighbours."""
    count: Annotated[int, Field(ge=2, le=MOST_VALUES)] | None = None
    """How many numbers, instead of `step`."""
    scale: Literal["linear", "log"] = "linear"
    """Whether neighbours have the same distance, or the same ratio."""

    @model_validator(mode="after")
    def _is_walkable(self) -> Self:
        if (self.step is None) == (self.count is None):
            raise ValueError("needs either step or count")
        if self.first == self.last:
            raise ValueError("'from' and 'to' are the same number")
        if self.step is not None and self.step * (self.last - self.first) <= 0:
            raise ValueError(
                f"a step of {self.step} does not lead from {self.first} to {self.last}"
            )
        if self.step is not None and _rest(self.first, self.last, self.step):
            raise ValueError(f"steps of {self.step} from {self.first} do not lead to {self.last}")
        if self.scale == "log" and self.count is None:
            raise ValueError("a logarithmic scale needs count")
        if self.scale == "log" and not (self.first > 0 and self.last > 0):
            raise ValueError("a logarithmic scale needs numbers greater than 0")
        return self


def _rest(first: float, last: float, step: float) -> Decimal:
    """Return by how much the last of exact decimal steps misses the end."""
    return (Decimal(repr(last)) - Decimal(repr(first))) % Decimal(repr(step))


class RangeAxis(_KeyAxis):
    """Evenly spaced values of one key."""

    range: Range


class FilesAxis(_KeyAxis):
    """Files, in alphabetic order, as values of one key."""

    files: str | Annotated[tuple[str, ...], Field(min_length=1)]
    """Pattern or patterns, relative to the campaign file."""


class SeedSeries(Config):
    """Seeds in a row."""

    count: Annotated[int, Field(ge=1, le=MOST_POINTS)]
    first: Annotated[int, Field(ge=0)] | None = None
    """By default the scenario's own."""


class SeedsAxis(Config):
    """Repetitions with other random numbers."""

    seeds: (
        Annotated[int, Field(ge=1, le=MOST_POINTS)]
        | Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1)]
        | SeedSeries
    )
    """How many, beginning with the scenario's own; or a list; or how many and the first."""


AxisConfig: TypeAlias = (
    VariantsAxis | ChangesAxis | PointsAxis | ValuesAxis | RangeAxis | FilesAxis | SeedsAxis
)
KINDS_OF_AXES: Mapping[str, type[AxisConfig]] = {
    "variants": VariantsAxis,
    "changes": ChangesAxis,
    "points": PointsAxis,
    "values": ValuesAxis,
    "range": RangeAxis,
    "files": FilesAxis,
    "seeds": SeedsAxis,
}
"""Kinds of axes by the key that tells them apart."""

"""What a scenario is: the validated content of a scenario file, one variant of it."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeAlias

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    PlainSerializer,
    SerializeAsAny,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError

from gridloom.scenarios.instants import ZoneError, read_instant, write_instant
from gridloom.simulators.errors import Key, Problem, ScenarioError, dotted
from gridloom.simulators.model import BuildContext
from gridloom.simulators.quantities import (
    Config,
    Duration,
    InputFile,
    InputFiles,
    ModelConfig,
    format_duration,
)
from gridloom.simulators.signals import Signal, Statistic

MODEL_NAME = r"[a-z][a-z0-9_]*"
"""Names of simulators and controllers: they become groups of the record."""
SCENARIO_NAME = r"[a-z][a-z0-9_-]*"
"""Names of scenarios and variants: they become parts of folder names."""
_PORT_NAME = rf"{MODEL_NAME}\.[A-Za-z_]\w*"
EVERYTHING = "all"
"""Means all connection points, or all signals; nothing may be called so."""
_FIRST = datetime(1900, 1, 1, tzinfo=UTC)
_LAST = datetime(2200, 1, 1, tzinfo=UTC)
"""Between them everybody's calendars agree, those of xarray and netCDF included."""
_MOST_STEPS = 100_000_000
"""Hours of computing for even the smallest model: nobody means more."""


def _scenario_name(name: str) -> str:
    if re.fullmatch(SCENARIO_NAME, name):
        return name
    raise PydanticCustomError(
        "name",
        "'{name}' is no name: lower-case letters, digits, '_' and '-', a letter first",
        {"name": name, "suggestion": suggest_name(name, "-")},
    )


def suggest_name(name: str, separator: str = "_") -> str:
    """Return a hint with the lawful name nearest to ``name``, or ''.

    >>> suggest_name("EV fleet")
    "did you mean 'ev_fleet'?"
    """
    lawful = re.sub(r"[^a-z0-9]+", separator, name.lower()).strip(separator)
    return f"did you mean '{lawful}'?" if re.fullmatch(SCENARIO_NAME, lawful) else ""


def _aware(value: object) -> datetime:
    """Read an ISO 8601 time stamp with its time zone."""
    try:
        stamp = read_instant(value if isinstance(value, str) else "")
    except ZoneError:
        raise
    except ValueError:
        raise ValueError("expected a time stamp such as 2021-03-24T16:00:00+01:00") from None
    if stamp.microsecond:
        raise ValueError("expected a time stamp in whole seconds")
    if stamp.tzinfo is None:
        raise PydanticCustomError(
            "time_zone",
            "the time stamp lacks its time zone",
            {
                "suggestion": f"write {stamp.isoformat()}+01:00 for one hour ahead of UTC, "
                f"or {stamp.isoformat()}Z for UTC"
            },
        )
    return stamp


def _group_name(name: str) -> str:
    if not name or name == EVERYTHING:
        raise ValueError(f"a group cannot be called '{name}'")
    return name


def _port_name(name: str) -> str:
    if not re.fullmatch(_PORT_NAME, name):
        raise ValueError("expected a model and its signal, such as pv.power_kw")
    return name


ScenarioName: TypeAlias = Annotated[
    str,
    AfterValidator(_scenario_name),
    WithJsonSchema({"type": "string", "pattern": f"^{SCENARIO_NAME}$"}),
]
Timestamp: TypeAlias = Annotated[
    datetime,
    BeforeValidator(_aware, json_schema_input_type=str),
    PlainSerializer(write_instant, return_type=str, when_used="json"),
]
"""A point in time with its offset from UTC, or, as in 2024-01-01T00:00:00+01:00[Europe/Berlin],
with the time zone whose clocks change."""
GroupName: TypeAlias = Annotated[str, AfterValidator(_group_name)]
PortName: TypeAlias = Annotated[
    str,
    AfterValidator(_port_name),
    WithJsonSchema({"type": "string", "pattern": f"^{_PORT_NAME}$"}),
]
"""A model's signal, as in `pv.power_kw`."""


class CouplingConfig(Config):
    """One coupling that the ports alone do not suggest, or that replaces what they suggest."""

    source: PortName = Field(alias="from")
    """Model and output, as in `pv.power_kw`."""
    destination: PortName = Field(alias="to")
    """Model and input, as in `grid.power_kw`."""


class RecordConfig(Config):
    """What is recorded, and how."""

    compression: Literal["gzip", "none"] = "gzip"
    float32: bool = False
    """Half the size, seven digits."""
    signals: Literal["all"] | dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """`all` outputs, or those named by model; models not named record their default."""
    every: Duration | None = None
    """Time that a row covers at least; by default each step has its own row."""
    statistics: tuple[Statistic, ...] | dict[PortName, tuple[Statistic, ...]] = Field(
        default_factory=dict
    )
    """What rows of several steps tell besides the value: of all signals, or of those named, as in
    `grid.line_current_a`; those not named have their default."""

    @model_validator(mode="after")
    def _of_several_steps(self) -> Self:
        if self.statistics and self.every is None:
            raise ValueError("'statistics' are of rows of several steps: give 'every' as well")
        return self

    def records(self, model: str, signal: str, *, by_default: bool) -> bool:
        """Whether an output of a model is recorded.

        Args:
            model: name of the model.
            signal: name of its output.
            by_default: what holds unless the scenario says otherwise.
        """
        if isinstance(self.signals, str):
            return True
        chosen = self.signals.get(model)
        return by_default if chosen is None else signal in chosen

    def statistics_of(self, model: str, signal: Signal) -> tuple[Statistic, ...]:
        """Return what rows of several steps tell of a signal besides its value."""
        if isinstance(self.statistics, dict):
            return self.statistics.get(f"{model}.{signal.name}", signal.statistics)
        return self.statistics


class Scenario(Config):
    """A scenario, or one variant of it, fully resolved and valid.

    Made by `gridloom.scenarios.reader.read_scenario`.
    """

    name: ScenarioName
    title: str = ""
    description: str = ""
    variant: ScenarioName | None = None
    """Which variant this is; None in a scenario without any."""
    start: Timestamp
    duration_s: Duration = Field(alias="duration")
    step_size: Duration = 1
    """Time between two steps of every model that does not give its own."""
    seed: Annotated[int, Field(ge=0)] = 0
    """All randomness comes from it."""
    groups: dict[GroupName, Annotated[tuple[str, ...], Field(min_length=1)]] = Field(
        default_factory=dict
    )
    """Named groups of connection points."""
    simulators: dict[str, SerializeAsAny[ModelConfig]] = Field(default_factory=dict)
    """What exists, by name."""
    controllers: dict[str, SerializeAsAny[ModelConfig]] = Field(default_factory=dict)
    """Who decides, by name."""
    couplings: tuple[CouplingConfig, ...] = ()
    record: RecordConfig = RecordConfig()
    fuse: bool = False
    """Whether all models of this process are stepped within one mosaik simulator: the same results,
    sooner."""

    @model_validator(mode="after")
    def _within_reason(self) -> Self:
        """Refuse what no calendar and no computer can cope with."""
        if not _FIRST <= self.start < _LAST:
            raise ScenarioError(
                Problem(
                    message=f"the year {self.start.year} is out of range",
                    key=("start",),
                    expected=f"a time from {_FIRST.year} to {_LAST.year - 1}",
                )
            )
        steps = self.duration_s // self.step_size
        ends_late = self.duration_s > (_LAST - self.start) / timedelta(seconds=1)
        if steps > _MOST_STEPS or ends_late:
            beyond = f", beyond the year {_LAST.year - 1}" if ends_late else ""
            raise ScenarioError(
                Problem(
                    message=f"{format_duration(self.duration_s)} are {steps:,} steps of "
                    f"{format_duration(self.step_size)}{beyond}",
                    key=("duration",),
                    expected=f"at most {_MOST_STEPS:,} steps",
                    suggestion="shorten the duration, or lengthen step_size",
                )
            )
        return self

    def resolved(self) -> dict[str, Any]:
        """Return the scenario as plain JSON values, defaults included.

        Written to a file, it reads back as an equal scenario.
        """
        return self.model_dump(mode="json", by_alias=True)

    def digest(self, folders: Sequence[Path]) -> str:
        """Return the identity of the scenario and of all files it reads, in hexadecimal digits.

        Args:
            folders: where relative file names are looked up.

        Raises:
            ScenarioError: a file does not exist.
        """
        return self.digest_with([path for _key, path in self.input_paths(folders)])

    def digest_with(self, files: Sequence[Path]) -> str:
        """Return the identity of the scenario and of these files, `input_paths` of it."""
        identity = hashlib.sha256(
            json.dumps(self.resolved(), sort_keys=True, ensure_ascii=False).encode()
        )
        for path in files:
            with path.open("rb") as opened:
                identity.update(path.name.encode())
                identity.update(hashlib.file_digest(opened, "sha256").digest())
        return identity.hexdigest()

    def input_paths(self, folders: Sequence[Path]) -> Iterator[tuple[Key, Path]]:
        """Yield key and path of every file that the scenario reads, ordered by key.

        Raises:
            ScenarioError: a file does not exist.
        """
        for key, name in self.input_files():
            context = BuildContext(
                name=str(key[1]),
                start=self.start,
                duration_s=self.duration_s,
                seed=self.seed,
                folders=tuple(folders),
            )
            several = isinstance(name, InputFiles)
            for path in context.files(name) if several else [context.file(name, *key)]:
                yield key, path

    def input_files(self) -> list[tuple[Key, InputFile]]:
        """Return key and name of every file that the scenario reads, ordered by key."""
        found = [
            *_input_files(self.simulators, ("simulators",)),
            *_input_files(self.controllers, ("controllers",)),
        ]
        return sorted(found, key=lambda entry: dotted(entry[0]))


def _input_files(value: object, key: Key) -> Iterator[tuple[Key, InputFile]]:
    if isinstance(value, InputFile):
        yield key, value
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _input_files(getattr(value, name), (*key, name))
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield from _input_files(item, (*key, str(name)))
    elif isinstance(value, list | tuple):
        for i, item in enumerate(value):
            yield from _input_files(item, (*key, i))

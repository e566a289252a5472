"""What a scenario may say about a foreign simulator that speaks the mosaik API."""

import re
from typing import Annotated, Any, Self, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator

from gridloom.simulators.exchange.exchange import ExchangeConfig, PlacedExchangeConfig, RecordName
from gridloom.simulators.quantities import Config, HostAndPort, InputFile, ModelConfig
from gridloom.simulators.remote.peer import ADDRESS_PLACEHOLDERS

_CLASS = r"[A-Za-z_][\w.]*:[A-Za-z_]\w*"


def _words(value: object) -> object:
    """Split a command line as a shell would."""
    if not isinstance(value, str):
        return value
    import shlex

    try:
        return shlex.split(value)
    except ValueError as error:
        raise ValueError(f"cannot be split into words: {error}") from None


Command: TypeAlias = Annotated[
    tuple[str, ...],
    BeforeValidator(_words, json_schema_input_type=str | list[str]),
    Field(min_length=1),
]
"""A program and its arguments, as one line or as a list."""


def _class_name(name: str) -> str:
    if not re.fullmatch(_CLASS, name):
        raise ValueError(f"'{name}' names no class: expected one such as mosaik_csv:CSV")
    return name


PythonClass: TypeAlias = Annotated[
    str, AfterValidator(_class_name), WithJsonSchema({"type": "string", "pattern": f"^{_CLASS}$"})
]
"""A class, as in `mosaik_csv:CSV`."""


class CreateConfig(Config):
    """What is created in the foreign simulator."""

    model: Annotated[str, Field(min_length=1)]
    """Name of the model in the simulator's META."""
    number: Annotated[int, Field(gt=0)] | None = None
    """How many; by default one for every element, or one in all where `elements` is given."""
    parameters: dict[str, Any] = Field(default_factory=dict)
    """Parameters of the model."""


class ElementsConfig(Config):
    """Entities of one kind, and what they are called in gridloom."""

    type: str | None = None
    """Type of the entities, as `create` returns them; by default the created model."""
    at: str | list[str] | None = None
    """Connection points of the entities, in the order of their creation: `all`, a group, a list."""
    names: dict[str, str] | list[str] | None = None
    """Instead of `at`: names by entity id, or entity ids that serve as names."""
    connected: bool = True
    """Whether the names are connection points; false for lines, buses and the like."""

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.at is None) == (self.names is None):
            raise ValueError("give exactly one of 'at' and 'names'")
        return self


class ForeignSimulatorConfig(ModelConfig, ExchangeConfig):
    """Keys that say which foreign simulator it is, what it creates and how it is coupled."""

    command: Command | None = None
    """Starts the simulator, which connects to `{address}` (or mosaik's `%(addr)s`); `{python}` is
    the interpreter that runs gridloom."""
    python: PythonClass | None = None
    """Or its class, as in `mosaik_csv:CSV`, computed where `placement` says."""
    connect: HostAndPort | None = None
    """Or where it listens already, `host:port`."""
    environment: dict[str, str] = Field(default_factory=dict)
    """Further environment variables of the started program."""
    parameters: dict[str, Any] = Field(default_factory=dict)
    """Parameters of the simulator's `init`; in texts, also of `create` and `command`, stand
    `{start}` (2021-06-21 17:00:00), `{duration_s}`, `{step_size_s}` and `{seed}`."""
    files: list[InputFile] = Field(default_factory=list)
    """What it reads or consists of: part of the run's identity. Where a parameter, or a word of the
    command, is one of them, the simulator is told its full path."""
    create: CreateConfig
    """What is created in it."""
    vector: bool = False
    """Whether one entity carries all elements as lists of numbers."""

    @model_validator(mode="after")
    def _one_way_in(self) -> Self:
        ways = [way for way in (self.command, self.python, self.connect) if way is not None]
        if len(ways) != 1:
            raise ValueError("give exactly one of 'command', 'python' and 'connect'")
        if self.python is None and self.placement != "inprocess":
            raise ValueError("'placement' is for 'python'; 'command' and 'connect' say where")
        if not self.sends and not self.receives:
            raise ValueError("without 'sends' and 'receives' it is coupled to nothing")
        return self

    @model_validator(mode="after")
    def _meaningful(self) -> Self:
        if "time_resolution" in self.parameters:
            raise ValueError("'time_resolution' is not to be given: a step of time is 1 s, always")
        if self.command is not None and not any(
            placeholder in word for word in self.command for placeholder in ADDRESS_PLACEHOLDERS
        ):
            raise ValueError(
                "the command lacks {address}: the simulator must know where to connect"
            )
        if "timeout_s" in {*self.parameters, *self.create.parameters}:
            raise ValueError("a parameter cannot be called 'timeout_s': gridloom uses that name")
        if self.environment and self.command is None and self.placement != "process":
            raise ValueError(
                "'environment' is for what is started: 'command', or 'python' with "
                "'placement: process'"
            )
        return self


class ExternalConfig(ForeignSimulatorConfig, PlacedExchangeConfig):
    """A foreign simulator as a population of devices."""

    elements: dict[RecordName, ElementsConfig] = Field(default_factory=dict)
    """Kinds of entities, where `at` and `kind` do not say enough; counterparts name theirs with
    `of`."""

    @model_validator(mode="after")
    def _at_or_elements(self) -> Self:
        if self.elements and self.at is not None:
            raise ValueError("give 'at' or 'elements', not both")
        return self

"""Types of the values in a scenario file, and the base of all configurations."""

import re
from typing import Annotated, Literal, TypeAlias

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    PlainSerializer,
    WithJsonSchema,
)
from pydantic_core import CoreSchema, core_schema
from typing_extensions import override

SECONDS_PER_HOUR = 3600.0

_LAST_PORT = 65535
_SECONDS = {"s": 1, "min": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"\s*(\d+)\s*(s|min|h|d)\s*")


def parse_duration(value: object) -> int:
    """Read '15min', '1h', '30 s', '2d' or '1h 30min' as whole seconds.

    A bare number is refused: nobody can see whether it means seconds or minutes.

    >>> parse_duration("1h 30min")
    5400
    """
    if isinstance(value, str) and value.strip() and _DURATION.sub("", value) == "":
        return sum(int(number) * _SECONDS[unit] for number, unit in _DURATION.findall(value))
    raise ValueError("expected a duration with its unit, such as 1s, 15min, 1h or 2d")


def format_duration(seconds: int) -> str:
    """Write whole seconds as `parse_duration` reads them.

    >>> format_duration(5400)
    '90min'
    """
    for unit in ("d", "h", "min"):
        if seconds and seconds % _SECONDS[unit] == 0:
            return f"{seconds // _SECONDS[unit]}{unit}"
    return f"{seconds}s"


Duration: TypeAlias = Annotated[
    int,
    BeforeValidator(parse_duration),
    Field(gt=0),
    PlainSerializer(format_duration),
    WithJsonSchema({"type": "string", "pattern": r"^(\s*\d+\s*(s|min|h|d)\s*)+$"}),
]
"""A positive duration in whole seconds, written with its unit."""

Fraction: TypeAlias = Annotated[float, Field(ge=0, le=1)]
"""A share between 0 and 1."""
NonNegative: TypeAlias = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Positive: TypeAlias = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Finite: TypeAlias = Annotated[float, Field(allow_inf_nan=False)]


class InputFile(str):
    """Name of a file that a scenario reads; its content is part of the scenario's identity.

    Resolved by `BuildContext.file`: relative to the scenario file, or absolute.
    """

    __slots__ = ()

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: object, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Validate as text, keep the type."""
        text = core_schema.str_schema(min_length=1)
        return core_schema.no_info_after_validator_function(cls, text)


class InputFiles(InputFile):
    """A folder or pattern of files that a scenario reads; see `BuildContext.files`."""

    __slots__ = ()


class Config(BaseModel):
    """Base of everything a scenario file configures: unknown keys are errors, values stay fixed."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Address(Config):
    """Where a simulator listens."""

    host: str
    port: Annotated[int, Field(gt=0, lt=65536)]

    @override
    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def parse_address(value: object) -> object:
    """Read 'host:port' as an `Address`.

    >>> parse_address("127.0.0.1:5678")
    Address(host='127.0.0.1', port=5678)
    """
    if isinstance(value, Address):
        return value
    host, _, port = value.rpartition(":") if isinstance(value, str) else ("", "", "")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isdecimal() or not 0 < int(port) <= _LAST_PORT:
        raise ValueError("expected a host and its port, such as 127.0.0.1:5678")
    return Address(host=host, port=int(port))


HostAndPort: TypeAlias = Annotated[
    Address,
    BeforeValidator(parse_address),
    PlainSerializer(str),
    WithJsonSchema({"type": "string", "pattern": r"^.+:\d+$"}),
]
"""A listening simulator, written `host:port`."""


class Connect(Config):
    """A model that another process computes, perhaps on another host (see `gridloom serve`)."""

    connect: HostAndPort


def _placement(value: object) -> object:
    if isinstance(value, Connect | dict) or value in ("inprocess", "process"):
        return Connect.model_validate(value) if isinstance(value, dict) else value
    raise ValueError("expected inprocess, process, or {connect: HOST:PORT}")


Placement: TypeAlias = Annotated[
    Literal["inprocess", "process"] | Connect, BeforeValidator(_placement)
]
"""Where a model is computed; the results are the same everywhere."""


class ModelConfig(Config):
    """Keys that every simulator and controller has."""

    type: str
    """Which one: a shipped type, a plug-in's, or `my_module:MyModel`."""
    step_size: Duration = 1
    """Time between two steps."""
    placement: Placement = "inprocess"
    """Where it is computed: `inprocess`, `process` (its own), or `{connect: HOST:PORT}`."""
    start_timeout: Duration = 60
    """Wall time that its process may take until it is ready."""
    step_timeout: Duration = 60
    """Wall time that a step may take; then the run ends and says so."""
    stop_timeout: Duration = 10
    """Wall time that its process may take to end by itself."""

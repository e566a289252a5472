"""What a scenario can say of a federation of HELICS."""

from typing import Annotated, Literal, Self, TypeAlias
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from gridloom.simulators.exchange.exchange import ExchangeConfig, PlacedExchangeConfig
from gridloom.simulators.quantities import Config, InputFile, ModelConfig

CoreType: TypeAlias = Literal["zmq", "zmq_ss", "tcp", "tcp_ss"]


def _address(text: str) -> str:
    try:
        parts = urlsplit(text)
        complete = parts.scheme == "tcp" and parts.hostname and parts.port
    except ValueError:
        complete = False
    if not complete:
        raise ValueError("expected a broker's address such as tcp://127.0.0.1:23404")
    return text


class BrokerAddress(Config):
    """A broker that somebody else runs."""

    address: Annotated[str, AfterValidator(_address)]
    """Where it listens: tcp://HOST:PORT."""


def _broker(value: object) -> object:
    if value == "start" or isinstance(value, BrokerAddress | dict):
        return BrokerAddress.model_validate(value) if isinstance(value, dict) else value
    raise ValueError("expected start, or {address: tcp://HOST:PORT}")


Command: TypeAlias = str | Annotated[list[str], Field(min_length=1)]
"""A program and its arguments, as one line or as a list."""


class FederationConfig(ModelConfig, ExchangeConfig):
    """Keys of everything that takes part in a federation of HELICS."""

    federate_name: Annotated[str, Field(min_length=1)] = "gridloom"
    """Name under which gridloom takes part."""
    broker: Annotated[Literal["start"] | BrokerAddress, BeforeValidator(_broker)] = "start"
    """`start` one on this machine, or `{address: tcp://HOST:PORT}` of your own."""
    federates: Annotated[int, Field(ge=0)] | None = None
    """How many other federates take part; by default one for each of `commands`."""
    core_type: CoreType = "zmq"
    """How federates and broker speak to each other; the same for all of them."""
    commands: list[Command] = Field(default_factory=list)
    """Programs of the other federates to be started, in the scenario file's folder. In them stand
    `{broker}` for the broker's address, `{core_type}`, `{step_size_s}`, `{duration_s}`, and
    `{python}` for the interpreter that runs gridloom."""
    files: list[InputFile] = Field(default_factory=list)
    """What the programs of the other federates consist of and read: part of the run's identity."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if not self.sends and not self.receives:
            raise ValueError("nothing is exchanged: give 'sends', 'receives' or both")
        if self.federates is None and not self.commands:
            raise ValueError("say how many 'federates' take part, or give the 'commands'")
        if self.federates is not None and self.federates < len(self.commands):
            raise ValueError(
                f"{len(self.commands)} commands start more than {self.federates} federates"
            )
        return self

    @property
    def other_federates(self) -> int:
        """How many federates take part besides gridloom."""
        return len(self.commands) if self.federates is None else self.federates


class HelicsConfig(PlacedExchangeConfig, FederationConfig):
    """A federation of HELICS."""

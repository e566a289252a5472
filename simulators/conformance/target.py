"""What is to be checked: a command line, an address, or a Python class; known by its form."""

import re
import shlex
from dataclasses import dataclass
from typing import Any, TypeAlias

from typing_extensions import override

from gridloom.simulators.errors import Problem, ScenarioError
from gridloom.simulators.quantities import Address, parse_address
from gridloom.simulators.remote.peer import ADDRESS_PLACEHOLDERS

_PYTHON_CLASS = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")
_HOST_AND_PORT = re.compile(r"\S+:\d+")
_EXPECTED = "a command line with {address}, host:port, or module:Class"


@dataclass(frozen=True, kw_only=True)
class CommandTarget:
    """A program that connects to the address in its command line."""

    command: tuple[str, ...]

    @override
    def __str__(self) -> str:
        return shlex.join(self.command)


@dataclass(frozen=True, kw_only=True)
class AddressTarget:
    """A simulator that listens."""

    address: Address

    @override
    def __str__(self) -> str:
        return str(self.address)


@dataclass(frozen=True, kw_only=True)
class PythonTarget:
    """A class by its name, to be run in a process of its own."""

    name: str

    @override
    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, kw_only=True)
class ClassTarget:
    """A class, to be run in this process."""

    simulator: type[Any]

    @override
    def __str__(self) -> str:
        return f"{self.simulator.__module__}:{self.simulator.__qualname__}"


Target: TypeAlias = CommandTarget | AddressTarget | PythonTarget | ClassTarget


def parse_target(text: str) -> CommandTarget | AddressTarget | PythonTarget:
    """Return what a text names.

    Raises:
        ScenarioError: it is none of the three forms.

    >>> parse_target("mosaik_csv:CSV")
    PythonTarget(name='mosaik_csv:CSV')
    """
    if any(placeholder in text for placeholder in ADDRESS_PLACEHOLDERS):
        return CommandTarget(command=_words(text))
    if _PYTHON_CLASS.fullmatch(text):
        return PythonTarget(name=text)
    if _HOST_AND_PORT.fullmatch(text):
        return AddressTarget(address=_address(text))
    raise _refusal(text)


def _words(text: str) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(text))
    except ValueError as error:
        reason = str(error).replace("No closing quotation", "a quotation mark is not closed")
        message = f"'{text}' cannot be split into words: {reason}"
        raise ScenarioError(Problem(message=message)) from None


def _address(text: str) -> Address:
    try:
        address = parse_address(text)
    except ValueError as error:
        message = f"'{text}' is no address: {error}; the highest port is 65535"
        raise ScenarioError(Problem(message=message)) from None
    assert isinstance(address, Address)  # noqa: S101 -- what parse_address makes of text
    return address


def _refusal(text: str) -> ScenarioError:
    suggestion = ""
    if len(text.split()) > 1:
        message = f"the command '{text}' does not say where the address goes"
        suggestion = f"put {{address}} there, as in '{text} {{address}}'"
    else:
        message = f"'{text}' is neither a command with {{address}}, nor an address, nor a class"
        file, _, name = text.partition(":")
        if file.endswith(".py") and name:
            module = re.split(r"[/\\]", file.removesuffix(".py"))[-1]
            suggestion = f"name the module, not its file, as in {module}:{name}"
    return ScenarioError(Problem(message=message, expected=_EXPECTED, suggestion=suggestion))

"""Values that an FMU starts with, as the scenario gives them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, TypeAlias

from pydantic import Field

from gridloom.simulators.errors import Key, Problem, ScenarioError, listing, nearest
from gridloom.simulators.fmu.archive import Archive
from gridloom.simulators.fmu.variables import NUMERIC, Variable, find_variable
from gridloom.simulators.fmu.wiring import PLACEHOLDER, Wiring
from gridloom.simulators.model import ElementSet

Value: TypeAlias = bool | int | Annotated[float, Field(allow_inf_nan=False)] | str
"""A start value; YAML's own type has to be the variable's."""
PerElement: TypeAlias = Value | dict[str, Value]
"""One value for all, or one each by connection point."""


@dataclass(frozen=True, kw_only=True)
class Start:
    """A variable of one instance and what it starts with."""

    instance: int
    variable: Variable
    values: tuple[Value, ...]
    """One, or several for an array."""


def start_values(
    given: Mapping[str, PerElement], archive: Archive, wiring: Wiring, elements: ElementSet | None
) -> list[Start]:
    """Return the start values of all instances.

    Args:
        given: by variable; the FMU's own numbers, not converted.
        archive: the FMU.
        wiring: its instances.
        elements: the connection points, if any.

    Raises:
        ScenarioError: with everything that is unknown, cannot be given, or is of the wrong type.
    """
    starts: list[Start] = []
    problems: list[Problem] = []
    for name, value in given.items():
        try:
            found = list(_starts(name, value, archive, wiring, elements))
            for start in found:
                _check(start, archive.major_version, ("parameters", name))
            starts += found
        except ScenarioError as error:
            problems += error.problems
    if problems:
        raise ScenarioError(*problems)
    return starts


def _starts(
    name: str, value: PerElement, archive: Archive, wiring: Wiring, elements: ElementSet | None
) -> Iterator[Start]:
    """Yield what one parameter sets, in the order of the connection points."""
    key = ("parameters", name)
    names = () if elements is None else elements.names
    values = _one_each(value, names, key)
    if wiring.for_all and PLACEHOLDER in name:
        for element, each in zip(names, values, strict=True):
            variable = find_variable(archive.variables, name.replace(PLACEHOLDER, element), key)
            yield Start(instance=0, variable=variable, values=(each,) * variable.size)
        return
    variable = find_variable(archive.variables, name, key)
    if not wiring.for_all:
        for i, each in enumerate(values):
            yield Start(instance=i, variable=variable, values=(each,) * variable.size)
    elif not isinstance(value, dict):
        yield Start(instance=0, variable=variable, values=(value,) * variable.size)
    elif variable.is_array and variable.size == len(values):
        yield Start(instance=0, variable=variable, values=values)
    else:
        raise _refusal(
            f"'{name}' is one variable of one instance", key, "one value, or an array's variable"
        )


def _one_each(value: PerElement, names: tuple[str, ...], key: Key) -> tuple[Value, ...]:
    """Return one value for each connection point, in their order; one if there are none."""
    if not isinstance(value, dict):
        return (value,) * max(len(names), 1)
    unknown = [name for name in value if name not in names]
    missing = [name for name in names if name not in value]
    if not (unknown or missing):
        return tuple(value[name] for name in names)
    what = f"none is at {listing(unknown)}" if unknown else f"nothing for {listing(missing)}"
    hint = nearest((unknown or missing)[0], names if unknown else value)
    raise _refusal(what, key, "one value, or one for every connection point under 'at'", hint)


def _check(start: Start, version: int, key: Key) -> None:
    """Refuse what the variable cannot start with."""
    variable, value = start.variable, start.values[0]
    if not variable.may_start:
        kind = f"{variable.variability} {variable.causality}".strip()
        raise _refusal(
            f"'{variable.name}' cannot be given: it is a {kind}",
            key,
            "a parameter, an input, or a variable with a start value of its own",
        )
    expected = _expected(variable, version)
    if not _fits(value, expected):
        raise _refusal(
            f"'{variable.name}' is of type {variable.type}, not {value!r}", key, expected
        )
    for each in start.values:
        if isinstance(each, (int, float)) and not variable.minimum <= each <= variable.maximum:
            bounds = f"{variable.minimum:g} to {variable.maximum:g}, as the FMU declares"
            raise _refusal(f"{each!r} is out of bounds for '{variable.name}'", key, bounds)


def _expected(variable: Variable, version: int) -> str:
    """Return which values a variable takes, for the user."""
    if variable.type == "String":
        return "a text"
    if variable.type == "Boolean":
        return "true or false"
    numeric = NUMERIC[version].get(variable.type)
    if numeric is None:
        return "nothing: such variables cannot be given"
    return "a number" if numeric.is_real else "a whole number"


def _fits(value: Value, expected: str) -> bool:
    kinds: Mapping[str, type | tuple[type, ...]] = {
        "a text": str,
        "true or false": bool,
        "a number": (int, float),
        "a whole number": int,
    }
    if isinstance(value, bool):
        return expected == "true or false"
    return isinstance(value, kinds.get(expected, ()))


def _refusal(message: str, key: Key, expected: str, suggestion: str = "") -> ScenarioError:
    return ScenarioError(
        Problem(message=message, key=key, expected=expected, suggestion=suggestion)
    )

"""Which variables of an FMU stand for which signals, in what unit, of which instance."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from gridloom.simulators.errors import Key, Problem, ScenarioError, listing
from gridloom.simulators.exchange.exchange import (
    KNOWN_SIGNALS,
    CounterpartConfig,
    Exchanged,
    PlacedExchangeConfig,
    exchanged,
)
from gridloom.simulators.exchange.units import parse_unit, unit_in_name
from gridloom.simulators.fmu.archive import Archive
from gridloom.simulators.fmu.variables import NUMERIC, FmiType, Variable, find_variable, misuse
from gridloom.simulators.model import ElementSet

PLACEHOLDER = "{element}"

Way: TypeAlias = Literal["sends", "receives"]


@dataclass(frozen=True, kw_only=True)
class Wire:
    """One signal and the variables that stand for it."""

    exchanged: Exchanged
    variables: tuple[Variable, ...]
    """One, or one an element where a single instance stands for all."""
    type: FmiType


@dataclass(frozen=True, kw_only=True)
class Wiring:
    """All that an FMU exchanges."""

    sends: tuple[Wire, ...]
    receives: tuple[Wire, ...]
    instances: tuple[str, ...]
    """The element of each instance; one '' for a single instance."""
    elements: tuple[str, ...]
    """All elements; none for a model as a whole."""

    @property
    def for_all(self) -> bool:
        """Whether a single instance stands for the whole model, or all its elements."""
        return self.instances == ("",)


def wire(config: PlacedExchangeConfig, archive: Archive, elements: ElementSet | None) -> Wiring:
    """Find the variables of all signals.

    Raises:
        ScenarioError: with every signal or variable that is unknown, of the wrong causality or
            type, or in a unit that contradicts the scenario's.
    """
    problems: list[Problem] = []
    found: dict[Key, tuple[Variable, ...]] = {}
    for way, name, counterpart in _counterparts(config):
        try:
            found[way, name] = _variables(archive, counterpart, elements, way, (way, name))
        except ScenarioError as error:
            problems += error.problems
    problems += _mixture(config, found) if elements is not None else []
    wires: dict[Way, tuple[Wire, ...]] = {"sends": (), "receives": ()}
    for way in wires:
        try:
            wires[way] = _wires(config, archive, found, way)
        except ScenarioError as error:
            problems += error.problems
    problems += _written_twice(found)
    problems += [
        Problem(
            message="'of' means nothing for an FMU, whose elements are of one kind",
            key=(way, name, "of"),
        )
        for way, name, counterpart in _counterparts(config)
        if counterpart.of is not None
    ]
    if problems:
        raise ScenarioError(*problems)
    single = elements is None or any(
        _stands_for_all(counterpart, found[way, name])
        for way, name, counterpart in _counterparts(config)
    )
    names = () if elements is None else elements.names
    return Wiring(
        sends=wires["sends"],
        receives=wires["receives"],
        instances=("",) if single else names,
        elements=names,
    )


def _counterparts(config: PlacedExchangeConfig) -> list[tuple[Way, str, CounterpartConfig]]:
    sends: list[tuple[Way, str, CounterpartConfig]] = [
        ("sends", name, counterpart) for name, counterpart in config.sends.items()
    ]
    return [*sends, *(("receives", name, each) for name, each in config.receives.items())]


def _variables(
    archive: Archive,
    counterpart: CounterpartConfig,
    elements: ElementSet | None,
    way: Way,
    key: Key,
) -> tuple[Variable, ...]:
    """Return the variables that stand for a signal, all of one type and unit."""
    if PLACEHOLDER in counterpart.name and elements is None:
        raise _problem(f"'{counterpart.name}' asks for connection points", key, "give 'at'")
    filled = (
        [counterpart.name.replace(PLACEHOLDER, element) for element in elements.names]
        if elements is not None and PLACEHOLDER in counterpart.name
        else [counterpart.name]
    )
    variables = tuple(find_variable(archive.variables, name, key) for name in filled)
    for variable in variables:
        _check(variable, archive.major_version, elements, way, key)
    if len({(each.type, each.unit) for each in variables}) > 1:
        raise _problem(f"'{counterpart.name}' are variables of several types or units", key)
    return variables


def _check(
    variable: Variable, version: int, elements: ElementSet | None, way: Way, key: Key
) -> None:
    if variable.type not in NUMERIC[version]:
        raise _problem(f"'{variable.name}' is of type {variable.type}, which is no number", key)
    wrong = misuse(variable, way)
    if wrong:
        hint = "a value that stays belongs under 'parameters'" if way == "receives" else ""
        raise _problem(wrong, key, hint)
    if variable.is_array and (elements is None or variable.size != len(elements)):
        points = "none are named" if elements is None else f"'at' names {len(elements)}"
        raise _problem(
            f"'{variable.name}' has {variable.size} values, one a connection point, but {points}",
            key,
        )


def _stands_for_all(counterpart: CounterpartConfig, variables: Sequence[Variable]) -> bool:
    """Whether the variables are those of all connection points in one instance."""
    return PLACEHOLDER in counterpart.name or any(each.is_array for each in variables)


def _mixture(
    config: PlacedExchangeConfig, found: Mapping[Key, tuple[Variable, ...]]
) -> list[Problem]:
    """Refuse that some names are those of one instance for all, some of one instance each."""
    kinds = {
        (way, name): _stands_for_all(counterpart, found[way, name])
        for way, name, counterpart in _counterparts(config)
        if (way, name) in found
    }
    if len(set(kinds.values())) < 2:  # noqa: PLR2004
        return []
    return [
        Problem(
            message=f"'{found[key][0].name}' is one variable, while others are one for each "
            "connection point",
            key=key,
            expected=f"names with {PLACEHOLDER} (or arrays) for all signals, or for none",
        )
        for key, for_all in kinds.items()
        if not for_all
    ]


def _written_twice(found: Mapping[Key, tuple[Variable, ...]]) -> list[Problem]:
    """Refuse signals, or elements of one, that would overwrite each other in one variable."""
    first: dict[int, str] = {}
    twice: dict[Key, str] = {}
    for key, variables in found.items():
        for each in variables if key[0] == "receives" else ():
            if each.reference in first:
                twice.setdefault(key, f"'{each.name}' already receives {first[each.reference]}")
            first.setdefault(each.reference, str(key[1]))
    return [Problem(message=message, key=key) for key, message in twice.items()]


def _wires(
    config: PlacedExchangeConfig,
    archive: Archive,
    found: Mapping[Key, tuple[Variable, ...]],
    way: Way,
) -> tuple[Wire, ...]:
    counterparts: dict[str, CounterpartConfig] = {}
    problems: list[Problem] = []
    for name, counterpart in getattr(config, way).items():
        # What is told already is not told again as a unit that does not fit.
        counterparts[name] = counterpart.model_copy(update={"unit": None, "scale": 1.0})
        if (way, name) in found:
            try:
                unit = _unit(config, name, counterpart, found[way, name][0])
                counterparts[name] = counterpart.model_copy(update={"unit": unit})
            except ValueError as error:
                problems.append(Problem(message=str(error), key=(way, name)))
    try:
        all_exchanged = exchanged(config.model_copy(update={way: counterparts}), way)
    except ScenarioError as error:
        raise ScenarioError(*problems, *error.problems) from error
    if problems:
        raise ScenarioError(*problems)
    types = NUMERIC[archive.major_version]
    return tuple(
        Wire(exchanged=each, variables=variables, type=types[variables[0].type])
        for each in all_exchanged
        if (variables := found.get((way, each.signal.name), ()))
    )


def _unit(
    config: PlacedExchangeConfig, name: str, counterpart: CounterpartConfig, variable: Variable
) -> str | None:
    """Return the variable's unit: the scenario's, the FMU's, its name's, or the signal's own.

    Brackets in an FMU's names mostly hold an index, which is no unit.

    Raises:
        ValueError: the scenario contradicts the FMU.
    """
    if counterpart.scale is not None:
        return counterpart.unit  # both together are refused by `exchanged`
    declared, given = variable.unit, counterpart.unit
    if given and declared and given != declared:
        ours, theirs = parse_unit(given), parse_unit(declared)
        if ours is not None and theirs is not None and ours != theirs:
            raise ValueError(f"unit '{given}' contradicts the FMU, which declares '{declared}'")
    in_name = unit_in_name(counterpart.name)
    is_unit = not in_name.isdigit() and parse_unit(in_name) is not None
    signal = KNOWN_SIGNALS.get(name) or config.defines.get(name)
    own = signal.unit if signal is not None else None
    return given or declared or (in_name if is_unit else own)


def _problem(message: str, key: Key, suggestion: str = "") -> ScenarioError:
    return ScenarioError(Problem(message=message, key=key, suggestion=suggestion))


def refuse_several(archive: Archive, wiring: Wiring) -> None:
    """Refuse several instances of an FMU that allows one.

    Raises:
        ScenarioError: with the ways out.
    """
    if not archive.only_once or len(wiring.instances) == 1:
        return
    raise ScenarioError(
        Problem(
            message=f"the FMU allows one instance in a process, {len(wiring.instances)} are asked "
            f"for: {listing(wiring.instances)}",
            key=("at",),
            expected=f"one connection point, or names with {PLACEHOLDER} if the FMU has variables "
            "for each",
            suggestion="otherwise one simulator for each, with 'placement: process'",
        )
    )

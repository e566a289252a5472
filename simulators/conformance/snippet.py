"""How the simulator is named in a scenario file, ready to be pasted and to be completed."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gridloom.simulators.conformance.roles import Exchange, exchanges
from gridloom.simulators.conformance.subject import Subject
from gridloom.simulators.conformance.target import AddressTarget, CommandTarget
from gridloom.simulators.errors import listing
from gridloom.simulators.exchange.units import unit_in_name
from gridloom.simulators.quantities import format_duration
from gridloom.simulators.signals import IRRADIANCE, POWER

_PLAIN_WORD = re.compile(r"[A-Za-z_][\w.-]*")
_RESERVED = ("true", "false", "null", "True", "False", "Null", "TRUE", "FALSE", "NULL")


def snippet(subject: Subject) -> str:
    """Return the YAML of the simulator as part of a scenario."""
    sends, receives = exchanges(subject)
    vector = _sends_lists(subject)
    if vector:
        sends, receives = ([e for e in of if e.type == subject.model] for of in (sends, receives))
    role = subject.options.role or "device"
    group = "controllers" if role == "controller" else "simulators"
    kind = "external_grid" if role == "grid" else "external"
    lines = [f"{group}:", f"  {role}:", f"    type: {kind}", f"    {_way(subject)}"]
    lines.append(f"    step_size: {format_duration(_step_size(subject))}")
    if subject.options.parameters:
        lines.append(f"    parameters: {_flow(dict(subject.options.parameters))}")
    lines.append(f"    create: {_flow(_creation(subject))}")
    if vector:
        lines.append("    vector: true # its entity carries all elements as lists")
    types = list(dict.fromkeys(each.type for each in (*sends, *receives)))
    lines += _places(subject, role, types)
    several = len(types) > 1
    feeds_in = subject.positive_is_generation
    lines += _counterparts("sends", sends, of_type=several, generation=feeds_in)
    lines += _counterparts("receives", receives, of_type=several, generation=False)
    lines += _rest(subject, {each.attribute for each in (*sends, *receives)})
    return "\n".join(lines) + "\n"


def _sends_lists(subject: Subject) -> bool:
    """Whether an entity of the created model carries many elements."""
    roots = {entity.eid for entity in subject.entities if entity.type == subject.model}
    data = subject.trace[0].data if isinstance(subject.trace[0].data, Mapping) else {}
    sent = [values for eid, values in data.items() if eid in roots and isinstance(values, Mapping)]
    return any(isinstance(value, list) for values in sent for value in values.values())


def _rest(subject: Subject, known: set[str]) -> Iterator[str]:
    every = dict.fromkeys(a for e in subject.entities for a in subject.attributes(e.type))
    rest = [attribute for attribute in every if attribute not in known]
    if rest:
        yield f"    # not recognised: {listing(rest)}; name them under sends or receives,"
        yield "    # with their units under defines if gridloom has no such signal"


def _way(subject: Subject) -> str:
    target = subject.target
    if isinstance(target, CommandTarget):
        return f"command: {_flow(list(target.command))}"
    if isinstance(target, AddressTarget):
        return f"connect: {target}"
    return f"python: {target}"


def _step_size(subject: Subject) -> int:
    """Return the time between its first steps; what it says, where it says it."""
    if len(subject.trace) > 1:
        return subject.trace[1].time - subject.trace[0].time
    return subject.options.step_size_s


def _creation(subject: Subject) -> dict[str, Any]:
    creation: dict[str, Any] = {"model": subject.model}
    if subject.options.create:
        creation["parameters"] = dict(subject.options.create)
    return creation


def _places(subject: Subject, role: str, types: Sequence[str]) -> Iterator[str]:
    """Yield where its entities are."""
    if role == "controller":
        yield "    controls: ev # the simulator that it steers"
        yield "    information: [measurements, sessions_plugged_in] # what it may be told"
        return
    if role != "grid" and (not types or list(types) == [subject.model]):
        yield "    at: all # or a group, or a list of connection points: one entity at each"
        yield f"    kind: {role}"
        return
    yield "    elements:"
    for kind in types or [subject.model]:
        ids = [entity.eid for entity in subject.entities if entity.type == kind]
        yield f"      {_flow(kind)}:"
        yield f"        type: {_flow(kind)}"
        yield f"        names: {_flow(ids)} # of its entities; or at: connection points"


def _counterparts(
    key: str, found: Sequence[Exchange], *, of_type: bool, generation: bool
) -> Iterator[str]:
    """Yield one line a signal; an attribute whose signal is taken becomes a comment."""
    taken: set[str] = set()
    if found:
        yield f"    {key}:"
    for each in found:
        name = each.signal.name
        named: dict[str, Any] = {"name": each.attribute}
        if each.unit not in ("", each.signal.unit, unit_in_name(each.attribute)):
            named["unit"] = each.unit
        if generation and each.signal == POWER:
            named["positive"] = "generation"
        if of_type:
            named["of"] = each.type
        short = named if len(named) > 1 else each.attribute
        mark = "# " if name in taken else ""
        yield f"      {mark}{name}: {_flow(short)}{_remark(each)}"
        taken.add(name)


def _remark(each: Exchange) -> str:
    """Return a comment on what the name of an attribute leaves open."""
    if each.signal == IRRADIANCE:
        return " # gridloom's is the global irradiance on the modules"
    return "" if each.unit else f" # in {each.signal.unit}? its name tells no unit"


def _flow(value: Any) -> str:
    """Return a value in YAML's flow style: JSON, but plain words without quotation marks."""
    if isinstance(value, dict):
        return f"{{{', '.join(f'{_flow(key)}: {_flow(item)}' for key, item in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(_flow(item) for item in value)}]"
    if isinstance(value, str) and _PLAIN_WORD.fullmatch(value) and value not in _RESERVED:
        return value
    return json.dumps(value, ensure_ascii=False)

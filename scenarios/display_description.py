"""What `gridloom describe` prints: models, where they are computed, who waits for whom, loops."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from gridloom.controllers.controller import Controller
from gridloom.scenarios.composition import Composition, compose
from gridloom.scenarios.coupling import Coupling
from gridloom.scenarios.diagram import mermaid
from gridloom.scenarios.foreign_code import print_foreign_code
from gridloom.scenarios.fusing import groups_of
from gridloom.scenarios.reader import ScenarioDocument
from gridloom.scenarios.recorded_rows import beside_values, row_length_s
from gridloom.scenarios.suitability import suitabilities
from gridloom.scenarios.supervision.placing import configs, where_computed
from gridloom.scenarios.waiting import Loop, levels, loops, waits_for
from gridloom.simulators.errors import Problem, ScenarioError
from gridloom.simulators.model import Direction, FloatArray, Model
from gridloom.simulators.quantities import format_duration


def print_description(
    document: ScenarioDocument, variant: str | None, *, schemes: bool = False
) -> None:
    """Print models, ports, couplings, order, loops, information sets and foreign code.

    Args:
        document: the scenario's file.
        variant: which variant.
        schemes: whether to print as well which schemes can serve it.
    """
    composition = compose(document, document.scenario(variant))
    scenario = composition.scenario
    console = Console()
    console.print(f"[bold]{escape(scenario.title or scenario.name)}[/bold]", highlight=False)
    if scenario.description:
        console.print(scenario.description.strip(), highlight=False, markup=False)
    console.print(
        f"{scenario.start.isoformat()}, {format_duration(scenario.duration_s)}, "
        f"seed {scenario.seed}, variants: {', '.join(document.variants) or 'none'}"
        + (f"; shown: {variant}" if variant else ""),
        highlight=False,
    )
    for name, model in composition.models.items():
        _print_model(console, name, model)
    _print_rows(console, composition)
    found = loops([coupling for coupling in composition.couplings if not coupling.in_rounds])
    _print_couplings(console, composition.couplings, found)
    _print_order(console, composition)
    _print_loops(console, found, composition.models)
    if schemes:
        _print_schemes(console, composition)
    print_foreign_code(document.foreign_code(variant))


def _print_schemes(console: Console, composition: Composition) -> None:
    """Print which simulators each installed scheme can control, or what it would take."""
    table = _table("Schemes", "scheme", "can control", "note")
    for each in suitabilities(composition):
        beside = f"together with {', '.join(each.agents)}" if each.agents else ""
        table.add_row(
            each.scheme, ", ".join(each.serves) or "nothing", escape(each.reason or beside)
        )
    table.columns[0].no_wrap = True
    console.print(table)
    console.print(
        "Each was tried on every simulator, with its default keys; others may do more.",
        highlight=False,
        soft_wrap=True,
    )


def write_diagram(document: ScenarioDocument, variant: str | None, target: str) -> None:
    """Write a Mermaid diagram of models and couplings to a file, or print it for '-'.

    Raises:
        ScenarioError: the file cannot be written.
    """
    text = mermaid(compose(document, document.scenario(variant)))
    if target == "-":
        print(text, end="")  # noqa: T201 -- for a pipe: no console that wraps lines
        return
    try:
        Path(target).write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        message = f"cannot write the diagram '{target}': {error.strerror}"
        raise ScenarioError(Problem(message=message)) from error
    print(target)  # noqa: T201


def _print_model(console: Console, name: str, model: Model) -> None:
    """Print what a model is, receives, sends, may know, and what the user should know of it."""
    every = format_duration(model.step_size)
    console.print(f"\n[bold]{name}[/bold]: {type(model).__name__}, every {every}", highlight=False)
    lines = {
        "elements": _elements(model),
        "receives": _port_names(model, Direction.INPUT),
        "sends": _port_names(model, Direction.OUTPUT),
    }
    if isinstance(model, Controller):
        lines["may know"] = ", ".join(sorted(model.granted))
        lines["controls"] = model.controlled.name
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(min_width=10)
    table.add_column()
    for title, text in lines.items():
        if text:
            table.add_row(f"  {title}", text)
    for remark in model.remarks():
        table.add_row("  note", escape(remark))
    console.print(table, highlight=False)


def _print_rows(console: Console, composition: Composition) -> None:
    """Print whose rows of the record cover several steps, and what they tell."""
    scenario = composition.scenario
    if scenario.record.every is None:
        return
    table = _table("Rows of the record", "model", "a row every", "besides the values")
    for name, model in composition.models.items():
        length_s = row_length_s(scenario, name, model)
        told: dict[str, list[str]] = {}
        for port, kept in beside_values(scenario, name, model):
            told.setdefault(port, []).append(kept)
        table.add_row(
            name,
            format_duration(length_s) + (" (its step)" if length_s == model.step_size else ""),
            ", ".join(f"{port} {'/'.join(kept)}" for port, kept in told.items()),
        )
    console.print(table, highlight=False)


def _elements(model: Model) -> str:
    sizes = {p.elements.kind: len(p.elements) for p in model.ports if p.elements is not None}
    return ", ".join(f"{size} {_counted(kind, size)}" for kind, size in sizes.items())


def _counted(kind: str, size: int) -> str:
    """Return the name of elements as text, in the plural where there are several."""
    name = kind.replace("_", " ")
    if size == 1:
        return name
    if name.endswith("y"):
        return f"{name[:-1]}ies"
    return f"{name}es" if name.endswith("s") else f"{name}s"


def _port_names(model: Model, direction: Direction) -> str:
    return ", ".join(port.name for port in model.ports if port.direction is direction)


def _print_couplings(
    console: Console, couplings: Sequence[Coupling], found: Sequence[Loop[Coupling]]
) -> None:
    """Print who sends what to whom, one line a signal, destination and delay."""
    table = _table("Couplings", "from", "to", "signal", "when")
    opening = {(c.source, c.destination) for loop in found for c in loop.opened}
    merged: dict[tuple[str, str, str, bool], list[str]] = {}
    for each in couplings:
        closes = each.is_fed_back and (each.source, each.destination) in opening
        key = (each.destination, each.output.name, each.arrives, closes)
        merged.setdefault(key, []).append(each.source)
    for (destination, signal, when, closes), sources in merged.items():
        why = " (closes a loop)" if closes else ""
        table.add_row(" + ".join(sources), destination, signal, when + why)
    console.print(table)


def _print_order(console: Console, composition: Composition) -> None:
    """Print who waits for whom, and where each model is computed."""
    table = _table("Order within a step", "level", "model", "waits for", "computed")
    places = {
        name: where_computed(config) for name, (_, config) in configs(composition.scenario).items()
    }
    for place, names in enumerate(levels(composition.models, composition.couplings), start=1):
        for name in names:
            waited_for = ", ".join(waits_for(name, composition.couplings)) or "nobody"
            first = str(place) if name == names[0] else ""
            table.add_row(first, name, waited_for, escape(places[name]))
    console.print(table)
    console.print(
        "Models of one level that are in different processes compute at the same time.",
        highlight=False,
        soft_wrap=True,
    )
    for group in groups_of(composition):
        console.print(f"Stepped together: {', '.join(group)}.", highlight=False, soft_wrap=True)


def _print_loops(
    console: Console, found: Sequence[Loop[Coupling]], models: Mapping[str, Model]
) -> None:
    """Print each loop, where it is opened, and what is used there before anything was sent."""
    if not found:
        console.print("\nLoops: none", highlight=False)
        return
    table = _table("Loops, opened where ~> stands", "loop", "signal", "arrives", "at time 0")
    for loop in found:
        way = _way(loop)
        for coupling in loop.opened:
            signal = coupling.output.signal
            table.add_row(
                way,
                signal.name,
                coupling.arrives,
                _values(coupling.initial(models[coupling.source].initial_outputs()), signal.unit),
            )
            way = ""
    console.print(table)


def _way(loop: Loop[Coupling]) -> str:
    opened = {(c.source, c.destination) for c in loop.opened}
    text = loop.path[0]
    for here, there in pairwise(loop.path):
        text += f" {'~>' if (here, there) in opened else '->'} {there}"
    return text


def _values(array: FloatArray, unit: str) -> str:
    """Write the values of an array in few words.

    >>> _values(np.array([0.0, 7.0, np.nan]), "kW")
    '0 to 7 kW, some unknown'
    """
    known = array[np.isfinite(array)]
    if not known.size:
        return "unknown"
    low, high = f"{known.min():.4g}", f"{known.max():.4g}"
    span = low if low == high else f"{low} to {high}"
    units = "" if unit == "1" else f" {unit}"
    return f"{span}{units}{'' if known.size == array.size else ', some unknown'}"


def _table(title: str, *headings: str) -> Table:
    table = Table(
        title=f"\n[bold]{title}[/bold]",
        title_justify="left",
        title_style="",
        box=None,
        pad_edge=False,
    )
    for heading in headings:
        table.add_column(heading)
    return table

"""What the command line prints: runs, descriptions, inventories."""

from collections.abc import Sequence
from math import isnan
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from gridloom.controllers.controller import Controller
from gridloom.scenarios.composition import compose
from gridloom.scenarios.coupling import Coupling
from gridloom.scenarios.evaluation import WrittenComparison
from gridloom.scenarios.foreign_code import print_foreign_code
from gridloom.scenarios.reader import ScenarioDocument, shipped_scenarios
from gridloom.scenarios.results.comparison import Comparison
from gridloom.scenarios.results.kpis.kpi import Kpi
from gridloom.scenarios.results.wording import MINUS
from gridloom.scenarios.runner import Run
from gridloom.scenarios.types import known_types
from gridloom.simulators.model import Direction, Model
from gridloom.simulators.quantities import format_duration

_WHOLE_FROM = 100
_WIDEST = 1000
"""Characters in a line of a file."""


def print_runs(runs: Sequence[Run], written: WrittenComparison | None = None) -> None:
    """Print the headline numbers of runs, side by side if they were compared, and their files."""
    console = Console()
    if written is not None:
        _print_side_by_side(console, written.comparison)
        for run in runs:
            console.print(
                f"{_name(run)}: {_done(run)}, {_short(run.folder.report)}",
                highlight=False,
                soft_wrap=True,
            )
        _print_files(console, written)
        return
    console.print(_kpi_table(runs))
    for run in runs:
        console.print(f"{_name(run)}: {_done(run)}", highlight=False)
        for path in (run.folder.report, run.folder.record, run.folder.kpis):
            console.print(f"  {_short(path)}", highlight=False, soft_wrap=True)


def print_comparison(written: WrittenComparison) -> None:
    """Print the headline numbers of compared runs, what they mean, and where the files are."""
    console = Console()
    _print_side_by_side(console, written.comparison)
    _print_files(console, written)


def _print_side_by_side(console: Console, comparison: Comparison) -> None:
    for table in _headline_tables(console, comparison):
        console.print(table)
    for warning in comparison.warnings:
        console.print(f"warning: {warning}", highlight=False, markup=False, soft_wrap=True)
    for sentence in comparison.sentences:
        console.print(sentence.replace(MINUS, "-"), highlight=False, markup=False, soft_wrap=True)
    console.print(
        f"Reference: {comparison.reference_reason}.", highlight=False, markup=False, soft_wrap=True
    )


def _headline_tables(console: Console, comparison: Comparison) -> list[Table]:
    """Return the headline numbers in as few tables, one below the other, as fit the terminal."""
    unlimited = console.options.update(max_width=_WIDEST)
    places = range(len(comparison.labels))
    if not console.is_terminal:  # a file has no width
        table = _headline_table(comparison, places)
        console.width = max(console.width, console.measure(table, options=unlimited).maximum)
        return [table]
    for count in range(len(places), 1, -1):
        tables = [
            _headline_table(comparison, places[first : first + count]) for first in places[::count]
        ]
        widths = [console.measure(table, options=unlimited).maximum for table in tables]
        if max(widths) <= console.width:
            return tables
    return [_headline_table(comparison, places[place : place + 1]) for place in places]


def _headline_table(comparison: Comparison, places: Sequence[int]) -> Table:
    """Return the headline numbers of the runs at these places."""
    table = Table(title=escape(comparison.title), title_justify="left", box=None, pad_edge=False)
    table.add_column("", no_wrap=True)
    for place in places:
        table.add_column(escape(comparison.labels[place]), justify="right")
    table.add_column("unit")
    for measure in comparison.measures:
        if measure.headline and measure.known:
            texts = measure.texts()
            table.add_row(
                escape(measure.label), *(texts[place] for place in places), measure.printed_unit
            )
    return table


def _print_files(console: Console, written: WrittenComparison) -> None:
    for path in (written.page, written.table):
        console.print(_short(path), highlight=False, markup=False, soft_wrap=True)


def _name(run: Run) -> str:
    return run.scenario.variant or run.scenario.name


def _done(run: Run) -> str:
    return f"computed in {run.wall_time_s:.1f} s" if run.computed else "complete before, shown"


def _kpi_table(runs: Sequence[Run]) -> Table:
    title = runs[0].scenario.title or runs[0].scenario.name
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    table.add_column("")
    for run in runs:
        table.add_column(_name(run), justify="right")
    table.add_column("unit")
    rows: dict[tuple[str, str], Kpi] = {
        (kpi.name, kpi.of): kpi for run in runs for kpi in run.kpis if kpi.headline
    }
    group = ""
    for key, kpi in rows.items():
        if kpi.group != group:
            group = kpi.group
            table.add_row(f"[bold]{group}[/bold]")
        values = [{(k.name, k.of): k.value for k in run.kpis}.get(key) for run in runs]
        place = kpi.of or _place(kpi, runs)
        label = f"{kpi.label} ({place})" if place else kpi.label
        table.add_row(f"  {label}", *(_number(value) for value in values), _unit(kpi))
    return table


def _place(total: Kpi, runs: Sequence[Run]) -> str:
    """Return where a total comes from, if it is one part's own value in all runs."""
    places = set()
    for run in runs:
        values = {kpi.of: kpi.value for kpi in run.kpis if kpi.name == total.name}
        places |= {of for of, value in values.items() if of and value == values.get("")} or {""}
    return places.pop() if len(places) == 1 else ""


def _number(value: float | None) -> str:
    """Return a value with three significant digits, whole where it is large."""
    if value is None or isnan(value):
        return "-"
    value = round(value, 9) + 0.0  # sums of floats that cancel are zero to anyone who reads a table
    return f"{value:.0f}" if abs(value) >= _WHOLE_FROM or value == round(value) else f"{value:.3g}"


def _unit(kpi: Kpi) -> str:
    return "" if kpi.unit == "1" else kpi.unit


def _short(path: Path) -> str:
    """Return the path as the user would type it from here."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path.resolve())


def print_description(document: ScenarioDocument, variant: str | None) -> None:
    """Print models, ports, couplings, what is fed back late, and information sets."""
    composition = compose(document, document.scenario(variant))
    scenario = composition.scenario
    console = Console()
    console.print(f"[bold]{scenario.title or scenario.name}[/bold]", highlight=False)
    if scenario.description:
        console.print(scenario.description.strip(), highlight=False)
    console.print(
        f"{scenario.start.isoformat()}, {format_duration(scenario.duration_s)}, "
        f"seed {scenario.seed}, variants: {', '.join(document.variants) or 'none'}"
        + (f"; shown: {variant}" if variant else ""),
        highlight=False,
    )
    for name, model in composition.models.items():
        _print_model(console, name, model)
    _print_couplings(console, composition.couplings)
    print_foreign_code(document.foreign_code(variant))


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
        table.add_row("  note", remark)
    console.print(table, highlight=False)


def _elements(model: Model) -> str:
    sizes = {p.elements.kind: len(p.elements) for p in model.ports if p.elements is not None}
    return ", ".join(f"{size} {_counted(kind, size)}" for kind, size in sizes.items())


def _counted(kind: str, size: int) -> str:
    """Return the name of elements as text, in the plural where there are several."""
    name = kind.replace("_", " ")
    if size == 1:
        return name
    return f"{name}es" if name.endswith("s") else f"{name}s"


def _port_names(model: Model, direction: Direction) -> str:
    return ", ".join(port.name for port in model.ports if port.direction is direction)


def _print_couplings(console: Console, couplings: Sequence[Coupling]) -> None:
    """Print who sends what to whom, one line a signal and destination."""
    table = Table(title="\nCouplings", title_justify="left", box=None, pad_edge=False)
    for heading in ("from", "to", "signal", "when"):
        table.add_column(heading)
    merged: dict[tuple[str, str, int], list[str]] = {}
    for each in couplings:
        key = (each.destination, each.output.name, each.shift_s)
        merged.setdefault(key, []).append(each.source)
    for (destination, signal, shift_s), sources in merged.items():
        when = f"{format_duration(shift_s)} later (closes a loop)" if shift_s else "at once"
        table.add_row(" + ".join(sources), destination, signal, when)
    console.print(table)


def print_inventory() -> None:
    """Print shipped scenarios and known types."""
    from gridloom.scenarios.reader import read_scenario

    console = Console()
    scenarios = Table(title="Scenarios", title_justify="left", box=None, pad_edge=False)
    for heading in ("name", "title", "variants"):
        scenarios.add_column(heading)
    for name in sorted(shipped_scenarios()):
        document = read_scenario(name)
        scenarios.add_row(name, document.title, ", ".join(document.variants))
    console.print(scenarios)
    for kind in ("simulators", "controllers"):
        table = Table(title=kind.capitalize(), title_justify="left", box=None, pad_edge=False)
        table.add_column("type")
        table.add_column("what it is")
        for name, entry_point in sorted(known_types(kind).items()):
            summary = (entry_point.load().__doc__ or "").strip().splitlines()
            table.add_row(name, summary[0] if summary else "")
        console.print(table)

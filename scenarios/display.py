"""What the command line prints: runs, comparisons, inventories."""

from collections.abc import Sequence
from math import isnan
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from gridloom.scenarios.evaluation import WrittenComparison
from gridloom.scenarios.reader import shipped_scenarios
from gridloom.scenarios.results.comparison import Comparison
from gridloom.scenarios.results.kpis.kpi import Kpi
from gridloom.scenarios.results.wording import MINUS
from gridloom.scenarios.runner import Run
from gridloom.scenarios.types import known_types

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
                f"{_name(run)}: {_done(run)}, {short_path(run.folder.report)}",
                highlight=False,
                soft_wrap=True,
            )
        _print_files(console, written)
        return
    console.print(_kpi_table(runs))
    for run in runs:
        console.print(f"{_name(run)}: {_done(run)}", highlight=False)
        for path in (run.folder.report, run.folder.record, run.folder.kpis):
            console.print(f"  {short_path(path)}", highlight=False, soft_wrap=True)


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
        console.print(short_path(path), highlight=False, markup=False, soft_wrap=True)


def _name(run: Run) -> str:
    return run.scenario.variant or run.scenario.name


def _done(run: Run) -> str:
    return f"computed in {run.wall_time_s:.1f} s" if run.computed else "complete before, shown"


def _kpi_table(runs: Sequence[Run]) -> Table:
    title = escape(runs[0].scenario.title or runs[0].scenario.name)
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


def short_path(path: Path) -> str:
    """Return the path as the user would type it from here."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path.resolve())


def _campaigns() -> Table:
    """Return the shipped campaigns."""
    from gridloom.scenarios.campaigns.campaign import read_campaign, shipped_campaigns

    table = Table(title="Campaigns", title_justify="left", box=None, pad_edge=False)
    for heading in ("name", "title", "runs"):
        table.add_column(heading)
    for name in sorted(shipped_campaigns()):
        campaign = read_campaign(name)
        table.add_row(name, escape(campaign.title), f"{len(campaign):,}")
    return table


def print_inventory() -> None:
    """Print shipped scenarios and campaigns, and known types."""
    from gridloom.scenarios.reader import read_scenario

    console = Console()
    scenarios = Table(title="Scenarios", title_justify="left", box=None, pad_edge=False)
    for heading in ("name", "title", "variants"):
        scenarios.add_column(heading)
    for name in sorted(shipped_scenarios()):
        document = read_scenario(name)
        scenarios.add_row(name, escape(document.title), ", ".join(document.variants))
    console.print(scenarios)
    console.print(_campaigns())
    for kind in ("simulators", "controllers"):
        table = Table(title=kind.capitalize(), title_justify="left", box=None, pad_edge=False)
        table.add_column("type")
        table.add_column("what it is")
        for name, entry_point in sorted(known_types(kind).items()):
            summary = (entry_point.load().__doc__ or "").strip().splitlines()
            table.add_row(name, summary[0] if summary else "")
        console.print(table)

"""What the command line prints of bounds and replays."""

from collections.abc import Callable, Iterable
from datetime import timedelta

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from gridloom.scenarios.bounds import ScenarioBounds
from gridloom.scenarios.replaying import ReplayedScenario
from gridloom.simulators.grid.extremes import Extreme
from gridloom.simulators.grid.schedule import ScheduleVerdict
from gridloom.simulators.quantities import format_duration


def print_bounds(found: ScenarioBounds) -> None:
    """Print lower bounds of what coordination costs."""
    bounds = found.bounds
    table = Table(title=f"Lower bounds of {found.scenario}", title_justify="left", box=None)
    table.add_column("")
    table.add_column("EUR", justify="right")
    balanced = bounds.energy_adjusted_cost_no_speculation_eur
    for label, value in (
        ("energy-adjusted cost J", bounds.energy_adjusted_cost_eur),
        ("energy-adjusted cost J without speculation", balanced),
        ("imbalance cost, eq. (21), whatever is left in the vehicles", bounds.imbalance_cost_eur),
        ("cost of shortage only, eq. (28)", bounds.shortage_cost_eur),
    ):
        table.add_row(label, "impossible" if value is None else f"{value:.4f}")
    console = Console()
    console.print(table)
    console.print(
        f"J = c21 + {bounds.energy_value_eur_per_mwh:g} EUR/MWh x "
        f"({bounds.uncoordinated_energy_kwh:.3f} kWh - energy in the vehicles), with perfect "
        f"information, means over {format_duration(bounds.interval_s)}. No scheme costs less that "
        f"keeps {'ratings, voltages and ' if bounds.counts_ratings else ''}departures.",
        highlight=False,
        soft_wrap=True,
    )
    if bounds.schedule is not None:
        _print_verdict(console, bounds.schedule, bounds.interval_s)


def _print_verdict(console: Console, verdict: ScheduleVerdict, interval_s: int) -> None:
    """Print how a schedule that reaches the bound fares in the AC power flow."""
    table = _table(
        f"A schedule that reaches J, in the AC power flow, means over {format_duration(interval_s)}"
    )

    def where(extreme: Extreme) -> str:
        return f"{escape(extreme.element)} after {format_duration(extreme.time_s)}"

    _add_verdict(table, verdict, where)
    console.print()
    console.print(table)
    console.print(
        "It keeps the limits: the bound is attainable within them, as far as means tell."
        if verdict.keeps_limits
        else "It does not keep the limits, so the linear bound may not be attainable within them.",
        highlight=False,
        soft_wrap=True,
    )


def print_replay(replayed: ReplayedScenario) -> None:
    """Print how a schedule fares in the AC power flow."""
    replay, scenario = replayed.replay, replayed.scenario

    def where(extreme: Extreme) -> str:
        at = scenario.start + timedelta(seconds=extreme.time_s)
        return f"{escape(extreme.element)} at {at:%H:%M:%S}"

    title = " ".join(part for part in (scenario.name, scenario.variant) if part)
    table = _table(
        f"{title}: {replayed.source} in the AC power flow, means over "
        f"{format_duration(replayed.interval_s)}"
    )
    similarity = 100.0 * replay.cosine_similarity
    table.add_row("cosine similarity of the grid profile", f"{similarity:.3f}", "percent")
    _add_extremes(
        table,
        (
            ("largest error of a line current", replay.current_error_a, ".2f", "A"),
            ("largest error of a voltage", replay.voltage_error_pu, ".5f", "pu"),
        ),
        where,
    )
    _add_verdict(table, replay.check.verdict, where)
    Console().print(table)


def _table(title: str) -> Table:
    table = Table(title=title, title_justify="left", box=None)
    for column in ("", "value", "unit", ""):
        table.add_column(column, justify="right" if column == "value" else "left")
    return table


def _add_verdict(table: Table, verdict: ScheduleVerdict, where: Callable[[Extreme], str]) -> None:
    _add_extremes(
        table,
        (
            ("highest line loading", verdict.line_loading_percent, ".1f", "percent"),
            ("highest transformer loading", verdict.transformer_loading_percent, ".1f", "percent"),
            ("lowest voltage", verdict.voltage_low_pu, ".4f", "pu"),
            ("highest voltage", verdict.voltage_high_pu, ".4f", "pu"),
        ),
        where,
    )
    if verdict.overload_s:
        table.add_row("time with an overloaded line", format_duration(int(verdict.overload_s)))
        table.add_row("energy above the ratings", f"{verdict.overload_kvah:.4f}", "kVAh")
    if verdict.losses_kwh is not None:
        table.add_row("losses", f"{verdict.losses_kwh:.3f}", "kWh")
    if verdict.unsolved:
        table.add_row("without a solution", str(verdict.unsolved), "intervals")


def _add_extremes(
    table: Table,
    rows: Iterable[tuple[str, Extreme | None, str, str]],
    where: Callable[[Extreme], str],
) -> None:
    """Add rows of label, extreme, format and unit."""
    for label, extreme, form, unit in rows:
        if extreme is None:
            table.add_row(label, "unknown")
        else:
            table.add_row(label, format(extreme.value, form), unit, where(extreme))

"""What the command line prints of bounds and replays."""

from datetime import timedelta

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from gridloom.controllers.milp.replay import Extreme
from gridloom.scenarios.bounds import ScenarioBounds
from gridloom.scenarios.replaying import ReplayedScenario
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


def print_replay(replayed: ReplayedScenario) -> None:
    """Print how a schedule fares in the AC power flow."""
    replay, scenario = replayed.replay, replayed.scenario

    def where(extreme: Extreme) -> str:
        if not extreme.element:
            return ""
        at = scenario.start + timedelta(seconds=extreme.time_s)
        return f"{escape(extreme.element)} at {at:%H:%M:%S}"

    title = " ".join(part for part in (scenario.name, scenario.variant) if part)
    table = Table(
        title=f"{title}: {replayed.source} in the AC power flow, means over "
        f"{format_duration(replayed.interval_s)}",
        title_justify="left",
        box=None,
    )
    for column in ("", "value", "unit", ""):
        table.add_column(column, justify="right" if column == "value" else "left")
    similarity = 100.0 * replay.cosine_similarity
    table.add_row("cosine similarity of the grid profile", f"{similarity:.3f}", "percent")
    for label, extreme, form, unit in (
        ("largest error of a line current", replay.current_error_a, ".2f", "A"),
        ("largest error of a voltage", replay.voltage_error_pu, ".5f", "pu"),
        ("highest line loading", replay.loading_percent, ".1f", "percent"),
    ):
        table.add_row(label, format(extreme.value, form), unit, where(extreme))
    if replay.unsolved:
        table.add_row("without a solution", str(replay.unsolved), "intervals")
    Console().print(table)

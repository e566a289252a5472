"""Commands that plan."""

from pathlib import Path
from typing import Annotated

import typer

from gridloom.scenarios.commands.options import Overrides, Source, Variant, read, seconds_of


def bound(
    source: Source,
    variant: Variant = None,
    overrides: Overrides = [],  # noqa: B006
    interval: Annotated[
        str,
        typer.Option(
            "--interval", metavar="DURATION", help="Of the means; shorter ones bound tighter."
        ),
    ] = "1min",
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="Also write the bounds there, as JSON."),
    ] = None,
) -> None:
    """Compute what no scheme can undercut, knowing prices and future; variants hardly matter."""
    from gridloom.scenarios.bounds import scenario_bounds
    from gridloom.scenarios.display_planning import print_bounds

    document = read(source, overrides)
    chosen = variant or next(iter(document.variants), None)
    found = scenario_bounds(document, chosen, interval_s=seconds_of(interval, "--interval"))
    print_bounds(found)
    if out is not None:
        found.write(out)
        print(out)


def replay(
    source: Source,
    variant: Variant = None,
    overrides: Overrides = [],  # noqa: B006
    schedule: Annotated[
        Path | None,
        typer.Option(
            "--schedule",
            metavar="FILE",
            help="CSV of setpoints in kW: times as in a profile, one column a charging point. "
            "Default: the plan of the variant.",
        ),
    ] = None,
    interval: Annotated[
        str | None,
        typer.Option(
            "--interval", metavar="DURATION", help="Resolution. Default: the plan's intervals."
        ),
    ] = None,
) -> None:
    """Plan without running, and check the plan, or a schedule, in the AC power flow."""
    from gridloom.scenarios.display_planning import print_replay
    from gridloom.scenarios.replaying import replay_scenario

    interval_s = None if interval is None else seconds_of(interval, "--interval")
    document = read(source, overrides)
    print_replay(replay_scenario(document, variant, schedule=schedule, interval_s=interval_s))

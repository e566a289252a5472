"""Commands on campaigns."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

import typer

from gridloom.scenarios.commands.options import Out
from gridloom.simulators.errors import SimulatorError

if TYPE_CHECKING:
    from gridloom.scenarios.campaigns.campaign import Campaign
    from gridloom.scenarios.campaigns.campaign_folder import CampaignFolder

TableForm: TypeAlias = Literal["csv", "parquet"]


def batch(
    campaign: Annotated[
        str, typer.Argument(metavar="CAMPAIGN", help="A shipped campaign's name, or a YAML file.")
    ],
    overrides: Annotated[
        list[str],
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Override one key of the campaign file, as in `--set axes.seed.seeds=2`.",
        ),
    ] = [],  # noqa: B006 -- typer reads the default, nobody changes it
    out: Out = Path("outputs"),
    workers: Annotated[
        int | None,
        typer.Option("--workers", metavar="N", min=1, help="Runs at a time. Default: one a core."),
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(
            "--scheduler",
            metavar="ADDRESS",
            help="Run on the workers of this Dask scheduler, as in tcp://host:8786. They must see "
            "--out under the same path.",
        ),
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="Only list the runs, and estimate time and disk from a run of each scheme.",
        ),
    ] = False,
    everything: Annotated[
        bool, typer.Option("--all", help="With --dry-run: list every run, also on a terminal.")
    ] = False,
    resume: Annotated[  # noqa: ARG001 -- said for those who look for it: it cannot be otherwise
        bool,
        typer.Option("--resume", help="Go on where an earlier batch stopped: always done."),
    ] = True,
    retry_failed: Annotated[
        bool,
        typer.Option("--retry-failed", help="Also run again what failed too often before."),
    ] = False,
    fail_fast: Annotated[
        bool, typer.Option("--fail-fast", help="Stop at the first run that fails.")
    ] = False,
) -> None:
    """Run a campaign: many runs of a scenario, side by side, each in a process of its own.

    Complete runs are never touched: the same command goes on after Ctrl-C, a crash or a power cut.
    Exit code: 0 where all runs are complete, 10 + n where n runs failed (99: 89 or more).
    """
    from gridloom.scenarios.campaigns.campaign import read_campaign
    from gridloom.scenarios.campaigns.campaign_folder import CampaignFolder
    from gridloom.scenarios.campaigns.cluster import available_cores
    from gridloom.scenarios.campaigns.conduct import BatchOptions, conduct
    from gridloom.scenarios.campaigns.display_batch import BatchDisplay, exit_code, print_summary
    from gridloom.scenarios.campaigns.index import Index

    asked = read_campaign(campaign, overrides)
    folder = CampaignFolder(out / asked.name)
    if dry_run:
        _show_plan(asked, folder, workers or available_cores(), show_all=everything)
        return
    options = BatchOptions(
        workers=workers or available_cores(),
        scheduler=scheduler,
        fail_fast=fail_fast,
        retry_failed=retry_failed,
    )
    with BatchDisplay() as display, display.stop_on_signal():
        summary = conduct(asked, folder, options, display)
    with Index(folder.index) as index:
        print_summary(summary, index)
    raise typer.Exit(exit_code(summary.counts))


def table(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A campaign's folder.")],
    form: Annotated[
        TableForm, typer.Option("--format", help=r"Parquet needs `gridloom\[parquet]`.")
    ] = "csv",
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="Default: table.csv there; `-` prints it."),
    ] = None,
    long: Annotated[
        bool, typer.Option("--long", help="One row an indicator instead of one a run.")
    ] = False,
    parts: Annotated[
        bool, typer.Option("--parts", help="Also indicators of parts, as of single lines.")
    ] = False,
    wall_times: Annotated[
        bool, typer.Option("--wall-times", help="Also computing times, which vary.")
    ] = False,
    complete: Annotated[
        bool, typer.Option("--complete", help="Only runs that are complete.")
    ] = False,
) -> None:
    """Write one table of a campaign: its parameters and indicators, with a file of their units."""
    from gridloom.scenarios.campaigns.campaign_folder import CampaignFolder
    from gridloom.scenarios.campaigns.results import Choice, TableOptions, write_table

    choice = Choice(parts=parts, wall_times=wall_times)
    options = TableOptions(format=form, long=long, only_complete=complete, choice=choice)
    written = write_table(CampaignFolder(folder), out, options)
    if written is not None:
        print(written)


def _show_plan(
    campaign: "Campaign", folder: "CampaignFolder", workers: int, *, show_all: bool
) -> None:
    """List the runs of a campaign, and estimate what those that are missing take."""
    from gridloom.scenarios.campaigns.conduct import planned_run
    from gridloom.scenarios.campaigns.display_plan import print_estimate, print_plan
    from gridloom.scenarios.campaigns.estimate import estimate
    from gridloom.scenarios.campaigns.workplace import RunServer

    planned = map(planned_run, campaign.points())
    left = print_plan(campaign, planned, complete=folder.complete_runs(), show_all=show_all)
    if not left:
        return
    with RunServer() as server:
        found = estimate(campaign, server.execute, workers=workers, runs=left, folder=folder.path)
    print_estimate(found)
    if found.failed:
        raise typer.Exit(SimulatorError.exit_code)

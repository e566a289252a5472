"""Commands on the records of runs."""

from pathlib import Path
from typing import Annotated

import typer

from gridloom.simulators.errors import Problem, RecordError, ScenarioError


def report(
    record: Annotated[
        Path,
        typer.Argument(metavar="RECORD", help="A record.h5, a run's folder, or a campaign's."),
    ],
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="Default: report.html beside the record."),
    ] = None,
    indicators: Annotated[
        list[str],
        typer.Option("--indicator", metavar="NAME", help="Of a campaign: draw these instead."),
    ] = [],  # noqa: B006 -- typer reads the default, nobody changes it
    pareto: Annotated[
        str | None,
        typer.Option(
            "--pareto",
            metavar="NAME,NAME",
            help="Of a campaign: the two indicators to set against each other.",
        ),
    ] = None,
) -> None:
    """Write the report of a record anew, be its run complete or not, or that of a campaign."""
    from gridloom.scenarios.campaigns.campaign_folder import CampaignFolder

    campaign = CampaignFolder(record)
    if campaign.is_campaign():
        from gridloom.scenarios.campaigns.results import write_campaign_report

        pair = _pair(pareto) if pareto is not None else None
        print(write_campaign_report(campaign, out, indicators=indicators, pareto=pair))
        return
    from gridloom.scenarios.results.kpis import compute_kpis
    from gridloom.scenarios.results.record import open_record
    from gridloom.scenarios.results.report import write_report
    from gridloom.scenarios.run_folder import RunFolder

    if campaign.runs.is_dir():
        raise ScenarioError(
            Problem(
                message=f"{record} is the folder of a campaign, but its index.sqlite is missing",
                suggestion="`gridloom batch` on the campaign's file makes it anew; what is "
                "complete is not computed again",
            )
        )
    path = RunFolder(record).any_record() if record.is_dir() else record
    target = out or path.with_name("report.html")
    try:
        with open_record(path) as opened:
            write_report(opened, compute_kpis(opened), target)
    except RecordError as error:  # here, both files are the user's input
        raise ScenarioError(Problem(message=str(error))) from error
    print(target)


def _pair(names: str) -> tuple[str, str]:
    """Return the two names that `--pareto` gives.

    Raises:
        ScenarioError: there are not two.
    """
    first, comma, second = (part.strip() for part in names.partition(","))
    if not (first and comma and second) or "," in second:
        raise ScenarioError(
            Problem(
                message=f"--pareto {names}: expected two indicators",
                suggestion="as in --pareto imbalance_cost_eur,line_overload_duration_s",
            )
        )
    return first, second


def recover(
    record: Annotated[Path, typer.Argument(metavar="RECORD", help="A record.h5, or its folder.")],
) -> None:
    """Repair the record of a run that was killed, so that any program for HDF5 opens it.

    A run that was killed after its last step is finished: with KPIs, report and its record's name.
    """
    from gridloom.scenarios.finishing import finish_run
    from gridloom.scenarios.results.record import recover_record
    from gridloom.scenarios.run_folder import RunFolder

    folder = RunFolder(record)
    unfinished = folder.partial_record
    path = record if not record.is_dir() else unfinished if unfinished.exists() else folder.record
    try:
        recovery = recover_record(path)
        finished = None if recovery.changed else finish_run(path)
    except RecordError as error:  # as for `report`
        raise ScenarioError(Problem(message=str(error))) from error
    print(recovery)
    if finished is not None:
        print("its run was killed after its last step and is finished now:")
        print(finished.record)
    if recovery.changed:
        print(f"see it with: gridloom report {path}")


def compare(
    records: Annotated[
        list[Path], typer.Argument(metavar="RECORD...", help="Records, or folders of runs.")
    ],
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Default: outputs/SCENARIO-comparison-IDENTITY."),
    ] = None,
    energy_price: Annotated[
        float | None,
        typer.Option(
            "--energy-price",
            metavar="EUR_PER_MWH",
            help="Value of energy left in vehicles. Default: the mean of all imbalance prices.",
        ),
    ] = None,
    published: Annotated[
        Path | None,
        typer.Option(
            "--published",
            metavar="FILE",
            help="Published values to print beside. Default: SCENARIO.published.csv, if there is "
            "one beside the scenario.",
        ),
    ] = None,
    bounds: Annotated[
        Path | None,
        typer.Option(
            "--bounds",
            metavar="FILE",
            help="Lower bounds of the case, as `gridloom bound SCENARIO --out FILE` writes them.",
        ),
    ] = None,
    anyway: Annotated[
        bool,
        typer.Option("--anyway", help="Also compare different cases, and unfinished runs."),
    ] = False,
) -> None:
    """Compare runs of one case: costs, grid, vehicles, messages, computing times."""
    from gridloom.scenarios.bounds import kept_bounds
    from gridloom.scenarios.display import print_comparison
    from gridloom.scenarios.evaluation import compare as compare_records
    from gridloom.scenarios.results.comparison import ComparisonOptions

    options = ComparisonOptions(
        anyway=anyway,
        energy_price_eur_per_mwh=energy_price,
        bounds=None if bounds is None else kept_bounds(bounds),
    )
    print_comparison(compare_records(records, folder=out, published=published, options=options))

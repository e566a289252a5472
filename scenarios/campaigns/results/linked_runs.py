"""The best and the worst run of a campaign by its costs, with the reports of their own."""

import logging
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import numpy as np

from gridloom.scenarios.campaigns.campaign_folder import CampaignFolder
from gridloom.scenarios.campaigns.index import Index, IndexedRun
from gridloom.scenarios.campaigns.point import Parameter
from gridloom.scenarios.campaigns.results.selection import burden, cost_columns
from gridloom.scenarios.campaigns.results.values import CampaignValues
from gridloom.scenarios.campaigns.results.writing import with_unit
from gridloom.scenarios.run_folder import RunFolder

_log = logging.getLogger(__name__)
_MOST_COSTS = 3


@dataclass(frozen=True, kw_only=True)
class LinkedRun:
    """One run that stands out."""

    why: str
    value: str
    number: int
    parameters: Mapping[str, Parameter]
    link: str
    """To its report, relative to the page; '' where there is none."""


def outstanding_runs(
    values: CampaignValues, folder: CampaignFolder, index: Index, page: Path
) -> list[LinkedRun]:
    """Return the best and the worst run by each cost, each with a report.

    Reports that are missing are written. Where that fails, the run goes without.

    Args:
        values: of the campaign.
        folder: of the campaign.
        index: its books.
        page: that links to the reports.
    """
    chosen: list[tuple[str, str, int]] = []
    for place in cost_columns(values, _MOST_COSTS):
        column, of_points = values.columns[place], values.of_points(place)
        burdens = burden(column, of_points)
        best, worst = int(np.nanargmin(burdens)), int(np.nanargmax(burdens))
        for word, row in (("best", best), ("worst", worst)):
            value = with_unit(float(of_points[row]), column)
            chosen.append((f"{word}: {column.long_name}", value, int(values.points.numbers[row])))
    runs = _runs({number for *_, number in chosen}, index.runs())
    links = {number: _link(run, folder, page) for number, run in runs.items()}
    return [
        LinkedRun(
            why=why,
            value=value,
            number=number,
            parameters=runs[number].parameters,
            link=links[number],
        )
        for why, value, number in chosen
        if number in runs
    ]


def _runs(numbers: set[int], runs: Iterable[IndexedRun]) -> dict[int, IndexedRun]:
    return {run.number: run for run in runs if run.number in numbers}


def _link(run: IndexedRun, folder: CampaignFolder, page: Path) -> str:
    files = RunFolder(folder.runs / run.folder)
    if not files.report.is_file():
        try:
            _write_report(files)
        except Exception as error:  # noqa: BLE001 -- must not cost the whole campaign its report
            _log.warning("run %d goes without a report: %s", run.number, error)
            return ""
    return relative_link(files.report, page)


def relative_link(target: Path, page: Path) -> str:
    """Return how a page links to a file near it."""
    return quote(Path(os.path.relpath(target, page.parent)).as_posix())


def _write_report(files: RunFolder) -> None:
    from gridloom.scenarios.results.kpis import compute_kpis
    from gridloom.scenarios.results.record import open_record
    from gridloom.scenarios.results.report import write_report

    with open_record(files.record) as record:
        write_report(record, compute_kpis(record), files.report)

"""The report of a campaign: one HTML page that needs nothing but itself, in the report's look."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gridloom.scenarios.campaigns.campaign_folder import CampaignFolder
from gridloom.scenarios.campaigns.index import Index
from gridloom.scenarios.campaigns.results.bookkeeping import books_of
from gridloom.scenarios.campaigns.results.campaign_results import require_campaign
from gridloom.scenarios.campaigns.results.cells import cells_of
from gridloom.scenarios.campaigns.results.columns import Choice, Column
from gridloom.scenarios.campaigns.results.factors import factors_of
from gridloom.scenarios.campaigns.results.linked_runs import outstanding_runs
from gridloom.scenarios.campaigns.results.overview import (
    axis_rows,
    facts_of,
    failure_rows,
    warning_of,
)
from gridloom.scenarios.campaigns.results.roles import Roles, roles_of
from gridloom.scenarios.campaigns.results.selection import (
    indicator_columns,
    trade_off_columns,
    varies,
)
from gridloom.scenarios.campaigns.results.values import CampaignValues, read_values
from gridloom.scenarios.campaigns.results.writing import written_parameters
from gridloom.scenarios.results.html_page import write_page
from gridloom.scenarios.results.record import is_held
from gridloom.simulators.model import FloatArray

if TYPE_CHECKING:
    from gridloom.scenarios.campaigns.results.trade_off import TradeOff, Unbeaten
    from gridloom.scenarios.results.figures.style import ReportFigure

_TEMPLATE = Path(__file__).with_name("campaign.html")


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """What the page shows of the campaign's values."""

    values: CampaignValues
    roles: Roles
    varying: Sequence[int]
    """Columns of the indicators that have figures."""
    constant: Sequence[int]
    """Columns of those that are the same in all runs."""
    trade_off: tuple[int, int] | None


def write_campaign_report(
    folder: CampaignFolder,
    out: Path | None = None,
    *,
    indicators: Sequence[str] = (),
    pareto: tuple[str, str] | None = None,
) -> Path:
    """Write the report of a campaign as one self-contained HTML page.

    Args:
        folder: of the campaign, which may still be under way.
        out: the page; by default `report.html` in the campaign's folder.
        indicators: columns of the table that are shown over what was varied; by default headlines.
        pareto: the two that are weighed against each other; by default a cost and a violation.

    Returns:
        The page.

    Raises:
        ScenarioError: there is no campaign, or no run has an indicator asked for.
        RecordError: the books cannot be read, or the page cannot be written.
    """
    require_campaign(folder)
    page = out or folder.report
    with Index(folder.index) as index:
        with index.snapshot():
            chosen = _choose(read_values(index, Choice()), indicators, pareto)
            head = _head(index, folder, page)
        content = {**head, **_findings(chosen)}
        content["outstanding"] = [
            (run, written_parameters(run.parameters))
            for run in outstanding_runs(chosen.values, folder, index, page)
        ]
    write_page(page, _TEMPLATE, content)
    return page


def _choose(
    values: CampaignValues, indicators: Sequence[str], pareto: tuple[str, str] | None
) -> Chosen:
    wanted = indicator_columns(values, indicators)
    return Chosen(
        values=values,
        roles=roles_of(factors_of(values.points), len(values.points)),
        varying=[place for place in wanted if varies(values, place)],
        constant=[place for place in wanted if not varies(values, place)],
        trade_off=trade_off_columns(values, pareto),
    )


def _head(index: Index, folder: CampaignFolder, page: Path) -> dict[str, Any]:
    """Return what the template prints of the campaign as such."""
    about, books = index.about(), books_of(index.runs())
    is_over = is_held(folder.path) is False
    return {
        "title": about.title or about.name,
        "warning": warning_of(books),
        "description": about.description,
        "facts": facts_of(about, books, is_over=is_over),
        "axes": axis_rows(about.axes),
        "failures": failure_rows(books, folder, page),
        "failure_kinds": len(books.failures),
    }


def _findings(chosen: Chosen) -> dict[str, Any]:
    """Return what the template prints of the indicators."""
    from gridloom.scenarios.campaigns.results import tables

    values, roles = chosen.values, chosen.roles
    cells = cells_of(roles.settings, roles.points)
    trade_off = _trade_off(chosen)
    return {
        "roles": roles,
        "figures": _figures(chosen),
        "constants": tables.constants(values, chosen.constant),
        "differences": tables.difference_table(values, chosen.varying, roles),
        "differences_over_x": tables.differences_over_x(values, chosen.varying, roles),
        "trade_off_figure": None if trade_off is None else _draw(trade_off, roles),
        "front": None if trade_off is None else tables.front_table(trade_off),
        "unbeaten": None if trade_off is None else _unbeaten(chosen),
        "combinations": tables.combination_table(values, chosen.varying, cells, roles),
        "all_indicators": tables.all_indicators(values, roles),
    }


def _figures(chosen: Chosen) -> "list[ReportFigure]":
    from gridloom.scenarios.campaigns.results.indicator_figure import indicator_figure
    from gridloom.scenarios.results.figures.style import figure_style

    values = chosen.values
    with figure_style():
        drawn = [
            indicator_figure(
                values.columns[place], values.of_points(place), chosen.roles, f"indicator-{rank}"
            )
            for rank, place in enumerate(chosen.varying, start=1)
        ]
    return [figure for figure in drawn if figure is not None]


def _trade_off(chosen: Chosen) -> "TradeOff | None":
    from gridloom.scenarios.campaigns.results.trade_off import trade_off_of

    if chosen.trade_off is None:
        return None
    found = trade_off_of(*_weighed(chosen.values, chosen.trade_off), chosen.roles)
    return found if found.on_front else None


def _unbeaten(chosen: Chosen) -> "tuple[Unbeaten, str] | None":
    """Return how schemes fare in each setting of all else, and what is left out of that."""
    from gridloom.scenarios.campaigns.results.trade_off import left_out, schemes_unbeaten

    roles = chosen.roles
    if chosen.trade_off is None or roles.scheme is None or len(roles.settings) == 1:
        return None
    weighed = _weighed(chosen.values, chosen.trade_off)
    found = schemes_unbeaten(*weighed, roles.scheme, roles)
    return (found, left_out(found.over, "setting")) if len(found.schemes) > 1 else None


def _weighed(
    values: CampaignValues, places: tuple[int, int]
) -> tuple[tuple[Column, Column], tuple[FloatArray, FloatArray]]:
    first, second = places
    return (
        (values.columns[first], values.columns[second]),
        (values.of_points(first), values.of_points(second)),
    )


def _draw(trade_off: "TradeOff", roles: Roles) -> "ReportFigure":
    from gridloom.scenarios.campaigns.results.trade_off import trade_off_figure
    from gridloom.scenarios.results.figures.style import figure_style

    with figure_style():
        return trade_off_figure(trade_off, roles)

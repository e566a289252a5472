"""The figures of a comparison, in their order; what the runs do not have is left out."""

from collections.abc import Mapping

from gridloom.scenarios.results.comparison.comparison import Comparison
from gridloom.scenarios.results.comparison.figures.community_power import community_power_figure
from gridloom.scenarios.results.comparison.figures.computing_time import computing_time_figure
from gridloom.scenarios.results.comparison.figures.cost import cost_figure
from gridloom.scenarios.results.comparison.figures.departures import departure_figures
from gridloom.scenarios.results.comparison.figures.fleet_power import fleet_power_figures
from gridloom.scenarios.results.comparison.figures.imbalance import imbalance_figures
from gridloom.scenarios.results.comparison.figures.line_current import line_current_figure
from gridloom.scenarios.results.comparison.figures.looks import Look, scheme_looks
from gridloom.scenarios.results.comparison.figures.operating_cost import operating_cost_figure
from gridloom.scenarios.results.comparison.figures.tariff_cost import tariff_cost_figure
from gridloom.scenarios.results.comparison.figures.transformer_loading import (
    transformer_loading_figure,
)
from gridloom.scenarios.results.figures.style import ReportFigure, figure_style


def comparison_figures(comparison: Comparison) -> list[ReportFigure]:
    """Draw everything there is to compare; the runs' records must be open."""
    looks = scheme_looks(comparison.labels, comparison.reference.label)
    with figure_style():
        drawn = [
            operating_cost_figure(comparison, looks),
            cost_figure(comparison, looks),
            *_of_district(comparison, looks),
            *imbalance_figures(comparison, looks),
            line_current_figure(comparison, looks),
            *departure_figures(comparison, looks),
            *fleet_power_figures(comparison, looks),
            computing_time_figure(comparison, looks),
        ]
    return [figure for figure in drawn if figure is not None]


def _of_district(comparison: Comparison, looks: Mapping[str, Look]) -> list[ReportFigure | None]:
    """Draw what matters to customers of a tariff, who are a district to the grid around them."""
    if not any(run.parts.tariffs for run in comparison.runs):
        return []
    return [
        tariff_cost_figure(comparison, looks),
        community_power_figure(comparison, looks),
        transformer_loading_figure(comparison, looks),
    ]

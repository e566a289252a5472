"""Figure: the energy-adjusted cost of each scheme, and what it can be at best."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes

from gridloom.scenarios.results.comparison.comparison import Comparison
from gridloom.scenarios.results.comparison.energy_adjusted import COST, AdjustedCosts
from gridloom.scenarios.results.comparison.figures.looks import Look, make_room_for_labels
from gridloom.scenarios.results.comparison.measures import aligned
from gridloom.scenarios.results.figures.style import (
    GREY,
    INK,
    ReportFigure,
    legend_above,
    new_axes,
    svg_bytes,
)
from gridloom.scenarios.results.wording import MINUS, number

_ROW_IN = 0.42


def cost_figure(comparison: Comparison, looks: Mapping[str, Look]) -> ReportFigure | None:
    """Draw J as bars, the imbalance cost that is settled as marks, and the bounds as lines."""
    costs = comparison.costs
    if costs is None:
        return None
    title = _title(comparison, costs)
    energy = costs.reference
    return ReportFigure(
        key="energy-adjusted-cost",
        title=title,
        caption=(
            "Bars: energy-adjusted cost J in EUR, which pays for energy missing in the vehicles at "
            f"{number(energy.price_eur_per_mwh)} EUR/MWh against {energy.label}. Marks: imbalance "
            "cost alone, eq. (21)."
            + (" Lines: certified lower bounds of J." if costs.bounds else "")
        ),
        alternative=f"Energy-adjusted cost of each scheme as bars. {title}.",
        svg=_draw(comparison, costs, looks),
    )


def _title(comparison: Comparison, costs: AdjustedCosts) -> str:
    labels = comparison.labels
    best = int(np.nanargmin(costs.costs_eur))
    name = labels[best]
    if name == costs.reference.label:
        return f"No scheme costs less than {name}'s {number(costs.costs_eur[best])} EUR"
    return (
        f"{name} costs least: {number(costs.costs_eur[best])} EUR, "
        f"{costs.reference.label} {number(costs.reference_cost_eur)} EUR, energy adjusted"
    )


def _draw(comparison: Comparison, costs: AdjustedCosts, looks: Mapping[str, Look]) -> bytes:
    labels = comparison.labels
    figure, axes = new_axes(1.0 + _ROW_IN * len(labels))
    place = np.arange(len(labels))
    settled_eur = [run.total(COST) for run in comparison.runs]
    axes.barh(place, costs.costs_eur, height=0.62, color=[looks[label].colour for label in labels])
    axes.plot(
        settled_eur,
        place,
        color=INK,
        linestyle="",
        marker="D",
        markersize=6,
        markerfacecolor="white",
        label="imbalance cost, eq. (21)",
    )
    for y, cost, text in zip(place, costs.costs_eur, aligned(costs.costs_eur), strict=True):
        if np.isfinite(cost):
            axes.annotate(
                text.replace("-", MINUS),
                (cost, float(y)),
                xytext=(9 if cost >= 0 else -9, 0),
                textcoords="offset points",
                ha="left" if cost >= 0 else "right",
                va="center",
            )
    _draw_bounds(axes, costs)
    axes.axvline(0, color=GREY, linewidth=0.8)
    axes.set_yticks(place, labels)
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    axes.margins(x=0.12)
    axes.set_xlabel("energy-adjusted cost J (EUR)")
    legend_above(axes, 3)
    make_room_for_labels(axes, labels)
    return svg_bytes(figure)


def _draw_bounds(axes: Axes, costs: AdjustedCosts) -> None:
    if costs.bounds is None:
        return
    for bound_eur, dash, label in (
        (costs.bounds.energy_adjusted_cost_no_speculation_eur, "--", "bound without speculation"),
        (costs.bounds.energy_adjusted_cost_eur, ":", "bound with speculation"),
    ):
        if bound_eur is not None:
            axes.axvline(bound_eur, color=INK, linestyle=dash, linewidth=1.4, label=label)

"""Figure: what energy costs at each tariff with each scheme, and with a central optimum."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes

from gridloom.controllers.drive.config import Algorithm
from gridloom.scenarios.results.comparison.compared_run import ComparedRun
from gridloom.scenarios.results.comparison.comparison import Comparison
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
from gridloom.simulators.model import FloatArray

_COST = "tariff_cost_eur"
_DRIVE = "drive"
_BAR_IN, _GAP_IN = 0.3, 0.16
_HATCHES = ("", "////", "....")


@dataclass(frozen=True, kw_only=True)
class _TariffCosts:
    """Costs in EUR at one tariff."""

    tariff: str
    costs_eur: FloatArray
    """(run,), NaN where a run has no such tariff."""
    central_eur: float
    """Of the central optimum of this tariff; NaN without any."""


def tariff_cost_figure(comparison: Comparison, looks: Mapping[str, Look]) -> ReportFigure | None:
    """Draw a bar a scheme and tariff; None where nobody pays a tariff."""
    tariffs = _costs(comparison)
    if not tariffs:
        return None
    title = _title(comparison, tariffs)
    optimum = any(np.isfinite(each.central_eur) for each in tariffs)
    return ReportFigure(
        key="tariff-cost",
        title=title,
        caption=(
            "Cost of energy in EUR over the run, by the tariffs that meter it: "
            f"{', '.join(each.tariff for each in tariffs)}; what batteries, vehicles and buildings "
            "hold at the end is not valued."
            + (
                " Line: central optimum, one linear program of all devices with what their agents "
                "know, within the grid's limits if its scheme has any. Schemes without limits may "
                "cost less; so may others, by what forecasts miss."
                if optimum
                else ""
            )
        ),
        alternative=f"Cost of energy with each scheme as bars. {title}.",
        svg=_draw(comparison, tariffs, looks),
    )


def centrally_optimised(run: ComparedRun) -> str:
    """Return the tariff whose cost one optimisation of all devices minimised; '' if none did."""
    controllers = run.scenario.get("controllers", {}).values()
    found = (
        str(config.get("controls", ""))
        for config in controllers
        if config.get("type") == _DRIVE and config.get("algorithm") == Algorithm.CENTRAL
    )
    return next(found, "")


def _costs(comparison: Comparison) -> list[_TariffCosts]:
    runs = comparison.runs
    names = dict.fromkeys(tariff.name for run in runs for tariff in run.parts.tariffs)
    central = {centrally_optimised(run): run for run in reversed(runs)}
    return [
        _TariffCosts(
            tariff=name,
            costs_eur=np.array([_cost_eur(run, name) for run in runs]),
            central_eur=_cost_eur(central[name], name) if name in central else np.nan,
        )
        for name in names
    ]


def _cost_eur(run: ComparedRun, tariff: str) -> float:
    """Return the cost at a tariff, which is not told apart where there is only one."""
    tariffs = [each.name for each in run.parts.tariffs]
    if tariff not in tariffs:
        return np.nan
    return run.value(_COST, tariff if len(tariffs) > 1 else "")


def _title(comparison: Comparison, tariffs: list[_TariffCosts]) -> str:
    """Return the message: who pays least at which tariff."""
    cheapest = min(tariffs, key=lambda each: float(np.nanmin(each.costs_eur)))
    best = int(np.nanargmin(cheapest.costs_eur))
    label, reference = comparison.labels[best], comparison.reference.label
    at = f" at tariff '{cheapest.tariff}'" if len(tariffs) > 1 else ""
    base_eur = cheapest.costs_eur[comparison.labels.index(reference)]
    least = f"Energy costs least with {label}: {number(cheapest.costs_eur[best])} EUR{at}"
    if label == reference or not np.isfinite(base_eur):
        return least
    return f"{least}, {number(float(base_eur))} EUR with {reference}"


def _draw(comparison: Comparison, tariffs: list[_TariffCosts], looks: Mapping[str, Look]) -> bytes:
    labels, count = comparison.labels, len(tariffs)
    row_in = _GAP_IN + _BAR_IN * count
    figure, axes = new_axes(0.9 + row_in * len(labels))
    height = _BAR_IN / row_in
    middle: FloatArray = np.arange(len(labels), dtype=np.float64)
    for place, each in enumerate(tariffs):
        y = middle + np.float64((place - (count - 1) / 2) * height)
        axes.barh(
            y,
            each.costs_eur,
            height=0.92 * height,
            color=[looks[label].colour for label in labels],
            hatch=_HATCHES[place % len(_HATCHES)],
            edgecolor="white",
            linewidth=0,
        )
        _write_costs(axes, each, y, named=count > 1)
        if np.isfinite(each.central_eur):
            axes.plot(
                np.full(2, each.central_eur),
                [y[0] - height / 2, y[-1] + height / 2],
                color=INK,
                linestyle="--",
                label=f"central optimum{f', {each.tariff}' if count > 1 else ''}",
            )
    axes.axvline(0, color=GREY, linewidth=0.8)
    axes.set_yticks(middle, labels)
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    axes.margins(x=0.16 if count == 1 else 0.22)
    axes.set_xlabel("cost of energy (EUR)")
    if axes.get_legend_handles_labels()[0]:
        legend_above(axes, 3)
    make_room_for_labels(axes, labels)
    return svg_bytes(figure)


def _write_costs(axes: Axes, costs: _TariffCosts, places: FloatArray, *, named: bool) -> None:
    written = aligned(costs.costs_eur.tolist())
    for y, cost_eur, text in zip(places, costs.costs_eur, written, strict=True):
        if np.isfinite(cost_eur):
            axes.annotate(
                text.replace("-", MINUS) + (f" ({costs.tariff})" if named else ""),
                (max(cost_eur, 0.0), float(y)),
                xytext=(7, 0),
                textcoords="offset points",
                va="center",
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.0},
            )

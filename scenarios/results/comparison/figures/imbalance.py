"""Figure 3 of the paper: the imbalance of each settlement period, one bar a scheme."""

from collections.abc import Mapping, Sequence

import numpy as np

from gridloom.scenarios.results.comparison.compared_run import ComparedRun
from gridloom.scenarios.results.comparison.comparison import Comparison
from gridloom.scenarios.results.comparison.figures.looks import (
    Look,
    axes_with_legend,
    scheme_legend,
)
from gridloom.scenarios.results.comparison.settlement import settlement_periods
from gridloom.scenarios.results.figures.style import GREY, ReportFigure, svg_bytes
from gridloom.scenarios.results.wording import counted, number
from gridloom.simulators.model import FloatArray

_IMBALANCE = "imbalance_kwh"
_GROUP_WIDTH = 0.8
_MOST_TICKS = 24


def imbalance_figures(comparison: Comparison, looks: Mapping[str, Look]) -> list[ReportFigure]:
    """Draw the imbalance that each scheme leaves in every settlement period, market by market."""
    runs = comparison.runs
    markets = dict.fromkeys(market.name for run in runs for market in run.parts.markets)
    figures = []
    for market in markets:
        of = market if len(markets) > 1 else ""
        periods = settlement_periods(runs, _IMBALANCE, of)
        if periods:
            imbalance_kwh = _imbalances(runs, of, periods)
            title = _title(comparison, imbalance_kwh)
            figures.append(
                ReportFigure(
                    key=f"imbalance-{market}",
                    title=title,
                    caption=(
                        "Imbalance in kWh of each settlement period, allocated volume minus "
                        "day-ahead position: positive is shortage (more consumed than bought), "
                        f"negative is surplus. {counted(len(periods), 'period')}."
                    ),
                    alternative=f"Imbalance of each settlement period, one bar a scheme. {title}.",
                    svg=_draw(runs, imbalance_kwh, periods, looks),
                )
            )
    return figures


def _imbalances(runs: Sequence[ComparedRun], market: str, periods: Sequence[str]) -> FloatArray:
    """Return the imbalances, (run, period)."""
    names = [f"{market} {period}".lstrip() for period in periods]
    return np.array([[run.value(_IMBALANCE, name) for name in names] for run in runs])


def _title(comparison: Comparison, imbalance_kwh: FloatArray) -> str:
    total_kwh = np.nansum(np.abs(imbalance_kwh), axis=1)
    labels = comparison.labels
    ours = labels.index(comparison.reference.label)
    best = int(np.argmin(total_kwh))
    base = f"{number(total_kwh[ours])} kWh"
    if total_kwh[best] >= total_kwh[ours]:
        return f"No scheme leaves less shortage and surplus than {labels[ours]}: {base} together"
    return (
        f"{labels[best]} leaves the least imbalance: {number(total_kwh[best])} kWh of shortage and "
        f"surplus together, {labels[ours]} {base}"
    )


def _draw(
    runs: Sequence[ComparedRun],
    imbalance_kwh: FloatArray,
    periods: Sequence[str],
    looks: Mapping[str, Look],
) -> bytes:
    figure, axes = axes_with_legend(len(runs))
    middle = np.arange(1, len(periods) + 1)
    width = _GROUP_WIDTH / len(runs)
    for place, run in enumerate(runs):
        look = looks[run.label]
        axes.bar(
            middle + (place - (len(runs) - 1) / 2) * width,
            imbalance_kwh[place],
            width=width,
            color=look.colour,
            edgecolor="white",
            linewidth=0.4,
            hatch="//" if look.dash != "-" else None,
            label=run.label,
        )
    axes.axhline(0, color=GREY, linewidth=0.8)
    if len(periods) <= _MOST_TICKS:
        axes.set_xticks(middle)
    axes.set_xlim(0.5, len(periods) + 0.5)
    axes.grid(visible=False, axis="x")
    axes.margins(y=0.08)
    axes.set_xlabel("imbalance settlement period")
    axes.set_ylabel("imbalance (kWh)")
    scheme_legend(axes)
    return svg_bytes(figure)

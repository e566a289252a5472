"""Figure: what each rule saves against keeping to the schedules."""

from collections.abc import Mapping

import numpy as np

from gridloom.scenarios.results.comparison.captured_saving import (
    CENTRAL,
    CapturedSaving,
    captured_saving,
    shares_by_label,
)
from gridloom.scenarios.results.comparison.comparison import Comparison
from gridloom.scenarios.results.comparison.figures.looks import Look, make_room_for_labels
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


def operating_cost_figure(comparison: Comparison, looks: Mapping[str, Look]) -> ReportFigure | None:
    """Draw the saving of each run as a bar; None where there is no central optimum to compare."""
    saving = captured_saving(comparison.runs)
    if saving is None:
        return None
    title = _title(comparison, saving)
    return ReportFigure(
        key="operating-cost",
        title=title,
        caption=(
            "Operating cost (energy bought day-ahead and in real time, generation, wear of "
            "storage) less than with day-ahead schedules kept, EUR; in brackets the share of what "
            "a central optimum with the same information saves (line)."
        ),
        alternative=f"Saving of operating cost of each scheme as bars. {title}.",
        svg=_draw(comparison, saving, looks),
    )


def _title(comparison: Comparison, saving: CapturedSaving) -> str:
    room = number(saving.schedule_eur - saving.central_eur)
    shares = shares_by_label(comparison.runs)
    if not shares:
        return f"A central optimum saves {room} EUR of {number(saving.schedule_eur)} EUR"
    label, share = next(iter(shares.items()))
    return f"{label} captures {number(share)} % of the {room} EUR that a central optimum saves"


def _draw(comparison: Comparison, saving: CapturedSaving, looks: Mapping[str, Look]) -> bytes:
    labels = comparison.labels
    figure, axes = new_axes(1.0 + _ROW_IN * len(labels))
    place = np.arange(len(labels))
    saved_eur = [saving.schedule_eur - cost for cost in saving.costs_eur]
    axes.barh(place, saved_eur, height=0.62, color=[looks[label].colour for label in labels])
    for y, saved, share in zip(place, saved_eur, saving.shares_percent, strict=True):
        if np.isfinite(saved):
            axes.annotate(
                f"{number(saved)} ({number(share)} %)".replace("-", MINUS),
                (max(saved, 0.0), float(y)),
                xytext=(6, 0),
                textcoords="offset points",
                va="center",
            )
    axes.axvline(
        saving.schedule_eur - saving.central_eur,
        color=INK,
        linestyle="--",
        linewidth=1.4,
        label=f"{CENTRAL} optimum, same information",
    )
    axes.axvline(0, color=GREY, linewidth=0.8)
    axes.set_yticks(place, labels)
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    axes.margins(x=0.16)
    axes.set_xlabel("saving of operating cost (EUR)")
    legend_above(axes, 1)
    make_room_for_labels(axes, labels)
    return svg_bytes(figure)

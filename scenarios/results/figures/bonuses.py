"""Figure: the bonuses of each agent and hour (Figure 5 of Fattaheian-Dehkordi et al., 2020)."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from gridloom.scenarios.results.figures.style import (
    CLASS_COLOURS,
    GREY,
    HATCHES,
    ReportFigure,
    legend_above,
    new_axes,
    svg_bytes,
)
from gridloom.scenarios.results.kpis.ledger import bonuses_eur
from gridloom.scenarios.results.kpis.negotiation import Negotiation
from gridloom.scenarios.results.wording import number
from gridloom.simulators.model import FloatArray

_BAR_WIDTH = 0.82
_LEGEND_COLUMNS = 6
_MOST_TICKS = 24


def bonuses_figure(negotiation: Negotiation, classes: Sequence[str]) -> ReportFigure | None:
    """Draw what the bonus brings each party in each hour; None where there never was one.

    Args:
        negotiation: of the run.
        classes: names of all device classes: each has its colour in all figures.
    """
    by_interval = bonuses_eur(negotiation)
    if not np.any(by_interval):
        return None
    hours = int(negotiation.hour[-1]) + 1
    by_hour = np.zeros((hours, by_interval.shape[1]))
    np.add.at(by_hour, negotiation.hour, by_interval)
    title = _title(negotiation, by_hour)
    return ReportFigure(
        key="bonuses",
        title=title,
        caption=(
            "Bonus times deviation, EUR in each hour of the run (hour h is [h \N{MINUS SIGN} 1, "
            "h)), stacked by agent. Upwards: received by those that consume what is left over, or "
            "leave what is missing; downwards: paid by those that cause the imbalance, or add to "
            "it. Where an imbalance remains they pay more than the others receive: it is sold, "
            "or bought, at the market's other price."
        ),
        alternative=f"Bonuses of each agent as stacked bars, one an hour. {title}.",
        svg=_draw(negotiation, by_hour, classes),
    )


def _title(negotiation: Negotiation, by_hour: FloatArray) -> str:
    flexible = [party.is_flexible for party in negotiation.parties]
    received = by_hour[:, flexible].sum(axis=0)
    names = [party.name for party in negotiation.parties if party.is_flexible]
    most = int(np.argmax(received))
    if received.sum() < 0:
        return (
            f"Flexible agents pay {number(-float(received.sum()))} EUR: they add more to the "
            "imbalance than they take away"
        )
    total = f"Flexible agents receive {number(float(received.sum()))} EUR of bonuses"
    if len(names) == 1:
        return total
    return f"{total}, most of all {names[most]} ({number(float(received[most]))} EUR)"


def _draw(negotiation: Negotiation, by_hour: FloatArray, classes: Sequence[str]) -> bytes:
    moved = np.flatnonzero(np.any(by_hour, axis=0))
    by_hour = by_hour[:, moved]
    names = [negotiation.parties[place].name for place in moved]
    rows = -(-len(names) // _LEGEND_COLUMNS)
    figure, axes = new_axes(3.5, legend_rows=rows)
    middle = np.arange(1, len(by_hour) + 1)
    up, down = np.zeros(len(middle)), np.zeros(len(middle))
    for place, name in enumerate(names):
        received = np.maximum(by_hour[:, place], 0.0)
        paid = np.minimum(by_hour[:, place], 0.0)
        look = _look(classes.index(name))
        axes.bar(middle, received, _BAR_WIDTH, bottom=up, label=name, **look)
        axes.bar(middle, paid, _BAR_WIDTH, bottom=down, **look)
        up, down = up + received, down + paid
    axes.axhline(0, color=GREY, linewidth=0.8)
    _label(axes, len(middle))
    legend_above(axes, _LEGEND_COLUMNS)
    return svg_bytes(figure)


def _look(place: int) -> dict[str, Any]:
    turn, colour = divmod(place, len(CLASS_COLOURS))
    return {
        "color": CLASS_COLOURS[colour],
        "hatch": HATCHES[turn % len(HATCHES)],
        "edgecolor": "white",
        "linewidth": 0.4,
    }


def _label(axes: Axes, hours: int) -> None:
    if hours <= _MOST_TICKS:
        axes.set_xticks(np.arange(1, hours + 1))
    axes.set_xlim(0.4, hours + 0.6)
    axes.grid(visible=False, axis="x")
    axes.set_xlabel("hour of the run")
    axes.set_ylabel("bonus (EUR)")

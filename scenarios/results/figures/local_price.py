"""Figure: the local price between the market's prices, and what it did to the imbalance."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from gridloom.scenarios.results.figures.style import (
    BLUE,
    GREY,
    INK,
    ORANGE,
    PALE,
    SKY,
    VERMILLION,
    ReportFigure,
    at_time,
    legend_above,
    new_panels,
    step_line,
    svg_bytes,
    time_axis,
)
from gridloom.scenarios.results.kpis.negotiation import Negotiation
from gridloom.scenarios.results.wording import LocalTime, counted, number
from gridloom.simulators.model import FloatArray

_HEIGHT_IN = 2.0
_BALANCED_KW = 1e-3
_MOST_BARS = 300


def local_price_figure(negotiation: Negotiation, clock: LocalTime) -> ReportFigure:
    """Draw prices and bonus, expected and remaining surplus, and rounds, one below the other."""
    title = _title(negotiation)
    return ReportFigure(
        key="local-price",
        title=title,
        caption=(
            "Top: the market's buying and selling prices and the local price at which deviations "
            "settle, EUR/MWh; area: the bonus, from the price that would hold without it (in a "
            "surplus the buying, in a shortage the selling price; with the rule 'literal' their "
            "mean) to the local price. Middle: the surplus that inflexible agents expected to "
            "leave over, and what remained of it for the market, kW (negative: shortage). Bottom: "
            "rounds of each negotiation."
        ),
        alternative=f"Prices, surplus and rounds of the negotiations over time. {title}.",
        svg=_draw(negotiation, clock),
    )


def _title(negotiation: Negotiation) -> str:
    count = len(negotiation.rounds)
    expected = np.abs(negotiation.expected_surplus_kw) > _BALANCED_KW
    if not expected.any():
        return "No imbalance was expected"
    balanced = expected & (np.abs(negotiation.remaining_surplus_kw) <= _BALANCED_KW)
    where = f"of {counted(int(expected.sum()), 'interval')} with an expected imbalance"
    if expected.sum() == count:
        where = f"of {counted(count, 'interval')}"
    rounds = number(float(negotiation.rounds.mean()), 2)
    return f"Nothing is left to the market in {balanced.sum()} {where}, after {rounds} rounds each"


def _draw(negotiation: Negotiation, clock: LocalTime) -> bytes:
    figure, panels = new_panels(3, 1, _HEIGHT_IN)
    edges = negotiation.edges
    x = at_time(clock, edges)
    _draw_prices(panels[0], negotiation, x)
    _draw_surplus(panels[1], negotiation, x)
    _draw_each(panels[2], x, negotiation.rounds, SKY, edgecolor="white")
    panels[2].set_ylabel("rounds")
    for axes in panels:
        time_axis(axes, clock, edges)
        if axes is not panels[-1]:
            axes.set_xlabel("")
    return svg_bytes(figure)


def _draw_prices(axes: Axes, negotiation: Negotiation, x: FloatArray) -> None:
    trades = negotiation.trades
    buying, selling = (
        trades.mean_price(price, negotiation.edges_s)
        for price in (trades.buying_eur_per_mwh, trades.selling_eur_per_mwh)
    )
    local = (negotiation.local_buying_eur_per_mwh, negotiation.local_selling_eur_per_mwh)
    surplus = negotiation.sign > 0
    axes.fill_between(x, held(selling), held(buying), step="post", color=PALE, alpha=0.5, lw=0)
    from_price = np.where(surplus, local[0] + negotiation.bonus_eur_per_mwh, local[1])
    to_price = np.where(surplus, local[0], local[1] - negotiation.bonus_eur_per_mwh)
    axes.fill_between(
        x,
        held(from_price),
        held(to_price),
        step="post",
        color=ORANGE,
        alpha=0.45,
        lw=0,
        label="bonus",
    )
    step_line(axes, x, buying, colour=VERMILLION, label="market buying", linewidth=1.0)
    step_line(axes, x, selling, colour=INK, label="market selling", linewidth=1.0)
    if np.array_equal(*local):
        step_line(axes, x, local[0], colour=BLUE, label="local price", linewidth=1.8)
    axes.set_ylabel("price (EUR/MWh)")
    legend_above(axes, 4)


def _draw_surplus(axes: Axes, negotiation: Negotiation, x: FloatArray) -> None:
    expected: dict[str, Any] = {"alpha": 0.55, "edgecolor": "white", "label": "expected surplus"}
    _draw_each(axes, x, negotiation.expected_surplus_kw, SKY, **expected)
    _draw_each(axes, x, negotiation.remaining_surplus_kw, BLUE, part=0.5, label="remaining")
    axes.axhline(0, color=GREY, linewidth=0.8)
    axes.set_ylabel("surplus (kW)")
    legend_above(axes, 2)


def _draw_each(
    axes: Axes, x: FloatArray, values: FloatArray, colour: str, *, part: float = 1.0, **style: Any
) -> None:
    """Draw a bar for each interval; where there are too many of them, a line.

    Args:
        axes: where.
        x: (interval + 1,), edges.
        values: (interval,)
        colour: of the bars.
        part: of the intervals' width that bars have.
        style: further properties of the bars.
    """
    if len(values) > _MOST_BARS:
        step_line(axes, x, values, colour=colour, label=style.get("label", ""))
        return
    width = np.diff(x)
    left = x[:-1] + 0.5 * (1.0 - part) * width
    axes.bar(left, values, width=part * width, align="edge", color=colour, **style)


def held(values: FloatArray) -> FloatArray:
    """Return values with the last one repeated, as steps are drawn."""
    return np.append(values, values[-1])

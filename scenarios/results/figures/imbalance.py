"""Figure: imbalance in each settlement period and its cost."""

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes

from gridloom.scenarios.results.figures.downsampling import IndexArray, keep_extremes
from gridloom.scenarios.results.figures.style import (
    BLUE,
    COLUMNS,
    GREY,
    INK,
    VERMILLION,
    ReportFigure,
    at_time,
    band,
    legend_above,
    new_axes,
    svg_bytes,
    time_axis,
)
from gridloom.scenarios.results.kpis.market import period_imbalance_kwh, running_imbalance_kwh
from gridloom.scenarios.results.recording import Recording
from gridloom.scenarios.results.wording import LocalTime, counted, number
from gridloom.simulators.model import FloatArray
from gridloom.simulators.profiles.clock import DAY_S

_KWH_PER_MWH = 1000.0
_MOST_LABELS = 16
_MOST_BARS = 200
_FEW_DAYS = 10
"""Of which single settlement periods are seen."""
_PERIOD_COLUMNS = (
    "period_start_s",
    "period_stop_s",
    "imbalance_price_shortage_eur_per_mwh",
    "imbalance_price_surplus_eur_per_mwh",
)


@dataclass(frozen=True, kw_only=True)
class _Settlement:
    """What each settlement period came to; arrays (settlement_period,)."""

    first_row: IndexArray
    last_row: IndexArray
    imbalance_kwh: FloatArray
    """Shortage positive."""
    cost_eur: FloatArray


def imbalance_figure(market: Recording, clock: LocalTime) -> ReportFigure | None:
    """Draw the imbalance of each settlement period as a bar, and how it came about as a line.

    Where there are too many of them, areas: of periods, or of the sums of each day.
    """
    if any(name not in market for name in _PERIOD_COLUMNS):
        return None
    settlement = _settle(market)
    if not len(settlement.imbalance_kwh):
        return None
    title = _title(settlement)
    short, surplus = settlement.imbalance_kwh > 0, settlement.imbalance_kwh < 0
    labels = 0 < np.count_nonzero(settlement.imbalance_kwh) <= _MOST_LABELS
    caption = (
        "Imbalance in kWh, allocated volume minus day-ahead position: positive is shortage (more "
        f"consumed than bought; {counted(int(short.sum()), 'period')}), negative is surplus "
        f"({counted(int(surplus.sum()), 'period')}). {_drawn(market, settlement)} "
        + ("Number at a bar: its cost in EUR: " if labels else "Cost of a period: ")
        + "shortage at the shortage price, surplus credited at the surplus price (a negative cost "
        f"is income). Prices as recorded with '{market.name}'."
    )
    return ReportFigure(
        key=f"imbalance-{market.name}",
        title=title,
        caption=caption,
        alternative=f"Imbalance of each settlement period as bars. {title}.",
        svg=_draw(market, settlement, clock),
    )


def _settle(market: Recording) -> _Settlement:
    """Settle every period that began: C- times shortage less C+ times surplus.

    Source: Zafar et al., ISGT Europe 2021, eq. (21).
    """
    imbalance_kwh, periods = period_imbalance_kwh(market)
    start_s, stop_s, shortage_price, surplus_price = (
        market.values(name)[periods] for name in _PERIOD_COLUMNS
    )
    row_s = np.arange(len(market.start)) * market.step_s
    price = np.where(imbalance_kwh > 0, shortage_price, surplus_price)
    return _Settlement(
        first_row=np.searchsorted(row_s, start_s),
        last_row=np.searchsorted(row_s, stop_s) - 1,
        imbalance_kwh=imbalance_kwh,
        cost_eur=imbalance_kwh * price / _KWH_PER_MWH,
    )


def _title(settlement: _Settlement) -> str:
    kwh = settlement.imbalance_kwh
    if not kwh.any():
        return "No settlement period ends with an imbalance"
    short, surplus = float(kwh[kwh > 0].sum()), float(-kwh[kwh < 0].sum())
    cost = float(settlement.cost_eur.sum())
    outcome = f"costs {number(cost)} EUR" if cost >= 0 else f"earns {number(-cost)} EUR"
    return (
        f"The imbalance of {number(short)} kWh shortage and {number(surplus)} kWh surplus {outcome}"
    )


def _drawn(market: Recording, settlement: _Settlement) -> str:
    """Say what stands for the periods."""
    if len(settlement.imbalance_kwh) <= _MOST_BARS:
        return "Bars: whole period; line: running within it."
    if _is_few_days(market):
        return "Areas: whole period."
    return "Areas: all periods of a day, those of shortage and those of surplus added up apart."


def _is_few_days(market: Recording) -> bool:
    return len(market.start) * market.step_s <= _FEW_DAYS * DAY_S


def _draw(market: Recording, settlement: _Settlement, clock: LocalTime) -> bytes:
    figure, axes = new_axes()
    edges = at_time(clock, market.edges)
    left, right = edges[settlement.first_row], edges[settlement.last_row + 1]
    if len(left) <= _MOST_BARS:
        _draw_bars(axes, settlement, left, right)
        _draw_running(axes, market, settlement, edges)
    else:
        _draw_areas(axes, settlement, np.append(left, right[-1]), by_day=not _is_few_days(market))
    axes.axhline(0, color=GREY, linewidth=0.8)
    axes.margins(y=0.16)
    axes.set_ylabel("imbalance (kWh)")
    time_axis(axes, clock, market.edges)
    legend_above(axes, 3)
    return svg_bytes(figure)


def _draw_areas(axes: Axes, settlement: _Settlement, x: FloatArray, *, by_day: bool) -> None:
    """Draw many periods, edges at ``x``: (settlement period + 1,)."""
    days = np.floor(x[:-1])
    starts = np.flatnonzero(np.diff(days, prepend=days[0] - 1)) if by_day else np.arange(len(days))
    kwh = settlement.imbalance_kwh
    for of_sign_kwh, colour, label in (
        (np.maximum(kwh, 0.0), VERMILLION, "shortage"),
        (np.minimum(kwh, 0.0), BLUE, "surplus"),
    ):
        sums_kwh = np.add.reduceat(of_sign_kwh, starts)
        zero = np.zeros_like(sums_kwh)
        band(axes, x[np.append(starts, -1)], zero, sums_kwh, colour=colour, alpha=0.6, label=label)


def _draw_bars(axes: Axes, settlement: _Settlement, left: FloatArray, right: FloatArray) -> None:
    """Draw a bar for each period, and its cost where there are few."""
    kwh = settlement.imbalance_kwh
    for sign, colour, label in ((1, VERMILLION, "shortage"), (-1, BLUE, "surplus")):
        chosen = kwh * sign > 0
        if chosen.any():
            axes.bar(
                left[chosen],
                kwh[chosen],
                width=(right - left)[chosen],
                align="edge",
                color=colour,
                alpha=0.45,
                edgecolor=colour,
                label=label,
            )
    uneven = np.flatnonzero(kwh)
    if len(uneven) <= _MOST_LABELS:
        middle, cost_eur = (left + right)[uneven] / 2, settlement.cost_eur[uneven]
        for x, y, cost in zip(middle, kwh[uneven], cost_eur, strict=True):
            axes.annotate(
                f"{cost:+.3f}".replace("-", "\N{MINUS SIGN}"),
                (x, y),
                xytext=(0, 3 if y >= 0 else -3),
                textcoords="offset points",
                ha="center",
                va="bottom" if y >= 0 else "top",
                color=INK,
            )


def _draw_running(
    axes: Axes, market: Recording, settlement: _Settlement, edges: FloatArray
) -> None:
    """Draw how the imbalance grows from zero within each period."""
    running_kwh = running_imbalance_kwh(market)
    columns = max(2, COLUMNS // len(settlement.first_row))
    label: str | None = "running imbalance"
    for first, last in zip(settlement.first_row, settlement.last_row, strict=True):
        values = np.concatenate([[0.0], running_kwh[first : last + 1]])
        kept = keep_extremes(values, columns)
        axes.plot(edges[first : last + 2][kept], values[kept], color=INK, label=label)
        label = None

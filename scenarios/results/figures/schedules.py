"""Figure: what each party scheduled day-ahead, and what its devices then did."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from gridloom.scenarios.results.figures.style import (
    BLUE,
    GREY,
    INK,
    ORANGE,
    ReportFigure,
    at_time,
    new_panels,
    step_line,
    svg_bytes,
    time_axis,
)
from gridloom.scenarios.results.kpis.negotiation import Negotiation, Party
from gridloom.scenarios.results.wording import LocalTime, number
from gridloom.simulators.model import FloatArray

_COLUMNS = 2
_HEIGHT_IN = 1.75


def schedules_figure(negotiation: Negotiation, clock: LocalTime) -> ReportFigure:
    """Draw schedule and measured power of each party, a plot each."""
    title = _title(negotiation)
    return ReportFigure(
        key="schedules",
        title=title,
        caption=(
            "Active power in kW, all devices of a simulator together, load convention: generation "
            "is negative. Dashed: scheduled day-ahead; line: measured, means over the negotiated "
            "intervals; area: what strays from the schedule, and is settled at the local price."
        ),
        alternative=(
            "Scheduled and measured power over time, a plot for each of "
            f"{', '.join(party.name for party in negotiation.parties)}. {title}."
        ),
        svg=_draw(negotiation, clock),
    )


def _title(negotiation: Negotiation) -> str:
    def strayed_kwh(parties: Sequence[Party]) -> str:
        each = [np.abs(negotiation.deviation_kwh(p).sum(axis=1)).sum() for p in parties]
        return number(float(sum(each)))

    flexible = [party for party in negotiation.parties if party.is_flexible]
    others = [party for party in negotiation.parties if not party.is_flexible]
    moved = f"flexible agents move {strayed_kwh(flexible)} kWh away from their schedules"
    if not others:
        return moved[0].upper() + moved[1:]
    return f"Forecasts miss by {strayed_kwh(others)} kWh; {moved}"


def _draw(negotiation: Negotiation, clock: LocalTime) -> bytes:
    parties = negotiation.parties
    columns = min(_COLUMNS, len(parties))
    figure, panels = new_panels(-(-len(parties) // columns), columns, _HEIGHT_IN)
    edges = negotiation.edges
    x = at_time(clock, edges)
    for axes, party in zip(panels, parties, strict=False):
        _draw_party(axes, party, x)
    for axes in panels[len(parties) :]:
        axes.set_axis_off()
    for place, axes in enumerate(panels):
        time_axis(axes, clock, edges, most_ticks=7)
        has_one_below = place + columns < len(parties)
        axes.tick_params(labelbottom=not has_one_below)
        if has_one_below:
            axes.set_xlabel("")
        if place % columns == 0:
            axes.set_ylabel("power (kW)")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="upper left", ncols=3, borderaxespad=0.2)
    return svg_bytes(figure)


def _draw_party(axes: Axes, party: Party, x: FloatArray) -> None:
    scheduled_kw, measured_kw = party.scheduled_kw.sum(axis=1), party.measured_kw.sum(axis=1)
    axes.fill_between(
        x,
        np.append(scheduled_kw, scheduled_kw[-1]),
        np.append(measured_kw, measured_kw[-1]),
        step="post",
        color=ORANGE,
        alpha=0.4,
        linewidth=0,
        label="deviation",
    )
    step_line(axes, x, measured_kw, colour=BLUE, label="measured", linewidth=1.5)
    step_line(axes, x, scheduled_kw, colour=INK, label="scheduled day-ahead", linestyle="--")
    low, high = axes.get_ylim()
    if low < 0 < high:
        axes.axhline(0, color=GREY, linewidth=0.8)
    axes.set_title(party.name, loc="left", fontsize=9.5, pad=3)

"""Figure: the most loaded nets: what was expected, planned and measured, against their limits."""

import numpy as np
from matplotlib.axes import Axes

from gridloom.scenarios.results.figures.style import (
    BLUE,
    GREY,
    INK,
    ORANGE,
    VERMILLION,
    ReportFigure,
    at_time,
    new_panels,
    step_line,
    svg_bytes,
    time_axis,
)
from gridloom.scenarios.results.kpis.drive import overload_kw
from gridloom.scenarios.results.kpis.nets import PlannedNets
from gridloom.scenarios.results.wording import LocalTime, counted, number, span
from gridloom.simulators.model import FloatArray
from gridloom.simulators.quantities import SECONDS_PER_HOUR

_MOST = 3
_HEIGHT_IN = 2.0
_SHOWN_FROM = 0.5
"""Share of a limit that flow out of a net has to reach for that limit to be drawn."""


def net_power_figure(nets: PlannedNets, clock: LocalTime) -> ReportFigure | None:
    """Draw the nets that come nearest to their limits, a plot each; None without limits."""
    chosen = nets.most_loaded(_MOST)
    if not chosen:
        return None
    title = _title(nets, chosen[0])
    shown = f"{counted(len(chosen), 'net')} of {len(nets.limited)} with limits"
    return ReportFigure(
        key="net-power",
        title=title,
        caption=(
            f"Power in kW that flows into a net (negative: out of it), the {shown} that come "
            "nearest to them, means over the negotiated intervals. Dotted: the prognosis, planned "
            "before limits were looked at, once a day; line: the plan right before each interval; "
            "area: measured, all devices. Look at where the prognosis crosses the limit (dashed): "
            "the plan should follow the limit there, and devices the plan."
        ),
        alternative=(
            "Prognosis, plan and measured power over time against the limit, a plot for each of "
            f"{', '.join(nets.tree.names[net] for net in chosen)}. {title}."
        ),
        svg=_draw(nets, chosen, clock),
    )


def _title(nets: PlannedNets, net: int) -> str:
    name, limit_kw = nets.tree.names[net], float(nets.limit_kw[net])
    expected_kw = float(np.nan_to_num(np.abs(nets.prognosis_kw[net])).max())
    flows_kw = nets.measured_kw if nets.is_measured else nets.planned_kw
    beyond_s = float((overload_kw(nets)[net] > 0) @ nets.hours) * SECONDS_PER_HOUR
    verb = "flow" if nets.is_measured else "are planned"
    kept = f"at most {number(float(np.abs(flows_kw[net]).max()))} kW {verb}"
    if beyond_s:
        kept += f", beyond it for {span(beyond_s)}"
    limit = f"its limit of {number(limit_kw)} kW"
    if expected_kw > limit_kw:
        return f"{name} was to carry {number(expected_kw)} kW before {limit} was looked at; {kept}"
    return f"{name} comes nearest to {limit}: {kept}"


def _draw(nets: PlannedNets, chosen: list[int], clock: LocalTime) -> bytes:
    figure, panels = new_panels(len(chosen), 1, _HEIGHT_IN)
    x = at_time(clock, nets.edges)
    for axes, net in zip(panels, chosen, strict=True):
        _draw_net(axes, nets, net, x)
        time_axis(axes, clock, nets.edges)
        axes.set_ylabel("power (kW)")
        if axes is not panels[-1]:
            axes.set_xlabel("")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="upper left", ncols=4, borderaxespad=0.2)
    return svg_bytes(figure)


def _draw_net(axes: Axes, nets: PlannedNets, net: int, x: FloatArray) -> None:
    limit_kw, measured_kw = float(nets.limit_kw[net]), nets.measured_kw[net]
    if nets.is_measured:
        held_kw = np.append(measured_kw, measured_kw[-1])
        axes.fill_between(
            x, 0.0, held_kw, step="post", color=BLUE, alpha=0.35, lw=0, label="measured"
        )
    if np.isfinite(nets.prognosis_kw[net]).any():
        prognosis_kw = nets.prognosis_kw[net]
        step_line(axes, x, prognosis_kw, colour=INK, label="prognosis", linestyle=":")
    step_line(axes, x, nets.planned_kw[net], colour=ORANGE, label="plan", linewidth=1.5)
    dashed = {"color": VERMILLION, "linestyle": "--", "linewidth": 1.2}
    axes.axhline(limit_kw, label="limit", **dashed)  # type: ignore[arg-type]
    lowest_kw = float(np.fmin(nets.planned_kw[net], measured_kw).min())
    if lowest_kw < -_SHOWN_FROM * limit_kw:
        axes.axhline(-limit_kw, **dashed)  # type: ignore[arg-type]
    axes.axhline(0, color=GREY, linewidth=0.8)
    title = f"{nets.tree.names[net]} (limit {number(limit_kw)} kW)"
    axes.set_title(title, loc="left", fontsize=9.5, pad=3)

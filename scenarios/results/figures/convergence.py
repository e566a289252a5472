"""Figure: how two negotiations came to their ends, round by round."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from gridloom.scenarios.results.figures.style import (
    BLUE,
    GREEN,
    ORANGE,
    ReportFigure,
    legend_above,
    new_panels,
    svg_bytes,
)
from gridloom.scenarios.results.kpis.nets import PlannedNets
from gridloom.scenarios.results.wording import LocalTime, number
from gridloom.simulators.model import FloatArray

_HEIGHT_IN = 1.9
_PERCENT = 100.0
_FEW = 100.0
"""Highest over lowest of an axis that has more ticks than one a decade."""
_LEAST_PERCENT, _LEAST_KW = 1e-3, 1e-4
"""Less is drawn at the edge: a logarithmic axis has no zero."""


def convergence_figure(nets: PlannedNets, clock: LocalTime) -> ReportFigure | None:
    """Draw residual, change and certified gaps of the first negotiation and of a later one."""
    shown = [n for n in _first_and_typical(nets.rounds) if _rounds_of(nets, n)]
    if not shown:
        return None
    title = _title(nets)
    return ReportFigure(
        key="convergence",
        title=title,
        caption=(
            "Left: the first negotiation, in which nothing is known"
            + ("" if len(shown) == 1 else "; right: a later one of as many rounds as most")
            + ". Top: what devices draw beyond what the nets would have (residual), and by how "
            "much the nets' power changes, kW, root mean square over nets and intervals. Bottom: "
            "distance from the optimum, at most, in percent of the plan's cost, where a round "
            "asked for it. All should fall; logarithmic scales. Where the congestion service "
            "begins with a prognosis, a second negotiation, with the limits, follows in the same "
            "plot: there the curves jump up again. Hollow: as it ended"
            f"{_untold(nets, shown)}."
        ),
        alternative=f"Residual, change and certified gap by round. {title}.",
        svg=_draw(nets, shown, clock),
    )


def _first_and_typical(rounds: FloatArray) -> list[int]:
    """Return the first negotiation, and of the later ones that of median length."""
    later = rounds[1:]
    if not len(later):
        return [0]
    order = np.argsort(later, kind="stable")
    return [0, 1 + int(order[len(order) // 2])]


def _rounds_of(nets: PlannedNets, negotiation: int) -> int:
    """Return how many rounds of a negotiation were told."""
    told = np.isfinite(nets.round_residual_kw[negotiation])
    told |= np.isfinite(nets.round_gap[negotiation])
    return int(np.flatnonzero(told)[-1]) + 1 if told.any() else 0


def _untold(nets: PlannedNets, shown: list[int]) -> str:
    told = nets.round_gap.shape[1]
    if all(nets.rounds[negotiation] <= told for negotiation in shown):
        return ""
    return f" (of the way there, {told} rounds are recorded)"


def _title(nets: PlannedNets) -> str:
    known = nets.certified_gap[np.isfinite(nets.certified_gap)]
    rounds = f"{number(float(nets.rounds[0]))} rounds at first"
    if len(nets.rounds) > 1:
        rounds += f", {number(float(np.median(nets.rounds[1:])), 2)} later (median)"
    if not known.size:
        return f"{rounds}; no negotiation has a certificate"
    return f"{rounds}; plans are within {number(_PERCENT * float(known.max()), 2)} % of the optimum"


def _draw(nets: PlannedNets, shown: list[int], clock: LocalTime) -> bytes:
    figure, panels = new_panels(2, len(shown), _HEIGHT_IN, share="col")
    for column, negotiation in enumerate(shown):
        top, bottom = panels[column], panels[len(shown) + column]
        number_of = np.arange(1.0, _rounds_of(nets, negotiation) + 1.0)
        _draw_way(top, nets, negotiation, number_of)
        _draw_gaps(bottom, nets, negotiation, number_of)
        when = clock.clock(nets.edges[negotiation])
        top.set_title(f"negotiation at {when}", loc="right", fontsize=9.5, pad=3)
        bottom.set_xlabel("round")
        bottom.set_xlim(0.5, 1.02 * max(number_of[-1], nets.rounds[negotiation]) + 0.5)
        bottom.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    panels[0].set_ylabel("power (kW)")
    panels[len(shown)].set_ylabel("gap (%)")
    legend_above(panels[0], 2)
    return svg_bytes(figure)


def _draw_way(axes: Axes, nets: PlannedNets, negotiation: int, number_of: FloatArray) -> None:
    for by_round_kw, colour, label in (
        (nets.round_residual_kw, BLUE, "residual"),
        (nets.round_change_kw, ORANGE, "change"),
    ):
        told_kw = by_round_kw[negotiation, : len(number_of)]
        known = np.isfinite(told_kw)
        axes.plot(
            number_of[known],
            np.maximum(told_kw[known], _LEAST_KW),
            color=colour,
            label=label,
            marker="." if len(number_of) <= 20 else None,  # noqa: PLR2004 -- few: each is seen
        )
    _logarithmic(axes)


def _draw_gaps(axes: Axes, nets: PlannedNets, negotiation: int, number_of: FloatArray) -> None:
    asked = _PERCENT * nets.round_gap[negotiation, : len(number_of)]
    at_end = _PERCENT * nets.certified_gap[[negotiation]]
    for rounds, gap_percent, face in (
        (number_of, asked, GREEN),
        (nets.rounds[[negotiation]], at_end, "white"),
    ):
        known = np.isfinite(gap_percent)
        axes.plot(
            rounds[known],
            np.maximum(gap_percent[known], _LEAST_PERCENT),
            color=GREEN,
            linestyle="",
            marker="D",
            markerfacecolor=face,
            markersize=5,
        )
    _logarithmic(axes)


def _logarithmic(axes: Axes) -> None:
    axes.set_yscale("log")
    axes.margins(y=0.15)
    low, high = axes.get_ylim()
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0,) if high > _FEW * low else (1.0, 2.0, 5.0)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: number(value)))
    axes.yaxis.set_minor_formatter(NullFormatter())

"""Figure: the current of the most loaded line against its rating."""

import numpy as np

from gridloom.scenarios.results.figures.downsampling import column_extremes
from gridloom.scenarios.results.figures.style import (
    BLUE,
    GREEN,
    INK,
    ORANGE,
    VERMILLION,
    ReportFigure,
    at_time,
    drawn_by_day,
    legend_above,
    new_axes,
    piece_starts,
    step_line,
    svg_bytes,
    time_axis,
)
from gridloom.scenarios.results.line_loading import LineLoading
from gridloom.scenarios.results.recording import Recording
from gridloom.scenarios.results.wording import LocalTime, counted, number, span
from gridloom.simulators.model import FloatArray
from gridloom.simulators.signals import LINE_CURRENT

_PHASE_COLOURS = (BLUE, ORANGE, GREEN)


def line_current_figure(grid: Recording, loading: LineLoading, clock: LocalTime) -> ReportFigure:
    """Draw the current of the most loaded line, each phase, and shade where it is too high."""
    line = loading.worst
    name, rated_a = loading.names[line], float(loading.rated_a[line])
    current_a = np.asarray(
        grid.rows[LINE_CURRENT.name].isel(line=line).transpose("time", "phase").to_numpy(),
        dtype=np.float64,
    )
    worst_phase_a = np.fmax.reduce(current_a, axis=1)
    title = _title(name, rated_a, worst_phase_a, grid.step_s)
    peak = clock.clock(grid.start[int(np.nanargmax(worst_phase_a))])
    return ReportFigure(
        key="line-current",
        title=title,
        caption=_caption(grid, loading, worst_phase_a, peak),
        alternative=f"Current of {name} over time against its rating. {title}; peak at {peak}.",
        svg=_draw(grid, name, rated_a, current_a, clock),
    )


def _title(name: str, rated_a: float, current_a: FloatArray, step_s: int) -> str:
    highest_a = float(np.nanmax(current_a))
    if not np.isfinite(rated_a):
        return f"{name} carries most, up to {number(highest_a)} A; its rating is unknown"
    over_s = int(np.count_nonzero(current_a > rated_a)) * step_s
    if over_s:
        return f"{name} exceeds its {number(rated_a)} A rating for {span(over_s)}"
    percent = number(100.0 * highest_a / rated_a)
    return (
        f"{name}, the most loaded line, stays within its {number(rated_a)} A rating: "
        f"at most {number(highest_a)} A ({percent} %)"
    )


def _caption(grid: Recording, loading: LineLoading, current_a: FloatArray, peak: str) -> str:
    line = loading.worst
    three_phase = grid.rows.sizes["phase"] > 1
    parts = [
        f"Current magnitude in A of {loading.names[line]}"
        + (", each phase," if three_phase else ", balanced power flow,")
        + f" means over {span(grid.step_s)}; highest {number(float(np.nanmax(current_a)))} A"
        + (f" ({number(float(loading.percent[line]))} %)" if loading.percent[line] > 0 else "")
        + f" at {peak}."
    ]
    if line in loading.overloaded:
        parts.append("Shaded: above the rating" + (", any phase." if three_phase else "."))
    others = [other for other in loading.overloaded if other != line]
    if others:
        named = ", ".join(
            f"{loading.names[o]} ({number(float(loading.percent[o]))} %)" for o in others[:4]
        )
        more = f" and {len(others) - 4} more" if len(others) > 4 else ""  # noqa: PLR2004
        parts.append(f"Above their rating at some time as well: {named}{more}.")
    elif loading.overloaded:
        parts.append("No other line exceeds its rating.")
    unsolved = int(np.count_nonzero(np.isnan(current_a)))
    if unsolved:
        parts.append(
            f"Gaps: {counted(unsolved, 'step')} without a value (not solved or no supply)."
        )
    return " ".join(parts) + drawn_by_day(grid.edges)


def _draw(
    grid: Recording, name: str, rated_a: float, current_a: FloatArray, clock: LocalTime
) -> bytes:
    figure, axes = new_axes()
    x = at_time(clock, grid.edges)
    phases = grid.names("phase")
    for phase, colour, values in zip(phases, _PHASE_COLOURS, current_a.T, strict=False):
        label = f"phase {phase}" if len(phases) > 1 else f"current of {name}"
        step_line(axes, x, values, colour=colour, label=label, linewidth=1.0)
    if np.nanmax(current_a) > rated_a:
        starts = piece_starts(x)
        top_a = column_extremes(np.fmax.reduce(current_a, axis=1), starts, np.fmax)
        top_a = np.append(top_a, top_a[-1])
        axes.fill_between(
            x[np.append(starts, -1)],
            rated_a,
            np.fmax(top_a, rated_a),
            step="post",
            color=VERMILLION,
            alpha=0.35,
            linewidth=0,
            rasterized=True,
            label="above the rating",
        )
    if np.isfinite(rated_a):
        axes.axhline(
            rated_a, color=INK, linestyle="--", linewidth=1.2, label=f"rating {number(rated_a)} A"
        )
    axes.set_ylabel("current (A)")
    axes.set_ylim(bottom=0)
    time_axis(axes, clock, grid.edges)
    legend_above(axes, len(phases) + 2)
    return svg_bytes(figure)

"""Figure: the current of the most loaded line against its rating."""

from dataclasses import dataclass

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
from gridloom.scenarios.results.kpis.several_steps import means_of_rows, remarked
from gridloom.scenarios.results.line_loading import LineLoading
from gridloom.scenarios.results.recording import Recording
from gridloom.scenarios.results.wording import LocalTime, counted, number, span
from gridloom.simulators.model import FloatArray
from gridloom.simulators.signals import LINE_CURRENT

_PHASE_COLOURS = (BLUE, ORANGE, GREEN)


@dataclass(frozen=True, kw_only=True)
class _Current:
    """What the most loaded line carried, (time, phase)."""

    name: str
    rated_a: float
    mean_a: FloatArray
    peak_a: FloatArray
    """Of the steps that a row covers; the means where a row covers one, or these are unknown."""
    step_s: int
    """Seconds between rows."""
    means: str
    """What rows hold that cover several steps, as in "15-min means"; '' if they do not."""
    tells_peaks: bool

    @classmethod
    def of(cls, grid: Recording, loading: LineLoading) -> "_Current":
        line = loading.worst

        def values(variable: str) -> FloatArray:
            of_line = grid.rows[variable].isel(line=line).transpose("time", "phase")
            return np.asarray(of_line.to_numpy(), dtype=np.float64)

        mean_a, highest = values(LINE_CURRENT.name), grid.statistic(LINE_CURRENT, "max")
        return cls(
            name=loading.names[line],
            rated_a=float(loading.rated_a[line]),
            mean_a=mean_a,
            peak_a=mean_a if highest == LINE_CURRENT.name else values(highest),
            step_s=grid.step_s,
            means=means_of_rows(grid),
            tells_peaks=grid.tells(LINE_CURRENT, "max"),
        )

    @property
    def peak_of_phases_a(self) -> FloatArray:
        """(time,), NaN where none is known."""
        peak_a: FloatArray = np.fmax.reduce(self.peak_a, axis=1)
        return peak_a

    @property
    def highest_a(self) -> float:
        return float(np.nanmax(self.peak_a))

    @property
    def has_band(self) -> bool:
        """Whether rows tell of steps that were higher than their mean."""
        return bool(self.means) and self.tells_peaks

    def above_rating_s(self) -> int:
        """Return for how long the means of any phase exceed the rating."""
        return int(np.count_nonzero((self.mean_a > self.rated_a).any(axis=1))) * self.step_s


def line_current_figure(grid: Recording, loading: LineLoading, clock: LocalTime) -> ReportFigure:
    """Draw the current of the most loaded line, each phase, and shade where it is too high.

    Of rows that cover several steps, means are drawn with a band up to the highest step.
    """
    current = _Current.of(grid, loading)
    title = _title(current)
    peak = clock.clock(grid.start[int(np.nanargmax(current.peak_of_phases_a))])
    when = f"within {span(grid.step_s)} from {peak}" if current.means else f"at {peak}"
    return ReportFigure(
        key="line-current",
        title=title,
        caption=_caption(grid, loading, current, when),
        alternative=f"Current of {current.name} over time against its rating. {title}; "
        f"peak {when}.",
        svg=_draw(grid, current, clock),
    )


def _title(current: _Current) -> str:
    name, rated, highest = current.name, number(current.rated_a), number(current.highest_a)
    remark = "" if current.tells_peaks else f"of {current.means}"
    if not np.isfinite(current.rated_a):
        return remarked(f"{name} carries most, up to {highest} A; its rating is unknown", remark)
    over_s = current.above_rating_s()
    percent = number(100.0 * current.highest_a / current.rated_a)
    if current.has_band and current.highest_a > current.rated_a:
        by_means = f"do for {span(over_s)}" if over_s else "never do"
        return (
            f"{name} exceeds its {rated} A rating: up to {highest} A ({percent} %); "
            f"its {current.means} {by_means}"
        )
    if over_s:
        return remarked(f"{name} exceeds its {rated} A rating for {span(over_s)}", remark)
    within = f"{name}, the most loaded line, stays within its {rated} A rating: "
    return remarked(f"{within}at most {highest} A ({percent} %)", remark)


def _caption(grid: Recording, loading: LineLoading, current: _Current, when: str) -> str:
    line = loading.worst
    three_phase = grid.rows.sizes["phase"] > 1
    parts = [
        f"Current magnitude in A of {current.name}"
        + (", each phase," if three_phase else ", balanced power flow,")
        + f" means over {span(grid.step_s)}"
        + (", pale up to the highest step" if current.has_band else "")
        + f"; highest {'' if current.tells_peaks else 'of them '}{number(current.highest_a)} A"
        + (f" ({number(float(loading.percent[line]))} %)" if loading.percent[line] > 0 else "")
        + f" {when}."
    ]
    if line in loading.overloaded:
        shaded = "Shaded: above the rating" + (" at some step" if current.has_band else "")
        parts.append(shaded + (", any phase." if three_phase else "."))
    others = [other for other in loading.overloaded if other != line]
    if others:
        named = ", ".join(
            f"{loading.names[o]} ({number(float(loading.percent[o]))} %)" for o in others[:4]
        )
        more = f" and {len(others) - 4} more" if len(others) > 4 else ""  # noqa: PLR2004
        parts.append(f"Above their rating at some time as well: {named}{more}.")
    elif loading.overloaded:
        parts.append("No other line exceeds its rating.")
    unsolved = int(np.count_nonzero(np.isnan(current.peak_of_phases_a)))
    if unsolved:
        gaps = counted(unsolved, "row" if current.means else "step")
        parts.append(f"Gaps: {gaps} without a value (not solved or no supply).")
    if not current.tells_peaks:
        parts.append(f"All is of {current.means}: peaks within them are not recorded.")
    return " ".join(parts) + drawn_by_day(grid.edges)


def _draw(grid: Recording, current: _Current, clock: LocalTime) -> bytes:
    figure, axes = new_axes()
    x = at_time(clock, grid.edges)
    rated_a, phases = current.rated_a, grid.names("phase")
    lines = zip(phases, _PHASE_COLOURS, current.mean_a.T, current.peak_a.T, strict=False)
    for phase, colour, mean_a, peak_a in lines:
        label = f"phase {phase}" if len(phases) > 1 else f"current of {current.name}"
        extremes = (mean_a, peak_a) if current.has_band else True
        step_line(axes, x, mean_a, colour=colour, label=label, extremes=extremes, linewidth=1.0)
    if current.highest_a > rated_a:
        starts = piece_starts(x)
        top_a = column_extremes(current.peak_of_phases_a, starts, np.fmax)
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

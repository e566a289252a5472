"""Figure 4 of the paper: the current of the most critical line, one line a scheme."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from gridloom.scenarios.results.comparison.compared_run import ComparedRun
from gridloom.scenarios.results.comparison.comparison import Comparison
from gridloom.scenarios.results.comparison.figures.looks import (
    Look,
    axes_with_legend,
    scheme_legend,
)
from gridloom.scenarios.results.figures.style import (
    INK,
    ReportFigure,
    at_time,
    step_line,
    svg_bytes,
    time_axis,
)
from gridloom.scenarios.results.kpis.several_steps import means_of_rows, remarked
from gridloom.scenarios.results.line_loading import LineLoading, line_loading
from gridloom.scenarios.results.recording import Recording
from gridloom.scenarios.results.wording import counted, number, span
from gridloom.simulators.model import FloatArray
from gridloom.simulators.signals import LINE_CURRENT


@dataclass(frozen=True, kw_only=True)
class _Current:
    """What a run's critical line carried; of several phases, the highest."""

    run: ComparedRun
    grid: Recording
    mean_a: FloatArray
    """(time,)"""
    peak_a: FloatArray
    """(time,), of the steps that a row covers; the mean where it covers one, or nobody knows."""
    tells_peaks: bool

    @classmethod
    def of(cls, run: ComparedRun, grid: Recording, line: str) -> "_Current":
        place = grid.names("line").index(line)

        def highest_phase(variable: str) -> FloatArray:
            of_line = grid.rows[variable].isel(line=place).transpose("time", "phase")
            highest: FloatArray = np.fmax.reduce(of_line.to_numpy().astype(np.float64), axis=1)
            return highest

        mean_a, highest = highest_phase(LINE_CURRENT.name), grid.statistic(LINE_CURRENT, "max")
        return cls(
            run=run,
            grid=grid,
            mean_a=mean_a,
            peak_a=mean_a if highest == LINE_CURRENT.name else highest_phase(highest),
            tells_peaks=grid.tells(LINE_CURRENT, "max"),
        )

    @property
    def highest_a(self) -> float:
        return float(np.nanmax(self.peak_a))

    @property
    def has_band(self) -> bool:
        """Whether rows tell of steps that were higher than their mean."""
        return self.grid.covers_several_steps and self.tells_peaks


def line_current_figure(comparison: Comparison, looks: Mapping[str, Look]) -> ReportFigure | None:
    """Draw the line that any of the runs loads most, as all of them load it."""
    critical = _critical_line(comparison.runs)
    if critical is None:
        return None
    name, rated_a = critical
    currents = [
        _Current.of(run, run.parts.grid, name)
        for run in comparison.runs
        if run.parts.grid is not None and name in run.parts.grid.names("line")
    ]
    unknown = means_of_rows(*(current.grid for current in currents if not current.tells_peaks))
    title = remarked(_title(name, rated_a, currents), f"of {unknown}" if unknown else "")
    phases = max(current.grid.rows.sizes["phase"] for current in currents)
    return ReportFigure(
        key="line-current",
        title=title,
        caption=(
            f"Current magnitude in A of {name}, the line that any of the runs loads most"
            + (", highest phase" if phases > 1 else "")
            + f", means over {span(currents[0].grid.step_s)}"
            + (", pale up to the highest step" if any(c.has_band for c in currents) else "")
            + ". "
            + " ".join(_numbers(current, rated_a) for current in currents)
        ),
        alternative=f"Current of {name} over time, one line a scheme, against its rating. {title}.",
        svg=_draw(rated_a, currents, looks),
    )


def _critical_line(runs: Sequence[ComparedRun]) -> tuple[str, float] | None:
    """Return name and rating (A, NaN if unknown) of the line with the highest loading."""
    loadings = [line_loading(run.parts.grid) for run in runs if run.parts.grid is not None]
    known = [loading for loading in loadings if loading is not None]
    if not known:
        return None
    worst = max(known, key=_severity)
    return worst.names[worst.worst], float(worst.rated_a[worst.worst])


def _severity(loading: LineLoading) -> tuple[float, float]:
    percent = float(loading.percent[loading.worst])
    return (percent if np.isfinite(percent) else -1.0, float(loading.highest_a[loading.worst]))


def _title(name: str, rated_a: float, currents: Sequence[_Current]) -> str:
    if not np.isfinite(rated_a):
        highest_a = max(current.highest_a for current in currents)
        return f"{name} carries up to {number(highest_a)} A; its rating is unknown"
    over = [c.run.label for c in currents if c.highest_a > rated_a]
    rating = f"{name}'s rating of {number(rated_a)} A"
    if not over:
        return f"All {len(currents)} runs keep {rating}"
    if len(over) == len(currents):
        return f"No run keeps {rating}"
    kept = [c.run.label for c in currents if c.run.label not in over]
    few, verb = (over, "exceeds") if len(over) <= len(kept) else (kept, "keeps")
    who = few[0] if len(few) == 1 else f"{', '.join(few[:-1])} and {few[-1]}"
    return f"Only {who} {verb if len(few) == 1 else verb[:-1]} {rating}"


def _numbers(current: _Current, rated_a: float) -> str:
    means = means_of_rows(current.grid)
    highest = f"{current.run.label}: at most {number(current.highest_a)} A"
    over_s = int(np.count_nonzero(current.mean_a > rated_a)) * current.grid.step_s
    by_means = f"its {means} " if current.has_band else ""
    above = f", {by_means}above the rating for {span(over_s)}" if over_s else ""
    if current.has_band and current.highest_a > rated_a and not over_s:
        above = f", {by_means}never above the rating"
    found = remarked(f"{highest}{above}", "" if current.tells_peaks else f"of {means}")
    unsolved = int(np.count_nonzero(np.isnan(current.peak_a)))
    gaps = f", {counted(unsolved, 'row' if means else 'step')} without a value" if unsolved else ""
    return f"{found}{gaps}."


def _draw(rated_a: float, currents: Sequence[_Current], looks: Mapping[str, Look]) -> bytes:
    figure, axes = axes_with_legend(len(currents) + 1, 3.6)
    for current in currents:
        look = looks[current.run.label]
        step_line(
            axes,
            at_time(current.run.parts.clock, current.grid.edges),
            current.mean_a,
            colour=look.colour,
            label=current.run.label,
            extremes=(current.mean_a, current.peak_a) if current.has_band else True,
            linestyle=look.dash,
            linewidth=1.0,
        )
    if np.isfinite(rated_a):
        axes.axhline(
            rated_a, color=INK, linestyle="--", linewidth=1.2, label=f"rating {number(rated_a)} A"
        )
    axes.set_ylabel("current (A)")
    axes.set_ylim(bottom=0)
    longest = max(currents, key=lambda current: len(current.mean_a))
    time_axis(axes, longest.run.parts.clock, longest.grid.edges)
    scheme_legend(axes)
    return svg_bytes(figure)

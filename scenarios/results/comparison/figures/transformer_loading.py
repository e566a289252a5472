"""Figure: for how long the transformer is loaded how much, one duration curve a scheme."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from gridloom.scenarios.results.comparison.comparison import Comparison
from gridloom.scenarios.results.comparison.figures.looks import (
    Look,
    axes_with_legend,
    scheme_legend,
)
from gridloom.scenarios.results.figures.downsampling import keep_extremes
from gridloom.scenarios.results.figures.style import COLUMNS, INK, ReportFigure, svg_bytes
from gridloom.scenarios.results.kpis.several_steps import means_of_rows, remarked
from gridloom.scenarios.results.recording import Recording
from gridloom.scenarios.results.wording import number, span
from gridloom.simulators.model import FloatArray
from gridloom.simulators.quantities import SECONDS_PER_HOUR
from gridloom.simulators.signals import TRANSFORMER_LOADING

_RATED_PERCENT = 100.0


@dataclass(frozen=True, kw_only=True)
class _Loading:
    """How much the transformer of a run was loaded; of several, the one loaded most."""

    grid: Recording
    falling_percent: FloatArray
    """Means of rows, falling."""
    peak_percent: float
    """Of the steps that rows cover; the highest mean where a row covers one, or nobody knows."""

    @classmethod
    def of(cls, grid: Recording) -> "_Loading | None":
        """Return None where there is no transformer, or no step is solved."""
        falling_percent = duration_curve(grid)
        if not len(falling_percent):
            return None
        return cls(
            grid=grid,
            falling_percent=falling_percent,
            peak_percent=float(np.nanmax(grid.values(grid.statistic(TRANSFORMER_LOADING, "max")))),
        )

    @property
    def tells_peaks(self) -> bool:
        return self.grid.tells(TRANSFORMER_LOADING, "max")


def transformer_loading_figure(
    comparison: Comparison, looks: Mapping[str, Look]
) -> ReportFigure | None:
    """Draw loadings in falling order; None where no transformer's loading is known."""
    grids = {
        run.label: run.parts.grid
        for run in comparison.runs
        if run.parts.grid is not None and TRANSFORMER_LOADING.name in run.parts.grid
    }
    found = {label: _Loading.of(grid) for label, grid in grids.items()}
    loadings = {label: loading for label, loading in found.items() if loading is not None}
    if not loadings:
        return None
    unknown = means_of_rows(*(each.grid for each in loadings.values() if not each.tells_peaks))
    title = remarked(_title(loadings), f"of {unknown}" if unknown else "")
    several = max(grid.rows.sizes["transformer"] for grid in grids.values()) > 1
    means = means_of_rows(*(each.grid for each in loadings.values()))
    return ReportFigure(
        key="transformer-loading",
        title=title,
        caption=(
            "Duration curves: for how many hours of the run the loading of the transformer"
            + (" that is loaded most" if several else "")
            + " is at least so high, percent of the rated apparent power, import or export"
            + (f" ({means})" if means else "")
            + ". "
            + " ".join(_numbers(label, loading) for label, loading in loadings.items())
        ),
        alternative=f"Duration curves of the transformer's loading, one a scheme. {title}.",
        svg=_draw(loadings, looks),
    )


def duration_curve(grid: Recording) -> FloatArray:
    """Return the highest loading of any transformer in each solved row, falling, percent."""
    loading_percent = grid.values(TRANSFORMER_LOADING.name)
    if not loading_percent.shape[1]:
        return np.zeros(0)
    highest = np.fmax.reduce(loading_percent, axis=1)
    falling: FloatArray = np.sort(highest[np.isfinite(highest)])[::-1]
    return falling


def _title(loadings: Mapping[str, _Loading]) -> str:
    peaks = {label: loading.peak_percent for label, loading in loadings.items()}
    over = [label for label, peak in peaks.items() if peak > _RATED_PERCENT]
    most = max(peaks, key=lambda label: peaks[label])
    least = min(peaks, key=lambda label: peaks[label])
    span_of = (
        f"at most {number(peaks[most])} % with {most}, {number(peaks[least])} % with {least}"
        if most != least
        else f"at most {number(peaks[most])} %"
    )
    if not over:
        return f"The transformer is never overloaded: {span_of}"
    return f"The transformer is overloaded with {', '.join(over)}: {span_of}"


def _numbers(label: str, loading: _Loading) -> str:
    means, peak_percent = means_of_rows(loading.grid), loading.peak_percent
    over = int(np.count_nonzero(loading.falling_percent > _RATED_PERCENT))
    by_means = f"its {means} " if means and loading.tells_peaks else ""
    above = f", {by_means}above 100 % for {span(over * loading.grid.step_s)}" if over else ""
    if by_means and peak_percent > _RATED_PERCENT and not over:
        above = f", {by_means}never above 100 %"
    remark = "" if loading.tells_peaks else f"of {means}"
    return remarked(f"{label}: at most {number(peak_percent)} %{above}", remark) + "."


def _draw(loadings: Mapping[str, _Loading], looks: Mapping[str, Look]) -> bytes:
    figure, axes = axes_with_legend(len(loadings) + 1)
    for label, loading in loadings.items():
        curve = loading.falling_percent
        hours = np.arange(1, len(curve) + 1) * (loading.grid.step_s / SECONDS_PER_HOUR)
        kept = keep_extremes(curve, COLUMNS)
        axes.plot(
            np.append(0.0, hours[kept]),
            np.append(curve[0], curve[kept]),
            color=looks[label].colour,
            linestyle=looks[label].dash,
            label=label,
            linewidth=1.5,
        )
    axes.axhline(_RATED_PERCENT, color=INK, linestyle="--", label="rated power")
    axes.set_ylim(bottom=0)
    axes.margins(x=0)
    axes.set_xlabel("hours of the run with at least this loading")
    axes.set_ylabel("loading (%)")
    scheme_legend(axes)
    return svg_bytes(figure)

"""Figure: for how long the transformer is loaded how much, one duration curve a scheme."""

from collections.abc import Mapping

import numpy as np

from gridloom.scenarios.results.comparison.comparison import Comparison
from gridloom.scenarios.results.comparison.figures.looks import (
    Look,
    axes_with_legend,
    scheme_legend,
)
from gridloom.scenarios.results.figures.downsampling import keep_extremes
from gridloom.scenarios.results.figures.style import COLUMNS, INK, ReportFigure, svg_bytes
from gridloom.scenarios.results.recording import Recording
from gridloom.scenarios.results.wording import number, span
from gridloom.simulators.model import FloatArray
from gridloom.simulators.quantities import SECONDS_PER_HOUR
from gridloom.simulators.signals import TRANSFORMER_LOADING

_RATED_PERCENT = 100.0


def transformer_loading_figure(
    comparison: Comparison, looks: Mapping[str, Look]
) -> ReportFigure | None:
    """Draw loadings in falling order; None where no transformer's loading is known."""
    grids = {
        run.label: run.parts.grid
        for run in comparison.runs
        if run.parts.grid is not None and TRANSFORMER_LOADING.name in run.parts.grid
    }
    curves = {label: duration_curve(grid) for label, grid in grids.items()}
    curves = {label: curve for label, curve in curves.items() if len(curve)}
    if not curves:
        return None
    steps_s = {label: grids[label].step_s for label in curves}
    title = _title(curves)
    several = max(grid.rows.sizes["transformer"] for grid in grids.values()) > 1
    return ReportFigure(
        key="transformer-loading",
        title=title,
        caption=(
            "Duration curves: for how many hours of the run the loading of the transformer"
            + (" that is loaded most" if several else "")
            + " is at least so high, percent of the rated apparent power, import or export. "
            + " ".join(_numbers(label, curve, steps_s[label]) for label, curve in curves.items())
        ),
        alternative=f"Duration curves of the transformer's loading, one a scheme. {title}.",
        svg=_draw(curves, steps_s, looks),
    )


def duration_curve(grid: Recording) -> FloatArray:
    """Return the highest loading of any transformer in each solved step, falling, percent."""
    loading_percent = grid.values(TRANSFORMER_LOADING.name)
    if not loading_percent.shape[1]:
        return np.zeros(0)
    highest = np.fmax.reduce(loading_percent, axis=1)
    falling: FloatArray = np.sort(highest[np.isfinite(highest)])[::-1]
    return falling


def _title(curves: Mapping[str, FloatArray]) -> str:
    peaks = {label: float(curve[0]) for label, curve in curves.items()}
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


def _numbers(label: str, curve: FloatArray, step_s: int) -> str:
    over_s = int(np.count_nonzero(curve > _RATED_PERCENT)) * step_s
    above = f", above 100 % for {span(over_s)}" if over_s else ""
    return f"{label}: at most {number(float(curve[0]))} %{above}."


def _draw(
    curves: Mapping[str, FloatArray], steps_s: Mapping[str, int], looks: Mapping[str, Look]
) -> bytes:
    figure, axes = axes_with_legend(len(curves) + 1)
    for label, curve in curves.items():
        hours = np.arange(1, len(curve) + 1) * (steps_s[label] / SECONDS_PER_HOUR)
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

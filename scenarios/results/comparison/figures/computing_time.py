"""Figure: how long each scheme's decisions take on the machine that ran it."""

from collections.abc import Mapping

import numpy as np
from matplotlib.ticker import FuncFormatter, NullFormatter

from gridloom.scenarios.results.comparison.comparison import Comparison
from gridloom.scenarios.results.comparison.figures.looks import Look, make_room_for_labels
from gridloom.scenarios.results.figures.style import ReportFigure, new_axes, svg_bytes
from gridloom.scenarios.results.wording import number

_ROW_IN = 0.42
_DECISION = "decision_wall_time_ms"
_MS_PER_S = 1000.0


def computing_time_figure(comparison: Comparison, looks: Mapping[str, Look]) -> ReportFigure | None:
    """Draw the mean wall time of a decision, all controllers of a run together."""
    times_ms = {
        run.label: run.total(_DECISION) for run in comparison.runs if run.total(_DECISION) > 0
    }
    if not times_ms:
        return None
    title = _title(times_ms)
    return ReportFigure(
        key="computing-time",
        title=title,
        caption=(
            "Wall time that the controllers need for one decision, mean over the run, on a "
            "logarithmic scale. It is of the machine that ran it, and other work there counts as "
            "well: runs made side by side, or on different machines, are not comparable."
        ),
        alternative=f"Computing time a decision of each scheme as bars. {title}.",
        svg=_draw(times_ms, looks),
    )


def _title(times_ms: Mapping[str, float]) -> str:
    slowest = max(times_ms, key=lambda label: times_ms[label])
    fastest = min(times_ms, key=lambda label: times_ms[label])
    if slowest == fastest:
        return f"A decision takes {_time(times_ms[slowest])} with {slowest}"
    return (
        f"A decision takes {_time(times_ms[fastest])} with {fastest} and up to "
        f"{_time(times_ms[slowest])} with {slowest}"
    )


def _time(milliseconds: float) -> str:
    if milliseconds >= _MS_PER_S:
        return f"{number(milliseconds / _MS_PER_S)} s"
    return f"{number(milliseconds)} ms"


def _draw(times_ms: Mapping[str, float], looks: Mapping[str, Look]) -> bytes:
    labels = list(times_ms)
    figure, axes = new_axes(0.8 + _ROW_IN * len(labels), legend_rows=0)
    place = np.arange(len(labels))
    axes.barh(
        place,
        list(times_ms.values()),
        height=0.62,
        color=[looks[label].colour for label in labels],
    )
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: number(value)))
    axes.xaxis.set_minor_formatter(NullFormatter())
    low, high = min(times_ms.values()), max(times_ms.values())
    axes.set_xlim(10 ** np.floor(np.log10(low) - 0.3), high * 4)
    for y, label in zip(place, labels, strict=True):
        axes.annotate(
            _time(times_ms[label]),
            (times_ms[label], float(y)),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
        )
    axes.set_yticks(place, labels)
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("computing time a decision (ms), this machine's wall time")
    make_room_for_labels(axes, labels)
    return svg_bytes(figure)

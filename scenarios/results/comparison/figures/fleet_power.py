"""Figure: the power of a fleet over time, one line a scheme."""

from collections.abc import Mapping

import numpy as np

from gridloom.scenarios.results.comparison.compared_run import ComparedRun
from gridloom.scenarios.results.comparison.comparison import Comparison
from gridloom.scenarios.results.comparison.figures.looks import (
    Look,
    axes_with_legend,
    scheme_legend,
)
from gridloom.scenarios.results.figures.style import (
    GREY,
    ReportFigure,
    at_time,
    step_line,
    svg_bytes,
    time_axis,
)
from gridloom.scenarios.results.kpis.several_steps import means_of_rows, remarked
from gridloom.scenarios.results.recording import Recording
from gridloom.scenarios.results.wording import number, span
from gridloom.simulators.model import FloatArray
from gridloom.simulators.signals import POWER


def fleet_power_figures(comparison: Comparison, looks: Mapping[str, Look]) -> list[ReportFigure]:
    """Draw what each fleet, or each population of batteries, draws in all runs."""
    fleets = dict.fromkeys(s.name for run in comparison.runs for s in run.parts.storages)
    return [
        figure
        for fleet in fleets
        for figure in (_figure(comparison, fleet, looks),)
        if figure is not None
    ]


def _figure(comparison: Comparison, fleet: str, looks: Mapping[str, Look]) -> ReportFigure | None:
    powers: dict[str, tuple[ComparedRun, Recording, FloatArray]] = {}
    for run in comparison.runs:
        storage = next((s for s in run.parts.storages if s.name == fleet), None)
        if storage is not None and POWER.name in storage:
            total = [np.nansum(block, axis=1) for block in storage.blocks(POWER.name)]
            powers[run.label] = (run, storage, np.concatenate(total))
    if not powers:
        return None
    peaks = {label: float(np.abs(power_kw).max()) for label, (_, _, power_kw) in powers.items()}
    means = means_of_rows(*(storage for _, storage, _ in powers.values()))
    title = remarked(_title(fleet, peaks), f"of {means}" if means else "")
    step_s = next(iter(powers.values()))[1].step_s
    return ReportFigure(
        key=f"power-{fleet}",
        title=title,
        caption=(
            f"Active power in kW of all devices of '{fleet}' together, means over {span(step_s)}: "
            "positive is charging, negative is discharging into the grid."
        ),
        alternative=f"Power of '{fleet}' over time, one line a scheme. {title}.",
        svg=_draw(powers, looks),
    )


def _title(fleet: str, peaks: Mapping[str, float]) -> str:
    ordered = sorted(peaks, key=lambda label: -peaks[label])
    most, least = ordered[0], ordered[-1]
    if number(peaks[most]) == number(peaks[least]):
        return f"'{fleet}' peaks at {number(peaks[most])} kW in all runs"
    return (
        f"'{fleet}' peaks at {number(peaks[most])} kW with {most}, "
        f"at {number(peaks[least])} kW with {least}"
    )


def _draw(
    powers: Mapping[str, tuple[ComparedRun, Recording, FloatArray]], looks: Mapping[str, Look]
) -> bytes:
    figure, axes = axes_with_legend(len(powers))
    for label, (run, storage, power_kw) in powers.items():
        look = looks[label]
        step_line(
            axes,
            at_time(run.parts.clock, storage.edges),
            power_kw,
            colour=look.colour,
            label=label,
            linestyle=look.dash,
            linewidth=1.0,
        )
    axes.axhline(0, color=GREY, linewidth=0.8)
    axes.set_ylabel("power (kW)")
    run, storage, _ = max(powers.values(), key=lambda each: len(each[2]))
    time_axis(axes, run.parts.clock, storage.edges)
    scheme_legend(axes)
    return svg_bytes(figure)

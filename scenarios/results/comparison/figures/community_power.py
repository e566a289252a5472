"""Figure: what a community draws and feeds in all together, one line a scheme."""

from collections.abc import Mapping

from gridloom.scenarios.results.comparison.comparison import Comparison
from gridloom.scenarios.results.comparison.figures.looks import (
    Look,
    axes_with_legend,
    scheme_legend,
)
from gridloom.scenarios.results.figures.style import (
    GREY,
    INK,
    ReportFigure,
    at_time,
    step_line,
    svg_bytes,
    time_axis,
)
from gridloom.scenarios.results.kpis.district import WINDOW_S, DistrictPower, district_power
from gridloom.scenarios.results.kpis.several_steps import means_of_rows, remarked
from gridloom.scenarios.results.recording import RecordParts
from gridloom.scenarios.results.wording import number, span
from gridloom.simulators.signals import TRANSFORMER_LOADING

_RATED_POWER = "transformer_rated_power_kva"
_SHOWN_FROM = 0.5
"""Share of the rating that export has to reach for the rating to be drawn there."""


def community_power_figure(
    comparison: Comparison, looks: Mapping[str, Look]
) -> ReportFigure | None:
    """Draw the net power of all devices of each run; None where there are no devices."""
    powers = {
        run.label: district_power(run.parts.devices) for run in comparison.runs if run.parts.devices
    }
    if not powers:
        return None
    rated_kva = _rated_power_kva(comparison.reference.parts)
    means = _means(comparison)
    title = remarked(_title(powers, rated_kva), f"of {means}")
    limit = "" if rated_kva is None else " Dashed: rated power of the transformer that they share."
    return ReportFigure(
        key="community-power",
        title=title,
        caption=(
            "Active power in kW of all devices together, load convention (negative: fed in), "
            f"{means}, losses of the grid not included.{limit} Look at how high the "
            "peaks of schemes are that follow the same prices, and when they come."
        ),
        alternative=f"Power of the community over time, one line a scheme. {title}.",
        svg=_draw(comparison, powers, rated_kva, looks),
    )


def _means(comparison: Comparison) -> str:
    """Name what all is made of, as in "15-min means": rows may cover more than that."""
    devices = [device for run in comparison.runs for device in run.parts.devices]
    longer = [device for device in devices if not device.divides(WINDOW_S)]
    return means_of_rows(*longer) or f"{span(WINDOW_S).replace(' ', '-')} means"


def _rated_power_kva(parts: RecordParts) -> float | None:
    """Return the rated power of the one transformer that there is."""
    grid = parts.grid
    if grid is None or TRANSFORMER_LOADING.name not in grid or _RATED_POWER not in grid:
        return None
    rated_kva = grid.values(_RATED_POWER)
    return float(rated_kva[0]) if len(rated_kva) == 1 and rated_kva[0] > 0 else None


def _title(powers: Mapping[str, DistrictPower], rated_kva: float | None) -> str:
    peaks = {label: float(power.mean_kw.max()) for label, power in powers.items()}
    ordered = sorted(peaks, key=lambda label: -peaks[label])
    most, least = ordered[0], ordered[-1]
    limit = "" if rated_kva is None else f", of {number(rated_kva)} kVA rated"
    if number(peaks[most]) == number(peaks[least]):
        return f"The community draws up to {number(peaks[most])} kW in all runs{limit}"
    return (
        f"The community draws up to {number(peaks[most])} kW with {most}, "
        f"{number(peaks[least])} kW with {least}{limit}"
    )


def _draw(
    comparison: Comparison,
    powers: Mapping[str, DistrictPower],
    rated_kva: float | None,
    looks: Mapping[str, Look],
) -> bytes:
    figure, axes = axes_with_legend(len(powers) + 1, 3.6)
    clock = comparison.reference.parts.clock
    for label, power in powers.items():
        step_line(
            axes,
            at_time(clock, power.edges),
            power.mean_kw,
            colour=looks[label].colour,
            label=label,
            linestyle=looks[label].dash,
            linewidth=1.3,
        )
    if rated_kva is not None:
        lowest_kw = min(float(power.mean_kw.min()) for power in powers.values())
        axes.axhline(
            rated_kva, color=INK, linestyle="--", label=f"transformer, {number(rated_kva)} kVA"
        )
        if lowest_kw < -_SHOWN_FROM * rated_kva:
            axes.axhline(-rated_kva, color=INK, linestyle="--")
    axes.axhline(0, color=GREY, linewidth=0.8)
    axes.set_ylabel("power (kW)")
    time_axis(axes, clock, max((power.edges for power in powers.values()), key=len))
    scheme_legend(axes)
    return svg_bytes(figure)

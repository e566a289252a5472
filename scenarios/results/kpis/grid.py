"""Loading of lines and transformers, losses, exchange with the external grid, unsolved steps."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gridloom.scenarios.results.kpis.kpi import Indicator, Kpi
from gridloom.scenarios.results.kpis.several_steps import of_means
from gridloom.scenarios.results.recording import Recording
from gridloom.simulators.grid.line_use import LineUse
from gridloom.simulators.model import FloatArray
from gridloom.simulators.quantities import SECONDS_PER_HOUR
from gridloom.simulators.signals import (
    LINE_CURRENT,
    LOSSES,
    SLACK_POWER,
    TRANSFORMER_LOADING,
    UNSOLVED,
)

_LISTED_FROM_PERCENT = 80.0
_LISTED_AT_MOST = 10
_LOADING = Indicator(
    name="line_loading_max_percent",
    unit="percent",
    group="Grid",
    label="highest line loading",
    headline=True,
)
_OVERLOAD_TIME = Indicator(
    name="line_overload_duration_s",
    unit="s",
    group="Grid",
    label="time with an overloaded line",
    headline=True,
)
_OVERLOAD_ENERGY = Indicator(
    name="line_overload_kvah",
    unit="kVA h",
    group="Grid",
    label="energy above the lines' ratings",
)
_OVERLOADED = Indicator(
    name="overloaded_lines", unit="1", group="Grid", label="lines ever overloaded"
)
_CURRENT = Indicator(
    name="line_current_max_a", unit="A", group="Grid", label="highest line current"
)
_TRANSFORMER = Indicator(
    name="transformer_loading_max_percent",
    unit="percent",
    group="Grid",
    label="highest transformer loading",
    headline=True,
)
_LOSSES = Indicator(name="losses_kwh", unit="kWh", group="Grid", label="grid losses", headline=True)
_IMPORT = Indicator(
    name="import_peak_kw", unit="kW", group="Grid", label="peak import from the external grid"
)
_EXPORT = Indicator(
    name="export_peak_kw", unit="kW", group="Grid", label="peak export to the external grid"
)
_UNSOLVED = Indicator(
    name="unsolved_steps", unit="1", group="Grid", label="steps without a power flow solution"
)


def grid_kpis(grid: Recording) -> list[Kpi]:
    """Return the indicators of a grid that its record allows."""
    kpis = line_kpis(grid)
    if TRANSFORMER_LOADING.name in grid:
        kpis += transformer_kpis(grid)
    if LOSSES.name in grid:
        kpis += _losses(grid)
    if SLACK_POWER.name in grid:
        kpis += _exchange_peaks(grid)
    if UNSOLVED.name in grid:
        share = grid.values(UNSOLVED.name).sum() / grid.rows.sizes["time"]
        unsolved = _UNSOLVED.total(round(share * grid.steps))
        # Nobody may take the other indicators for those of the whole run where this is not zero.
        kpis.append(replace(unsolved, headline=unsolved.value > 0))
    return kpis


def _losses(grid: Recording) -> list[Kpi]:
    """Return the energy lost in solved steps; a row's mean is that of its solved steps."""
    losses_kw = grid.values(LOSSES.name)
    known = np.isfinite(losses_kw).any()
    tells_unsolved = UNSOLVED.name in grid
    if grid.covers_several_steps and tells_unsolved:
        losses_kw = losses_kw * (1.0 - grid.values(UNSOLVED.name))
    energy_kwh = np.nansum(losses_kw) * grid.step_s / SECONDS_PER_HOUR
    kpis = [_LOSSES.total(energy_kwh if known else np.nan)]
    return kpis if tells_unsolved else of_means(kpis, grid)


def _exchange_peaks(grid: Recording) -> list[Kpi]:
    highest_kw = grid.values(grid.statistic(SLACK_POWER, "max"))
    lowest_kw = grid.values(grid.statistic(SLACK_POWER, "min"))
    imported = [_IMPORT.total(np.maximum(np.fmax.reduce(highest_kw), 0.0))]
    exported = [_EXPORT.total(np.maximum(np.fmax.reduce(-lowest_kw), 0.0))]
    return [
        *(imported if grid.tells(SLACK_POWER, "max") else of_means(imported, grid)),
        *(exported if grid.tells(SLACK_POWER, "min") else of_means(exported, grid)),
    ]


def line_kpis(grid: Recording) -> list[Kpi]:
    """Return loading and overload of the lines: over all, and of the most loaded ones.

    See `LineUse` for the definitions.

    Lines that never reach 80 % are not listed on their own, and at most ten are. On rows of several
    steps, peaks are those of the steps where the record holds them; duration and energy of overload
    are always those of the means.
    """
    if "line_rated_current_a" not in grid or not grid.rows.sizes["line"]:
        return []
    loading = _loading(grid)
    # Without a rating or a solution nobody knows whether there was an overload.
    known = np.isfinite(loading.percent).any()
    peaks = () if grid.tells(LINE_CURRENT, "max") else (grid,)
    overloaded = np.count_nonzero(loading.is_overloaded)
    kpis = [
        *of_means([_LOADING.total(np.fmax.reduce(loading.percent))], *peaks),
        *of_means([_OVERLOAD_TIME.total(loading.any_overload_s if known else np.nan)], grid),
        *of_means([_OVERLOADED.total(overloaded if known else np.nan)], *peaks),
    ]
    if loading.overload_kvah is not None:
        kpis += of_means([_OVERLOAD_ENERGY.total(loading.overload_kvah.sum())], grid)
    names = grid.names("line")
    for line in loading.most_loaded():
        highest = [
            _LOADING.part(loading.percent[line], names[line]),
            _CURRENT.part(loading.highest_a[line], names[line]),
        ]
        beyond = [_OVERLOAD_TIME.part(loading.overload_s[line], names[line])]
        if loading.overload_kvah is not None:
            beyond.append(_OVERLOAD_ENERGY.part(loading.overload_kvah[line], names[line]))
        kpis += of_means(highest, *peaks) + of_means(beyond, grid)
    return kpis


def transformer_kpis(grid: Recording) -> list[Kpi]:
    """Return the highest loading over the run, over all transformers and of each if several."""
    variable = grid.statistic(TRANSFORMER_LOADING, "max")
    highest = np.fmax.reduce(grid.values(variable), axis=0)
    if not highest.size:
        return []
    names = grid.names("transformer") if len(highest) > 1 else []
    kpis = [
        _TRANSFORMER.total(np.fmax.reduce(highest)),
        *(_TRANSFORMER.part(value, name) for name, value in zip(names, highest, strict=False)),
    ]
    return kpis if grid.tells(TRANSFORMER_LOADING, "max") else of_means(kpis, grid)


@dataclass(frozen=True, kw_only=True)
class _LineLoading:
    """What the lines carried over a run; all arrays are (line,)."""

    percent: FloatArray
    highest_a: FloatArray
    is_overloaded: NDArray[np.bool_]
    """Whether it ever is."""
    overload_s: FloatArray
    overload_kvah: FloatArray | None
    """None where the nominal voltages are not recorded."""
    any_overload_s: float
    """Time during which at least one line was overloaded."""

    def most_loaded(self) -> list[int]:
        """Return the positions of the lines worth listing, the most loaded first."""
        percent = np.nan_to_num(self.percent, nan=-np.inf)
        order = np.argsort(-percent, kind="stable")[:_LISTED_AT_MOST]
        return [int(line) for line in order if percent[line] >= _LISTED_FROM_PERCENT]


def _loading(grid: Recording) -> _LineLoading:
    rated_a = grid.values("line_rated_current_a")
    use = LineUse(rated_a, grid.step_s)
    for phase_current_a in grid.blocks(LINE_CURRENT.name):
        use.add(phase_current_a)
    highest_a = use.highest_a
    if grid.covers_several_steps and grid.tells(LINE_CURRENT, "max"):
        for current_a in grid.blocks(grid.statistic(LINE_CURRENT, "max")):
            highest_a = np.fmax(highest_a, np.fmax.reduce(current_a, axis=(0, 2)))
    nominal_kv = _nominal_voltage_kv(grid)
    return _LineLoading(
        percent=100.0 * highest_a / rated_a,
        highest_a=highest_a,
        is_overloaded=highest_a > rated_a,
        overload_s=use.overload_s,
        overload_kvah=None if nominal_kv is None else use.overload_kvah(nominal_kv),
        any_overload_s=use.any_overload_s,
    )


def _nominal_voltage_kv(grid: Recording) -> FloatArray | None:
    """Return the nominal voltage of each line, phase to phase, or None if unknown."""
    if "line_from_bus" not in grid or "bus_nominal_voltage_kv" not in grid:
        return None
    from_bus = grid.rows["line_from_bus"].to_numpy()
    nominal_kv: FloatArray = grid.values("bus_nominal_voltage_kv")[from_bus]
    return nominal_kv

"""Voltage at the connection points, against the scenario's own limits and EN 50160.

EN 50160 (Voltage characteristics of electricity supplied by public networks), low voltage,
normal operation: of the means over 10 min of each week, 95 % lie within 10 % of the nominal
voltage and all between -15 % and +10 %; 95 % of the means of the voltage unbalance are at most
2 %. Here a run stands for the week; one shorter than 10 min is judged by its mean.
"""

from dataclasses import replace

import numpy as np

from gridloom.scenarios.results.kpis.kpi import Indicator, Kpi
from gridloom.scenarios.results.kpis.supply_voltages import SupplyVoltages
from gridloom.scenarios.results.kpis.window_means import window_means
from gridloom.scenarios.results.recording import Recording
from gridloom.scenarios.results.wording import counted, span
from gridloom.simulators.model import FloatArray
from gridloom.simulators.signals import VOLTAGE_UNBALANCE

_WINDOW_S = 600
_SHARE_PERCENT = 95.0
_BAND_PU = (0.90, 1.10)
"""For 95 % of the means."""
_WIDE_BAND_PU = (0.85, 1.10)
"""For all means."""
_LOWEST = Indicator(
    name="voltage_min_pu", unit="1", group="Voltage", label="lowest voltage, pu", headline=True
)
_HIGHEST = Indicator(
    name="voltage_max_pu", unit="1", group="Voltage", label="highest voltage, pu", headline=True
)
_OUTSIDE_TIME = Indicator(
    name="voltage_outside_limits_percent",
    unit="percent",
    group="Voltage",
    label="time outside the scenario's limits, mean of all supply voltages",
)
_OUTSIDE_POINTS = Indicator(
    name="connection_points_outside_limits",
    unit="1",
    group="Voltage",
    label="connection points ever outside the scenario's limits",
    headline=True,
)
_WITHIN_BAND = Indicator(
    name="voltage_within_en50160_percent",
    unit="percent",
    group="Voltage",
    label="10-min means within 10 % of nominal, worst supply voltage (EN 50160: 95 %; {})",
)
_VIOLATIONS = Indicator(
    name="connection_points_violating_en50160",
    unit="1",
    group="Voltage",
    label="connection points violating EN 50160 ({})",
    headline=True,
)
_UNBALANCE = Indicator(
    name="voltage_unbalance_p95_percent",
    unit="percent",
    group="Voltage",
    label="95th percentile of 10-min unbalance, worst connection point (EN 50160: 2 %; {})",
)


def voltage_kpis(grid: Recording) -> list[Kpi]:
    """Return the indicators of the voltages that a grid's record allows."""
    kpis: list[Kpi] = []
    supply = SupplyVoltages.of(grid)
    if supply is not None:
        kpis += range_kpis(grid, supply)
        kpis += en50160_kpis(supply)
    if VOLTAGE_UNBALANCE.name in grid:
        kpis += unbalance_kpis(grid)
    return kpis


def range_kpis(grid: Recording, supply: SupplyVoltages) -> list[Kpi]:
    """Return extremes with their places, and what is outside the scenario's limits.

    The share of time is taken over all pairs of a solved step and a supply voltage.
    """
    low_pu, high_pu = _limits(grid)
    series = len(supply.point)
    lowest, highest = np.full(series, np.nan), np.full(series, np.nan)
    outside, solved = np.zeros(series), np.zeros(series)
    for voltage_pu in supply.blocks():
        lowest = np.fmin(lowest, np.fmin.reduce(voltage_pu, axis=0))
        highest = np.fmax(highest, np.fmax.reduce(voltage_pu, axis=0))
        outside += ((voltage_pu < low_pu) | (voltage_pu > high_pu)).sum(axis=0)
        solved += np.isfinite(voltage_pu).sum(axis=0)
    if not solved.any():
        return []
    at_lowest, at_highest = int(np.nanargmin(lowest)), int(np.nanargmax(highest))
    names = supply.point_names
    kpis = [
        _LOWEST.total(lowest[at_lowest]),
        _LOWEST.part(lowest[at_lowest], names[supply.point[at_lowest]]),
        _HIGHEST.total(highest[at_highest]),
        _HIGHEST.part(highest[at_highest], names[supply.point[at_highest]]),
    ]
    if np.isfinite([low_pu, high_pu]).all():
        kpis += [
            _OUTSIDE_TIME.total(100.0 * outside.sum() / solved.sum()),
            _OUTSIDE_POINTS.total(supply.points_with(outside > 0)),
        ]
    return kpis


def en50160_kpis(supply: SupplyVoltages) -> list[Kpi]:
    """Return how the supply voltages comply with EN 50160, see the module's docstring."""
    means_pu = window_means(supply.blocks(), supply.step_s, _WINDOW_S)
    known = np.isfinite(means_pu)
    judged = np.flatnonzero(known.any(axis=0))
    if not judged.size:
        return []
    within = (means_pu >= _BAND_PU[0]) & (means_pu <= _BAND_PU[1])
    beyond = (means_pu < _WIDE_BAND_PU[0]) | (means_pu > _WIDE_BAND_PU[1])
    share = np.full(len(supply.point), 100.0)
    share[judged] = 100.0 * within.sum(axis=0)[judged] / known.sum(axis=0)[judged]
    violating = (share < _SHARE_PERCENT) | beyond.any(axis=0)
    rows = sum(len(block) for block in supply.blocks())
    return [
        _judged_by(_WITHIN_BAND, means_pu, rows * supply.step_s).total(share.min()),
        _judged_by(_VIOLATIONS, means_pu, rows * supply.step_s).total(
            supply.points_with(violating)
        ),
    ]


def unbalance_kpis(grid: Recording) -> list[Kpi]:
    """Return the 95th percentile of the 10-min means of the voltage unbalance, worst point."""
    means = window_means(grid.blocks(VOLTAGE_UNBALANCE.name), grid.step_s, _WINDOW_S)
    judged = means[:, np.isfinite(means).any(axis=0)]
    if not judged.size:
        return []
    percentile = np.nanpercentile(judged, _SHARE_PERCENT, axis=0)
    seconds = grid.rows.sizes["time"] * grid.step_s
    return [_judged_by(_UNBALANCE, means, seconds).total(percentile.max())]


def _limits(grid: Recording) -> tuple[float, float]:
    """Return the scenario's limits, or NaN, with which nothing compares as outside."""
    names = ("voltage_limit_low_pu", "voltage_limit_high_pu")
    if any(name not in grid for name in names):
        return np.nan, np.nan
    low_pu, high_pu = (float(grid.values(name)) for name in names)
    return low_pu, high_pu


def _judged_by(indicator: Indicator, means: FloatArray, seconds: int) -> Indicator:
    """Complete a label with what the judgement rests on."""
    basis = counted(len(means), "mean") if seconds >= _WINDOW_S else f"only {span(seconds)}"
    return replace(indicator, label=indicator.label.format(basis))

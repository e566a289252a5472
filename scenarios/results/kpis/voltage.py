"""Voltage at the connection points, against the scenario's own limits and EN 50160.

EN 50160 (Voltage characteristics of electricity supplied by public networks), low voltage,
normal operation: of the means over 10 min of each week, 95 % lie within 10 % of the nominal
voltage and all between -15 % and +10 %; 95 % of the means of the voltage unbalance are at most
2 %. Here a run stands for the week; one shorter than 10 min is judged by its mean. Where 10 min are
no whole number of rows, the next longer time that is one takes their place.
"""

from dataclasses import dataclass, replace

import numpy as np

from gridloom.scenarios.results.kpis.kpi import Indicator, Kpi
from gridloom.scenarios.results.kpis.several_steps import of_means
from gridloom.scenarios.results.kpis.supply_voltages import SupplyVoltages
from gridloom.scenarios.results.kpis.window_means import window_means
from gridloom.scenarios.results.recording import Recording
from gridloom.scenarios.results.wording import counted, number, span
from gridloom.simulators.model import FloatArray
from gridloom.simulators.signals import VOLTAGE_UNBALANCE

_WINDOW_S = 600
_SECONDS_PER_MINUTE = 60
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
    label="{window} means within 10 % of nominal, worst supply voltage (EN 50160: 95 %; {})",
)
_VIOLATIONS = Indicator(
    name="connection_points_violating_en50160",
    unit="1",
    group="Voltage",
    label="connection points violating EN 50160 by {window} means ({})",
    headline=True,
)
_UNBALANCE = Indicator(
    name="voltage_unbalance_p95_percent",
    unit="percent",
    group="Voltage",
    label="95th percentile of {window} unbalance, worst connection point (EN 50160: 2 %; {})",
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

    The share of time is taken over all pairs of a solved step and a supply voltage. On rows of
    several steps, extremes are those of the steps where the record holds them, and the share of
    time is that of the means.
    """
    limits_pu = _limits(grid)
    found = _Range.of(supply, limits_pu)
    if not np.isfinite(found.lowest_pu).any():
        return []
    at_lowest = int(np.nanargmin(found.lowest_pu))
    at_highest = int(np.nanargmax(found.highest_pu))
    names = supply.point_names
    means = () if supply.has_extremes else (grid,)
    kpis = of_means(
        [
            _LOWEST.total(found.lowest_pu[at_lowest]),
            _LOWEST.part(found.lowest_pu[at_lowest], names[supply.point[at_lowest]]),
            _HIGHEST.total(found.highest_pu[at_highest]),
            _HIGHEST.part(found.highest_pu[at_highest], names[supply.point[at_highest]]),
        ],
        *means,
    )
    if np.isfinite(limits_pu).all():
        low_pu, high_pu = limits_pu
        ever = (found.lowest_pu < low_pu) | (found.highest_pu > high_pu)
        kpis += of_means([_OUTSIDE_TIME.total(found.outside_percent)], grid)
        kpis += of_means([_OUTSIDE_POINTS.total(supply.points_with(ever))], *means)
    return kpis


@dataclass(frozen=True, kw_only=True)
class _Range:
    """Between what the supply voltages were."""

    lowest_pu: FloatArray
    """(series,), NaN where never known."""
    highest_pu: FloatArray
    """(series,)"""
    outside_percent: float
    """Of all known values; NaN where there is none."""

    @classmethod
    def of(cls, supply: SupplyVoltages, limits_pu: tuple[float, float]) -> "_Range":
        low_pu, high_pu = limits_pu
        lowest_pu = np.full(len(supply.point), np.nan)
        highest_pu = lowest_pu
        outside, known = 0, 0
        for voltage_pu in supply.blocks():
            lowest_pu = np.fmin(lowest_pu, np.fmin.reduce(voltage_pu, axis=0))
            highest_pu = np.fmax(highest_pu, np.fmax.reduce(voltage_pu, axis=0))
            outside += int(((voltage_pu < low_pu) | (voltage_pu > high_pu)).sum())
            known += int(np.isfinite(voltage_pu).sum())
        if supply.grid.covers_several_steps:
            for voltage_pu in supply.blocks("min"):
                lowest_pu = np.fmin(lowest_pu, np.fmin.reduce(voltage_pu, axis=0))
            for voltage_pu in supply.blocks("max"):
                highest_pu = np.fmax(highest_pu, np.fmax.reduce(voltage_pu, axis=0))
        return cls(
            lowest_pu=lowest_pu,
            highest_pu=highest_pu,
            outside_percent=100.0 * outside / known if known else np.nan,
        )


def en50160_kpis(supply: SupplyVoltages) -> list[Kpi]:
    """Return how the supply voltages comply with EN 50160, see the module's docstring."""
    means_pu = window_means(supply.blocks(), supply.step_s, _window_s(supply.step_s))
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
        _judged_by(_WITHIN_BAND, means_pu, rows, supply.step_s).total(share.min()),
        _judged_by(_VIOLATIONS, means_pu, rows, supply.step_s).total(supply.points_with(violating)),
    ]


def unbalance_kpis(grid: Recording) -> list[Kpi]:
    """Return the 95th percentile of the 10-min means of the voltage unbalance, worst point."""
    window_s = _window_s(grid.step_s)
    means = window_means(grid.blocks(VOLTAGE_UNBALANCE.name), grid.step_s, window_s)
    judged = means[:, np.isfinite(means).any(axis=0)]
    if not judged.size:
        return []
    percentile = np.nanpercentile(judged, _SHARE_PERCENT, axis=0)
    rows = grid.rows.sizes["time"]
    return [_judged_by(_UNBALANCE, means, rows, grid.step_s).total(percentile.max())]


def _limits(grid: Recording) -> tuple[float, float]:
    """Return the scenario's limits, or NaN, with which nothing compares as outside."""
    names = ("voltage_limit_low_pu", "voltage_limit_high_pu")
    if any(name not in grid for name in names):
        return np.nan, np.nan
    low_pu, high_pu = (float(grid.values(name)) for name in names)
    return low_pu, high_pu


def _window_s(step_s: int) -> int:
    """Return the shortest whole number of rows that is 10 min or more."""
    return -(-_WINDOW_S // step_s) * step_s


def _judged_by(indicator: Indicator, means: FloatArray, rows: int, step_s: int) -> Indicator:
    """Complete a label with the length of the means, and with what the judgement rests on."""
    seconds = rows * step_s
    basis = counted(len(means), "mean") if seconds >= _WINDOW_S else f"only {span(seconds)}"
    minutes = number(_window_s(step_s) / _SECONDS_PER_MINUTE)
    return replace(indicator, label=indicator.label.format(basis, window=f"{minutes}-min"))

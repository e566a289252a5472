"""Loading of lines and transformers, losses, exchange with the external grid, unsolved steps."""

from dataclasses import dataclass, replace

import numpy as np

from gridloom.scenarios.results.kpis.kpi import Indicator, Kpi
from gridloom.scenarios.results.recording import Recording
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
        losses_kw = grid.values(LOSSES.name)
        energy_kwh = np.nansum(losses_kw) * grid.step_s / SECONDS_PER_HOUR
        kpis.append(_LOSSES.total(energy_kwh if np.isfinite(losses_kw).any() else np.nan))
    if SLACK_POWER.name in grid:
        power_kw = grid.values(SLACK_POWER.name)
        kpis += [
            _IMPORT.total(np.maximum(np.fmax.reduce(power_kw), 0.0)),
            _EXPORT.total(np.maximum(np.fmax.reduce(-power_kw), 0.0)),
        ]
    if UNSOLVED.name in grid:
        unsolved = _UNSOLVED.total(np.count_nonzero(grid.values(UNSOLVED.name)))
        # Nobody may take the other indicators for those of the whole run where this is not zero.
        kpis.append(replace(unsolved, headline=unsolved.value > 0))
    return kpis


def line_kpis(grid: Recording) -> list[Kpi]:
    """Return loading and overload of the lines: over all, and of the most loaded ones.

    - loading: highest current of any phase over the rated current;
    - overload duration: time with a current above the rating;
    - overload energy: sum (V / sqrt(3)) (I - I_rated) dt over the phases and the time in which
      their current I exceeds the rating, with the nominal voltage V between phases: apparent
      energy. A balanced current counts for three phases.

    Lines that never reach 80 % are not listed on their own, and at most ten are.
    """
    if "line_rated_current_a" not in grid or not grid.rows.sizes["line"]:
        return []
    loading = _accumulate(grid)
    # Without a rating or a solution nobody knows whether there was an overload.
    known = np.isfinite(loading.percent).any()
    kpis = [
        _LOADING.total(np.fmax.reduce(loading.percent)),
        _OVERLOAD_TIME.total(loading.any_overload_s if known else np.nan),
        _OVERLOADED.total(np.count_nonzero(loading.overload_s) if known else np.nan),
    ]
    if loading.overload_kvah is not None:
        kpis.append(_OVERLOAD_ENERGY.total(loading.overload_kvah.sum()))
    names = grid.names("line")
    for line in loading.most_loaded():
        kpis += [
            _LOADING.part(loading.percent[line], names[line]),
            _CURRENT.part(loading.highest_a[line], names[line]),
            _OVERLOAD_TIME.part(loading.overload_s[line], names[line]),
        ]
        if loading.overload_kvah is not None:
            kpis.append(_OVERLOAD_ENERGY.part(loading.overload_kvah[line], names[line]))
    return kpis


def transformer_kpis(grid: Recording) -> list[Kpi]:
    """Return the highest loading over the run, over all transformers and of each if several."""
    highest = np.fmax.reduce(grid.values(TRANSFORMER_LOADING.name), axis=0)
    if not highest.size:
        return []
    names = grid.names("transformer") if len(highest) > 1 else []
    return [
        _TRANSFORMER.total(np.fmax.reduce(highest)),
        *(_TRANSFORMER.part(value, name) for name, value in zip(names, highest, strict=False)),
    ]


@dataclass(frozen=True, kw_only=True)
class _LineLoading:
    """What the lines carried over a run; all arrays are (line,)."""

    percent: FloatArray
    highest_a: FloatArray
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


def _accumulate(grid: Recording) -> _LineLoading:
    rated_a = grid.values("line_rated_current_a")
    highest_a = np.full(len(rated_a), np.nan)
    overload_s = np.zeros(len(rated_a))
    excess_as = np.zeros(len(rated_a))
    any_overload_s = 0.0
    phases = grid.rows[LINE_CURRENT.name].shape[2]
    for phase_current_a in grid.blocks(LINE_CURRENT.name):
        # Balanced, one current stands for three phases.
        excess_a = np.fmax(phase_current_a - rated_a[:, None], 0.0).sum(axis=2) * (3 / phases)
        current_a = np.fmax.reduce(phase_current_a, axis=2)
        overloaded = excess_a > 0
        highest_a = np.fmax(highest_a, np.fmax.reduce(current_a, axis=0))
        overload_s += overloaded.sum(axis=0) * grid.step_s
        excess_as += excess_a.sum(axis=0) * grid.step_s
        any_overload_s += np.count_nonzero(overloaded.any(axis=1)) * grid.step_s
    nominal_kv = _nominal_voltage_kv(grid)
    return _LineLoading(
        percent=100.0 * highest_a / rated_a,
        highest_a=highest_a,
        overload_s=overload_s,
        overload_kvah=None
        if nominal_kv is None
        else nominal_kv / np.sqrt(3.0) * excess_as / SECONDS_PER_HOUR,
        any_overload_s=any_overload_s,
    )


def _nominal_voltage_kv(grid: Recording) -> FloatArray | None:
    """Return the nominal voltage of each line, phase to phase, or None if unknown."""
    if "line_from_bus" not in grid or "bus_nominal_voltage_kv" not in grid:
        return None
    from_bus = grid.rows["line_from_bus"].to_numpy()
    nominal_kv: FloatArray = grid.values("bus_nominal_voltage_kv")[from_bus]
    return nominal_kv

"""How DRivE negotiated, and whether the nets' limits were kept: planned, measured, paid for.

Source: Loureiro et al. (2019), DRivE; words after USEF: The Framework Explained (2021): the
D-prognosis is what an aggregator plans for a congestion point before the distribution system
operator (DSO) asks for anything, flexibility is by what the D-plan differs from it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gridloom.scenarios.results.kpis.kpi import Indicator, Kpi
from gridloom.scenarios.results.kpis.nets import PlannedNets
from gridloom.scenarios.results.kpis.rounds import round_kpis
from gridloom.simulators.model import FloatArray

_LISTED_FROM_PERCENT = 80.0
_LISTED_AT_MOST = 10
_MINUTES_PER_HOUR = 60.0
_EUR_PER_MWH_KWH = 1e-3
_NEGLIGIBLE_KW = 1e-6
"""Rounding of means, which is no overload."""
_NEGOTIATION, _CONGESTION = "Coordination", "Congestion"
_WORST_GAP = Indicator(
    name="certified_gap_max_percent",
    unit="percent",
    group=_NEGOTIATION,
    label="plan's distance from the optimum at most, worst negotiation",
)
_MEDIAN_GAP = Indicator(
    name="certified_gap_median_percent",
    unit="percent",
    group=_NEGOTIATION,
    label="plan's distance from the optimum at most, median",
)
_UNCERTIFIED = Indicator(
    name="negotiations_without_certificate",
    unit="1",
    group=_NEGOTIATION,
    label="negotiations that ended without a certificate",
)
_PLANNED_OVERLOAD = Indicator(
    name="planned_overload_max_kw",
    unit="kW",
    group=_CONGESTION,
    label="most by which a plan exceeds a limit",
)
_LOADING = Indicator(
    name="net_loading_max_percent",
    unit="percent",
    group=_CONGESTION,
    label="highest flow into or out of a net over its limit, 15 min mean",
    headline=True,
)
_FLOW = Indicator(
    name="net_power_max_kw",
    unit="kW",
    group=_CONGESTION,
    label="highest flow into or out of the net, 15 min mean",
)
_OVERLOAD = Indicator(
    name="net_overload_kwh",
    unit="kWh",
    group=_CONGESTION,
    label="energy beyond the nets' limits",
    headline=True,
)
_OVERLOAD_TIME = Indicator(
    name="net_overload_duration_min",
    unit="min",
    group=_CONGESTION,
    label="time with a net beyond its limit",
    headline=True,
)
_FLEXIBILITY = Indicator(
    name="flexibility_bought_kwh",
    unit="kWh",
    group=_CONGESTION,
    label="flexibility bought: relief of the prognosis where it exceeds a limit",
    headline=True,
)
_FLEXIBILITY_COST = Indicator(
    name="flexibility_bought_eur",
    unit="EUR",
    group=_CONGESTION,
    label="flexibility bought, at the congestion price",
    headline=True,
)
_PLANNING_ERROR = Indicator(
    name="planning_error_rms_kw",
    unit="kW",
    group=_CONGESTION,
    label="measured less planned net power, root mean square",
)


def negotiation_kpis(nets: PlannedNets) -> list[Kpi]:
    """Return how long the negotiations were, and how near to the optimum they ended.

    `certified_gap_..._percent`: (cost of the plan - dual bound) over its cost, see `Certificate`.
    """
    known = nets.certified_gap[np.isfinite(nets.certified_gap)]
    return [
        *round_kpis(nets.rounds),
        _WORST_GAP.total(100.0 * known.max() if known.size else np.nan),
        _MEDIAN_GAP.total(100.0 * float(np.median(known)) if known.size else np.nan),
        _UNCERTIFIED.total(len(nets.certified_gap) - known.size),
    ]


def congestion_kpis(nets: PlannedNets) -> list[Kpi]:
    """Return whether plans and devices kept the limits of nets, and what flexibility it took.

    - `planned_overload_max_kw`: by the plans, in any interval ahead;
    - `net_loading_max_percent`: highest |P| of an interval's mean over the limit;
    - `net_overload_kwh`: sum over intervals of max(|P| - limit, 0) dt, all nets; the time counts
      intervals in which any net was beyond its limit;
    - `flexibility_bought_...`: see `flexibility`; in total a kWh counts for each net it relieves;
    - `planning_error_rms_kw`: of all nets at the top together, and of listed nets.

    Powers are means over the negotiated intervals, 15 min by default. Nets that never reach 80 % of
    their limit, expected, planned or measured, are not listed on their own, and at most ten are.
    Without limits there is but the planning error; without the devices' powers, but what was
    planned; without a prognosis nobody knows what flexibility there was.
    """
    kpis: list[Kpi] = []
    if len(nets.limited):
        kpis.append(_PLANNED_OVERLOAD.total(nets.planned_overload_kw.max()))
        kpis += _flow_kpis(nets) if nets.is_measured else []
        kpis += _flexibility_kpis(nets) if np.isfinite(nets.prognosis_kw).any() else []
    return kpis + (_error_kpis(nets) if nets.is_measured else [])


@dataclass(frozen=True, kw_only=True)
class Flexibility:
    """What relieved the congestion points, and what it is worth; arrays are (net, interval)."""

    energy_kwh: FloatArray
    cost_eur: FloatArray
    """What the DSO pays."""


def flexibility(nets: PlannedNets) -> Flexibility:
    """Return the flexibility that the congestion service activated.

    Where the prognosis P' of a net exceeds its limit by import, the relief is max(P' - P, 0) with
    the plan P; by export, max(P - P', 0). It is paid the congestion price in that direction, which
    is positive at import. What changed between prognosis and plan because forecasts did is part of
    the relief: nobody could tell it apart.
    """
    beyond = np.abs(nets.prognosis_kw) > nets.limit_kw[:, np.newaxis]  # never where NaN
    sign = np.sign(np.where(beyond, nets.prognosis_kw, 0.0))
    relief_kw = np.where(beyond, np.maximum(sign * (nets.prognosis_kw - nets.planned_kw), 0.0), 0.0)
    price = np.maximum(sign * nets.congestion_price_eur_per_mwh, 0.0)
    energy_kwh = relief_kw * nets.hours
    return Flexibility(energy_kwh=energy_kwh, cost_eur=price * energy_kwh * _EUR_PER_MWH_KWH)


def overload_kw(nets: PlannedNets) -> FloatArray:
    """Return by how much the measured flow of each net exceeds its limit: (net, interval)."""
    beyond_kw = np.abs(nets.measured_kw) - nets.limit_kw[:, np.newaxis]
    return np.where(beyond_kw > _NEGLIGIBLE_KW, beyond_kw, 0.0)


def _flow_kpis(nets: PlannedNets) -> list[Kpi]:
    limited = nets.limited
    highest_kw = np.abs(nets.measured_kw).max(axis=1)
    loading_percent = 100.0 * highest_kw / nets.limit_kw
    beyond_kw = overload_kw(nets)
    beyond_kwh = beyond_kw @ nets.hours
    minutes = (beyond_kw > 0) @ nets.hours * _MINUTES_PER_HOUR
    any_minutes = float((beyond_kw > 0).any(axis=0) @ nets.hours) * _MINUTES_PER_HOUR
    return [
        _LOADING.total(loading_percent[limited].max()),
        _OVERLOAD.total(beyond_kwh.sum()),
        _OVERLOAD_TIME.total(any_minutes),
        *_parts(nets, _LOADING, loading_percent),
        *_parts(nets, _FLOW, highest_kw),
        *_parts(nets, _OVERLOAD, beyond_kwh),
        *_parts(nets, _OVERLOAD_TIME, minutes),
    ]


def _flexibility_kpis(nets: PlannedNets) -> list[Kpi]:
    bought = flexibility(nets)
    energy_kwh, cost_eur = bought.energy_kwh.sum(axis=1), bought.cost_eur.sum(axis=1)
    return [
        _FLEXIBILITY.total(energy_kwh.sum()),
        _FLEXIBILITY_COST.total(cost_eur.sum()),
        *_parts(nets, _FLEXIBILITY, energy_kwh),
        *_parts(nets, _FLEXIBILITY_COST, cost_eur),
    ]


def _error_kpis(nets: PlannedNets) -> list[Kpi]:
    error_kw, hours = nets.measured_kw - nets.planned_kw, nets.hours
    top_kw = error_kw[nets.tree.roots].sum(axis=0)
    return [
        _PLANNING_ERROR.total(_rms_kw(top_kw, hours)),
        *_parts(nets, _PLANNING_ERROR, np.array([_rms_kw(each, hours) for each in error_kw])),
    ]


def _parts(nets: PlannedNets, indicator: Indicator, values: FloatArray) -> list[Kpi]:
    """Return an indicator of each net that is worth telling of, from (net,)."""
    return [indicator.part(values[net], nets.tree.names[net]) for net in _listed(nets)]


def _listed(nets: PlannedNets) -> Sequence[int]:
    """Return the nets worth telling of one by one, the most loaded first."""
    return [
        net
        for net in nets.most_loaded(_LISTED_AT_MOST)
        if 100.0 * nets.highest_kw[net] >= _LISTED_FROM_PERCENT * nets.limit_kw[net]
    ]


def _rms_kw(error_kw: FloatArray, hours: FloatArray) -> float:
    return float(np.sqrt((error_kw**2) @ hours / hours.sum()))

"""The headline table: which numbers of the compared runs are set side by side, in which order."""

from collections.abc import Sequence
from math import isfinite, nan
from typing import TypeAlias

import numpy as np

from gridloom.scenarios.results.comparison.captured_saving import captured_measures
from gridloom.scenarios.results.comparison.compared_run import ComparedRun
from gridloom.scenarios.results.comparison.energy_adjusted import (
    AdjustedCosts,
    adjusted_cost_measures,
)
from gridloom.scenarios.results.comparison.measures import Measure
from gridloom.scenarios.results.session_ends import session_ends

_THROUGHPUT, _DECISIONS = "battery_throughput_kwh", "decisions_wall_time_s"
_ALWAYS, _DETAIL = True, False
"""Whether the terminal shows it as well."""
_Rows: TypeAlias = tuple[tuple[str, bool, str], ...]
"""Indicator, where it is shown, and a shorter label than its own or ''."""
_MARKET: _Rows = (
    ("imbalance_cost_eur", _ALWAYS, ""),
    ("shortage_cost_eur", _ALWAYS, ""),
    ("shortage_kwh", _DETAIL, ""),
    ("surplus_kwh", _DETAIL, ""),
)
_COSTS: _Rows = (
    ("operating_cost_eur", _ALWAYS, "operating cost"),
    ("day_ahead_cost_eur", _DETAIL, ""),
    ("generation_cost_eur", _DETAIL, ""),
    ("storage_wear_cost_eur", _DETAIL, ""),
)
_TARIFFS: _Rows = (
    ("tariff_cost_eur", _ALWAYS, ""),
    ("tariff_imported_kwh", _DETAIL, ""),
    ("tariff_exported_kwh", _DETAIL, ""),
)
_CONGESTION: _Rows = (
    ("net_loading_max_percent", _DETAIL, "highest flow over a net's limit, 15 min mean"),
    ("net_overload_kwh", _DETAIL, ""),
    ("net_overload_duration_min", _ALWAYS, ""),
    ("planned_overload_max_kw", _DETAIL, ""),
    ("flexibility_bought_kwh", _DETAIL, "flexibility bought"),
    ("flexibility_bought_eur", _ALWAYS, "flexibility bought, at the congestion price"),
    ("planning_error_rms_kw", _DETAIL, "measured less planned power, RMS"),
)
_LOCAL_MARKET: _Rows = (
    ("remaining_imbalance_percent", _ALWAYS, "expected imbalance that remains"),
    ("bonus_paid_eur", _ALWAYS, ""),
    ("bonus_received_eur", _DETAIL, ""),
    ("gain_eur", _DETAIL, "gain against the market"),
    ("locally_traded_kwh", _DETAIL, ""),
    ("mcu_balance_eur", _DETAIL, ""),
)
_GRID: _Rows = (
    ("line_loading_max_percent", _ALWAYS, ""),
    ("line_overload_duration_s", _ALWAYS, ""),
    ("line_overload_kvah", _ALWAYS, ""),
    ("transformer_loading_max_percent", _DETAIL, ""),
    ("losses_kwh", _ALWAYS, ""),
    ("unsolved_steps", _DETAIL, ""),
    ("voltage_min_pu", _ALWAYS, ""),
    ("voltage_max_pu", _ALWAYS, ""),
    ("connection_points_outside_limits", _ALWAYS, "points outside voltage limits"),
    ("connection_points_violating_en50160", _DETAIL, ""),
)
_VEHICLES: _Rows = (
    ("sessions_below_requirement", _ALWAYS, "vehicles below their requirement"),
    ("missing_energy_max_kwh", _DETAIL, ""),
    ("vehicle_energy_kwh", _DETAIL, ""),
    (_THROUGHPUT, _ALWAYS, ""),
)
_SERVICE: _Rows = (
    ("jobs_unfinished", _ALWAYS, ""),
    ("jobs_unfinished_kwh", _DETAIL, ""),
    ("too_cold_kelvin_hours", _ALWAYS, ""),
    ("too_warm_kelvin_hours", _ALWAYS, ""),
    ("buildings_outside_comfort", _DETAIL, ""),
    ("indoor_temperature_at_end_mean_c", _DETAIL, ""),
)
_ENERGY: _Rows = (
    ("self_consumption_percent", _DETAIL, ""),
    ("self_sufficiency_percent", _DETAIL, ""),
    ("district_import_peak_15min_kw", _DETAIL, ""),
    ("district_export_peak_15min_kw", _DETAIL, ""),
)
_COORDINATION: _Rows = (
    ("negotiation_rounds_mean", _ALWAYS, ""),
    ("negotiation_rounds_max", _DETAIL, ""),
    ("certified_gap_median_percent", _DETAIL, ""),
    ("certified_gap_max_percent", _ALWAYS, "distance from the optimum at most, worst negotiation"),
    ("negotiations_without_certificate", _DETAIL, ""),
    ("messages", _DETAIL, ""),
    ("messages_per_device_and_minute", _ALWAYS, "messages a controlled device"),
    ("message_bytes", _DETAIL, ""),
    ("message_bytes_per_device_and_minute", _DETAIL, "payload a controlled device"),
    ("solves", _DETAIL, ""),
    ("solves_not_optimal", _DETAIL, ""),
    ("solve_relative_gap_max", _DETAIL, ""),
    ("solve_wall_time_mean_s", _DETAIL, ""),
    ("solve_wall_time_max_s", _DETAIL, ""),
    ("plan_cosine_similarity", _ALWAYS, "plan's cosine similarity"),
    ("plan_worst_line_current_difference_a", _DETAIL, ""),
    ("plan_worst_voltage_difference_pu", _DETAIL, ""),
    ("plan_line_loading_max_percent", _DETAIL, "plan's highest line loading, AC"),
    ("plan_line_loading_simulated_max_percent", _DETAIL, "the same intervals, simulated"),
)
_COMPUTING: _Rows = (
    ("decision_wall_time_ms", _ALWAYS, ""),
    (_DECISIONS, _DETAIL, ""),
    ("solver_wall_time_s", _DETAIL, ""),
)
_STORAGE = "Vehicles and storage"
_GROUPS = {"Voltage": "Grid", "EV": _STORAGE, "Storage": _STORAGE}
"""Of the indicators' own groups, those that are one here."""


def headline_measures(
    runs: Sequence[ComparedRun], reference: ComparedRun, costs: AdjustedCosts | None
) -> list[Measure]:
    """Return the rows of the headline table; what no run has is left out."""
    measures = [
        *_indicators(runs, _COSTS),
        *captured_measures(runs),
        *_indicators(runs, _MARKET),
        *adjusted_cost_measures(costs),
        *_indicators(runs, _LOCAL_MARKET),
        *_indicators(runs, _TARIFFS),
        *_indicators(runs, _CONGESTION),
        *_indicators(runs, _GRID),
        *_indicators(runs, _VEHICLES),
        *_throughput_ratio(runs, reference),
        *_shortfall(runs),
        *_indicators(runs, _SERVICE),
        *_indicators(runs, _ENERGY),
        *_indicators(runs, _COORDINATION),
        *_computing_times(runs),
    ]
    # Gaps to bounds stay without any: who reads it shall know that they were not computed.
    return [measure for measure in measures if measure.known or measure.derived]


def _indicators(runs: Sequence[ComparedRun], rows: _Rows) -> list[Measure]:
    """Return a row for each indicator, or for each model that has one of its own."""
    models = dict.fromkeys(model for run in runs for model in run.models)
    found = []
    for name, headline, label in rows:
        for of in ("", *models):
            known = [run.kpis[name, of] for run in runs if (name, of) in run.kpis]
            if known:
                written = label or known[0].label
                found.append(
                    Measure(
                        name=name,
                        label=f"{written} ({of})" if of else written,
                        unit=known[0].unit,
                        values=tuple(run.value(name, of) for run in runs),
                        group=_GROUPS.get(known[0].group, known[0].group),
                        of=of,
                        headline=headline,
                    )
                )
    return found


def _computing_times(runs: Sequence[ComparedRun]) -> list[Measure]:
    """Return what decisions take; of a coordinator and its agents all together."""
    if all(len(run.controller_types) <= 1 for run in runs):
        return _indicators(runs, _COMPUTING)
    together = Measure(
        name=_DECISIONS,
        label="computing time of all decisions, all controllers",
        unit="s",
        values=tuple(run.total(_DECISIONS) for run in runs),
        group="Coordination",
        headline=True,
        derived=True,
    )
    return [*([together] if together.known else []), *_indicators(runs, _COMPUTING[2:])]


def _throughput_ratio(runs: Sequence[ComparedRun], reference: ComparedRun) -> list[Measure]:
    base_kwh = reference.total(_THROUGHPUT)
    values = tuple(
        100.0 * run.total(_THROUGHPUT) / base_kwh if base_kwh > 0 else nan for run in runs
    )
    if not any(isfinite(value) for value in values):
        return []
    return [
        Measure(
            name="battery_throughput_ratio_percent",
            label=f"energy charged plus discharged, in percent of {reference.label}",
            unit="percent",
            values=values,
            group=_STORAGE,
            derived=True,
        )
    ]


def _shortfall(runs: Sequence[ComparedRun]) -> list[Measure]:
    """Return by how much of its capacity the worst vehicle left below its requirement."""
    values = tuple(_worst_shortfall(run) for run in runs)
    if not any(isfinite(value) for value in values):
        return []
    return [
        Measure(
            name="state_of_charge_shortfall_max_percentage_points",
            label="charge missing at departure, worst",
            unit="percentage points",
            values=values,
            group=_STORAGE,
            headline=True,
            derived=True,
        )
    ]


def _worst_shortfall(run: ComparedRun) -> float:
    fleets = [session_ends(storage) for storage in run.parts.storages]
    missing = [
        100.0 * fleet.missing_kwh / fleet.capacity_kwh for fleet in fleets if fleet is not None
    ]
    return float(np.concatenate(missing).max(initial=0.0)) if missing else nan

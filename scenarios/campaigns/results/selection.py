"""Which indicators the report of a campaign is about."""

from collections.abc import Sequence

import numpy as np

from gridloom.scenarios.campaigns.results.columns import Column
from gridloom.scenarios.campaigns.results.values import CampaignValues
from gridloom.simulators.errors import Problem, ScenarioError, listing, nearest
from gridloom.simulators.model import FloatArray

_COSTS = ("operating_cost_eur", "tariff_cost_eur", "imbalance_cost_eur", "day_ahead_cost_eur")
_VIOLATIONS = (
    "net_overload_kwh",
    "line_overload_duration_s",
    "connection_points_violating_en50160",
    "connection_points_outside_limits",
    "line_loading_max_percent",
    "transformer_loading_max_percent",
    "missing_energy_kwh",
    "sessions_below_requirement",
    "too_cold_kelvin_hours",
)
"""What a low cost may be bought with, the most telling first."""
_MORE_IS_BETTER = frozenset(
    {
        "gain_eur",
        "locally_traded_kwh",
        "plan_cosine_similarity",
        "self_consumption_percent",
        "self_sufficiency_percent",
        "state_of_charge_at_departure_mean",
        "voltage_min_pu",
        "voltage_within_en50160_percent",
    }
)
_SAME = 1e-9
"""Relative difference that floats leave where nothing differs."""


def indicator_columns(values: CampaignValues, wanted: Sequence[str]) -> list[int]:
    """Return the columns that the report shows: those wanted, else headlines, costs first.

    Raises:
        ScenarioError: no run has one of those wanted.
    """
    if wanted:
        return [_column(values, name) for name in wanted]
    headlines = [place for place, column in enumerate(values.columns) if column.headline]
    return sorted(headlines, key=lambda place: _rank(values.columns[place]))


def trade_off_columns(
    values: CampaignValues, wanted: tuple[str, str] | None
) -> tuple[int, int] | None:
    """Return a cost and a violation that differ between runs, or those wanted, else None.

    Raises:
        ScenarioError: no run has one of those wanted.
    """
    if wanted is not None:
        return _column(values, wanted[0]), _column(values, wanted[1])
    places = {c.name: place for place, c in enumerate(values.columns) if varies(values, place)}
    cost = next((places[name] for name in _COSTS if name in places), None)
    violation = next((places[name] for name in _VIOLATIONS if name in places), None)
    return None if cost is None or violation is None else (cost, violation)


def cost_columns(values: CampaignValues, most: int) -> list[int]:
    """Return the headline costs that differ between runs."""
    costs = [
        place
        for place, column in enumerate(values.columns)
        if column.headline and column.unit == "EUR" and varies(values, place)
    ]
    return sorted(costs, key=lambda place: _rank(values.columns[place]))[:most]


def varies(values: CampaignValues, column: int) -> bool:
    """Whether an indicator differs between runs by more than rounding."""
    known = values.runs[np.isfinite(values.runs[:, column]), column]
    return bool(len(known) and np.ptp(known) > _SAME * np.abs(known).max())


def burden(column: Column, values: FloatArray) -> FloatArray:
    """Return an indicator so that less is better."""
    return -values if more_is_better(column) else values


def more_is_better(column: Column) -> bool:
    """Whether a run is the better the greater this is."""
    return column.name in _MORE_IS_BETTER


def _column(values: CampaignValues, wanted: str) -> int:
    headers = [column.header for column in values.columns]
    if wanted not in headers:
        raise ScenarioError(
            Problem(
                message=f"no complete run has an indicator '{wanted}'",
                expected=f"one of {listing(headers)}",
                suggestion=nearest(wanted, headers),
            )
        )
    return headers.index(wanted)


def _rank(column: Column) -> tuple[int, int]:
    """Order costs first, and leave the rest as it is."""
    if column.name in _COSTS:
        return 0, _COSTS.index(column.name)
    return (1, 0) if column.unit == "EUR" else (2, 0)

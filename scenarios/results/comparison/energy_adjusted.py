"""The energy-adjusted cost: what a scheme costs once all leave the same energy in the vehicles.

A scheme that sells what is in the vehicles at the end of the run looks cheap, but somebody has to
put it back. So the energy missing against the reference is paid for:

    J = c21 + price (E_reference - E)

with the imbalance cost c21 (eq. 21 of Zafar et al., ISGT Europe 2021), the energy E in the vehicles
at departure or the end of the run, and the mean of all imbalance prices unless another is given.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite, nan

import numpy as np

from gridloom.scenarios.results.comparison.bounds import CertifiedBounds, EnergyReference
from gridloom.scenarios.results.comparison.captured_saving import OPERATING_COST
from gridloom.scenarios.results.comparison.compared_run import ComparedRun
from gridloom.scenarios.results.comparison.measures import Measure

COST = "imbalance_cost_eur"
ADJUSTED_COST = "energy_adjusted_cost_eur"
GAP_CLOSED = "gap_closed_percent"
GAP_CLOSED_NO_SPECULATION = "gap_closed_no_speculation_percent"
_VEHICLE_ENERGY = "vehicle_energy_kwh"
_PRICES = ("imbalance_price_shortage_eur_per_mwh", "imbalance_price_surplus_eur_per_mwh")
_KWH_PER_MWH = 1000.0
_NEGLIGIBLE_EUR = 1e-9
_GROUP = "Market"


@dataclass(frozen=True, kw_only=True)
class AdjustedCosts:
    """J of every run, and what it can be at best."""

    reference: EnergyReference
    costs_eur: tuple[float, ...]
    """J, one a run."""
    reference_cost_eur: float
    bounds: CertifiedBounds | None

    def gap_closed_percent(self, bound_eur: float | None) -> tuple[float, ...]:
        """Return how much of the way from the reference to a bound each run goes.

        100 (J_reference - J) / (J_reference - J_bound); NaN where the reference is optimal.
        """
        room_eur = nan if bound_eur is None else self.reference_cost_eur - bound_eur
        if not room_eur > _NEGLIGIBLE_EUR:
            return (nan,) * len(self.costs_eur)
        return tuple(100.0 * (self.reference_cost_eur - cost) / room_eur for cost in self.costs_eur)

    def above(self, bound_eur: float | None) -> tuple[float, ...]:
        """Return by how much each run exceeds a bound, EUR."""
        return tuple(cost - (nan if bound_eur is None else bound_eur) for cost in self.costs_eur)


def mean_imbalance_price(run: ComparedRun) -> float:
    """Return the mean of all shortage and surplus prices that a run's markets have, else NaN."""
    prices = [
        market.values(name) for market in run.parts.markets for name in _PRICES if name in market
    ]
    return float(np.concatenate(prices).mean()) if prices else nan


def energy_reference(run: ComparedRun, price_eur_per_mwh: float | None) -> EnergyReference | None:
    """Return what J rests on, or None where there are no prices or no vehicles.

    Nor has J a meaning where the imbalance cost is but a part of the operating cost.

    Args:
        run: the reference.
        price_eur_per_mwh: value of stored energy; None for the mean of all imbalance prices.
    """
    price = mean_imbalance_price(run) if price_eur_per_mwh is None else price_eur_per_mwh
    energy_kwh = run.total(_VEHICLE_ENERGY)
    if (OPERATING_COST, "") in run.kpis:
        return None
    if not isfinite(price + energy_kwh + run.total(COST)):
        return None
    return EnergyReference(label=run.label, price_eur_per_mwh=price, vehicle_energy_kwh=energy_kwh)


def adjusted_costs(
    runs: Sequence[ComparedRun],
    reference: EnergyReference | None,
    bounds: CertifiedBounds | None,
) -> AdjustedCosts | None:
    """Return J of every run, or None where it has no meaning."""
    if reference is None:
        return None
    costs_eur = tuple(
        run.total(COST)
        + reference.price_eur_per_mwh
        / _KWH_PER_MWH
        * (reference.vehicle_energy_kwh - run.total(_VEHICLE_ENERGY))
        for run in runs
    )
    labels = [run.label for run in runs]
    return AdjustedCosts(
        reference=reference,
        costs_eur=costs_eur,
        reference_cost_eur=costs_eur[labels.index(reference.label)],
        bounds=bounds,
    )


def adjusted_cost_measures(costs: AdjustedCosts | None) -> list[Measure]:
    """Return J and its distance to the bounds as rows."""
    if costs is None:
        return []
    bound = costs.bounds
    lowest = bound.energy_adjusted_cost_eur if bound else None
    honest = bound.energy_adjusted_cost_no_speculation_eur if bound else None
    rows = (
        (ADJUSTED_COST, "energy-adjusted cost J", "EUR", costs.costs_eur, True),
        (
            "gap_to_bound_no_speculation_eur",
            "J above the bound without speculation",
            "EUR",
            costs.above(honest),
            False,
        ),
        (
            GAP_CLOSED_NO_SPECULATION,
            "gap closed, no speculation",
            "percent",
            costs.gap_closed_percent(honest),
            True,
        ),
        ("gap_to_bound_eur", "J above the certified bound", "EUR", costs.above(lowest), False),
        (
            GAP_CLOSED,
            "gap closed, speculation allowed",
            "percent",
            costs.gap_closed_percent(lowest),
            True,
        ),
    )
    return [
        Measure(
            name=name,
            label=label,
            unit=unit,
            values=values,
            group=_GROUP,
            headline=headline,
            derived=True,
        )
        for name, label, unit, values, headline in rows
    ]

"""What the energy-adjusted cost cannot fall below: the seam to whoever computes it.

A comparison takes either the bounds themselves or a function that computes them once the reference
is known; it shows how much of the way from the reference to the bound each scheme goes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, kw_only=True)
class EnergyReference:
    """What the energy-adjusted cost rests on: J = cost + price (reference energy - energy)."""

    label: str
    """The run that the others are compared with."""
    price_eur_per_mwh: float
    """Value of energy left in vehicles (lambda)."""
    vehicle_energy_kwh: float
    """Energy in the reference's vehicles, at departure or the end of the run."""


@dataclass(frozen=True, kw_only=True)
class CertifiedBounds:
    """Lower bounds of the energy-adjusted cost, proven for the very case that is compared.

    They must rest on the `EnergyReference` of the comparison.
    """

    energy_adjusted_cost_eur: float
    """No scheme costs less, not even one that knows prices and future and speculates on them."""
    energy_adjusted_cost_no_speculation_eur: float | None = None
    """The same if nobody may cause an imbalance on purpose; None where it is not known."""
    source: str = ""
    """How they were found, as in 'MILP (21), HiGHS, gap 0.01 %'."""


BoundsSource: TypeAlias = CertifiedBounds | Callable[[EnergyReference], CertifiedBounds | None]
"""The bounds, or what computes them; None where it cannot."""


def resolve_bounds(
    source: BoundsSource | None, reference: EnergyReference | None
) -> CertifiedBounds | None:
    """Return the bounds of a comparison, or None where there are none to be had."""
    if source is None or reference is None or isinstance(source, CertifiedBounds):
        return source if isinstance(source, CertifiedBounds) else None
    return source(reference)

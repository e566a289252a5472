"""Generation that may be curtailed: photovoltaic plants, wind turbines."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from gridloom.controllers.proximal.population import (
    BoolArray,
    IntArray,
    LeafTotals,
    Population,
    ProximalRequest,
)
from gridloom.simulators.model import FloatArray

_FAR = 1e30
"""kW for 1 EUR/kW: farther than any plant reaches, also for the smallest price."""


@dataclass(kw_only=True)
class Curtailable(Population):
    """-available_t <= p_t <= 0; each kWh less than available costs, up to a constant c p dt.

    The operator clips: p = clip(q + w (target - price/rho) - c dt w/rho, -available, 0).
    """

    available_kw: NDArray[np.float32] | FloatArray
    """(N, T), not negative."""
    cost_eur_per_kwh: FloatArray
    """(N,), of curtailment."""
    interval_h: float
    weight: FloatArray = field(default_factory=lambda: np.empty(0))

    def __post_init__(self) -> None:
        self.intervals = self.available_kw.shape[1]
        if len(self.weight) == 0:
            self.weight = np.ones(len(self.available_kw))

    @override
    def contract_cost_eur(self, profile_kw: FloatArray) -> FloatArray:
        kwh: FloatArray = profile_kw.sum(axis=1) * self.interval_h
        return self.cost_eur_per_kwh * kwh

    @override
    def _respond(
        self,
        request: ProximalRequest,
        leaf: IntArray,
        profile_kw: FloatArray,
        totals: LeafTotals,
        who: tuple[int, int, BoolArray],
    ) -> None:
        from gridloom.controllers.proximal.curtailable_kernel import respond

        rho = request.penalty_eur_per_kw2
        per_kw = self.cost_eur_per_kwh * self.interval_h
        if rho > 0.0:
            shift, last, aside = request.shift_kw, 1.0, per_kw * self.weight / rho
        else:  # all or nothing: farther than anything is available
            shift, last, aside = -request.price_eur_per_kw * _FAR, 0.0, per_kw * self.weight * _FAR
        respond(
            *who,
            leaf,
            shift,
            last,
            self.weight,
            np.stack((aside, per_kw)),
            self.available_kw,
            profile_kw,
            totals.power_kw,
            totals.cost_eur,
        )

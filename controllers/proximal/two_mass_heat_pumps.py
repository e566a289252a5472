"""Heat pumps in buildings of two temperatures, one of the air and one of the mass (2R2C)."""

from dataclasses import dataclass, field

import numpy as np
from typing_extensions import override

from gridloom.controllers.proximal.population import (
    BoolArray,
    IntArray,
    LeafTotals,
    Population,
    ProximalRequest,
)
from gridloom.simulators.model import FloatArray

_MEAN_GAP = 1e-10
"""Mean product of slack and multiplier beyond which an answer is none, costs scaled to 1."""
_RESIDUAL = 1e-8
"""Of limits in K, likewise."""


@dataclass(kw_only=True)
class TwoMassHeatPumps(Population):
    """0 <= p_t <= rated power, air at the ends of intervals within limits, no contracts.

    With x_t, air and mass, how much warmer they are than without heating:

        x_{t+1} = transition x_t + heating cop_t p_t,    x_0 = 0,
        lower_t <= first entry of x_{t+1} <= upper_t

    Limits out of reach are widened to what can be reached, see `reachable_kernel`; there, and where
    the limits are one, 1e-5 K more. With two states no chain of levels gives the answer as in
    `one_state`: it comes by interior points, see `interior_point_kernel`, to about 1e-10 of the
    costs at stake, also without penalty. That takes about 0.4 ms a device for a day of
    quarter-hours, a hundred times as long as with one state, always from scratch.
    """

    rated_power_kw: FloatArray
    """(N,), electrical."""
    transition: FloatArray
    """(N, 2, 2), of the temperatures over an interval."""
    heating_k_per_kw: FloatArray
    """(N, 2), of heat over an interval."""
    lower_k: FloatArray
    """(N, T), of the air at the ends of intervals, above what it is without heating."""
    upper_k: FloatArray
    """(N, T), likewise."""
    cop: FloatArray
    """(T,), heat per electrical power."""
    interval_h: float
    weight: FloatArray = field(default_factory=lambda: np.empty(0))

    def __post_init__(self) -> None:
        self.intervals = len(self.cop)
        if len(self.weight) == 0:
            self.weight = np.ones(len(self.rated_power_kw))
        self._dynamics = (
            np.ascontiguousarray(self.transition, dtype=np.float64),
            np.ascontiguousarray(self.heating_k_per_kw * self.rated_power_kw[:, np.newaxis]),
            np.ascontiguousarray(self.cop, dtype=np.float64),
        )
        self._widen()

    def _widen(self) -> None:
        """Give buildings that cannot keep their limits ones that they can."""
        from gridloom.controllers.proximal.reachable_kernel import widen_all

        shape = self.count, self.intervals
        self.lower_k = np.array(np.broadcast_to(self.lower_k, shape), dtype=np.float64)
        self.upper_k = np.array(np.broadcast_to(self.upper_k, shape), dtype=np.float64)
        widen_all(*self._dynamics, self.lower_k, self.upper_k)

    @override
    def _respond(
        self,
        request: ProximalRequest,
        leaf: IntArray,
        profile_kw: FloatArray,
        totals: LeafTotals,
        who: tuple[int, int, BoolArray],
    ) -> None:
        from gridloom.controllers.proximal.two_mass_kernel import respond

        penalised = request.penalty_eur_per_kw2 > 0.0
        asked = penalised, request.shift_kw if penalised else request.price_eur_per_kw
        scalars, limits = (self.rated_power_kw, self.weight), (self.lower_k, self.upper_k)
        missed = np.zeros((2, self.count))
        respond(
            *who, leaf, asked, scalars, self._dynamics, limits, missed, profile_kw, totals.power_kw
        )
        if not ((missed[0] <= _MEAN_GAP) & (missed[1] <= _RESIDUAL)).all():
            worst = int(missed.max(axis=0).argmax())
            raise ArithmeticError(
                f"heat pump {worst} found no answer: its building's numbers differ too much in size"
            )

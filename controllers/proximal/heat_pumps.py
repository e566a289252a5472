"""Heat pumps in buildings of one thermal resistance and one capacity (1R1C)."""

from dataclasses import dataclass, field
from typing import Any

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

_REMEMBERED = 64
"""Most tight points that are remembered of a building."""
_CHUNK = 4096
"""Buildings whose limits are looked at together."""
_SHORTEST = 1e-30
"""Least share of the first temperature in the last one: its inverse has to be a float32."""


@dataclass(kw_only=True)
class HeatPumps(Population):
    """0 <= p_t <= rated power, temperatures at the ends of intervals within limits, no contracts.

        theta_{t+1} = persistence theta_t + heating cop_t p_t + outdoor_share outdoor_t
                      + gain heat_gain_t

    Limits out of reach are widened to what can be reached: such buildings get their own rows. See
    `one_state` for the operator.
    """

    rated_power_kw: FloatArray
    """(N,), electrical."""
    persistence: FloatArray
    """(N,), in (0, 1]: share of a temperature difference that is left after an interval."""
    heating_k_per_kw: FloatArray
    """(N,), of heat over an interval."""
    outdoor_share: FloatArray
    """(N,), effect of the outdoor temperature over an interval."""
    gain_k_per_kw: FloatArray
    """(N,), of the heat gain over an interval."""
    initial_c: FloatArray
    """(N,)"""
    limits: IntArray
    """(N,), row of the limits."""
    lower_c: FloatArray
    """(K, T)"""
    upper_c: FloatArray
    """(K, T)"""
    outdoor_c: FloatArray
    """(T,)"""
    heat_gain_kw: FloatArray
    """(T,)"""
    cop: FloatArray
    """(T,), heat per electrical power."""
    interval_h: float
    weight: FloatArray = field(default_factory=lambda: np.empty(0))
    _points: NDArray[np.int16] = field(init=False, repr=False)
    _levels: NDArray[np.float32] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.intervals = len(self.cop)
        if len(self.weight) == 0:
            self.weight = np.ones(len(self.rated_power_kw))
        if (self.persistence**self.intervals < _SHORTEST).any():
            raise ValueError("a building's time constant is too short for so many intervals")
        self._relax()
        self._scalars = np.stack(
            (
                self.rated_power_kw,
                self.persistence,
                self.heating_k_per_kw,
                self.outdoor_share,
                self.gain_k_per_kw,
                self.initial_c,
                self.weight,
            )
        )
        self._weather = np.stack((self.outdoor_c, self.heat_gain_kw, self.cop))
        self.forget()

    @classmethod
    def from_building(
        cls,
        *,
        heat_loss_kw_per_k: FloatArray,
        heat_capacity_kwh_per_k: FloatArray,
        gain_share: FloatArray,
        interval_h: float,
        **rest: Any,
    ) -> "HeatPumps":
        """Return heat pumps in buildings with power constant over each interval, exactly.

        Args:
            heat_loss_kw_per_k: (N,), to the outside.
            heat_capacity_kwh_per_k: (N,)
            gain_share: (N,), of the heat gain that a building has.
            interval_h: length of intervals.
            rest: all other fields.
        """
        left = np.exp(-heat_loss_kw_per_k * interval_h / heat_capacity_kwh_per_k)
        per_kw = (1.0 - left) / heat_loss_kw_per_k
        return cls(
            persistence=left,
            heating_k_per_kw=per_kw,
            outdoor_share=1.0 - left,
            gain_k_per_kw=gain_share * per_kw,
            interval_h=interval_h,
            **rest,
        )

    def _relax(self) -> None:
        """Give buildings that cannot keep their limits own ones that they can."""
        self.limits = self.limits.astype(np.int64)
        lower, upper = [self.lower_c], [self.upper_c]
        count = len(self.lower_c)
        for begin in range(0, len(self.weight), _CHUNK):
            some = np.arange(begin, min(begin + _CHUNK, len(self.weight)))
            low, high = self._reachable(some)
            wider = (low < self.lower_c[self.limits[some]]) | (
                high > self.upper_c[self.limits[some]]
            )
            own = wider.any(axis=1)
            lower.append(low[own])
            upper.append(high[own])
            self.limits[some[own]] = count + np.arange(own.sum())
            count += int(own.sum())
        self.lower_c, self.upper_c = np.concatenate(lower), np.concatenate(upper)

    def _reachable(self, some: IntArray) -> tuple[FloatArray, FloatArray]:
        """Return limits that can be kept by some buildings, (buildings, T) each."""
        low, high = self.lower_c[self.limits[some]], self.upper_c[self.limits[some]]
        heat = self.heating_k_per_kw[some] * self.rated_power_kw[some]
        coldest = hottest = self.initial_c[some]
        for t in range(self.intervals):
            drift = self.outdoor_share[some] * self.outdoor_c[t]
            drift += self.gain_k_per_kw[some] * self.heat_gain_kw[t]
            coldest = self.persistence[some] * coldest + drift
            hottest = self.persistence[some] * hottest + drift + heat * self.cop[t]
            low[:, t] = np.minimum(low[:, t], hottest)
            high[:, t] = np.maximum(high[:, t], coldest)
            coldest, hottest = np.maximum(coldest, low[:, t]), np.minimum(hottest, high[:, t])
        return low, high

    @override
    def forget(self) -> None:
        self._points = np.zeros((self.count, _REMEMBERED), np.int16)
        self._levels = np.zeros((self.count, _REMEMBERED), np.float32)

    @override
    def _respond(
        self,
        request: ProximalRequest,
        leaf: IntArray,
        profile_kw: FloatArray,
        totals: LeafTotals,
        who: tuple[int, int, BoolArray],
    ) -> None:
        from gridloom.controllers.proximal import heat_pump_kernel as kernel

        what = self._scalars, (self.limits, self.lower_c, self.upper_c), self._weather
        if request.penalty_eur_per_kw2 > 0.0:
            memory, shift = (self._points, self._levels), request.shift_kw
            kernel.respond(*who, leaf, shift, *what, memory, profile_kw, totals.power_kw)
        else:
            price = request.price_eur_per_kw
            kernel.respond_cheapest(*who, leaf, price, *what, profile_kw, totals.power_kw)

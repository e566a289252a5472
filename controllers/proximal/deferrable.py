"""Loads that may wait: appliances, boilers, electric vehicles that only charge."""

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


@dataclass(kw_only=True)
class Deferrable(Population):
    """One job each: 0 <= p_t <= rated power between release and deadline, sum p dt = energy.

    The operator is water filling: p = clip(u + level, 0, ceiling), one level for all intervals, and
    without penalty the cheapest intervals, the earlier ones of equals. Contracts cost nothing.
    """

    rated_power_kw: FloatArray
    """(N,)"""
    energy_kwh: FloatArray
    """(N,); what cannot be reached is taken off."""
    release: FloatArray
    """(N,), in intervals from the start of the horizon: with 3.4, interval 3 offers 60 % of the
    rated power. Clipped to the horizon."""
    deadline: FloatArray
    """(N,), likewise."""
    intervals: int
    interval_h: float
    weight: FloatArray = field(default_factory=lambda: np.empty(0))

    def __post_init__(self) -> None:
        if len(self.weight) == 0:
            self.weight = np.ones(len(self.rated_power_kw))
        self.release = np.clip(self.release, 0.0, self.intervals).astype(float)
        self.deadline = np.clip(self.deadline, self.release, self.intervals).astype(float)
        reachable_kwh = self.rated_power_kw * (self.deadline - self.release) * self.interval_h
        self.energy_kwh = np.clip(self.energy_kwh, 0.0, reachable_kwh)
        self._window = np.stack((self.release, self.deadline))
        self.forget()

    @override
    def forget(self) -> None:
        self._level_kw, self._known = np.zeros(self.count), np.zeros(self.count, np.bool_)

    @override
    def _respond(
        self,
        request: ProximalRequest,
        leaf: IntArray,
        profile_kw: FloatArray,
        totals: LeafTotals,
        who: tuple[int, int, BoolArray],
    ) -> None:
        from gridloom.controllers.proximal import deferrable_kernel as kernel

        job = self.rated_power_kw, self.energy_kwh / self.interval_h, self._window
        known = self._known
        if request.penalty_eur_per_kw2 > 0.0:
            shift, start = request.shift_kw, (self.weight, self._level_kw)
            kernel.respond(*who, leaf, shift, *job, known, start, profile_kw, totals.power_kw)
        else:
            order = request.price_eur_per_kw.argsort(axis=1, kind="stable")
            kernel.respond_cheapest(*who, leaf, order, *job, known, profile_kw, totals.power_kw)

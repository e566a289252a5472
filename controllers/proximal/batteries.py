"""Batteries, and electric vehicles that may also discharge."""

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

_REMEMBERED = 24
"""Most tight points that are remembered of a battery."""


@dataclass(kw_only=True)
class Stays:
    """When batteries are connected, and what is asked of them at the end: M stays of N devices."""

    first: IntArray
    """(N + 1,), device d has the stays from first[d] to before first[d + 1], in time order."""
    begin: IntArray
    """(M,), first interval of each."""
    end: IntArray
    """(M,), interval after the last one."""
    required_kwh: FloatArray
    """(M,), to be stored at the end."""
    trip_kwh: FloatArray
    """(M,), drawn from the store afterwards."""

    @classmethod
    def always(cls, final_kwh: FloatArray, intervals: int) -> "Stays":
        """Return one stay each, all the time, with what is required at last, (N,)."""
        count = len(final_kwh)
        return cls(
            first=np.arange(count + 1),
            begin=np.zeros(count, np.int64),
            end=np.full(count, intervals),
            required_kwh=np.asarray(final_kwh, float),
            trip_kwh=np.zeros(count),
        )

    def check(self, intervals: int) -> None:
        """Refuse stays that overlap, run backwards, or leave the horizon."""
        inside = (self.begin >= 0) & (self.begin <= self.end) & (self.end <= intervals)
        if not inside.all():
            raise ValueError("stays must begin and end within the horizon")
        follows = np.ones(len(self.begin), np.bool_)
        follows[self.first[:-1][np.diff(self.first) > 0]] = False
        if (follows[1:] & (self.begin[1:] < self.end[:-1])).any():
            raise ValueError("stays of a device must not overlap and be in time order")


@dataclass(kw_only=True)
class Batteries(Population):
    """Stored energy between bounds; wear costs kappa |p| dt; hull of charging and discharging.

    What is required beyond reach is lowered to what can be reached by charging all the time, trips
    to what is stored then; `stays` and `initial_kwh` hold what is left. A requirement of a stay
    without intervals is one of the stay before. See `one_state` for the operator.
    """

    charge_kw: FloatArray
    """(N,), rated power."""
    discharge_kw: FloatArray
    """(N,), rated power, positive."""
    charge_efficiency: FloatArray
    """(N,), in (0, 1]."""
    discharge_efficiency: FloatArray
    """(N,), in (0, 1]."""
    lower_kwh: FloatArray
    """(N,)"""
    upper_kwh: FloatArray
    """(N,)"""
    initial_kwh: FloatArray
    """(N,), clipped to the bounds."""
    wear_eur_per_kwh: FloatArray
    """(N,), kappa, not negative."""
    stays: Stays
    intervals: int
    interval_h: float
    weight: FloatArray = field(default_factory=lambda: np.empty(0))
    _known: BoolArray = field(init=False, repr=False)
    _points: NDArray[np.int16] = field(init=False, repr=False)
    _levels: NDArray[np.float32] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if len(self.weight) == 0:
            self.weight = np.ones(len(self.charge_kw))
        self.stays.check(self.intervals)
        self._relax()
        stays = self.stays
        self._stays = (
            stays.first,
            np.stack((stays.begin, stays.end)),
            np.stack((stays.required_kwh, stays.trip_kwh)),
        )
        self._scalars = np.stack(
            (
                self.charge_kw,
                self.discharge_kw,
                self.charge_efficiency,
                self.discharge_efficiency,
                self.initial_kwh / self.interval_h,
                self.lower_kwh,
                self.upper_kwh,
                self.wear_eur_per_kwh * self.interval_h,
                self.weight,
            )
        )
        self.forget()

    def _relax(self) -> None:
        """Lower what is required to what can be reached, stay by stay of all devices."""
        asked = self.stays
        required, trip = asked.required_kwh.astype(float), asked.trip_kwh.astype(float)
        stored = np.clip(self.initial_kwh, self.lower_kwh, self.upper_kwh)
        empty = asked.begin == asked.end
        each = np.diff(asked.first)
        most = int(each.max(initial=0))
        for rank in range(most - 1, -1, -1):  # what is asked of empty stays
            device = np.flatnonzero(each > rank)
            stay = asked.first[device] + rank
            device, stay = device[empty[stay]], stay[empty[stay]]
            if rank:
                before = required[stay] + trip[stay - 1]
                required[stay - 1] = np.maximum(required[stay - 1], before)
                trip[stay - 1] += trip[stay]
            else:
                stored[device] = np.maximum(stored[device] - trip[stay], self.lower_kwh[device])
            required[stay], trip[stay] = self.lower_kwh[device], 0.0
        self.initial_kwh = stored.copy()
        gain_kwh = self.charge_kw * self.charge_efficiency * self.interval_h
        for rank in range(most):
            device = np.flatnonzero(each > rank)
            stay = asked.first[device] + rank
            low, length = self.lower_kwh[device], asked.end[stay] - asked.begin[stay]
            reach = np.minimum(stored[device] + length * gain_kwh[device], self.upper_kwh[device])
            required[stay] = np.minimum(np.maximum(required[stay], low + trip[stay]), reach)
            trip[stay] = np.minimum(trip[stay], required[stay] - low)
            stored[device] = reach - trip[stay]
        self.stays = Stays(
            first=asked.first,
            begin=asked.begin,
            end=asked.end,
            required_kwh=required,
            trip_kwh=trip,
        )

    @override
    def forget(self) -> None:
        self._known = np.zeros(self.count, np.bool_)
        self._points = np.zeros((self.count, _REMEMBERED), np.int16)
        self._levels = np.zeros((self.count, _REMEMBERED), np.float32)

    @override
    def contract_cost_eur(self, profile_kw: FloatArray) -> FloatArray:
        per_kw = self.wear_eur_per_kwh * self.interval_h
        cost_eur: FloatArray = per_kw * np.linalg.norm(profile_kw, ord=1, axis=1)
        return cost_eur

    @override
    def _respond(
        self,
        request: ProximalRequest,
        leaf: IntArray,
        profile_kw: FloatArray,
        totals: LeafTotals,
        who: tuple[int, int, BoolArray],
    ) -> None:
        from gridloom.controllers.proximal import battery_kernel as kernel

        sums = profile_kw, totals.power_kw, totals.cost_eur
        what = self.interval_h, self._scalars, self._stays
        rho = request.penalty_eur_per_kw2
        if rho > 0.0:
            memory = self._known, self._points, self._levels
            kernel.respond(*who, leaf, request.shift_kw, rho, *what, memory, *sums)
        else:
            price = request.price_eur_per_kw
            kernel.respond_cheapest(*who, leaf, price, *what, self._known, *sums)

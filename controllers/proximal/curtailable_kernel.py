"""Compiled: what generation answers that may be curtailed."""

import numpy as np
from numpy.typing import NDArray

from gridloom.controllers.proximal.compiled import compiled
from gridloom.controllers.proximal.population import BoolArray, IntArray
from gridloom.simulators.model import FloatArray


@compiled
def respond(
    begin: int,
    end: int,
    active: BoolArray,
    leaf: IntArray,
    shift: FloatArray,
    last: float,
    weight: FloatArray,
    per_kw: FloatArray,
    available: NDArray[np.floating],
    profile: FloatArray,
    total: FloatArray,
    cost: FloatArray,
) -> None:
    """Clip; see `Population.respond`.

    Args:
        begin: first device.
        end: after the last device.
        active: (N,), whether devices answer.
        leaf: (N,), see there.
        shift: (L, T), kW per unit of weight.
        last: factor of the last profile.
        weight: (N,)
        per_kw: (2, N), of cost: what it shifts the answer by, kW, and EUR/kW.
        available: (N, T), kW, of either precision.
        profile: (N, T), kW.
        total: (L, T), kW.
        cost: (L,), EUR.
    """
    intervals = profile.shape[1]
    for device in range(begin, end):
        net = leaf[device]
        row, top, pull, sums = profile[device], available[device], shift[net], total[net]
        paid = 0.0
        if active[device]:
            share, aside = weight[device], per_kw[0, device]
            for t in range(intervals):
                wish = last * row[t] + share * pull[t] - aside
                row[t] = min(max(wish, -float(top[t])), 0.0)
        for t in range(intervals):
            sums[t] += row[t]
            paid += row[t]
        cost[net] += paid * per_kw[1, device]

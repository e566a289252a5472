"""Compiled: what heat pumps of buildings with two temperatures answer."""

import numpy as np

from gridloom.controllers.proximal.compiled import compiled
from gridloom.controllers.proximal.interior_point_kernel import optimise
from gridloom.controllers.proximal.population import BoolArray, IntArray
from gridloom.simulators.model import FloatArray


@compiled
def _scaled(slope: FloatArray, least: float) -> float:
    """Bring slopes to 1 at most; return what they were divided by, which is at least ``least``."""
    scale = least
    for t in range(len(slope)):
        scale = max(scale, abs(slope[t]))
    if scale == 0.0:
        scale = 1.0
    for t in range(len(slope)):
        slope[t] /= scale
    return scale


@compiled
def respond(
    begin: int,
    end: int,
    active: BoolArray,
    leaf: IntArray,
    asked: tuple[bool, FloatArray],
    scalars: tuple[FloatArray, FloatArray],
    dynamics: tuple[FloatArray, FloatArray, FloatArray],
    limits: tuple[FloatArray, FloatArray],
    missed: FloatArray,
    profile: FloatArray,
    total: FloatArray,
) -> None:
    """Heat; see `Population.respond`.

    Args:
        begin: first device.
        end: after the last device.
        active: (N,), whether devices answer.
        leaf: (N,), see there.
        asked: whether there is a penalty; (L, T), then the shift in kW per unit of weight, else the
            price in EUR/kW.
        scalars: rated kW and weight, (N,) each.
        dynamics: transition, (N, 2, 2); K of air and mass for full power times its effect, (N, 2);
            effect, (T,).
        limits: lowest and highest temperature of the air above that without heating, (N, T) each.
        missed: (2, N), set for those that answer: what `optimise` returns of its gap
            and what it misses.
        profile: (N, T), kW.
        total: (L, T), kW.
    """
    intervals = profile.shape[1]
    penalised, wanted = asked
    rated, weight = scalars
    transition, heating, effect = dynamics
    slope, band = np.empty(intervals), np.empty((2, intervals))
    point = np.empty((8, intervals))
    for device in range(begin, end):
        net, most = leaf[device], rated[device]
        if active[device] and most > 0.0:
            for t in range(intervals):
                if penalised:
                    wish = profile[device, t] + weight[device] * wanted[net, t]
                    slope[t] = -wish / most
                else:
                    slope[t] = wanted[net, t]
            scale = _scaled(slope, 1.0 if penalised else 0.0)
            curvature = 1.0 / scale if penalised else 0.0
            band[0], band[1] = limits[0][device], limits[1][device]
            building = transition[device], heating[device], effect
            gap, residual, _ = optimise(building, (curvature, slope), band, point)
            missed[0, device], missed[1, device] = gap, residual
            for t in range(intervals):
                profile[device, t] = most * min(max(point[0, t], 0.0), 1.0)
        elif active[device]:
            profile[device] = 0.0
        for t in range(intervals):
            total[net, t] += profile[device, t]

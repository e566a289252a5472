"""Vehicles that come or leave within an interval.

A plan has one power an interval. If it were a vehicle's mean, twice as much would flow while the
vehicle is there for half of it, and limits would hold for means only. So a vehicle takes part in a
plan during the whole intervals of its stay. While it is there for part of an interval it is idle,
unless it would miss its requirement: then it charges as much as is missing, first on arrival. The
plan counts that energy, and as to the limits of the grid, that power for the whole interval.
"""

from dataclasses import dataclass, replace

import numpy as np

from gridloom.controllers.milp.stays import Stays
from gridloom.controllers.milp.window import Window
from gridloom.simulators.model import FloatArray
from gridloom.simulators.quantities import SECONDS_PER_HOUR


@dataclass(frozen=True, kw_only=True)
class PartialCharging:
    """What vehicles charge in intervals that they are there for in part."""

    power_kw: FloatArray
    """(charging_point, interval), while they are there."""
    mean_kw: FloatArray
    """(charging_point, interval), mean of the interval."""


def in_whole_intervals(stays: Stays, window: Window, places: int) -> tuple[Stays, PartialCharging]:
    """Cut stays to whole intervals of a window; return what is left, and what lies outside.

    Args:
        stays: with the energy at their beginning, or now for who is there already.
        window: the plan's time.
        places: number of charging points.
    """
    begin_s = np.maximum(stays.begin_s, float(window.now_s))
    end_s = np.maximum(np.minimum(stays.end_s, float(window.end_s)), begin_s)
    step_s = float(window.interval_s)
    from_s = np.minimum(np.ceil(begin_s / step_s) * step_s, end_s)
    to_s = np.maximum(np.floor(end_s / step_s) * step_s, from_s)
    full_kw = stays.charging_kw * stays.charge_efficiency
    spans = ((begin_s, from_s), (to_s, end_s))
    whole_kwh = full_kw * (to_s - from_s) / SECONDS_PER_HOUR
    missing_kwh = np.where(
        stays.end_s <= window.end_s, stays.required_kwh - stays.energy_kwh - whole_kwh, 0.0
    )
    power_kw, mean_kw = np.zeros((2, places, window.intervals))
    gains = []
    for begins, ends in spans:
        hours = (ends - begins) / SECONDS_PER_HOUR
        gain_kwh = np.clip(missing_kwh, 0.0, full_kw * hours)
        missing_kwh = missing_kwh - gain_kwh
        gains.append(gain_kwh)
        drawn_kwh = gain_kwh / stays.charge_efficiency
        charges = np.flatnonzero(gain_kwh > 0)
        at = stays.place[charges], ((begins[charges] - window.start_s) // step_s).astype(np.int64)
        np.maximum.at(power_kw, at, drawn_kwh[charges] / hours[charges])
        np.add.at(mean_kw, at, drawn_kwh[charges] / window.interval_h)
    left = replace(
        stays,
        begin_s=from_s,
        end_s=np.where(stays.end_s <= window.end_s, to_s, stays.end_s),
        energy_kwh=stays.energy_kwh + gains[0],
        required_kwh=stays.required_kwh - gains[1],
    )
    return left.where(to_s > from_s), PartialCharging(power_kw=power_kw, mean_kw=mean_kw)

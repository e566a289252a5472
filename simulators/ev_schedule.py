"""The day-ahead schedule of a fleet: uncoordinated charging of the sessions that are to come."""

import numpy as np

from gridloom.simulators.ev_sessions import SessionTable, whole_steps
from gridloom.simulators.model import FloatArray
from gridloom.simulators.quantities import SECONDS_PER_HOUR


def uncoordinated_schedule(
    sessions: SessionTable,
    *,
    charge_efficiency: float,
    step_s: int,
    interval_s: int,
    duration_s: int,
) -> FloatArray:
    """Return the mean power of charging at rated power from arrival to the required state.

    Args:
        sessions: the vehicles' stays.
        charge_efficiency: stored over drawn energy.
        step_s: vehicles take part in whole steps of this length.
        interval_s: length of the intervals over which power is averaged (eq. 25: 10 min).
        duration_s: the intervals cover the scenario up to here; the last may reach beyond.

    Returns:
        (interval,), kW, sum over all vehicles, load convention.
    """
    missing = np.maximum(sessions.required_state_of_charge - sessions.arrival_state_of_charge, 0.0)
    needed_kwh = missing * sessions.energy_capacity_kwh / charge_efficiency
    plugged_s, unplugged_s = whole_steps(sessions, step_s)
    begin_s = np.maximum(plugged_s, 0.0)
    full_s = begin_s + needed_kwh / sessions.rated_power_kw * SECONDS_PER_HOUR
    end_s = np.maximum(np.minimum(full_s, unplugged_s), begin_s)
    # Power is a staircase: up where a vehicle begins, down where it ends. Its integral is
    # piecewise linear, so that interpolation between the stairs is exact.
    stairs_s = np.concatenate([[0.0], begin_s, end_s])
    rise_kw = np.concatenate([[0.0], sessions.rated_power_kw, -sessions.rated_power_kw])
    order = np.argsort(stairs_s, kind="stable")
    stairs_s, power_kw = stairs_s[order], np.cumsum(rise_kw[order])
    energy_kws = np.concatenate([[0.0], np.cumsum(power_kw[:-1] * np.diff(stairs_s))])
    edges_s = np.arange(-(-duration_s // interval_s) + 1) * float(interval_s)
    mean_kw: FloatArray = np.diff(np.interp(edges_s, stairs_s, energy_kws)) / interval_s
    return mean_kw

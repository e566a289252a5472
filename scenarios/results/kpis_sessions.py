"""Whether vehicles left with the energy their drivers asked for."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gridloom.scenarios.results.kpi import Indicator, Kpi
from gridloom.scenarios.results.record_parts import Recording
from gridloom.simulators.model import FloatArray
from gridloom.simulators.signals import STATE_OF_CHARGE

_TOLERANCE_KWH = 0.02
"""Less is not counted as missing: a meter does not show it."""
_COLUMNS = (
    "charging_point",
    "arrival_s",
    "departure_s",
    "arrival_state_of_charge",
    "required_state_of_charge",
    "energy_capacity_kwh",
)
_DEPARTED = Indicator(
    name="sessions_departed", unit="1", group="EV", label="vehicles that departed"
)
_PLUGGED_IN = Indicator(
    name="sessions_plugged_in_at_end", unit="1", group="EV", label="vehicles still plugged in"
)
_BELOW = Indicator(
    name="sessions_below_requirement",
    unit="1",
    group="EV",
    label="vehicles that left below their requirement",
    headline=True,
)
_MISSING = Indicator(
    name="missing_energy_kwh",
    unit="kWh",
    group="EV",
    label="energy missing at departure",
    headline=True,
)
_WORST = Indicator(
    name="missing_energy_max_kwh",
    unit="kWh",
    group="EV",
    label="energy missing at departure, worst vehicle",
)
_MEAN = Indicator(
    name="state_of_charge_at_departure_mean",
    unit="1",
    group="EV",
    label="mean state of charge at departure",
)
_VEHICLE_ENERGY = Indicator(
    name="vehicle_energy_kwh",
    unit="kWh",
    group="EV",
    label="energy in the vehicles, at departure or the end of the run",
)


def session_kpis(fleet: Recording, of: str = "") -> list[Kpi]:
    """Return how many vehicles departed, and with how much less than required.

    The state of charge at departure is that at the end of the last whole step before it. Missing
    energy is (required - actual state of charge) times the energy capacity, if it exceeds
    0.02 kWh. Vehicles that depart after the end of the run are still plugged in and not judged.
    Runs are comparable only with the energy that is left in the vehicles, which is given too.
    """
    if any(f"session_{column}" not in fleet for column in _COLUMNS):
        return []
    sessions = _sessions(fleet)
    departed = sessions.departed
    missing_kwh = (sessions.required - sessions.state_of_charge) * sessions.capacity_kwh
    missing_kwh = np.where(departed & (missing_kwh > _TOLERANCE_KWH), missing_kwh, 0.0)
    mean = sessions.state_of_charge[departed].mean() if departed.any() else np.nan
    stored_kwh = sessions.state_of_charge * sessions.capacity_kwh
    return [
        _DEPARTED.total(np.count_nonzero(departed), of),
        _PLUGGED_IN.total(np.count_nonzero(~departed), of),
        _BELOW.total(np.count_nonzero(missing_kwh), of),
        _MISSING.total(missing_kwh.sum(), of),
        _WORST.total(missing_kwh.max(initial=0.0), of),
        _MEAN.total(mean, of),
        _VEHICLE_ENERGY.total(stored_kwh.sum(), of),
    ]


@dataclass(frozen=True, kw_only=True)
class _Sessions:
    """The sessions that began before the end of the run; all arrays are (session,)."""

    departed: NDArray[np.bool_]
    state_of_charge: FloatArray
    """At departure, or at the end of the run."""
    required: FloatArray
    capacity_kwh: FloatArray


def _sessions(fleet: Recording) -> _Sessions:
    charging_point, arrival_s, departure_s, at_arrival, required, capacity_kwh = (
        fleet.values(f"session_{column}") for column in _COLUMNS
    )
    end_s = fleet.rows.sizes["time"] * fleet.step_s
    last_row = np.minimum(departure_s, end_s) // fleet.step_s - 1
    # Who stays for less than a step may leave before any row tells of them
    has_row = (last_row >= 0) & ((last_row + 1) * fleet.step_s > arrival_s)
    state_of_charge = at_arrival.copy()
    state_of_charge[has_row] = _values_at(
        fleet, last_row[has_row].astype(np.intp), charging_point[has_row].astype(np.intp)
    )
    state_of_charge = np.where(np.isnan(state_of_charge), at_arrival, state_of_charge)
    begun = (arrival_s < end_s) & (departure_s > 0)
    return _Sessions(
        departed=(departure_s <= end_s)[begun],
        state_of_charge=state_of_charge[begun],
        required=required[begun],
        capacity_kwh=capacity_kwh[begun],
    )


def _values_at(fleet: Recording, rows: NDArray[np.intp], points: NDArray[np.intp]) -> FloatArray:
    """Return the state of charge of one point at one row each."""
    found = np.full(len(rows), np.nan)
    first = 0
    for state_of_charge in fleet.blocks(STATE_OF_CHARGE.name):
        here = (rows >= first) & (rows < first + len(state_of_charge))
        found[here] = state_of_charge[rows[here] - first, points[here]]
        first += len(state_of_charge)
    return found

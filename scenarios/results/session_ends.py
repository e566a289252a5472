"""With how much energy vehicles left: what the record tells of the ends of charging sessions."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gridloom.scenarios.results.recording import Recording
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


@dataclass(frozen=True, kw_only=True)
class SessionEnds:
    """The sessions that began before the end of the run; all arrays are (session,)."""

    departed: NDArray[np.bool_]
    """Whether the vehicle left within the run; otherwise it is still plugged in."""
    row: NDArray[np.intp]
    """Last row of the session."""
    state_of_charge: FloatArray
    """At departure, or at the end of the run."""
    required: FloatArray
    capacity_kwh: FloatArray
    is_exact: bool = True
    """False where rows that cover several steps hide a state at departure: another vehicle came
    within the same row, or the record lacks the last known state. An earlier one stands for it."""

    @property
    def missing_kwh(self) -> FloatArray:
        """(required - actual state of charge) times capacity of who departed, if over 0.02 kWh."""
        missing = (self.required - self.state_of_charge) * self.capacity_kwh
        return np.where(self.departed & (missing > _TOLERANCE_KWH), missing, 0.0)


def session_ends(fleet: Recording) -> SessionEnds | None:
    """Return how the sessions of a fleet ended, or None where nobody comes and goes.

    The state at departure is that at the end of the session's last whole step, or that at arrival
    for a session too short to have one.
    """
    if any(f"session_{column}" not in fleet for column in _COLUMNS):
        return None
    charging_point, arrival_s, departure_s, at_arrival, required, capacity_kwh = (
        fleet.values(f"session_{column}") for column in _COLUMNS
    )
    point = charging_point.astype(np.intp)
    end_s = fleet.rows.sizes["time"] * fleet.step_s
    step_s = fleet.model_step_s or fleet.step_s
    last_step_s = (np.minimum(departure_s, end_s) // step_s - 1) * step_s
    begun = (arrival_s < end_s) & (departure_s > 0)
    row = np.maximum(last_step_s // fleet.step_s, 0).astype(np.intp)
    hidden = _hidden(fleet, row, (departure_s < end_s) & begun, _next_arrival_s(point, arrival_s))
    row_known = np.where(hidden, row - 1, row)
    until_s = np.where(hidden, row * fleet.step_s, last_step_s + step_s)
    # Who stays for less than a step may leave before any row tells of them
    has_row = (until_s > 0) & (until_s > arrival_s)
    measured = _values_at(fleet, row_known, point)
    known = has_row & np.isfinite(measured)
    return SessionEnds(
        departed=(departure_s <= end_s)[begun],
        row=row[begun],
        state_of_charge=np.where(known, measured, at_arrival)[begun],
        required=required[begun],
        capacity_kwh=capacity_kwh[begun],
        is_exact=not hidden.any(),
    )


def _next_arrival_s(point: NDArray[np.intp], arrival_s: FloatArray) -> FloatArray:
    """Return when the next vehicle comes to the same charging point, infinite for the last one."""
    order = np.lexsort((arrival_s, point))
    here, following = order[:-1], order[1:]
    next_s = np.full(len(point), np.inf)
    next_s[here] = np.where(point[here] == point[following], arrival_s[following], np.inf)
    return next_s


def _hidden(
    fleet: Recording,
    row: NDArray[np.intp],
    departs: NDArray[np.bool_],
    next_arrival_s: FloatArray,
) -> NDArray[np.bool_]:
    """Return whose state at departure the last row does not tell, (session,)."""
    if not fleet.covers_several_steps:
        return np.zeros_like(departs)
    if not fleet.tells(STATE_OF_CHARGE, "last"):
        return departs
    return departs & (next_arrival_s < (row + 1) * fleet.step_s)


def _values_at(fleet: Recording, rows: NDArray[np.intp], points: NDArray[np.intp]) -> FloatArray:
    """Return the state of charge of one point at one row each."""
    found = np.full(len(rows), np.nan)
    first = 0
    for state_of_charge in fleet.blocks(fleet.statistic(STATE_OF_CHARGE, "last")):
        here = (rows >= first) & (rows < first + len(state_of_charge))
        found[here] = state_of_charge[rows[here] - first, points[here]]
        first += len(state_of_charge)
    return found

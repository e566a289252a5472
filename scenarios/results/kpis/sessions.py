"""Whether vehicles left with the energy their drivers asked for."""

import numpy as np

from gridloom.scenarios.results.kpis.kpi import Indicator, Kpi
from gridloom.scenarios.results.kpis.several_steps import of_values
from gridloom.scenarios.results.recording import Recording
from gridloom.scenarios.results.session_ends import session_ends

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
    Runs are comparable only with the energy that is left in the vehicles, which is given too. On
    rows of several steps all this is exact, unless a vehicle comes within the row in which another
    one left: then it is said to be of values at the ends of rows.
    """
    sessions = session_ends(fleet)
    if sessions is None:
        return []
    departed, missing_kwh = sessions.departed, sessions.missing_kwh
    mean = sessions.state_of_charge[departed].mean() if departed.any() else np.nan
    stored_kwh = sessions.state_of_charge * sessions.capacity_kwh
    counts = [
        _DEPARTED.total(np.count_nonzero(departed), of),
        _PLUGGED_IN.total(np.count_nonzero(~departed), of),
    ]
    kpis = [
        _BELOW.total(np.count_nonzero(missing_kwh), of),
        _MISSING.total(missing_kwh.sum(), of),
        _WORST.total(missing_kwh.max(initial=0.0), of),
        _MEAN.total(mean, of),
        _VEHICLE_ENERGY.total(stored_kwh.sum(), of),
    ]
    return counts + (kpis if sessions.is_exact else of_values(kpis, fleet))

"""By how much flexible agents stray from their day-ahead schedules, hour by hour.

Hours of the run count from 1, as in Fattaheian-Dehkordi et al., CIRED 2020: hour h is [h - 1, h).
"""

import numpy as np

from gridloom.scenarios.results.kpis.kpi import Indicator, Kpi
from gridloom.scenarios.results.kpis.negotiation import Negotiation, Party
from gridloom.simulators.model import FloatArray

_GROUP = "Rescheduling"
_RESCHEDULED = Indicator(
    name="rescheduled_power_kw",
    unit="kW",
    group=_GROUP,
    label="measured less scheduled day-ahead",
)
_MOST_UP = Indicator(
    name="rescheduled_up_max_kw", unit="kW", group=_GROUP, label="most above the schedule"
)
_MOST_UP_HOUR = Indicator(
    name="rescheduled_up_hour", unit="1", group=_GROUP, label="hour of the most above the schedule"
)
_MOST_DOWN = Indicator(
    name="rescheduled_down_max_kw", unit="kW", group=_GROUP, label="most below the schedule"
)
_MOST_DOWN_HOUR = Indicator(
    name="rescheduled_down_hour",
    unit="1",
    group=_GROUP,
    label="hour of the most below the schedule",
)


def rescheduling_kpis(negotiation: Negotiation) -> list[Kpi]:
    """Return the hourly means of each flexible party's deviation, and where they are largest.

    Load convention: more consumption, or less generation, is positive. An hour in which a party
    keeps to its schedule as a whole has no `..._hour`.
    """
    kpis: list[Kpi] = []
    for party in negotiation.parties:
        if party.is_flexible:
            power_kw = hourly_kw(negotiation, party)
            kpis += _extremes(power_kw, party.name)
            kpis += [
                _RESCHEDULED.part(value, f"{party.name} hour {hour}")
                for hour, value in enumerate(power_kw, start=1)
            ]
    return kpis


def hourly_kw(negotiation: Negotiation, party: Party) -> FloatArray:
    """Return a party's deviation, means over the hours of the run: (hour,)."""
    hour = negotiation.hour
    energy_kwh = np.bincount(hour, negotiation.deviation_kwh(party).sum(axis=1))
    hours = np.bincount(hour, negotiation.hours)
    # Intervals of more than an hour leave hours in which none begins: there the last one goes on.
    began = np.maximum.accumulate(np.where(hours > 0, np.arange(len(hours)), 0))
    power_kw: FloatArray = (energy_kwh / np.where(hours > 0, hours, 1.0))[began]
    return power_kw


def _extremes(power_kw: FloatArray, party: str) -> list[Kpi]:
    up, down = int(np.argmax(power_kw)), int(np.argmin(power_kw))
    return [
        _MOST_UP.part(max(0.0, power_kw[up]), party),
        _MOST_UP_HOUR.part(up + 1.0 if power_kw[up] > 0 else np.nan, party),
        _MOST_DOWN.part(max(0.0, -power_kw[down]), party),
        _MOST_DOWN_HOUR.part(down + 1.0 if power_kw[down] < 0 else np.nan, party),
    ]

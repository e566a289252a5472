"""The limits that vehicles' stays set to an agent, interval by interval."""

from dataclasses import replace

import numpy as np

from gridloom.controllers.milp.problem import Storages
from gridloom.controllers.milp.stays import Stays, StorageRows, StorageTerms, storages_of
from gridloom.controllers.milp.window import Window
from gridloom.simulators.ev_fleet import EvFleet
from gridloom.simulators.model import FloatArray
from gridloom.simulators.quantities import SECONDS_PER_HOUR


def owing(stays: Stays, end_s: int, planned_kwh: FloatArray) -> Stays:
    """Return stays that owe by ``end_s`` what was planned for then, where they reach beyond it.

    Args:
        stays: no two of which reach beyond it at one charging point.
        end_s: end of the time that is looked ahead.
        planned_kwh: (charging_point,), energy planned for ``end_s``.
    """
    later_h = (stays.end_s - end_s) / SECONDS_PER_HOUR
    could_gain_kwh = stays.charge_efficiency * stays.charging_kw * later_h
    reaches = (stays.begin_s < end_s) & (end_s < stays.end_s)
    owed_kwh = np.where(reaches, planned_kwh[stays.place] + could_gain_kwh, 0.0)
    return replace(stays, required_kwh=np.maximum(stays.required_kwh, owed_kwh))


def ahead(stays: Stays, fleet: EvFleet, window: Window) -> tuple[Storages, FloatArray]:
    """Return the limits of all charging points in a window, and how long vehicles are there.

    What is required at departure, or must be there at the end of the window so that it can still
    be reached, is a bound as far as charging at rated power reaches it.

    Returns:
        The limits; (charging_point, interval), hours.
    """
    points = len(fleet.elements)
    terms = StorageTerms(
        point=np.arange(points),
        limits=fleet.limits,
        tan_phi=fleet.tan_phi,
        reachable_at_end=True,
        wear_eur_per_kwh=0.0,
    )
    rows = StorageRows.one_a_place(stays, points)
    hours = np.zeros((points, window.intervals))
    np.add.at(hours, stays.place, stays.present_h(np.maximum(window.edges_s, window.now_s)))
    return storages_of(stays, rows, window, terms), hours

"""Whether deferrable loads did their jobs in time."""

import numpy as np
from numpy.typing import NDArray

from gridloom.scenarios.results.kpis.kpi import Indicator, Kpi
from gridloom.scenarios.results.recording import Recording
from gridloom.simulators.model import FloatArray
from gridloom.simulators.quantities import SECONDS_PER_HOUR
from gridloom.simulators.signals import POWER

_TOLERANCE_KWH = 0.001
"""Less is not counted as missing: a record may keep seven digits."""
_COLUMNS = ("appliance", "release_s", "deadline_s", "energy_kwh")
_GROUP = "Deferrable loads"
_DUE = Indicator(name="jobs_due", unit="1", group=_GROUP, label="jobs due within the run")
_UNFINISHED = Indicator(
    name="jobs_unfinished",
    unit="1",
    group=_GROUP,
    label="jobs not done by their deadlines",
    headline=True,
)
_MISSING = Indicator(
    name="jobs_unfinished_kwh", unit="kWh", group=_GROUP, label="energy missing at deadlines"
)


def job_kpis(device: Recording, of: str = "") -> list[Kpi]:
    """Return how many jobs were due within the run, and how many of them were not done.

    A job is done if its appliance drew its energy in the whole steps between its release and its
    deadline, but for 0.001 kWh. A record without jobs gives nothing. Where rows cover several steps
    and a job begins or ends within one, nobody can tell which were done.
    """
    if not has_jobs(device):
        return []
    appliance, release_s, deadline_s, energy_kwh = (
        device.values(f"job_{column}") for column in _COLUMNS
    )
    due = deadline_s <= device.rows.sizes["time"] * device.step_s
    within_s = np.concatenate([np.maximum(release_s[due], 0.0), deadline_s[due]]) % device.step_s
    if device.covers_several_steps and within_s.any():
        return [_DUE.total(np.count_nonzero(due), of)]
    first = np.ceil(np.maximum(release_s[due], 0.0) / device.step_s)
    stop = np.maximum(np.floor(deadline_s[due] / device.step_s), first)
    edges = np.stack([first, stop]).astype(np.intp)
    drawn_kwh = np.diff(_drawn_kwh(device, edges, appliance[due].astype(np.intp)), axis=0)[0]
    missing_kwh = energy_kwh[due] - drawn_kwh
    unfinished = missing_kwh > _TOLERANCE_KWH
    return [
        _DUE.total(np.count_nonzero(due), of),
        _UNFINISHED.total(np.count_nonzero(unfinished), of),
        _MISSING.total(missing_kwh[unfinished].sum(), of),
    ]


def has_jobs(device: Recording) -> bool:
    """Whether a device recorded jobs and the power that it drew for them."""
    return all(name in device for name in (POWER.name, *(f"job_{c}" for c in _COLUMNS)))


def _drawn_kwh(
    device: Recording, rows: NDArray[np.intp], appliances: NDArray[np.intp]
) -> FloatArray:
    """Return what appliances have drawn before rows begin.

    Args:
        device: with the power of each appliance.
        rows: (..., job), from 0 to the number of rows.
        appliances: (job,), one a job.

    Returns:
        (..., job).
    """
    hours = device.step_s / SECONDS_PER_HOUR
    found = np.zeros(rows.shape)
    total_kwh: FloatArray = np.zeros(1)
    begin = 0
    for power_kw in device.blocks(POWER.name):
        until_kwh = total_kwh + np.cumsum(np.nan_to_num(power_kw), axis=0) * hours
        here = (rows > begin) & (rows <= begin + len(power_kw))
        column = np.broadcast_to(appliances, rows.shape)[here]
        found[here] = until_kwh[rows[here] - begin - 1, column]
        total_kwh = until_kwh[-1]
        begin += len(power_kw)
    return found

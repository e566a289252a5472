"""How hard batteries worked, and how much of their health it cost."""

import numpy as np

from gridloom.scenarios.results.kpis.kpi import Indicator, Kpi
from gridloom.scenarios.results.kpis.several_steps import of_means, of_values
from gridloom.scenarios.results.record.statistics import NETTED_POWER
from gridloom.scenarios.results.recording import Recording
from gridloom.simulators.quantities import SECONDS_PER_HOUR
from gridloom.simulators.signals import POWER, STATE_OF_HEALTH

_THROUGHPUT = Indicator(
    name="battery_throughput_kwh",
    unit="kWh",
    group="Storage",
    label="energy charged plus discharged",
)
_DISCHARGED = Indicator(
    name="battery_discharged_kwh", unit="kWh", group="Storage", label="energy discharged"
)
_CYCLES = Indicator(
    name="equivalent_full_cycles",
    unit="1",
    group="Storage",
    label="equivalent full cycles, mean of all batteries",
)
_AGEING = Indicator(
    name="state_of_health_lost_percent",
    unit="percent",
    group="Storage",
    label="state of health lost, mean of all batteries",
)


def storage_kpis(storage: Recording, of: str = "") -> list[Kpi]:
    """Return throughput, cycles and ageing.

    - throughput: sum |P| dt, measured at the connection points;
    - equivalent full cycles: throughput over twice the energy capacity of all batteries (of a
      fleet: one a session);
    - ageing: the first recorded state of health less the last, mean of the batteries. A charging
      point counts for the vehicles that use it.

    Of rows of several steps, throughput is that of the means unless the record tells what these
    hide, and the first recorded state of health is that at the end of the first row.
    """
    kpis: list[Kpi] = []
    if POWER.name in storage:
        power_kws, discharge_kws = 0.0, 0.0
        for power_kw in storage.blocks(POWER.name):
            power_kws += float(np.nansum(np.abs(power_kw)))
            discharge_kws += float(np.nansum(np.maximum(-power_kw, 0.0)))
        for netted_kw in storage.blocks(NETTED_POWER) if NETTED_POWER in storage else ():
            power_kws += 2.0 * float(np.nansum(netted_kw))
            discharge_kws += float(np.nansum(netted_kw))
        throughput_kwh = power_kws * storage.step_s / SECONDS_PER_HOUR
        kpis += [
            _THROUGHPUT.total(throughput_kwh, of),
            _DISCHARGED.total(discharge_kws * storage.step_s / SECONDS_PER_HOUR, of),
        ]
        capacity_kwh = _energy_capacity_kwh(storage)
        if capacity_kwh > 0:
            kpis.append(_CYCLES.total(throughput_kwh / (2.0 * capacity_kwh), of))
        kpis = kpis if storage.tells_both_ways else of_means(kpis, storage)
    if STATE_OF_HEALTH.name in storage:
        health = storage.rows[STATE_OF_HEALTH.name]
        lost = health.isel(time=0).to_numpy() - health.isel(time=-1).to_numpy()
        if np.isfinite(lost).any():
            kpis += of_values([_AGEING.total(100.0 * np.nanmean(lost), of)], storage)
    return kpis


def _energy_capacity_kwh(storage: Recording) -> float:
    """Return the energy capacity of all batteries together, 0 if unknown."""
    for name in ("session_energy_capacity_kwh", "energy_capacity_kwh"):
        if name in storage:
            return float(storage.values(name).sum())
    return 0.0
